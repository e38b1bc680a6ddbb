//! Names and numbers the tests share.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raftpool_chain::{Address, Network};
use raftpool_ledger::Clock;
use raftpool_ledger::command::{Scheme, Settings};

use crate::PayoutConfig;

/// One of whatever parses from "1": a difficulty.
pub(crate) fn one<T: FromStr>() -> T {
    "1".parse().unwrap_or_else(|_| panic!("1 parses"))
}

/// A valid devnet address, always the same for a number.
pub(crate) fn address(number: u64) -> Address {
    let valid = |attempt: u64| {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&number.to_be_bytes())
            .update(&attempt.to_be_bytes());
        Address::from_key(*hasher.finalize().as_bytes(), Network::Devnet).ok()
    };
    (0..10_000)
        .find_map(valid)
        .expect("about one key in sixteen is a valid point")
}

pub(crate) fn pool() -> Address {
    address(0)
}

pub(crate) fn miner(number: u64) -> String {
    address(number).as_str().to_owned()
}

/// The threshold in [`settings`].
pub(crate) const THRESHOLD: u64 = 100_000;

pub(crate) fn settings() -> Settings {
    Settings {
        network: "devnet".into(),
        pool_address: pool().as_str().into(),
        pplns_fee_bps: 0,
        solo_fee_bps: 0,
        pplns_window_milli: 2000,
        pplns_offered: true,
        solo_offered: true,
        default_scheme: Scheme::Pplns.into(),
        payout_threshold_atomic: THRESHOLD,
        payout_interval_ms: 1000,
        payout_payees_max: 255,
        ..Settings::default()
    }
}

/// Counts every sighting and waits for nothing.
pub(crate) fn hasty() -> PayoutConfig {
    PayoutConfig {
        step_interval: Duration::from_millis(1),
        poke_gap: Duration::ZERO,
        sighting_gap: Duration::ZERO,
        resend_interval: Duration::ZERO,
        retry_interval: Duration::ZERO,
        sample_blocks: 10,
        ..PayoutConfig::default()
    }
}

/// Time that a test moves.
#[derive(Default)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000 + self.0.load(Ordering::SeqCst)
    }
}

/// A small generator (splitmix64), so that a seed alone repeats a test.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in `per_mille` of a thousand cases.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
}
