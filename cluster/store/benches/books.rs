//! What the books cost on RocksDB: a block of a hundred thousand miners, a million shares, and six
//! hours of a pool with a thousand miners. Prints numbers.
//!
//! `RAFTPOOL_BENCH_DAY=1` books a day of ten thousand workers in place of the six hours, which takes
//! many minutes. `RAFTPOOL_BENCH_DIRECTORY` keeps the data directory of either there, so that
//! `raftpool ledger export` can be tried on it. Nothing is compared with a clock of another machine:
//! each figure stands beside what plain commands cost in the same run.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream;
use openraft::EntryPayload;
use openraft::alias::LeaderIdOf;
use openraft::storage::RaftStateMachine;
use openraft::type_config::TypeConfigExt;
use openraft::vote::RaftLeaderId;
use prost::Message;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{Account, Command, Scheme, Settings, Share};
use raftpool_ledger::testing::{
    change_settings, credit_shares, distribute_block, move_funds, record_block, sample_settings,
    sample_share, settle_block,
};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{compose, verify};
use raftpool_store::{
    Entry, Identity, LogId, Proposal, StateStore, Store, StoreOptions, TypeConfig,
};

/// Miners of the large block.
const CROWD: u64 = 100_000;
/// Miners whose million shares are booked.
const MINERS: u64 = 1_000;
/// Time between two blocks: a tenth of a network with 5-second blocks.
const BLOCK_MS: u64 = 50_000;
const NETWORK: u64 = 1_000_000_000;

/// A pool whose hours are booked.
struct Hours {
    hours: u64,
    miners: u64,
    workers_each: u64,
}

const SIX_HOURS: Hours = Hours {
    hours: 6,
    miners: 1_000,
    workers_each: 1,
};
const DAY: Hours = Hours {
    hours: 24,
    miners: 2_000,
    workers_each: 5,
};

struct Books {
    store: Store,
    state: StateStore,
    index: u64,
    now_ms: u64,
    log_bytes: u64,
}

impl Books {
    async fn open(directory: &Path) -> Self {
        let identity = Identity {
            cluster_id: [0xb0; 16],
            node_id: 1,
        };
        let on_fatal = Arc::new(|reason: &str| panic!("the store stopped: {reason}"));
        let options = StoreOptions::new(directory, identity, on_fatal);
        let store = Store::open(&options).unwrap();
        let mut books = Self {
            state: store.state(),
            store,
            index: 0,
            now_ms: 1_700_000_000_000,
            log_bytes: 0,
        };
        let blank = Entry {
            log_id: log_id(0),
            payload: EntryPayload::Blank,
        };
        let first = stream::iter([Ok((blank, None))]);
        books.state.apply(first).await.unwrap();
        books
            .apply(vec![change_settings(Settings {
                pps_offered: true,
                ..sample_settings()
            })])
            .await;
        books
    }

    /// Applies commands as one chunk; returns how long it took.
    async fn apply(&mut self, bodies: Vec<Body>) -> Duration {
        let mut entries = Vec::with_capacity(bodies.len());
        for body in bodies {
            self.index += 1;
            let command: Command = compose("node 1", self.now_ms, body);
            self.log_bytes += command.encoded_len() as u64;
            let entry = Entry {
                log_id: log_id(self.index),
                payload: EntryPayload::Normal(Proposal::new(command)),
            };
            entries.push(Ok((entry, None)));
        }
        let begin = Instant::now();
        self.state.apply(stream::iter(entries)).await.unwrap();
        begin.elapsed()
    }

