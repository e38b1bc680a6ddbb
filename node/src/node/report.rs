//! What this node says of itself to the others, and how much work it took in the last minute.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use raftpool_ledger::cluster::read;
use raftpool_ledger::view::LedgerView;
use raftpool_proto::node::{DaemonReport, NodeReport, PublicFacts};
use raftpool_raft::RaftNode;
use tokio::time::Instant;

use super::drain::DrainMark;
use super::facts::{alarms_of, status_of, waiting_for};
use super::serving::{Serving, Slot};
use crate::config::PublicSection;
use crate::system::now_ms;

/// Between two looks at what was accepted.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);
/// Looks over which rates are taken: a minute.
const SAMPLES: usize = 13;
/// How far the books' time may be ahead of the clock.
const CLOCK_AHEAD_MAX_MS: u64 = 60_000;
/// Certificates that expire sooner are told as an error.
const CERTIFICATE_DAYS_MIN: u64 = 21;

const DAY_MS: u64 = 86_400_000;

/// Makes the reports.
pub(super) struct Reporter {
    raft: Arc<RaftNode>,
    serving: Arc<Slot>,
    drain: DrainMark,
    started_at_ms: u64,
    api_address: OnceLock<SocketAddr>,
    samples: Mutex<VecDeque<Sample>>,
    /// Without the endpoints.
    public: PublicFacts,
}

/// What was accepted since the start of the process, at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    shares: u64,
    work: u64,
}

impl Reporter {
    /// Begins to watch what is accepted.
    pub(super) fn start(
        raft: Arc<RaftNode>,
        serving: Arc<Slot>,
        drain: DrainMark,
        public: &PublicSection,
    ) -> Arc<Self> {
        let reporter = Arc::new(Self {
            raft,
            serving,
            drain,
            started_at_ms: now_ms(),
            api_address: OnceLock::new(),
            samples: Mutex::default(),
            public: PublicFacts {
                name: public.node_name.clone().unwrap_or_default(),
                region: public.region.clone().unwrap_or_default(),
                api_url: public.api_url.clone().unwrap_or_default(),
                endpoints: Vec::new(),
            },
        });
        let weak = Arc::downgrade(&reporter);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SAMPLE_INTERVAL);
            loop {
                ticks.tick().await;
                let Some(reporter) = weak.upgrade() else {
                    return;
                };
                reporter.sample();
            }
        });
        reporter
    }

    pub(super) fn set_api_address(&self, address: SocketAddr) {
        // The address does not change while the process lives.
        let _ = self.api_address.set(address);
    }

    /// What only this process knows, at this moment.
    pub(super) fn report(&self) -> NodeReport {
        let status = self.raft.status();
        let (shares_thousandths, work) = self.rates();
        let mut report = NodeReport {
            version: env!("CARGO_PKG_VERSION").into(),
            started_at_ms: self.started_at_ms,
            shares_per_second_thousandths: shares_thousandths,
            work_per_second_hashes: work,
            api_address: self
                .api_address
                .get()
                .map_or_else(String::new, ToString::to_string),
            database_bytes: status.log.database_bytes + status.state.database_bytes,
            public: Some(self.public_facts()),
            drain_phase: self
                .drain
                .get()
                .map_or_else(String::new, |(phase, _)| phase.name().to_owned()),
            ..NodeReport::default()
        };
        if self
            .serving
            .look(|serving| fill(&mut report, serving))
            .is_none()
        {
            report.waiting_reason = waiting_for(&self.raft);
        }
        report
            .errors
            .extend(clock_error(self.books_time_ms(), now_ms()));
        report.errors.extend(status.stopped);
        report.errors.extend(status.divergence);
        if let Some(peer) = status.peer {
            let expires_at_ms = peer
                .certificate_expires_at_ms
                .min(peer.authority_expires_at_ms);
            let days = expires_at_ms.saturating_sub(now_ms()) / DAY_MS;
            if days < CERTIFICATE_DAYS_MIN {
                report
                    .errors
                    .push(format!("its certificates expire in {days} days"));
            }
        }
        report
    }

    /// What strangers may know: names, and where miners connect once they can.
    fn public_facts(&self) -> PublicFacts {
        let endpoints = self.serving.look(|serving| serving.endpoints.clone());
        PublicFacts {
            endpoints: endpoints.unwrap_or_default(),
            ..self.public.clone()
        }
    }

    /// The ledger's time; 0 when it cannot be read, which others say.
    fn books_time_ms(&self) -> u64 {
        let read = read(self.raft.as_ref(), |state| LedgerView::new(state).time_ms());
        read.unwrap_or_default()
    }

    fn sample(&self) {
        let accepted = self.serving.look(|serving| serving.stratum.accepted());
        let (shares, work) = accepted.unwrap_or_default();
        let mut samples = self.samples.lock();
        samples.push_back(Sample {
            at: Instant::now(),
            shares,
            work,
        });
        if samples.len() > SAMPLES {
            samples.pop_front();
        }
    }

    /// Accepted shares per second, in thousandths, and work per second, in hashes.
    fn rates(&self) -> (u64, u64) {
        let accepted = self.serving.look(|serving| serving.stratum.accepted());
        let (Some((shares, work)), Some(first)) = (accepted, self.samples.lock().front().copied())
        else {
            return (0, 0);
        };
        let now = Sample {
            at: Instant::now(),
            shares,
            work,
        };
        rates_between(first, now)
    }
}

