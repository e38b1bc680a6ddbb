//! What happened, in the order it happened: lines for people, made from changes between scenes.

use std::collections::HashMap;

use serde_json::Value;

use super::pool::{MINERS, Scene};
use crate::amount::xel;

/// How many lines the screen has room for.
const LINES_KEPT: usize = 12;

/// Follows the scenes and tells what changed.
#[derive(Default)]
pub(super) struct Story {
    /// The newest last.
    lines: Vec<String>,
    /// Lines that have not been printed yet, for a screen that only prints.
    unprinted: Vec<String>,
    /// Status of each block and payout as it was told.
    told: HashMap<String, String>,
    shares_told: bool,
    payouts_confirmed: u64,
    is_first_scene_over: bool,
}

impl Story {
    /// Compares the scene with what was told before.
    pub(super) fn follow(&mut self, scene: &Scene) {
        if !self.shares_told && scene.pool["totals"]["shares"].as_u64() > Some(0) {
            self.shares_told = true;
            self.tell("first share accepted: it is in the replicated log, on disk".into());
        }
        self.follow_nodes(&scene.nodes);
        for block in items(&scene.blocks).iter().rev() {
            let status = text(block, "status");
            if self.is_news("block", &text(block, "number"), &status) {
                self.tell(block_line(block, &status));
            }
        }
        for payout in items(&scene.payouts).iter().rev() {
            let status = text(payout, "status");
            if self.is_news("payout", &text(payout, "id"), &status) {
                let is_new_confirmation = status == "confirmed" && self.is_first_scene_over;
                self.payouts_confirmed += u64::from(is_new_confirmation);
                self.tell(payout_line(payout, &status));
            }
        }
        if !self.is_first_scene_over {
            self.is_first_scene_over = true;
            let blocks = scene.pool["totals"]["blocks"].as_u64().unwrap_or(0);
            self.tell(match blocks {
                0 => "a new pool on a new network".into(),
                _ => {
                    format!("the pool goes on where it stopped, with {blocks} blocks found so far")
                }
            });
        }
    }

    /// Payouts that were confirmed since the demo was started.
    pub(super) fn payouts_confirmed(&self) -> u64 {
        self.payouts_confirmed
    }

    /// The newest lines, oldest first.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines[self.lines.len().saturating_sub(LINES_KEPT)..]
    }

    /// Takes the lines that were not taken yet.
    pub(super) fn take_unprinted(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unprinted)
    }

    fn follow_nodes(&mut self, nodes: &Value) {
        for node in items(nodes) {
            let (id, is_there) = (text(node, "id"), text(node, "role") != "unreachable");
            let is_known = self.told.contains_key(&format!("node {id}"));
            if self.is_news("node", &id, &is_there.to_string()) && is_known {
                self.tell(match is_there {
                    true => format!("node {id} is back, and catches up by itself"),
                    false => format!("node {id} does not answer; its miners move to the others"),
                });
            }
        }
        let leader = text(nodes, "leader_id");
        if !leader.is_empty() && self.is_news("leader", "", &leader) {
            self.tell(format!("node {leader} leads: it settles blocks and pays"));
        }
    }

    fn is_news(&mut self, kind: &str, id: &str, status: &str) -> bool {
        self.told
            .insert(format!("{kind} {id}"), status.to_owned())
            .as_deref()
            != Some(status)
    }

    /// What a first scene shows has happened before the demo was started, and is no news.
    fn tell(&mut self, line: String) {
        if !self.is_first_scene_over {
            return;
        }
        self.unprinted.push(line.clone());
        self.lines.push(line);
        let surplus = self.lines.len().saturating_sub(4 * LINES_KEPT);
        self.lines.drain(..surplus);
    }
}

fn block_line(block: &Value, status: &str) -> String {
    let (number, height) = (text(block, "number"), text(block, "height"));
    match status {
        "settled" => format!(
            "block {number} settled: {} XEL, of which the pool keeps {}",
            xel(&block["amount_atomic"]),
            xel(&block["fee_atomic"])
        ),
        "orphaned" => format!("block {number} orphaned: {}", text(block, "orphan_reason")),
        _ => format!(
            "block {number} found by {} at height {height}: {}, weights frozen",
            name_of(&text(block, "miner")),
            short(&text(block, "hash"))
        ),
    }
}

fn payout_line(payout: &Value, status: &str) -> String {
    let (id, payees) = (text(payout, "id"), text(payout, "payees"));
    match status {
        "signed" => format!("payout {id} signed and stored, now being sent"),
        "confirmed" => format!(
            "payout {id} confirmed: {} XEL to {payees} miners, transaction {}",
            xel(&payout["transfer_atomic"]),
            text(payout, "tx_hash")
        ),
        "released" => format!("payout {id} released: {}", text(payout, "release_reason")),
        _ => format!(
            "payout {id} reserved: {} XEL for {payees} miners",
            xel(&payout["debit_atomic"])
        ),
    }
}

/// The entries of a list answer.
pub(super) fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

/// A field as text, whatever its type; empty when it is not there.
pub(super) fn text(value: &Value, field: &str) -> String {
    match &value[field] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn name_of(address: &str) -> String {
    let known = MINERS.iter().find(|(_, known, _)| *known == address);
    known.map_or_else(|| short(address), |(name, _, _)| (*name).to_owned())
}

fn short(text: &str) -> String {
    text.chars().take(12).chain("...".chars()).collect()
}
