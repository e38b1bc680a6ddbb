//! What the chain says: samples against an independent reckoning, and the bounds of both tables.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used)]

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{AcknowledgeBlock, PublishNetworkSample, ReportBlock};
use raftpool_ledger::network::{NETWORK_BLOCKS_KEPT, NETWORK_SAMPLES_KEPT, SAMPLE_BLOCKS_MAX};
use raftpool_ledger::state::{MemoryState, Overlay};
use raftpool_ledger::strays::STRAY_BLOCKS_MAX;
use raftpool_ledger::testing::{change_settings, sample_settings};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{EntryContext, Outcome, Rejection, apply, compose, verify};

struct Ledger {
    state: MemoryState,
    index: u64,
}

impl Ledger {
    fn new() -> Self {
        let mut ledger = Self {
            state: MemoryState::default(),
            index: 0,
        };
        ledger.apply(change_settings(sample_settings()));
        ledger
    }

    fn apply(&mut self, body: Body) -> Outcome {
        let mut overlay = Overlay::new(&self.state);
        self.index += 1;
        let entry = EntryContext {
            index: self.index,
            term: 1,
        };
        let outcome = apply(&mut overlay, entry, &compose("test", 1_000, body)).unwrap();
        let changes = overlay.into_changes();
        self.state.commit(changes);
        outcome
    }

    fn view(&self) -> LedgerView<'_> {
        LedgerView::new(&self.state)
    }

    fn publish(&mut self, first: u64, blocks: u64, fees: u64) {
        let outcome = self.apply(Body::PublishNetworkSample(PublishNetworkSample {
            first_topoheight: first,
            last_topoheight: first + blocks - 1,
            blocks,
            fees_atomic: fees,
            rewards_atomic: blocks,
            fees_max_atomic: fees,
            unreadable_blocks: 0,
        }));
        assert_eq!(outcome, Outcome::NetworkSamplePublished);
    }

    fn report(&mut self, number: u64) -> Outcome {
        let report = ReportBlock {
            hash: hash(number),
            height: number,
            topoheight: number,
            amount_atomic: 1,
        };
        self.apply(Body::ReportBlock(report))
    }
}

fn hash(number: u64) -> Vec<u8> {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash.to_vec()
}

/// A small generator (splitmix64), so that a seed alone repeats a test.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The rule as an operator would follow it with a list on paper: keep the newest, strike out the
/// lowest and the highest tenth one by one, divide.
fn reckoned(published: &[(u64, u64)]) -> (u64, u64) {
    let mut kept: Vec<(u64, u64)> = published.to_vec();
    while kept.iter().map(|(blocks, _)| blocks).sum::<u64>() > NETWORK_BLOCKS_KEPT
        || kept.len() as u64 > NETWORK_SAMPLES_KEPT
    {
        kept.remove(0);
    }
    let samples = kept.len() as u64;
    let less = |one: &(u64, u64), other: &(u64, u64)| {
        u128::from(one.1) * u128::from(other.0) < u128::from(other.1) * u128::from(one.0)
    };
    for _ in 0..samples / 10 {
        let mut lowest = 0;
        for place in 1..kept.len() {
            if less(&kept[place], &kept[lowest]) {
                lowest = place;
            }
        }
        kept.remove(lowest);
        let mut highest = 0;
        for place in 1..kept.len() {
            if !less(&kept[place], &kept[highest]) {
                highest = place;
            }
        }
        kept.remove(highest);
    }
    let fees: u128 = kept.iter().map(|(_, fees)| u128::from(*fees)).sum();
    let blocks: u128 = kept.iter().map(|(blocks, _)| u128::from(*blocks)).sum();
    ((fees / blocks) as u64, samples)
}

#[test]
fn the_average_is_what_an_independent_reckoning_says_after_every_sample() {
    let seed: u64 = std::env::var("RAFTPOOL_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(7);
    println!("seed {seed}");
    let mut random = seed;
    let mut ledger = Ledger::new();
    let (mut first, mut published) = (1_000, Vec::new());
    for _ in 0..400 {
        let blocks = match next(&mut random) % 4 {
            0 => 1 + next(&mut random) % SAMPLE_BLOCKS_MAX,
            _ => 120,
        };
        // Few different means, so that equal ones meet, and now and then an absurd one.
        let fees = match next(&mut random) % 20 {
            0 => next(&mut random) % 1_000_000_000_000_000,
            _ => blocks * (next(&mut random) % 4),
        };
        ledger.publish(first, blocks, fees);
        first += blocks;
        published.push((blocks, fees));
        let fees = ledger.view().network_fees().unwrap().unwrap();
        let (average, samples) = reckoned(&published);
        assert_eq!((fees.average_fees_atomic, fees.samples), (average, samples));
        assert_eq!(fees.last_topoheight + 1, first);
    }
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
}

#[test]
fn samples_of_single_blocks_are_bounded_in_number() {
    let mut ledger = Ledger::new();
    for topoheight in 0..NETWORK_SAMPLES_KEPT + 5 {
        ledger.publish(topoheight, 1, topoheight);
    }
    let fees = ledger.view().network_fees().unwrap().unwrap();
    assert_eq!(
        (fees.samples, fees.blocks),
        (NETWORK_SAMPLES_KEPT, NETWORK_SAMPLES_KEPT)
    );
    assert_eq!(fees.first_topoheight, 5);
    assert_eq!(
        ledger.view().network_samples().unwrap().len() as u64,
        NETWORK_SAMPLES_KEPT
    );
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
}

#[test]
fn a_full_table_of_strays_gives_up_what_was_looked_at_and_nothing_else() {
    let mut ledger = Ledger::new();
    for number in 1..=STRAY_BLOCKS_MAX {
        assert_eq!(ledger.report(number), Outcome::BlockReported);
    }
    let places = STRAY_BLOCKS_MAX;
    let full = Outcome::Rejected(Rejection::StrayBlocksFull { places });
    assert_eq!(ledger.report(0), full);
    assert_eq!(ledger.report(1), Outcome::BlockReported, "it is known");
    for number in [9, 4, 5] {
        let acknowledge = AcknowledgeBlock {
            hash: hash(number),
            reason: "seen".into(),
        };
        let outcome = ledger.apply(Body::AcknowledgeBlock(acknowledge));
        assert_eq!(outcome, Outcome::BlockAcknowledged);
    }
    for (new, gone) in [(0, 4), (5_000, 5)] {
        assert_eq!(ledger.report(new), Outcome::BlockReported);
        let strays = ledger.view().stray_blocks().unwrap();
        assert_eq!(strays.len() as u64, places);
        assert!(
            strays.iter().all(|stray| stray.topoheight != gone),
            "{gone}"
        );
    }
    let counts = ledger.view().stray_counts().unwrap();
    assert_eq!((counts.kept, counts.unacknowledged), (places, places - 1));
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
}
