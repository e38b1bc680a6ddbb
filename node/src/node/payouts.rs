//! What the payout duty of this node knows, as the API asks for it.

use std::sync::Arc;

use raftpool_api::dto::payout::transfers_of;
use raftpool_api::dto::rules::{LeftOut, NonceInsight, Simulation};
use raftpool_api::{Finding, PayoutInsight};
use raftpool_ledger::cluster::BoxFuture;
use raftpool_payout as payout;
use raftpool_payout::{LeftOutReason, PayoutDesk};

use super::serving::Slot;

/// The desk of the payouts, once the node pays.
pub(super) struct NodePayouts(pub(super) Arc<Slot>);

impl NodePayouts {
    fn desk(&self) -> Option<PayoutDesk> {
        self.0.look(|serving| serving.payouts.desk())
    }
}

impl PayoutInsight for NodePayouts {
    fn nonce(&self) -> Option<NonceInsight> {
        let facts = self.desk()?.nonce()?;
        Some(NonceInsight {
            payout_id: facts.payout_id,
            nonce: facts.nonce,
            stable_nonce: facts.stable_nonce,
            top_nonce: facts.top_nonce,
            stable_topoheight: facts.stable_topoheight,
            is_used_by_another: facts.is_used_by_another,
            at_ms: facts.at_ms,
        })
    }

    fn simulate(&self) -> BoxFuture<'_, Result<Simulation, String>> {
        let desk = self.desk();
        Box::pin(async move {
            let desk = desk.ok_or("this node does not serve yet")?;
            desk.simulate().await.map(shown)
        })
    }

    fn reconciliation(&self) -> BoxFuture<'_, Result<Finding, String>> {
        let desk = self.desk();
        Box::pin(async move {
            let desk = desk.ok_or("this node does not serve yet")?;
            desk.reconciliation().await.map(found)
        })
    }

    fn stable_topoheight(&self) -> BoxFuture<'_, Option<u64>> {
        let desk = self.desk();
        Box::pin(async move { desk?.stable_topoheight().await.ok() })
    }
}

fn found(found: payout::Reconciliation) -> Finding {
    Finding {
        problems: found.problems,
        spends: found.spends,
        books_nonce: found.books_nonce,
        stable_nonce: found.stable_nonce,
        top_nonce: found.top_nonce,
        stable_height: found.stable_height,
        stable_topoheight: found.stable_topoheight,
        wallet_atomic: found.wallet_atomic,
        owed_atomic: found.owed_atomic,
    }
}

fn shown(simulation: payout::Simulation) -> Simulation {
    let debits = simulation.payees.iter().map(|p| u128::from(p.debit_atomic));
    Simulation {
        debit_atomic: debits.sum::<u128>().into(),
        obstacles: simulation.obstacles,
        payees: transfers_of(simulation.payees),
        pool_fee_budget_atomic: simulation.pool_fee_budget_atomic.into(),
        needs_approval: simulation.needs_approval,
        left_out: simulation.left_out.into_iter().map(left_out).collect(),
        left_out_counts: simulation.left_out_counts,
        is_complete: simulation.is_complete,
        is_leading: simulation.is_leading,
    }
}

fn left_out(left: payout::LeftOut) -> LeftOut {
    LeftOut {
        address: left.address,
        balance_atomic: left.balance_atomic.into(),
        reason: left.reason.as_str(),
        detail: match left.reason {
            LeftOutReason::BelowThreshold { threshold_atomic } => {
                Some(threshold_atomic.to_string())
            }
            LeftOutReason::Held(reason) | LeftOutReason::Quarantined(reason) => Some(reason),
            LeftOutReason::DailyLimit
            | LeftOutReason::FeeTooHigh
            | LeftOutReason::PoolItself
            | LeftOutReason::NoRoom
            | LeftOutReason::NotPlanned => None,
        },
    }
}
