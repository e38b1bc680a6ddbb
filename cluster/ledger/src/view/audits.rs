//! What was changed by hand.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;
use row::audit::Change as Row;

use super::{Audit, Change, LedgerView, Result};
use crate::command::Settings;
use crate::key;
use crate::record::{damaged, each, hash, page};
use crate::state::Direction;

/// Changes by hand. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// Changes made by hand, newest first, below the log index `before`.
    pub fn audits(&self, before: Option<u64>, limit: usize) -> Result<Vec<Audit>> {
        let range = key::audits_below(before.unwrap_or(u64::MAX));
        page(
            self.state,
            range,
            Direction::Descending,
            limit,
            |_, audit: row::Audit| {
                Ok(Audit {
                    index: audit.index,
                    time_ms: audit.time_ms,
                    author: audit.author,
                    reason: audit.reason,
                    change: read(audit.change.ok_or_else(|| damaged("audit"))?)?,
                })
            },
        )
    }

    /// The settings that were in force at a ledger time, as far as the changes by hand tell; those of
    /// two changes within the same millisecond cannot be told apart.
    pub fn settings_at(&self, time_ms: u64) -> Result<Option<Settings>> {
        let mut found = None;
        each(
            self.state,
            key::audits_below(u64::MAX),
            Direction::Descending,
            |_, audit: row::Audit| match audit.change {
                Some(Row::Settings(settings)) if audit.time_ms <= time_ms => {
                    found = Some(settings);
                    Ok(ControlFlow::Break(()))
                }
                _ => Ok(ControlFlow::Continue(())),
            },
        )?;
        Ok(found)
    }
}

fn read(change: Row) -> Result<Change> {
    Ok(match change {
        Row::Settings(settings) => Change::Settings(Box::new(settings)),
        Row::Paused(true) => Change::Paused,
        Row::Paused(false) => Change::Resumed,
        Row::TokenMade(made) => Change::TokenMade {
            miner: made.miner,
            label: made.label,
        },
        Row::TokenRevoked(revoked) => Change::TokenRevoked {
            miner: revoked.miner,
            label: revoked.label,
        },
        Row::TokenRequired(rule) => Change::TokenRequired {
            miner: rule.miner,
            is_required: rule.is_required,
        },
        Row::BanLifted(lift) => Change::BanLifted {
            miner: lift.miner,
            worker: lift.worker,
        },
        Row::StrayAcknowledged(stray) => Change::StrayAcknowledged {
            hash: hash(&stray.hash)?,
            amount_atomic: stray.amount_atomic,
        },
        Row::FundsMoved(funds) => Change::FundsMoved(Box::new(funds)),
        Row::PayoutApproved(payout_id) => Change::PayoutApproved { payout_id },
        Row::PayoutRejected(payout_id) => Change::PayoutRejected { payout_id },
        Row::PayoutsReconciled(is_complete) => Change::PayoutsReconciled { is_complete },
        Row::PayoutAbandoned(payout_id) => Change::PayoutAbandoned { payout_id },
        Row::AddressHeld(hold) => Change::AddressHeld {
            miner: hold.miner,
            is_held: hold.is_held,
        },
        Row::PreferencesSet(preferences) => Change::PreferencesSet {
            scheme: preferences.scheme(),
            miner: preferences.miner,
            threshold_atomic: preferences.payout_threshold_atomic,
        },
    })
}
