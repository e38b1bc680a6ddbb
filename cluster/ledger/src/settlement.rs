//! Bringing found blocks to their end: settled with what the chain paid.
//!
//! What miners share is handed out in order of their numbers, so many with each command; of a block
//! of more miners than that the rest waits in an account of its own until the next command.

use raftpool_proto::ledger as row;
use row::EntryKind;
use row::block::End;

use crate::apply::Stop;
use crate::arithmetic::{add, add_wide, basis_points, share_of};
use crate::blocks::{check_hash, hex, is_done};
use crate::books::Books;
use crate::command::{Account, DistributeBlock, Scheme, SettleBlock};
use crate::funds::room_atomic;
use crate::invariant::broken;
use crate::journal::Subject;
use crate::record::{damaged, wide, wide_bytes};
use crate::settings::invalid;
use crate::weights::{self, BLOCKS_KEPT};
use crate::{Outcome, Rejection, reserve};
use crate::{StateError, key};

/// Records of weights that one command hands out to.
pub const STEPS_PER_COMMAND: usize = 1;

/// Books what the chain paid for a block, and hands it out as far as one command may.
pub(crate) fn settle(books: &mut Books<'_>, command: &SettleBlock) -> Result<Outcome, Stop> {
    let mut block = open_block(books, &command.hash)?;
    let amount_atomic = command.amount_atomic;
    check_amount(books, amount_atomic)?;
    books.begin_entry(EntryKind::BlockSettled, Subject::Block(block.number), "");
    books.transfer(Account::Immature, Account::Expected, block.expected_atomic)?;
    let mut settled = row::Settled {
        amount_atomic,
        topoheight: command.topoheight,
        settled_at_ms: books.time_ms,
        ..row::Settled::default()
    };
    match block.scheme() {
        Scheme::Pps | Scheme::Fpps => {
            settled.reserve_atomic = amount_atomic;
            books.transfer(Account::Income, Account::Reserve, amount_atomic)?;
            reserve::note_income(books, &block, amount_atomic)?;
        }
        Scheme::Solo => {
            take_fee(books, &block, &mut settled)?;
            let shared = amount_atomic.saturating_sub(settled.fee_atomic);
            let mut finder = books.open_miner(&block.miner)?;
            books.transfer_of(&mut finder, Account::Income, Account::Mature, shared)?;
            books.close_miner(finder)?;
            settled.distributed_atomic = shared;
        }
        Scheme::Unspecified | Scheme::Pplns => {
            take_fee(books, &block, &mut settled)?;
            let shared = amount_atomic.saturating_sub(settled.fee_atomic);
            books.transfer(Account::Income, Account::Undistributed, shared)?;
            distribute_some(books, &block, &mut settled)?;
        }
    }
    let is_distributed = settled.next_miner == 0;
    block.end = Some(End::Settled(settled));
    close(books, &block, |totals| &mut totals.blocks_settled)?;
    if !is_distributed {
        let reference = row::Reference {
            number: block.number,
        };
        books.put(key::block_undistributed(block.number), &reference);
    }
    Ok(Outcome::BlockSettled)
}

/// Hands out the next part of a settled block; all of it was handed out when it is done already.
pub(crate) fn distribute(
    books: &mut Books<'_>,
    command: &DistributeBlock,
) -> Result<Outcome, Stop> {
    let mut block = find_block(books, &command.hash)?;
    let Some(End::Settled(mut settled)) = block.end.take() else {
        return Err(Rejection::BlockNotSettled(hex(&command.hash)).into());
    };
    if settled.next_miner == 0 {
        return Ok(Outcome::BlockDistributed { is_done: true });
    }
    let subject = Subject::Block(block.number);
    books.begin_entry(EntryKind::BlockDistributed, subject, "");
    distribute_some(books, &block, &mut settled)?;
    let is_distributed = settled.next_miner == 0;
    block.end = Some(End::Settled(settled));
    books.put(key::block(block.number), &block);
    if is_distributed {
        books.delete(key::block_undistributed(block.number));
        let totals: row::Totals = books.get_or_default(&key::totals())?;
        forget_if_old(books, &block, totals.blocks)?;
    }
    Ok(Outcome::BlockDistributed {
        is_done: is_distributed,
    })
}

