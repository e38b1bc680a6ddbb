//! Changes of the membership, and long absences.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::Nemesis;
use crate::chaos::fault::Who;
use crate::cluster::{HEALING_DEADLINE, Member};
use crate::wait;

/// Longest time a node is kept away until the others have purged what it lacks.
const ABSENCE_DEADLINE: Duration = Duration::from_secs(30);

impl Nemesis {
    pub(super) async fn transfer(&self, number: usize) -> Result<()> {
        let heir = self.resolve(Who::Follower(number)).await?;
        self.pool
            .insist(&["transfer"], &[&heir.id.to_string()])
            .await
    }

    pub(super) async fn add_and_remove(&self, leaves: Who) -> Result<()> {
        // Chosen before the newcomer is there, which must not be the one that leaves.
        let leaver = self.resolve(leaves).await?;
        let newcomer = self.pool.start_newcomer().await?;
        let (id, address) = (newcomer.id.to_string(), newcomer.address().to_string());
        self.timeline.note(format_args!("add node {id}"));
        self.pool.insist(&["add"], &[&id, &address]).await?;
        self.pool.insist(&["promote"], &[&id]).await?;
        self.timeline.note(format_args!("node {id} has a vote"));
        let leaver_id = leaver.id.to_string();
        self.pool.insist(&["remove"], &[&leaver_id]).await?;
        self.timeline
            .note(format_args!("node {leaver_id} is removed"));
        self.pool.forget(leaver.id);
        leaver.process.stop().await;
        self.expect_members(&newcomer, leaver.id).await
    }

    pub(super) async fn replace_wiped(&self, who: Who) -> Result<()> {
        let lost = self.resolve(who).await?;
        self.expect_all_running().await;
        lost.process.kill().await;
        lost.wipe()?;
        self.timeline
            .note(format_args!("node {} has lost its disk", lost.id));
        if self.is_alone {
            // Only while it can ask the others whether they know it.
            self.pool.write_configuration(&lost)?;
            let refusal = lost.process.start_in_vain().await?;
            ensure!(
                refusal.contains("cluster replace"),
                "a wiped node does not say what to do: {refusal}"
            );
        }
        self.replace(&lost).await
    }

    /// Puts a new node in the place of one that does not run and never will again.
    pub(super) async fn replace(&self, lost: &Member) -> Result<()> {
        let newcomer = self.pool.start_newcomer().await?;
        let (old, new) = (lost.id.to_string(), newcomer.id.to_string());
        let address = newcomer.address().to_string();
        self.pool
            .insist(&["replace"], &[&old, &new, &address])
            .await?;
        self.timeline
            .note(format_args!("node {new} is in the place of node {old}"));
        self.pool.forget(lost.id);
        self.expect_members(&newcomer, lost.id).await
    }

    /// Keeps a node away until the others' logs no longer reach back to where it stopped.
    pub(super) async fn keep_away(&self, who: Who) -> Result<()> {
        let member = self.resolve(who).await?;
        self.expect_all_running().await;
        member.process.kill().await;
        let first = self.applied_index().await.unwrap_or_default();
        let wanted = first + self.pool.entries_until_purged();
        let grown = wait::until("the log is purged", ABSENCE_DEADLINE, || async {
            Ok((self.applied_index().await? >= wanted).then_some(()))
        });
        // Without a quorum nothing grows, and then it is just an absence.
        let has_grown = grown.await.is_ok();
        ensure!(has_grown || !self.is_alone, "the log does not grow");
        self.timeline.note(format_args!(
            "node {} was away for {} entries",
            member.id,
            if has_grown { wanted - first } else { 0 }
        ));
        self.start_if_ended(&member).await
    }

    async fn applied_index(&self) -> Result<u64> {
        let mut newest = None;
        for member in self.pool.running().await {
            if let Ok(answer) = member.process.api("/api/v1/pool").await {
                newest = newest.max(answer["index"].as_u64());
            }
        }
        newest.context("no node answers")
    }

    /// Waits until the status shows the new member with a vote and the old one no more.
    async fn expect_members(&self, new: &Member, old_id: u64) -> Result<()> {
        wait::until(
            "the membership is as asked for",
            HEALING_DEADLINE,
            || async {
                let health = self.pool.health().await?;
                let is_done = health.voters().contains(&new.id) && !health.ids().contains(&old_id);
                if !is_done {
                    bail!("{}", health.status);
                }
                Ok(Some(()))
            },
        )
        .await
    }
}
