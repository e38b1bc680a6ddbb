//! Follows a payout whose signed bytes are stored, by the decision table.

use std::sync::Arc;

use raftpool_chain::{ChainInfo, Daemon, Execution, Hash, SubmitTransactionAnswer};
use raftpool_ledger::command::{ConfirmPayout, command::Body};
use raftpool_ledger::view::Payout;

use super::{Driver, Taken};
use crate::PayoutPoint;
use crate::alarm::AlarmKind;
use crate::context::Proposal;
use crate::decision::{Bounds, Decision, Facts, decide};
use crate::desk::Desk;
use crate::insight::NonceFacts;
use crate::obstacle::{Obstacle, chain};
use crate::status::PayoutStep;

/// Most daemons that are asked before a payout is final.
const OPINIONS_MAX: usize = 4;

impl Driver {
    pub(super) async fn continue_signed(
        &mut self,
        desk: &Desk,
        payout: &Payout,
        term: u64,
    ) -> Result<PayoutStep, Obstacle> {
        self.memory.sent.begin(payout);
        let (facts, info) = self.facts(payout).await?;
        let config = &self.ctx.config;
        let sent = self.memory.sent.of(payout, config.resend_interval);
        let bounds = Bounds {
            refusals_max: config.refusals_max,
            variants_max: usize::try_from(config.variants_max).unwrap_or(usize::MAX),
        };
        let decision = decide(payout.nonce, &facts, &sent, bounds);
        self.note_nonce(payout, &facts);
        if !matches!(decision, Decision::Confirm { .. }) {
            self.alarms.clear(AlarmKind::DaemonsDisagree);
        }
        if decision != Decision::ForeignSpend {
            self.memory.taken.forget(&payout.nonce);
            self.alarms.clear(AlarmKind::ForeignSpend);
        }
        self.follow(desk, payout, term, decision, &facts, &info)
            .await
    }

    async fn follow(
        &mut self,
        desk: &Desk,
        payout: &Payout,
        term: u64,
        decision: Decision,
        facts: &Facts,
        info: &ChainInfo,
    ) -> Result<PayoutStep, Obstacle> {
        let hash = |variant: usize| Hash(payout.variants[variant].tx_hash);
        match decision {
            Decision::Confirm { variant, execution } => {
                self.check_shared(hash(variant), &execution, facts).await?;
                self.confirm(payout, variant, execution).await
            }
            Decision::AwaitStability {
                variant,
                topoheight,
            } => {
                self.settled_down();
                let stable = facts.stable_topoheight;
                Err(Obstacle::Unstable {
                    tx: hash(variant),
                    topoheight,
                    stable,
                })
            }
            Decision::AwaitExecution { variant } => {
                self.settled_down();
                Err(Obstacle::Pending(hash(variant)))
            }
            Decision::Send { variant, exhausted } => {
                self.check_not_paused(desk)?;
                self.note_exhausted(payout, exhausted);
                self.send(payout, variant).await
            }
            Decision::AwaitResend { variant, exhausted } => {
                self.note_exhausted(payout, exhausted);
                let tx = hash(variant);
                Err(Obstacle::AwaitResend {
                    tx,
                    answer: self.memory.sent.answer(tx),
                })
            }
            Decision::BuildVariant => {
                self.check_not_paused(desk)?;
                self.check_retry()?;
                self.build_and_sign(payout, info, term).await
            }
            Decision::ForeignSpend => {
                self.check_unknown_everywhere(payout).await?;
                let detail = format!(
                    "nonce {} of payout {} is used up by none of its transactions: find out with \
                     the wallet's history who was paid",
                    payout.nonce, payout.id
                );
                let taken = Taken {
                    nonce: payout.nonce,
                    unexplained_nonce: 0,
                    kind: AlarmKind::ForeignSpend,
                    detail,
                };
                let step = self.nonce_taken(desk, taken).await;
                self.note_used_by_another(payout.nonce);
                step
            }
            Decision::NonceTakenUnstable => Err(Obstacle::NonceUnsettled {
                top: facts.top_nonce,
                stable: facts.stable_nonce,
            }),
            Decision::NonceBehind => Err(Obstacle::NonceBehind {
                expected: payout.nonce,
                found: facts.top_nonce,
            }),
            Decision::Inconsistent(what) => Err(Obstacle::Inconsistent(what.to_owned())),
        }
    }

    fn note_nonce(&mut self, payout: &Payout, facts: &Facts) {
        self.memory.nonce = Some(NonceFacts {
            payout_id: payout.id,
            nonce: payout.nonce,
            stable_nonce: facts.stable_nonce,
            top_nonce: facts.top_nonce,
            stable_topoheight: facts.stable_topoheight,
            is_used_by_another: false,
            at_ms: self.ctx.now_ms(),
        });
    }

