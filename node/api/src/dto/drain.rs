//! Taking a node out of service: what operators ask for and see.

use serde::{Deserialize, Serialize};

/// The answer of `GET /admin/v1/node` and of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainStatus {
    /// The node that answers.
    pub node_id: u64,
    /// "asking" whether it may, "waiting" for balancers and resolvers, "leaving" while miners go, or
    /// "drained"; null while it does not drain.
    pub drain_phase: Option<String>,
    /// When that phase began.
    pub since_ms: Option<u64>,
    /// Open connections of miners.
    pub connections: u64,
    /// Whether it leads.
    pub is_leader: bool,
    /// Whether it serves miners.
    pub serving: bool,
}

/// The body of `POST /admin/v1/node/drain`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrainRequest {
    /// Who asks.
    pub author: String,
    /// Time over which miners go; the configured one when not given.
    #[serde(default)]
    pub over_ms: Option<u64>,
    /// Even if another member drains or does not answer.
    #[serde(default)]
    pub is_forced: bool,
}

/// The body of `POST /admin/v1/node/undrain`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndrainRequest {
    /// Who asks.
    pub author: String,
}
