//! The cluster as a table on a terminal.

use std::fmt::Write;

use raftpool_api::dto::cluster::{ClusterNode, ClusterStatus, Health};

const COLUMNS: [&str; 13] = [
    "NODE",
    "ADDRESS",
    "VERSION",
    "COMMANDS",
    "ROLE",
    "TERM",
    "APPLIED",
    "LAG",
    "DIGEST@INDEX",
    "DATABASE",
    "DAEMON",
    "MINERS",
    "SHARES/S",
];

/// Entries a node may lack when another one is stopped: they arrive within a moment.
const LAG_MAX: u64 = 100;

/// The answer of `/admin/v1/cluster`, for people.
pub(crate) fn node_table(status: &ClusterStatus) -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(status.nodes.iter().map(row));
    let mut text = String::new();
    if !status.nodes.is_empty() {
        text.push_str(&align(&rows));
    }
    let health = match status.health {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::NoQuorum => "NO QUORUM: nothing is acknowledged",
    };
    let leader = match status.leader_id {
        Some(id) => format!("node {id} leads in term {}", status.term),
        None => format!("no leader in term {}", status.term),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "cluster {} is {health}; {leader}, says node {}; the next new node is node {}",
        status.cluster_id, status.node_id, status.next_node_id
    );
    if let Some(line) = versions(status) {
        let _ = writeln!(text, "{line}");
    }
    if let Some(waiting) = &status.waiting_for {
        let _ = writeln!(text, "node {} {waiting}", status.node_id);
    }
    for problem in &status.problems {
        let _ = writeln!(text, "problem: {problem}");
    }
    text
}

/// Which commands may be used, and what keeps newer ones from it; nothing when that is all as it should
/// be or nobody says.
fn versions(status: &ClusterStatus) -> Option<String> {
    let finalized = status.finalized_version?;
    let known = status.nodes.iter().filter_map(|node| node.command_version);
    let newest = known.max().filter(|newest| *newest > finalized)?;
    let lacks = |node: &&ClusterNode| node.command_version.is_none_or(|known| known < newest);
    let older: Vec<_> = status.nodes.iter().filter(lacks).collect();
    let older: Vec<_> = older.iter().map(|node| node.id.to_string()).collect();
    let wait = match older.is_empty() {
        true => "all nodes know it, and `raftpool cluster finalize` lets it be used".to_owned(),
        false => format!("node {} must be upgraded first", older.join(", ")),
    };
    Some(format!(
        "commands of version {finalized} are used, version {newest} is not finalized: {wait}"
    ))
}

/// For each node what speaks against stopping it now, and whether nothing does for any of them.
pub(crate) fn restart_table(status: &ClusterStatus) -> (Vec<(u64, Option<String>)>, bool) {
    let voters = status.nodes.iter().filter(|node| node.is_voter).count();
    let obstacle = |node: &ClusterNode| {
        if !node.is_voter || !node.reachable {
            return None;
        }
        let mut others = status.nodes.iter().filter(|other| other.id != node.id);
        if let Some(other) = others.find(|other| other.drain_phase.is_some()) {
            return Some(format!(
                "node {} is draining or drained: one at a time",
                other.id
            ));
        }
        let others = status.nodes.iter().filter(|other| {
            other.is_voter
                && other.id != node.id
                && other.reachable
                && other.lag.is_some_and(|lag| lag <= LAG_MAX)
        });
        let others = others.count();
        let is_enough = others > voters / 2 || (voters == 1 && status.nodes.len() == 1);
        (!is_enough).then(|| {
            format!("{others} of {voters} voters would be left that answer and are up to date")
        })
    };
    let table: Vec<_> = status
        .nodes
        .iter()
        .map(|node| (node.id, obstacle(node)))
        .collect();
    let is_each_safe = table.iter().all(|(_, obstacle)| obstacle.is_none());
    (table, is_each_safe)
}

