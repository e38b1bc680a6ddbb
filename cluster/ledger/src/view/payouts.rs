//! Payouts.

use raftpool_proto::ledger as row;
use row::payout::End;

use super::{Approval, LedgerView, Payout, PayoutStatus, Result, Variant};
use crate::key;
use crate::payouts::{day_of, taken_on};
use crate::record::{damaged, hash, page};
use crate::state::Direction;

/// Payouts. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// The payout that is reserved or signed.
    pub fn open_payout(&self) -> Result<Option<Payout>> {
        match self.payout_head()?.open_id {
            0 => Ok(None),
            id => self.payout(id),
        }
    }

    /// One payout.
    pub fn payout(&self, id: u64) -> Result<Option<Payout>> {
        let payout: Option<row::Payout> = self.load(key::payout(id))?;
        payout.map(|payout| self.read_payout(payout)).transpose()
    }

    /// Newest first, below the id `before`.
    pub fn payouts(&self, before: Option<u64>, limit: usize) -> Result<Vec<Payout>> {
        let range = key::payouts_below(before);
        page(
            self.state,
            range,
            Direction::Descending,
            limit,
            |_, payout| self.read_payout(payout),
        )
    }

    /// Payouts to one miner, newest first, below the id `before`.
    pub fn miner_payouts(
        &self,
        address: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Payout>> {
        let range = key::miner_payouts_below(address, before);
        page(
            self.state,
            range,
            Direction::Descending,
            limit,
            |_, payout: row::Reference| {
                self.payout(payout.number)?
                    .ok_or_else(|| damaged("payout of a miner"))
            },
        )
    }

    /// The id the next reservation must carry.
    pub fn next_payout_id(&self) -> Result<u64> {
        Ok(self.payout_head()?.last_id + 1)
    }

    /// The lowest nonce the next reservation may carry.
    pub fn payout_nonce_floor(&self) -> Result<u64> {
        Ok(self.payout_head()?.nonce_floor)
    }

    /// The account's next nonce that payouts were stopped for last, because no payout explains it;
    /// 0 when they never were.
    pub fn payout_unexplained_nonce(&self) -> Result<u64> {
        Ok(self.payout_head()?.unexplained_nonce)
    }

    /// Ledger time of the newest reservation; 0 when there was none.
    pub fn last_payout_ms(&self) -> Result<u64> {
        Ok(self.payout_head()?.last_reserved_ms)
    }

    /// What the payouts reserved on the day (UTC) of `time_ms` took from balances.
    pub fn payouts_taken_on_day_of(&self, time_ms: u64) -> Result<u64> {
        Ok(taken_on(&self.payout_head()?, day_of(time_ms)))
    }

    /// Payouts that were given up although signed, newest first.
    pub fn abandoned_payouts(&self, limit: usize) -> Result<Vec<Payout>> {
        page(
            self.state,
            key::all_abandoned(),
            Direction::Descending,
            limit,
            |_, payout: row::Reference| {
                self.payout(payout.number)?
                    .ok_or_else(|| damaged("abandoned payout"))
            },
        )
    }

    fn payout_head(&self) -> Result<row::PayoutHead> {
        Ok(self.load(key::payout_head())?.unwrap_or_default())
    }

    fn read_payout(&self, payout: row::Payout) -> Result<Payout> {
        let range = key::variants(payout.id);
        let variants = page(
            self.state,
            range,
            Direction::Ascending,
            usize::MAX,
            |_, variant| read_variant(variant),
        )?;
        Ok(Payout {
            id: payout.id,
            nonce: payout.nonce,
            payees: payout.payees,
            status: match payout.end {
                None if variants.is_empty() => PayoutStatus::Reserved,
                None => PayoutStatus::Signed,
                Some(End::Confirmed(end)) => PayoutStatus::Confirmed {
                    tx_hash: hash(&end.tx_hash)?,
                    block_hash: hash(&end.block_hash)?,
                    topoheight: end.topoheight,
                    confirmed_at_ms: end.confirmed_at_ms,
                },
                Some(End::Released(end)) => PayoutStatus::Released { reason: end.reason },
                Some(End::Abandoned(end)) => PayoutStatus::Abandoned {
                    reason: end.reason,
                    author: end.author,
                    abandoned_at_ms: end.abandoned_at_ms,
                    keeps_nonce: end.keeps_nonce,
                    executed_tx_hash: match end.executed_tx_hash.is_empty() {
                        true => None,
                        false => Some(hash(&end.executed_tx_hash)?),
                    },
                },
            },
            needs_approval: payout.needs_approval,
            approval: payout.approval.map(|approval| Approval {
                author: approval.author,
                reason: approval.reason,
                approved_at_ms: approval.approved_at_ms,
            }),
            pool_fee_budget_atomic: payout.pool_fee_budget_atomic,
            variants,
            reserved_at_ms: payout.reserved_at_ms,
        })
    }
}

fn read_variant(variant: row::Variant) -> Result<Variant> {
    Ok(Variant {
        tx_hash: hash(&variant.tx_hash)?,
        tx: variant.tx,
        fee_atomic: variant.fee_atomic,
        reference_topoheight: variant.reference_topoheight,
    })
}
