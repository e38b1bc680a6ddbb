//! What the miners saw, counted where many of them may count at the same time.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::share::{Kind, Verdict};

/// Different reasons that are counted apart; all others are one. Pools have few words, so this is
/// only reached by one that makes them up.
const REASONS_MAX: usize = 64;
/// What all others are.
const OTHER_REASONS: &str = "other reasons";

/// Longest time that is told from longer ones, which bounds a histogram's memory.
const MICROS_MAX: u64 = 3_600_000_000;

/// Times in microseconds, to three digits; it grows with what it is given.
pub(super) fn new_histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are within what the library can do")
}

/// Counts a time; one of more than an hour counts as an hour.
pub(super) fn record(histogram: &mut Histogram<u64>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    // A histogram that grows takes whatever is below its bound.
    let _ = histogram.record(micros.min(MICROS_MAX));
}

/// Counts.
pub(super) struct Tally {
    /// From when a connection was due to the miner's first job.
    pub(super) connects: Histogram<u64>,
    /// As `connects`, of miners that had been connected before.
    pub(super) reconnects: Histogram<u64>,
    /// Why connections did not come about.
    pub(super) connect_failures: BTreeMap<String, u64>,
    /// Why connections ended before the load did.
    pub(super) disconnects: BTreeMap<String, u64>,
    pub(super) sent: BTreeMap<Kind, u64>,
    pub(super) verdicts: BTreeMap<(Kind, Verdict), u64>,
    /// Shares whose connection or load ended before their answer came.
    pub(super) unanswered: BTreeMap<Kind, u64>,
    /// Shares that were due and never sent, because too many had no answer.
    pub(super) overdue: u64,
    /// From when an accepted share was due to its answer.
    pub(super) accepted: Histogram<u64>,
    /// From when a refused share was due to its answer.
    pub(super) refused: Histogram<u64>,
    /// From when a share was due to when it was sent, of those that nothing kept back but this
    /// process.
    pub(super) lag: Histogram<u64>,
    pub(super) messages_in: u64,
    pub(super) messages_out: u64,
    pub(super) jobs_in: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            connects: new_histogram(),
            reconnects: new_histogram(),
            connect_failures: BTreeMap::new(),
            disconnects: BTreeMap::new(),
            sent: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            overdue: 0,
            accepted: new_histogram(),
            refused: new_histogram(),
            lag: new_histogram(),
            messages_in: 0,
            messages_out: 0,
            jobs_in: 0,
        }
    }
}

impl Tally {
    /// Counts an answer.
    pub(super) fn answered(&mut self, kind: Kind, verdict: Verdict, took: Duration) {
        let times = match verdict {
            Verdict::Accepted => &mut self.accepted,
            Verdict::Refused { .. } => &mut self.refused,
        };
        record(times, took);
        let has_room = self.verdicts.len() < REASONS_MAX;
        let key = (kind, verdict);
        let key = match has_room || self.verdicts.contains_key(&key) {
            true => key,
            false => (kind, forget_words(key.1)),
        };
        *self.verdicts.entry(key).or_default() += 1;
    }

    /// Adds another one's counts.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.connects, &other.connects),
            (&mut self.reconnects, &other.reconnects),
            (&mut self.accepted, &other.accepted),
            (&mut self.refused, &other.refused),
            (&mut self.lag, &other.lag),
        ] {
            // Both resize themselves, so that nothing is out of range.
            let _ = mine.add(theirs);
        }
        sum(&mut self.connect_failures, &other.connect_failures);
        sum(&mut self.disconnects, &other.disconnects);
        sum(&mut self.sent, &other.sent);
        sum(&mut self.verdicts, &other.verdicts);
        sum(&mut self.unanswered, &other.unanswered);
        self.overdue += other.overdue;
        self.messages_in += other.messages_in;
        self.messages_out += other.messages_out;
        self.jobs_in += other.jobs_in;
    }
}

/// Counts one more of a reason.
pub(super) fn count(reasons: &mut BTreeMap<String, u64>, reason: &str) {
    let has_room = reasons.len() < REASONS_MAX || reasons.contains_key(reason);
    let reason = if has_room { reason } else { OTHER_REASONS };
    *reasons.entry(reason.to_owned()).or_default() += 1;
}

fn forget_words(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Accepted => Verdict::Accepted,
        Verdict::Refused { code, .. } => Verdict::Refused {
            code,
            words: OTHER_REASONS.into(),
        },
    }
}

fn sum<K: Ord + Clone>(mine: &mut BTreeMap<K, u64>, theirs: &BTreeMap<K, u64>) {
    for (key, count) in theirs {
        *mine.entry(key.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_makes_up_reasons_fills_no_memory() {
        let mut tally = Tally::default();
        for number in 0..1_000 {
            count(&mut tally.disconnects, &format!("{number:x}"));
            // A code is part of the reason, so that there is a last one for each.
            let verdict = Verdict::Refused {
                code: Some(21),
                words: format!("{number:x}"),
            };
            tally.answered(Kind::Stale, verdict, Duration::from_micros(5));
        }
        assert_eq!(tally.disconnects.len(), REASONS_MAX + 1);
        assert_eq!(tally.verdicts.len(), REASONS_MAX + 1);
        let mut sums = Tally::default();
        sums.add(&tally);
        sums.add(&tally);
        assert_eq!(sums.verdicts.values().sum::<u64>(), 2_000);
        assert_eq!((sums.refused.len(), sums.refused.max()), (2_000, 5));
    }

    #[test]
    fn times_from_microseconds_to_an_hour_are_told_apart() {
        let (mut tally, mut sums) = (Tally::default(), Tally::default());
        for micros in [3, 6_000, 2_000_000, u64::MAX] {
            let took = Duration::from_micros(micros);
            tally.answered(Kind::Valid, Verdict::Accepted, took);
        }
        sums.add(&tally);
        for (quantile, micros) in [
            (0.25, 3),
            (0.5, 6_000),
            (0.75, 2_000_000),
            (1.0, MICROS_MAX),
        ] {
            let value = sums.accepted.value_at_quantile(quantile);
            assert!(
                value.abs_diff(micros) <= micros / 1_000,
                "{quantile}: {value}"
            );
        }
    }
}