    /// Seen often enough, and unknown to every daemon: the payout can be given up.
    fn note_used_by_another(&mut self, nonce: u64) {
        let seen = self.memory.taken.count(&nonce);
        if let Some(facts) = &mut self.memory.nonce {
            facts.is_used_by_another = seen >= self.ctx.config.foreign_sightings;
        }
    }

    /// The chain as it bears on this payout, and its state as of the end of asking.
    async fn facts(&self, payout: &Payout) -> Result<(Facts, ChainInfo), Obstacle> {
        let before = self.ctx.synced_info(&self.alarms).await?;
        let (top_nonce, stable_nonce) = self.nonces().await?;
        let executions = self.executions(payout).await?;
        let pending = self.pending(payout, &executions).await?;
        // If the list of daemons failed over in between, the less advanced one has the say.
        let info = self.ctx.synced_info(&self.alarms).await?;
        let stable_topoheight = before.stable_topoheight.min(info.stable_topoheight);
        let facts = Facts {
            top_nonce,
            stable_nonce,
            stable_topoheight,
            executions,
            pending,
        };
        Ok((facts, info))
    }

    async fn pending(
        &self,
        payout: &Payout,
        executions: &[Option<Execution>],
    ) -> Result<Vec<bool>, Obstacle> {
        if executions.iter().any(Option::is_some) {
            return Ok(vec![false; executions.len()]);
        }
        let daemons = self.single_daemons();
        let mut pending = Vec::with_capacity(payout.variants.len());
        for variant in &payout.variants {
            let mut is_pending = false;
            for daemon in &daemons {
                let answer = daemon.is_pending(Hash(variant.tx_hash)).await;
                is_pending |= answer.map_err(Obstacle::daemon("mempool"))?;
            }
            pending.push(is_pending);
        }
        Ok(pending)
    }

    /// A daemon without its old blocks knows no old executions: another one may.
    async fn check_unknown_everywhere(&self, payout: &Payout) -> Result<(), Obstacle> {
        for daemon in self.single_daemons() {
            for variant in &payout.variants {
                let tx = Hash(variant.tx_hash);
                let execution = daemon
                    .execution(tx)
                    .await
                    .map_err(Obstacle::daemon("execution"))?;
                if execution.is_some() {
                    let name = daemon.name();
                    return Err(Obstacle::Inconsistent(format!(
                        "{name} knows {tx} as executed"
                    )));
                }
            }
        }
        Ok(())
    }

    /// A confirmation is for ever, so one daemon's word is enough only where no other one has an
    /// opinion. One that does not answer, is on its way to the tip, or has pruned the execution has
    /// none.
    async fn check_shared(
        &self,
        tx: Hash,
        execution: &Execution,
        facts: &Facts,
    ) -> Result<(), Obstacle> {
        let daemons = self.ctx.daemons.opinions();
        // A list of one is the daemon that has spoken already.
        let others = if daemons.len() < 2 { &[] } else { &daemons[..] };
        for daemon in others.iter().take(OPINIONS_MAX) {
            let (found, info) = match (daemon.execution(tx).await, daemon.info().await) {
                (Ok(found), Ok(info)) => (found, info),
                (Err(error), _) | (_, Err(error)) => {
                    let daemon = daemon.name();
                    tracing::debug!(daemon, %error, "a daemon has no opinion about a payout");
                    continue;
                }
            };
            let stable = info.stable_topoheight;
            let lag_max = self.ctx.config.daemon_lag_max;
            let is_behind = stable.saturating_add(lag_max) < facts.stable_topoheight;
            if info.network != self.ctx.network || is_behind {
                continue;
            }
            let detail = match found {
                Some(found) if found.topoheight > stable => {
                    let topoheight = found.topoheight;
                    return Err(Obstacle::Unstable {
                        tx,
                        topoheight,
                        stable,
                    });
                }
                Some(found) if found.block_hash == execution.block_hash => continue,
                Some(found) => format!("{tx} is executed in block {}", found.block_hash),
                None if info.pruned_topoheight.unwrap_or(0) > execution.topoheight => continue,
                None => format!("{tx} is not executed"),
            };
            let daemon = daemon.name();
            let obstacle = Obstacle::DaemonsDisagree { daemon, detail };
            let text = format!(
                "{obstacle}; find out which daemon is wrong and take it out of the configuration"
            );
            self.alarms
                .raise(AlarmKind::DaemonsDisagree, text, self.ctx.now_ms());
            return Err(obstacle);
        }
        self.alarms.clear(AlarmKind::DaemonsDisagree);
        Ok(())
    }

    fn single_daemons(&self) -> Vec<Arc<dyn Daemon>> {
        let daemons = self.ctx.daemons.opinions();
        if daemons.is_empty() {
            vec![self.ctx.daemons.clone()]
        } else {
            daemons
        }
    }

    /// A pause stops everything that could make money leave; what has left is still followed.
    fn check_not_paused(&self, desk: &Desk) -> Result<(), Obstacle> {
        desk.paused
            .as_ref()
            .map_or(Ok(()), |reason| Err(Obstacle::Paused(reason.clone())))
    }

