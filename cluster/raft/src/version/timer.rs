//! The leader finalizes by itself what every member has known for long enough.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::node::RaftNode;

/// Between two rounds of asking, at most.
const ASK_INTERVAL_MAX: Duration = Duration::from_secs(10);

/// Ends when the node has. The time runs while this node leads and in every round every member answers
/// that it knows the newest version; it begins anew after a round in which one did not.
pub(crate) async fn finalize_in_time(node: Weak<RaftNode>, after: Duration) {
    let interval = (after / 8).clamp(Duration::from_millis(50), ASK_INTERVAL_MAX);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known_since: Option<Instant> = None;
    loop {
        ticks.tick().await;
        let Some(node) = node.upgrade() else {
            return;
        };
        if node.stopped().is_some() {
            return;
        }
        if !is_known_by_all(&node).await {
            known_since = None;
            continue;
        }
        let since = *known_since.get_or_insert_with(Instant::now);
        if since.elapsed() < after {
            continue;
        }
        let known = node.config.command_version;
        let author = format!("node {}", node.config.identity.node_id);
        let reason = format!("every member has known it for {} s", after.as_secs());
        if let Err(error) = node.finalize(known, &author, &reason).await {
            tracing::warn!(%error, "a version could not be finalized: trying again");
        }
    }
}

/// Whether this node leads, and every member knows a version that is not finalized yet.
async fn is_known_by_all(node: &RaftNode) -> bool {
    let known = node.config.command_version;
    let is_finalized = match node.finalized_version() {
        Ok(finalized) => finalized.version >= known,
        Err(_) => true,
    };
    node.leads() && !is_finalized && node.obstacle_to_finalizing(known).await.is_none()
}
