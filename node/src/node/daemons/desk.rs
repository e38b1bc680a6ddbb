//! Answers other nodes that have no daemon of their own, or want a second opinion.
//!
//! Only this node's own daemons are asked, never those of a third: two nodes without daemons would
//! otherwise ask each other in circles. Whatever comes in is read as a whole before a daemon hears
//! of it, and no node can take more than its part of the places.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use raftpool_chain::{
    Address, BlockHeader, ChainError, Daemon, DaemonSet, Network, ORDERED_BLOCKS_MAX,
};
use raftpool_proto::node::daemon_request::Call;
use raftpool_proto::node::daemon_response::Answer;
use raftpool_proto::node::{DaemonRequest, DaemonResponse, TopoheightRange};
use tokio::time;

use super::codec;
use super::kind::Kind;

/// Requests being answered at once.
const REQUESTS_MAX: usize = 64;

/// Those of one node: a node at work has a handful.
const REQUESTS_PER_NODE_MAX: usize = 16;

/// The largest transaction of the chain.
const TRANSACTION_BYTES_MAX: usize = 1024 * 1024;

/// Lends this node's daemons to the others.
pub struct DaemonDesk {
    local: Arc<DaemonSet>,
    network: Network,
    /// How many requests of each node are being answered.
    taken: Mutex<BTreeMap<u64, usize>>,
}

impl DaemonDesk {
    /// A desk before this node's own daemons, which are on `network`.
    pub fn new(local: Arc<DaemonSet>, network: Network) -> Self {
        Self {
            local,
            network,
            taken: Mutex::default(),
        }
    }

    /// Answers a request of another node. What the daemons could not do is an answer, too.
    ///
    /// # Errors
    /// In words, when nothing was done: too many requests at once, or one that is unreadable.
    pub async fn answer(
        &self,
        from_node: u64,
        request: DaemonRequest,
    ) -> Result<DaemonResponse, String> {
        let call = request.call.ok_or("the request asks for nothing")?;
        let _place = self.take_place(from_node)?;
        let kind = Kind::from(&call);
        let carried_out = time::timeout(kind.timeout, self.carry_out(call)).await;
        let answer = match carried_out {
            Ok(Ok(answer)) => answer,
            Ok(Err(Failure::Unreadable(problem))) => return Err(problem),
            Ok(Err(Failure::Daemon(error))) => Answer::Error(codec::write_error(&error)),
            // A submission goes on by itself, and may yet arrive.
            Err(_) => Answer::Error(codec::write_error(&kind.timed_out(&*self.local))),
        };
        Ok(DaemonResponse {
            answer: Some(answer),
        })
    }

    async fn carry_out(&self, call: Call) -> Result<Answer, Failure> {
        let local = &self.local;
        Ok(match call {
            Call::Info(_) => Answer::Info(codec::write_info(local.info().await?)),
            Call::SyncStatus(_) => {
                Answer::SyncStatus(codec::write_sync_status(local.sync_status().await?))
            }
            Call::Template(pool) => {
                let template = local.template(&self.address(&pool)?).await?;
                Answer::Template(codec::write_template(&template))
            }
            Call::SubmitBlock(header) => {
                let header = BlockHeader::decode(&header)
                    .map_err(|error| Failure::Unreadable(format!("the block: {error}")))?;
                Answer::SubmitBlock(codec::write_submit_block(
                    local.submit_block(&header).await?,
                ))
            }
            Call::Block(hash) => {
                Answer::Block(codec::write_block(local.block(read_hash(&hash)?).await?))
            }
            Call::Nonce(account) => Answer::Nonce(local.nonce(&self.address(&account)?).await?),
            Call::StableNonce(account) => {
                Answer::StableNonce(local.stable_nonce(&self.address(&account)?).await?)
            }
            Call::SubmitTransaction(tx) => {
                check_transaction(&tx)?;
                let answer = local.submit_transaction(&tx).await?;
                Answer::SubmitTransaction(codec::write_submit_transaction(answer))
            }
            Call::Execution(tx) => Answer::Execution(codec::write_execution(
                local.execution(read_hash(&tx)?).await?,
            )),
            Call::OrderedBlocks(range) => {
                check_range(&range)?;
                let (first, last) = (range.first_topoheight, range.last_topoheight);
                let blocks = local.ordered_blocks(first, last).await?;
                Answer::OrderedBlocks(codec::write_ordered_blocks(blocks))
            }
            Call::IsPending(tx) => Answer::IsPending(local.is_pending(read_hash(&tx)?).await?),
        })
    }

    fn address(&self, text: &str) -> Result<Address, Failure> {
        Address::parse(text, self.network)
            .map_err(|error| Failure::Unreadable(format!("the address: {error}")))
    }

    fn take_place(&self, node_id: u64) -> Result<Place<'_>, String> {
        let mut taken = self.taken.lock();
        let of_all: usize = taken.values().sum();
        let of_node = taken.get(&node_id).copied().unwrap_or(0);
        if of_all >= REQUESTS_MAX || of_node >= REQUESTS_PER_NODE_MAX {
            return Err(format!(
                "busy: {of_node} requests of node {node_id} and {of_all} in all are being answered"
            ));
        }
        taken.insert(node_id, of_node + 1);
        Ok(Place {
            desk: self,
            node_id,
        })
    }
}

/// A request being answered; leaves with it, also when the caller gives up.
struct Place<'a> {
    desk: &'a DaemonDesk,
    node_id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.desk.taken.lock();
        match taken.get_mut(&self.node_id) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.node_id)),
        }
    }
}

enum Failure {
    /// No daemon has heard of the request.
    Unreadable(String),
    Daemon(ChainError),
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        Self::Daemon(error)
    }
}

fn read_hash(bytes: &[u8]) -> Result<raftpool_chain::Hash, Failure> {
    codec::hash(bytes).map_err(Failure::Unreadable)
}

fn check_range(range: &TopoheightRange) -> Result<(), Failure> {
    let (first, last) = (range.first_topoheight, range.last_topoheight);
    if last < first || last - first >= ORDERED_BLOCKS_MAX {
        let problem = format!("a range has 1 to {ORDERED_BLOCKS_MAX} blocks");
        return Err(Failure::Unreadable(format!(
            "{problem}, not {first} to {last}"
        )));
    }
    Ok(())
}

/// What a transaction says is for the daemon to judge, but its length tells some that are none.
fn check_transaction(tx: &[u8]) -> Result<(), Failure> {
    if tx.is_empty() || tx.len() > TRANSACTION_BYTES_MAX {
        let problem = format!("a transaction has 1 to {TRANSACTION_BYTES_MAX} bytes");
        return Err(Failure::Unreadable(format!("{problem}, not {}", tx.len())));
    }
    Ok(())
}
