//! What one dialect of miners has to say for itself, so that everything else about a connection
//! (timers, difficulty, draining, counting) is done once for all of them.

use std::future::Future;
use std::io;
use std::sync::Arc;

use crate::jobs::Job;
use crate::miner::Answer;
use crate::pool::Pool;

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Continue,
    /// What was written is the last word.
    Close(&'static str),
}

/// A miner's socket and the language spoken over it. Writing collects; only `flush` and `close`
/// wait for the miner.
pub(crate) trait Dialect: Send {
    /// What one read brings, the end of the connection included.
    type Input: Send;

    /// Whether the miner said all that it needs for getting jobs.
    fn is_ready(&self) -> bool;

    /// Whether the miner waits for a job although there is no new one.
    fn needs_job(&self) -> bool {
        false
    }

    /// Waits for the next input. Nothing is lost when it is not waited for to the end.
    fn read(&mut self) -> impl Future<Output = Self::Input> + Send;

    /// Does what the input asks for.
    fn take(&mut self, input: Self::Input, pool: &Pool) -> Next;

    /// Writes the answer to a share.
    fn answer(&mut self, answer: Answer);

    /// Writes a job.
    fn job(&mut self, job: &Arc<Job>, pool: &Pool);

    /// Writes something the miner's software reacts to, or at least takes as a sign of life.
    fn ping(&mut self);

    /// Writes why the connection is going to be closed.
    fn last_word(&mut self, message: &str);

    /// Sends what was written.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Closes the connection from this side; `reason` is the word its end is counted under.
    fn close(&mut self, reason: &'static str) -> impl Future<Output = ()> + Send;
}
