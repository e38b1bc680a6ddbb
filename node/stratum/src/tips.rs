//! When the tips of the jobs were made, which bounds the timestamps that miners may write.
//!
//! A template does not say it, so a daemon is asked once for each new set of tips. As long as none
//! has answered, the first template's own timestamp is the bound, which is never too low.

use std::sync::Arc;

use raftpool_chain::{Daemon, Hash};
use tokio_util::sync::CancellationToken;

use crate::jobs::{Job, JobBoard};

/// Follows the newest job until it is cancelled. One question at a time: while a daemon is slow,
/// tips are skipped.
pub(crate) async fn follow(
    board: Arc<JobBoard>,
    daemons: Arc<dyn Daemon>,
    stop: CancellationToken,
) {
    let mut jobs = board.subscribe();
    let mut asked: Vec<Hash> = Vec::new();
    loop {
        let job = jobs.borrow_and_update().clone();
        if let Some(job) = job.filter(|job| job.template.header.tips != asked) {
            asked.clone_from(&job.template.header.tips);
            tokio::select! {
                () = stop.cancelled() => return,
                () = ask(&job, &*daemons) => {}
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = jobs.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

async fn ask(job: &Job, daemons: &dyn Daemon) {
    let mut latest_ms = None;
    for tip in &job.template.header.tips {
        match daemons.block(*tip).await {
            Ok(Some(block)) => latest_ms = latest_ms.max(Some(block.timestamp_ms)),
            answer => {
                let error = answer
                    .as_ref()
                    .err()
                    .map(|error| error as &dyn std::error::Error);
                tracing::debug!(job = job.number, %tip, error, "no daemon knows when a tip was made");
                return;
            }
        }
    }
    if let Some(latest_ms) = latest_ms {
        job.note_tips(latest_ms);
    }
}
