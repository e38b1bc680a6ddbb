//! The journal.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use raftpool_proto::ledger as row;
pub use row::EntryKind;

use super::{LedgerView, Result};
use crate::command::Account;
use crate::key::{self, KeyRange};
use crate::record::{damaged, each, page, wide};
use crate::state::Direction;

/// Most entries that one question about an account looks at.
pub const ENTRIES_LOOKED_AT: usize = 10_000;

/// Which entry: its log index and its kind, in which order the journal is.
pub type EntryPlace = (u64, EntryKind);

/// A balanced change of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Log index of the command; of the first one, where an hour's paid work is gathered.
    pub index: u64,
    /// What it is about.
    pub kind: EntryKind,
    /// Ledger time.
    pub time_ms: u64,
    /// Log index of the last command, if there were several.
    pub last_index: u64,
    /// Ledger time of the last command.
    pub last_time_ms: u64,
    /// Whose command; empty for an hour's paid work.
    pub author: String,
    /// Why, where the command says so.
    pub reason: String,
    /// The block it is about.
    pub block_number: Option<u64>,
    /// The payout it is about.
    pub payout_id: Option<u64>,
    /// Changes by account, in atomic units; their sum is zero.
    pub amounts: BTreeMap<Account, i64>,
}

/// One miner's part of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLine {
    /// The miner's number, in which order lines are listed.
    pub miner_number: u64,
    /// The miner's address.
    pub miner: String,
    /// Changes by account, in atomic units.
    pub amounts: BTreeMap<Account, i64>,
    /// Shares that were paid at once.
    pub shares: u64,
    /// Their score, in 2^-64 of the expected work of a block.
    pub score: u128,
}

/// Which entries of the journal are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalQuery {
    /// All, oldest first, behind the entry of that index and kind.
    After(Option<EntryPlace>),
    /// Those that began at that ledger time or later, oldest first.
    Since(u64),
    /// Those about a block, oldest first.
    Block(u64),
    /// Those about a payout, oldest first.
    Payout(u64),
}

