//! Starting, serving and stopping.

mod accept;
mod attend;
mod exit;
mod farewells;
mod getwork;
mod greet;
mod tokens;

pub use exit::MinersExit;
pub(crate) use getwork::knock_login;
pub use getwork::{GetworkDoor, getwork_router};

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use raftpool_chain::{Address, Daemon, Network, Template};
use raftpool_ledger::{Clock, Cluster};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::arrival::Port;
use crate::authorize::Authorizer;
use crate::bans::{Bans, LocalBan, LocalBanOf};
use crate::blocks::BlockPath;
use crate::certificate::ServerCertificate;
use crate::config::{StratumConfig, Verification};
use crate::connection::Times;
use crate::credit::{Batcher, Limits};
use crate::error::StratumError;
use crate::extra_nonce::ExtraNonces;
use crate::gatekeeper::Gatekeeper;
use crate::jobs::{self, JobBoard, Pace};
use crate::judge::Judge;
use crate::limits::ConnectionLimits;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::miner::{Miner, SessionSnapshot};
use crate::newcomers::{Newcomers, RefusedWorker};
use crate::pipeline::Pipeline;
use crate::pool::Pool;
use crate::proposing::Proposer;
use crate::reports::Reports;
use crate::share::Answers;
use crate::shedding::{Load, Shedding};
use crate::strikes::{Patience, Strikes};
use crate::tips;
use crate::vardiff::Aim;
use crate::verifier::{Bounds, OnHash, Verifier};
use accept::Accept;
use farewells::Farewells;

/// How often addresses that came long ago are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(10);
/// How often the certificate's expiry is told anew.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(5);

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
    certificate: Option<JoinHandle<()>>,
    drain_time: Duration,
}

/// What listeners and connections share.
struct Shared {
    pool: Arc<Pool>,
    limits: Arc<ConnectionLimits>,
    farewells: Farewells,
    bans: Arc<Bans>,
    miners: Mutex<HashMap<u64, Arc<Miner>>>,
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
        let listeners = listen(&config.listeners).await?;
        let addresses = listeners.iter().map(|(_, address)| *address).collect();
        let ports = open_ports(&config)?;
        let metrics = Metrics::register(&parts.registry)?;
        let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
        let blocks = TaskTracker::new();

        let board = Arc::new(JobBoard::new(process_tag(parts.identity)));
        let follow = follow_chain(&config, &parts, &board, &stop);
        let strikes = Arc::new(Strikes::new(Patience::of(&config.bans)));
        let limits = ConnectionLimits::new(&config, strikes.clone(), metrics.abuse.shed.clone());
        let (bans, ban_desk) = Bans::new(config.bans, strikes, metrics.clone(), proposer(&parts));
        let (judge, batcher) = build_judge(&config, &parts, &metrics, &bans, blocks.clone());
        let pool = build_pool(&config, &parts, board, judge, extra_nonces, &limits)?;

