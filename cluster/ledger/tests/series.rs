//! Work over time against a plain list of everything that was booked.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{CreditShares, RejectCount, WorkerReport};
use raftpool_ledger::series::Step;
use raftpool_ledger::state::{MemoryState, Overlay};
use raftpool_ledger::testing::{change_settings, credit_shares, sample_settings, sample_share};
use raftpool_ledger::view::{LedgerView, SPANS_MAX, SeriesQuery, Span};
use raftpool_ledger::{EntryContext, apply, compose, verify};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const START_MS: u64 = 1_700_000_000_000;
const MINERS: [&str; 2] = ["a", "b"];
const WORKERS: [&str; 3] = ["", "w", "x"];
const DAY_MS: u64 = 86_400_000;

/// What was booked at once to one worker.
struct Booked {
    time_ms: u64,
    miner: &'static str,
    worker: &'static str,
    span: Span,
}

struct Pool {
    state: MemoryState,
    index: u64,
    time_ms: u64,
    booked: Vec<Booked>,
}

impl Pool {
    fn new() -> Self {
        let (state, booked) = (MemoryState::default(), Vec::new());
        let mut pool = Self {
            state,
            index: 0,
            time_ms: START_MS,
            booked,
        };
        pool.apply(change_settings(sample_settings()));
        for miner in MINERS {
            for worker in WORKERS {
                pool.work(miner, worker, 5);
            }
        }
        pool
    }

    fn apply(&mut self, body: Body) {
        self.index += 1;
        let mut overlay = Overlay::new(&self.state);
        let entry = EntryContext {
            index: self.index,
            term: 1,
        };
        apply(&mut overlay, entry, &compose("test", self.time_ms, body)).unwrap();
        let changes = overlay.into_changes();
        self.state.commit(changes);
    }

    fn work(&mut self, miner: &'static str, worker: &'static str, difficulty: u64) {
        let mut share = sample_share(miner, difficulty, 1 << 40);
        share.worker = worker.into();
        self.apply(credit_shares(self.index, vec![share]));
        let (shares, work) = (1, difficulty.into());
        self.note(
            miner,
            worker,
            Span {
                shares,
                work,
                ..Span::default()
            },
        );
    }

    fn refuse(&mut self, miner: &'static str, worker: &'static str, reason: i32, count: u64) {
        let report = WorkerReport {
            miner: miner.into(),
            worker: worker.into(),
            difficulty: 0,
            rejects: vec![RejectCount { reason, count }],
        };
        let Body::CreditShares(batch) = credit_shares(self.index, vec![]) else {
            unreachable!("it makes a batch");
        };
        self.apply(Body::CreditShares(CreditShares {
            workers: vec![report],
            ..batch
        }));
        let rejects = [(reason, count)].into();
        self.note(
            miner,
            worker,
            Span {
                rejects,
                ..Span::default()
            },
        );
    }

    fn note(&mut self, miner: &'static str, worker: &'static str, span: Span) {
        let time_ms = self.time_ms;
        self.booked.push(Booked {
            time_ms,
            miner,
            worker,
            span,
        });
    }

    /// What the list says of those that `is_of` picks.
    fn wanted(&self, query: SeriesQuery, is_of: impl Fn(&Booked) -> bool) -> Vec<Span> {
        let length_ms = query.step.length_ms();
        let kept_ms = match query.step {
            Step::TenMinutes => DAY_MS,
            Step::Hour => 31 * DAY_MS,
            Step::Day => u64::MAX,
        };
        let now_ms = self.time_ms / length_ms * length_ms;
        let mut spans: BTreeMap<u64, Span> = BTreeMap::new();
        for booked in self.booked.iter().filter(|booked| is_of(booked)) {
            let start_ms = booked.time_ms / length_ms * length_ms;
            let is_wanted = (query.since_ms..query.before_ms).contains(&start_ms);
            if !is_wanted || now_ms - start_ms > kept_ms {
                continue;
            }
            let span = spans.entry(start_ms).or_default();
            span.start_ms = start_ms;
            span.shares += booked.span.shares;
            span.work += booked.span.work;
            for (reason, count) in &booked.span.rejects {
                *span.rejects.entry(*reason).or_default() += count;
            }
        }
        spans.into_values().collect()
    }