/// A node that proposed with a wrong clock took the ledger's time with it, which never goes back.
fn clock_error(books_time_ms: u64, now_ms: u64) -> Option<String> {
    let ahead_ms = books_time_ms.saturating_sub(now_ms);
    (ahead_ms > CLOCK_AHEAD_MAX_MS).then(|| {
        format!(
            "the time of the books is {} s ahead of its clock: some node's clock is wrong, and what \
             waits for a time, such as payouts, waits so much longer",
            ahead_ms / 1_000
        )
    })
}

fn rates_between(first: Sample, last: Sample) -> (u64, u64) {
    let elapsed_ms = u64::try_from((last.at - first.at).as_millis()).unwrap_or(u64::MAX);
    // Too short a time says nothing.
    if elapsed_ms < 500 {
        return (0, 0);
    }
    let per_second = |count: u64, scale: u128| {
        let scaled = u128::from(count) * scale * 1_000 / u128::from(elapsed_ms);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    let shares = last.shares.saturating_sub(first.shares);
    let work = last.work.saturating_sub(first.work);
    (per_second(shares, 1_000), per_second(work, 1))
}

fn fill(report: &mut NodeReport, serving: &Serving) {
    report.serving = true;
    report.connections = serving.stratum.connections() as u64;
    let daemons = serving.daemons.health().into_iter();
    report.daemons = daemons
        .map(|daemon| DaemonReport {
            name: daemon.name,
            healthy: daemon.healthy,
            height: daemon.height,
            problem: daemon.problem.unwrap_or_default(),
        })
        .collect();
    let is_daemon_healthy = report.daemons.iter().any(|daemon| daemon.healthy);
    if !is_daemon_healthy {
        let error = "none of its daemons can be used: it works with those of other nodes";
        report.errors.push(error.into());
    }
    if let Some(template) = serving.templates.borrow().as_ref() {
        let received = serving
            .template_at_ms
            .load(std::sync::atomic::Ordering::Relaxed);
        report.template_height = Some(template.height);
        report.template_received_at_ms = Some(received);
    }
    let status = serving.payouts.status();
    report.errors.extend(alarms_of(&status));
    report.payout_status = status_of(status);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_ahead_of_the_clock_are_an_error() {
        assert_eq!(clock_error(CLOCK_AHEAD_MAX_MS, 0), None);
        assert_eq!(clock_error(0, 9_999_999), None);
        let error = clock_error(CLOCK_AHEAD_MAX_MS + 7_001, 7_000).unwrap();
        assert!(error.contains("60 s ahead"), "{error}");
    }

    #[test]
    fn rates_are_taken_over_the_time_that_passed() {
        let first = Sample {
            at: Instant::now(),
            shares: 10,
            work: 1_000,
        };
        let later = |seconds_milli| Sample {
            at: first.at + Duration::from_millis(seconds_milli),
            shares: 25,
            work: 16_000,
        };
        assert_eq!(rates_between(first, later(10_000)), (1_500, 1_500));
        assert_eq!(
            rates_between(first, later(100)),
            (0, 0),
            "too short to tell"
        );
    }
}
