//! Ending a connection from outside of the task that serves it.

use std::sync::OnceLock;

use tokio::sync::Notify;

/// Whether and why a connection shall end. The first reason counts.
#[derive(Debug, Default)]
pub(crate) struct Dismissal {
    word: OnceLock<Dismissed>,
    told: Notify,
}

/// Why a connection shall end.
#[derive(Debug)]
pub(crate) struct Dismissed {
    /// What its end is counted under: one of a small set of words.
    pub(crate) reason: &'static str,
    /// What the miner is told.
    pub(crate) message: String,
}

impl Dismissal {
    /// Has the connection answer what is under way, say why, and close. Returns at once.
    pub(crate) fn dismiss(&self, reason: &'static str, message: String) {
        if self.word.set(Dismissed { reason, message }).is_ok() {
            // The connection's task is the only one that waits; a permit is kept for it.
            self.told.notify_one();
        }
    }

    /// Waits until the connection shall end. Nothing is lost when it is not waited for to the end.
    pub(crate) async fn wait(&self) -> &Dismissed {
        loop {
            if let Some(word) = self.word.get() {
                return word;
            }
            self.told.notified().await;
        }
    }
}
