//! The jobs of one pool: read once for all miners, and how long each took to the last of them.
//!
//! A pool sends the same line to thousands of miners (and in getwork a work of which the beginning
//! is the same), so whoever gets it first reads it and all others compare bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use hdrhistogram::Histogram;
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use super::report::{JobReport, Quantiles};
use super::tally::{new_histogram, record};

/// Jobs kept; older ones are forgotten, also by the report.
const KNOWN_MAX: usize = 256;
/// How many of the newest are compared with what comes in.
const COMPARED: usize = 8;

/// One job, as the first miner that got it read it.
pub(super) struct Job {
    /// Counts the jobs of the pool, from 1.
    pub(super) number: u64,
    /// What was recognized: the line, or the beginning of the work.
    seen: Box<[u8]>,
    /// Its name on the wire; empty in getwork.
    pub(super) name: Box<str>,
    first_at: Instant,
    /// Time from the first miner's to each other's that had a job before.
    arrivals: Mutex<Histogram<u64>>,
}

impl Job {
    /// Notes that a miner that had an older job got this one.
    pub(super) fn arrived(&self, at: Instant) {
        record(
            &mut self.arrivals.lock(),
            at.saturating_duration_since(self.first_at),
        );
    }
}

/// The jobs of one pool, oldest first.
#[derive(Default)]
pub(super) struct Jobs(RwLock<VecDeque<Arc<Job>>>);

impl Jobs {
    /// The job that begins like this; read by `read`, which gives its name, when nobody had it.
    pub(super) fn find(
        &self,
        seen: &[u8],
        at: Instant,
        read: impl FnOnce() -> Option<Box<str>>,
    ) -> Option<Arc<Job>> {
        if let Some(known) = find_newest(&self.0.read(), seen) {
            return Some(known);
        }
        let name = read()?;
        let mut known = self.0.write();
        // Another miner may have been faster.
        if let Some(known) = find_newest(&known, seen) {
            return Some(known);
        }
        let job = Arc::new(Job {
            number: known.back().map_or(1, |newest| newest.number + 1),
            seen: seen.into(),
            name,
            first_at: at,
            arrivals: Mutex::new(new_histogram()),
        });
        if known.len() >= KNOWN_MAX {
            known.pop_front();
        }
        known.push_back(job.clone());
        Some(job)
    }

    /// How each job spread that miners got which had one before.
    pub(super) fn reports(&self, pool: &str) -> Vec<JobReport> {
        let known = self.0.read().clone();
        let report = |job: &Arc<Job>| {
            let arrivals = job.arrivals.lock();
            (!arrivals.is_empty()).then(|| JobReport {
                pool: pool.to_owned(),
                number: job.number,
                miners: arrivals.len(),
                delay: Quantiles::of(&arrivals),
            })
        };
        known.iter().filter_map(report).collect()
    }
}

fn find_newest(known: &VecDeque<Arc<Job>>, seen: &[u8]) -> Option<Arc<Job>> {
    let newest = known.iter().rev().take(COMPARED);
    newest.into_iter().find(|job| *job.seen == *seen).cloned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_read_once_and_its_way_to_the_last_miner_is_known() {
        let (jobs, start) = (Jobs::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let first = jobs.find(b"a", at(0), || Some("1".into())).unwrap();
        let again = jobs.find(b"a", at(5), || panic!("it is known")).unwrap();
        assert_eq!((first.number, again.number, &*again.name), (1, 1, "1"));
        assert!(jobs.find(b"?", at(5), || None).is_none());
        for ms in [0, 10, 40] {
            let second = jobs.find(b"b", at(ms), || Some("2".into())).unwrap();
            second.arrived(at(ms));
        }
        let reports = jobs.reports("p");
        assert_eq!(
            reports.len(),
            1,
            "the first job of a connection tells nothing"
        );
        let (miners, last) = (reports[0].miners, reports[0].delay.max_ms);
        assert_eq!(miners, 3);
        assert!((39.9..40.1).contains(&last), "{last}");
    }

    #[test]
    fn old_jobs_are_forgotten_and_numbers_go_on() {
        let (jobs, now) = (Jobs::default(), Instant::now());
        for number in 0_u64..300 {
            let job = jobs.find(&number.to_be_bytes(), now, || Some("".into()));
            assert_eq!(job.unwrap().number, number + 1);
        }
        assert_eq!(jobs.0.read().len(), KNOWN_MAX);
        assert_eq!(jobs.0.read()[0].number, 300 - KNOWN_MAX as u64 + 1);
    }
}
