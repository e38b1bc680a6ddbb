//! What this node sent, and what came back. It sets the pace; the chain alone decides.

use std::collections::HashMap;
use std::time::Duration;

use raftpool_chain::{Hash, SubmitTransactionAnswer};
use raftpool_ledger::view::{Payout, Variant};
use tokio::time::Instant;

use crate::decision::Sent;

#[derive(Debug, Default)]
pub(super) struct SentLog {
    payout_id: u64,
    sendings: u64,
    conflicts: u32,
    variants: HashMap<Hash, Entry>,
}

#[derive(Debug)]
struct Entry {
    refusals: u32,
    order: u64,
    at: Instant,
    answer: String,
}

impl SentLog {
    /// Forgets another payout's transactions.
    pub(super) fn begin(&mut self, payout: &Payout) {
        if self.payout_id != payout.id {
            *self = Self {
                payout_id: payout.id,
                ..Self::default()
            };
        }
    }

    /// The memory of each of the payout's variants, in their order.
    pub(super) fn of(&self, payout: &Payout, resend_interval: Duration) -> Vec<Sent> {
        let now = Instant::now();
        let remembered = |variant: &Variant| {
            let Some(entry) = self.variants.get(&Hash(variant.tx_hash)) else {
                return Sent {
                    is_due: true,
                    ..Sent::default()
                };
            };
            let is_due = now.duration_since(entry.at) >= resend_interval;
            Sent {
                refusals: entry.refusals,
                order: entry.order,
                is_due,
            }
        };
        payout.variants.iter().map(remembered).collect()
    }

    /// What the daemons answered last.
    pub(super) fn answer(&self, tx: Hash) -> String {
        self.variants
            .get(&tx)
            .map_or_else(|| "none yet".into(), |entry| entry.answer.clone())
    }

    /// Notes an answer; `None` is a call whose fate is not known.
    pub(super) fn note(&mut self, tx: Hash, answer: Option<&SubmitTransactionAnswer>, text: &str) {
        use SubmitTransactionAnswer as A;
        self.sendings += 1;
        let refusals = self.variants.get(&tx).map_or(0, |entry| entry.refusals);
        let refusals = match answer {
            Some(A::Refused { .. }) => refusals.saturating_add(1),
            Some(A::Accepted | A::AlreadyPending | A::AlreadyExecuted) => 0,
            Some(A::TryLater { .. } | A::NonceConflict { .. }) | None => refusals,
        };
        match answer {
            Some(A::NonceConflict { .. }) => self.conflicts = self.conflicts.saturating_add(1),
            None => {}
            Some(_) => self.conflicts = 0,
        }
        let (order, at, answer) = (self.sendings, Instant::now(), text.to_owned());
        self.variants.insert(
            tx,
            Entry {
                refusals,
                order,
                at,
                answer,
            },
        );
    }

    /// Answers in a row saying that another transaction holds the nonce.
    pub(super) fn conflicts(&self) -> u32 {
        self.conflicts
    }
}
