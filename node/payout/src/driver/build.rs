//! Has the wallet build a payout's transaction, and stores the signed bytes. Nothing is sent here.

use raftpool_chain::{Address, BuiltTransaction, ChainError, ChainInfo, Transfer};
use raftpool_ledger::command::{SignPayout, command::Body};
use raftpool_ledger::view::Payout;

use super::{Driver, Taken};
use crate::PayoutPoint;
use crate::alarm::AlarmKind;
use crate::context::Proposal;
use crate::desk::Desk;
use crate::obstacle::{Obstacle, chain};
use crate::plan::fee_budget_atomic;
use crate::status::PayoutStep;

/// Failed builds of one payout.
#[derive(Debug, Default)]
pub(super) struct Builds {
    payout_id: u64,
    failed: u32,
    /// Whether the wallet refused every time, rather than not answering.
    all_refused: bool,
    reason: String,
}

enum NotBuilt {
    /// The wallet, or our own check of what it built, says no, perhaps because of a payee.
    Refused(String),
    /// The wallet says no, whoever is to be paid.
    WalletRefused(String),
    /// The wallet did not answer in time.
    Unanswered(String),
    /// The wallet was not reached at all.
    Unreachable(Obstacle),
}

impl Builds {
    fn of(&mut self, payout: &Payout) -> &mut Self {
        if self.payout_id != payout.id {
            *self = Self {
                payout_id: payout.id,
                all_refused: true,
                ..Self::default()
            };
        }
        self
    }
}

impl Driver {
    /// The row has no variant, hence nothing can have been sent: build, with the same nonce.
    pub(super) async fn continue_reserved(
        &mut self,
        desk: &Desk,
        payout: &Payout,
        term: u64,
    ) -> Result<PayoutStep, Obstacle> {
        let nonce = payout.nonce;
        let info = self.ctx.synced_info(&self.alarms).await?;
        let (top, stable) = self.nonces().await?;
        if stable > nonce && stable <= top {
            let detail = format!(
                "nonce {nonce} of payout {} is used up, though the ledger holds no transaction \
                 for it: find out with the wallet's history who was paid",
                payout.id
            );
            let taken = Taken {
                nonce,
                // When it is released after that, the next payout goes on from here.
                unexplained_nonce: nonce.saturating_add(1),
                kind: AlarmKind::ForeignSpend,
                detail,
            };
            return self.nonce_taken(desk, taken).await;
        }
        if top != nonce || stable != nonce {
            return Err(Obstacle::NonceUnsettled { top, stable });
        }
        self.memory.taken.forget(&nonce);
        self.alarms.clear(AlarmKind::ForeignSpend);
        if let Some(held) = self.held_payee(payout)? {
            return self.release(payout, term, format!("{held} is held")).await;
        }
        if payout.awaits_approval() {
            let payout_id = payout.id;
            return Err(Obstacle::AwaitApproval { payout_id });
        }
        if let Some(reason) = &desk.paused {
            return Err(Obstacle::Paused(reason.clone()));
        }
        let builds = self.memory.builds.of(payout);
        if builds.failed >= self.ctx.config.builds_max {
            return self.give_up_building(payout, term).await;
        }
        self.check_retry()?;
        self.build_and_sign(payout, &info, term).await
    }

    /// A payee that is held since the reservation, as long as nothing is signed.
    fn held_payee(&self, payout: &Payout) -> Result<Option<String>, Obstacle> {
        self.ctx.read(|view| {
            for payee in &payout.payees {
                if view.terms(&payee.address)?.hold.is_some() {
                    return Ok(Some(payee.address.clone()));
                }
            }
            Ok(None)
        })
    }

