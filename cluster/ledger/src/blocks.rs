//! Found blocks: recorded with the weights of that moment.

use raftpool_proto::ledger as row;
use row::EntryKind;

use crate::apply::Stop;
use crate::arithmetic::add;
use crate::books::Books;
use crate::command::{Account, RecordBlock, Scheme, Settings};
use crate::journal::Subject;
use crate::record::{hash, wide_bytes};
use crate::schemes::{Booked, Desk};
use crate::score;
use crate::settings::{fee_bps, invalid};
use crate::weights::{self, BLOCKS_KEPT};
use crate::{Outcome, Rejection};
use crate::{key, shares, strays};

/// Books a found block and the share that found it.
///
/// The block is worth more than the rules for new work: it is recorded also when its scheme is
/// no longer offered.
pub(crate) fn record(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &RecordBlock,
) -> Result<Outcome, Stop> {
    check_hash("hash", &command.hash)?;
    if books
        .get::<row::Reference>(&key::block_number(&command.hash))?
        .is_some()
    {
        return Ok(Outcome::BlockAlreadyRecorded);
    }
    let Some(share) = &command.share else {
        return Err(invalid("share", "is missing").into());
    };
    let mut desk = Desk::new(settings);
    let booked = desk.admit_finder(books, score::check(share)?)?;
    desk.close(books);
    shares::book(books, settings, &[booked])?;

    let (number, effort_score) = books.change(key::totals(), |totals: &mut row::Totals| {
        totals.blocks = add(totals.blocks, 1, "number of blocks")?;
        Ok((totals.blocks, std::mem::take(&mut totals.round_score)))
    })?;
    let weights_total = match booked.scheme {
        Scheme::Solo | Scheme::Pps | Scheme::Fpps => 0,
        Scheme::Unspecified | Scheme::Pplns => weights::freeze(books, number, booked.work.miner)?,
    };
    let block = row::Block {
        number,
        effort_score,
        weights_total: wide_bytes(weights_total),
        found_at_ms: books.time_ms,
        fee_bps: fee_bps(settings, booked.scheme),
        donation_bps: settings.donation_bps,
        ..new_row(command, booked)
    };
    let reference = row::Reference { number };
    books.put(key::block(number), &block);
    books.put(key::block_number(&block.hash), &reference);
    books.put(key::block_maturing(number), &reference);
    expect(books, &block)?;
    forget_old_weights(books, number)?;
    strays::forget(books, &command.hash)?;
    Ok(Outcome::BlockRecorded)
}

fn new_row(command: &RecordBlock, booked: Booked<'_>) -> row::Block {
    let Booked { work, scheme, .. } = booked;
    row::Block {
        hash: command.hash.clone(),
        height: command.height,
        miner: work.miner.to_owned(),
        worker: work.worker.to_owned(),
        scheme: scheme.into(),
        network_difficulty: wide_bytes(work.network_difficulty),
        heights_late: command.heights_late,
        node_id: command.node_id,
        expected_atomic: work.expected_reward_atomic,
        ..row::Block::default()
    }
}

/// Books what the block will probably pay, until it does or does not.
fn expect(books: &mut Books<'_>, block: &row::Block) -> Result<(), Stop> {
    books.begin_entry(EntryKind::BlockFound, Subject::Block(block.number), "");
    books.transfer(Account::Expected, Account::Immature, block.expected_atomic)
}

/// Weights of a final block go when enough newer blocks are known; those of a block that is not
/// final by then go when it is.
fn forget_old_weights(books: &mut Books<'_>, newest: u64) -> Result<(), Stop> {
    let Some(old) = newest.checked_sub(BLOCKS_KEPT) else {
        return Ok(());
    };
    match books.get::<row::Block>(&key::block(old))? {
        Some(block) if is_done(&block) => weights::forget(books, old),
        _ => Ok(()),
    }
}

/// Whether nothing will happen to the block any more.
pub(crate) fn is_done(block: &row::Block) -> bool {
    match &block.end {
        None => false,
        Some(row::block::End::Settled(settled)) => settled.next_miner == 0,
        Some(row::block::End::Orphaned(_)) => true,
    }
}

pub(crate) fn check_hash(field: &'static str, bytes: &[u8]) -> Result<(), Rejection> {
    hash(bytes)
        .map(drop)
        .map_err(|_| invalid(field, "must be 32 bytes long"))
}

/// Lower-case hexadecimal text, as explorers show hashes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
