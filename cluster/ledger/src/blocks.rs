//! Found blocks: recorded with the weights of that moment, then settled or given up.

use raftpool_proto::ledger as row;
use row::block::End;

use crate::apply::Stop;
use crate::arithmetic::{add, take};
use crate::books::{Books, Posting, give};
use crate::command::{OrphanBlock, RecordBlock, Scheme, Settings, SettleBlock};
use crate::invariant::{MAX_SUPPLY_ATOMIC, broken};
use crate::record::{damaged, hash, wide, wide_bytes};
use crate::score::{self, Work};
use crate::settings::{fee_bps, invalid};
use crate::weights::{self, BLOCKS_KEPT};
use crate::{Outcome, Rejection};
use crate::{key, shares};

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
    let work = score::check(share, settings)?;
    shares::book(books, settings, &[work])?;

    let (number, effort_score) = books.change(key::totals(), |totals: &mut row::Totals| {
        totals.blocks = add(totals.blocks, 1, "number of blocks")?;
        Ok((totals.blocks, std::mem::take(&mut totals.round_score)))
    })?;
    let weights_total = match work.scheme {
        Scheme::Solo => 0,
        Scheme::Unspecified | Scheme::Pplns => weights::freeze(books, number, work.miner)?,
    };
    let block = row::Block {
        number,
        effort_score,
        weights_total: wide_bytes(weights_total),
        found_at_ms: books.time_ms,
        fee_bps: fee_bps(settings, work.scheme),
        ..new_row(command, work)
    };
    let reference = row::Reference { number };
    books.put(key::block(number), &block);
    books.put(key::block_number(&block.hash), &reference);
    books.put(key::block_maturing(number), &reference);
    forget_old_weights(books, number)?;
    Ok(Outcome::BlockRecorded)
}

fn new_row(command: &RecordBlock, work: Work<'_>) -> row::Block {
    row::Block {
        hash: command.hash.clone(),
        height: command.height,
        miner: work.miner.to_owned(),
        worker: work.worker.to_owned(),
        scheme: work.scheme.into(),
        network_difficulty: wide_bytes(work.network_difficulty),
        heights_late: command.heights_late,
        node_id: command.node_id,
        ..row::Block::default()
    }
}

/// Weights of a final block go when enough newer blocks are known; those of a block that is not
/// final by then go when it is.
fn forget_old_weights(books: &mut Books<'_>, newest: u64) -> Result<(), Stop> {
    let Some(old) = newest.checked_sub(BLOCKS_KEPT) else {
        return Ok(());
    };
    match books.get::<row::Block>(&key::block(old))? {
        Some(block) if block.end.is_some() => weights::forget(books, old),
        _ => Ok(()),
    }
}

/// Distributes what the chain paid for a block.
pub(crate) fn settle(books: &mut Books<'_>, command: &SettleBlock) -> Result<Outcome, Stop> {
    let mut block = open_block(books, &command.hash)?;
    let amount_atomic = command.amount_atomic;
    check_amount(books, amount_atomic)?;
    let split = weights::split(books.state(), &block, amount_atomic)?;
    let weights_total = wide(&block.weights_total)?;
    if split.weights_total != weights_total {
        let (found, number) = (split.weights_total, block.number);
        let detail = format!("weights of block {number} are {found}, frozen were {weights_total}");
        return Err(broken("L9", detail).into());
    }
    let mut shared = 0;
    for (_, part) in &split.parts {
        shared = add(shared, *part, "parts of a block")?;
    }
    let rounding_atomic = amount_atomic
        .checked_sub(split.fee_atomic)
        .and_then(|rest| rest.checked_sub(shared))
        .ok_or_else(|| broken("L4", format!("block {} gives too much away", block.number)))?;
    for (address, part) in &split.parts {
        books.change_miner(address, |miner| {
            give(&mut miner.earned_atomic, *part)?;
            give(&mut miner.balance_atomic, *part)
        })?;
    }
    books.post(&[
        Posting::IncomeToBalances(shared),
        Posting::IncomeToPoolFees(split.fee_atomic),
        Posting::IncomeToRounding(rounding_atomic),
    ])?;
    block.end = Some(End::Settled(row::Settled {
        amount_atomic,
        fee_atomic: split.fee_atomic,
        rounding_atomic,
        topoheight: command.topoheight,
        settled_at_ms: books.time_ms,
    }));
    let newest = close(books, &block, |totals| &mut totals.blocks_settled)?;
    if block.number.saturating_add(BLOCKS_KEPT) <= newest {
        weights::forget(books, block.number)?;
    }
    Ok(Outcome::BlockSettled)
}

/// Refuses amounts that cannot be true, so that a wrong answer of a daemon never becomes money.
fn check_amount(books: &Books<'_>, amount_atomic: u64) -> Result<(), Stop> {
    if amount_atomic == 0 {
        return Err(invalid("amount_atomic", "must be above 0: a stable block pays").into());
    }
    let accounts: row::Accounts = books.get_or_default(&key::accounts())?;
    let room = take(
        MAX_SUPPLY_ATOMIC,
        accounts.income_atomic,
        "supply without income",
    )?;
    if amount_atomic > room {
        let problem = format!("must be at most {room}, or all blocks paid more than can exist");
        return Err(invalid("amount_atomic", problem).into());
    }
    Ok(())
}

/// Gives up a block that is not part of the stable chain.
pub(crate) fn orphan(books: &mut Books<'_>, command: &OrphanBlock) -> Result<Outcome, Stop> {
    let mut block = open_block(books, &command.hash)?;
    block.end = Some(End::Orphaned(row::Orphaned {
        reason: command.reason.clone(),
        orphaned_at_ms: books.time_ms,
    }));
    weights::forget(books, block.number)?;
    close(books, &block, |totals| &mut totals.blocks_orphaned)?;
    Ok(Outcome::BlockOrphaned)
}

/// The recorded block, unless it is final.
fn open_block(books: &Books<'_>, hash: &[u8]) -> Result<row::Block, Stop> {
    check_hash("hash", hash)?;
    let Some(reference) = books.get::<row::Reference>(&key::block_number(hash))? else {
        return Err(Rejection::UnknownBlock(hex(hash)).into());
    };
    let block: Option<row::Block> = books.get(&key::block(reference.number))?;
    let block = block.ok_or_else(|| damaged("block"))?;
    match block.end {
        None => Ok(block),
        Some(_) => Err(Rejection::BlockFinal(hex(hash)).into()),
    }
}

/// Stores a final block and counts it; returns the number of the newest block.
fn close(
    books: &mut Books<'_>,
    block: &row::Block,
    counter: impl FnOnce(&mut row::Totals) -> &mut u64,
) -> Result<u64, Stop> {
    books.put(key::block(block.number), block);
    books.delete(key::block_maturing(block.number));
    books.change(key::totals(), |totals| {
        let count = counter(totals);
        *count = add(*count, 1, "number of final blocks")?;
        Ok(totals.blocks)
    })
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
