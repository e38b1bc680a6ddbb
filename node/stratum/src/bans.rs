//! Bans by the ratio of bad shares: the worker first, its IP address last.
//!
//! What counts is what comes from one IP address under one name, since anybody can use anybody's
//! name. If the ledger says that somebody else works under it, the ban is of that address alone, on
//! this node alone; otherwise it is of the worker.
//!
//! The decision is this node's, from what it saw of the worker itself. It takes effect here at
//! once, whatever becomes of the proposal: a miner that wastes the verifiers' time must not profit
//! from a lost quorum. The ban is then proposed, so that it holds on every node (promise P7); what
//! other nodes have banned, or an operator has lifted, is followed in the ledger.
//!
//! Proposals go one at a time out of a bounded queue, so that made-up workers cannot fill the log;
//! what does not fit stays a ban of this node alone.

mod desk;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use raftpool_ledger::Clock;
use raftpool_ledger::cluster::{self, Cluster};
use raftpool_ledger::command::RejectReason;
use raftpool_ledger::view::{self, LedgerView};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::BanConfig;
use crate::metrics::Metrics;
use crate::miner::Miner;
use crate::proposing::Proposer;
use crate::protocol::Refusal;
use crate::standing::{Banned, Counts, Standing, Standings};
use crate::strikes::Strikes;
use crate::why::Why;

pub(crate) use desk::BanDesk;

/// Bans that wait to be proposed.
const QUEUE_MAX: usize = 1_024;
/// How a connection ends whose worker is banned.
pub(crate) const BANNED: &str = "banned";

/// Over how many seconds the ledger's estimate of a worker's speed goes, at most.
const HASHRATE_SECONDS: u128 = 600;

/// Labels of the metrics.
const WORKER: &str = "worker";
const ADDRESS: &str = "ip";

/// What this node knows of bans.
pub(crate) struct Bans {
    config: BanConfig,
    clock: Arc<dyn Clock>,
    cluster: Arc<dyn Cluster>,
    metrics: Metrics,
    standings: Standings,
    strikes: Arc<Strikes>,
    queue: mpsc::Sender<Arc<Standing>>,
}

/// Somebody this node refuses, and no other node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalBan {
    /// Who.
    pub who: LocalBanOf,
    /// Why.
    pub reason: String,
    /// When it is over, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

/// Whom a ban of one node hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalBanOf {
    /// A worker that is not banned in the ledger (yet): there was no quorum, or no room.
    Worker {
        /// The miner's address.
        address: String,
        /// The worker's name.
        worker: String,
    },
    /// An IP address, or a /64 of IPv6 by its first address.
    Ip(IpAddr),
}