/// The pool's part of a block, of which a part may be given away.
fn take_fee(
    books: &mut Books<'_>,
    block: &row::Block,
    settled: &mut row::Settled,
) -> Result<(), Stop> {
    settled.fee_atomic = basis_points(settled.amount_atomic, block.fee_bps);
    settled.donation_atomic = basis_points(settled.fee_atomic, block.donation_bps);
    let kept = settled.fee_atomic.saturating_sub(settled.donation_atomic);
    let account = match block.scheme() {
        Scheme::Solo => Account::FeesSolo,
        _ => Account::FeesPplns,
    };
    books.transfer(Account::Income, account, kept)?;
    books.transfer(Account::Income, Account::Donations, settled.donation_atomic)
}

/// Hands out to as many miners as one command may. All divisions round down; what no part holds
/// goes to the rounding account when everybody has theirs.
fn distribute_some(
    books: &mut Books<'_>,
    block: &row::Block,
    settled: &mut row::Settled,
) -> Result<(), Stop> {
    let total = weights::total(block)?;
    let shared = settled.amount_atomic.saturating_sub(settled.fee_atomic);
    let (number, first) = (block.number, settled.next_miner);
    let mut records = weights::read(books.state(), number, first, STEPS_PER_COMMAND + 1)?;
    let next = records.split_off(records.len().min(STEPS_PER_COMMAND));
    let mut weighed = wide(&settled.distributed_weights)?;
    for (miner, weight) in records.into_iter().flatten() {
        weighed = add_wide(weighed, weight, "weights of a block")?;
        let part = share_of(shared, weight, total);
        if part == 0 {
            continue;
        }
        let mut open = books.open_miner_of_number(miner)?;
        books.transfer_of(&mut open, Account::Undistributed, Account::Mature, part)?;
        books.close_miner(open)?;
        settled.distributed_atomic = add(settled.distributed_atomic, part, "parts of a block")?;
    }
    settled.distributed_weights = wide_bytes(weighed);
    let next = next.first().and_then(|weights| weights.first());
    settled.next_miner = next.map_or(0, |(miner, _)| *miner);
    if settled.next_miner == 0 {
        if weighed != total {
            let detail = format!("weights of block {number} are {weighed}, frozen were {total}");
            return Err(broken("L9", detail).into());
        }
        let left = shared.checked_sub(settled.distributed_atomic);
        let left =
            left.ok_or_else(|| broken("L4", format!("block {number} gives too much away")))?;
        settled.rounding_atomic = left;
        books.transfer(Account::Undistributed, Account::Rounding, left)?;
    }
    Ok(())
}

/// Refuses amounts that cannot be true, so that a wrong answer of a daemon never becomes money.
fn check_amount(books: &mut Books<'_>, amount_atomic: u64) -> Result<(), Stop> {
    if amount_atomic == 0 {
        return Err(invalid("amount_atomic", "must be above 0: a stable block pays").into());
    }
    let room = room_atomic(books)?;
    if amount_atomic > room {
        let problem = format!("must be at most {room}, or all blocks paid more than can exist");
        return Err(invalid("amount_atomic", problem).into());
    }
    Ok(())
}

pub(crate) fn find_block(books: &Books<'_>, hash: &[u8]) -> Result<row::Block, Stop> {
    check_hash("hash", hash)?;
    let Some(reference) = books.get::<row::Reference>(&key::block_number(hash))? else {
        return Err(Rejection::UnknownBlock(hex(hash)).into());
    };
    let block: Result<Option<row::Block>, StateError> = books.get(&key::block(reference.number));
    Ok(block?.ok_or_else(|| damaged("block"))?)
}

/// The recorded block, unless it is final.
pub(crate) fn open_block(books: &Books<'_>, hash: &[u8]) -> Result<row::Block, Stop> {
    let block = find_block(books, hash)?;
    match block.end {
        None => Ok(block),
        Some(_) => Err(Rejection::BlockFinal(hex(hash)).into()),
    }
}

/// Stores a final block and counts it.
pub(crate) fn close(
    books: &mut Books<'_>,
    block: &row::Block,
    counter: impl FnOnce(&mut row::Totals) -> &mut u64,
) -> Result<(), Stop> {
    books.put(key::block(block.number), block);
    books.delete(key::block_maturing(block.number));
    let newest = books.change(key::totals(), |totals| {
        let count = counter(totals);
        *count = add(*count, 1, "number of final blocks")?;
        Ok(totals.blocks)
    })?;
    forget_if_old(books, block, newest)
}

/// Forgets the weights of a block that came to its end late.
fn forget_if_old(books: &mut Books<'_>, block: &row::Block, newest: u64) -> Result<(), Stop> {
    let is_old = block.number.saturating_add(BLOCKS_KEPT) <= newest;
    match is_old && is_done(block) {
        true => weights::forget(books, block.number),
        false => Ok(()),
    }
}
