//! Simulated mining through the real books: every scheme pays what it must in the mean, nobody
//! gains by coming and going, and the reserve of PPS is used up as often as its formula says.
//!
//! `RAFTPOOL_TEST_SEED` repeats a run; the seed is printed. Bounds are four standard errors of what
//! was seen, so that a right ledger fails about once in ten thousand runs.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used, clippy::float_arithmetic)]

use std::collections::BTreeMap;

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{Account, PublishNetworkSample, Scheme, Settings, Share};
use raftpool_ledger::reserve::ReserveLevel;
use raftpool_ledger::state::{MemoryState, Overlay};
use raftpool_ledger::testing::{
    change_settings, credit_shares, move_funds, record_block, sample_settings, sample_share,
    settle_block,
};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{EntryContext, apply, compose, verify};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What a block pays besides fees.
const BLOCK: u64 = 1_000_000_000;
/// The fees of a block, where there are any.
const FEES: u64 = BLOCK / 8;

struct Pool {
    state: MemoryState,
    index: u64,
    random: StdRng,
    /// Fees of each found block.
    fees_atomic: u64,
    blocks: u64,
    /// What each miner's work was worth, in blocks.
    worth: BTreeMap<String, f64>,
    /// What each would have got if every block were shared by the work since the one before.
    proportional: BTreeMap<String, f64>,
    round: BTreeMap<String, f64>,
}

impl Pool {
    fn new(settings: Settings, seed: u64) -> Self {
        let mut pool = Self {
            state: MemoryState::default(),
            index: 0,
            random: StdRng::seed_from_u64(seed),
            fees_atomic: 0,
            blocks: 0,
            worth: BTreeMap::new(),
            proportional: BTreeMap::new(),
            round: BTreeMap::new(),
        };
        pool.apply(change_settings(settings));
        pool
    }

    fn apply(&mut self, body: Body) {
        self.index += 1;
        let entry = EntryContext {
            index: self.index,
            term: 1,
        };
        let mut overlay = Overlay::new(&self.state);
        apply(&mut overlay, entry, &compose("test", 1_000, body)).unwrap();
        let changes = overlay.into_changes();
        self.state.commit(changes);
    }

    /// One share, which solves a block as often as its difficulty says, and what comes of that.
    fn mine(&mut self, miner: &str, scheme: Scheme, difficulty: u64, network: u64) -> bool {
        let share = Share {
            scheme: scheme.into(),
            expected_reward_atomic: BLOCK,
            ..sample_share(miner, difficulty, network)
        };
        let worth = difficulty as f64 / network as f64;
        *self.worth.entry(miner.into()).or_default() += worth;
        *self.round.entry(miner.into()).or_default() += worth;
        if self.random.random_range(0..network) >= difficulty {
            self.apply(credit_shares(self.index + 1, vec![share]));
            return false;
        }
        self.blocks += 1;
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.blocks.to_be_bytes());
        self.apply(record_block(hash, self.blocks, share));
        let amount_atomic = BLOCK + self.fees_atomic;
        self.apply(settle_block(hash, amount_atomic, self.blocks));
        let round: f64 = self.round.values().sum();
        for (miner, part) in std::mem::take(&mut self.round) {
            *self.proportional.entry(miner).or_default() += part / round;
        }
        true
    }

    fn earned(&self, miner: &str) -> f64 {
        let known = LedgerView::new(&self.state).miner(miner).unwrap();
        known.map_or(0.0, |known| known.earned_atomic as f64 / BLOCK as f64)
    }
}

