//! What a node that runs says of itself, of its cluster and of its payouts.

use raftpool_api::dto::cluster::{ClusterStatus, Health};
use serde_json::Value;

use super::finding::{Finding, chain_of};
use crate::operator::{AdminClient, is_not_running};

/// What was seen of a node.
pub(super) struct Seen {
    /// Whether there is one.
    pub(super) is_running: bool,
    /// What it says.
    pub(super) findings: Vec<Finding>,
}

pub(super) async fn examine(client: &AdminClient) -> Seen {
    let cluster = match client.get("cluster").await {
        Ok(answer) => answer,
        Err(error) if is_not_running(&error) => {
            let seen = "it does not run; its host is examined instead";
            return Seen {
                is_running: false,
                findings: vec![Finding::fine("node", seen)],
            };
        }
        Err(error) => {
            let advice = "run this as the node's user; if it hangs, look at its log";
            return Seen {
                is_running: true,
                findings: vec![Finding::problem("node", chain_of(error), advice)],
            };
        }
    };
    let mut findings = match serde_json::from_value::<ClusterStatus>(cluster) {
        Ok(status) => of_cluster(&status),
        Err(error) => vec![Finding::problem(
            "cluster",
            format!("its answer cannot be read: {error}"),
            "use the same version of the program as the node",
        )],
    };
    match client.get("status").await {
        Ok(status) => findings.extend(of_payouts(&status)),
        Err(error) => {
            let advice = "look at the node's log: it does not know its own books";
            findings.push(Finding::problem("payouts", chain_of(error), advice));
        }
    }
    Seen {
        is_running: true,
        findings,
    }
}

fn of_cluster(status: &ClusterStatus) -> Vec<Finding> {
    let advice = "`raftpool cluster status` shows every node; ops/runbooks has what to do";
    if !status.is_member {
        let seen = status.waiting_for.clone();
        let seen = seen.unwrap_or_else(|| "the node is no member of a cluster".into());
        let advice = "`raftpool cluster init` founds one, `raftpool cluster add` adds the node";
        return vec![Finding::warning("cluster", seen, advice)];
    }
    let has_quorum = status.health != Health::NoQuorum;
    let problems = status.problems.iter().map(|problem| match has_quorum {
        true => Finding::warning("cluster", problem.clone(), advice),
        false => Finding::problem("cluster", problem.clone(), advice),
    });
    let mut findings: Vec<_> = problems.collect();
    if findings.is_empty() {
        let nodes = status.nodes.len();
        findings.push(Finding::fine("cluster", format!("{nodes} nodes, all well")));
    }
    findings
}

fn of_payouts(status: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(reason) = status["payouts_paused_reason"].as_str() {
        let advice = "`raftpool payout status` says more; `raftpool payout resume` ends it";
        findings.push(Finding::warning(
            "payouts",
            format!("paused: {reason}"),
            advice,
        ));
    }
    if status["open_payout"]["awaits_approval"] == true {
        let advice = "`raftpool payout approve` or `raftpool payout reject`";
        findings.push(Finding::warning(
            "payouts",
            "one waits for approval",
            advice,
        ));
    }
    let strays = status["stray_blocks"]["unacknowledged"]
        .as_u64()
        .unwrap_or(0);
    if strays > 0 {
        let seen = format!("{strays} blocks pay the pool and are not in its books");
        let advice = "`raftpool block list-stray` lists them";
        findings.push(Finding::warning("blocks", seen, advice));
    }
    findings
}
