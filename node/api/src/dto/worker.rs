//! How miners and workers are doing: their speed over several times, a state in words, sessions.

use std::collections::BTreeMap;

use raftpool_ledger::StateError;
use raftpool_ledger::series::Step;
use raftpool_ledger::view::{self, LedgerView, SeriesQuery, reject_reason_name};
use serde::Serialize;
use utoipa::ToSchema;

use super::Decimal;
use super::miner::Worker;
use super::names::{ProtocolName, WorkerStateName};
use crate::facts::SessionFacts;

/// A worker without an accepted share for so long is offline: at the usual difficulty that is
/// hundreds of shares.
pub const OFFLINE_AFTER_MS: u64 = 900_000;

/// Spans of ten minutes with work that a usual speed takes.
const SPANS_OF_USUAL_MIN: usize = 6;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;

/// Hashes per second, estimated from accepted work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hashrates {
    /// Over about the last ten minutes, or since work began if that is less.
    pub ten_minutes: u64,
    /// Over the last hour, up to ten minutes less.
    pub hour: u64,
    /// Over the last day, up to ten minutes less; time without work counts as well.
    pub day: u64,
    /// Accepted shares within the hour: an estimate from `n` shares is off by about one part in the
    /// root of `n`.
    pub shares_of_hour: u64,
}

/// How a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// It works.
    Ok,
    /// It works at less than half of its usual speed.
    Low,
    /// No share of it was accepted for a quarter of an hour.
    Offline,
    /// The pool takes none of its shares for the time being.
    Banned,
}

/// One worker with how it is doing.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerHealth {
    /// Money-free facts of the ledger.
    #[serde(flatten)]
    pub worker: Worker,
    /// What its owner calls it; null when it has no label.
    pub label: Option<String>,
    /// How it is, in a word.
    #[schema(value_type = WorkerStateName)]
    pub state: &'static str,
    /// The same in a sentence.
    pub state_detail: String,
    /// Its speed.
    pub hashrates: Hashrates,
}

/// The answer of `/api/v1/miners/{address}/workers/{worker}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerDetail {
    /// Facts of the ledger.
    #[serde(flatten)]
    pub health: WorkerHealth,
    /// The node whose sessions are shown: each knows its own.
    pub sessions_node_id: u64,
    /// Its open sessions on that node, of this moment and not of the index; 100 at most.
    pub sessions: Vec<Session>,
}

/// One open session of a worker.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// What it speaks.
    #[schema(value_type = ProtocolName)]
    pub protocol: &'static str,
    /// Whether it came over TLS, as far as the node sees.
    pub is_tls: bool,
    /// What its software calls itself; null when it did not say.
    pub user_agent: Option<String>,
    /// When it connected.
    pub connected_at_ms: u64,
    /// Difficulty of its newest job; null before the first.
    pub difficulty: Option<Decimal>,
    /// When its newest accepted share arrived; null before the first.
    pub last_share_at_ms: Option<u64>,
    /// Shares of this session that were accepted.
    pub accepted: u64,
    /// Refused shares of this session by reason.
    pub rejects: BTreeMap<&'static str, u64>,
}

/// Workers by how they are.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct WorkerCounts {
    /// Workers with a share accepted within the last quarter of an hour.
    pub active: u64,
    /// The others.
    pub offline: u64,
}

impl WorkerState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Low, Self::Offline, Self::Banned];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Low => "low",
            Self::Offline => "offline",
            Self::Banned => "banned",
        }
    }
}

impl Hashrates {
    /// From the work of the last ten minutes, and spans of ten minutes, the oldest first.
    pub(crate) fn new(ten_minutes: u64, spans: &[view::Span], now_ms: u64) -> Self {
        let (hour, shares_of_hour) = rate_since(spans, now_ms, HOUR_MS);
        let (day, _) = rate_since(spans, now_ms, DAY_MS);
        Self {
            ten_minutes,
            hour,
            day,
            shares_of_hour,
        }
    }
}

/// Work per second and shares since the first span that begins within the last `window_ms`.
fn rate_since(spans: &[view::Span], now_ms: u64, window_ms: u64) -> (u64, u64) {
    let step_ms = Step::TenMinutes.length_ms();
    let start_ms = now_ms.saturating_sub(window_ms).div_ceil(step_ms) * step_ms;
    let recent = spans.iter().filter(|span| span.start_ms >= start_ms);
    let (work, shares) = recent.fold((0_u128, 0_u64), |(work, shares), span| {
        (
            work.saturating_add(span.work),
            shares.saturating_add(span.shares),
        )
    });
    let elapsed_ms = u128::from(now_ms.saturating_sub(start_ms).max(1));
    let rate = work.saturating_mul(1_000) / elapsed_ms;
    (u64::try_from(rate).unwrap_or(u64::MAX), shares)
}

/// The last day in spans of ten minutes.
pub(crate) fn last_day(now_ms: u64) -> SeriesQuery {
    SeriesQuery {
        step: Step::TenMinutes,
        since_ms: now_ms.saturating_sub(DAY_MS),
        before_ms: u64::MAX,
    }
}

impl WorkerHealth {
    /// Reads what is beside the worker's own record.
    pub(crate) fn read(
        view: &LedgerView<'_>,
        address: &str,
        worker: view::Worker,
        now_ms: u64,
    ) -> Result<Self, StateError> {
        let time_ms = view.time_ms()?;
        let spans = view
            .worker_series(address, &worker.name, last_day(time_ms))?
            .unwrap_or_default();
        let ban = view.ban(address, &worker.name, now_ms)?;
        let (state, state_detail) = judge(&worker, &spans, ban, time_ms.max(now_ms));
        Ok(Self {
            hashrates: Hashrates::new(worker.hashrate, &spans, time_ms),
            label: view.worker_label(address, &worker.name)?,
            worker: worker.into(),
            state: state.name(),
            state_detail,
        })
    }
}

