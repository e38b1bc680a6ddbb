//! Commands applied per second, on a state in memory: batches of 100 shares of 1,000 miners.
//!
//! Prints the median and the range over some rounds, beside a batch that is refused at once,
//! which shows what a command costs without shares.

use std::time::{Duration, Instant};

use raftpool_ledger::command::Command;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::state::{MemoryState, Overlay};
use raftpool_ledger::testing::{
    change_settings, credit_shares, distribute_block, record_block, sample_settings, sample_share,
    settle_block,
};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{EntryContext, apply, compose};

const ROUNDS: usize = 9;
const COMMANDS: u64 = 2_000;
const SHARES: u64 = 100;
const MINERS: u64 = 1_000;
/// Entries the store applies to one overlay.
const CHUNK: usize = 64;
/// A block is expected every 1,000 batches, so that the window holds 2,000 of them.
const NETWORK_DIFFICULTY: u64 = SHARES * 1_000 * 1_000;

struct Ledger {
    state: MemoryState,
    index: u64,
}

fn main() {
    let mut ledger = Ledger {
        state: MemoryState::default(),
        index: 0,
    };
    ledger.apply(&[command(change_settings(sample_settings()))]);
    let mut sequence = 0;
    // The window and every record are full before anything is measured.
    let mut batches = || -> Vec<Command> {
        let from = sequence;
        sequence += COMMANDS;
        (from..sequence).map(batch).collect()
    };
    ledger.apply(&batches());
    ledger.apply(&batches());

    let credits = rounds(|| ledger.apply(&batches()));
    print_rate(
        "batches of 100 shares, 1,000 miners",
        &credits,
        COMMANDS,
        SHARES,
    );
    let old = vec![batch(0); COMMANDS as usize];
    let refusals = rounds(|| ledger.apply(&old));
    print_rate("the same, refused as too old", &refusals, COMMANDS, 0);
    let mut number = 0;
    let mut block_rounds = || {
        let commands: Vec<Command> = (0..20).flat_map(|_| block(&mut number)).collect();
        ledger.apply(&commands)
    };
    let blocks = rounds(&mut block_rounds);
    print_rate("blocks of 1,000 miners, found and settled", &blocks, 20, 0);
    crowd();
}

/// Miners of the crowd.
const CROWD: u64 = 100_000;

/// Each command of a block whose window holds a hundred thousand miners.
fn crowd() {
    let mut ledger = Ledger {
        state: MemoryState::default(),
        index: 0,
    };
    ledger.apply(&[command(change_settings(sample_settings()))]);
    let share = |miner| sample_share(&format!("xel:{miner:059}"), 1_000, 1_000 * CROWD);
    for (batch, sequence) in (0..CROWD).step_by(10_000).zip(1..) {
        let shares = (batch..batch + 10_000).map(share).collect();
        ledger.apply(&[command(credit_shares(sequence, shares))]);
    }
    let mut times: [Vec<Duration>; 3] = Default::default();
    for number in 1..=5_u64 {
        let mut hash = [1; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        let found = command(record_block(hash, number, share(0)));
        times[0].push(ledger.apply(&[found]));
        let settled = command(settle_block(hash, 123_456_789, number));
        times[1].push(ledger.apply(&[settled]));
        while !LedgerView::new(&ledger.state)
            .blocks_undistributed()
            .expect("a state in memory is readable")
            .is_empty()
        {
            times[2].push(ledger.apply(&[command(distribute_block(hash))]));
        }
    }
    let names = ["found", "settled, first part", "each further part"];
    for (name, mut times) in names.into_iter().zip(times) {
        times.sort();
        let longest = times[times.len() - 1];
        let median = times[times.len() / 2];
        println!(
            "a block of {CROWD} miners, {name}: median {median:.1?}, longest {longest:.1?} of {}",
            times.len()
        );
    }
}

fn batch(sequence: u64) -> Command {
    let share = |position: u64| {
        // Every miner comes in every tenth batch.
        let miner = (sequence * SHARES + position) % MINERS;
        let address = format!("xel:{miner:059}");
        sample_share(&address, 1_000, NETWORK_DIFFICULTY)
    };
    command(credit_shares(
        sequence + 1,
        (0..SHARES).map(share).collect(),
    ))
}

fn block(number: &mut u64) -> [Command; 2] {
    *number += 1;
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    let address = format!("xel:{:059}", *number % MINERS);
    let share = sample_share(&address, 1_000, NETWORK_DIFFICULTY);
    [
        command(record_block(hash, *number, share)),
        command(settle_block(hash, 123_456_789, *number)),
    ]
}

fn command(body: Body) -> Command {
    compose("node 1", 1_700_000_000_000, body)
}

impl Ledger {
    /// Applies commands in chunks, as a store does; returns how long it took.
    fn apply(&mut self, commands: &[Command]) -> Duration {
        let begin = Instant::now();
        for chunk in commands.chunks(CHUNK) {
            let mut overlay = Overlay::new(&self.state);
            for command in chunk {
                self.index += 1;
                let entry = EntryContext {
                    index: self.index,
                    term: 1,
                };
                apply(&mut overlay, entry, command).expect("a sample command applies");
            }
            let changes = overlay.into_changes();
            self.state.commit(changes);
        }
        begin.elapsed()
    }
}

fn rounds(mut round: impl FnMut() -> Duration) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| round()).collect();
    times.sort();
    times
}

fn print_rate(what: &str, times: &[Duration], commands: u64, shares: u64) {
    let rate = |time: Duration| commands as f64 / time.as_secs_f64();
    let median = rate(times[times.len() / 2]);
    let (worst, best) = (rate(times[times.len() - 1]), rate(times[0]));
    print!(
        "{what}: {median:.0} commands/s (median of {}, {worst:.0} to {best:.0})",
        times.len()
    );
    if shares > 0 {
        print!(", {:.0} shares/s", median * shares as f64);
    }
    println!();
}
