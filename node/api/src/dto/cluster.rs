//! The nodes of the cluster: what operators see and ask for, and what visitors see.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Decimal;
use super::names::{DrainPhaseName, EncryptionName, ProtocolName, RoleName, SchemeName};

/// How the cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Every member does what it should.
    Healthy,
    /// The pool works, but something is wrong: see the problems.
    Degraded,
    /// No majority: nothing is acknowledged.
    NoQuorum,
}

/// The answer of `GET /admin/v1/cluster`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// The cluster, in hexadecimal.
    pub cluster_id: String,
    /// The node that answers.
    pub node_id: u64,
    /// Whether it is a member; one that waits to be added is not.
    pub is_member: bool,
    /// What the node that answers waits for, until it serves.
    pub waiting_for: Option<String>,
    /// How the cluster is.
    pub health: Health,
    /// The leader, when known.
    pub leader_id: Option<u64>,
    /// The current term.
    pub term: u64,
    /// The smallest id a new node may have.
    pub next_node_id: u64,
    /// Up to which version commands may be used; null when a program of the first version answers.
    #[serde(default)]
    pub finalized_version: Option<u32>,
    /// What is wrong, in words.
    pub problems: Vec<String>,
    /// The members, by id.
    pub nodes: Vec<ClusterNode>,
}

/// One member, as the leader and the member itself describe it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterNode {
    /// Its id.
    pub id: u64,
    /// Where the other nodes reach it.
    pub address: String,
    /// Whether it answered.
    pub reachable: bool,
    /// Whether it serves miners.
    pub serving: bool,
    /// Release of the running program.
    pub version: Option<String>,
    /// Newest version of commands it knows; null while it does not answer.
    #[serde(default)]
    pub command_version: Option<u32>,
    /// "leader", "follower", "candidate", "learner", "stopped" or "unreachable".
    pub role: String,
    /// Whether it votes.
    pub is_voter: bool,
    /// Its term.
    pub term: Option<u64>,
    /// Newest log index it has applied.
    pub applied_index: Option<u64>,
    /// Entries of the leader's log that it has not stored yet.
    pub lag: Option<u64>,
    /// First digits of the digest of its books at the newest index that all nodes have in common.
    pub digest: Option<String>,
    /// That index.
    pub digest_index: Option<u64>,
    /// Bytes of its log and ledger.
    pub database_bytes: Option<u64>,
    /// Greatest height that its daemons know.
    pub daemon_height: Option<u64>,
    /// Open connections of miners.
    pub connections: Option<u64>,
    /// Accepted shares per second over the last minute, with three digits.
    pub shares_per_second: Option<String>,
    /// Accepted work per second over the last minute, in hashes.
    pub hashrate: Option<Decimal>,
    /// The present step of its payout duty, in words.
    pub payout_status: Option<String>,
    /// Where its API listens.
    pub api: Option<String>,
    /// When its process started.
    pub started_at_ms: Option<u64>,
    /// How far it is in letting go of its work: "asking", "waiting", "leaving" or "drained"; null
    /// while it does not.
    #[serde(default)]
    pub drain_phase: Option<String>,
    /// What strangers may know of it; null while it does not answer.
    #[serde(default)]
    pub public: Option<PublicFacts>,
    /// What is wrong with it, in words.
    pub errors: Vec<String>,
}

/// What the operator of a node lets strangers know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct PublicFacts {
    /// Its name; null when it was given none.
    pub name: Option<String>,
    /// Where it stands; null when that was not said.
    pub region: Option<String>,
    /// Base URL of its API, as browsers reach it; null when it was given none.
    pub api_url: Option<String>,
    /// Where miners connect to it.
    pub endpoints: Vec<Endpoint>,
}

/// One way in for miners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// What is spoken there: a port of "stratum" understands Xatum as well.
    #[schema(value_type = ProtocolName)]
    pub protocol: String,
    /// Name or address to connect to; null when the node does not know by what it is reached: try
    /// the host of its API.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
    /// "plain", "tls", or "both" when it takes either.
    #[schema(value_type = EncryptionName)]
    pub encryption: String,
    /// Difficulty of a worker nothing is known of.
    pub starting_difficulty: Decimal,
    /// Scheme of a miner that names none and has none of its own; null: the pool's.
    #[schema(value_type = Option<SchemeName>)]
    pub default_scheme: Option<String>,
}

/// The answer of `GET /api/v1/nodes`: what everybody may know of the nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nodes {
    /// How the cluster is.
    pub health: Health,
    /// The leader, when known.
    pub leader_id: Option<u64>,
    /// The nodes, by id.
    pub items: Vec<PublicNode>,
}

