//! Faults of processes and disks.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::{join_all, try_join_all};

use super::Nemesis;
use crate::chaos::fault::Who;
use crate::cluster::{HEALING_DEADLINE, Member};
use crate::processes::tail;
use crate::wait;

/// Within this time a node under load must have noticed that its disk fails.
const STRIKE_DEADLINE: Duration = Duration::from_secs(30);

/// So long a node is left with a failing disk at least, when other faults may keep it from writing.
const STRIKE_PATIENCE: Duration = Duration::from_secs(5);

impl Nemesis {
    pub(super) async fn kill(&self, who: Who, hold: Duration) -> Result<()> {
        let member = self.resolve(who).await?;
        self.expect_all_running().await;
        member.process.kill().await;
        self.timeline
            .note(format_args!("node {} is dead", member.id));
        tokio::time::sleep(hold).await;
        self.note_leader().await;
        self.start_if_ended(&member).await
    }

    pub(super) async fn kill_all(&self, hold: Duration) -> Result<()> {
        self.expect_all_running().await;
        let members = self.pool.members();
        join_all(members.iter().map(|member| member.process.kill())).await;
        self.timeline.note("all nodes are dead");
        tokio::time::sleep(hold).await;
        try_join_all(members.iter().map(|member| self.start_if_ended(member))).await?;
        Ok(())
    }

    pub(super) async fn freeze(&self, who: Who, hold: Duration) -> Result<()> {
        let member = self.resolve(who).await?;
        self.expect_all_running().await;
        member.process.freeze().await?;
        tokio::time::sleep(hold).await;
        member.process.thaw().await?;
        self.note_leader().await;
        self.timeline
            .note(format_args!("node {} goes on after {hold:?}", member.id));
        Ok(())
    }

    pub(super) async fn restart_each(&self) -> Result<()> {
        let leader = self.pool.leader().await.unwrap_or_default();
        let mut members = self.pool.members();
        members.sort_by_key(|member| member.id == leader);
        for member in members {
            self.expect_all_running().await;
            self.timeline
                .note(format_args!("restart node {}", member.id));
            if !member.process.stop().await {
                self.timeline
                    .violation(format_args!("node {} did not stop cleanly", member.id));
            }
            member.process.start(&[]).await?;
            self.pool.wait_healthy(HEALING_DEADLINE).await?;
        }
        Ok(())
    }

    /// Fills the disk that can be full. Where there is none, writes fail by order.
    pub(super) async fn fill_disk(&self, hold: Duration) -> Result<()> {
        self.expect_all_running().await;
        let members = self.pool.members();
        let Some(member) = members.iter().find(|member| member.disk.is_some()) else {
            let member = self.resolve(Who::Follower(0)).await?;
            self.timeline.note(format_args!(
                "no small disk is mounted: writes of node {} fail by order instead",
                member.id
            ));
            return self.fail_by_order(&member, "log_write_fails", hold).await;
        };
        let disk = member.disk.as_ref().context("a disk")?;
        disk.fill()?;
        self.timeline
            .note(format_args!("the disk of node {} is full", member.id));
        self.wait_for_end(member, hold, || Ok(disk.fill()?)).await?;
        disk.relieve()?;
        self.restart_dead(member).await
    }

    pub(super) async fn fail_syncs(&self, who: Who, hold: Duration) -> Result<()> {
        let member = self.resolve(who).await?;
        self.expect_all_running().await;
        self.fail_by_order(&member, "log_sync_fails", hold).await
    }

    pub(super) async fn slow_syncs(&self, who: Who, ms: u64, hold: Duration) -> Result<()> {
        let member = self.resolve(who).await?;
        member.order_faults(&format!("log_sync_ms={ms}\n"))?;
        tokio::time::sleep(hold).await;
        member.order_faults("")
    }

    pub(super) async fn spoil(&self, who: Who, hold: Duration) -> Result<()> {
        let member = self.resolve(who).await?;
        self.expect_all_running().await;
        member.order_faults("spoil_state\n")?;
        self.wait_for_end(&member, hold, || Ok(())).await?;
        let last_words = tail(&member.process.log(), 1);
        ensure!(
            last_words.contains("cluster replace"),
            "a node with other books does not say what to do: {last_words}"
        );
        member.order_faults("")?;
        self.replace(&member).await
    }

    async fn fail_by_order(&self, member: &Member, fault: &str, hold: Duration) -> Result<()> {
        member.order_faults(&format!("{fault}\n"))?;
        self.wait_for_end(member, hold, || Ok(())).await?;
        member.order_faults("")?;
        self.restart_dead(member).await
    }

    /// Starts a node again whose disk has failed. It may be about to end, so it is not asked.
    async fn restart_dead(&self, member: &Member) -> Result<()> {
        member.process.kill().await;
        self.start_if_ended(member).await
    }

    /// Waits for the end of a node whose disk fails. A node that is cut off writes nothing, so
    /// only one that is left alone otherwise must end.
    async fn wait_for_end(
        &self,
        member: &Member,
        hold: Duration,
        keep_failing: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let keep_failing = &keep_failing;
        let deadline = match self.is_alone {
            true => STRIKE_DEADLINE,
            false => hold.max(STRIKE_PATIENCE),
        };
        let ended = wait::until("the node ends", deadline, || async move {
            keep_failing()?;
            Ok((!member.process.is_running().await).then_some(()))
        });
        let has_ended = ended.await.is_ok();
        ensure!(
            has_ended || !self.is_alone,
            "node {} runs on although its disk fails",
            member.id
        );
        let what = if has_ended { "has ended" } else { "runs on" };
        self.timeline
            .note(format_args!("node {} {what}", member.id));
        Ok(())
    }
}