    fn check(&self, since_ms: u64, before_ms: u64) {
        let view = LedgerView::new(&self.state);
        for step in Step::ALL {
            let query = SeriesQuery {
                step,
                since_ms,
                before_ms,
            };
            assert_eq!(
                view.pool_series(query).unwrap(),
                self.wanted(query, |_| true)
            );
            for miner in MINERS {
                let wanted = self.wanted(query, |booked| booked.miner == miner);
                assert_eq!(view.miner_series(miner, query).unwrap(), Some(wanted));
                for worker in WORKERS {
                    let is_of = |booked: &Booked| booked.miner == miner && booked.worker == worker;
                    let wanted = self.wanted(query, is_of);
                    let found = view.worker_series(miner, worker, query).unwrap();
                    assert_eq!(found, Some(wanted), "{miner}.{worker} {step:?}");
                }
            }
        }
        assert_eq!(verify(&self.state).unwrap(), []);
    }
}

/// Mostly seconds or minutes, at times hours, seldom weeks.
fn pause_ms(random: &mut StdRng) -> u64 {
    let longest_ms = match random.random_range(0..100) {
        0..60 => 60_000,
        60..90 => 1_200_000,
        90..99 => DAY_MS,
        _ => 50 * DAY_MS,
    };
    random.random_range(0..longest_ms)
}

#[test]
fn every_span_of_every_owner_is_the_sum_of_what_was_booked_in_it() {
    let seed = match std::env::var("RAFTPOOL_TEST_SEED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => rand::random::<u32>().into(),
    };
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..20 {
        let mut pool = Pool::new();
        for _ in 0..300 {
            pool.time_ms += pause_ms(&mut random);
            let miner = MINERS[random.random_range(0..2)];
            let worker = WORKERS[random.random_range(0..3)];
            match random.random_bool(0.7) {
                true => pool.work(miner, worker, random.random_range(1..1_000)),
                false => {
                    let reason = random.random_range(1..9);
                    pool.refuse(miner, worker, reason, random.random_range(1..5));
                }
            }
            if random.random_bool(0.05) {
                pool.check(0, u64::MAX);
            }
        }
        let since_ms = random.random_range(START_MS..=pool.time_ms);
        pool.check(since_ms, random.random_range(since_ms..=pool.time_ms + 1));
    }
}

#[test]
fn of_very_many_spans_the_newest_are_given() {
    let mut pool = Pool::new();
    let days = SPANS_MAX as u64 + 20;
    for _ in 0..days {
        pool.time_ms += DAY_MS;
        pool.work("a", "w", 1);
    }
    let query = SeriesQuery {
        step: Step::Day,
        since_ms: 0,
        before_ms: u64::MAX,
    };
    let mut wanted = pool.wanted(query, |_| true);
    wanted.drain(..wanted.len() - SPANS_MAX);
    let view = LedgerView::new(&pool.state);
    assert_eq!(view.pool_series(query).unwrap(), wanted);
    let before_ms = wanted[0].start_ms;
    let query = SeriesQuery { before_ms, ..query };
    assert_eq!(view.pool_series(query).unwrap().len(), 21, "the rest");
}

#[test]
fn nobody_without_accepted_work_has_a_series() {
    let mut pool = Pool::new();
    pool.refuse("c", "w", 3, 1);
    let view = LedgerView::new(&pool.state);
    let query = SeriesQuery {
        step: Step::Hour,
        since_ms: 0,
        before_ms: u64::MAX,
    };
    assert_eq!(view.miner_series("c", query).unwrap(), None);
    assert_eq!(view.worker_series("c", "w", query).unwrap(), None);
    assert_eq!(view.worker_series("a", "unknown", query).unwrap(), None);
    let of_pool = view.pool_series(query).unwrap();
    assert_eq!(of_pool[0].rejects, [(3, 1)].into(), "the pool counts it");
}
