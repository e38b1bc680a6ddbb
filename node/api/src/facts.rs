//! What only the running process knows, as the binary tells it to the API.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use raftpool_ledger::command::RejectReason;

/// Facts about this node that are not in the ledger.
///
/// Every method is called from the network runtime: it answers from memory and never waits.
pub trait LiveFacts: Send + Sync + 'static {
    /// Whether the process itself is well: its main loop turns. Asks neither the cluster nor a
    /// daemon, because a restart would mend neither.
    fn liveness(&self) -> Condition;

    /// What must hold before miners and visitors are sent to this node, beyond what the API
    /// checks itself (a readable ledger, a known leader, a confirmed quorum).
    fn conditions(&self) -> Vec<Condition>;

    /// What this node knows about itself and its surroundings.
    fn node(&self) -> NodeFacts;

    /// The open sessions of a miner on this node, in order of connecting: as many as it has.
    fn sessions(&self, address: &str) -> Vec<SessionFacts>;

    /// What this node has refused to workers of a miner, and the ledger does not say: shares of
    /// workers that have none accepted, and logins of any. Names in it may be anybody's.
    fn refused_workers(&self, address: &str) -> Vec<RefusedWorkerFacts>;
}

/// One session of a miner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// Name of the worker.
    pub worker: String,
    /// What it speaks: "stratum", "xatum" or "getwork".
    pub protocol: &'static str,
    /// Whether it came over TLS, as far as the node sees.
    pub is_tls: bool,
    /// Where it connects from. For its owner and the operator, not for everybody.
    pub remote: SocketAddr,
    /// What its software calls itself; empty when it did not say.
    pub user_agent: String,
    /// When it connected, in milliseconds since the Unix epoch.
    pub connected_at_ms: u64,
    /// Difficulty of its newest job, in expected hashes; 0 before the first.
    pub difficulty: u64,
    /// When its newest accepted share arrived, in milliseconds since the Unix epoch.
    pub last_share_at_ms: Option<u64>,
    /// Shares answered "accepted".
    pub accepted: u64,
    /// Refused shares by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
}

/// What a node refused to one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedWorkerFacts {
    /// Name of the worker.
    pub worker: String,
    /// When it was refused something first, in milliseconds since the Unix epoch.
    pub first_at_ms: u64,
    /// When it was refused something last, in milliseconds since the Unix epoch.
    pub last_at_ms: u64,
    /// Refused shares by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// Refused logins by reason, one of a small set of words.
    pub logins: BTreeMap<&'static str, u64>,
    /// What the miner was told last.
    pub last_words: String,
}

/// What an operator says of the pool, and what is fixed about its chain. The same as long as the
/// process lives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Name of the pool.
    pub pool_name: Option<String>,
    /// Where the operator can be reached.
    pub contact_url: Option<String>,
    /// A block in an explorer; `{hash}` stands for its hash.
    pub explorer_block_url: Option<String>,
    /// A transaction in an explorer; `{hash}` stands for its hash.
    pub explorer_transaction_url: Option<String>,
    /// An address in an explorer; `{address}` stands for it.
    pub explorer_address_url: Option<String>,
    /// What the addresses of the chain begin with, without the colon.
    pub address_prefix: &'static str,
    /// Time the chain aims at between two blocks.
    pub block_time_ms: u64,
}

/// One thing that holds or does not, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Short name in snake case, the same on every node and release.
    pub name: &'static str,
    /// Whether it holds.
    pub met: bool,
    /// What was seen, with numbers.
    pub detail: String,
}

impl Condition {
    /// A condition with what was seen.
    pub fn new(name: &'static str, met: bool, detail: impl Into<String>) -> Self {
        Self {
            name,
            met,
            detail: detail.into(),
        }
    }
}

/// What a node knows about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The running program.
    pub build: BuildFacts,
    /// When the process started, in milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// Open connections of miners.
    pub miner_connections: u64,
    /// The daemons it is configured with, in their order of preference.
    pub daemons: Vec<DaemonFacts>,
    /// The newest block template, when there is one.
    pub template: Option<TemplateFacts>,
    /// How many heights pass before the chain's order of a block is final.
    pub stability_heights: u64,
    /// What the payout duty does on this node.
    pub payout: PayoutFacts,
}

/// The running program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFacts {
    /// Release version.
    pub version: String,
    /// Source revision, when it was known at build time.
    pub revision: Option<String>,
}

/// One daemon as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonFacts {
    /// Name for people; without credentials.
    pub name: String,
    /// Whether it is used at present.
    pub healthy: bool,
    /// Its newest height, when it answered.
    pub height: Option<u64>,
    /// Why it is not used.
    pub problem: Option<String>,
}

/// The newest block template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFacts {
    /// Height of the block to find.
    pub height: u64,
    /// Topoheight of the chain when the template was made.
    pub topoheight: u64,
    /// Network difficulty in expected hashes, as a decimal number: it may exceed 128 bits.
    pub network_difficulty: String,
    /// Difficulty over the time that the chain aims at between two blocks, in hashes per second, as
    /// a decimal number.
    pub network_hashrate: String,
    /// What the block would pay its miner besides fees, in atomic units; none when unknown.
    pub miner_reward_atomic: Option<u64>,
    /// Name of the proof of work.
    pub algorithm: String,
    /// When this node received it, in milliseconds since the Unix epoch.
    pub received_at_ms: u64,
}

/// What the payout duty does on this node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PayoutFacts {
    /// The present step in words.
    pub status: String,
    /// What an operator must look at; empty when all is well.
    pub alarms: Vec<String>,
}
