//! The books as lines that anybody can add up: the journal from its beginning, then what every
//! account and every miner holds.
//!
//! Each line is one JSON object. Whoever adds up the entries gets the accounts, and whoever adds up
//! the lines of a miner gets that miner's accounts; `raftpool ledger replay` does both.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use raftpool_ledger::StateError;
use raftpool_ledger::command::Account;
use raftpool_ledger::view::{
    self, JournalQuery, LedgerView, MINERS_ACCOUNTS, account_name, entry_kind_name,
};
use serde::{Deserialize, Serialize};

use super::selection::Selection;

/// Entries, lines and miners read at a time.
const CHUNK: usize = 1_000;

/// The form of these lines; it changes when a reader has to know.
pub const EXPORT_FORMAT: u32 = 1;

/// Atomic units by name of the account, as decimal text with a sign.
pub type Amounts = BTreeMap<String, String>;

/// Accounts of which every unit is a miner's: an entry's changes of them are in its lines as well.
pub fn miners_accounts() -> [&'static str; 4] {
    MINERS_ACCOUNTS.map(account_name)
}

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum ExportRow {
    /// The first line: what the rest is.
    Head {
        /// [`EXPORT_FORMAT`].
        format: u32,
        /// Name of the chain's network.
        network: String,
        /// The address blocks pay to.
        pool_address: String,
        /// Log index of the books.
        index: u64,
        /// Digest of the books at that index, hexadecimal.
        digest: String,
        /// Whether only a part of the journal follows, without the balances at the end.
        #[serde(default)]
        is_selection: bool,
    },
    /// A balanced change of accounts.
    Entry {
        /// Log index of its command; of the first one, where an hour's paid work is gathered.
        index: u64,
        /// What it is about.
        kind: String,
        /// Ledger time.
        time_ms: u64,
        /// Whose command; empty for an hour's paid work.
        author: String,
        /// Why, where the command says so.
        reason: String,
        /// The block it is about.
        block_number: Option<u64>,
        /// The payout it is about.
        payout_id: Option<u64>,
        /// Changes by account.
        amounts: Amounts,
    },
    /// One miner's part of the entry before it.
    Line {
        /// Log index and kind of the entry.
        index: u64,
        /// Kind of the entry.
        kind: String,
        /// The miner's address.
        miner: String,
        /// Changes by account.
        amounts: Amounts,
        /// Shares that were paid at once.
        shares: u64,
        /// Their score, in 2^-64 of the expected work of a block; decimal text.
        #[serde(default)]
        score: String,
    },
    /// What every account holds in the end.
    Accounts {
        /// Amounts by account; those from outside are below zero.
        amounts: Amounts,
    },
    /// What one miner has in the end.
    Miner {
        /// The miner's address.
        miner: String,
        /// Amounts by account.
        amounts: Amounts,
    },
}

/// Gives the lines of the books to `emit`, until it breaks: all of them with what everybody holds
/// in the end, or the selected ones of the journal.
///
/// # Errors
/// When the state cannot be read.
pub fn export(
    view: &LedgerView<'_>,
    selection: &Selection,
    emit: &mut dyn FnMut(ExportRow) -> ControlFlow<()>,
) -> Result<(), StateError> {
    let settings = view.settings()?.unwrap_or_default();
    let head = ExportRow::Head {
        format: EXPORT_FORMAT,
        network: settings.network,
        pool_address: settings.pool_address,
        index: view.index()?,
        digest: hex::encode(view.digest()?),
        is_selection: !selection.is_all(),
    };
    if emit(head).is_break() || export_journal(view, selection, emit)?.is_break() {
        return Ok(());
    }
    if !selection.is_all() {
        return Ok(());
    }
    let amounts = accounts(&view.accounts()?);
    if emit(ExportRow::Accounts { amounts }).is_break() {
        return Ok(());
    }
    export_miners(view, emit)
}

