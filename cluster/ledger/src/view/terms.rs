//! What single miners are paid by, and who may be paid.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use super::{Hold, LedgerView, Result, Terms};
use crate::command::Settings;
use crate::key::{self, KeyRange};
use crate::record::{page, text};
use crate::state::Direction;
use crate::terms::scheme_in_force;

/// Preferences, holds and payees. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// What a miner is paid by; the pool's rules for whoever has none of its own.
    pub fn terms(&self, miner: &str) -> Result<Terms> {
        let settings: Settings = self.settings()?.unwrap_or_default();
        let own: Option<row::MinerPreferences> = self.load(key::preferences(miner))?;
        let hold: Option<row::Hold> = self.load(key::hold(miner))?;
        let preferred_by = own
            .as_ref()
            .map(|own| (own.author.clone(), own.changed_at_ms));
        let own = own.unwrap_or_default();
        let own_threshold_atomic = own.payout_threshold_atomic;
        Ok(Terms {
            own_threshold_atomic,
            own_scheme: own.scheme(),
            threshold_atomic: own_threshold_atomic.max(settings.payout_threshold_atomic),
            scheme: scheme_in_force(&own, &settings),
            preferred_by,
            hold: hold.map(|hold| read_hold(miner.to_owned(), hold)),
        })
    }

    /// Addresses that are held, in order of address, after `after`.
    pub fn holds(&self, after: Option<&str>, limit: usize) -> Result<Vec<Hold>> {
        let range = key::holds_after(after);
        page(
            self.state,
            range,
            Direction::Ascending,
            limit,
            |key, hold| Ok(read_hold(text(key::text_after_kind(key))?, hold)),
        )
    }

    /// Who may be paid when the pool's threshold is `threshold_atomic`: miners whose balance
    /// reaches it and a threshold of their own, without those that are held; largest balance
    /// first.
    ///
    /// Miners without a balance are never among them.
    pub fn payable(&self, threshold_atomic: u64, limit: usize) -> Result<Vec<(String, u64)>> {
        let mut payable = self.listed(key::balances_from(threshold_atomic), limit)?;
        let own = self.listed(key::own_balances_from(threshold_atomic), limit)?;
        if !own.is_empty() {
            payable.extend(own);
            // Largest balance first; of equal ones the order in which a single index has them.
            payable
                .sort_by(|a, b| (Reverse(a.1), Reverse(&a.0)).cmp(&(Reverse(b.1), Reverse(&b.0))));
            payable.truncate(limit);
        }
        Ok(payable)
    }

    /// Addresses and balances of an index, largest first.
    fn listed(&self, (start, end): KeyRange, limit: usize) -> Result<Vec<(String, u64)>> {
        let mut listed = Vec::new();
        if limit == 0 {
            return Ok(listed);
        }
        let mut failure = None;
        self.state
            .scan(&start, &end, Direction::Descending, &mut |key, _| {
                match text(key::text_after_number(key)) {
                    Ok(address) => {
                        listed.push((address, key::number_after_kind(key).unwrap_or_default()));
                    }
                    Err(error) => failure = Some(error),
                }
                match failure.is_none() && listed.len() < limit {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
        failure.map_or(Ok(listed), Err)
    }
}

fn read_hold(miner: String, hold: row::Hold) -> Hold {
    Hold {
        miner,
        reason: hold.reason,
        since_ms: hold.since_ms,
        author: hold.author,
    }
}
