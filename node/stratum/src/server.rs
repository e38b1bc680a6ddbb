//! Starting, serving and stopping.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use raftpool_chain::{Address, Daemon, Network, Template};
use raftpool_ledger::{Clock, Cluster};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::authorize::Authorizer;
use crate::blocks::BlockPath;
use crate::config::{StratumConfig, Verification};
use crate::connection::{Connection, Times};
use crate::credit::{Batcher, Limits};
use crate::error::StratumError;
use crate::extra_nonce::ExtraNonces;
use crate::jobs::{self, JobBoard, Pace};
use crate::judge::Judge;
use crate::limits::{ConnectionLimits, Place};
use crate::metrics::Metrics;
use crate::miner::{Miner, SessionSnapshot};
use crate::pipeline::Pipeline;
use crate::proposing::Proposer;
use crate::protocol;
use crate::reports::Reports;
use crate::session::Pool;
use crate::share::Answers;
use crate::vardiff::Aim;
use crate::verifier::{OnHash, Verifier};

/// Pause after the system refused a connection, for instance for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Names this process among all processes of the cluster, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The node, from 1; at most 2^32 - 1.
    pub node_id: u64,
    /// Counts the node's processes, from 1: it must rise with every start, since extra nonces and
    /// batch ids are only unique within it.
    pub epoch: u64,
}

/// What the server works with.
pub struct StratumParts {
    /// Where shares and blocks are booked and workers looked up.
    pub cluster: Arc<dyn Cluster>,
    /// Wall clock, for the times in commands.
    pub clock: Arc<dyn Clock>,
    /// Where found blocks go; its `submit_block` reaches every daemon.
    pub daemons: Arc<dyn Daemon>,
    /// The newest template; `None` until there is one.
    pub templates: watch::Receiver<Option<Arc<Template>>>,
    /// Where metrics are registered, once.
    pub registry: prometheus::Registry,
    /// This process.
    pub identity: NodeIdentity,
    /// Random; keys the MAC in extra nonces.
    pub extra_nonce_key: [u8; 32],
    /// The address blocks pay to.
    pub pool_address: Address,
    /// The network miners' addresses must belong to.
    pub network: Network,
}

/// The miners' side of a node, serving until it is shut down.
pub struct StratumServer {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    /// Stops accepting and drains connections.
    drain: CancellationToken,
    /// Stops what the connections need.
    stop: CancellationToken,
    /// A server that is dropped without a shutdown must not go on serving unseen.
    _on_drop: [DropGuard; 2],
    connections: TaskTracker,
    jobs: JoinHandle<()>,
    batcher: JoinHandle<()>,
    blocks: TaskTracker,
    drain_time: Duration,
}

/// What listeners and connections share.
struct Shared {
    pool: Arc<Pool>,
    limits: Arc<ConnectionLimits>,
    miners: Mutex<HashMap<u64, Arc<Miner>>>,
    extra_nonces: ExtraNonces,
    next_connection: AtomicU64,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    times: Times,
    line_bytes_max: usize,
}

impl StratumServer {
    /// Binds the listeners and starts serving. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When a setting cannot work, an address is taken, or threads or metrics are refused.
    pub async fn start(config: StratumConfig, parts: StratumParts) -> Result<Self, StratumError> {
        config.check()?;
        let NodeIdentity { node_id, epoch } = parts.identity;
        let extra_nonces = ExtraNonces::new(parts.extra_nonce_key, node_id, epoch)?;
        let listeners = listen(&config.listen).await?;
        let addresses = listeners.iter().map(|(_, address)| *address).collect();
        let metrics = Metrics::register(&parts.registry)?;
        let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
        let blocks = TaskTracker::new();

        let board = Arc::new(JobBoard::new(process_tag(parts.identity)));
        let pace = Pace {
            refresh: Duration::from_millis(config.job_refresh_ms),
            same_tips: Duration::from_millis(config.same_tips_interval_ms),
        };
        let follow = jobs::follow(board.clone(), parts.templates.clone(), pace, stop.clone());
        let (judge, batcher) = build_judge(&config, &parts, &metrics, blocks.clone());
        let pool = build_pool(&config, &parts, board, judge, &metrics)?;

        let shared = Arc::new(Shared {
            pool,
            limits: ConnectionLimits::new(config.connections_max, config.connections_per_ip_max),
            miners: Mutex::new(HashMap::new()),
            extra_nonces,
            next_connection: AtomicU64::new(1),
            clock: parts.clock,
            metrics,
            times: Times::of(&config),
            line_bytes_max: config.line_bytes_max,
        });
        let connections = TaskTracker::new();
        for (listener, address) in listeners {
            tracing::info!(%address, "listening for miners");
            let accept = accept(shared.clone(), listener, connections.clone(), drain.clone());
            connections.spawn(accept);
        }
        Ok(Self {
            shared,
            addresses,
            jobs: tokio::spawn(follow),
            batcher: tokio::spawn(batcher.run(stop.clone())),
            _on_drop: [drain.clone().drop_guard(), stop.clone().drop_guard()],
            drain,
            stop,
            connections,
            blocks,
            drain_time: Duration::from_millis(config.drain_ms),
        })
    }

