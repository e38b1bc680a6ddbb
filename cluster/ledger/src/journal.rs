//! Double entry: money moves between two named accounts, and the journal says when, how much, by
//! whose command and why.
//!
//! Moving is the only way to change an amount, so that every entry is balanced by its making; that
//! the accounts stay balanced is checked all the same with every command. An entry has the sums
//! over all miners by account, and a line for each miner with that miner's part. Shares that are
//! paid at once are too many for an entry each: all of an hour share one, which grows.

use std::collections::BTreeMap;

use raftpool_proto::ledger as row;
use row::EntryKind;

use crate::apply::{ApplyError, Stop};
use crate::arithmetic::{add, add_wide};
use crate::books::{Books, OpenMiner};
use crate::command::Account;
use crate::invariant::broken;
use crate::key;
use crate::record::{wide, wide_bytes};

/// How long the shares that are paid at once are gathered into one entry.
const PAID_HOUR_MS: u64 = 3_600_000;

/// What one command writes into the journal.
#[derive(Default)]
pub(crate) struct Journal {
    /// The accounts, once one of them is needed.
    accounts: Option<row::Accounts>,
    drafts: BTreeMap<EntryKind, Draft>,
    current: EntryKind,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Block(u64),
    Payout(u64),
    Pool,
}

#[derive(Default)]
struct Draft {
    entry: row::JournalEntry,
    lines: BTreeMap<u64, row::JournalLine>,
}

/// Whether an account stands for what is outside of the pool; such amounts are never above zero,
/// all others never below.
pub(crate) fn is_outer(account: Account) -> bool {
    matches!(
        account,
        Account::Income | Account::Expected | Account::Deposits | Account::Reconciled
    )
}

/// The miner's own amount behind an account, if miners have one.
fn amount_of(miner: &mut row::Miner, account: Account) -> Option<&mut u64> {
    match account {
        Account::Mature => Some(&mut miner.balance_atomic),
        Account::InFlight => Some(&mut miner.in_flight_atomic),
        Account::Paid => Some(&mut miner.paid_atomic),
        Account::NetworkFees => Some(&mut miner.network_fees_atomic),
        _ => None,
    }
}

/// Accounts whose amount is the sum over miners.
pub const MINERS_ACCOUNTS: [Account; 4] = [
    Account::Mature,
    Account::InFlight,
    Account::Paid,
    Account::NetworkFees,
];

