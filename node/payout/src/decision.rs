//! The decision table of a signed payout, as a pure function of what is known.
//!
//! It rests on one rule of the chain: of all transactions of one account with one nonce, at most
//! one executes. Hence the same stored bytes may be sent again and again, a further variant with
//! the same nonce can do no harm, and nothing but "executed at or below the stable topoheight"
//! ends a payout.

use raftpool_chain::Execution;

/// What a synced daemon says of a payout's nonce and transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The account's next nonce at the top.
    pub(crate) top_nonce: u64,
    /// The account's next nonce at the stable topoheight.
    pub(crate) stable_nonce: u64,
    /// Up to here nothing changes any more.
    pub(crate) stable_topoheight: u64,
    /// Where each variant was executed, in the order of the variants.
    pub(crate) executions: Vec<Option<Execution>>,
    /// Whether each variant waits in the mempool.
    pub(crate) pending: Vec<bool>,
}

/// What this node remembers of the sendings of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sent {
    /// Permanent refusals since it was last accepted.
    pub(crate) refusals: u32,
    /// Order of its newest sending; 0 when this node never sent it.
    pub(crate) order: u64,
    /// Whether it may be sent again by now.
    pub(crate) is_due: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Final.
    Confirm {
        variant: usize,
        execution: Execution,
    },
    /// Executed, but a reorder may undo it.
    AwaitStability { variant: usize, topoheight: u64 },
    /// It waits in a mempool.
    AwaitExecution { variant: usize },
    /// Send these stored bytes (again). `exhausted`: all are refused, and no more may be built.
    Send { variant: usize, exhausted: bool },
    /// Sent a moment ago.
    AwaitResend { variant: usize, exhausted: bool },
    /// None of the variants can execute: build a further one with the same nonce.
    BuildVariant,
    /// The nonce is used up for good, and by none of the variants.
    ForeignSpend,
    /// The nonce is used up at the top by none of the variants; a reorder may give it back.
    NonceTakenUnstable,
    /// The daemon is not where it was when the nonce was reserved.
    NonceBehind,
    /// The answers do not fit each other.
    Inconsistent(&'static str),
}

/// Bounds on trying.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) refusals_max: u32,
    pub(crate) variants_max: usize,
}

/// Decides what to do about a payout with at least one variant.
pub(crate) fn decide(nonce: u64, facts: &Facts, sent: &[Sent], bounds: Bounds) -> Decision {
    if let Some((variant, execution)) = executed(facts) {
        let topoheight = execution.topoheight;
        if topoheight > facts.stable_topoheight {
            return Decision::AwaitStability {
                variant,
                topoheight,
            };
        }
        if facts.stable_nonce <= nonce {
            return Decision::Inconsistent("executed for good, but its nonce is still free");
        }
        return Decision::Confirm { variant, execution };
    }
    if facts.stable_nonce > facts.top_nonce {
        return Decision::Inconsistent("the stable nonce is above the one at the top");
    }
    if facts.stable_nonce > nonce {
        return Decision::ForeignSpend;
    }
    if facts.top_nonce > nonce {
        return Decision::NonceTakenUnstable;
    }
    if facts.top_nonce < nonce {
        return Decision::NonceBehind;
    }
    if let Some(variant) = facts.pending.iter().position(|pending| *pending) {
        return Decision::AwaitExecution { variant };
    }
    send(nonce, facts, sent, bounds)
}

/// The variant that was executed lowest; there is at most one, unless daemons disagree.
fn executed(facts: &Facts) -> Option<(usize, Execution)> {
    let known = facts.executions.iter().enumerate();
    known
        .filter_map(|(variant, execution)| Some((variant, (*execution.as_ref()?).clone())))
        .min_by_key(|(_, execution)| execution.topoheight)
}

/// The nonce is free and nothing is pending: something has to be sent.
fn send(nonce: u64, facts: &Facts, sent: &[Sent], bounds: Bounds) -> Decision {
    let usable = sent
        .iter()
        .rposition(|sent| sent.refusals < bounds.refusals_max);
    let (variant, exhausted) = match usable {
        Some(newest) => (newest, false),
        None if facts.stable_nonce == nonce && sent.len() < bounds.variants_max => {
            return Decision::BuildVariant;
        }
        // What was refused before may fit the chain again after a reorder: try all in turn.
        None => {
            let oldest = (0..sent.len()).min_by_key(|variant| sent[*variant].order);
            (oldest.unwrap_or(0), true)
        }
    };
    if sent.get(variant).is_some_and(|sent| sent.is_due) {
        Decision::Send { variant, exhausted }
    } else {
        Decision::AwaitResend { variant, exhausted }
    }
}

