//! Connections whose token has ended: after a change of tokens every connection is looked at
//! again, and whoever would not be let in any more is told so and closed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use raftpool_ledger::cluster;
use raftpool_ledger::view::{LedgerView, TokenProblem};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::miner::Miner;

/// How often it is asked whether tokens changed.
const CHANGE_INTERVAL: Duration = Duration::from_millis(500);
/// How often every connection is looked at anyway: tokens end by themselves, and a connection may
/// have been authorized just before a change and become one just after.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Counted under this word when a connection ends.
const REASON: &str = "token";

/// Closes connections whose token has ended, until the server drains.
pub(super) async fn watch(shared: Arc<Shared>, drain: CancellationToken) {
    let mut interval = tokio::time::interval(CHANGE_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known_index = None;
    let mut next_look = Instant::now();
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            _ = interval.tick() => {}
        }
        // A ledger that cannot be read stops the node elsewhere, and changes nothing here.
        let Some(index) = changed_index(&shared) else {
            continue;
        };
        if known_index == Some(index) && Instant::now() < next_look {
            continue;
        }
        let looking = shared.clone();
        let looked = tokio::task::spawn_blocking(move || look(&looking, index));
        if let Err(error) = looked.await {
            tracing::error!(%error, "looking for ended tokens failed");
            continue;
        }
        known_index = Some(index);
        next_look = Instant::now() + LOOK_INTERVAL;
    }
}

fn changed_index(shared: &Shared) -> Option<u64> {
    let cluster = &*shared.pool.authorizer.cluster;
    cluster::read(cluster, |state| {
        LedgerView::new(state).tokens_changed_index()
    })
    .ok()
}

/// Looks at every connection once; tokens were last changed at `index` or later.
fn look(shared: &Shared, index: u64) {
    let now_ms = shared.clock.now_ms();
    let mut outdated: HashMap<Arc<str>, Vec<Arc<Miner>>> = HashMap::new();
    for miner in shared.miners.lock().values() {
        let (Some(account), Some(pass)) = (miner.account.get(), miner.pass.get()) else {
            continue;
        };
        if pass.expires_at_ms.is_some_and(|end_ms| end_ms <= now_ms) {
            dismiss(miner, &TokenProblem::Expired);
        } else if pass.checked_index.load(Ordering::Relaxed) < index {
            let address = account.address.clone();
            outdated.entry(address).or_default().push(miner.clone());
        }
    }
    for (address, miners) in &outdated {
        check(shared, address, miners, now_ms);
    }
}

/// Asks the gate of one address about those who mine to it.
fn check(shared: &Shared, address: &str, miners: &[Arc<Miner>], now_ms: u64) {
    let cluster = &*shared.pool.authorizer.cluster;
    let query = cluster::read(cluster, |state| {
        let view = LedgerView::new(state);
        Ok((view.gate(address)?, view.tokens_changed_index()?))
    });
    let Ok((gate, index)) = query else {
        // They stay outdated, so they are looked at again.
        return;
    };
    for miner in miners {
        let (Some(account), Some(pass)) = (miner.account.get(), miner.pass.get()) else {
            continue;
        };
        match gate.admit(&account.worker, pass.token_hash.as_ref(), now_ms) {
            Ok(_) => pass.checked_index.store(index, Ordering::Relaxed),
            Err(problem) => dismiss(miner, &problem),
        }
    }
}

fn dismiss(miner: &Miner, problem: &TokenProblem) {
    let account = miner.account.get();
    tracing::info!(
        connection = miner.id, remote = %miner.visitor.remote, reason = problem.name(),
        miner = account.map(|account| &*account.address),
        worker = account.map(|account| &*account.worker),
        "a miner's token has ended"
    );
    miner.dismissal().dismiss(REASON, problem.to_string());
}
