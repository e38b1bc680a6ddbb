//! A server without connections or templates, for tests of what nobody can bring about from
//! outside.

use std::net::SocketAddr;
use std::sync::Arc;

use raftpool_chain::{
    Address, BlockHeader, BoxFuture, ChainBlock, ChainError, ChainInfo, Daemon, Execution, Hash,
    Network, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus, Template,
};
use raftpool_ledger::Clock;
use raftpool_ledger::testing::MemoryCluster;
use raftpool_pow::{Algorithm, Difficulty};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::config::StratumConfig;
use crate::duplicates::ShareKey;
use crate::limits::ConnectionLimits;
use crate::metrics::Metrics;
use crate::miner::{Answer, Miner, Visitor};
use crate::places::Ticket;
use crate::pool::Pool;
use crate::protocol::Id;
use crate::server::{NodeIdentity, StratumParts, StratumServer};
use crate::share::Share;
use crate::strikes::{Patience, Strikes};

const POOL: &str = "xet:pg6nn3q3fqqaw0h7p689ul4a0tz9z76kkj6ys2umexs08flsrvmsqg4eea0";

struct Still;

impl Clock for Still {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }
}

/// A daemon that is down.
struct Down;

fn nothing<T>() -> BoxFuture<'static, Result<T, ChainError>> {
    Box::pin(async { Err(ChainError::NoHealthyDaemon { problems: vec![] }) })
}

impl Daemon for Down {
    fn name(&self) -> String {
        "down".into()
    }
    fn submit_block<'a>(
        &'a self,
        _: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        nothing()
    }
    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        nothing()
    }
    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        nothing()
    }
    fn template<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        nothing()
    }
    fn block(&self, _: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        nothing()
    }
    fn ordered_blocks(&self, _: u64, _: u64) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        nothing()
    }
    fn nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        nothing()
    }
    fn stable_nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        nothing()
    }
    fn submit_transaction<'a>(
        &'a self,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        nothing()
    }
    fn execution(&self, _: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        nothing()
    }
    fn is_pending(&self, _: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        nothing()
    }
}

/// A server over an empty ledger.
pub(crate) async fn server() -> StratumServer {
    let pool_address = Address::parse(POOL, Network::Devnet).unwrap();
    let parts = StratumParts {
        cluster: Arc::new(MemoryCluster::new()),
        clock: Arc::new(Still),
        daemons: Arc::new(Down),
        templates: watch::Sender::new(None).subscribe(),
        registry: prometheus::Registry::new(),
        identity: NodeIdentity {
            node_id: 1,
            epoch: 1,
        },
        extra_nonce_key: [9; 32],
        pool_address,
        network: Network::Devnet,
    };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = StratumConfig::new(vec![listen]);
    StratumServer::start(config, parts).await.unwrap()
}

/// A connection without a socket, and where the answers to its shares come out.
pub(crate) fn miner(pool: &Pool) -> (Arc<Miner>, mpsc::UnboundedReceiver<Answer>) {
    let number = pool.extra_nonces.draw();
    let extra_nonce = pool.extra_nonces.numbered(number);
    Miner::new(number, visitor(), 1, extra_nonce)
}

/// Somebody on this machine.
pub(crate) fn visitor() -> Visitor {
    let config = StratumConfig::new(Vec::new());
    let strikes = Arc::new(Strikes::new(Patience::of(&config.bans)));
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    let limits = ConnectionLimits::new(&config, strikes, metrics.abuse.shed);
    Visitor {
        remote: ([127, 0, 0, 1], 1).into(),
        is_encrypted: false,
        terms: Arc::default(),
        ticket: Ticket::new(0, limits),
    }
}

/// A share for a job of its own.
pub(crate) fn share(pool: &Pool, miner: &Arc<Miner>, nonce: u64) -> Share {
    let header = BlockHeader {
        version: 6,
        height: 1,
        timestamp_ms: 1,
        nonce: 0,
        extra_nonce: [0; 32],
        tips: vec![],
        transactions: vec![],
        miner_key: [5; 32],
    };
    let template = Template {
        work_hash: header.work_hash(),
        header,
        algorithm: Algorithm::V3,
        height: 1,
        topoheight: 1,
        difficulty: Difficulty::from_u64(u64::MAX).unwrap(),
        miner_reward_atomic: 0,
    };
    pool.board.publish(Arc::new(template), 1);
    let job = pool.board.newest().unwrap();
    let work = job.work(nonce, miner.extra_nonce, pool.pipeline.miner_key);
    Share {
        miner: miner.clone(),
        answers: pool.pipeline.judge.answers.clone(),
        id: Some(Id::null()),
        key: ShareKey::of(&work),
        work,
        job,
        difficulty: 1,
        heights_late: 0,
        received_at_ms: 1,
        waiting_since: Instant::now(),
    }
}