#[cfg(test)]
mod tests {
    use raftpool_chain::Hash;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        refusals_max: 3,
        variants_max: 2,
    };

    fn execution(topoheight: u64) -> Option<Execution> {
        Some(Execution {
            block_hash: Hash([9; 32]),
            topoheight,
        })
    }

    /// One unsent variant of nonce 5, free and unknown to the daemon.
    fn facts() -> Facts {
        Facts {
            top_nonce: 5,
            stable_nonce: 5,
            stable_topoheight: 100,
            executions: vec![None],
            pending: vec![false],
        }
    }

    fn sent(refusals: u32, order: u64, is_due: bool) -> Sent {
        Sent {
            refusals,
            order,
            is_due,
        }
    }

    fn decided(facts: &Facts, sent: &[Sent]) -> Decision {
        decide(5, facts, sent, BOUNDS)
    }

    #[test]
    fn executed_at_or_below_the_stable_topoheight_is_final() {
        let facts = Facts {
            executions: vec![execution(100)],
            top_nonce: 6,
            stable_nonce: 6,
            ..facts()
        };
        let expected = Decision::Confirm {
            variant: 0,
            execution: execution(100).unwrap(),
        };
        assert_eq!(decided(&facts, &[sent(0, 1, true)]), expected);
    }

    #[test]
    fn executed_above_the_stable_topoheight_is_not_final() {
        let facts = Facts {
            executions: vec![execution(101)],
            top_nonce: 6,
            ..facts()
        };
        let expected = Decision::AwaitStability {
            variant: 0,
            topoheight: 101,
        };
        assert_eq!(decided(&facts, &[sent(0, 1, true)]), expected);
    }

    #[test]
    fn a_final_execution_whose_nonce_is_still_free_is_not_believed() {
        let facts = Facts {
            executions: vec![execution(100)],
            ..facts()
        };
        assert!(matches!(
            decided(&facts, &[sent(0, 1, true)]),
            Decision::Inconsistent(_)
        ));
    }

    #[test]
    fn the_executed_variant_decides_whichever_it_is() {
        let facts = Facts {
            executions: vec![None, execution(90)],
            pending: vec![true, false],
            top_nonce: 6,
            stable_nonce: 6,
            ..facts()
        };
        let decision = decided(&facts, &[sent(0, 1, true), sent(0, 2, true)]);
        assert!(
            matches!(decision, Decision::Confirm { variant: 1, .. }),
            "{decision:?}"
        );
    }

    #[test]
    fn pending_waits_and_sends_nothing() {
        let facts = Facts {
            pending: vec![true],
            ..facts()
        };
        let expected = Decision::AwaitExecution { variant: 0 };
        assert_eq!(decided(&facts, &[sent(0, 1, true)]), expected);
    }

    #[test]
    fn neither_pending_nor_executed_sends_the_same_bytes_again_when_due() {
        let due = Decision::Send {
            variant: 0,
            exhausted: false,
        };
        assert_eq!(decided(&facts(), &[sent(0, 0, true)]), due);
        assert_eq!(decided(&facts(), &[sent(2, 7, true)]), due);
        let early = Decision::AwaitResend {
            variant: 0,
            exhausted: false,
        };
        assert_eq!(decided(&facts(), &[sent(0, 1, false)]), early);
    }

    #[test]
    fn a_variant_refused_for_good_is_followed_by_another_with_the_same_nonce() {
        assert_eq!(
            decided(&facts(), &[sent(3, 3, true)]),
            Decision::BuildVariant
        );
        // Not while the free nonce is not stable: an execution may just have been undone.
        let undone = Facts {
            stable_nonce: 4,
            ..facts()
        };
        assert!(matches!(
            decided(&undone, &[sent(3, 3, true)]),
            Decision::Send { .. }
        ));
        // Not while any variant is pending.
        let pending = Facts {
            pending: vec![true],
            ..facts()
        };
        assert!(matches!(
            decided(&pending, &[sent(3, 3, true)]),
            Decision::AwaitExecution { .. }
        ));
    }

    #[test]
    fn the_newest_variant_that_is_not_refused_is_sent() {
        let facts = Facts {
            executions: vec![None; 2],
            pending: vec![false; 2],
            ..facts()
        };
        let decision = decided(&facts, &[sent(3, 3, true), sent(0, 0, true)]);
        assert_eq!(
            decision,
            Decision::Send {
                variant: 1,
                exhausted: false
            }
        );
    }

    #[test]
    fn when_all_variants_are_refused_they_are_tried_in_turn() {
        let facts = Facts {
            executions: vec![None; 2],
            pending: vec![false; 2],
            ..facts()
        };
        let decision = decided(&facts, &[sent(3, 8, true), sent(3, 9, true)]);
        assert_eq!(
            decision,
            Decision::Send {
                variant: 0,
                exhausted: true
            }
        );
        let decision = decided(&facts, &[sent(4, 10, true), sent(3, 9, true)]);
        assert_eq!(
            decision,
            Decision::Send {
                variant: 1,
                exhausted: true
            }
        );
    }

    #[test]
    fn a_nonce_used_for_good_by_nothing_of_ours_is_a_foreign_spend() {
        let facts = Facts {
            top_nonce: 6,
            stable_nonce: 6,
            ..facts()
        };
        assert_eq!(decided(&facts, &[sent(0, 1, true)]), Decision::ForeignSpend);
    }

    #[test]
    fn a_nonce_used_only_at_the_top_is_no_foreign_spend_yet() {
        let facts = Facts {
            top_nonce: 6,
            ..facts()
        };
        assert_eq!(
            decided(&facts, &[sent(0, 1, true)]),
            Decision::NonceTakenUnstable
        );
    }

    #[test]
    fn a_daemon_that_is_behind_moves_nothing() {
        let facts = Facts {
            top_nonce: 4,
            stable_nonce: 4,
            ..facts()
        };
        assert_eq!(decided(&facts, &[sent(3, 3, true)]), Decision::NonceBehind);
    }

    #[test]
    fn nonces_out_of_order_are_not_believed() {
        let facts = Facts {
            top_nonce: 5,
            stable_nonce: 6,
            ..facts()
        };
        assert!(matches!(
            decided(&facts, &[sent(0, 1, true)]),
            Decision::Inconsistent(_)
        ));
    }
}