impl Books<'_> {
    /// What is moved from now on belongs to an entry of this kind.
    pub(crate) fn begin_entry(&mut self, kind: EntryKind, subject: Subject, reason: &str) {
        self.journal.current = kind;
        let draft = self.journal.drafts.entry(kind).or_default();
        let entry = &mut draft.entry;
        entry.set_kind(kind);
        entry.reason = reason.to_owned();
        match subject {
            Subject::Block(number) => entry.block_number = number,
            Subject::Payout(id) => entry.payout_id = id,
            Subject::Pool => {}
        }
    }

    /// Moves money between accounts of the pool or outside of it.
    pub(crate) fn transfer(
        &mut self,
        from: Account,
        to: Account,
        amount_atomic: u64,
    ) -> Result<(), Stop> {
        if amount_atomic == 0 {
            return Ok(());
        }
        let amount = signed(amount_atomic)?;
        self.load_accounts()?;
        let journal = &mut self.journal;
        let draft = journal.drafts.entry(journal.current).or_default();
        let accounts = journal.accounts.get_or_insert_default();
        for (account, change) in [(from, -amount), (to, amount)] {
            post(&mut accounts.amounts, account, change)?;
            post(&mut draft.entry.amounts, account, change)?;
        }
        Ok(())
    }

    /// Moves money to, from, or between accounts of a miner.
    ///
    /// What comes from elsewhere is what the miner earned.
    pub(crate) fn transfer_of(
        &mut self,
        open: &mut OpenMiner,
        from: Account,
        to: Account,
        amount_atomic: u64,
    ) -> Result<(), Stop> {
        if amount_atomic == 0 {
            return Ok(());
        }
        self.transfer(from, to, amount_atomic)?;
        let amount = signed(amount_atomic)?;
        let miner = &mut open.miner;
        let line = self.journal.line(miner.number);
        let mut is_earned = true;
        if let Some(own) = amount_of(miner, from) {
            *own = own.checked_sub(amount_atomic).ok_or_else(|| {
                let (address, held) = (&open.address, *own);
                broken(
                    "L2",
                    format!("{address} has {held} in {from:?}, not {amount_atomic}"),
                )
            })?;
            post(&mut line.amounts, from, -amount)?;
            is_earned = false;
        }
        if let Some(own) = amount_of(miner, to) {
            *own = add(*own, amount_atomic, "a miner's account")?;
            post(&mut line.amounts, to, amount)?;
            if is_earned {
                miner.earned_atomic = add(miner.earned_atomic, amount_atomic, "earnings")?;
            }
        }
        Ok(())
    }

    /// Notes in the line of a miner which work is paid.
    pub(crate) fn note_paid_work(
        &mut self,
        number: u64,
        shares: u64,
        score: u128,
    ) -> Result<(), Stop> {
        let line = self.journal.line(number);
        line.shares = add(line.shares, shares, "paid shares")?;
        let score = add_wide(wide(&line.score)?, score, "paid score")?;
        line.score = wide_bytes(score);
        Ok(())
    }

    /// What an account of the pool holds.
    pub(crate) fn account(&mut self, account: Account) -> Result<u64, Stop> {
        self.load_accounts()?;
        let accounts = self.journal.accounts.get_or_insert_default();
        let amount = accounts.amounts.get(&account.into());
        Ok(amount.map_or(0, |amount| amount.unsigned_abs()))
    }

    fn load_accounts(&mut self) -> Result<(), Stop> {
        if self.journal.accounts.is_none() {
            self.journal.accounts = Some(self.get_or_default(&key::accounts())?);
        }
        Ok(())
    }

    /// Stores what the command has moved; the last thing a command does.
    pub(crate) fn close_journal(&mut self) -> Result<(), Stop> {
        let journal = std::mem::take(&mut self.journal);
        if let Some(accounts) = &journal.accounts {
            self.put(key::accounts(), accounts);
        }
        for (kind, draft) in journal.drafts {
            let is_empty = draft.entry.amounts.values().all(|amount| *amount == 0);
            if !is_empty || !draft.lines.is_empty() {
                self.store_entry(kind, draft)?;
            }
        }
        Ok(())
    }

    fn store_entry(&mut self, kind: EntryKind, draft: Draft) -> Result<(), Stop> {
        let index = match kind {
            EntryKind::WorkPaid => self.paid_hour()?,
            _ => self.entry.index,
        };
        let key = key::journal_entry(index, kind);
        let entry = match self.get::<row::JournalEntry>(&key)? {
            Some(known) => known,
            None => self.new_entry(index, &draft.entry),
        };
        let entry = self.grown(entry, &draft.entry)?;
        self.put(key, &entry);
        for (number, line) in draft.lines {
            let key = key::journal_line(index, kind, number);
            let mut known: row::JournalLine = self.get_or_default(&key)?;
            merge(&mut known.amounts, &line.amounts)?;
            known.shares = add(known.shares, line.shares, "paid shares")?;
            let score = add_wide(wide(&known.score)?, wide(&line.score)?, "paid score")?;
            known.score = wide_bytes(score);
            self.put(key, &known);
            self.put_mark(key::statement(number, index, kind));
        }
        Ok(())
    }

    /// An entry without amounts, and what it is found by.
    fn new_entry(&mut self, index: u64, draft: &row::JournalEntry) -> row::JournalEntry {
        let kind = draft.kind();
        if draft.block_number > 0 {
            self.put_mark(key::journal_of_block(draft.block_number, index, kind));
        }
        if draft.payout_id > 0 {
            self.put_mark(key::journal_of_payout(draft.payout_id, index, kind));
        }
        let reference = row::Reference { number: index };
        self.put(key::journal_time(self.time_ms, index), &reference);
        row::JournalEntry {
            index,
            time_ms: self.time_ms,
            // An hour's work is no single author's.
            author: match kind {
                EntryKind::WorkPaid => String::new(),
                _ => self.author.to_owned(),
            },
            amounts: BTreeMap::new(),
            ..draft.clone()
        }
    }

    fn grown(
        &self,
        mut entry: row::JournalEntry,
        draft: &row::JournalEntry,
    ) -> Result<row::JournalEntry, Stop> {
        merge(&mut entry.amounts, &draft.amounts)?;
        entry.last_index = self.entry.index;
        entry.last_time_ms = self.time_ms;
        let sum: i128 = entry.amounts.values().copied().map(i128::from).sum();
        if sum != 0 {
            let detail = format!("an entry at {} has a sum of {sum}", entry.index);
            return Err(broken("L1", detail).into());
        }
        Ok(entry)
    }

    /// The log index of the entry in which the work paid in this hour is gathered.
    fn paid_hour(&mut self) -> Result<u64, Stop> {
        let (hour, index) = (self.time_ms / PAID_HOUR_MS, self.entry.index);
        self.change(key::paid_hour(), |known: &mut row::PaidHour| {
            if known.index == 0 || known.hour != hour {
                *known = row::PaidHour { hour, index };
            }
            Ok(known.index)
        })
    }
}

impl Journal {
    fn line(&mut self, number: u64) -> &mut row::JournalLine {
        let draft = self.drafts.entry(self.current).or_default();
        draft.lines.entry(number).or_default()
    }
}

fn post(amounts: &mut BTreeMap<i32, i64>, account: Account, change: i64) -> Result<(), ApplyError> {
    let amount = amounts.entry(account.into()).or_default();
    *amount = amount
        .checked_add(change)
        .ok_or(ApplyError::Overflow { what: "an account" })?;
    Ok(())
}

fn merge(into: &mut BTreeMap<i32, i64>, from: &BTreeMap<i32, i64>) -> Result<(), ApplyError> {
    for (account, change) in from {
        let amount = into.entry(*account).or_default();
        *amount = amount
            .checked_add(*change)
            .ok_or(ApplyError::Overflow { what: "an account" })?;
    }
    into.retain(|_, amount| *amount != 0);
    Ok(())
}

/// No amount is above the supply, which is far below the bound.
fn signed(amount_atomic: u64) -> Result<i64, ApplyError> {
    i64::try_from(amount_atomic).map_err(|_| ApplyError::Overflow { what: "an amount" })
}
