//! What the chain executed and the books do not have: the finding that comes before restored books
//! may pay again. Nothing is proposed here.
//!
//! The chain says how many nonces of the account are used for good and where a transaction was
//! executed; the wallet's history says which transaction used a nonce, and whom it paid. Only when
//! both account for every nonce is there a finding; anything missing is named instead.

use std::collections::BTreeMap;

use raftpool_chain::{ChainInfo, WalletSpend};
use raftpool_ledger::command::{ExecutedSpend, PaidTo};

use crate::context::Context;
use crate::obstacle::Obstacle;

/// What stands between the books and the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciliation {
    /// Why it cannot be booked now; empty when it can.
    pub problems: Vec<String>,
    /// Transactions that the books do not have, by rising nonce.
    pub spends: Vec<ExecutedSpend>,
    /// The first nonce that the books do not know as used.
    pub books_nonce: u64,
    /// The account's next nonce where the chain is stable, and at its top.
    pub stable_nonce: u64,
    /// The same at the top.
    pub top_nonce: u64,
    /// Up to this height and topoheight the chain does not change.
    pub stable_height: u64,
    /// The same as a topoheight.
    pub stable_topoheight: u64,
    /// What the wallet holds, in atomic units.
    pub wallet_atomic: u64,
    /// What the books owe to miners, in atomic units, before this is booked.
    pub owed_atomic: u128,
}

/// What the books know of nonces.
struct Known {
    next: u64,
    /// Whether any nonce is known as used; otherwise the account may have a past of its own.
    is_certain: bool,
    /// Up to here the chain was watched when the books were last written.
    watched_topoheight: u64,
    owed_atomic: u128,
    /// Heights of recorded blocks that are not settled.
    waiting: Vec<u64>,
}

pub(crate) async fn find(ctx: &Context) -> Result<Reconciliation, Obstacle> {
    ctx.linearize().await?;
    let known = ctx.read(|view| {
        let open = view.open_payout()?.map(|payout| payout.nonce);
        let floor = view.payout_nonce_floor()?;
        let accepted = view.payout_unexplained_nonce()?;
        let next = open.unwrap_or(floor.max(accepted));
        let fees = view.network_fees()?;
        let blocks = view.blocks_maturing()?.into_iter();
        let blocks = blocks.chain(view.blocks_undistributed()?);
        Ok(Known {
            next,
            is_certain: open.is_some() || next > 0,
            watched_topoheight: fees.map_or(0, |fees| fees.last_topoheight),
            owed_atomic: view.accounts()?.owed_atomic(),
            waiting: blocks.map(|block| block.height).collect(),
        })
    })?;
    let daemons = &ctx.daemons;
    let pool = &ctx.pool_address;
    let stable_nonce = daemons.stable_nonce(pool).await;
    let stable_nonce = stable_nonce.map_err(Obstacle::daemon("stable nonce"))?;
    let top_nonce = daemons
        .nonce(pool)
        .await
        .map_err(Obstacle::daemon("nonce"))?;
    // After the nonces: what was executed by then is below this or not stable.
    let info = daemons.info().await.map_err(Obstacle::daemon("info"))?;
    let wallet = ctx.wallet.clone().ok_or(Obstacle::NoWallet)?;
    let found = wallet
        .address()
        .await
        .map_err(Obstacle::wallet("address"))?;
    if found != pool.as_str() {
        let wanted = pool.as_str().to_owned();
        return Err(Obstacle::WalletAddress { found, wanted });
    }
    let history = wallet.spends().await.map_err(Obstacle::wallet("history"))?;
    let balance = wallet.balance_atomic().await;
    let wallet_atomic = balance.map_err(Obstacle::wallet("balance"))?;
    let mut finding = Reconciliation {
        problems: Vec::new(),
        spends: Vec::new(),
        books_nonce: known.next,
        stable_nonce,
        top_nonce,
        stable_height: info.stable_height,
        stable_topoheight: info.stable_topoheight,
        wallet_atomic,
        owed_atomic: known.owed_atomic,
    };
    finding.name_what_waits(&known);
    finding.explain(ctx, &known, &info, history).await?;
    Ok(finding)
}

impl Reconciliation {
    fn name_what_waits(&mut self, known: &Known) {
        let stable_height = self.stable_height;
        let waiting = known
            .waiting
            .iter()
            .filter(|height| **height <= stable_height);
        let waiting = waiting.count();
        if waiting > 0 {
            self.problems.push(format!(
                "{waiting} blocks that are stable are not settled yet: wait until they are, they \
                 count towards the balances that were paid"
            ));
        }
        if self.top_nonce != self.stable_nonce {
            self.problems.push(format!(
                "a transaction of the pool is executed and not stable yet (next nonce {} at the \
                 top, {} where the chain is stable): wait",
                self.top_nonce, self.stable_nonce
            ));
        }
        if self.stable_nonce < known.next && known.is_certain && self.top_nonce < known.next {
            self.problems.push(format!(
                "the chain's next nonce is {}, but the books have used everything below {}: the \
                 daemon is behind, or on another chain",
                self.stable_nonce, known.next
            ));
        }
    }

    /// Finds a transaction for every nonce that the chain has used and the books have not.
    async fn explain(
        &mut self,
        ctx: &Context,
        known: &Known,
        info: &ChainInfo,
        history: Vec<WalletSpend>,
    ) -> Result<(), Obstacle> {
        let mut by_nonce: BTreeMap<u64, WalletSpend> = BTreeMap::new();
        for spend in history {
            by_nonce.insert(spend.nonce, spend);
        }
        for nonce in known.next..self.stable_nonce {
            let Some(spend) = by_nonce.remove(&nonce) else {
                self.problems.push(format!(
                    "nonce {nonce} was used, but the wallet's history does not say for what: let \
                     the wallet scan its history again (rescan), then repeat this"
                ));
                continue;
            };
            if !known.is_certain && spend.topoheight <= known.watched_topoheight {
                // The account had a past before the pool did.
                continue;
            }
            let execution = ctx.daemons.execution(spend.hash).await;
            let execution = execution.map_err(Obstacle::daemon("execution"))?;
            let is_final = |at: u64| at <= info.stable_topoheight;
            match execution.filter(|execution| is_final(execution.topoheight)) {
                Some(execution) => self.spends.push(ExecutedSpend {
                    nonce,
                    tx_hash: spend.hash.0.to_vec(),
                    fee_atomic: spend.fee_atomic,
                    block_hash: execution.block_hash.0.to_vec(),
                    topoheight: execution.topoheight,
                    payees: paid_to(spend.transfers),
                }),
                None => self.problems.push(format!(
                    "the wallet says that {} has used nonce {nonce}, but no daemon knows it as \
                     executed for good: wait, or let the wallet scan its history again",
                    spend.hash
                )),
            }
        }
        Ok(())
    }
}

/// Several transfers to one address are one payee.
fn paid_to(transfers: Vec<(String, u64)>) -> Vec<PaidTo> {
    let mut payees: Vec<PaidTo> = Vec::new();
    for (address, amount_atomic) in transfers {
        match payees.iter_mut().find(|known| known.address == address) {
            Some(known) => known.amount_atomic = known.amount_atomic.saturating_add(amount_atomic),
            None => payees.push(PaidTo {
                address,
                amount_atomic,
            }),
        }
    }
    payees
}