impl Bans {
    /// Must be called within a tokio runtime; the desk does its part once it is run.
    pub(crate) fn new(
        config: BanConfig,
        strikes: Arc<Strikes>,
        metrics: Metrics,
        proposer: Proposer,
    ) -> (Arc<Self>, BanDesk) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let bans = Arc::new(Self {
            standings: Standings::new(Duration::from_millis(config.window_ms)),
            strikes,
            config,
            clock: proposer.clock.clone(),
            cluster: proposer.cluster.clone(),
            metrics,
            queue: sender,
        });
        let desk = BanDesk::new(bans.clone(), proposer, queue);
        (bans, desk)
    }

    /// The standing of a worker that is about to be authorized.
    pub(crate) fn standing(&self, address: &str, worker: &str, source: IpAddr) -> Arc<Standing> {
        self.standings.of(address, worker, source)
    }

    /// What a worker is told that is banned: by this node, or as the ledger says.
    pub(crate) fn refusal(
        &self,
        standing: &Standing,
        in_ledger: Option<view::Ban>,
    ) -> Option<Refusal> {
        let now_ms = self.clock.now_ms();
        let here = standing.banned();
        if here
            .as_ref()
            .is_some_and(|banned| banned.until_ms <= now_ms)
        {
            standing.replace_ban(None);
        }
        let here = here.filter(|banned| banned.until_ms > now_ms);
        let banned = in_ledger.map(as_banned).or(here)?;
        self.metrics
            .abuse
            .banned_refusals
            .with_label_values(&[WORKER])
            .inc();
        let message = self.sentence(standing, &banned);
        let refusal = Refusal::unauthorized(message).because(Why::Banned);
        Some(refusal.and_close(BANNED))
    }

    /// The time by which bans are judged.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// What a miner is told of a ban.
    pub(crate) fn sentence(&self, standing: &Standing, banned: &Banned) -> String {
        let left_ms = banned.until_ms.saturating_sub(self.clock.now_ms());
        let whom = match banned.is_of_source {
            true => " of this IP address",
            false => "",
        };
        format!(
            "worker {}{whom} is banned for another {} s, until {}: {}",
            standing.worker,
            left_ms.div_ceil(1_000),
            utc(banned.until_ms),
            banned.reason,
        )
    }

    pub(crate) fn note_accepted(&self, miner: &Miner, difficulty: u64) {
        if let Some(standing) = miner.standing.get() {
            standing.note_accepted(difficulty);
        }
        self.strikes
            .good_arrived(miner.visitor.remote.ip(), &miner.presence);
    }

    /// A connection is gone.
    pub(crate) fn note_left(&self, miner: &Miner) {
        self.strikes
            .good_left(miner.visitor.remote.ip(), &miner.presence);
    }

    /// Counts a bad share; what the miner is told besides when it was one too many.
    pub(crate) fn note_bad(&self, miner: &Miner, reason: RejectReason) -> Option<String> {
        let standing = miner.standing.get()?;
        if !is_bad(reason) {
            return None;
        }
        let counts = standing.note_bad();
        if !self.is_too_much(counts) {
            return None;
        }
        let now_ms = self.clock.now_ms();
        let banned = Banned {
            reason: format!(
                "{} of its {} shares within {} s were bad",
                counts.bad,
                counts.all(),
                self.config.window_ms / 1_000,
            )
            .into(),
            since_ms: now_ms,
            until_ms: now_ms.saturating_add(self.config.duration_ms),
            is_of_source: self.is_borrowed(standing, counts),
            stored_at: None,
        };
        if !standing.ban(banned.clone()) {
            return None;
        }
        if !banned.is_of_source {
            for other in self
                .standings
                .of_worker(&standing.address, &standing.worker)
            {
                other.ban(banned.clone());
            }
        }
        self.worker_banned(miner, standing, &banned);
        Some(self.sentence(standing, &banned))
    }

    /// Whether the name may be somebody else's: the ledger knows the worker, and most of its work of
    /// late did not come from where the bad shares do. Otherwise anybody could have anybody banned.
    fn is_borrowed(&self, standing: &Standing, counts: Counts) -> bool {
        let worker = cluster::read(&*self.cluster, |state| {
            LedgerView::new(state).worker(&standing.address, &standing.worker)
        });
        match worker {
            Ok(None) => false,
            Ok(Some(worker)) => {
                let work = u128::from(worker.hashrate) * HASHRATE_SECONDS;
                2 * u128::from(counts.work) <= work || counts.work == 0
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "read whose name it is that is to be banned");
                true
            }
        }
    }

    fn is_too_much(&self, counts: Counts) -> bool {
        let BanConfig {
            bad_percent,
            shares_min,
            ..
        } = self.config;
        bad_percent > 0
            && counts.all() >= shares_min
            && counts.bad.saturating_mul(100) >= counts.all().saturating_mul(bad_percent.into())
    }

    fn worker_banned(&self, miner: &Miner, standing: &Arc<Standing>, banned: &Banned) {
        tracing::warn!(
            miner = &*standing.address, worker = &*standing.worker, remote = %miner.visitor.remote,
            is_of_source = banned.is_of_source, reason = &*banned.reason,
            until_ms = banned.until_ms, "worker banned"
        );
        self.metrics
            .abuse
            .bans_made
            .with_label_values(&[WORKER])
            .inc();
        if !banned.is_of_source && self.queue.try_send(standing.clone()).is_err() {
            tracing::warn!(
                miner = &*standing.address,
                worker = &*standing.worker,
                "too many bans at once: this one is known to this node only"
            );
        }
        let ip = miner.visitor.remote.ip();
        let (address, worker) = (&standing.address, &standing.worker);
        let is_refused = self.strikes.worker_banned(ip, address, worker);
        self.tell_of_address(is_refused, ip);
    }

    /// A connection that never got authorized ended for `reason`.
    pub(crate) fn note_garbage(&self, ip: IpAddr, reason: &'static str) {
        if matches!(
            reason,
            "malformed" | "oversized" | "binary" | "chatty" | "tls"
        ) {
            let is_refused = self.strikes.garbage(ip);
            self.tell_of_address(is_refused, ip);
        }
    }

    fn tell_of_address(&self, is_refused: bool, ip: IpAddr) {
        if is_refused {
            let reason = self.strikes.refused(ip).map(|refused| refused.reason);
            tracing::warn!(%ip, reason, "IP address refused for some time");
            self.metrics
                .abuse
                .bans_made
                .with_label_values(&[ADDRESS])
                .inc();
        }
    }

    /// What is banned here and nowhere else.
    pub(crate) fn local(&self) -> Vec<LocalBan> {
        let (now_ms, now) = (self.clock.now_ms(), Instant::now());
        let mut seen = HashSet::new();
        let workers = self.standings.all().into_iter().filter_map(|standing| {
            let mut banned = standing.banned()?;
            let is_ours = banned.stored_at.is_none() && banned.until_ms > now_ms;
            let key = (standing.address.clone(), standing.worker.clone());
            if banned.is_of_source {
                let source = standing.source;
                banned.reason = format!("what comes from {source}: {}", banned.reason).into();
            } else if is_ours && !seen.insert(key) {
                return None;
            }
            is_ours.then(|| LocalBan {
                who: LocalBanOf::Worker {
                    address: standing.address.to_string(),
                    worker: standing.worker.to_string(),
                },
                reason: banned.reason.to_string(),
                until_ms: banned.until_ms,
            })
        });
        let addresses = self.strikes.all_refused().into_iter().map(|(ip, refused)| {
            let left = refused.until.saturating_duration_since(now).as_millis();
            LocalBan {
                who: LocalBanOf::Ip(ip),
                reason: refused.reason.to_owned(),
                until_ms: now_ms.saturating_add(u64::try_from(left).unwrap_or(u64::MAX)),
            }
        });
        workers.chain(addresses).collect()
    }

    /// Ends a ban of this node; whether there was one.
    pub(crate) fn lift(&self, who: &LocalBanOf) -> bool {
        let (is_lifted, kind) = match who {
            LocalBanOf::Worker { address, worker } => {
                let mut standings = self.standings.of_worker(address, worker);
                let is_ours = |banned: Banned| banned.stored_at.is_none();
                standings.retain(|one| one.banned().is_some_and(is_ours));
                for standing in &standings {
                    standing.replace_ban(None);
                }
                (!standings.is_empty(), WORKER)
            }
            LocalBanOf::Ip(ip) => (self.strikes.lift(*ip), ADDRESS),
        };
        if is_lifted {
            tracing::info!(?who, "ban of this node lifted");
            self.metrics
                .abuse
                .bans_lifted
                .with_label_values(&[kind])
                .inc();
        }
        is_lifted
    }

    /// Forgets what is over, and counts what is not; to be called now and then.
    pub(crate) fn forget(&self) {
        let now_ms = self.clock.now_ms();
        self.standings.forget(now_ms);
        self.strikes.forget();
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let banned = self.standings.all();
        let banned = banned.iter().filter(|one| one.banned().is_some()).count();
        let present = &self.metrics.abuse.bans;
        present.with_label_values(&[WORKER]).set(gauge(banned));
        let refused = self.strikes.all_refused().len();
        present.with_label_values(&[ADDRESS]).set(gauge(refused));
    }
}

/// Shares that are the miner's own fault. What else is refused says nothing about the miner.
fn is_bad(reason: RejectReason) -> bool {
    match reason {
        RejectReason::Malformed | RejectReason::Duplicate | RejectReason::LowDifficulty => true,
        RejectReason::RejectUnspecified
        | RejectReason::JobNotFound
        | RejectReason::Stale
        | RejectReason::Unauthorized
        | RejectReason::Overloaded
        | RejectReason::NoQuorum => false,
    }
}

fn as_banned(ban: view::Ban) -> Banned {
    Banned {
        reason: ban.reason.into(),
        since_ms: ban.since_ms,
        until_ms: ban.until_ms,
        is_of_source: false,
        stored_at: Some(0),
    }
}

/// A moment for people.
fn utc(time_ms: u64) -> String {
    let seconds = i64::try_from(time_ms / 1_000).ok();
    let moment =
        seconds.and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok());
    let format = &time::format_description::well_known::Rfc3339;
    let text = moment.and_then(|moment| moment.format(format).ok());
    text.unwrap_or_else(|| format!("{time_ms} ms since 1970"))
}