/// Mean and standard error.
fn mean(samples: &[f64]) -> (f64, f64) {
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

fn seed() -> u64 {
    let seed = std::env::var("RAFTPOOL_TEST_SEED").map_or(7, |text| text.parse().unwrap());
    println!("seed {seed}");
    seed
}

/// A thousand blocks of the network, each with the usual fees.
fn sample_of_fees() -> Body {
    Body::PublishNetworkSample(PublishNetworkSample {
        first_topoheight: 1,
        last_topoheight: 1_000,
        blocks: 1_000,
        fees_atomic: 1_000 * FEES,
        rewards_atomic: 1_000 * BLOCK,
        fees_max_atomic: FEES,
        unreadable_blocks: 0,
    })
}

fn all_schemes() -> Settings {
    Settings {
        pps_offered: true,
        fpps_offered: true,
        ..sample_settings()
    }
}

/// Four miners of as many schemes side by side: after many blocks each has what its work was worth
/// less its fee, within what chance allows; with the fees of blocks, of which PPS pays nothing.
#[test]
fn every_scheme_pays_what_work_is_worth_less_its_fee() {
    let seed = seed();
    let schemes = [
        ("pplns", Scheme::Pplns, 1.125 * 0.99),
        ("solo", Scheme::Solo, 1.125 * 0.995),
        ("pps", Scheme::Pps, 0.98),
        ("fpps", Scheme::Fpps, 1.125 * 0.97),
    ];
    let mut paid: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in 0..16 {
        let mut pool = Pool::new(all_schemes(), seed + run);
        pool.fees_atomic = FEES;
        pool.apply(sample_of_fees());
        pool.apply(move_funds(Account::Deposits, Account::Reserve, 300 * BLOCK));
        for _ in 0..1_200 {
            for (miner, scheme, _) in schemes {
                pool.mine(miner, scheme, 10, 100);
            }
        }
        assert_eq!(verify(&pool.state).unwrap(), vec![]);
        for (miner, _, of_a_block) in schemes {
            let ratio = pool.earned(miner) / pool.worth[miner] / of_a_block;
            paid.entry(miner).or_default().push(ratio);
        }
    }
    for (miner, ratios) in paid {
        let (mean, error) = mean(&ratios);
        println!("{miner}: {mean:.4} of what it must be, standard error {error:.4}");
        // A window of two blocks at the end was not paid in full yet, and one was paid by less
        // work at the beginning.
        let allowed = 4.0 * error + 0.002;
        assert!((mean - 1.0).abs() < allowed, "{miner}: {mean}");
        assert!(error < 0.05, "too few runs to say anything: {error}");
    }
}

/// A hopper mines only while the round is young and while the network is easy; the others stay.
/// The network's difficulty and the pool's speed move all the time.
#[test]
fn nobody_gains_by_hopping_under_pplns_and_would_if_rounds_were_shared() {
    let seed = seed();
    let (mut gain, mut gain_by_rounds) = (Vec::new(), Vec::new());
    for run in 0..30 {
        let mut pool = Pool::new(
            Settings {
                pplns_fee_bps: 0,
                ..sample_settings()
            },
            seed + run,
        );
        // A window that is not full shares the same among less work, whoever is there.
        for _ in 0..75 {
            pool.mine("early", Scheme::Pplns, 2, 50);
        }
        pool.round.clear();
        let mut age = 0.0;
        for step in 0_u64..6_000 {
            // Up and down by four within a few blocks, and a crowd that comes and goes.
            let network = if step / 150 % 2 == 0 { 50 } else { 200 };
            let is_crowded = step / 210 % 2 == 0;
            let mut miners = vec!["steady"];
            miners.extend(is_crowded.then_some("crowd"));
            let is_young = age < 0.43;
            miners.extend((is_young && network == 50).then_some("hopper"));
            for miner in miners {
                age += 2.0 / network as f64;
                if pool.mine(miner, Scheme::Pplns, 2, network) {
                    age = 0.0;
                }
            }
        }
        // Of what work is worth; the difference has no bias, unlike a ratio of two that vary.
        let rate = |paid: f64, miner: &str| paid / pool.worth[miner];
        let earned = |miner: &str| rate(pool.earned(miner), miner);
        gain.push(earned("hopper") - earned("steady"));
        let proportional = |miner: &str| rate(pool.proportional[miner], miner);
        gain_by_rounds.push(proportional("hopper") - proportional("steady"));
    }
    let (pplns, error) = mean(&gain);
    let (rounds, rounds_error) = mean(&gain_by_rounds);
    println!(
        "gain of hopping: {pplns:.3} (standard error {error:.3}) under PPLNS, {rounds:.3} ({rounds_error:.3}) by rounds"
    );
    assert!(error < 0.03, "too few runs to say anything: {error}");
    assert!(pplns < 4.0 * error, "a hopper gains {pplns}");
    assert!(
        rounds > 4.0 * rounds_error,
        "the control does not hop: {rounds}"
    );
}

/// The reserve that is required for a ruin in five pools is used up no more often than that, and
/// as often as the exact theory says for shares of this size.
#[test]
fn the_reserve_is_used_up_as_often_as_its_formula_says() {
    const RUNS: u64 = 400;
    /// A share's part of a block, and what is paid for it.
    const PART: f64 = 0.25;
    const PAID: f64 = PART * 0.9;
    let seed = seed();
    let settings = Settings {
        pps_fee_bps: 1_000,
        pps_offered: true,
        reserve_ruin_per_million: 200_000,
        ..sample_settings()
    };
    let mut ruined = 0;
    let mut blocks = 0.0;
    for run in 0..RUNS {
        let mut pool = Pool::new(settings.clone(), seed + run);
        pool.apply(move_funds(Account::Deposits, Account::Reserve, BLOCK));
        pool.mine("a", Scheme::Pps, 1, 1_000_000);
        let reserve = |pool: &Pool| LedgerView::new(&pool.state).reserve().unwrap().unwrap();
        let required = reserve(&pool).required_atomic.unwrap();
        blocks = required as f64 / BLOCK as f64;
        let missing = required - reserve(&pool).held_atomic;
        pool.apply(move_funds(Account::Deposits, Account::Reserve, missing));
        for _ in 0..1_200 {
            pool.mine("a", Scheme::Pps, 25, 100);
            if reserve(&pool).level == ReserveLevel::Exhausted {
                ruined += 1;
                break;
            }
        }
    }
    // The exponent of which a step of the reserve keeps the mean: -PAID, and +1 in PART of all.
    let step = |exponent: f64| (PAID * exponent).exp() * (1.0 - PART + PART * (-exponent).exp());
    let (mut low, mut high) = (1e-3, 10.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        *(if step(middle) < 1.0 {
            &mut low
        } else {
            &mut high
        }) = middle;
    }
    // Used up is what cannot pay the next share, which lies between nothing and one payment.
    let exact = (-low * blocks).exp()..(-low * (blocks - PAID)).exp();
    let found = f64::from(ruined) / RUNS as f64;
    let error = (exact.end / RUNS as f64).sqrt();
    println!(
        "used up in {found:.3} of the pools, planned 0.2, by theory {exact:.3?} (standard error {error:.3})"
    );
    assert!(exact.end < 0.2, "the formula promises too much");
    assert!(found > exact.start - 4.0 * error, "{found}");
    assert!(found < exact.end + 4.0 * error, "{found}");
}