    /// The row's bytes, as they were committed, to all daemons.
    async fn send(&mut self, payout: &Payout, variant: usize) -> Result<PayoutStep, Obstacle> {
        let stored = &payout.variants[variant];
        let tx = Hash(stored.tx_hash);
        self.ctx.at(PayoutPoint::BeforeSend);
        let answer = self.ctx.daemons.submit_transaction(&stored.tx).await;
        self.ctx.at(PayoutPoint::AfterSend);
        let text = match &answer {
            Ok(answer) => describe(answer),
            // Whether it arrived is not known, and need not be: the chain will tell.
            Err(error) => format!("unknown: {}", chain(error)),
        };
        let answer = answer.ok();
        self.memory.sent.note(tx, answer.as_ref(), &text);
        if answer.as_ref().is_none_or(is_refusal) {
            self.ctx.metrics.failed("send");
        }
        self.note_conflict(payout, &text);
        tracing::info!(
            step = "send",
            payout_id = payout.id,
            nonce = payout.nonce,
            variant = variant + 1,
            tx_hash = %tx,
            answer = text,
            "payout step"
        );
        Ok(PayoutStep::Sent {
            payout_id: payout.id,
            tx_hash: tx.to_string(),
            answer: text,
        })
    }

    async fn confirm(
        &mut self,
        payout: &Payout,
        variant: usize,
        execution: Execution,
    ) -> Result<PayoutStep, Obstacle> {
        let stored = &payout.variants[variant];
        let (tx, fee_atomic) = (Hash(stored.tx_hash), stored.fee_atomic);
        let topoheight = execution.topoheight;
        let body = Body::ConfirmPayout(ConfirmPayout {
            payout_id: payout.id,
            tx_hash: stored.tx_hash.to_vec(),
            block_hash: execution.block_hash.0.to_vec(),
            topoheight,
        });
        let (before, after) = (PayoutPoint::BeforeConfirm, PayoutPoint::AfterConfirm);
        self.propose(Proposal {
            step: "confirm_payout",
            before,
            after,
            body,
        })
        .await?;
        self.settled_down();
        self.ctx.metrics.confirmed.inc();
        let payees = payout.payees.len();
        self.ctx
            .metrics
            .confirmed_payees
            .inc_by(u64::try_from(payees).unwrap_or(u64::MAX));
        tracing::info!(
            step = "confirm",
            payout_id = payout.id,
            nonce = payout.nonce,
            payees,
            fee_atomic,
            tx_hash = %tx,
            block = %execution.block_hash,
            topoheight,
            "payout step"
        );
        Ok(PayoutStep::Confirmed {
            payout_id: payout.id,
            tx_hash: tx.to_string(),
        })
    }

    /// One of our transactions is on its way: what stood in its way is over.
    fn settled_down(&self) {
        for kind in [
            AlarmKind::NonceContested,
            AlarmKind::VariantsExhausted,
            AlarmKind::BuildFailing,
        ] {
            self.alarms.clear(kind);
        }
    }

    fn note_exhausted(&self, payout: &Payout, exhausted: bool) {
        if !exhausted {
            return self.alarms.clear(AlarmKind::VariantsExhausted);
        }
        let newest = payout.variants.last().map(|variant| Hash(variant.tx_hash));
        let answer = newest
            .map(|tx| self.memory.sent.answer(tx))
            .unwrap_or_default();
        let detail = format!(
            "payout {}: all {} variants are refused, the newest with: {answer}",
            payout.id,
            payout.variants.len()
        );
        self.alarms
            .raise(AlarmKind::VariantsExhausted, detail, self.ctx.now_ms());
    }

    fn note_conflict(&self, payout: &Payout, answer: &str) {
        if self.memory.sent.conflicts() < self.ctx.config.refusals_max {
            return self.alarms.clear(AlarmKind::NonceContested);
        }
        let detail = format!(
            "payout {}: nonce {} is claimed by another pending transaction: {answer}",
            payout.id, payout.nonce
        );
        self.alarms
            .raise(AlarmKind::NonceContested, detail, self.ctx.now_ms());
    }
}

fn is_refusal(answer: &SubmitTransactionAnswer) -> bool {
    use SubmitTransactionAnswer as A;
    matches!(
        answer,
        A::NonceConflict { .. } | A::TryLater { .. } | A::Refused { .. }
    )
}

fn describe(answer: &SubmitTransactionAnswer) -> String {
    use SubmitTransactionAnswer as A;
    match answer {
        A::Accepted => "accepted".into(),
        A::AlreadyPending => "pending already".into(),
        A::AlreadyExecuted => "executed already".into(),
        A::NonceConflict { kind, message } => format!("nonce conflict: {message} ({kind})"),
        A::TryLater { kind, message } => format!("try later: {message} ({kind})"),
        A::Refused { kind, message } => format!("refused: {message} ({kind})"),
    }
}
