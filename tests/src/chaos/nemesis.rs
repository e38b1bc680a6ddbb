//! Carries out faults, and undoes them.

mod links;
mod members;
mod nodes;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::fault::{Fault, Who};
use super::schedule::Step;
use super::timeline::Timeline;
use crate::cluster::{ClusterPool, Member};

/// Does evil to one cluster.
#[derive(Clone)]
pub struct Nemesis {
    pool: Arc<ClusterPool>,
    timeline: Timeline,
    /// Whether faults come one at a time: then each must be seen to strike.
    is_alone: bool,
}

impl Nemesis {
    /// One whose faults are told to `timeline`; `is_alone` when nothing else disturbs the cluster.
    pub fn new(pool: &Arc<ClusterPool>, timeline: &Timeline, is_alone: bool) -> Self {
        Self {
            pool: pool.clone(),
            timeline: timeline.clone(),
            is_alone,
        }
    }

    /// Carries out the steps of one lane.
    ///
    /// # Errors
    /// When the cluster does not do what it must, or a process cannot be started.
    pub async fn run(&self, steps: &[Step]) -> Result<()> {
        for step in steps {
            // When a fault strikes is the point of the test, so this is by the clock.
            tokio::time::sleep(step.pause).await;
            self.strike(&step.fault, step.hold)
                .await
                .with_context(|| step.fault.to_string())?;
        }
        Ok(())
    }

    /// Lets one fault strike, waits for `hold`, and undoes it.
    ///
    /// # Errors
    /// When the cluster does not do what it must, or a process cannot be started.
    pub async fn strike(&self, fault: &Fault, hold: Duration) -> Result<()> {
        self.timeline.note(fault);
        match fault {
            Fault::Kill(who) => self.kill(*who, hold).await,
            Fault::KillAll => self.kill_all(hold).await,
            Fault::Freeze(who) => self.freeze(*who, hold).await,
            Fault::RollingRestart => self.restart_each().await,
            Fault::CutOff(who, passage) => self.cut_off(*who, *passage, hold).await,
            Fault::CutAll(passage) => self.cut_all(*passage, hold).await,
            Fault::OneWay { from, to } => self.cut_one_way(*from, *to, hold).await,
            Fault::Bridge(who) => self.leave_bridge(*who, hold).await,
            Fault::SlowLinks(way) => self.slow_links(*way, hold).await,
            Fault::FullDisk => self.fill_disk(hold).await,
            Fault::FailingSync(who) => self.fail_syncs(*who, hold).await,
            Fault::SlowSync(who, ms) => self.slow_syncs(*who, *ms, hold).await,
            Fault::SpoiledBooks(who) => self.spoil(*who, hold).await,
            Fault::Transfer(number) => self.transfer(*number).await,
            Fault::NewMember(who) => self.add_and_remove(*who).await,
            Fault::ReplaceWiped(who) => self.replace_wiped(*who).await,
            Fault::LongAbsence(who) => self.keep_away(*who).await,
        }
    }

    /// Undoes everything that can be undone. A node that does not run although nobody ended it is
    /// a violation.
    ///
    /// # Errors
    /// When a node cannot be started.
    pub async fn heal(&self) -> Result<()> {
        self.timeline.note("everything is mended");
        self.pool.ways.heal();
        for member in self.pool.members() {
            member.order_faults("")?;
            if let Some(disk) = &member.disk {
                disk.relieve()?;
            }
            // Fails when it does not run, which is looked at next.
            let _ = member.process.thaw().await;
        }
        self.expect_all_running().await;
        for member in self.pool.members() {
            self.start_if_ended(&member).await?;
        }
        Ok(())
    }

    /// Tells of every node that has ended although nothing was done to it.
    async fn expect_all_running(&self) {
        for member in self.pool.members() {
            if !member.process.is_running().await {
                let end = crate::processes::tail(&member.process.log(), 12);
                self.timeline
                    .violation(format_args!("node {} ended by itself:\n{end}", member.id));
            }
        }
    }

    async fn start_if_ended(&self, member: &Member) -> Result<()> {
        if member.process.is_running().await {
            return Ok(());
        }
        self.timeline.note(format_args!("start node {}", member.id));
        member.process.start(&[]).await
    }

    async fn note_leader(&self) {
        match self.pool.leader_now().await {
            Some(leader) => self.timeline.note(format_args!("node {leader} leads")),
            None => self.timeline.note("nobody is known to lead"),
        }
    }

    /// The node that is meant, at this moment. Without a leader any node will do.
    async fn resolve(&self, who: Who) -> Result<Arc<Member>> {
        let members = self.pool.members();
        let leader = self.pool.leader().await.unwrap_or_default();
        let found = match who {
            Who::Leader => members.iter().find(|member| member.id == leader),
            Who::Follower(number) => {
                let followers = members.iter().filter(|member| member.id != leader);
                let followers: Vec<_> = followers.collect();
                followers.get(number % followers.len().max(1)).copied()
            }
        };
        let member = found.or(members.first()).context("there is no node")?;
        self.timeline
            .note(format_args!("{who} is node {}", member.id));
        Ok(member.clone())
    }
}
