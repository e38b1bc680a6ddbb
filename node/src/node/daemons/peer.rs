//! Another node's daemons, as if they were one daemon of this node.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use raftpool_chain::{
    Address, BlockHeader, BoxFuture, ChainBlock, ChainError, ChainInfo, Daemon, Execution, Hash,
    Network, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus, Template,
};
use raftpool_proto::node::daemon_request::Call;
use raftpool_proto::node::daemon_response::Answer;
use raftpool_proto::node::node_request::Request;
use raftpool_proto::node::node_response::Response;
use raftpool_proto::node::{DaemonRequest, NodeRequest, NodeResponse, Nothing, TopoheightRange};
use raftpool_raft::AskError;

use super::ask::AskPeers;
use super::codec;
use super::kind::Kind;
use super::standing::Standing;

/// Asks one node's daemons.
///
/// "I do not know it" is passed on as it was said; it is the caller who must not take it for an
/// answer. A call whose outcome is open stays open, wherever the answer was lost.
#[derive(Clone)]
pub struct PeerDaemon {
    node_id: u64,
    network: Network,
    peers: Arc<dyn AskPeers>,
    standing: Arc<Standing>,
}

impl PeerDaemon {
    pub(super) fn new(
        node_id: u64,
        network: Network,
        peers: Arc<dyn AskPeers>,
        standing: Arc<Standing>,
    ) -> Self {
        Self {
            node_id,
            network,
            peers,
            standing,
        }
    }

    /// Sends a call, and reads the answer with `read`, which says what is wrong with it.
    async fn call<T>(
        &self,
        call: Call,
        read: impl FnOnce(Answer) -> Result<T, String>,
    ) -> Result<T, ChainError> {
        let kind = Kind::from(&call);
        let result = self.send_and_read(kind, encode(call), read).await;
        match &result {
            Ok(_) if kind.is_read => self.standing.note_answer(self.node_id),
            Ok(_) => {}
            Err(_) => self.standing.note_failure(self.node_id),
        }
        result
    }

    async fn send_and_read<T>(
        &self,
        Kind {
            method, timeout, ..
        }: Kind,
        request: Bytes,
        read: impl FnOnce(Answer) -> Result<T, String>,
    ) -> Result<T, ChainError> {
        let response = match self.peers.ask(self.node_id, request, timeout).await {
            Ok(response) => response,
            Err(error) => {
                let problem = codec::shortened(&error.to_string());
                return Err(self.failed(method, problem, may_be_carried_out(&error)));
            }
        };
        let answer = match decode(response) {
            Ok(Answer::Error(error)) => {
                let problem = codec::shortened(&error.text);
                return Err(self.failed(method, problem, error.is_ambiguous));
            }
            answer => answer.and_then(read),
        };
        // It answered something, hence may have done something.
        answer.map_err(|problem| self.failed(method, problem, true))
    }

    fn failed(&self, method: &'static str, problem: String, is_ambiguous: bool) -> ChainError {
        ChainError::OtherNode {
            endpoint: self.name(),
            method,
            problem,
            is_ambiguous,
        }
    }
}

fn may_be_carried_out(error: &AskError) -> bool {
    match error {
        AskError::NoAnswer(_) => true,
        AskError::NotSent(_) | AskError::Refused(_) => false,
    }
}

fn encode(call: Call) -> Bytes {
    let request = NodeRequest {
        request: Some(Request::Daemon(DaemonRequest { call: Some(call) })),
    };
    request.encode_to_vec().into()
}

fn decode(response: Bytes) -> Result<Answer, String> {
    let response = NodeResponse::decode(response).map_err(|error| error.to_string())?;
    match response.response {
        Some(Response::Daemon(response)) => {
            response.answer.ok_or("the response has no answer".into())
        }
        _ => Err("the response is not about daemons".into()),
    }
}

/// What the answer says, when it is one to the question.
macro_rules! of_kind {
    ($answer:expr, $kind:ident) => {
        match $answer {
            Answer::$kind(answer) => Ok(answer),
            _ => Err("the answer is one to another question".to_owned()),
        }
    };
}

impl Daemon for PeerDaemon {
    fn name(&self) -> String {
        format!("node {}", self.node_id)
    }

    fn reads_locally(&self) -> bool {
        false
    }

    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        Box::pin(async {
            let read = |answer| codec::read_info(of_kind!(answer, Info)?);
            let info = self.call(Call::Info(Nothing {}), read).await?;
            if info.network != self.network {
                self.standing.note_failure(self.node_id);
                return Err(ChainError::WrongNetwork {
                    endpoint: self.name(),
                    expected: self.network,
                    found: info.network,
                });
            }
            Ok(info)
        })
    }

    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        let read = |answer| of_kind!(answer, SyncStatus).map(codec::read_sync_status);
        Box::pin(self.call(Call::SyncStatus(Nothing {}), read))
    }

    fn template<'a>(&'a self, pool: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        let read = |answer| codec::read_template(of_kind!(answer, Template)?, pool);
        Box::pin(self.call(Call::Template(pool.as_str().to_owned()), read))
    }

    fn submit_block<'a>(
        &'a self,
        header: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        let read = |answer| codec::read_submit_block(of_kind!(answer, SubmitBlock)?);
        Box::pin(self.call(Call::SubmitBlock(header.encode()), read))
    }

    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        let read = move |answer| codec::read_block(of_kind!(answer, Block)?, hash);
        Box::pin(self.call(Call::Block(hash.0.to_vec()), read))
    }

    fn ordered_blocks(
        &self,
        first_topoheight: u64,
        last_topoheight: u64,
    ) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        let read = move |answer| {
            let blocks = of_kind!(answer, OrderedBlocks)?;
            codec::read_ordered_blocks(blocks, first_topoheight, last_topoheight)
        };
        let range = TopoheightRange {
            first_topoheight,
            last_topoheight,
        };
        Box::pin(self.call(Call::OrderedBlocks(range), read))
    }

    fn nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        let read = |answer| of_kind!(answer, Nonce);
        Box::pin(self.call(Call::Nonce(account.as_str().to_owned()), read))
    }

    fn stable_nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        let read = |answer| of_kind!(answer, StableNonce);
        Box::pin(self.call(Call::StableNonce(account.as_str().to_owned()), read))
    }

    fn submit_transaction<'a>(
        &'a self,
        tx: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        let read = |answer| codec::read_submit_transaction(of_kind!(answer, SubmitTransaction)?);
        Box::pin(self.call(Call::SubmitTransaction(tx.to_vec()), read))
    }

    fn execution(&self, tx: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        let read = |answer| codec::read_execution(of_kind!(answer, Execution)?);
        Box::pin(self.call(Call::Execution(tx.0.to_vec()), read))
    }

    fn is_pending(&self, tx: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        let read = |answer| of_kind!(answer, IsPending);
        Box::pin(self.call(Call::IsPending(tx.0.to_vec()), read))
    }
}