    /// Where it listens, with the ports the system chose.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.shared.limits.open()
    }

    /// Accepted shares and their work, in hashes, since the start.
    pub fn accepted(&self) -> (u64, u64) {
        let metrics = &self.shared.metrics;
        let shares = metrics.shares.with_label_values(&["accepted"]).get();
        (shares, metrics.accepted_work.get())
    }

    /// Every authorized session at this moment, in order of connecting.
    pub fn sessions(&self) -> Vec<SessionSnapshot> {
        let mut miners: Vec<_> = self.shared.miners.lock().values().cloned().collect();
        miners.sort_unstable_by_key(|miner| miner.id);
        miners.iter().filter_map(|miner| miner.snapshot()).collect()
    }

    /// Stops taking connections and shares, finishes and answers those under way as far as
    /// `drain_ms` reaches, and closes.
    pub async fn shutdown(self) {
        self.drain.cancel();
        self.connections.close();
        self.connections.wait().await;

        if let Some(verifier) = &self.shared.pool.pipeline.verifier {
            let shared = self.shared.clone();
            verifier.stop();
            let join = move || {
                if let Some(verifier) = &shared.pool.pipeline.verifier {
                    verifier.join();
                }
            };
            if tokio::task::spawn_blocking(join).await.is_err() {
                tracing::error!("waiting for the verifiers failed");
            }
        }
        self.stop.cancel();
        self.blocks.close();
        let rest = async {
            let _ = self.batcher.await;
            self.blocks.wait().await;
        };
        if tokio::time::timeout(self.drain_time, rest).await.is_err() {
            tracing::error!("shares or blocks were still waiting for a quorum at shutdown");
        }
        let _ = self.jobs.await;
    }
}

/// Sets this process's job names apart from those of other nodes and earlier starts.
fn process_tag(identity: NodeIdentity) -> u32 {
    let mut name = [0; 16];
    name[..8].copy_from_slice(&identity.node_id.to_be_bytes());
    name[8..].copy_from_slice(&identity.epoch.to_be_bytes());
    let hash = blake3::hash(&name);
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

async fn listen(addresses: &[SocketAddr]) -> Result<Vec<(TcpListener, SocketAddr)>, StratumError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses.iter().copied() {
        let failed = |source| StratumError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        listeners.push((listener, bound));
    }
    Ok(listeners)
}

fn build_judge(
    config: &StratumConfig,
    parts: &StratumParts,
    metrics: &Metrics,
    block_tasks: TaskTracker,
) -> (Arc<Judge>, Batcher) {
    let answers = Arc::new(Answers {
        metrics: metrics.clone(),
        reports: Arc::new(Reports::default()),
    });
    let proposer = Proposer {
        cluster: parts.cluster.clone(),
        clock: parts.clock.clone(),
        node_id: parts.identity.node_id,
    };
    let limits = Limits {
        queue_max: config.credit_queue_max,
        linger: Duration::from_millis(config.batch_linger_ms),
        shares_max: config.batch_shares_max,
        in_flight: config.batches_in_flight,
        no_quorum_wait: config.no_quorum_wait(),
    };
    let (credit, batcher) = Batcher::new(
        limits,
        proposer.clone(),
        answers.clone(),
        parts.identity.epoch,
    );
    let blocks = Arc::new(BlockPath {
        daemons: parts.daemons.clone(),
        proposer,
        answers: answers.clone(),
        no_quorum_wait: config.no_quorum_wait(),
        runtime: Handle::current(),
        tasks: block_tasks,
    });
    (
        Arc::new(Judge {
            answers,
            credit,
            blocks,
            grace_heights: config.grace_heights,
        }),
        batcher,
    )
}

