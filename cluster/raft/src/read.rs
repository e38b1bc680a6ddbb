//! Linearizable reads on any node: the leader confirms that it leads and names an index; whoever
//! has applied up to there may read.

use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use raftpool_ledger::cluster::ReadError;
use tokio::time::Instant;

use crate::network::{Purpose, peer};
use crate::node::RaftNode;
use crate::propose::{RETRY_PAUSE, reason_of};

impl RaftNode {
    pub(crate) async fn linearize_anywhere(&self) -> Result<u64, ReadError> {
        let timeout = self.config.linearize_timeout;
        let deadline = Instant::now() + timeout;
        let late = || {
            let waited_ms = timeout.as_millis();
            ReadError::NotCurrent(format!("not confirmed within {waited_ms} ms"))
        };
        loop {
            if let Some(reason) = self.stopped() {
                let reason = format!("the node has stopped: {reason}");
                return Err(ReadError::NotCurrent(reason));
            }
            match tokio::time::timeout_at(deadline, self.read_index(deadline)).await {
                Ok(Ok(index)) if self.wait_applied(index, deadline).await => return Ok(index),
                Ok(Ok(index)) => {
                    let reason = format!("entry {index} was not applied here in time");
                    return Err(ReadError::NotCurrent(reason));
                }
                Ok(Err(reason)) if Instant::now() + RETRY_PAUSE >= deadline => {
                    return Err(ReadError::NotCurrent(reason));
                }
                Ok(Err(_)) => self.pause().await,
                Err(_) => return Err(late()),
            }
        }
    }

    /// The index up to which the leader, if it is this node, has everything that is committed.
    pub(crate) async fn read_index_here(&self) -> Result<u64, String> {
        let confirmed = self.raft.get_read_linearizer(ReadPolicy::ReadIndex);
        match tokio::time::timeout(self.config.linearize_timeout, confirmed).await {
            Ok(Ok(linearizer)) => Ok(linearizer.read_log_id().index()),
            Ok(Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)))) => {
                Err(reason_of(&forward))
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no majority confirmed it in time".to_owned()),
        }
    }

    async fn read_index(&self, deadline: Instant) -> Result<u64, String> {
        use peer::read_index_response::Result as Read;
        let leader = self.leader_elsewhere();
        let (Some((leader, address)), Some(channels)) = (leader, &self.channels) else {
            return self.read_index_here().await;
        };
        let timeout = deadline.saturating_duration_since(Instant::now());
        let call = channels.call(
            (leader, &address),
            Purpose::Forward,
            timeout,
            peer::ReadIndexRequest {},
            |mut client, request| async move { client.read_index(request).await },
        );
        let answer = tokio::select! {
            answer = call => answer.map_err(|error| error.to_string())?,
            () = self.other_leader(leader) => return Err(format!("node {leader} leads no more")),
        };
        match answer.result {
            Some(Read::Index(index)) => Ok(index),
            Some(Read::Refused(reason)) => Err(reason),
            None => Err("the answer has no result".to_owned()),
        }
    }
}
