//! Booking accepted work, and what nodes report of their workers.

use std::collections::BTreeMap;

use raftpool_proto::ledger as row;
use row::EntryKind;

use crate::Outcome;
use crate::apply::{ApplyError, Stop};
use crate::arithmetic::{add, add_wide};
use crate::books::{Books, OpenMiner};
use crate::command::{Account, CreditShares, RejectReason, Scheme, Settings, WorkerReport};
use crate::journal::Subject;
use crate::record::{wide, wide_bytes};
use crate::schemes::{Booked, Desk};
use crate::score;
use crate::series::{self, Owner, Rejects, Work, count};
use crate::settings::invalid;
use crate::{batches, key, meter, window};

/// Most shares and most reports of one batch.
pub const BATCH_ITEMS_MAX: usize = 65_536;

/// Most workers of one miner that have a record of their own. The work of further ones is booked
/// to the worker without a name, so that made-up names cannot fill the disk.
pub const WORKERS_PER_MINER_MAX: u64 = 10_000;

pub(crate) fn credit(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &CreditShares,
) -> Result<Outcome, Stop> {
    let Some(batch) = &command.batch else {
        return Err(invalid("batch", "is missing").into());
    };
    if command.shares.len() > BATCH_ITEMS_MAX || command.workers.len() > BATCH_ITEMS_MAX {
        return Err(invalid("shares", "must be at most 65536 in a batch").into());
    }
    if !batches::admit(books, batch)? {
        return Ok(Outcome::AlreadyCredited);
    }
    let mut accepted = Vec::with_capacity(command.shares.len());
    let mut refused = Vec::new();
    let mut desk = Desk::new(settings);
    for (share, position) in command.shares.iter().zip(0_u32..) {
        let work = score::check(share).map_err(Stop::from);
        match work.and_then(|work| desk.admit(books, work)) {
            Ok(booked) => accepted.push(booked),
            Err(Stop::Refused(rejection)) => refused.push((position, rejection)),
            Err(fatal) => return Err(fatal),
        }
    }
    desk.close(books);
    book(books, settings, &accepted)?;
    report(books, &command.workers)?;
    let credited = u32::try_from(accepted.len()).unwrap_or(u32::MAX);
    Ok(Outcome::SharesCredited { credited, refused })
}

/// One miner's part of a batch.
#[derive(Default)]
struct MinerPart<'a> {
    sum: Work,
    window_score: u128,
    paid: PaidPart,
    workers: BTreeMap<&'a str, Work>,
}

/// Work that is paid at once.
#[derive(Debug, Clone, Copy, Default)]
struct PaidPart {
    shares: u64,
    score: u128,
    /// In 2^-64 of an atomic unit.
    payment: u128,
}

/// Credits work to miners, workers, the pool and the PPLNS window; each record is touched once.
pub(crate) fn book(
    books: &mut Books<'_>,
    settings: &Settings,
    accepted: &[Booked<'_>],
) -> Result<(), Stop> {
    if accepted.is_empty() {
        return Ok(());
    }
    let mut order: Vec<&str> = Vec::new();
    let mut parts: BTreeMap<&str, MinerPart<'_>> = BTreeMap::new();
    let mut pool = Work::default();
    let mut round_score = 0;
    for Booked {
        work,
        scheme,
        payment,
    } in accepted
    {
        let part = parts.entry(work.miner).or_insert_with(|| {
            order.push(work.miner);
            MinerPart::default()
        });
        part.sum.add(work.difficulty);
        part.workers
            .entry(work.worker)
            .or_default()
            .add(work.difficulty);
        match scheme {
            Scheme::Pplns => part.window_score += work.score,
            Scheme::Pps | Scheme::Fpps => {
                part.paid.shares += 1;
                part.paid.score = part.paid.score.saturating_add(work.score);
                part.paid.payment += payment;
            }
            Scheme::Unspecified | Scheme::Solo => {}
        }
        pool.add(work.difficulty);
        round_score += work.score;
    }
    book_pool(books, pool, round_score)?;
    let mut scores = Vec::with_capacity(order.len());
    for address in order {
        let part = &parts[address];
        let number = book_miner(books, address, part)?;
        scores.push((number, part.window_score));
    }
    window::append(books, settings, &scores)
}

fn book_pool(books: &mut Books<'_>, work: Work, round_score: u128) -> Result<(), Stop> {
    let mut totals: row::Totals = books.get_or_default(&key::totals())?;
    totals.shares = add(totals.shares, work.shares, "number of shares")?;
    totals.work = wide_bytes(add_wide(
        wide(&totals.work)?,
        work.work,
        "work of the pool",
    )?);
    // The effort of a round is shown, never paid by: it may stay at its largest value.
    let round_score = wide(&totals.round_score)?.saturating_add(round_score);
    totals.round_score = wide_bytes(round_score);
    let meter = totals.meter.get_or_insert_default();
    meter::add(meter, books.time_ms, metered(work.work));
    let none = Rejects::new();
    series::book(books, Owner::Pool, &mut totals.running, work, &none)?;
    books.put(key::totals(), &totals);
    Ok(())
}

/// Returns the miner's number.
fn book_miner(books: &mut Books<'_>, address: &str, part: &MinerPart<'_>) -> Result<u64, Stop> {
    let mut open = books.open_miner(address)?;
    if part.paid.shares > 0 {
        pay(books, &mut open, part.paid)?;
    }
    let miner = &mut open.miner;
    for (name, work) in &part.workers {
        let mut open = open_worker(books, address, name, miner)?;
        book_worker(books, miner.number, &mut open, *work)?;
        close_worker(books, address, miner, open);
    }
    if miner.shares == 0 {
        miner.first_share_ms = books.time_ms;
    }
    miner.shares = add(miner.shares, part.sum.shares, "shares of a miner")?;
    miner.work = wide_bytes(add_wide(
        wide(&miner.work)?,
        part.sum.work,
        "work of a miner",
    )?);
    miner.last_share_ms = books.time_ms;
    let (number, none) = (miner.number, Rejects::new());
    let owner = Owner::Miner(number);
    series::book(books, owner, &mut miner.running, part.sum, &none)?;
    books.close_miner(open)?;
    Ok(number)
}

/// Pays work from the reserve. Fractions of a unit stay in the reserve until they make a whole one.
fn pay(books: &mut Books<'_>, open: &mut OpenMiner, paid: PaidPart) -> Result<(), Stop> {
    let owed = paid.payment + u128::from(open.miner.paid_work_fraction);
    let amount_atomic = u64::try_from(owed >> 64).map_err(|_| ApplyError::Overflow {
        what: "payment for a batch",
    })?;
    // The lower half.
    open.miner.paid_work_fraction = (owed & u128::from(u64::MAX)) as u64;
    books.begin_entry(EntryKind::WorkPaid, Subject::Pool, "");
    books.transfer_of(open, Account::Reserve, Account::Mature, amount_atomic)?;
    books.note_paid_work(open.miner.number, paid.shares, paid.score)
}

/// A worker's record that is being changed.
struct OpenWorker<'a> {
    /// The name it is kept under.
    name: &'a str,
    is_new: bool,
    worker: row::Worker,
}

