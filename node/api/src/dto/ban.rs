//! Bans, as operators see and lift them.

use std::net::IpAddr;

use raftpool_ledger::StateError;
use raftpool_ledger::view::{self, LedgerView};
use serde::{Deserialize, Serialize};

use super::admin::Source;
use crate::bans::{LocalBan, LocalBanOf};

/// Most bans of the ledger that one answer shows.
const BANS_SHOWN: usize = 500;

/// The answer of `GET /admin/v1/bans`.
#[derive(Debug, Serialize)]
pub struct Bans {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// Bans of all nodes that are in force.
    pub in_force: u64,
    /// Those bans, one miner's after the other; 500 at most, see `next_after_miner`.
    pub bans: Vec<Ban>,
    /// With `next_after_worker`: what to ask for as `after_miner` and `after_worker` to see more;
    /// null when there is no more.
    pub next_after_miner: Option<String>,
    /// See `next_after_miner`.
    pub next_after_worker: Option<String>,
    /// What the node that answers refuses, and no other one.
    pub of_this_node: Vec<NodeBan>,
}

/// A worker all nodes refuse.
#[derive(Debug, Serialize)]
pub struct Ban {
    /// The miner's address.
    pub miner: String,
    /// The worker's name.
    pub worker: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// Who asked for it: a node, mostly.
    pub author: String,
}

/// Somebody one node refuses: a worker whose ban could not be stored, or an IP address.
#[derive(Debug, Serialize)]
pub struct NodeBan {
    /// "worker" or "ip".
    pub kind: &'static str,
    /// The miner's address; null for an IP address.
    pub miner: Option<String>,
    /// The worker's name; null for an IP address.
    pub worker: Option<String>,
    /// The IP address, or the first one of a /64; null for a worker.
    pub ip: Option<IpAddr>,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until_ms: u64,
}

/// The body of `POST /admin/v1/bans/lift`: either `miner` and `worker`, or `ip`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftRequest {
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The miner's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miner: Option<String>,
    /// The worker's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// An IP address that the node that is asked refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
}

impl Bans {
    pub(crate) fn read(
        view: &LedgerView<'_>,
        source: Source,
        after: Option<(String, String)>,
        of_this_node: Vec<LocalBan>,
        now_ms: u64,
    ) -> Result<Self, StateError> {
        let after = after.as_ref().map(|(miner, worker)| (&**miner, &**worker));
        let mut bans = view.bans(after, BANS_SHOWN + 1, now_ms)?;
        let has_more = bans.len() > BANS_SHOWN;
        bans.truncate(BANS_SHOWN);
        let last = bans.last().filter(|_| has_more).cloned();
        let (next_after_miner, next_after_worker) =
            last.map_or((None, None), |ban| (Some(ban.miner), Some(ban.worker)));
        Ok(Self {
            source,
            in_force: view.bans_in_force(now_ms)?,
            bans: bans.into_iter().map(Ban::from).collect(),
            next_after_miner,
            next_after_worker,
            of_this_node: of_this_node.into_iter().map(NodeBan::from).collect(),
        })
    }
}

impl From<view::Ban> for Ban {
    fn from(ban: view::Ban) -> Self {
        Self {
            miner: ban.miner,
            worker: ban.worker,
            reason: ban.reason,
            since_ms: ban.since_ms,
            until_ms: ban.until_ms,
            author: ban.author,
        }
    }
}

impl From<LocalBan> for NodeBan {
    fn from(ban: LocalBan) -> Self {
        let (kind, miner, worker, ip) = match ban.who {
            LocalBanOf::Worker { miner, worker } => ("worker", Some(miner), Some(worker), None),
            LocalBanOf::Ip(ip) => ("ip", None, None, Some(ip)),
        };
        Self {
            kind,
            miner,
            worker,
            ip,
            reason: ban.reason,
            until_ms: ban.until_ms,
        }
    }
}
