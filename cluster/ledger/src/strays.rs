//! Stray blocks: blocks of the chain that pay the pool's address and that the books do not have.
//!
//! A node that dies between the daemon's acceptance and the record, or a ledger that was founded
//! anew, leaves such blocks behind; so does a block that was given up and came back when it is
//! forgotten who shares in it (`given_up.rs`). The money is in the wallet, and nobody knows whose it is: it is reported and never booked. A report goes
//! when its block is recorded after all, and stands until somebody has looked otherwise.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;
use row::block::End;

use crate::apply::Stop;
use crate::arithmetic::{add, take};
use crate::blocks::{check_hash, hex};
use crate::books::Books;
use crate::command::{AcknowledgeBlock, ReportBlock};
use crate::invariant::MAX_SUPPLY_ATOMIC;
use crate::record::{damaged, each};
use crate::settings::{audit, check_reason, invalid};
use crate::state::Direction;
use crate::{Outcome, Rejection, key};

/// Most stray blocks that are kept. When all places are taken, the oldest one that somebody has
/// looked at makes room.
pub const STRAY_BLOCKS_MAX: u64 = 1_000;

pub(crate) fn report(books: &mut Books<'_>, command: &ReportBlock) -> Result<Outcome, Stop> {
    check_hash("hash", &command.hash)?;
    if !(1..=MAX_SUPPLY_ATOMIC).contains(&command.amount_atomic) {
        let problem = "must be above 0 and at most the whole supply";
        return Err(invalid("amount_atomic", problem).into());
    }
    if is_in_the_books(books, &command.hash)? {
        return Ok(Outcome::BlockAlreadyRecorded);
    }
    let own = key::stray_block(&command.hash);
    if books.get::<row::StrayBlock>(&own)?.is_some() {
        return Ok(Outcome::BlockReported);
    }
    make_room(books)?;
    let stray = row::StrayBlock {
        hash: command.hash.clone(),
        height: command.height,
        topoheight: command.topoheight,
        amount_atomic: command.amount_atomic,
        reported_index: books.entry.index,
        reported_at_ms: books.time_ms,
        acknowledgement: None,
    };
    books.put(own, &stray);
    change_head(books, |head| {
        head.count = add(head.count, 1, "number of stray blocks")?;
        head.unacknowledged = add(head.unacknowledged, 1, "number of stray blocks")?;
        Ok(())
    })?;
    Ok(Outcome::BlockReported)
}

/// Whether the books will do, or have done, with the block what is to be done. One that was given
/// up and pays nevertheless is a stray block like an unknown one.
fn is_in_the_books(books: &Books<'_>, hash: &[u8]) -> Result<bool, Stop> {
    let Some(reference) = books.get::<row::Reference>(&key::block_number(hash))? else {
        return Ok(false);
    };
    let block: Option<row::Block> = books.get(&key::block(reference.number))?;
    let block = block.ok_or_else(|| damaged("block"))?;
    Ok(!matches!(block.end, Some(End::Orphaned(_))))
}

fn make_room(books: &mut Books<'_>) -> Result<(), Stop> {
    let head: row::StrayBlocks = books.get_or_default(&key::stray_blocks_head())?;
    if head.count < STRAY_BLOCKS_MAX {
        return Ok(());
    }
    let mut oldest: Option<row::StrayBlock> = None;
    each(
        books.state(),
        key::stray_blocks(),
        Direction::Ascending,
        |_, stray: row::StrayBlock| {
            let is_older = oldest
                .as_ref()
                .is_none_or(|oldest| stray.reported_index < oldest.reported_index);
            if stray.acknowledgement.is_some() && is_older {
                oldest = Some(stray);
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    match oldest {
        Some(stray) => remove(books, &stray),
        None => Err(Rejection::StrayBlocksFull {
            places: STRAY_BLOCKS_MAX,
        }
        .into()),
    }
}

pub(crate) fn acknowledge(
    books: &mut Books<'_>,
    command: &AcknowledgeBlock,
) -> Result<Outcome, Stop> {
    check_hash("hash", &command.hash)?;
    check_reason(&command.reason)?;
    let own = key::stray_block(&command.hash);
    let Some(mut stray) = books.get::<row::StrayBlock>(&own)? else {
        return Err(Rejection::UnknownStrayBlock(hex(&command.hash)).into());
    };
    if stray.acknowledgement.is_some() {
        return Ok(Outcome::BlockAcknowledged);
    }
    stray.acknowledgement = Some(row::Acknowledgement {
        author: books.author.to_owned(),
        reason: command.reason.clone(),
        acknowledged_at_ms: books.time_ms,
    });
    books.put(own, &stray);
    change_head(books, |head| {
        head.unacknowledged = take(head.unacknowledged, 1, "number of stray blocks")?;
        Ok(())
    })?;
    let acknowledged = row::StrayAcknowledged {
        hash: stray.hash,
        amount_atomic: stray.amount_atomic,
    };
    let change = row::audit::Change::StrayAcknowledged(acknowledged);
    audit(books, &command.reason, change);
    Ok(Outcome::BlockAcknowledged)
}

/// The block is recorded after all.
pub(crate) fn forget(books: &mut Books<'_>, hash: &[u8]) -> Result<(), Stop> {
    match books.get::<row::StrayBlock>(&key::stray_block(hash))? {
        Some(stray) => remove(books, &stray),
        None => Ok(()),
    }
}

fn remove(books: &mut Books<'_>, stray: &row::StrayBlock) -> Result<(), Stop> {
    books.delete(key::stray_block(&stray.hash));
    let is_open = stray.acknowledgement.is_none();
    change_head(books, |head| {
        head.count = take(head.count, 1, "number of stray blocks")?;
        let open = u64::from(is_open);
        head.unacknowledged = take(head.unacknowledged, open, "number of stray blocks")?;
        Ok(())
    })
}

fn change_head(
    books: &mut Books<'_>,
    change: impl FnOnce(&mut row::StrayBlocks) -> Result<(), Stop>,
) -> Result<(), Stop> {
    books.change(key::stray_blocks_head(), change)
}