/// One node, for everybody.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicNode {
    /// Its id.
    pub id: u64,
    /// What it does.
    #[schema(value_type = RoleName)]
    pub role: String,
    /// Whether it votes.
    pub is_voter: bool,
    /// Whether it serves miners.
    pub serving: bool,
    /// How far it is in letting go of its work, for a while or because it stops; null while it does
    /// not.
    #[schema(value_type = Option<DrainPhaseName>)]
    pub drain_phase: Option<String>,
    /// Whether it answered.
    pub reachable: bool,
    /// Its name; null when it was given none.
    pub name: Option<String>,
    /// Where it stands; null when that was not said.
    pub region: Option<String>,
    /// Base URL of its API, as browsers reach it; null when it was given none.
    pub api_url: Option<String>,
    /// When its process started.
    pub started_at_ms: Option<u64>,
    /// Release of the running program.
    pub version: Option<String>,
    /// Newest log index it has applied.
    pub applied_index: Option<u64>,
    /// Entries of the leader's log that it has not stored yet.
    pub lag: Option<u64>,
    /// Greatest height that its daemons know.
    pub daemon_height: Option<u64>,
    /// Open connections of miners.
    pub connections: Option<u64>,
    /// Accepted shares per second over the last minute, with three digits.
    pub shares_per_second: Option<String>,
    /// Accepted work per second over the last minute, in hashes.
    pub hashrate: Option<Decimal>,
}

impl From<ClusterStatus> for Nodes {
    fn from(status: ClusterStatus) -> Self {
        Self {
            health: status.health,
            leader_id: status.leader_id,
            items: status.nodes.into_iter().map(PublicNode::from).collect(),
        }
    }
}

impl From<ClusterNode> for PublicNode {
    fn from(node: ClusterNode) -> Self {
        let public = node.public.unwrap_or_default();
        Self {
            reachable: node.reachable,
            name: public.name,
            region: public.region,
            api_url: public.api_url,
            started_at_ms: node.started_at_ms,
            id: node.id,
            role: node.role,
            is_voter: node.is_voter,
            serving: node.serving,
            drain_phase: node.drain_phase,
            version: node.version,
            applied_index: node.applied_index,
            lag: node.lag,
            daemon_height: node.daemon_height,
            connections: node.connections,
            shares_per_second: node.shares_per_second,
            hashrate: node.hashrate,
        }
    }
}

/// A change of the members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MemberChange {
    /// Found a cluster on the node that is asked, which waits in an empty data directory.
    Init,
    /// Add a node that waits in an empty data directory; it gets no vote.
    Add {
        /// Its id, which its certificate says as well.
        node_id: u64,
        /// Where the other nodes reach it.
        address: String,
    },
    /// Give added nodes a vote.
    Promote {
        /// Their ids.
        node_ids: Vec<u64>,
        /// Even if that makes two voters.
        #[serde(default)]
        is_forced: bool,
    },
    /// Give the place of one node to another one that waits in an empty data directory.
    Replace {
        /// The node that leaves.
        old_node_id: u64,
        /// The node that takes its place.
        new_node_id: u64,
        /// Where the other nodes reach the new one.
        address: String,
    },
    /// Remove a node for ever.
    Remove {
        /// Its id.
        node_id: u64,
        /// Even if that leaves two voters.
        #[serde(default)]
        is_forced: bool,
    },
    /// Have another node lead.
    Transfer {
        /// Its id.
        node_id: u64,
    },
    /// Let commands be used up to the newest version that the node that is asked knows, when every
    /// member knows it.
    Finalize {
        /// Only say whether that could be done.
        #[serde(default)]
        is_check: bool,
        /// Why, one line; kept in the books, unless it is only a check.
        #[serde(default)]
        reason: String,
    },
}

impl MemberChange {
    /// Last part of the path it is asked for at, under `/admin/v1/cluster/`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Add { .. } => "add",
            Self::Promote { .. } => "promote",
            Self::Replace { .. } => "replace",
            Self::Remove { .. } => "remove",
            Self::Transfer { .. } => "transfer",
            Self::Finalize { .. } => "finalize",
        }
    }
}

/// The body of `POST /admin/v1/cluster/...`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRequest {
    /// Who asks.
    pub author: String,
    /// What for; its kind must be the path's last part.
    pub change: MemberChange,
}

/// The answer to a change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MemberAnswer {
    /// Whether it is made; otherwise it is under way, and must be asked for again.
    pub is_done: bool,
    /// In words.
    pub detail: String,
}
