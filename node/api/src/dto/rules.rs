//! The rules of payouts, as operators see and change them: approvals, holds, preferences of single
//! miners, the history, and the simulation.

use std::collections::BTreeMap;

use raftpool_ledger::command::Scheme;
use raftpool_ledger::view::{self, scheme_name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::admin::Source;
use super::names::SchemeName;
use super::payout::{PayoutSummary, Transfer, transfers_of};
use super::{Decimal, Page, PageBack};

/// The body of `POST /admin/v1/payouts/approve` and `.../reject`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// Who asks.
    pub author: String,
    /// Why; the reason of a rejection is public.
    pub reason: String,
    /// The payout that is meant.
    pub payout_id: u64,
}

/// The body of `POST /admin/v1/payouts/abandon`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbandonRequest {
    /// Who asks.
    pub author: String,
    /// Why; it is public.
    pub reason: String,
    /// The payout that is meant.
    pub payout_id: u64,
    /// Whether the operator answers for it that none of its transactions can execute, whatever the
    /// node knows.
    #[serde(default)]
    pub is_forced: bool,
}

/// The body of `POST /admin/v1/holds`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// Who asks.
    pub author: String,
    /// Why; it is for operators only.
    pub reason: String,
    /// The miner's address.
    pub address: String,
    /// Whether it shall be held; false lets it be paid again.
    pub is_held: bool,
}

/// The body of `POST /admin/v1/miners/preferences`: the whole set, as it shall be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferencesRequest {
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The miner's address.
    pub address: String,
    /// Smallest balance that is paid out; "0" for the pool's.
    pub payout_threshold_atomic: Decimal,
    /// Scheme of shares that name none; null for the pool's default.
    pub scheme: Option<String>,
}

/// The answer of `/admin/v1/miners/{address}`: what one miner is paid by.
#[derive(Debug, Serialize)]
pub struct MinerTerms {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// The address, in the spelling it is known under.
    pub address: String,
    /// Spendable, and in a payout that is not final.
    pub balance_atomic: Decimal,
    /// In a payout that is not final.
    pub in_flight_atomic: Decimal,
    /// What it wants of its own, and what counts.
    pub preferences: Preferences,
    /// Who set the preferences; null when it has none.
    pub preferred_by: Option<String>,
    /// When; null when it has none.
    pub preferred_at_ms: Option<u64>,
    /// Why it is not paid; null while it is not held.
    pub hold: Option<Hold>,
}

/// What a miner wants of its own, and what counts. Public.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preferences {
    /// Its own threshold; null when it takes the pool's.
    pub own_threshold_atomic: Option<Decimal>,
    /// The smallest balance that is paid to it.
    pub threshold_atomic: Decimal,
    /// Its own scheme; null when it takes the pool's default.
    #[schema(value_type = Option<SchemeName>)]
    pub own_scheme: Option<&'static str>,
    /// The scheme of its shares that name none.
    #[schema(value_type = SchemeName)]
    pub scheme: &'static str,
}

/// The answer of `GET /admin/v1/holds`.
#[derive(Debug, Serialize)]
pub struct Holds {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// The addresses that are held.
    #[serde(flatten)]
    pub holds: Page<Hold>,
}

/// An address that is not paid for the time being.
#[derive(Debug, Serialize)]
pub struct Hold {
    /// Which.
    pub address: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since_ms: u64,
    /// Who asked for it.
    pub author: String,
}

/// The answer of `GET /admin/v1/payouts`: newest first.
#[derive(Debug, Serialize)]
pub struct History {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// Up to here the chain does not change any more; null when no daemon answers.
    pub stable_topoheight: Option<u64>,
    /// The payouts.
    #[serde(flatten)]
    pub payouts: PageBack<HistoryEntry>,
}

/// A payout in the history.
#[derive(Debug, Serialize)]
pub struct HistoryEntry {
    /// Sums and status.
    #[serde(flatten)]
    pub summary: PayoutSummary,
    /// Stable blocks from the one that executed it on; null unless confirmed and known.
    pub confirmations: Option<u64>,
    /// Who approved it; null unless somebody has.
    pub approved_by: Option<String>,
    /// Who got what; null unless asked for.
    pub transfers: Option<Vec<Transfer>>,
}