    /// Builds a variant and has it committed. Sending is the next step's business, from the row.
    pub(super) async fn build_and_sign(
        &mut self,
        payout: &Payout,
        info: &ChainInfo,
        term: u64,
    ) -> Result<PayoutStep, Obstacle> {
        let built = match self.build(payout, info).await {
            Ok(built) => built,
            Err(NotBuilt::Unreachable(obstacle)) => return Err(obstacle),
            Err(NotBuilt::Refused(reason)) => return Err(self.not_built(payout, true, reason)),
            Err(NotBuilt::Unanswered(reason)) => {
                return Err(self.not_built(payout, false, reason));
            }
            Err(NotBuilt::WalletRefused(reason)) => {
                return Err(self.wallet_refused(payout, reason));
            }
        };
        self.memory.suspicion.built(&payout.payees);
        self.alarms.clear(AlarmKind::BuildFailing);
        let (tx_hash, fee_atomic) = (built.hash.to_string(), built.fee_atomic);
        let reference_topoheight = built.reference_topoheight;
        let body = Body::SignPayout(SignPayout {
            payout_id: payout.id,
            tx_hash: built.hash.0.to_vec(),
            tx: built.bytes,
            fee_atomic,
            reference_topoheight,
            term,
        });
        let (before, after) = (PayoutPoint::BeforeSign, PayoutPoint::AfterSign);
        self.propose(Proposal {
            step: "sign_payout",
            before,
            after,
            body,
        })
        .await?;
        tracing::info!(
            step = "sign",
            payout_id = payout.id,
            nonce = payout.nonce,
            variant = payout.variants.len() + 1,
            tx_hash,
            fee_atomic,
            reference_topoheight,
            "payout step"
        );
        Ok(PayoutStep::Signed {
            payout_id: payout.id,
            tx_hash,
        })
    }

    async fn build(&self, payout: &Payout, info: &ChainInfo) -> Result<BuiltTransaction, NotBuilt> {
        let transfers = transfers(payout, self.ctx.network).map_err(NotBuilt::Refused)?;
        let ready = self.ready_wallet(info.topoheight).await;
        let wallet = ready.map_err(NotBuilt::Unreachable)?;
        let cleared = wallet.clear_transaction_cache().await;
        cleared.map_err(|error| {
            NotBuilt::Unreachable(Obstacle::wallet("clear transaction cache")(error))
        })?;
        self.ctx.at(PayoutPoint::BeforeBuild);
        let built = wallet.build(&transfers, payout.nonce).await;
        self.ctx.at(PayoutPoint::AfterBuild);
        let built = built.map_err(classify)?;
        check(&built, payout, self.ctx.pool_address.as_str()).map_err(NotBuilt::Refused)?;
        Ok(built)
    }

    /// Fewer payees, or others, would not help: the payout waits for the wallet, and an alarm
    /// stands. It is not signed, so that an operator may release it.
    fn wallet_refused(&mut self, payout: &Payout, reason: String) -> Obstacle {
        self.ctx.metrics.failed("build");
        let detail = format!("payout {}: the wallet builds nothing: {reason}", payout.id);
        self.alarms
            .raise(AlarmKind::BuildFailing, detail, self.ctx.now_ms());
        self.retry_later(reason.clone());
        Obstacle::NotBuilt(reason)
    }

    fn not_built(&mut self, payout: &Payout, refused: bool, reason: String) -> Obstacle {
        self.ctx.metrics.failed("build");
        let builds = self.memory.builds.of(payout);
        builds.failed = builds.failed.saturating_add(1);
        builds.all_refused &= refused;
        builds.reason.clone_from(&reason);
        let failed = builds.failed;
        tracing::warn!(
            step = "build",
            payout_id = payout.id,
            nonce = payout.nonce,
            failed,
            reason,
            "payout step"
        );
        let detail = format!(
            "payout {} to {} payees: {reason}",
            payout.id,
            payout.payees.len()
        );
        self.alarms
            .raise(AlarmKind::BuildFailing, detail, self.ctx.now_ms());
        if failed < self.ctx.config.builds_max || !payout.variants.is_empty() {
            self.retry_later(reason.clone());
        }
        Obstacle::NotBuilt(reason)
    }

