//! What happened to blocks and payouts, from the journal.

use raftpool_ledger::StateError;
use raftpool_ledger::view::{EntryKind, JournalQuery, LedgerView, entry_kind_name};
use serde::Serialize;

use crate::dto::block::Block;
use crate::dto::event::{BlockChange, PayoutChange};

/// Most changes of one read. A pool that was looked away from for longer is looked at anew.
pub(super) const CHANGES_MAX: usize = 200;

/// Entries of the journal read at a time.
const CHUNK: usize = 100;

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Blocks,
    Payouts,
}

/// One change, ready to be told.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Log index of the command.
    pub(super) index: u64,
    pub(super) about: About,
    /// [`BlockChange`] or [`PayoutChange`] as JSON.
    pub(super) json: String,
}

/// What happened after the command of an index, in the order of the log; nothing when it is more than
/// [`CHANGES_MAX`].
pub(super) fn changes_after(
    view: &LedgerView<'_>,
    index: u64,
) -> Result<Option<Vec<Change>>, StateError> {
    let mut changes = Vec::new();
    let mut after = (index, EntryKind::EntryUnspecified);
    loop {
        let entries = view.journal(JournalQuery::After(Some(after)), CHUNK)?;
        let is_last = entries.len() < CHUNK;
        for entry in entries {
            after = (entry.index, entry.kind);
            if entry.index <= index {
                continue;
            }
            let name = entry_kind_name(entry.kind);
            // Paid work is gathered under the index of an hour's first command, and is no event.
            let change = match (entry.kind, entry.block_number, entry.payout_id) {
                (EntryKind::WorkPaid | EntryKind::FundsMoved, ..) => None,
                (_, Some(number), _) => block_change(view, entry.index, name, number)?,
                (_, _, Some(id)) => payout_change(view, entry.index, name, id)?,
                _ => None,
            };
            changes.extend(change);
            if changes.len() > CHANGES_MAX {
                return Ok(None);
            }
        }
        if is_last {
            return Ok(Some(changes));
        }
    }
}

fn block_change(
    view: &LedgerView<'_>,
    index: u64,
    change: &'static str,
    number: u64,
) -> Result<Option<Change>, StateError> {
    let block = view.blocks(number.checked_add(1), 1)?.pop();
    let block = block.filter(|block| block.number == number);
    let Some(block) = block else {
        return Ok(None);
    };
    let change = BlockChange {
        index,
        change,
        block: Block::read(view, block)?,
    };
    Ok(told(index, About::Blocks, &change))
}

fn payout_change(
    view: &LedgerView<'_>,
    index: u64,
    change: &'static str,
    id: u64,
) -> Result<Option<Change>, StateError> {
    Ok(view.payout(id)?.and_then(|payout| {
        let payout = (&payout).into();
        let change = PayoutChange {
            index,
            change,
            payout,
        };
        told(index, About::Payouts, &change)
    }))
}

fn told(index: u64, about: About, change: &impl Serialize) -> Option<Change> {
    // These types have text for keys and nothing else that JSON could not hold.
    let json = serde_json::to_string(change).ok()?;
    Some(Change { index, about, json })
}