fn build_pool(
    config: &StratumConfig,
    parts: &StratumParts,
    board: Arc<JobBoard>,
    judge: Arc<Judge>,
    metrics: &Metrics,
) -> Result<Arc<Pool>, StratumError> {
    let verifier = match config.verification {
        Verification::WithoutHashing => None,
        Verification::Full => {
            let judge = judge.clone();
            let on_hash: OnHash<_> = Arc::new(move |share, hash| judge.judge(share, hash));
            let (threads, queue_max) = (config.verifier_threads, config.verification_queue_max);
            Some(Verifier::start(
                threads,
                queue_max,
                metrics.clone(),
                on_hash,
            )?)
        }
    };
    let miner_key = *parts.pool_address.public_key();
    let aim = Aim {
        interval_ms: config.target_share_interval_ms,
        minimum: config.minimum_difficulty,
        maximum: config.maximum_difficulty,
    };
    Ok(Arc::new(Pool {
        authorizer: Authorizer {
            cluster: parts.cluster.clone(),
            network: parts.network,
            aim,
            starting_difficulty: config.starting_difficulty,
        },
        pipeline: Pipeline {
            board: board.clone(),
            judge,
            verifier,
            clock: parts.clock.clone(),
            miner_key,
            shares_in_flight_max: config.shares_in_flight_per_connection,
        },
        board,
        miner_key_hex: hex::encode(miner_key),
        malformed_lines_max: config.malformed_lines_max,
    }))
}

async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    connections: TaskTracker,
    drain: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = drain.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                take_connection(&shared, stream, remote, &connections, &drain);
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "accept a connection"
                );
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn take_connection(
    shared: &Arc<Shared>,
    stream: TcpStream,
    remote: SocketAddr,
    connections: &TaskTracker,
    drain: &CancellationToken,
) {
    match shared.limits.admit(remote.ip()) {
        Ok(place) => {
            let serve = shared.clone().serve(stream, remote, place, drain.clone());
            connections.spawn(serve);
        }
        Err(refused) => {
            shared
                .metrics
                .connections_refused
                .with_label_values(&[refused.label()])
                .inc();
            tracing::debug!(%remote, reason = refused.label(), "connection refused");
            let mut line = bytes::BytesMut::new();
            protocol::write_print(&mut line, refused.message());
            // A fresh socket takes a line at once; if not, nobody waits for it.
            let _: io::Result<usize> = stream.try_write(&line);
        }
    }
}

impl Shared {
    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        remote: SocketAddr,
        place: Place,
        drain: CancellationToken,
    ) {
        let number = self.next_connection.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(connection = number, %remote, "connected");
        self.metrics.connections.inc();
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(connection = number, %error, "set TCP_NODELAY");
        }
        let extra_nonce = self.extra_nonces.of_connection(number);
        let (miner, answers) = Miner::new(number, remote, self.clock.now_ms(), extra_nonce);
        self.miners.lock().insert(number, miner.clone());
        // Everything about the connection goes with its task, also when the task panics.
        let guard = Registered {
            shared: self.clone(),
            number,
            _place: place,
        };
        let connection = Connection::new(
            stream,
            self.pool.clone(),
            miner,
            answers,
            self.times,
            self.line_bytes_max,
        );
        let reason = connection.serve(drain).await;
        self.metrics.disconnects.with_label_values(&[reason]).inc();
        tracing::debug!(connection = number, %remote, reason, "disconnected");
        drop(guard);
    }
}

struct Registered {
    shared: Arc<Shared>,
    number: u64,
    _place: Place,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared.miners.lock().remove(&self.number);
        self.shared.metrics.connections.dec();
    }
}