/// A worker's record, or that of the nameless worker when the miner has too many.
fn open_worker<'a>(
    books: &Books<'_>,
    address: &str,
    name: &'a str,
    miner: &row::Miner,
) -> Result<OpenWorker<'a>, Stop> {
    let load = |name| books.get(&key::worker(address, name));
    let (name, known) = match load(name)? {
        None if miner.workers >= WORKERS_PER_MINER_MAX => ("", load("")?),
        known => (name, known),
    };
    Ok(OpenWorker {
        name,
        is_new: known.is_none(),
        worker: known.unwrap_or_default(),
    })
}

fn close_worker(
    books: &mut Books<'_>,
    address: &str,
    miner: &mut row::Miner,
    open: OpenWorker<'_>,
) {
    miner.workers += u64::from(open.is_new);
    books.put(key::worker(address, open.name), &open.worker);
}

fn book_worker(
    books: &mut Books<'_>,
    miner: u64,
    open: &mut OpenWorker<'_>,
    work: Work,
) -> Result<(), Stop> {
    let worker = &mut open.worker;
    worker.shares = add(worker.shares, work.shares, "shares of a worker")?;
    worker.work = wide_bytes(add_wide(
        wide(&worker.work)?,
        work.work,
        "work of a worker",
    )?);
    worker.last_share_ms = books.time_ms;
    let meter = worker.meter.get_or_insert_default();
    meter::add(meter, books.time_ms, metered(work.work));
    let (owner, none) = (Owner::Worker(miner, open.name), Rejects::new());
    series::book(books, owner, &mut worker.running, work, &none)
}

/// Work for a meter, which may stay at its largest value.
fn metered(work: u128) -> u64 {
    u64::try_from(work).unwrap_or(u64::MAX)
}

/// Books what a node saw of its workers. Only a miner with accepted work gets records, so that
/// nobody fills the disk without having worked; the pool's counts are kept in any case.
fn report(books: &mut Books<'_>, reports: &[WorkerReport]) -> Result<(), Stop> {
    let mut pool = Rejects::new();
    for report in reports {
        let rejects = rejects(report);
        count(&mut pool, &rejects);
        let is_named = score::check_names(&report.miner, &report.worker).is_ok();
        if is_named && (report.difficulty > 0 || !rejects.is_empty()) {
            report_worker(books, report, &rejects)?;
        }
    }
    if pool.is_empty() {
        return Ok(());
    }
    let mut totals: row::Totals = books.get_or_default(&key::totals())?;
    count(&mut totals.rejects, &pool);
    series::book(
        books,
        Owner::Pool,
        &mut totals.running,
        Work::default(),
        &pool,
    )?;
    books.put(key::totals(), &totals);
    Ok(())
}

fn report_worker(
    books: &mut Books<'_>,
    report: &WorkerReport,
    rejects: &Rejects,
) -> Result<(), Stop> {
    let miner_key = key::miner(&report.miner);
    let Some(mut miner) = books.get::<row::Miner>(&miner_key)? else {
        return Ok(());
    };
    let mut open = open_worker(books, &report.miner, &report.worker, &miner)?;
    let is_changed = open.is_new || !rejects.is_empty();
    let worker = &mut open.worker;
    if report.difficulty > 0 {
        worker.difficulty = report.difficulty;
    }
    if !rejects.is_empty() {
        count(&mut worker.rejects, rejects);
        let owner = Owner::Worker(miner.number, open.name);
        series::book(books, owner, &mut worker.running, Work::default(), rejects)?;
        let owner = Owner::Miner(miner.number);
        series::book(books, owner, &mut miner.running, Work::default(), rejects)?;
    }
    close_worker(books, &report.miner, &mut miner, open);
    if is_changed {
        books.put(miner_key, &miner);
    }
    Ok(())
}

/// Counts by known reasons; a reason this program has no name for counts as unspecified.
fn rejects(report: &WorkerReport) -> Rejects {
    let mut counts = Rejects::new();
    for reject in report.rejects.iter().filter(|reject| reject.count > 0) {
        let reason = RejectReason::try_from(reject.reason).unwrap_or_default();
        let count = counts.entry(reason.into()).or_default();
        *count = count.saturating_add(reject.count);
    }
    counts
}
