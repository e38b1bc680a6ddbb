//! What the ledger says that matters for the next move of a payout, read at one moment.

use raftpool_ledger::command::Settings;
use raftpool_ledger::view::{Accounts, LedgerView, Payout, PayoutStatus};
use raftpool_ledger::{StateError, view};

/// Payouts read at a time while looking for the newest confirmed one, which nearly always is the
/// newest or the one before it; a payout with its variants may be a few hundred kilobytes.
const PAGE: usize = 2;

pub(crate) struct Desk {
    pub(crate) settings: Option<Settings>,
    pub(crate) paused: Option<String>,
    pub(crate) accounts: Accounts,
    pub(crate) open: Option<Payout>,
    pub(crate) next_payout_id: u64,
    pub(crate) last_payout_ms: u64,
    /// The newest payout was undone before anything was signed: its interval does not count.
    pub(crate) newest_was_released: bool,
    /// Nonce of the newest confirmed payout: the chain's must be the one after it.
    pub(crate) confirmed_nonce: Option<u64>,
}

impl Desk {
    pub(crate) fn read(view: &LedgerView<'_>) -> Result<Self, StateError> {
        let mut newest_was_released = false;
        let mut confirmed_nonce = None;
        let mut before = None;
        'pages: loop {
            let page = view.payouts(before, PAGE)?;
            let Some(oldest) = page.last().map(|payout| payout.id) else {
                break;
            };
            for payout in &page {
                let is_released = matches!(payout.status, PayoutStatus::Released { .. });
                newest_was_released |= before.is_none() && payout.id == page[0].id && is_released;
                if matches!(payout.status, PayoutStatus::Confirmed { .. }) {
                    confirmed_nonce = Some(payout.nonce);
                    break 'pages;
                }
            }
            before = Some(oldest);
        }
        Ok(Self {
            settings: view.settings()?,
            paused: view.payouts_paused()?,
            accounts: view.accounts()?,
            open: view.open_payout()?,
            next_payout_id: view.next_payout_id()?,
            last_payout_ms: view.last_payout_ms()?,
            newest_was_released,
            confirmed_nonce,
        })
    }

    /// Name of the open payout's state for the metrics.
    pub(crate) fn state(&self) -> &'static str {
        match self.open.as_ref().map(|payout| &payout.status) {
            None => "none",
            Some(view::PayoutStatus::Signed) => "signed",
            Some(_) => "reserved",
        }
    }

    /// All that the pool owes its miners.
    pub(crate) fn owed_atomic(&self) -> u128 {
        self.accounts
            .balances_atomic
            .saturating_add(self.accounts.in_flight_atomic)
    }
}
