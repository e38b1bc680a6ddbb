//! Draws the demo: a screen on a terminal, plain lines elsewhere.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::pool::Scene;
use super::story::{Story, items, text};
use crate::amount::xel;

/// How often plain output repeats the sums.
const SUMMARY_EVERY: Duration = Duration::from_secs(10);

/// Clears the screen and goes to its top left corner (ANSI).
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Where and how to draw.
pub(super) struct Screen {
    is_plain: bool,
    start: Instant,
    last_summary: Option<Instant>,
}

impl Screen {
    pub(super) fn new(plain: bool) -> Self {
        let is_plain = plain || !io::stdout().is_terminal();
        Self {
            is_plain,
            start: Instant::now(),
            last_summary: None,
        }
    }

    /// `away` are the nodes that were killed, with the seconds until they come back.
    pub(super) fn draw(
        &mut self,
        scene: &Scene,
        story: &mut Story,
        away: &[(u64, u64)],
    ) -> io::Result<()> {
        let mut text = String::new();
        if self.is_plain {
            for line in story.take_unprinted() {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{:>5} s  {line}", self.start.elapsed().as_secs());
            }
            let is_due = self
                .last_summary
                .is_none_or(|last| last.elapsed() >= SUMMARY_EVERY);
            if is_due {
                self.last_summary = Some(Instant::now());
                let _ = writeln!(
                    text,
                    "{:>5} s  {}",
                    self.start.elapsed().as_secs(),
                    summary(scene)
                );
            }
        } else {
            text.push_str(CLEAR);
            text.push_str(&full(scene, story, away, self.start.elapsed()));
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

/// The sums on one line.
fn summary(scene: &Scene) -> String {
    let totals = &scene.pool["totals"];
    format!(
        "height {}, {} H/s, {} shares, blocks {} found / {} maturing / {} settled, balances {} XEL, paid {} XEL",
        text(&scene.pool["node"]["template"], "height"),
        text(&scene.pool, "hashrate"),
        text(totals, "shares"),
        text(totals, "blocks"),
        text(totals, "blocks_maturing"),
        text(totals, "blocks_settled"),
        xel(&scene.pool["accounts"]["balances_atomic"]),
        xel(&scene.pool["accounts"]["paid_atomic"]),
    )
}

fn full(scene: &Scene, story: &Story, away: &[(u64, u64)], elapsed: Duration) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let (pool, totals) = (&scene.pool, &scene.pool["totals"]);
    line(format!(
        "Raftpool demo, {} s   Ctrl-C ends it",
        elapsed.as_secs()
    ));
    line(format!(
        "open {}/ in a browser   miners connect to {}",
        scene.api,
        scene.stratum.join(", ")
    ));
    line(String::new());
    line(format!(
        "network  height {}, difficulty {}, stable after {} heights",
        text(&pool["node"]["template"], "height"),
        text(&pool["node"]["template"], "network_difficulty"),
        text(&pool["node"], "stability_heights"),
    ));
    line(format!(
        "pool     {} H/s, {} shares accepted, {} refused, log index {}",
        text(pool, "hashrate"),
        text(totals, "shares"),
        refused(totals),
        text(pool, "index"),
    ));
    line(format!(
        "blocks   {} found, {} maturing, {} settled, {} orphaned; effort of this round {}",
        text(totals, "blocks"),
        text(totals, "blocks_maturing"),
        text(totals, "blocks_settled"),
        text(totals, "blocks_orphaned"),
        text(pool, "round_effort"),
    ));
    line(String::new());
    node_lines(scene, away).into_iter().for_each(&mut line);
    line(String::new());
    line(format!(
        "{:<8}{:>9}{:>8}{:>17}{:>17}{:>17}",
        "miner", "shares", "H/s", "balance XEL", "in flight XEL", "paid XEL"
    ));
    for (name, miner) in &scene.miners {
        line(format!(
            "{name:<8}{:>9}{:>8}{:>17}{:>17}{:>17}",
            text(miner, "shares"),
            text(&miner["workers"], "hashrate"),
            xel(&miner["balance_atomic"]),
            xel(&miner["in_flight_atomic"]),
            xel(&miner["paid_atomic"]),
        ));
    }
    line(String::new());
    for block in items(&scene.blocks)
        .iter()
        .filter(|block| text(block, "status") == "maturing")
    {
        line(maturity(block, pool));
    }
    for told in story.lines() {
        line(format!("  {told}"));
    }
    out
}

/// A table of the nodes, who comes back when, and how to kill one.
fn node_lines(scene: &Scene, away: &[(u64, u64)]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<6}{:<13}{:>6}{:>10}{:>6}{:>8}{:>10}{:>9}",
        "node", "role", "pid", "applied", "lag", "miners", "shares/s", "height"
    )];
    lines.extend(
        items(&scene.nodes)
            .iter()
            .map(|node| node_line(node, scene)),
    );
    let back =
        |(node, seconds): &(u64, u64)| format!("node {node} is started again in {seconds} s");
    lines.extend(away.iter().map(back));
    lines.push(
        "to kill one: raftpool demo kill 1 (the others go on: watch the shares and the role)"
            .into(),
    );
    lines
}

fn node_line(node: &Value, scene: &Scene) -> String {
    let id = node["id"].as_u64().unwrap_or(0);
    let process_id = scene.process_ids.get(&id).map(ToString::to_string);
    format!(
        "{id:<6}{:<13}{:>6}{:>10}{:>6}{:>8}{:>10}{:>9}",
        text(node, "role"),
        process_id.unwrap_or_else(|| "-".into()),
        text(node, "applied_index"),
        text(node, "lag"),
        text(node, "connections"),
        text(node, "shares_per_second"),
        text(node, "daemon_height"),
    )
}

fn refused(totals: &Value) -> u64 {
    let counts = totals["rejects"].as_object();
    counts.map_or(0, |counts| counts.values().filter_map(Value::as_u64).sum())
}

/// A bar from found to stable.
fn maturity(block: &Value, pool: &Value) -> String {
    const WIDTH: u64 = 24;
    let height = block["height"].as_u64().unwrap_or(0);
    let next = pool["node"]["template"]["height"].as_u64().unwrap_or(0);
    let depth = pool["node"]["stability_heights"]
        .as_u64()
        .unwrap_or(WIDTH)
        .max(1);
    let passed = next.saturating_sub(height + 1).min(depth);
    let filled = usize::try_from(passed * WIDTH / depth).unwrap_or(0);
    format!(
        "block {:<4} maturing [{}{}] {passed}/{depth}",
        text(block, "number"),
        "#".repeat(filled),
        ".".repeat(WIDTH as usize - filled),
    )
}
