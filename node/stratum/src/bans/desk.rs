//! The part of the bans that speaks with the cluster: proposing this node's, following all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use raftpool_ledger::Outcome;
use raftpool_ledger::bans::BANS_MAX;
use raftpool_ledger::cluster::{self, ReadError};
use raftpool_ledger::command::BanWorker;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::view::{Ban, LedgerView};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Bans, WORKER, as_banned};
use crate::proposing::Proposer;
use crate::standing::{Banned, Standing};

/// How long a ban is proposed before it stays this node's alone.
const PROPOSE_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at what the ledger says of bans.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);

/// Proposes bans and follows the ledger's.
pub(crate) struct BanDesk {
    bans: Arc<Bans>,
    proposer: Proposer,
    queue: mpsc::Receiver<Arc<Standing>>,
}

impl BanDesk {
    pub(super) fn new(
        bans: Arc<Bans>,
        proposer: Proposer,
        queue: mpsc::Receiver<Arc<Standing>>,
    ) -> Self {
        Self {
            bans,
            proposer,
            queue,
        }
    }

    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let Self {
            bans,
            proposer,
            queue,
        } = self;
        let must_look = AtomicBool::new(true);
        tokio::select! {
            () = stop.cancelled() => {}
            () = follow(&bans, &proposer, &must_look) => {}
            () = propose(&proposer, queue, &must_look) => {}
        }
    }
}

async fn propose(
    proposer: &Proposer,
    mut queue: mpsc::Receiver<Arc<Standing>>,
    must_look: &AtomicBool,
) {
    while let Some(standing) = queue.recv().await {
        // It may have been lifted while it waited.
        let Some(banned) = standing.banned() else {
            continue;
        };
        let (miner, worker) = (&*standing.address, &*standing.worker);
        let command = proposer.command(Body::BanWorker(BanWorker {
            miner: miner.to_owned(),
            worker: worker.to_owned(),
            reason: banned.reason.to_string(),
            until_ms: banned.until_ms,
        }));
        let deadline = Instant::now() + PROPOSE_PATIENCE;
        match proposer.propose(&command, Some(deadline)).await {
            Ok(Outcome::WorkerBanned) => {
                tracing::debug!(miner, worker, "all nodes know of the ban");
                match changed_index(proposer) {
                    Ok(index) => standing.note_stored(index),
                    Err(error) => tell(&error),
                }
                // It may have been lifted before this node noted that it was stored.
                must_look.store(true, Ordering::Relaxed);
            }
            Ok(outcome) => tracing::warn!(
                miner,
                worker,
                ?outcome,
                "the ledger refused a ban, which is this node's alone"
            ),
            Err(undecided) => tracing::warn!(
                miner,
                worker,
                ?undecided,
                "no quorum for a ban, which is this node's alone"
            ),
        }
    }
}

/// Looks at the ledger's bans whenever they have changed.
async fn follow(bans: &Bans, proposer: &Proposer, must_look: &AtomicBool) {
    let mut interval = tokio::time::interval(FOLLOW_INTERVAL);
    let mut seen = 0;
    loop {
        interval.tick().await;
        let must_look = must_look.swap(false, Ordering::Relaxed);
        match read(bans, proposer, seen, must_look) {
            Ok(None) => {}
            Ok(Some((changed, in_ledger))) => {
                seen = changed;
                bans.follow(in_ledger, changed);
            }
            Err(error) => tell(&error),
        }
    }
}

/// The ledger's bans, when they have changed since `seen` or must be looked at anyway.
fn read(
    bans: &Bans,
    proposer: &Proposer,
    seen: u64,
    must_look: bool,
) -> Result<Option<(u64, Vec<Ban>)>, ReadError> {
    let now_ms = bans.now_ms();
    cluster::read(&*proposer.cluster, |state| {
        let view = LedgerView::new(state);
        let changed = view.bans_changed_index()?;
        if changed == seen && !must_look {
            return Ok(None);
        }
        let all = usize::try_from(BANS_MAX).unwrap_or(usize::MAX);
        Ok(Some((changed, view.bans(None, all, now_ms)?)))
    })
}

fn changed_index(proposer: &Proposer) -> Result<u64, ReadError> {
    cluster::read(&*proposer.cluster, |state| {
        LedgerView::new(state).bans_changed_index()
    })
}

fn tell(error: &ReadError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "read the bans of the ledger"
    );
}

impl Bans {
    /// Takes over what the ledger, last changed at `index`, says of bans.
    fn follow(&self, in_ledger: Vec<Ban>, index: u64) {
        let now_ms = self.now_ms();
        let key = |ban: &Ban| (ban.miner.clone(), ban.worker.clone());
        let in_ledger: HashMap<_, _> = in_ledger.into_iter().map(|ban| (key(&ban), ban)).collect();
        for standing in self.standings.all() {
            let key = (standing.address.to_string(), standing.worker.to_string());
            if let Some(ban) = in_ledger.get(&key) {
                standing.replace_ban(Some(as_banned(ban.clone())));
                continue;
            }
            let is_stored =
                |banned: &Banned| banned.stored_at.is_some_and(|stored| stored <= index);
            if let Some(banned) = standing.banned().filter(is_stored) {
                standing.replace_ban(None);
                if banned.until_ms > now_ms {
                    self.metrics
                        .abuse
                        .bans_lifted
                        .with_label_values(&[WORKER])
                        .inc();
                }
            }
        }
    }
}
