//! Recorded requests, sent to the simulation: its answers must look like the recorded ones.
//!
//! Field names, JSON types, error codes and kinds must be the same everywhere. Where the recorded
//! chain can be rebuilt block by block, numbers, booleans and names must be the same too.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::collections::{BTreeSet, HashMap};

use common::{config, post, start};
use raftpool_chain::{BlockHeader, MinerWork};
use raftpool_devnet::Devnet;
use serde_json::{Value, json};

const POOL: &str = "xet:hth3pjc4p7dppz7l7y6de6t02j37wy9frfc9yh603lh3v6hdhg8qq485q07";

/// Values that differ from run to run, or that are not simulated.
const RANDOM_FIELDS: [&str; 8] = [
    "average_block_time",
    "block_timestamp",
    "first_seen",
    "nonce_of_block",
    "size_bytes",
    "size_formatted",
    "timestamp",
    "changelog",
];

/// Signing texts is no part of the simulation.
const NOT_SIMULATED: [&str; 2] = ["sign_data", "verify_signed_data"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Compared,
    Ignored,
}

struct Replay {
    devnet: Devnet,
    values: Values,
    /// Recorded hashes, addresses, templates and transactions, and what stands for them here.
    names: HashMap<String, String>,
    /// Recorded templates and those given out here instead.
    templates: Vec<(BlockHeader, BlockHeader)>,
}

impl Replay {
    async fn new(difficulty: u128, values: Values) -> Self {
        let mut config = config(difficulty);
        config.p2p_peers = 0;
        let devnet = start(config).await;
        let names = HashMap::from([(POOL.to_owned(), devnet.control().wallet_address())]);
        Self {
            devnet,
            values,
            names,
            templates: Vec::new(),
        }
    }

    /// Lets the pool mine until the chain is so long.
    fn grow_to(&self, topoheight: u64) {
        let control = self.devnet.control();
        let count = topoheight.checked_sub(control.state().topoheight).unwrap();
        control
            .produce_blocks(count, Some(&control.wallet_address()))
            .unwrap();
    }

    async fn play(&mut self, line: usize, recorded: &Value) {
        let request = &recorded["request"];
        if NOT_SIMULATED
            .iter()
            .any(|method| request["method"] == *method)
        {
            return;
        }
        let context = format!("line {line} {} ({})", request["method"], recorded["note"]);
        let is_wallet = recorded["endpoint"] == "wallet";
        let url = if is_wallet {
            self.devnet.wallet_url()
        } else {
            self.devnet.daemon_url()
        };
        let login = (recorded["http_status"] == 200).then_some(("wallet", "wallet"));
        let body = match request["_raw"].as_str() {
            Some(raw) => raw.to_owned(),
            None => self.translate(request).to_string(),
        };
        let (status, text) = post(&url, login, body).await.unwrap();
        assert_eq!(json!(status), recorded["http_status"], "{context}");
        let expected = &recorded["response"];
        if let Some(body) = expected["_http_body"].as_str() {
            assert_eq!(text, body, "{context}");
            return;
        }
        let actual: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{context}: {text}"));
        self.compare(&context, "", expected, &actual);
    }

