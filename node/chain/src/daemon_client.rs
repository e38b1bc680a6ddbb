//! One official daemon over JSON-RPC.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time;

use crate::{
    BoxFuture,
    address::Address,
    daemon::{
        ChainBlock, ChainInfo, Daemon, Execution, SubmitBlockAnswer, SubmitTransactionAnswer,
        SyncStatus, Template,
    },
    error::ChainError,
    hash::Hash,
    header::BlockHeader,
    network::Network,
    rpc::RpcClient,
};

mod answer;
mod refusal;
mod reward;

use answer::{
    BlockAnswer, ExecutorAnswer, InfoAnswer, MempoolAnswer, NonceAnswer, NonceEntry, P2pAnswer,
    Presence, TemplateAnswer, TransactionAnswer,
};
use reward::LastReward;

/// An account has one entry per transaction; more than these within the unstable blocks are a loop.
const NONCE_STEPS_MAX: usize = 10_000;

/// A reward said less than this ago is as good as a new one.
const REWARD_FRESH: Duration = Duration::from_secs(10);
/// A template waits no longer for its reward.
const REWARD_DEADLINE: Duration = Duration::from_millis(250);
/// An older reward is worth nothing: a fork may have changed it since.
const REWARD_AGE_MAX: Duration = Duration::from_secs(300);

/// JSON-RPC over HTTP to one official daemon.
#[derive(Debug)]
pub struct DaemonClient {
    rpc: RpcClient,
    network: Network,
    /// What the daemon last said that a block pays its miner.
    reward: LastReward,
}

impl DaemonClient {
    /// A client of the daemon at `url`; `timeout` is the deadline of every single request.
    ///
    /// # Errors
    ///
    /// Refuses URLs other than `http://host:port`; `https://` is not supported by this build.
    pub fn new(url: &str, network: Network, timeout: Duration) -> Result<Self, ChainError> {
        Ok(Self {
            rpc: RpcClient::new("daemon", url, None, timeout)?,
            network,
            reward: LastReward::default(),
        })
    }

    async fn read_info(&self) -> Result<ChainInfo, ChainError> {
        let info = self
            .rpc
            .call_and_read("get_info", None, InfoAnswer::read)
            .await?;
        if info.network != self.network {
            return Err(ChainError::WrongNetwork {
                endpoint: self.rpc.endpoint().to_owned(),
                expected: self.network,
                found: info.network,
            });
        }
        self.reward.note(info.miner_reward_atomic);
        Ok(info)
    }

    /// The reward that goes with a template. Whoever checks the daemon's health asks for it every
    /// few seconds anyway; nobody waits for it longer than for a template that is late already.
    async fn reward_atomic(&self) -> u64 {
        if let Some(reward_atomic) = self.reward.known_for(REWARD_FRESH) {
            return reward_atomic;
        }
        match time::timeout(REWARD_DEADLINE, self.read_info()).await {
            Ok(Ok(info)) => info.miner_reward_atomic,
            Ok(Err(_)) | Err(_) => self.reward.known_for(REWARD_AGE_MAX).unwrap_or(0),
        }
    }

    async fn read_sync_status(&self) -> Result<SyncStatus, ChainError> {
        match self
            .rpc
            .call_and_read("p2p_status", None, P2pAnswer::read)
            .await
        {
            Err(error) if refusal::is_p2p_off(&error) => Ok(SyncStatus {
                our_topoheight: self.rpc.call("get_topoheight", None).await?,
                best_topoheight: None,
                peers: 0,
            }),
            answer => answer,
        }
    }

    async fn read_template(&self, pool: &Address) -> Result<Template, ChainError> {
        let params = json!({"address": pool.as_str()});
        let read = |answer: TemplateAnswer| answer.read(pool);
        let template = self
            .rpc
            .call_and_read("get_block_template", Some(params), read)
            .await?;
        Ok(Template {
            miner_reward_atomic: self.reward_atomic().await,
            ..template
        })
    }

    async fn send_block(&self, header: &BlockHeader) -> Result<SubmitBlockAnswer, ChainError> {
        let params = json!({"block_template": hex::encode(header.encode())});
        match self
            .rpc
            .call_and_read("submit_block", Some(params), expect_true)
            .await
        {
            Ok(()) => Ok(SubmitBlockAnswer::Accepted),
            Err(error) => refusal::of_block(error),
        }
    }

    async fn read_block(&self, hash: Hash) -> Result<Option<ChainBlock>, ChainError> {
        let params = json!({"hash": hash, "include_txs": false});
        let read = |answer: BlockAnswer| answer.read(hash).map(Some);
        match self
            .rpc
            .call_and_read("get_block_by_hash", Some(params), read)
            .await
        {
            Err(error) if refusal::is_unknown_block(&error) => Ok(None),
            answer => answer,
        }
    }

    async fn read_ordered_blocks(
        &self,
        first: u64,
        last: u64,
    ) -> Result<Vec<ChainBlock>, ChainError> {
        let params = json!({"start_topoheight": first, "end_topoheight": last});
        let read = |blocks: Vec<BlockAnswer>| {
            let asked = first..=last;
            let count = blocks.len();
            if u64::try_from(count).ok() != last.checked_sub(first).and_then(|n| n.checked_add(1)) {
                return Err(format!("{count} blocks from {first} to {last}"));
            }
            let placed = asked.zip(blocks);
            placed
                .map(|(topoheight, block)| block.read_at(topoheight))
                .collect()
        };
        self.rpc
            .call_and_read("get_blocks_range_by_topoheight", Some(params), read)
            .await
    }