        let shared = Arc::new(Shared {
            pool,
            limits,
            farewells: Farewells::default(),
            bans,
            miners: Mutex::new(HashMap::new()),
            clock: parts.clock,
            metrics,
            times: Times::of(&config),
            line_bytes_max: config.line_bytes_max,
        });
        let connections = TaskTracker::new();
        for ((listener, address), port) in listeners.into_iter().zip(ports) {
            let Listener {
                speaks, encryption, ..
            } = port.listener;
            tracing::info!(%address, ?speaks, ?encryption, "listening for miners");
            let (connections, drain) = (connections.clone(), drain.clone());
            let accept = Accept::new(shared.clone(), port, connections.clone(), drain);
            connections.spawn(accept.run(listener));
        }
        connections.spawn(forget_idle(shared.clone(), drain.clone()));
        connections.spawn(tokens::watch(shared.clone(), drain.clone()));
        connections.spawn(ban_desk.run(drain.clone()));
        let certificate = config.certificate.map(|certificate| {
            let metrics = shared.metrics.clone();
            tokio::spawn(follow_certificate(certificate, metrics))
        });
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
            certificate,
            drain_time: Duration::from_millis(config.drain_ms),
        })
    }

    /// Where it listens, with the ports the system chose.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.shared.pool
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

    /// Who is refused by this node and by no other, at this moment.
    pub fn local_bans(&self) -> Vec<LocalBan> {
        self.shared.bans.local()
    }

    /// Ends a ban of this node alone; whether there was one. One that is in the ledger ends there.
    pub fn lift_local_ban(&self, who: &LocalBanOf) -> bool {
        self.shared.bans.lift(who)
    }

    /// Every authorized session at this moment, in order of connecting.
    pub fn sessions(&self) -> Vec<SessionSnapshot> {
        let mut miners: Vec<_> = self.shared.miners.lock().values().cloned().collect();
        miners.sort_unstable_by_key(|miner| miner.id);
        miners.iter().filter_map(|miner| miner.snapshot()).collect()
    }

    /// The authorized sessions of one miner, in order of connecting.
    pub fn sessions_of(&self, address: &str) -> Vec<SessionSnapshot> {
        let miners = self.shared.pool.roll.of(address);
        miners.iter().filter_map(|miner| miner.snapshot()).collect()
    }

    /// What this node has refused to workers of a miner, and no ledger says: shares of those that
    /// have none accepted, and logins of any.
    pub fn refused_workers_of(&self, address: &str) -> Vec<RefusedWorker> {
        self.shared.pool.authorizer.newcomers.of(address)
    }

    /// Stops taking connections and shares, finishes and answers those under way as far as
    /// `drain_ms` reaches, and closes.
    pub async fn shutdown(self) {
        self.drain.cancel();
        if let Some(certificate) = &self.certificate {
            certificate.abort();
        }
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

async fn listen(wanted: &[Listener]) -> Result<Vec<(TcpListener, SocketAddr)>, StratumError> {
    let mut listeners = Vec::with_capacity(wanted.len());
    for address in wanted.iter().map(|listener| listener.address) {
        let failed = |source| StratumError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        listeners.push((listener, bound));
    }
    Ok(listeners)
}

fn open_ports(config: &StratumConfig) -> Result<Vec<Port>, StratumError> {
    let tls = config.certificate.as_ref();
    let tls = tls.map(|certificate| certificate.server_config());
    let tls = tls.transpose().map_err(StratumError::Tls)?;
    let port = |listener: &Listener| Port {
        terms: Arc::new(listener.terms()),
        listener: listener.clone(),
        tls: tls.clone(),
        hello: config.hello(listener.speaks),
    };
    Ok(config.listeners.iter().map(port).collect())
}

/// Has the board follow the chain until it is stopped.
fn follow_chain(
    config: &StratumConfig,
    parts: &StratumParts,
    board: &Arc<JobBoard>,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let pace = Pace {
        refresh: Duration::from_millis(config.job_refresh_ms),
        same_tips: Duration::from_millis(config.same_tips_interval_ms),
    };
    let jobs = jobs::follow(board.clone(), parts.templates.clone(), pace, stop.clone());
    let tips = tips::follow(board.clone(), parts.daemons.clone(), stop.clone());
    async {
        tokio::join!(jobs, tips);
    }
}

fn proposer(parts: &StratumParts) -> Proposer {
    Proposer {
        cluster: parts.cluster.clone(),
        clock: parts.clock.clone(),
        node_id: parts.identity.node_id,
    }
}

fn build_judge(
    config: &StratumConfig,
    parts: &StratumParts,
    metrics: &Metrics,
    bans: &Arc<Bans>,
    block_tasks: TaskTracker,
) -> (Arc<Judge>, Batcher) {
    let answers = Arc::new(Answers {
        metrics: metrics.clone(),
        reports: Arc::new(Reports::new(Arc::new(Newcomers::new(
            metrics.abuse.newcomers.clone(),
        )))),
        bans: bans.clone(),
    });
    let proposer = proposer(parts);
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
    extra_nonces: ExtraNonces,
    limits: &Arc<ConnectionLimits>,
) -> Result<Arc<Pool>, StratumError> {
    let metrics = judge.answers.metrics.clone();
    let load = Arc::<Load>::default();
    let verifier = match config.verification {
        Verification::WithoutHashing => None,
        Verification::Full => {
            let judge = judge.clone();
            let on_hash: OnHash<_> = Arc::new(move |share, hash| judge.judge(share, hash));
            let bounds = Bounds {
                queue_max: config.verification_queue_max,
                per_source_max: config.unverified_shares_per_ip_max,
            };
            Some(Verifier::start(
                config.verifier_threads,
                bounds,
                metrics.clone(),
                load.clone(),
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
            gatekeeper: Gatekeeper::new(parts.clock.clone(), metrics.clone()),
            bans: judge.answers.bans.clone(),
            shedding: Shedding {
                load,
                queue_max: config.verification_queue_max,
                metrics,
            },
            newcomers: judge.answers.reports.newcomers.clone(),
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
        roll: Arc::default(),
        limits: limits.clone(),
        extra_nonces,
        miner_key_hex: hex::encode(miner_key),
        malformed_lines_max: config.malformed_lines_max,
        requests_before_authorization_max: config.requests_before_authorization_max,
    }))
}

/// Keeps the memory of who came bounded by who came lately.
async fn forget_idle(shared: Arc<Shared>, drain: CancellationToken) {
    let mut interval = tokio::time::interval(FORGET_INTERVAL);
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            _ = interval.tick() => {
                shared.limits.forget_idle();
                shared.pool.authorizer.gatekeeper.forget_idle();
                shared.bans.forget();
                let newcomers = &shared.pool.authorizer.newcomers;
                newcomers.forget(shared.clock.now_ms());
            }
        }
    }
}

async fn follow_certificate(certificate: Arc<ServerCertificate>, metrics: Metrics) {
    let mut interval = tokio::time::interval(EXPIRY_INTERVAL);
    let follow = certificate.clone().follow();
    let tell = async {
        loop {
            interval.tick().await;
            let expires_s = certificate.expires_at_ms() / 1_000;
            metrics
                .certificate_expires
                .set(i64::try_from(expires_s).unwrap_or(i64::MAX));
        }
    };
    tokio::join!(follow, tell);
}
