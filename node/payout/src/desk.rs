//! What the ledger says that matters for the next move of a payout, read at one moment.

use raftpool_chain::Hash;
use raftpool_ledger::command::Settings;
use raftpool_ledger::view::{Accounts, LedgerView, Payout, PayoutStatus};
use raftpool_ledger::{StateError, view};

/// Payouts read at a time while looking for the newest confirmed one, which nearly always is the
/// newest or the one before it; a payout with its variants may be a few hundred kilobytes.
const PAGE: usize = 2;

/// Abandoned payouts whose transactions are watched. Older ones hardly surprise any more, because
/// the chain has used many nonces since; should one, its nonce is a nonce that nothing explains.
const ABANDONED_WATCHED: usize = 4;

/// The account's next nonce as far as the books explain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NextNonce {
    /// All below are used for good.
    pub(crate) lowest: u64,
    /// None below was used by what the books do not know, or an operator has accepted it.
    pub(crate) highest: u64,
}

impl NextNonce {
    /// After a payout that has ended; none when it says nothing about its nonce.
    fn after(payout: &Payout) -> Option<Self> {
        let (nonce, next) = (payout.nonce, payout.nonce.saturating_add(1));
        let (lowest, highest) = match &payout.status {
            PayoutStatus::Abandoned {
                keeps_nonce: true,
                executed_tx_hash,
                ..
            } => match executed_tx_hash {
                Some(_) => (nonce, next),
                None => (nonce, nonce),
            },
            PayoutStatus::Confirmed { .. } | PayoutStatus::Abandoned { .. } => (next, next),
            PayoutStatus::Reserved | PayoutStatus::Signed | PayoutStatus::Released { .. } => {
                return None;
            }
        };
        Some(Self { lowest, highest })
    }
}

pub(crate) struct Desk {
    pub(crate) settings: Option<Settings>,
    pub(crate) paused: Option<String>,
    pub(crate) accounts: Accounts,
    pub(crate) open: Option<Payout>,
    pub(crate) next_payout_id: u64,
    pub(crate) last_payout_ms: u64,
    /// The newest payout was undone before anything was signed: its interval does not count.
    pub(crate) newest_was_released: bool,
    /// What the chain's next nonce must be, by the newest payout that was confirmed or abandoned.
    pub(crate) next_nonce: Option<NextNonce>,
    /// What today's payouts took from balances.
    pub(crate) taken_today_atomic: u64,
    /// Found blocks that are not settled: the wallet may have their coins already.
    pub(crate) maturing: Vec<Hash>,
    /// The newest payouts that were given up although signed.
    pub(crate) abandoned: Vec<Payout>,
}

impl Desk {
    pub(crate) fn read(view: &LedgerView<'_>, now_ms: u64) -> Result<Self, StateError> {
        let mut newest_was_released = false;
        let mut next_nonce = None;
        let mut before = None;
        'pages: loop {
            let page = view.payouts(before, PAGE)?;
            let Some(oldest) = page.last().map(|payout| payout.id) else {
                break;
            };
            for payout in &page {
                let is_released = matches!(payout.status, PayoutStatus::Released { .. });
                newest_was_released |= before.is_none() && payout.id == page[0].id && is_released;
                next_nonce = NextNonce::after(payout);
                if next_nonce.is_some() {
                    break 'pages;
                }
            }
            before = Some(oldest);
        }
        if let Some(next) = &mut next_nonce {
            next.highest = next.highest.max(view.payout_unexplained_nonce()?);
        }
        Ok(Self {
            settings: view.settings()?,
            paused: view.payouts_paused()?,
            accounts: view.accounts()?,
            open: view.open_payout()?,
            next_payout_id: view.next_payout_id()?,
            last_payout_ms: view.last_payout_ms()?,
            newest_was_released,
            next_nonce,
            // A command carries the later one of both times.
            taken_today_atomic: view.payouts_taken_on_day_of(now_ms.max(view.time_ms()?))?,
            maturing: view
                .blocks_maturing()?
                .iter()
                .map(|block| Hash(block.hash))
                .collect(),
            abandoned: view.abandoned_payouts(ABANDONED_WATCHED)?,
        })
    }

    /// Time until the interval since the newest payout is over. It does not count for one that was
    /// undone, nor while payees are searched through (`is_searching`).
    pub(crate) fn due_in_ms(&self, settings: &Settings, is_searching: bool, now_ms: u64) -> u64 {
        if self.newest_was_released || is_searching || self.last_payout_ms == 0 {
            return 0;
        }
        let interval_ms = settings.payout_interval_ms;
        self.last_payout_ms
            .saturating_add(interval_ms)
            .saturating_sub(now_ms)
    }

    /// Name of the open payout's state for the metrics.
    pub(crate) fn state(&self) -> &'static str {
        match self.open.as_ref().map(|payout| &payout.status) {
            None => "none",
            Some(view::PayoutStatus::Signed) => "signed",
            Some(_) if self.awaits_approval() => "awaiting_approval",
            Some(_) => "reserved",
        }
    }

    fn awaits_approval(&self) -> bool {
        self.open.as_ref().is_some_and(Payout::awaits_approval)
    }

    /// All that the pool owes its miners.
    pub(crate) fn owed_atomic(&self) -> u128 {
        self.accounts.owed_atomic()
    }
}
