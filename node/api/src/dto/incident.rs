//! What happened to the pool that visitors should know.

use raftpool_ledger::view::{Audit, Change};
use serde::Serialize;
use utoipa::ToSchema;

use super::Numbered;
use super::names::IncidentKind;

/// One thing that happened, as the books have it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Incident {
    /// Log index of it; the cursor of the list.
    pub index: u64,
    /// When it happened, by the ledger's time.
    pub time_ms: u64,
    /// What happened.
    pub what: IncidentKind,
    /// The payout it is about; null when it is about none.
    pub payout_id: Option<u64>,
    /// Why payouts were paused; null for everything else, whose reasons are the operators' own.
    pub reason: Option<String>,
}

impl Incident {
    /// What visitors should know of a change; nothing of those that are the operators' or one miner's
    /// affair.
    pub(crate) fn of(audit: Audit) -> Option<Self> {
        let (what, payout_id) = match audit.change {
            Change::Paused => (IncidentKind::PayoutsPaused, None),
            Change::Resumed => (IncidentKind::PayoutsResumed, None),
            Change::PayoutsReconciled { is_complete: true } => {
                (IncidentKind::PayoutsReconciled, None)
            }
            Change::PayoutRejected { payout_id } => (IncidentKind::PayoutRejected, Some(payout_id)),
            Change::PayoutAbandoned { payout_id } => {
                (IncidentKind::PayoutAbandoned, Some(payout_id))
            }
            Change::Settings(_) => (IncidentKind::SettingsChanged, None),
            Change::TokenMade { .. }
            | Change::TokenRevoked { .. }
            | Change::TokenRequired { .. }
            | Change::FundsMoved(_)
            | Change::PayoutsReconciled { is_complete: false }
            | Change::PayoutApproved { .. }
            | Change::AddressHeld { .. }
            | Change::PreferencesSet { .. }
            | Change::BanLifted { .. }
            | Change::StrayAcknowledged { .. } => return None,
        };
        // The pool says so itself while payouts are paused.
        let is_public = what == IncidentKind::PayoutsPaused;
        Some(Self {
            index: audit.index,
            time_ms: audit.time_ms,
            what,
            payout_id,
            reason: is_public.then_some(audit.reason),
        })
    }
}

impl Numbered for Audit {
    fn number(&self) -> u64 {
        self.index
    }
}
