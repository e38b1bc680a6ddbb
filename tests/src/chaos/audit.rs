//! What must be true when everything is mended and quiet again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::join_all;
use serde_json::json;

use super::Run;
use super::tally::Tallies;
use crate::cluster::Member;
use crate::processes::MINERS;
use crate::story::{Through, audit_payouts, credited_by_worker, mine_until_quiet};

impl Run {
    /// Waits until the cluster is quiet, compares everything, and stops all nodes. Returns how
    /// many payouts there were.
    pub(super) async fn audit(&self, tallies: &Tallies) -> Option<u64> {
        self.record(self.pool.check_links());
        let healthy = self.pool.wait_healthy(self.options.patience).await;
        let mut asked = self.pool.members();
        let mut payouts = None;
        // What a sick cluster still tells is worth looking at, but not worth waiting for.
        if self.record(healthy).is_some() {
            payouts = self.record(self.audit_money(&asked[0]).await);
            if let Some(index) = self.record(self.same_digest().await) {
                self.timeline
                    .note(format_args!("all nodes have the same digest at {index}"));
                asked.truncate(1);
            }
        }
        for miner in MINERS {
            self.audit_shares(miner, &asked, tallies).await;
        }
        self.stop_all().await;
        payouts
    }

    /// Every payout was executed exactly once, and nothing else was paid (promise P3).
    async fn audit_money(&self, node: &Member) -> Result<u64> {
        let network = &self.pool.network;
        network
            .control("auto_mine", json!({"every_ms": null}))
            .await?;
        let through = Through {
            network,
            node: &node.process,
        };
        mine_until_quiet(through).await?;
        audit_payouts(through).await
    }

    /// Every accepted share is credited once (promises P1 and P2). Where nodes have different
    /// ledgers, a worker has what the most generous of them says.
    async fn audit_shares(&self, miner: &str, asked: &[Arc<Member>], tallies: &Tallies) {
        let mut most = BTreeMap::new();
        let mut has_answer = false;
        for member in asked {
            let credited = credited_by_worker(&member.process, miner).await;
            let credited = credited.with_context(|| format!("ask node {}", member.id));
            let Some(credited) = self.record(credited) else {
                continue;
            };
            has_answer = true;
            for (worker, count) in credited {
                let known = most.entry(worker).or_insert(0);
                *known = count.max(*known);
            }
        }
        if has_answer {
            let wrong = tallies.judge(miner, &most);
            wrong
                .iter()
                .for_each(|wrong| self.timeline.violation(wrong));
        }
    }

    /// Waits until all nodes are at the same index, and compares every digest that is seen.
    async fn same_digest(&self) -> Result<u64> {
        let started = Instant::now();
        let mut seen: BTreeMap<u64, BTreeMap<u64, String>> = BTreeMap::new();
        let members = self.pool.members();
        while started.elapsed() < self.options.patience {
            for answer in join_all(members.iter().map(index_and_digest)).await {
                let (node_id, index, digest) = answer?;
                let at_index = seen.entry(index).or_default();
                at_index.insert(node_id, digest.clone());
                ensure!(
                    at_index.values().all(|other| *other == digest),
                    "the nodes differ at index {index}: {at_index:?}"
                );
                if at_index.len() == members.len() {
                    return Ok(index);
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let last: Vec<_> = seen.into_iter().rev().take(4).collect();
        bail!("the nodes never came to the same index: {last:?}")
    }

    /// Stops every node in order, and has each verify its books (promise P4).
    async fn stop_all(&self) {
        let members = self.pool.members();
        let stopped = join_all(members.iter().map(|member| member.process.stop())).await;
        for (member, is_clean) in members.iter().zip(stopped) {
            if !is_clean {
                self.timeline
                    .violation(format_args!("node {} did not stop cleanly", member.id));
            }
            let verified = member.process.verify_books();
            self.record(verified.with_context(|| format!("node {}", member.id)));
        }
    }
}

async fn index_and_digest(member: &Arc<Member>) -> Result<(u64, u64, String)> {
    let answer = member.process.api("/api/v1/pool").await?;
    let index = answer["index"].as_u64().context("index")?;
    let digest = answer["digest"].as_str().context("digest")?;
    Ok((member.id, index, digest.to_owned()))
}
