//! All daemons of the cluster as one: this node's own first, the other nodes' when needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raftpool_chain::broadcast::{self, Recipient};
use raftpool_chain::{
    Address, BlockHeader, BoxFuture, ChainBlock, ChainError, ChainInfo, Daemon, DaemonSet,
    Execution, Hash, Network, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus, Template,
};
use tokio::task::JoinSet;
use tokio::time;

use super::ask::AskPeers;
use super::kind::Kind;
use super::others::Others;

/// Nobody waits for anybody: any node's daemons may be the only ones that are well connected.
const NO_HEAD_START: Duration = Duration::ZERO;

/// Stands for this node where a node id is kept.
const THIS_NODE: u64 = 0;

/// The daemons of this node and, behind them, those of all other members.
///
/// A node without other members behaves like its [`DaemonSet`] alone.
pub struct ClusterDaemons {
    local: Arc<DaemonSet>,
    others: Others,
    /// Whose template was the newest.
    template_from: AtomicU64,
    /// Ends the probing with this value.
    _probing: JoinSet<()>,
}

impl ClusterDaemons {
    /// Begins to ask the other members, whoever they are at the time, how their daemons are.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn start(local: Arc<DaemonSet>, peers: Arc<dyn AskPeers>, network: Network) -> Arc<Self> {
        let others = Others::new(peers, network);
        let mut probing = JoinSet::new();
        probing.spawn(others.clone().probe());
        Arc::new(Self {
            local,
            others,
            template_from: AtomicU64::new(THIS_NODE),
            _probing: probing,
        })
    }

    /// Asks this node's daemons, then the others' one after the other, and tells who answered.
    ///
    /// What `is_known` refuses is an answer only when this node's own daemons say it. When nobody
    /// answers, the error is that of this node's daemons.
    async fn read<'a, T>(
        &'a self,
        kind: Kind,
        is_known: fn(&T) -> bool,
        ask: impl Fn(Arc<dyn Daemon>) -> BoxFuture<'a, Result<T, ChainError>>,
    ) -> Result<(u64, T), ChainError> {
        let asking = ask(self.local.clone());
        let others = self.others.in_order();
        let local = if others.is_empty() {
            asking.await
        } else {
            // Daemons that hang must not keep the others' answers away.
            let answer = time::timeout(kind.timeout, asking).await;
            answer.unwrap_or_else(|_| Err(kind.timed_out(&*self.local)))
        };
        let problem = match local {
            Ok(answer) => return Ok((THIS_NODE, answer)),
            Err(problem) => problem,
        };
        for node_id in others {
            let method = kind.method;
            match ask(self.others.daemon(node_id)).await {
                Ok(answer) if is_known(&answer) => {
                    self.others.prefer(node_id);
                    return Ok((node_id, answer));
                }
                Ok(_) => tracing::debug!(node_id, method, "unknown to another node's daemons"),
                Err(error) => tracing::debug!(node_id, method, %error, "another node did not help"),
            }
        }
        Err(problem)
    }

    async fn read_template(&self, pool: &Address) -> Result<Template, ChainError> {
        let (from, template) = self
            .read(Kind::TEMPLATE, always, |daemon| {
                Box::pin(async move { daemon.template(pool).await })
            })
            .await?;
        match (self.template_from.swap(from, Ordering::Relaxed), from) {
            (before, now) if before == now => {}
            (_, THIS_NODE) => tracing::info!("templates come from this node's daemons again"),
            (_, node_id) => {
                tracing::warn!(
                    node_id,
                    "templates come from another node: no own daemon has one"
                );
            }
        }
        Ok(template)
    }

    /// Everybody who may get a block or transaction.
    fn recipients(&self, others: Vec<u64>) -> Vec<Recipient> {
        let local = Recipient {
            daemon: self.local.clone(),
            is_trusted: !self.local.healthy_daemons().is_empty(),
        };
        let others = others.into_iter().map(|node_id| Recipient {
            daemon: self.others.daemon(node_id),
            is_trusted: self.others.has_answered_lately(node_id),
        });
        std::iter::once(local).chain(others).collect()
    }

    async fn send_block(&self, header: &BlockHeader) -> Result<SubmitBlockAnswer, ChainError> {
        let others = self.others.in_order();
        if others.is_empty() {
            return self.local.submit_block(header).await;
        }
        broadcast::block(self.recipients(others), NO_HEAD_START, header, |_, _| {})
            .await
            .unwrap_or_else(|| Err(nobody()))
    }

    async fn send_transaction(&self, tx: &[u8]) -> Result<SubmitTransactionAnswer, ChainError> {
        let others = self.others.in_order();
        if others.is_empty() {
            return self.local.submit_transaction(tx).await;
        }
        broadcast::transaction(self.recipients(others), NO_HEAD_START, tx, |_, _| {})
            .await
            .unwrap_or_else(|| Err(nobody()))
    }
}