/// What the chain says of the nonce of the open payout, seen by the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NonceInsight {
    /// The payout.
    pub payout_id: u64,
    /// The nonce it is bound to.
    pub nonce: u64,
    /// The account's next nonce where the chain is stable.
    pub stable_nonce: u64,
    /// The account's next nonce at the top.
    pub top_nonce: u64,
    /// Up to here the chain does not change.
    pub stable_topoheight: u64,
    /// Whether the nonce is used up for good by none of the payout's transactions.
    pub is_used_by_another: bool,
    /// When it was seen.
    pub at_ms: u64,
}

/// The answer of `GET /admin/v1/payouts/simulation`: what a payout run would do now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// What stands in the way at this moment; empty when a payout would be reserved.
    pub obstacles: Vec<String>,
    /// Who would be paid.
    pub payees: Vec<Transfer>,
    /// What would leave the balances.
    pub debit_atomic: Decimal,
    /// What would be taken from the pool's fees for the network fee.
    pub pool_fee_budget_atomic: Decimal,
    /// Whether the payout would wait for an operator's approval.
    pub needs_approval: bool,
    /// Miners with a balance who would not be paid, largest balance first; a hundred at most.
    pub left_out: Vec<LeftOut>,
    /// All of them, counted by reason.
    pub left_out_counts: BTreeMap<&'static str, u64>,
    /// Whether every miner was looked at.
    pub is_complete: bool,
    /// Whether the node leads, hence knows whom the wallet has refused of late.
    pub is_leading: bool,
}

/// A miner with a balance who would not be paid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOut {
    /// Who.
    pub address: String,
    /// The balance.
    pub balance_atomic: Decimal,
    /// "below_threshold", "held", "daily_limit", "quarantined", "fee_too_high", "pool_itself",
    /// "no_room" or "not_planned".
    pub reason: &'static str,
    /// The threshold, or why it is held or the wallet refused it; null for the others.
    pub detail: Option<String>,
}

impl Preferences {
    pub(crate) fn new(terms: &view::Terms) -> Self {
        let own = terms.own_threshold_atomic;
        Self {
            own_threshold_atomic: (own > 0).then(|| own.into()),
            threshold_atomic: terms.threshold_atomic.into(),
            own_scheme: match terms.own_scheme {
                Scheme::Unspecified => None,
                scheme => Some(scheme_name(scheme)),
            },
            scheme: scheme_name(terms.scheme),
        }
    }
}

impl MinerTerms {
    pub(crate) fn new(source: Source, miner: view::Miner, terms: view::Terms) -> Self {
        let preferences = Preferences::new(&terms);
        let (preferred_by, preferred_at_ms) = terms.preferred_by.unzip();
        Self {
            source,
            address: miner.address,
            balance_atomic: miner.balance_atomic.into(),
            in_flight_atomic: miner.in_flight_atomic.into(),
            preferences,
            preferred_by,
            preferred_at_ms,
            hold: terms.hold.map(Hold::from),
        }
    }
}

impl From<view::Hold> for Hold {
    fn from(hold: view::Hold) -> Self {
        Self {
            address: hold.miner,
            reason: hold.reason,
            since_ms: hold.since_ms,
            author: hold.author,
        }
    }
}

impl HistoryEntry {
    pub(crate) fn new(
        payout: view::Payout,
        stable_topoheight: Option<u64>,
        with_payees: bool,
    ) -> Self {
        let summary = PayoutSummary::from(&payout);
        let executed = summary.topoheight.zip(stable_topoheight);
        Self {
            confirmations: executed.map(|(at, stable)| (stable + 1).saturating_sub(at)),
            summary,
            approved_by: payout.approval.map(|approval| approval.author),
            transfers: with_payees.then(|| transfers_of(payout.payees)),
        }
    }
}
