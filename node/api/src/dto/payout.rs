//! Payouts and the transactions that carry them.

use raftpool_ledger::command::Payee;
use raftpool_ledger::view::{self, PayoutStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::names::PayoutStage;
use super::{Decimal, Hash};

/// A payout in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PayoutSummary {
    /// Order of reservation, from 1; the cursor of the list.
    pub id: u64,
    /// Where it stands.
    pub status: PayoutStage,
    /// The account nonce of the chain it is bound to.
    pub nonce: u64,
    /// How many addresses it pays.
    pub payees: u64,
    /// What leaves the balances: transfers and the budget for the network fee.
    pub debit_atomic: Decimal,
    /// What is sent to the addresses.
    pub transfer_atomic: Decimal,
    /// When it was reserved.
    pub reserved_at_ms: u64,
    /// The transaction that executed; null unless confirmed.
    pub tx_hash: Option<Hash>,
    /// The network fee of that transaction; null unless confirmed.
    pub fee_atomic: Option<Decimal>,
    /// The block that executed it; null unless confirmed.
    pub block_hash: Option<Hash>,
    /// Topoheight of that block; null unless confirmed.
    pub topoheight: Option<u64>,
    /// When it was confirmed; null unless confirmed.
    pub confirmed_at_ms: Option<u64>,
    /// Why it was undone; null unless released or abandoned.
    pub release_reason: Option<String>,
    /// Whether it waits for an operator's approval.
    pub awaits_approval: bool,
    /// What the pool set aside of its own fees for the network fee; "0" when the payees bear it.
    pub pool_fee_budget_atomic: Decimal,
}

/// A payout with everything in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutDetail {
    /// Sums and status.
    #[serde(flatten)]
    pub summary: PayoutSummary,
    /// Who gets what.
    pub transfers: Vec<Transfer>,
    /// The signed transactions; at most one of them executes, because they share one nonce.
    pub variants: Vec<Variant>,
}

/// One address's part of a payout.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Transfer {
    /// Who is paid.
    pub address: String,
    /// What leaves the balance.
    pub debit_atomic: Decimal,
    /// What is sent.
    pub transfer_atomic: Decimal,
}

/// A signed transaction of a payout.
#[derive(Debug, Serialize, ToSchema)]
pub struct Variant {
    /// Its hash.
    pub tx_hash: Hash,
    /// The network fee it pays.
    pub fee_atomic: Decimal,
    /// Topoheight of the balance it is proven against.
    pub reference_topoheight: u64,
}

/// A payout as one of its payees sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MinerPayout {
    /// Sums and status of the whole payout.
    pub payout: PayoutSummary,
    /// What left this miner's balance.
    pub debit_atomic: Decimal,
    /// What is sent to this miner.
    pub transfer_atomic: Decimal,
}

impl From<&view::Payout> for PayoutSummary {
    fn from(payout: &view::Payout) -> Self {
        let debit: u128 = payout
            .payees
            .iter()
            .map(|payee| u128::from(payee.debit_atomic))
            .sum();
        let transfer: u128 = payout
            .payees
            .iter()
            .map(|payee| u128::from(payee.transfer_atomic))
            .sum();
        let reserved = Self {
            id: payout.id,
            status: PayoutStage::from(&payout.status),
            nonce: payout.nonce,
            payees: payout.payees.len() as u64,
            debit_atomic: debit.into(),
            transfer_atomic: transfer.into(),
            reserved_at_ms: payout.reserved_at_ms,
            tx_hash: None,
            fee_atomic: None,
            block_hash: None,
            topoheight: None,
            confirmed_at_ms: None,
            release_reason: None,
            awaits_approval: payout.awaits_approval(),
            pool_fee_budget_atomic: payout.pool_fee_budget_atomic.into(),
        };
        match &payout.status {
            PayoutStatus::Reserved | PayoutStatus::Signed => reserved,
            PayoutStatus::Confirmed {
                tx_hash,
                block_hash,
                topoheight,
                confirmed_at_ms,
            } => Self {
                tx_hash: Some(Hash(*tx_hash)),
                fee_atomic: fee_of(payout, tx_hash),
                block_hash: Some(Hash(*block_hash)),
                topoheight: Some(*topoheight),
                confirmed_at_ms: Some(*confirmed_at_ms),
                ..reserved
            },
            PayoutStatus::Abandoned { reason, .. } => Self {
                release_reason: Some(reason.clone()),
                ..reserved
            },
            PayoutStatus::Released { reason } => Self {
                release_reason: Some(reason.clone()),
                ..reserved
            },
        }
    }
}

fn fee_of(payout: &view::Payout, tx_hash: &[u8; 32]) -> Option<Decimal> {
    let variant = payout
        .variants
        .iter()
        .find(|variant| variant.tx_hash == *tx_hash)?;
    Some(variant.fee_atomic.into())
}

impl From<view::Payout> for PayoutDetail {
    fn from(payout: view::Payout) -> Self {
        let summary = PayoutSummary::from(&payout);
        let variants = payout.variants.iter().map(|variant| Variant {
            tx_hash: Hash(variant.tx_hash),
            fee_atomic: variant.fee_atomic.into(),
            reference_topoheight: variant.reference_topoheight,
        });
        Self {
            summary,
            transfers: transfers_of(payout.payees),
            variants: variants.collect(),
        }
    }
}

/// Payees as the API shows them.
pub fn transfers_of(payees: Vec<Payee>) -> Vec<Transfer> {
    let transfer = |payee: Payee| Transfer {
        address: payee.address,
        debit_atomic: payee.debit_atomic.into(),
        transfer_atomic: payee.transfer_atomic.into(),
    };
    payees.into_iter().map(transfer).collect()
}

impl MinerPayout {
    pub(crate) fn new(payout: &view::Payout, address: &str) -> Self {
        let own = || {
            payout
                .payees
                .iter()
                .filter(|payee| payee.address == address)
        };
        let debit: u128 = own().map(|payee| u128::from(payee.debit_atomic)).sum();
        let transfer: u128 = own().map(|payee| u128::from(payee.transfer_atomic)).sum();
        Self {
            payout: PayoutSummary::from(payout),
            debit_atomic: debit.into(),
            transfer_atomic: transfer.into(),
        }
    }
}