/// How a worker is. The usual speed is the median of the spans of the last day in which it worked.
fn judge(
    worker: &view::Worker,
    spans: &[view::Span],
    ban: Option<view::Ban>,
    now_ms: u64,
) -> (WorkerState, String) {
    if let Some(ban) = ban {
        return (WorkerState::Banned, format!("banned: {}", ban.reason));
    }
    if worker.last_share_ms == 0 {
        let detail = "no share was accepted yet".to_owned();
        return (WorkerState::Offline, detail);
    }
    let silent_ms = now_ms.saturating_sub(worker.last_share_ms);
    if silent_ms >= OFFLINE_AFTER_MS {
        let detail = format!("no share for {} minutes", silent_ms / 60_000);
        return (WorkerState::Offline, detail);
    }
    let step_ms = Step::TenMinutes.length_ms();
    let over = spans
        .iter()
        .filter(|span| span.start_ms.saturating_add(step_ms) <= now_ms && span.work > 0);
    let mut usual: Vec<u128> = over.map(|span| span.work).collect();
    usual.sort_unstable();
    let median = usual.get(usual.len() / 2).copied().unwrap_or(0);
    let usual_rate = median * 1_000 / u128::from(step_ms);
    let is_known = usual.len() >= SPANS_OF_USUAL_MIN;
    if is_known && u128::from(worker.hashrate) < usual_rate / 2 {
        let detail = format!("{} H/s, usually {usual_rate} H/s", worker.hashrate);
        return (WorkerState::Low, detail);
    }
    let detail = format!("newest share {} seconds ago", silent_ms / 1_000);
    (WorkerState::Ok, detail)
}

/// Most sessions of one answer.
const SESSIONS_MAX: usize = 100;

/// The sessions of one worker, as everybody may see them: without the address they come from.
pub(crate) fn sessions_of(worker: &str, sessions: Vec<SessionFacts>) -> Vec<Session> {
    let of_worker = sessions
        .into_iter()
        .filter(|session| session.worker == worker);
    of_worker.take(SESSIONS_MAX).map(Session::from).collect()
}

impl From<SessionFacts> for Session {
    fn from(session: SessionFacts) -> Self {
        let rejects = session.rejects.into_iter();
        Self {
            protocol: session.protocol,
            is_tls: session.is_tls,
            user_agent: Some(session.user_agent).filter(|agent| !agent.is_empty()),
            connected_at_ms: session.connected_at_ms,
            difficulty: (session.difficulty > 0).then(|| session.difficulty.into()),
            last_share_at_ms: session.last_share_at_ms,
            accepted: session.accepted,
            rejects: rejects
                .map(|(reason, count)| (reject_reason_name(reason), count))
                .collect(),
        }
    }
}

impl WorkerCounts {
    pub(crate) fn of(workers: &[view::Worker], now_ms: u64) -> Self {
        let is_active = |worker: &&view::Worker| is_active(worker.last_share_ms, now_ms);
        let active = workers.iter().filter(is_active).count() as u64;
        Self {
            active,
            offline: workers.len() as u64 - active,
        }
    }
}

/// Whether somebody whose newest share is of `last_share_ms` counts as working.
pub(crate) fn is_active(last_share_ms: u64, now_ms: u64) -> bool {
    last_share_ms > 0 && now_ms.saturating_sub(last_share_ms) < OFFLINE_AFTER_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const STEP_MS: u64 = 600_000;

    fn spans(count: u64, work: u128) -> Vec<view::Span> {
        let span = |back| view::Span {
            start_ms: NOW_MS - (count - back) * STEP_MS,
            shares: 10,
            work,
            ..view::Span::default()
        };
        (0..count).map(span).collect()
    }

    fn worker(hashrate: u64, silent_ms: u64) -> view::Worker {
        view::Worker {
            hashrate,
            last_share_ms: NOW_MS - silent_ms,
            ..view::Worker::default()
        }
    }

    fn state(worker: &view::Worker, spans: &[view::Span]) -> WorkerState {
        judge(worker, spans, None, NOW_MS).0
    }

    #[test]
    fn a_worker_is_low_below_half_of_its_usual_speed_and_offline_when_silent() {
        let usual = spans(12, 600_000);
        assert_eq!(state(&worker(1_000, 0), &usual), WorkerState::Ok);
        assert_eq!(state(&worker(500, 0), &usual), WorkerState::Ok);
        assert_eq!(state(&worker(499, 0), &usual), WorkerState::Low);
        assert_eq!(
            state(&worker(499, 0), &usual[..5]),
            WorkerState::Ok,
            "too new"
        );
        let silent = worker(1_000, OFFLINE_AFTER_MS);
        assert_eq!(state(&silent, &usual), WorkerState::Offline);
        assert_eq!(state(&view::Worker::default(), &[]), WorkerState::Offline);
    }

    #[test]
    fn hashrates_count_only_the_time_they_are_about() {
        let hashrates = Hashrates::new(7, &spans(12, 600_000), NOW_MS);
        assert_eq!((hashrates.ten_minutes, hashrates.hour), (7, 1_000));
        assert_eq!(hashrates.shares_of_hour, 60);
        assert_eq!(hashrates.day, 12 * 600_000 / 86_400);
    }
}