fn always<T>(_: &T) -> bool {
    true
}

/// Never happens: this node's own daemons are always among the recipients.
fn nobody() -> ChainError {
    ChainError::NoHealthyDaemon {
        problems: Vec::new(),
    }
}

impl Daemon for ClusterDaemons {
    fn name(&self) -> String {
        self.local.name()
    }

    fn reads_locally(&self) -> bool {
        self.template_from.load(Ordering::Relaxed) == THIS_NODE
    }

    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        Box::pin(async {
            let read = self.read(Kind::INFO, always, |daemon| {
                Box::pin(async move { daemon.info().await })
            });
            Ok(read.await?.1)
        })
    }

    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        Box::pin(async {
            let read = self.read(Kind::SYNC_STATUS, always, |daemon| {
                Box::pin(async move { daemon.sync_status().await })
            });
            Ok(read.await?.1)
        })
    }

    fn template<'a>(&'a self, pool: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        Box::pin(self.read_template(pool))
    }

    /// To the daemons of all nodes at once. Accepted when any accepted; otherwise an open outcome
    /// counts more than a refusal.
    fn submit_block<'a>(
        &'a self,
        header: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        Box::pin(self.send_block(header))
    }

    /// `None` only when this node's own daemons do not know it.
    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        Box::pin(async move {
            let read = self.read(Kind::BLOCK, Option::is_some, |daemon| {
                Box::pin(async move { daemon.block(hash).await })
            });
            Ok(read.await?.1)
        })
    }

    fn ordered_blocks(
        &self,
        first_topoheight: u64,
        last_topoheight: u64,
    ) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        Box::pin(async move {
            let read = self.read(Kind::ORDERED_BLOCKS, always, |daemon| {
                Box::pin(async move {
                    daemon
                        .ordered_blocks(first_topoheight, last_topoheight)
                        .await
                })
            });
            Ok(read.await?.1)
        })
    }

    fn nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        Box::pin(async move {
            let read = self.read(Kind::NONCE, always, |daemon| {
                Box::pin(async move { daemon.nonce(account).await })
            });
            Ok(read.await?.1)
        })
    }

    fn stable_nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        Box::pin(async move {
            let read = self.read(Kind::STABLE_NONCE, always, |daemon| {
                Box::pin(async move { daemon.stable_nonce(account).await })
            });
            Ok(read.await?.1)
        })
    }

    /// To the daemons of all nodes at once. The nodes whose daemons answered lately are believed,
    /// and of several answers the one that asks for the most patience.
    fn submit_transaction<'a>(
        &'a self,
        tx: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        Box::pin(self.send_transaction(tx))
    }

    /// `None` only when this node's own daemons say that it is not executed.
    fn execution(&self, tx: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        Box::pin(async move {
            let read = self.read(Kind::EXECUTION, Option::is_some, |daemon| {
                Box::pin(async move { daemon.execution(tx).await })
            });
            Ok(read.await?.1)
        })
    }

    /// `false` only when this node's own daemons say so.
    fn is_pending(&self, tx: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        Box::pin(async move {
            let is_known = |is_pending: &bool| *is_pending;
            let read = self.read(Kind::IS_PENDING, is_known, |daemon| {
                Box::pin(async move { daemon.is_pending(tx).await })
            });
            Ok(read.await?.1)
        })
    }

    /// This node's healthy daemons, and each other node whose daemons have answered lately.
    fn opinions(&self) -> Vec<Arc<dyn Daemon>> {
        let mut opinions = self.local.opinions();
        for node_id in self.others.in_order() {
            if self.others.has_answered_lately(node_id) {
                opinions.push(self.others.daemon(node_id));
            }
        }
        opinions
    }

    /// This node's daemons that are away, and the other nodes when not even one of them has an
    /// opinion: a single node that is down keeps nothing waiting as long as another one agrees.
    fn missing_opinions(&self) -> Vec<(String, String)> {
        let mut missing = self.local.missing_opinions();
        let others = self.others.in_order();
        let has_answered = |node_id: &u64| self.others.has_answered_lately(*node_id);
        if self.local.opinions().len() < 2 && !others.iter().any(has_answered) {
            let problem = "its daemons have not answered lately";
            let named = |node_id: &u64| (format!("node {node_id}"), problem.to_owned());
            missing.extend(others.iter().map(named));
        }
        missing
    }
}
