//! A list of daemons that acts as one.
//!
//! Reads go to the first healthy daemon in configured order, so that consecutive facts come from
//! the same view of the chain; on failure the next healthy one is asked. Blocks and transactions go
//! to every daemon that is not on another network, healthy or not: one that lags may still pass
//! them on.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::{
    BoxFuture,
    address::Address,
    broadcast::{self, Recipient},
    daemon::{
        ChainBlock, ChainInfo, Daemon, Execution, SubmitBlockAnswer, SubmitTransactionAnswer,
        SyncStatus, Template,
    },
    error::ChainError,
    hash::Hash,
    header::BlockHeader,
    network::Network,
};

mod health;

use health::Board;
pub use health::{DaemonHealth, HealthSettings};

/// Templates whose source is remembered: far more than are mined on at the same time.
const SOURCES_MAX: usize = 64;
/// The others are not kept waiting longer for the first daemon, which knows best what is sent.
const HEAD_START: Duration = Duration::from_millis(100);

/// A list of daemons with health and failover: reads go to the first healthy one (configured order),
/// blocks and transactions to all of them. Implements [`Daemon`]. A health task per daemon checks
/// network, height progress and sync; a daemon of another network is never used.
pub struct DaemonSet {
    daemons: Vec<Arc<dyn Daemon>>,
    board: Arc<Board>,
    /// Which daemon gave the template with this work hash: it surely knows the transactions.
    sources: Mutex<VecDeque<(Hash, usize)>>,
    /// Ends the health tasks with the set.
    _health_tasks: JoinSet<()>,
}

impl DaemonSet {
    /// Starts the health tasks (they end when the last handle is dropped). The list must not be
    /// empty: every call on an empty one fails with [`ChainError::NoHealthyDaemon`].
    ///
    /// Calls wait until every daemon was checked once.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn start(daemons: Vec<Arc<dyn Daemon>>, network: Network) -> Arc<Self> {
        Self::start_with(daemons, network, HealthSettings::default())
    }

    /// As [`DaemonSet::start`], with other limits than the usual ones.
    pub fn start_with(
        daemons: Vec<Arc<dyn Daemon>>,
        network: Network,
        settings: HealthSettings,
    ) -> Arc<Self> {
        let names = daemons.iter().map(|daemon| daemon.name()).collect();
        let board = Arc::new(Board::new(names, settings.behind_max));
        let mut health_tasks = JoinSet::new();
        for (index, daemon) in daemons.iter().enumerate() {
            let watch = health::watch(board.clone(), index, daemon.clone(), network, settings);
            health_tasks.spawn(watch);
        }
        let sources = Mutex::new(VecDeque::with_capacity(SOURCES_MAX));
        Arc::new(Self {
            daemons,
            board,
            sources,
            _health_tasks: health_tasks,
        })
    }

    /// The daemons in configured order, as last seen.
    pub fn health(&self) -> Vec<DaemonHealth> {
        self.board.health()
    }

    /// The daemons that are healthy now, in configured order, for decisions that want more than one opinion.
    pub fn healthy_daemons(&self) -> Vec<Arc<dyn Daemon>> {
        self.board
            .healthy()
            .into_iter()
            .map(|index| self.daemons[index].clone())
            .collect()
    }

    /// Asks the healthy daemons one after the other until one answers; tells which one did.
    async fn read<'a, T>(
        &'a self,
        ask: impl Fn(&'a dyn Daemon) -> BoxFuture<'a, Result<T, ChainError>>,
    ) -> Result<(usize, T), ChainError> {
        self.board.wait_until_checked().await;
        let mut first_error = None;
        for index in self.board.healthy() {
            match ask(self.daemons[index].as_ref()).await {
                Ok(answer) => return Ok((index, answer)),
                Err(error) => {
                    self.board.note_failure(index, &error);
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| self.board.no_healthy_daemon()))
    }

    async fn read_template(&self, pool: &Address) -> Result<Template, ChainError> {
        let (index, template) = self.read(|daemon| daemon.template(pool)).await?;
        let mut sources = self.sources.lock();
        if !sources
            .iter()
            .any(|(work_hash, _)| *work_hash == template.work_hash)
        {
            if sources.len() == SOURCES_MAX {
                sources.pop_front();
            }
            sources.push_back((template.work_hash, index));
        }
        Ok(template)
    }

    /// The daemons that may get a block or transaction, by number, the best one first.
    fn sending_order(&self, source: Option<usize>) -> Vec<usize> {
        let first = source.or(self.board.healthy().first().copied());
        let mut order = self.board.on_the_network();
        order.sort_by_key(|index| Some(*index) != first);
        order
    }

    fn as_recipients(&self, indexes: &[usize]) -> Vec<Recipient> {
        let healthy = self.board.healthy();
        let recipient = |index: &usize| Recipient {
            daemon: self.daemons[*index].clone(),
            is_trusted: healthy.contains(index),
        };
        indexes.iter().map(recipient).collect()
    }

    async fn send_block(&self, header: &BlockHeader) -> Result<SubmitBlockAnswer, ChainError> {
        let work_hash = header.work_hash();
        let source = self
            .sources
            .lock()
            .iter()
            .find(|(known, _)| *known == work_hash)
            .map(|(_, index)| *index);
        let order = self.sending_order(source);
        let note = |place: usize, error: &ChainError| self.board.note_failure(order[place], error);
        broadcast::block(self.as_recipients(&order), HEAD_START, header, note)
            .await
            .unwrap_or_else(|| Err(self.board.no_healthy_daemon()))
    }

    async fn send_transaction(&self, tx: &[u8]) -> Result<SubmitTransactionAnswer, ChainError> {
        self.board.wait_until_checked().await;
        let order = self.sending_order(None);
        let note = |place: usize, error: &ChainError| self.board.note_failure(order[place], error);
        broadcast::transaction(self.as_recipients(&order), HEAD_START, tx, note)
            .await
            .unwrap_or_else(|| Err(self.board.no_healthy_daemon()))
    }
}