    /// The nonce is still free, where it is stable and at the top, and no variant exists: what was
    /// set aside goes back, and the next reservation is planned anew with fewer payees.
    async fn give_up_building(
        &mut self,
        payout: &Payout,
        term: u64,
    ) -> Result<PayoutStep, Obstacle> {
        let builds = self.memory.builds.of(payout);
        let (reason, refused) = (builds.reason.clone(), builds.all_refused);
        let released = self.release(payout, term, reason.clone()).await?;
        let quarantine = self.ctx.config.payee_quarantine;
        self.memory
            .suspicion
            .not_built(&payout.payees, refused, &reason, quarantine);
        self.memory.builds = Builds::default();
        self.refresh_quarantine();
        self.retry_later(reason);
        Ok(released)
    }
}

fn classify(error: ChainError) -> NotBuilt {
    let text = chain(&error);
    if error.is_ambiguous() {
        return NotBuilt::Unanswered(text);
    }
    match &error {
        ChainError::Rpc { code, kind, .. } if is_about_the_wallet(*code, kind) => {
            NotBuilt::WalletRefused(text)
        }
        ChainError::Rpc { .. }
        | ChainError::BuiltWrongHash { .. }
        | ChainError::BuiltWrongNonce { .. }
        | ChainError::BuiltWrongSource { .. }
        | ChainError::BuiltWrongTransfers { .. } => NotBuilt::Refused(text),
        _ => NotBuilt::Unreachable(Obstacle::wallet("build")(error)),
    }
}

/// Whether a refusal says something about the wallet or the call, and nothing about a payee. What
/// the wallet refuses about payees are bad parameters (an address) and errors of its domain, whose
/// kind is often lost; of those, a missing proof means missing funds, and a transaction without or
/// with too many transfers has too few or too many of them, whoever they are.
fn is_about_the_wallet(code: i64, kind: &str) -> bool {
    const INVALID_PARAMS: i64 = -32602;
    const DOMAIN: i64 = -32004;
    match code {
        INVALID_PARAMS => false,
        DOMAIN => matches!(
            kind,
            "PROOF" | "EMPTY_TRANSFERS" | "MAX_TRANSFER_COUNT_REACHED"
        ),
        _ => true,
    }
}

fn transfers(payout: &Payout, network: raftpool_chain::Network) -> Result<Vec<Transfer>, String> {
    let transfer = |payee: &raftpool_ledger::command::Payee| {
        let destination = Address::parse(&payee.address, network);
        let destination = destination.map_err(|error| format!("{}: {error}", payee.address))?;
        Ok(Transfer {
            destination,
            amount_atomic: payee.transfer_atomic,
        })
    };
    payout.payees.iter().map(transfer).collect()
}

/// Everything the wallet built must be what the row says; it is looked at before it is stored,
/// and what is stored is all that is ever sent.
fn check(built: &BuiltTransaction, payout: &Payout, pool_address: &str) -> Result<(), String> {
    if blake3::hash(&built.bytes).as_bytes() != &built.hash.0 {
        return Err(format!("the built bytes do not hash to {}", built.hash));
    }
    if built.source != pool_address {
        return Err(format!("the built transaction pays from {}", built.source));
    }
    if built.nonce != payout.nonce {
        return Err(format!(
            "built with nonce {} instead of {}",
            built.nonce, payout.nonce
        ));
    }
    let mut wanted: Vec<(String, u64)> = payout
        .payees
        .iter()
        .map(|p| (p.address.clone(), p.transfer_atomic))
        .collect();
    let mut found = built.transfers.clone();
    wanted.sort();
    found.sort();
    if wanted != found {
        return Err("the built transaction has other payees or amounts".into());
    }
    let of_payees = fee_budget_atomic(&payout.payees);
    let budget = of_payees.saturating_add(payout.pool_fee_budget_atomic);
    if built.fee_atomic > budget {
        return Err(format!(
            "the fee {} exceeds the budget {budget}",
            built.fee_atomic
        ));
    }
    Ok(())
}