    fn translate(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.translate_text(text)),
            Value::Array(list) => list.iter().map(|item| self.translate(item)).collect(),
            Value::Object(fields) if fields.contains_key("_count") => {
                let pattern = fields["_of"].as_array().unwrap();
                let count = usize::try_from(fields["_count"].as_u64().unwrap()).unwrap();
                pattern
                    .iter()
                    .cycle()
                    .take(count)
                    .map(|item| self.translate(item))
                    .collect()
            }
            Value::Object(fields) => fields
                .iter()
                .map(|(name, field)| (name.clone(), self.translate(field)))
                .collect(),
            other => other.clone(),
        }
    }

    fn translate_text(&self, text: &str) -> String {
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        if let Some(original) = text.strip_suffix(" with one bit flipped>") {
            let mut bytes = hex::decode(&self.names[&format!("{original}>")]).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            return hex::encode(bytes);
        }
        let changed = self
            .translate_template(text)
            .or_else(|| self.translate_work(text));
        changed.unwrap_or_else(|| text.to_owned())
    }

    /// A recorded template may have been changed by its miner: the same change is made to ours.
    fn translate_template(&self, text: &str) -> Option<String> {
        let header = BlockHeader::decode(&hex::decode(text).ok()?).ok()?;
        let (recorded, ours) = self
            .templates
            .iter()
            .find(|(recorded, _)| recorded.extra_nonce == header.extra_nonce)?;
        let mut ours = ours.clone();
        ours.nonce = header.nonce;
        ours.timestamp_ms = (ours.timestamp_ms + header.timestamp_ms) - recorded.timestamp_ms;
        Some(hex::encode(ours.encode()))
    }

    /// A recorded work is as old here as the newest template.
    fn translate_work(&self, text: &str) -> Option<String> {
        let bytes: [u8; 112] = hex::decode(text).ok()?.try_into().ok()?;
        let mut work = MinerWork::from_bytes(&bytes);
        work.timestamp_ms = self.templates.last()?.1.timestamp_ms;
        Some(hex::encode(work.to_bytes()))
    }

    fn compare(&mut self, context: &str, path: &str, expected: &Value, actual: &Value) {
        let here = || format!("{context} at {path}: expected {expected}, got {actual}");
        match (expected, actual) {
            (Value::Object(expected), Value::Object(actual)) => {
                let names = |fields: &serde_json::Map<String, Value>| {
                    fields.keys().cloned().collect::<BTreeSet<_>>()
                };
                assert_eq!(names(expected), names(actual), "{context} at {path}");
                let is_block = expected.contains_key("block_type");
                for (name, expected) in expected {
                    let path = if is_block && name == "nonce" {
                        format!("{path}/nonce_of_block")
                    } else {
                        format!("{path}/{name}")
                    };
                    self.compare(context, &path, expected, &actual[name]);
                }
            }
            (Value::Array(expected), Value::Array(actual)) => {
                assert_eq!(expected.is_empty(), actual.is_empty(), "{}", here());
                let are_blocks = expected.iter().any(|item| item.get("block_type").is_some());
                assert!(!are_blocks || expected.len() == actual.len(), "{}", here());
                let (expected, actual) = (sorted(expected), sorted(actual));
                for (expected, actual) in expected.iter().zip(&actual) {
                    self.compare(context, path, expected, actual);
                }
            }
            (Value::String(expected), Value::String(actual)) => {
                self.compare_text(context, path, expected, actual);
            }
            (Value::Number(_), Value::Number(_)) | (Value::Bool(_), Value::Bool(_)) => {
                let name = path.rsplit('/').next().unwrap_or_default();
                let is_proof = context.contains("build") && path.contains("proof");
                if self.values == Values::Compared && !RANDOM_FIELDS.contains(&name) && !is_proof {
                    let is_byte = ["commitment", "handle", "receiver_handle", "sender_handle"]
                        .iter()
                        .any(|part| path.contains(part))
                        || path.contains("proof")
                        || path.ends_with("bytes");
                    assert!(is_byte || expected == actual, "{}", here());
                }
            }
            (Value::Null, Value::Null) => {}
            _ => panic!("{}", here()),
        }
    }

    fn compare_text(&mut self, context: &str, path: &str, expected: &str, actual: &str) {
        let is_error_code = path == "/error/kind";
        let is_name = ["block_type", "network", "algorithm", "version"]
            .iter()
            .any(|name| path.ends_with(&format!("/{name}")));
        if is_error_code || is_name {
            assert_eq!(expected, actual, "{context} at {path}");
            return;
        }
        if path == "/error/message" || RANDOM_FIELDS.iter().any(|name| path.ends_with(name)) {
            return;
        }
        let is_number = |text: &str| text.len() < 30 && text.parse::<u128>().is_ok();
        if is_number(expected) {
            assert!(is_number(actual), "{context} at {path}: {actual}");
            assert!(
                self.values == Values::Ignored || expected == actual,
                "{context} at {path}: {actual}"
            );
            return;
        }
        if let (Ok(recorded), Ok(ours)) = (hex::decode(expected), hex::decode(actual))
            && let (Ok(recorded), Ok(ours)) =
                (BlockHeader::decode(&recorded), BlockHeader::decode(&ours))
        {
            self.templates.push((recorded, ours));
        }
        if self.values == Values::Compared
            && let Some(known) = self.names.get(expected)
        {
            assert_eq!(
                known, actual,
                "{context} at {path}: stood for something else before"
            );
        } else if expected.len() >= 60 && expected != "0".repeat(64) && !path.ends_with("template")
        {
            self.names.insert(expected.to_owned(), actual.to_owned());
        }
    }
}