    fn view<T>(&self, look: impl FnOnce(&LedgerView<'_>) -> T) -> T {
        let mut look = Some(look);
        let mut found = None;
        let reader = self.store.reader();
        let read = reader.read(&mut |state| {
            found = look.take().map(|look| look(&LedgerView::new(state)));
            Ok(())
        });
        read.unwrap();
        found.unwrap()
    }
}

fn log_id(index: u64) -> LogId {
    LogId::new(LeaderIdOf::<TypeConfig>::new(1, 1).to_committed(), index)
}

fn address(miner: u64) -> String {
    format!("xel:{miner:059}")
}

fn hash(number: u64) -> [u8; 32] {
    let mut hash = [1; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration, usize) {
    times.sort();
    (times[times.len() / 2], times[times.len() - 1], times.len())
}

fn main() {
    TypeConfig::run(async {
        crowd().await;
        million().await;
        let is_day = std::env::var_os("RAFTPOOL_BENCH_DAY").is_some();
        hours(if is_day { DAY } else { SIX_HOURS }).await;
    });
}

/// A block of a hundred thousand miners, command by command.
async fn crowd() {
    let directory = tempfile::tempdir().unwrap();
    let mut books = Books::open(directory.path()).await;
    for batch in 0..CROWD / 10_000 {
        let share =
            |position| sample_share(&address(batch * 10_000 + position), 1_000, 1_000 * CROWD);
        let shares = (0..10_000).map(share).collect();
        books.apply(vec![credit_shares(batch + 1, shares)]).await;
    }
    let mut plain = Vec::new();
    let (mut found, mut settled, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=3 {
        let sequence = 100 + number;
        let shares = (0..100).map(|miner| sample_share(&address(miner), 1, 1_000 * CROWD));
        plain.push(
            books
                .apply(vec![credit_shares(sequence, shares.collect())])
                .await,
        );
        let share = sample_share(&address(0), 1_000, 1_000 * CROWD);
        found.push(
            books
                .apply(vec![record_block(hash(number), number, share)])
                .await,
        );
        let amount = 123_456_789;
        settled.push(
            books
                .apply(vec![settle_block(hash(number), amount, number)])
                .await,
        );
        while !books
            .view(|view| view.blocks_undistributed().unwrap())
            .is_empty()
        {
            parts.push(books.apply(vec![distribute_block(hash(number))]).await);
        }
    }
    println!("a block of {CROWD} miners in the window, on RocksDB (median, longest, how many):");
    for (name, times) in [
        ("a batch of 100 shares beside it", plain),
        ("the block is found", found),
        ("it is settled, first part", settled),
        ("each further part", parts),
    ] {
        let (middle, longest, count) = median(times);
        println!("  {name}: {middle:.1?}, {longest:.1?}, {count}");
    }
}

/// A million shares of a thousand miners under PPLNS.
async fn million() {
    let directory = tempfile::tempdir().unwrap();
    let mut books = Books::open(directory.path()).await;
    let begin = Instant::now();
    let before = books.log_bytes;
    for chunk in 0..200_u64 {
        let batch = |batch: u64| {
            let sequence = chunk * 50 + batch + 1;
            let share = |position| {
                let miner = (sequence * 100 + position) % MINERS;
                sample_share(&address(miner), 1_000, NETWORK)
            };
            credit_shares(sequence, (0..100).map(share).collect())
        };
        books.apply((0..50).map(batch).collect()).await;
    }
    let log_bytes = books.log_bytes - before;
    let elapsed = begin.elapsed();
    books.store.close().await.unwrap();
    println!(
        "a million shares in batches of 100: {:.1} s, {:.0} MB of commands, {:.0} MB of state",
        elapsed.as_secs_f64(),
        log_bytes as f64 / 1e6,
        size(&directory.path().join("state")) as f64 / 1e6
    );
}

/// Some hours of a pool: a block every 50 seconds over all miners, and paid work, with two shares of
/// each worker between two blocks.
async fn hours(pool: Hours) {
    let kept = std::env::var_os("RAFTPOOL_BENCH_DIRECTORY");
    let temporary = tempfile::tempdir().unwrap();
    let directory = kept
        .as_ref()
        .map_or(temporary.path(), |kept| Path::new(kept));
    let mut books = Books::open(directory).await;
    let deposit = move_funds(Account::Deposits, Account::Reserve, 1_000_000_000_000);
    books.apply(vec![deposit]).await;
    let (begin, mut busy) = (Instant::now(), Duration::ZERO);
    let blocks = pool.hours * 3_600_000 / BLOCK_MS;
    let workers = pool.miners * pool.workers_each;
    for number in 1..=blocks {
        books.now_ms += BLOCK_MS;
        let share = |worker: u64, difficulty| Share {
            worker: format!("rig{}", worker % pool.workers_each),
            ..sample_share(&address(worker / pool.workers_each), difficulty, NETWORK)
        };
        // Half a block of work over all miners, so that the window holds all of them.
        let pplns = |worker| share(worker, NETWORK / workers / 2);
        let paid = |worker| Share {
            scheme: Scheme::Pps.into(),
            expected_reward_atomic: 30_000_000,
            ..share(worker, NETWORK / workers / 100)
        };
        let sequence = 2 * number;
        let finder = share(number % workers, 1_000);
        busy += books
            .apply(vec![
                credit_shares(sequence, (0..workers).map(pplns).collect()),
                credit_shares(sequence + 1, (0..workers).map(paid).collect()),
                record_block(hash(number), number, finder),
                settle_block(hash(number), 30_123_456, number),
            ])
            .await;
        // What one command cannot hand out goes on right away.
        while !books
            .view(|view| view.blocks_undistributed().unwrap())
            .is_empty()
        {
            busy += books.apply(vec![distribute_block(hash(number))]).await;
        }
    }
    let verified = Instant::now();
    let mut violations = None;
    let reader = books.store.reader();
    let read = reader.read(&mut |state| {
        violations = Some(verify(state)?);
        Ok(())
    });
    read.unwrap();
    assert_eq!(violations, Some(Vec::new()));
    let verify_s = verified.elapsed().as_secs_f64();
    books.store.close().await.unwrap();
    println!(
        "{} hours of {workers} workers, {} miners and {blocks} blocks: booked in {:.1} s ({:.1} s of it \
         applying), {:.0} MB of state, verified in {verify_s:.1} s",
        pool.hours,
        pool.miners,
        begin.elapsed().as_secs_f64() - verify_s,
        busy.as_secs_f64(),
        size(&directory.join("state")) as f64 / 1e6
    );
}

/// Bytes of all files below a directory.
fn size(directory: &Path) -> u64 {
    let mut sum = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        sum += match metadata.is_dir() {
            true => size(&entry.path()),
            false => metadata.len(),
        };
    }
    sum
}
