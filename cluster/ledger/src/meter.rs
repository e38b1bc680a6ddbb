//! Hash rates from work per minute: integers in a bounded ring.

use raftpool_proto::ledger::Meter;

/// Minutes that count: the running one and ten full ones.
const BUCKETS: usize = 11;
const MINUTE_MS: u64 = 60_000;

/// Books work at the ledger's time.
pub(crate) fn add(meter: &mut Meter, now_ms: u64, work: u64) {
    let minute = now_ms / MINUTE_MS;
    let passed = minute.saturating_sub(meter.newest_minute);
    if meter.work.is_empty() || passed >= BUCKETS as u64 {
        *meter = Meter {
            newest_minute: minute,
            since_ms: now_ms,
            work: vec![0],
        };
    } else {
        for _ in 0..passed {
            meter.work.insert(0, 0);
        }
        meter.work.truncate(BUCKETS);
        meter.newest_minute = minute;
    }
    // A rate is an estimate: it may stay at its largest value, unlike what is paid for.
    meter.work[0] = meter.work[0].saturating_add(work);
}

/// Hashes per second over the last ten to eleven minutes, or since work began if that is less,
/// but over one minute at least.
pub(crate) fn hashrate(meter: &Meter, now_ms: u64) -> u64 {
    let minute = now_ms / MINUTE_MS;
    let age = minute.saturating_sub(meter.newest_minute);
    let counted = (BUCKETS as u64).saturating_sub(age) as usize;
    let work: u128 = meter
        .work
        .iter()
        .take(counted)
        .copied()
        .map(u128::from)
        .sum();
    let start_ms = minute.saturating_sub(BUCKETS as u64 - 1) * MINUTE_MS;
    let elapsed_ms = now_ms
        .saturating_sub(start_ms.max(meter.since_ms))
        .max(MINUTE_MS);
    u64::try_from(work * 1_000 / u128::from(elapsed_ms)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000_000;

    #[test]
    fn hashrate_of_steady_work_is_its_rate() {
        let mut meter = Meter::default();
        let mut now = START;
        for second in 0..3_600 {
            now = START + second * 1_000;
            add(&mut meter, now, 500);
        }
        assert!(meter.work.len() <= BUCKETS);
        assert!(
            (499..=501).contains(&hashrate(&meter, now)),
            "{}",
            hashrate(&meter, now)
        );
    }

    #[test]
    fn hashrate_of_a_new_worker_counts_from_its_beginning() {
        let mut meter = Meter::default();
        for second in 0..120 {
            add(&mut meter, START + second * 1_000, 500);
        }
        assert!((495..=505).contains(&hashrate(&meter, START + 120_000)));
    }

    #[test]
    fn hashrate_fades_to_nothing_and_begins_anew() {
        let mut meter = Meter::default();
        add(&mut meter, START, 60_000);
        assert_eq!(hashrate(&meter, START), 1_000);
        assert_eq!(hashrate(&meter, START + 9 * MINUTE_MS), 111);
        assert_eq!(hashrate(&meter, START + 11 * MINUTE_MS), 0);
        add(&mut meter, START + 60 * MINUTE_MS, 60_000);
        assert_eq!(hashrate(&meter, START + 60 * MINUTE_MS), 1_000);
    }

    #[test]
    fn time_that_stands_still_is_no_division_by_zero() {
        let mut meter = Meter::default();
        add(&mut meter, 0, u64::MAX);
        add(&mut meter, 0, u64::MAX);
        assert_eq!(hashrate(&meter, 0), u64::MAX / 60);
    }
}