    /// The account's newest entry; None when it never had one.
    async fn read_nonce(&self, account: &Address) -> Result<Option<NonceEntry>, ChainError> {
        let params = json!({"address": account.as_str()});
        let presence: Presence = self.rpc.call("has_nonce", Some(params.clone())).await?;
        if !presence.exist {
            return Ok(None);
        }
        let read = |newest: NonceAnswer| newest.read(None).map(Some);
        self.rpc
            .call_and_read("get_nonce", Some(params), read)
            .await
    }

    /// `get_nonce_at_topoheight` answers only where the nonce changed, hence the walk from the top
    /// from one change to the one before.
    async fn walk_to_stable_nonce(&self, account: &Address) -> Result<u64, ChainError> {
        let stable_topoheight = self.read_info().await?.stable_topoheight;
        let Some(mut entry) = self.read_nonce(account).await? else {
            return Ok(0);
        };
        for _ in 0..NONCE_STEPS_MAX {
            if entry.topoheight <= stable_topoheight {
                return Ok(entry.nonce);
            }
            let Some(previous) = entry.previous_topoheight else {
                return Ok(0);
            };
            let params = json!({"address": account.as_str(), "topoheight": previous});
            let read = |older: NonceAnswer| older.read(Some(previous));
            entry = self
                .rpc
                .call_and_read("get_nonce_at_topoheight", Some(params), read)
                .await?;
        }
        Err(ChainError::UnexpectedAnswer {
            endpoint: self.rpc.endpoint().to_owned(),
            method: "get_nonce_at_topoheight",
            problem: format!("more than {NONCE_STEPS_MAX} entries above the stable topoheight"),
            answer: format!("last entry at topoheight {}", entry.topoheight),
        })
    }

    async fn send_transaction(&self, tx: &[u8]) -> Result<SubmitTransactionAnswer, ChainError> {
        let params = json!({"data": hex::encode(tx)});
        match self
            .rpc
            .call_and_read("submit_transaction", Some(params), expect_true)
            .await
        {
            Ok(()) => Ok(SubmitTransactionAnswer::Accepted),
            Err(error) => refusal::of_transaction(error),
        }
    }

    async fn read_execution(&self, tx: Hash) -> Result<Option<Execution>, ChainError> {
        let params = json!({"hash": tx});
        let read = |answer: ExecutorAnswer| Ok(Some(answer.into()));
        match self
            .rpc
            .call_and_read("get_transaction_executor", Some(params), read)
            .await
        {
            Err(error) if refusal::is_not_executed(&error) => Ok(None),
            answer => answer,
        }
    }

    async fn read_is_pending(&self, tx: Hash) -> Result<bool, ChainError> {
        let read = |answer: TransactionAnswer| answer.check(tx);
        let params = json!({"hash": tx});
        let known = match self
            .rpc
            .call_and_read("get_transaction", Some(params), read)
            .await
        {
            Err(error) if refusal::is_unknown_transaction(&error) => return Ok(false),
            answer => answer?,
        };
        if known.in_mempool || known.executed_in_block.is_some() {
            return Ok(known.in_mempool);
        }
        // A transaction that also sits in an orphaned block is read from disk and shown as not
        // pending although it may be; only the account's list of pending transactions tells.
        let params = json!({"address": known.source});
        match self
            .rpc
            .call::<MempoolAnswer>("get_mempool_cache", Some(params))
            .await
        {
            Ok(mempool) => Ok(mempool.txs.contains(&tx)),
            Err(error) if refusal::is_nothing_pending(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Both submit methods answer `true` or an error.
fn expect_true(answer: Value) -> Result<(), String> {
    if answer == json!(true) {
        Ok(())
    } else {
        Err("expected true".to_owned())
    }
}

impl Daemon for DaemonClient {
    fn name(&self) -> String {
        self.rpc.authority()
    }

    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        Box::pin(self.read_info())
    }

    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        Box::pin(self.read_sync_status())
    }

    fn template<'a>(&'a self, pool: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        Box::pin(self.read_template(pool))
    }

    fn submit_block<'a>(
        &'a self,
        header: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        Box::pin(self.send_block(header))
    }

    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        Box::pin(self.read_block(hash))
    }

    fn ordered_blocks(
        &self,
        first_topoheight: u64,
        last_topoheight: u64,
    ) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        Box::pin(self.read_ordered_blocks(first_topoheight, last_topoheight))
    }

    fn nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        Box::pin(async {
            Ok(self
                .read_nonce(account)
                .await?
                .map_or(0, |entry| entry.nonce))
        })
    }

    fn stable_nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        Box::pin(self.walk_to_stable_nonce(account))
    }

    fn submit_transaction<'a>(
        &'a self,
        tx: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        Box::pin(self.send_transaction(tx))
    }

    fn execution(&self, tx: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        Box::pin(self.read_execution(tx))
    }

    fn is_pending(&self, tx: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        Box::pin(self.read_is_pending(tx))
    }
}

#[cfg(test)]
mod tests;