impl Daemon for DaemonSet {
    fn name(&self) -> String {
        let names: Vec<String> = self.daemons.iter().map(|daemon| daemon.name()).collect();
        names.join(", ")
    }

    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        Box::pin(async { Ok(self.read(|daemon| daemon.info()).await?.1) })
    }

    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        Box::pin(async { Ok(self.read(|daemon| daemon.sync_status()).await?.1) })
    }

    fn template<'a>(&'a self, pool: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        Box::pin(self.read_template(pool))
    }

    /// Accepted when any daemon accepted. Otherwise an open outcome counts more than a refusal.
    fn submit_block<'a>(
        &'a self,
        header: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        Box::pin(self.send_block(header))
    }

    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        Box::pin(async move { Ok(self.read(|daemon| daemon.block(hash)).await?.1) })
    }

    fn ordered_blocks(
        &self,
        first_topoheight: u64,
        last_topoheight: u64,
    ) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        Box::pin(async move {
            let read = self.read(|daemon| daemon.ordered_blocks(first_topoheight, last_topoheight));
            Ok(read.await?.1)
        })
    }

    fn nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        Box::pin(async move { Ok(self.read(|daemon| daemon.nonce(account)).await?.1) })
    }

    fn stable_nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        Box::pin(async move { Ok(self.read(|daemon| daemon.stable_nonce(account)).await?.1) })
    }

    /// The answer of the healthy daemons; of several the one that asks for the most patience.
    fn submit_transaction<'a>(
        &'a self,
        tx: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        Box::pin(self.send_transaction(tx))
    }

    fn execution(&self, tx: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        Box::pin(async move { Ok(self.read(|daemon| daemon.execution(tx)).await?.1) })
    }

    fn is_pending(&self, tx: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        Box::pin(async move { Ok(self.read(|daemon| daemon.is_pending(tx)).await?.1) })
    }

    fn opinions(&self) -> Vec<Arc<dyn Daemon>> {
        self.healthy_daemons()
    }

    fn missing_opinions(&self) -> Vec<(String, String)> {
        let all = self.health().into_iter();
        all.filter_map(|daemon| Some((daemon.name, daemon.problem?)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
