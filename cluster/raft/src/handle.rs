//! The node as the ledger's cluster handle.

use futures_util::stream;
use openraft::type_config::async_runtime::watch::WatchReceiver;
use raftpool_ledger::Cluster;
use raftpool_ledger::cluster::{
    BoxFuture, BoxStream, ClusterEvent, Committed, Leadership, ProposeError, Query, ReadError,
};
use raftpool_ledger::command::Command;
use tokio::sync::watch;

use crate::monitor::leadership_of;
use crate::node::RaftNode;

impl Cluster for RaftNode {
    fn propose(&self, command: Command) -> BoxFuture<'_, Result<Committed, ProposeError>> {
        Box::pin(self.propose_command(command))
    }

    fn read(&self, query: Query<'_>) -> Result<u64, ReadError> {
        Ok(self.reader.read(query)?)
    }

    fn linearize(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(self.linearize_anywhere())
    }

    fn leadership(&self) -> Leadership {
        let leadership = leadership_of(&self.raft.metrics().borrow_watched());
        match self.fail_stop.reason() {
            None => leadership,
            Some(_) => Leadership {
                leader_id: None,
                ..leadership
            },
        }
    }

    fn watch(&self) -> BoxStream<ClusterEvent> {
        let (mut applied, mut leadership) = (self.reader.applied(), self.leadership.clone());
        // So that the first look at each counts as a change.
        applied.mark_changed();
        leadership.mark_changed();
        Box::pin(stream::unfold(
            (applied, leadership),
            |(mut applied, mut leadership)| async {
                let event = next_event(&mut applied, &mut leadership).await?;
                Some((event, (applied, leadership)))
            },
        ))
    }
}

/// The next change of either; `None` when the node was shut down. However many changes there
/// were since the last call, only the present state is told.
async fn next_event(
    applied: &mut watch::Receiver<Option<u64>>,
    leadership: &mut watch::Receiver<Leadership>,
) -> Option<ClusterEvent> {
    tokio::select! {
        // Leadership first: it is rare, and under load there is always something applied.
        biased;
        changed = leadership.changed() => {
            changed.ok()?;
            Some(ClusterEvent::Leadership(*leadership.borrow_and_update()))
        }
        changed = applied.changed() => {
            changed.ok()?;
            let index = applied.borrow_and_update().unwrap_or(0);
            Some(ClusterEvent::Applied { index })
        }
    }
}