fn export_journal(
    view: &LedgerView<'_>,
    selection: &Selection,
    emit: &mut dyn FnMut(ExportRow) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StateError> {
    let mut query = selection.first_query();
    loop {
        let is_about_one = matches!(query, JournalQuery::Block(_) | JournalQuery::Payout(_));
        // A block of very many miners has some hundreds of entries.
        let limit = if is_about_one { usize::MAX } else { CHUNK };
        let entries = view.journal(query, limit)?;
        let Some(last) = entries.last() else {
            return Ok(ControlFlow::Continue(()));
        };
        let is_end = is_about_one || selection.ends_before(last);
        query = JournalQuery::After(Some((last.index, last.kind)));
        for entry in entries {
            if let Some(entry) = selection.entry(entry)
                && export_entry(view, selection, &entry, emit)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        if is_end {
            return Ok(ControlFlow::Continue(()));
        }
    }
}

fn export_entry(
    view: &LedgerView<'_>,
    selection: &Selection,
    entry: &view::JournalEntry,
    emit: &mut dyn FnMut(ExportRow) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StateError> {
    if let Some(only) = selection.only_line(view, entry)? {
        let Some(line) = only else {
            return Ok(ControlFlow::Continue(()));
        };
        if emit(entry_row(entry)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        return Ok(emit(line_row(entry, line)));
    }
    if emit(entry_row(entry)).is_break() {
        return Ok(ControlFlow::Break(()));
    }
    let mut after = None;
    loop {
        let lines = view.journal_lines(entry, after, CHUNK)?;
        let Some(last) = lines.last() else {
            return Ok(ControlFlow::Continue(()));
        };
        after = Some(last.miner_number);
        for line in lines.into_iter().filter_map(|line| selection.line(line)) {
            if emit(line_row(entry, line)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

fn line_row(entry: &view::JournalEntry, line: view::JournalLine) -> ExportRow {
    ExportRow::Line {
        index: entry.index,
        kind: entry_kind_name(entry.kind).into(),
        miner: line.miner,
        amounts: named(&line.amounts),
        shares: line.shares,
        score: match line.score {
            0 => String::new(),
            score => score.to_string(),
        },
    }
}

fn export_miners(
    view: &LedgerView<'_>,
    emit: &mut dyn FnMut(ExportRow) -> ControlFlow<()>,
) -> Result<(), StateError> {
    let mut after: Option<String> = None;
    loop {
        let miners = view.miners(after.as_deref(), CHUNK)?;
        let Some(last) = miners.last() else {
            return Ok(());
        };
        after = Some(last.address.clone());
        for miner in miners {
            let own = [
                (Account::Mature, miner.balance_atomic),
                (Account::InFlight, miner.in_flight_atomic),
                (Account::Paid, miner.paid_atomic),
                (Account::NetworkFees, miner.network_fees_atomic),
            ];
            let own = own.into_iter().filter(|(_, amount)| *amount > 0);
            let amounts = own.map(|(account, amount)| (name(account), amount.to_string()));
            let row = ExportRow::Miner {
                miner: miner.address,
                amounts: amounts.collect(),
            };
            if emit(row).is_break() {
                return Ok(());
            }
        }
    }
}

fn entry_row(entry: &view::JournalEntry) -> ExportRow {
    ExportRow::Entry {
        index: entry.index,
        kind: entry_kind_name(entry.kind).into(),
        time_ms: entry.time_ms,
        author: entry.author.clone(),
        reason: entry.reason.clone(),
        block_number: entry.block_number,
        payout_id: entry.payout_id,
        amounts: named(&entry.amounts),
    }
}

fn accounts(accounts: &view::Accounts) -> Amounts {
    let signed = accounts.by_account().into_iter();
    let signed = signed.filter(|(_, amount)| *amount != 0);
    signed
        .map(|(account, amount)| (name(account), amount.to_string()))
        .collect()
}

/// Amounts by name.
pub(crate) fn named(amounts: &BTreeMap<Account, i64>) -> Amounts {
    let amounts = amounts.iter();
    amounts
        .map(|(account, amount)| (name(*account), amount.to_string()))
        .collect()
}

fn name(account: Account) -> String {
    account_name(account).into()
}
