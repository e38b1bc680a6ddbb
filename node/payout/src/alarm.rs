//! What an operator must look at. An alarm stands until the condition is seen to be gone.

use std::collections::BTreeMap;
use std::fmt;

use parking_lot::Mutex;
use prometheus::IntGaugeVec;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlarmKind {
    /// A recorded block pays another key than the pool's; it is never settled.
    ForeignMiner,
    /// Daemons that can be trusted say different things of the same stable block.
    DaemonsDisagree,
    /// A daemon says that a block pays more than the chain can create, or one alone that its fees
    /// are more than plausible.
    ImplausibleReward,
    /// A block cannot be given up, because a daemon of the configuration cannot be asked.
    DaemonMissing,
    /// A daemon cannot show what is needed, because it has pruned it.
    HistoryPruned,
    /// Blocks pay the pool's address that its books do not have, and nobody has looked at them.
    StrayBlocks,
    /// The ledger refused a command that the chain's facts call for.
    CommandRefused,
    /// The ledger's settings name another network or pool address than this node serves.
    SettingsDiffer,
    /// The daemon serves another network.
    WrongNetwork,
    /// Payouts are due, and this node, which leads, has no wallet.
    NoWallet,
    /// The wallet is not the pool's wallet.
    WalletAddress,
    /// The wallet holds less than the pool owes.
    Insolvent,
    /// The nonce of an open payout was used by a transaction the ledger does not know.
    ForeignSpend,
    /// Nonces were used since the last payout that the ledger does not know of.
    UnexplainedNonce,
    /// The chain's next nonce stays below one that the ledger knows as used.
    NonceBehind,
    /// Daemons say that another transaction waits with the nonce of the open payout.
    NonceContested,
    /// Every variant of the open payout is refused, and no more may be built.
    VariantsExhausted,
    /// The wallet does not build the open payout.
    BuildFailing,
    /// Payees are left out because the wallet refuses to pay them.
    PayeeQuarantined,
    /// The open payout waits for an operator's approval.
    ApprovalWanted,
    /// The pool shall bear the network fee and has too little for it.
    PoolFeesTooLow,
    /// PPS and FPPS are paid from a reserve that is below one and a half times what it should hold.
    ReserveLow,
    /// The reserve is used up: new work of PPS and FPPS is booked under PPLNS, or refused.
    ReserveExhausted,
    /// A transaction of a payout that was given up was executed after all: its payees have the
    /// money and their balances as well.
    AbandonedExecuted,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::ForeignMiner,
        Self::DaemonsDisagree,
        Self::ImplausibleReward,
        Self::DaemonMissing,
        Self::HistoryPruned,
        Self::StrayBlocks,
        Self::CommandRefused,
        Self::SettingsDiffer,
        Self::WrongNetwork,
        Self::NoWallet,
        Self::WalletAddress,
        Self::Insolvent,
        Self::ForeignSpend,
        Self::UnexplainedNonce,
        Self::NonceBehind,
        Self::NonceContested,
        Self::VariantsExhausted,
        Self::BuildFailing,
        Self::PayeeQuarantined,
        Self::ApprovalWanted,
        Self::PoolFeesTooLow,
        Self::ReserveLow,
        Self::ReserveExhausted,
        Self::AbandonedExecuted,
    ];

    /// The name in metrics, logs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForeignMiner => "foreign_miner",
            Self::DaemonsDisagree => "daemons_disagree",
            Self::ImplausibleReward => "implausible_reward",
            Self::DaemonMissing => "daemon_missing",
            Self::HistoryPruned => "history_pruned",
            Self::StrayBlocks => "stray_blocks",
            Self::CommandRefused => "command_refused",
            Self::SettingsDiffer => "settings_differ",
            Self::WrongNetwork => "wrong_network",
            Self::NoWallet => "no_wallet",
            Self::WalletAddress => "wallet_address",
            Self::Insolvent => "insolvent",
            Self::ForeignSpend => "foreign_spend",
            Self::UnexplainedNonce => "unexplained_nonce",
            Self::NonceBehind => "nonce_behind",
            Self::NonceContested => "nonce_contested",
            Self::VariantsExhausted => "variants_exhausted",
            Self::BuildFailing => "build_failing",
            Self::PayeeQuarantined => "payee_quarantined",
            Self::ApprovalWanted => "approval_wanted",
            Self::PoolFeesTooLow => "pool_fees_too_low",
            Self::ReserveLow => "reserve_low",
            Self::ReserveExhausted => "reserve_exhausted",
            Self::AbandonedExecuted => "abandoned_executed",
        }
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One alarm that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// The particulars, with what would help.
    pub detail: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// The alarms of one reconciler.
pub(crate) struct Alarms {
    standing: Mutex<BTreeMap<AlarmKind, (String, u64)>>,
    reconciler: &'static str,
    gauge: IntGaugeVec,
}

impl Alarms {
    pub(crate) fn new(reconciler: &'static str, gauge: IntGaugeVec) -> Self {
        for kind in AlarmKind::ALL {
            gauge.with_label_values(&[reconciler, kind.as_str()]).set(0);
        }
        Self {
            standing: Mutex::default(),
            reconciler,
            gauge,
        }
    }

    /// Raises an alarm, or brings the particulars of a standing one up to date.
    pub(crate) fn raise(&self, kind: AlarmKind, detail: String, now_ms: u64) {
        let mut standing = self.standing.lock();
        let (old, _) = standing
            .entry(kind)
            .or_insert_with(|| (String::new(), now_ms));
        if *old != detail {
            tracing::error!(reconciler = self.reconciler, alarm = %kind, detail, "payout alarm");
            *old = detail;
        }
        self.gauge
            .with_label_values(&[self.reconciler, kind.as_str()])
            .set(1);
    }

    pub(crate) fn clear(&self, kind: AlarmKind) {
        if self.standing.lock().remove(&kind).is_some() {
            tracing::info!(reconciler = self.reconciler, alarm = %kind, "payout alarm is over");
            self.gauge
                .with_label_values(&[self.reconciler, kind.as_str()])
                .set(0);
        }
    }

    /// This node does not lead any more: what it saw is not its business now.
    pub(crate) fn clear_all(&self) {
        for kind in AlarmKind::ALL {
            self.clear(*kind);
        }
    }

    pub(crate) fn list(&self) -> Vec<Alarm> {
        let standing = self.standing.lock();
        let alarm = |(kind, (detail, since_ms)): (&AlarmKind, &(String, u64))| Alarm {
            kind: *kind,
            detail: detail.clone(),
            since_ms: *since_ms,
        };
        standing.iter().map(alarm).collect()
    }
}
