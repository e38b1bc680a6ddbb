//! Why a reconciler does nothing at the moment. Most obstacles pass by themselves; the ones that
//! need a human also raise an alarm.

use std::error::Error;

use raftpool_chain::{ChainError, Hash, Network};
use raftpool_ledger::Rejection;

/// What stands in the way of the next action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("payouts are paused: {0}")]
    Paused(String),
    #[error("the ledger has no settings yet")]
    NoSettings,
    #[error("the ledger's {field} is {ledger}, this node's is {ours}")]
    SettingsDiffer {
        field: &'static str,
        ledger: String,
        ours: String,
    },
    #[error("the next payout is due in {0} ms")]
    NotDue(u64),
    #[error("trying again soon after: {0}")]
    Retrying(String),
    #[error("no balance reaches the threshold")]
    NothingPayable,
    #[error("no payable balance is worth its part of the network fee, {fee_atomic} in all")]
    FeesTooHigh { fee_atomic: u64 },
    #[error(
        "of the {limit_atomic} that a day's payouts may take {left_atomic} are left, which is too \
         little for a payout: the next day begins at midnight UTC"
    )]
    DailyLimit { left_atomic: u64, limit_atomic: u64 },
    #[error(
        "the pool bears the network fee, and its fees of {pool_fees_atomic} do not cover \
         {budget_atomic}: wait for blocks, or let the miners bear it (network_fee_payer)"
    )]
    PoolFeesTooLow {
        budget_atomic: u64,
        pool_fees_atomic: u128,
    },
    #[error("payout {payout_id} waits for an operator's approval")]
    AwaitApproval { payout_id: u64 },
    #[error("{tx} of the abandoned payout {payout_id} is executed")]
    AbandonedExecuted { payout_id: u64, tx: Hash },
    #[error("this node has no wallet")]
    NoWallet,
    #[error("the ledger is not readable: {0}")]
    Ledger(String),
    #[error("the daemon did not answer ({what}): {error}")]
    Daemon { what: &'static str, error: String },
    #[error("the daemon serves {found}, the pool is on {wanted}")]
    WrongNetwork { found: Network, wanted: Network },
    #[error("the daemon is at topoheight {ours}, its best peer at {best}")]
    DaemonBehind { ours: u64, best: u64 },
    #[error("the daemon has {peers} peers, {wanted} are wanted")]
    FewPeers { peers: u64, wanted: u64 },
    #[error("{daemon} says otherwise: {detail}")]
    DaemonsDisagree { daemon: String, detail: String },
    #[error(
        "the daemon says that block {block} pays {reward_atomic}; no block creates more than {max_atomic}"
    )]
    ImplausibleReward {
        block: Hash,
        reward_atomic: u64,
        max_atomic: u64,
    },
    #[error("the daemon has pruned everything below topoheight {pruned}: {detail}")]
    Pruned { pruned: u64, detail: String },
    #[error("the daemon's answers do not fit each other: {0}")]
    Inconsistent(String),
    #[error("the wallet did not answer ({what}): {error}")]
    Wallet { what: &'static str, error: String },
    #[error("the wallet is not connected to a daemon")]
    WalletOffline,
    #[error("the wallet is at topoheight {wallet}, the daemon at {daemon}")]
    WalletBehind { wallet: u64, daemon: u64 },
    #[error("the wallet's address is {found}, the pool's is {wanted}")]
    WalletAddress { found: String, wanted: String },
    #[error("the wallet moved on while it was asked")]
    WalletMoved,
    #[error(
        "the wallet holds {balance_atomic}, {unsettled_atomic} of it from blocks that are not \
         settled, and the pool owes {owed_atomic}"
    )]
    Insolvent {
        balance_atomic: u64,
        unsettled_atomic: u64,
        owed_atomic: u128,
    },
    #[error("nonce {top} at the top, {stable} where it is stable")]
    NonceUnsettled { top: u64, stable: u64 },
    #[error("the chain's next nonce is {found}, but the ledger knows all below {expected} as used")]
    NonceBehind { expected: u64, found: u64 },
    #[error("nonce {nonce} was used by a transaction the ledger does not know, seen {seen} times")]
    NonceTaken { nonce: u64, seen: u32 },
    #[error("{tx} is executed at topoheight {topoheight}, stable is {stable}")]
    Unstable {
        tx: Hash,
        topoheight: u64,
        stable: u64,
    },
    #[error("{0} waits for a block")]
    Pending(Hash),
    #[error("{tx} was sent, the answer was: {answer}")]
    AwaitResend { tx: Hash, answer: String },
    #[error("not committed at {step}: {error}")]
    NotCommitted { step: &'static str, error: String },
    #[error("the ledger refused to {step}: {rejection}")]
    Rejected {
        step: &'static str,
        rejection: Rejection,
    },
    #[error("the wallet did not build the transaction: {0}")]
    NotBuilt(String),
}

impl Obstacle {
    /// A daemon's call failed, which says nothing about the chain.
    pub(crate) fn daemon(what: &'static str) -> impl FnOnce(ChainError) -> Self {
        move |error| Self::Daemon {
            what,
            error: chain(&error),
        }
    }

    /// A wallet's call failed.
    pub(crate) fn wallet(what: &'static str) -> impl FnOnce(ChainError) -> Self {
        move |error| Self::Wallet {
            what,
            error: chain(&error),
        }
    }
}

/// An error with everything that caused it, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
