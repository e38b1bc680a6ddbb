use std::cell::Cell;
use std::ops::ControlFlow;

use raftpool_ledger::compose;
use raftpool_ledger::state::{Direction, MemoryState};
use raftpool_ledger::testing::{
    MemoryCluster, change_settings, credit_shares, distribute_block, record_block, sample_settings,
    sample_share, settle_block,
};
use raftpool_ledger::{Outcome, StateRead};

use super::*;
use crate::dto::reward::Reward;
use crate::routes::rewards_of;

/// More than one record of weights holds.
const MINERS: u64 = 1_100;
const BLOCKS: u64 = 60;

/// Counts what is read of a state.
pub(crate) struct Counting<'a> {
    state: &'a MemoryState,
    reads: Cell<usize>,
}

impl<'a> Counting<'a> {
    pub(crate) fn new(state: &'a MemoryState) -> Self {
        let reads = Cell::new(0);
        Self { state, reads }
    }

    /// Values and pairs since the last time.
    pub(crate) fn take(&self) -> usize {
        self.reads.take()
    }
}

impl StateRead for Counting<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.reads.set(self.reads.get() + 1);
        self.state.get(key)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        self.state.scan(start, end, direction, &mut |key, value| {
            self.reads.set(self.reads.get() + 1);
            visit(key, value)
        })
    }
}

fn address(miner: u64) -> String {
    format!("xet:{miner:06}")
}

fn hash(block: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&block.to_be_bytes());
    hash
}

/// A pool whose miners have different weights in every block.
pub(crate) fn pool() -> MemoryState {
    let cluster = MemoryCluster::new();
    let propose = |time_ms: u64, body| {
        let committed = cluster.propose_now(compose("test", time_ms, body)).unwrap();
        let outcome = committed.outcome;
        assert!(!matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
        outcome
    };
    propose(1, change_settings(sample_settings()));
    let mut time_ms = 1_000;
    for (sequence, first) in (0..MINERS).step_by(550).enumerate() {
        let shares = (first..first + 550).map(|miner| {
            let difficulty = 1_000 + miner;
            sample_share(&address(miner), difficulty, 1_000_000_000)
        });
        propose(
            time_ms,
            credit_shares(sequence as u64 + 1, shares.collect()),
        );
    }
    for block in 1..=BLOCKS {
        time_ms += 1_000;
        let finder = sample_share(&address(block % MINERS), 5_000, 1_000_000_000);
        propose(time_ms, record_block(hash(block), block * 100, finder));
        if block < BLOCKS {
            propose(time_ms, settle_block(hash(block), 100_000_000, block * 100));
            while !matches!(
                propose(time_ms, distribute_block(hash(block))),
                Outcome::BlockDistributed { is_done: true }
            ) {}
        }
    }
    cluster.state()
}

fn amounts(state: &dyn StateRead, kept: &WeightsKept, miner: u64) -> Vec<(u64, u128)> {
    let view = LedgerView::new(state);
    let page = rewards_of(&view, kept, &address(miner), None, 20, 1_000).unwrap();
    let amount = |row: Reward| (row.block_number, row.amount_atomic.0);
    page.into_items().into_iter().map(amount).collect()
}

/// A page once read as many blocks as the largest page has, and for each one several records more.
#[test]
fn a_page_of_rewards_reads_its_blocks_and_a_record_of_weights_for_each() {
    let state = pool();
    let (counting, kept) = (Counting::new(&state), WeightsKept::default());
    assert_eq!(amounts(&counting, &kept, 3).len(), 20);
    let first = counting.take();
    // The newest block pays nothing yet, so that the page is full with the second look at blocks.
    assert!(first <= 2 * 21 + 20 + 10, "{first} reads");
    // A neighbour's weights are in the same records.
    assert_eq!(amounts(&counting, &kept, 4).len(), 20);
    let second = counting.take();
    assert!(second <= 2 * 21 + 10, "{second} reads");
}

#[test]
fn weights_that_are_kept_are_those_of_the_ledger() {
    let state = pool();
    let view = LedgerView::new(&state);
    let kept = WeightsKept::default();
    // Forwards and backwards, so that each record is met first from its beginning and from its end.
    let mut miners: Vec<u64> = (0..MINERS).step_by(37).collect();
    let back = miners.iter().rev().copied().collect::<Vec<_>>();
    miners.extend(back.into_iter().chain([0, MINERS - 1]));
    for miner in miners {
        let of_memory = amounts(&state, &kept, miner);
        for (block, amount) in &of_memory {
            let parts = view.block_shares(&hash(*block), 100_000_000).unwrap();
            let part = parts.iter().find(|(of, _)| *of == address(miner));
            if *block < BLOCKS {
                let part = part.map(|(_, amount)| u128::from(*amount));
                assert_eq!(part, Some(*amount), "miner {miner}, block {block}");
            }
        }
        assert_eq!(of_memory.len(), 20, "miner {miner}");
    }
    let view = LedgerView::new(&state);
    assert_eq!(kept.of(&view, BLOCKS, u64::MAX, BLOCKS).unwrap(), 0);
    assert_eq!(kept.of(&view, BLOCKS + 1, 1, BLOCKS).unwrap(), 0);
}

#[test]
fn only_so_many_records_are_kept_and_the_oldest_block_goes_first() {
    const COPIES: u64 = 10;
    let state = pool();
    let (view, kept) = (LedgerView::new(&state), WeightsKept::default());
    for copy in 0..COPIES {
        for block in 1..=BLOCKS {
            let weights = view.weights_around(block, 1).unwrap().unwrap();
            kept.keep(block + copy * BLOCKS, 1, weights);
        }
    }
    assert_eq!(kept.records().len(), RECORDS_MAX);
    assert!(kept.known(COPIES * BLOCKS, 1).is_some());
    assert!(kept.known(1, 1).is_none());
    // What the ledger may have forgotten since is not taken from memory.
    let blocks = COPIES * BLOCKS + BLOCKS_MAX;
    assert_eq!(kept.of(&view, COPIES * BLOCKS, 1, blocks).unwrap(), 0);
}