/// Which of several competing blocks is best is a matter of luck: the best one comes first here.
fn sorted(list: &[Value]) -> Vec<Value> {
    let mut list = list.to_vec();
    list.sort_by_key(|item| item["block_type"] == "Orphaned" || item["block_type"] == "Side");
    list
}

fn recorded(name: &str) -> Vec<Value> {
    let path = format!("{}/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn daemon_answers_as_recorded() {
    let mut replay = Replay::new(10_000, Values::Compared).await;
    replay.grow_to(8);
    for (index, line) in recorded("daemon-rpc.jsonl").iter().enumerate() {
        replay.play(index + 1, line).await;
    }
}

#[tokio::test]
async fn payouts_go_as_recorded() {
    // How long the recorded chain was at each line where it had grown.
    let lengths = [
        (1, 44),
        (26, 45),
        (34, 71),
        (68, 72),
        (74, 71),
        (77, 72),
        (78, 73),
        (82, 101),
    ];
    let later = [("amount zero", 102), ("ends", 128)];
    let mut replay = Replay::new(10_000, Values::Compared).await;
    for (index, line) in recorded("payout.jsonl").iter().enumerate() {
        let number = index + 1;
        if let Some((_, topoheight)) = lengths.iter().find(|(at, _)| *at == number) {
            replay.grow_to(*topoheight);
        }
        if number > 82 && line["request"]["method"] == "get_nonce" && line["endpoint"] == "daemon" {
            let state = replay.devnet.control().state();
            if state.topoheight == 101 {
                replay.grow_to(later[0].1);
            }
        }
        if number > 82 && line["request"]["params"]["nonce"] == 4 {
            let state = replay.devnet.control().state();
            replay.grow_to(later[1].1.max(state.topoheight));
        }
        replay.play(number, line).await;
    }
}

#[tokio::test]
async fn competing_and_late_blocks_are_seen_as_recorded() {
    let mut replay = Replay::new(1, Values::Ignored).await;
    replay.grow_to(129);
    let blocks_before = [
        ("template merging the tips", 0),
        ("after a block that merges", 1),
        ("stable", 30),
        ("block three heights late", 3),
        ("late block, after the next block", 1),
        ("late block, stable", 30),
        ("block twelve heights late", 12),
        ("twelve heights late, stable", 30),
    ];
    for (index, line) in recorded("dag.jsonl").iter().enumerate() {
        if let Some((_, count)) = blocks_before.iter().find(|(note, _)| line["note"] == *note) {
            let control = replay.devnet.control();
            control
                .produce_blocks(*count, Some(&control.wallet_address()))
                .unwrap();
        }
        let mut line = line.clone();
        if line["request"]["method"] == "get_blocks_at_height" {
            let recorded_height = line["response"]["result"][0]["height"].as_u64().unwrap();
            let (recorded, ours) = nearest(&replay.templates, recorded_height);
            line["request"]["params"]["height"] = json!(recorded_height + ours - recorded);
        }
        replay.play(index + 1, &line).await;
    }
}

/// Heights of the last template at or below a recorded height, recorded and here.
fn nearest(templates: &[(BlockHeader, BlockHeader)], height: u64) -> (u64, u64) {
    let below = templates
        .iter()
        .rev()
        .find(|(recorded, _)| recorded.height <= height)
        .unwrap();
    (below.0.height, below.1.height)
}