fn row(node: &ClusterNode) -> [String; 13] {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let number = |value: Option<u64>| or_dash(value.map(|value| value.to_string()));
    let digest = node.digest.as_ref().zip(node.digest_index);
    let is_served = node.serving || !node.reachable;
    let role = match (node.is_voter, is_served) {
        _ if node.drain_phase.is_some() => {
            let phase = node.drain_phase.as_deref().unwrap_or_default();
            format!("{} ({})", node.role, drain_word(phase))
        }
        (_, false) => format!("{} (waiting)", node.role),
        (false, true) if node.role != "learner" => format!("{} (learner)", node.role),
        _ => node.role.clone(),
    };
    [
        node.id.to_string(),
        node.address.clone(),
        or_dash(node.version.clone()),
        number(node.command_version.map(u64::from)),
        role,
        number(node.term),
        number(node.applied_index),
        number(node.lag),
        or_dash(digest.map(|(digest, index)| format!("{digest}@{index}"))),
        or_dash(node.database_bytes.map(mebibytes)),
        number(node.daemon_height),
        number(node.connections),
        or_dash(node.shares_per_second.clone()),
    ]
}

fn drain_word(phase: &str) -> &'static str {
    match phase {
        "drained" => "drained",
        _ => "draining",
    }
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes / (1024 * 1024 / 10);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

fn align(rows: &[[String; 13]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(line, "{cell:<width$}  ", width = width(column));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status() -> ClusterStatus {
        let node = |id: u64, role: &str, reachable: bool| {
            json!({
                "id": id, "address": format!("node-{id}:5078"), "reachable": reachable,
                "serving": reachable, "version": reachable.then_some("0.1.0"), "role": role,
                "command_version": reachable.then_some(2),
                "is_voter": true, "term": 3, "applied_index": 70, "lag": reachable.then_some(0),
                "digest": "ab12", "digest_index": 64, "database_bytes": 1_572_864,
                "daemon_height": 9, "connections": 2, "shares_per_second": "1.500",
                "hashrate": "7", "payout_status": null, "api": null, "errors": [],
            })
        };
        let status = json!({
            "cluster_id": "c1", "node_id": 1, "is_member": true, "waiting_for": null,
            "health": "degraded", "leader_id": 1, "term": 3, "next_node_id": 4,
            "problems": ["node 3: gone"],
            "nodes": [node(1, "leader", true), node(2, "follower", true), node(3, "unreachable", false)],
        });
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn table_shows_every_node_and_what_is_wrong() {
        assert_eq!(
            node_table(&status()),
            "NODE  ADDRESS      VERSION  COMMANDS  ROLE         TERM  APPLIED  LAG  DIGEST@INDEX  DATABASE  DAEMON  MINERS  SHARES/S\n\
             1     node-1:5078  0.1.0    2         leader       3     70       0    ab12@64       1.5 MiB   9       2       1.500\n\
             2     node-2:5078  0.1.0    2         follower     3     70       0    ab12@64       1.5 MiB   9       2       1.500\n\
             3     node-3:5078  -        -         unreachable  3     70       -    ab12@64       1.5 MiB   9       2       1.500\n\
             cluster c1 is degraded; node 1 leads in term 3, says node 1; the next new node is node 4\n\
             problem: node 3: gone\n"
        );
    }

    #[test]
    fn a_version_that_is_not_finalized_is_told_with_what_it_waits_for() {
        let mut status = status();
        status.finalized_version = Some(2);
        assert_eq!(versions(&status), None);
        status.finalized_version = Some(1);
        let text = node_table(&status);
        assert!(
            text.contains("version 2 is not finalized: node 3 must be"),
            "{text}"
        );
        status.nodes[2].command_version = Some(2);
        let text = node_table(&status);
        assert!(
            text.contains("all nodes know it, and `raftpool cluster finalize`"),
            "{text}"
        );
    }

    #[test]
    fn while_a_node_drains_no_other_must_be_stopped() {
        let mut status = status();
        status.nodes[2].reachable = true;
        status.nodes[2].lag = Some(0);
        status.nodes[0].drain_phase = Some("leaving".into());
        let (table, _) = restart_table(&status);
        assert_eq!(table[0], (1, None));
        let obstacle = table[1].1.clone().unwrap();
        assert!(obstacle.contains("node 1 is draining"), "{obstacle}");
        let text = node_table(&status);
        assert!(text.contains("leader (draining)"), "{text}");
    }

    #[test]
    fn a_node_that_the_majority_needs_must_not_be_stopped() {
        let (table, is_each_safe) = restart_table(&status());
        assert!(!is_each_safe);
        assert!(table[0].1.is_some() && table[1].1.is_some());
        assert_eq!(table[2], (3, None), "it is stopped already");
    }
}
