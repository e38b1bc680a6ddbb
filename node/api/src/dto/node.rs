//! What the answering node says about itself.

use raftpool_ledger::cluster::Leadership;
use serde::Serialize;
use utoipa::ToSchema;

use crate::facts::{Condition, NodeFacts};
use crate::number::age_ms;

/// The node that answers. These are its own facts and not part of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub struct Node {
    /// Its id in the cluster.
    pub id: u64,
    /// Id of the leader, when this node knows one.
    pub leader_id: Option<u64>,
    /// The term of the consensus.
    pub term: u64,
    /// Release of the running program.
    pub version: String,
    /// Source revision of the running program.
    pub revision: Option<String>,
    /// When the process started.
    pub started_at_ms: u64,
    /// This node's clock when it answered; ages on a page are counted from here.
    pub now_ms: u64,
    /// Open connections of miners to this node.
    pub miner_connections: u64,
    /// The daemons it follows.
    pub daemons: Vec<Daemon>,
    /// What its miners work on.
    pub template: Option<Template>,
    /// How many heights pass before the chain's order of a block is final.
    pub stability_heights: u64,
    /// The present step of the payout duty, in words.
    pub payout_status: String,
    /// What an operator must look at; empty when all is well.
    pub payout_alarms: Vec<String>,
}

/// One daemon as the node sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Daemon {
    /// Name for people.
    pub name: String,
    /// Whether it is used at present.
    pub healthy: bool,
    /// Its newest height.
    pub height: Option<u64>,
    /// Why it is not used.
    pub problem: Option<String>,
}

/// The newest block template.
#[derive(Debug, Serialize, ToSchema)]
pub struct Template {
    /// Height of the block to find.
    pub height: u64,
    /// Topoheight of the chain when it was made.
    pub topoheight: u64,
    /// Network difficulty, decimal text in expected hashes.
    pub network_difficulty: String,
    /// Name of the proof of work.
    pub algorithm: String,
    /// How old it is.
    pub age_ms: u64,
}

/// Whether the node is ready, condition by condition.
#[derive(Debug, Serialize)]
pub struct Readiness {
    /// Whether all conditions hold.
    pub ready: bool,
    /// Each condition.
    pub conditions: Vec<ConditionState>,
}

/// One condition of readiness or liveness.
#[derive(Debug, Serialize)]
pub struct ConditionState {
    /// Name in snake case.
    pub name: &'static str,
    /// Whether it holds.
    pub met: bool,
    /// What was seen.
    pub detail: String,
}

impl Node {
    pub(crate) fn new(facts: NodeFacts, leadership: Leadership, now_ms: u64) -> Self {
        let template = facts.template.map(|template| Template {
            height: template.height,
            topoheight: template.topoheight,
            network_difficulty: template.network_difficulty,
            algorithm: template.algorithm,
            age_ms: age_ms(now_ms, template.received_at_ms),
        });
        let daemons = facts.daemons.into_iter().map(|daemon| Daemon {
            name: daemon.name,
            healthy: daemon.healthy,
            height: daemon.height,
            problem: daemon.problem,
        });
        Self {
            id: leadership.node_id,
            leader_id: leadership.leader_id,
            term: leadership.term,
            version: facts.build.version,
            revision: facts.build.revision,
            started_at_ms: facts.started_at_ms,
            now_ms,
            miner_connections: facts.miner_connections,
            daemons: daemons.collect(),
            template,
            stability_heights: facts.stability_heights,
            payout_status: facts.payout.status,
            payout_alarms: facts.payout.alarms,
        }
    }
}

impl From<Vec<Condition>> for Readiness {
    fn from(conditions: Vec<Condition>) -> Self {
        Self {
            ready: conditions.iter().all(|condition| condition.met),
            conditions: conditions.into_iter().map(ConditionState::from).collect(),
        }
    }
}

impl From<Condition> for ConditionState {
    fn from(Condition { name, met, detail }: Condition) -> Self {
        Self { name, met, detail }
    }
}
