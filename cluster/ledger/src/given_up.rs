//! Blocks that are given up, and those of them that come back.
//!
//! The order of a DAG can change long after a block was found. A block that no daemon shows far
//! past stability is given up; when the chain orders it all the same, its miners have earned it
//! like any other. So who shares in it stays known, and the block is followed again: whether it is
//! settled is then decided by the same rules as ever.

use raftpool_proto::ledger as row;
use row::EntryKind;
use row::block::End;

use crate::apply::Stop;
use crate::arithmetic::take;
use crate::blocks::hex;
use crate::books::Books;
use crate::command::{Account, OrphanBlock, ReopenBlock};
use crate::journal::Subject;
use crate::schemes::is_paid_at_once;
use crate::settings::check_reason;
use crate::settlement::{close, find_block, open_block};
use crate::weights::{self, BLOCKS_KEPT};
use crate::{Outcome, Rejection, StateError, key, reserve, strays};

/// Gives up a block that is not part of the stable chain.
pub(crate) fn orphan(books: &mut Books<'_>, command: &OrphanBlock) -> Result<Outcome, Stop> {
    let mut block = open_block(books, &command.hash)?;
    let subject = Subject::Block(block.number);
    books.begin_entry(EntryKind::BlockOrphaned, subject, &command.reason);
    books.transfer(Account::Immature, Account::Expected, block.expected_atomic)?;
    block.end = Some(End::Orphaned(row::Orphaned {
        reason: command.reason.clone(),
        orphaned_at_ms: books.time_ms,
        keeps_weights: command.keeps_weights,
    }));
    if !command.keeps_weights {
        weights::forget(books, block.number)?;
    }
    if is_paid_at_once(block.scheme()) {
        reserve::note_income(books, &block, 0)?;
    }
    close(books, &block, |totals| &mut totals.blocks_orphaned)?;
    Ok(Outcome::BlockOrphaned)
}

/// Takes up again a block that was given up: it is as it was before, maturing.
pub(crate) fn reopen(books: &mut Books<'_>, command: &ReopenBlock) -> Result<Outcome, Stop> {
    check_reason(&command.reason)?;
    let mut block = find_block(books, &command.hash)?;
    let Some(End::Orphaned(orphaned)) = block.end.take() else {
        return Err(Rejection::BlockNotOrphaned(hex(&command.hash)).into());
    };
    let totals: row::Totals = books.get_or_default(&key::totals())?;
    if !has_weights(&block, orphaned.keeps_weights, totals.blocks)? {
        return Err(Rejection::BlockWeightsGone(hex(&command.hash)).into());
    }
    let subject = Subject::Block(block.number);
    books.begin_entry(EntryKind::BlockReopened, subject, &command.reason);
    books.transfer(Account::Expected, Account::Immature, block.expected_atomic)?;
    block.is_reopened = true;
    let reference = row::Reference {
        number: block.number,
    };
    books.put(key::block(block.number), &block);
    books.put(key::block_maturing(block.number), &reference);
    books.change(key::totals(), |totals: &mut row::Totals| {
        totals.blocks_orphaned = take(totals.blocks_orphaned, 1, "number of final blocks")?;
        Ok(())
    })?;
    strays::forget(books, &command.hash)?;
    Ok(Outcome::BlockReopened)
}

/// Whether everything is known that settling takes.
fn has_weights(block: &row::Block, are_kept: bool, newest: u64) -> Result<bool, StateError> {
    let is_old = block.number.saturating_add(BLOCKS_KEPT) <= newest;
    Ok(weights::total(block)? == 0 || (are_kept && !is_old))
}