/// The journal. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// Entries of the journal.
    pub fn journal(&self, query: JournalQuery, limit: usize) -> Result<Vec<JournalEntry>> {
        match query {
            JournalQuery::After(None) => self.entries(key::journal_entries_from(0), limit),
            JournalQuery::After(Some((index, kind))) => {
                self.entries(key::journal_entries_after(index, kind), limit)
            }
            JournalQuery::Since(time_ms) => {
                let first = self.first_entry_since(time_ms)?;
                first.map_or(Ok(Vec::new()), |first| {
                    self.entries(key::journal_entries_from(first), limit)
                })
            }
            JournalQuery::Block(number) => {
                self.entries_of(key::journals_of_block(number), Direction::Ascending, limit)
            }
            JournalQuery::Payout(id) => {
                self.entries_of(key::journals_of_payout(id), Direction::Ascending, limit)
            }
        }
    }

    /// Entries that change an account, oldest first, behind the entry `after`; and behind which entry
    /// to go on, unless that was all.
    ///
    /// Looks at [`ENTRIES_LOOKED_AT`] entries at most, so that an account that hardly ever changes
    /// costs no more than another one: there may be more although few or none are returned.
    pub fn journal_of_account(
        &self,
        account: Account,
        after: Option<EntryPlace>,
        limit: usize,
    ) -> Result<(Vec<JournalEntry>, Option<EntryPlace>)> {
        let (start, end) = match after {
            None => key::journal_entries_from(0),
            Some((index, kind)) => key::journal_entries_after(index, kind),
        };
        let (mut entries, mut looked_at, mut last, mut has_more) = (Vec::new(), 0, None, false);
        each(
            self.state,
            (start, end),
            Direction::Ascending,
            |_, entry: row::JournalEntry| {
                has_more = entries.len() == limit || looked_at == ENTRIES_LOOKED_AT;
                if has_more {
                    return Ok(ControlFlow::Break(()));
                }
                looked_at += 1;
                last = Some((entry.index, entry.kind()));
                if entry.amounts.contains_key(&account.into()) {
                    entries.push(read_entry(entry)?);
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok((entries, last.filter(|_| has_more)))
    }

    /// The part of one miner in an entry.
    pub fn journal_line(&self, entry: &JournalEntry, address: &str) -> Result<Option<JournalLine>> {
        let Some(miner) = self.load::<row::Miner>(key::miner(address))? else {
            return Ok(None);
        };
        let key = key::journal_line(entry.index, entry.kind, miner.number);
        let line = self.load(key)?;
        line.map(|line| read_line(miner.number, address.to_owned(), line))
            .transpose()
    }

    /// Entries with a part of one miner, newest first, below the log index `before`; each with
    /// that part.
    pub fn statement(
        &self,
        address: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(JournalEntry, JournalLine)>> {
        let Some(miner) = self.load::<row::Miner>(key::miner(address))? else {
            return Ok(Vec::new());
        };
        let range = key::statements_below(miner.number, before);
        let entries = self.entries_of(range, Direction::Descending, limit)?;
        let mut lines = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = key::journal_line(entry.index, entry.kind, miner.number);
            let line = self.load(key)?.ok_or_else(|| damaged("line of a miner"))?;
            let line = read_line(miner.number, address.to_owned(), line)?;
            lines.push((entry, line));
        }
        Ok(lines)
    }

    /// The parts of miners in an entry, in order of their numbers, behind the number `after`.
    pub fn journal_lines(
        &self,
        entry: &JournalEntry,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<JournalLine>> {
        let range = key::journal_lines(entry.index, entry.kind, after.unwrap_or(0));
        page(
            self.state,
            range,
            Direction::Ascending,
            limit,
            |key, line| {
                let number = key::miner_of_line(key).ok_or_else(|| damaged("line of a miner"))?;
                read_line(number, self.address_of(number)?, line)
            },
        )
    }

    fn entries(&self, range: KeyRange, limit: usize) -> Result<Vec<JournalEntry>> {
        page(
            self.state,
            range,
            Direction::Ascending,
            limit,
            |_, entry| read_entry(entry),
        )
    }

    /// The entries that keys of a range find.
    fn entries_of(
        &self,
        (start, end): KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<JournalEntry>> {
        let mut found = Vec::new();
        if limit > 0 {
            self.state.scan(&start, &end, direction, &mut |key, _| {
                found.push(key::entry_at_end(key));
                match found.len() < limit {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
        }
        let mut entries = Vec::with_capacity(found.len());
        for place in found {
            let (index, kind) = place.ok_or_else(|| damaged("key of an entry"))?;
            let entry = self.load(key::journal_entry(index, kind))?;
            entries.push(read_entry(entry.ok_or_else(|| damaged("entry"))?)?);
        }
        Ok(entries)
    }

    fn first_entry_since(&self, time_ms: u64) -> Result<Option<u64>> {
        let mut first = None;
        each(
            self.state,
            key::journal_times_from(time_ms),
            Direction::Ascending,
            |_, reference: row::Reference| {
                first = Some(reference.number);
                Ok(ControlFlow::Break(()))
            },
        )?;
        Ok(first)
    }
}

fn read_entry(entry: row::JournalEntry) -> Result<JournalEntry> {
    Ok(JournalEntry {
        index: entry.index,
        kind: entry.kind(),
        time_ms: entry.time_ms,
        last_index: entry.last_index,
        last_time_ms: entry.last_time_ms,
        author: entry.author,
        reason: entry.reason,
        block_number: (entry.block_number > 0).then_some(entry.block_number),
        payout_id: (entry.payout_id > 0).then_some(entry.payout_id),
        amounts: read_amounts(entry.amounts)?,
    })
}

fn read_line(miner_number: u64, miner: String, line: row::JournalLine) -> Result<JournalLine> {
    Ok(JournalLine {
        miner_number,
        miner,
        amounts: read_amounts(line.amounts)?,
        shares: line.shares,
        score: wide(&line.score)?,
    })
}

fn read_amounts(amounts: BTreeMap<i32, i64>) -> Result<BTreeMap<Account, i64>> {
    let read = |(account, amount)| {
        let account = Account::try_from(account).map_err(|_| damaged("account"))?;
        Ok((account, amount))
    };
    amounts.into_iter().map(read).collect()
}

/// Name of a kind of entry as it appears in the API and in exports.
pub fn entry_kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::EntryUnspecified => "unspecified",
        EntryKind::BlockFound => "block_found",
        EntryKind::BlockSettled => "block_settled",
        EntryKind::BlockDistributed => "block_distributed",
        EntryKind::BlockOrphaned => "block_orphaned",
        EntryKind::BlockReopened => "block_reopened",
        EntryKind::WorkPaid => "work_paid",
        EntryKind::PayoutReserved => "payout_reserved",
        EntryKind::PayoutConfirmed => "payout_confirmed",
        EntryKind::PayoutReleased => "payout_released",
        EntryKind::PayoutAbandoned => "payout_abandoned",
        EntryKind::PayoutReconciled => "payout_reconciled",
        EntryKind::FundsMoved => "funds_moved",
    }
}
