//! Which lines of the journal are wanted.

use std::collections::BTreeMap;

use raftpool_ledger::StateError;
use raftpool_ledger::command::Account;
use raftpool_ledger::view::{JournalEntry, JournalLine, JournalQuery, LedgerView};

/// A part of the journal: what all that is given holds for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Changes of this account only.
    pub account: Option<Account>,
    /// Parts of this miner only, by canonical address.
    pub miner: Option<String>,
    /// Entries about this block, by its number.
    pub block_number: Option<u64>,
    /// Entries about this payout.
    pub payout_id: Option<u64>,
    /// Entries that began at this ledger time or later.
    pub since_ms: Option<u64>,
    /// Entries that began before this ledger time.
    pub until_ms: Option<u64>,
}

impl Selection {
    /// Whether the whole journal is wanted.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Where reading begins.
    pub(crate) fn first_query(&self) -> JournalQuery {
        match (self.block_number, self.payout_id, self.since_ms) {
            (Some(number), ..) => JournalQuery::Block(number),
            (None, Some(id), _) => JournalQuery::Payout(id),
            (None, None, Some(time_ms)) => JournalQuery::Since(time_ms),
            (None, None, None) => JournalQuery::After(None),
        }
    }

    /// Whether all later entries are too late.
    pub(crate) fn ends_before(&self, entry: &JournalEntry) -> bool {
        self.until_ms
            .is_some_and(|until_ms| entry.time_ms >= until_ms)
    }

    /// The entry as far as it is wanted.
    pub(crate) fn entry(&self, mut entry: JournalEntry) -> Option<JournalEntry> {
        let is_about = |wanted: Option<u64>, found| wanted.is_none() || wanted == found;
        let is_wanted = is_about(self.block_number, entry.block_number)
            && is_about(self.payout_id, entry.payout_id)
            && self.since_ms.is_none_or(|since| entry.time_ms >= since)
            && !self.ends_before(&entry);
        if !is_wanted {
            return None;
        }
        self.narrow(&mut entry.amounts).then_some(entry)
    }

    /// A miner's part of a wanted entry as far as it is wanted.
    pub(crate) fn line(&self, mut line: JournalLine) -> Option<JournalLine> {
        self.narrow(&mut line.amounts).then_some(line)
    }

    /// The one line of an entry that is wanted, if only one miner's are.
    pub(crate) fn only_line(
        &self,
        view: &LedgerView<'_>,
        entry: &JournalEntry,
    ) -> Result<Option<Option<JournalLine>>, StateError> {
        match &self.miner {
            None => Ok(None),
            Some(miner) => {
                let line = view.journal_line(entry, miner)?;
                Ok(Some(line.and_then(|line| self.line(line))))
            }
        }
    }

    /// Leaves what is wanted of the amounts; whether that is anything.
    fn narrow(&self, amounts: &mut BTreeMap<Account, i64>) -> bool {
        match self.account {
            None => true,
            Some(wanted) => {
                amounts.retain(|account, _| *account == wanted);
                !amounts.is_empty()
            }
        }
    }
}
