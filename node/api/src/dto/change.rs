//! What was changed by hand, by whom, and why.

use raftpool_ledger::view::{self, Audit, account_name};
use serde::Serialize;

use super::admin::AdminSettings;

/// A change that was made by hand, or by a node that stopped payouts.
#[derive(Debug, Serialize)]
pub struct ChangeByHand {
    /// Log index of the change.
    pub index: u64,
    /// When it was made.
    pub time_ms: u64,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// "settings_changed", "payouts_paused", "payouts_resumed", "payout_approved",
    /// "payout_rejected", "payout_abandoned", "address_held", "address_not_held",
    /// "preferences_set", "token_made", "token_revoked", "token_required", "token_not_required",
    /// "ban_lifted", "block_acknowledged" or "funds_moved".
    pub change: &'static str,
    /// The payout or the address it is about; null when it is about neither.
    pub about: Option<String>,
    /// The whole set of settings that came into force; only where settings were changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<AdminSettings>,
}

impl From<Audit> for ChangeByHand {
    fn from(audit: Audit) -> Self {
        Self {
            index: audit.index,
            time_ms: audit.time_ms,
            author: audit.author,
            reason: audit.reason,
            about: about(&audit.change),
            settings: match &audit.change {
                view::Change::Settings(settings) => Some(settings.as_ref().clone().into()),
                _ => None,
            },
            change: match audit.change {
                view::Change::PayoutApproved { .. } => "payout_approved",
                view::Change::PayoutRejected { .. } => "payout_rejected",
                view::Change::PayoutsReconciled { .. } => "payouts_reconciled",
                view::Change::PayoutAbandoned { .. } => "payout_abandoned",
                view::Change::AddressHeld { is_held: true, .. } => "address_held",
                view::Change::AddressHeld { .. } => "address_not_held",
                view::Change::PreferencesSet { .. } => "preferences_set",
                view::Change::Settings(_) => "settings_changed",
                view::Change::Paused => "payouts_paused",
                view::Change::Resumed => "payouts_resumed",
                view::Change::TokenMade { .. } => "token_made",
                view::Change::TokenRevoked { .. } => "token_revoked",
                view::Change::TokenRequired {
                    is_required: true, ..
                } => "token_required",
                view::Change::TokenRequired { .. } => "token_not_required",
                view::Change::FundsMoved(_) => "funds_moved",
                view::Change::BanLifted { .. } => "ban_lifted",
                view::Change::StrayAcknowledged { .. } => "block_acknowledged",
            },
        }
    }
}

/// What a change is about, in a word.
fn about(change: &view::Change) -> Option<String> {
    use view::Change as C;
    match change {
        C::PayoutApproved { payout_id }
        | C::PayoutRejected { payout_id }
        | C::PayoutAbandoned { payout_id } => Some(format!("payout {payout_id}")),
        C::AddressHeld { miner, .. }
        | C::PreferencesSet { miner, .. }
        | C::TokenMade { miner, .. }
        | C::TokenRevoked { miner, .. }
        | C::TokenRequired { miner, .. }
        | C::BanLifted { miner, .. } => Some(miner.clone()),
        C::StrayAcknowledged { hash, .. } => Some(hex::encode(hash)),
        C::FundsMoved(funds) => Some(format!(
            "{} from {} to {}",
            funds.amount_atomic,
            account_name(funds.from()),
            account_name(funds.to())
        )),
        C::Settings(_) | C::Paused | C::Resumed | C::PayoutsReconciled { .. } => None,
    }
}
