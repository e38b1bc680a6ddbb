//! The pool as a whole.

use std::collections::BTreeMap;

use raftpool_ledger::StateError;
use raftpool_ledger::command::{Scheme, Settings};
use raftpool_ledger::view::{self, LedgerView, scheme_name};
use serde::Serialize;

use super::payout::PayoutSummary;
use super::{Decimal, Hash, node, rejects};
use crate::number::{blocks_of_work, ratio, time_ms};

/// Thousandths, the unit of the window in the settings.
const MILLI: u128 = 1000;

/// The pool: its rules, its money and its counts, all as of one moment.
#[derive(Debug, Serialize)]
pub struct Pool {
    /// Digest over every change of the ledger so far; equal on all nodes at an equal index.
    pub digest: Hash,
    /// The rules; null until the pool is set up.
    pub settings: Option<PoolSettings>,
    /// Estimated hashes per second over about the last ten minutes.
    pub hashrate: u64,
    /// Counts over the pool's life.
    pub totals: Totals,
    /// The accounts of the ledger.
    pub accounts: Accounts,
    /// The PPLNS window.
    pub window: Window,
    /// Work since the last found block, where "1.000000" is the mean of a block.
    pub round_effort: String,
    /// Where payouts stand.
    pub payouts: PayoutState,
}

/// The answer of `/api/v1/pool`.
#[derive(Debug, Serialize)]
pub struct PoolAndNode {
    /// The pool, from the ledger.
    #[serde(flatten)]
    pub pool: Pool,
    /// The node that answers.
    pub node: node::Node,
}

/// The rules that change money.
#[derive(Debug, Serialize)]
pub struct PoolSettings {
    /// Name of the chain's network.
    pub network: String,
    /// The address blocks pay to.
    pub pool_address: String,
    /// The schemes that are offered.
    pub schemes: Vec<OfferedScheme>,
    /// Smallest balance that is paid out.
    pub payout_threshold_atomic: Decimal,
    /// Earliest time between two payouts.
    pub payout_interval_ms: u64,
    /// Most payees of one transaction.
    pub payout_payees_max: u32,
}

/// One way of sharing rewards.
#[derive(Debug, Serialize)]
pub struct OfferedScheme {
    /// Its name, as miners choose it.
    pub name: &'static str,
    /// The pool's fee.
    pub fee_bps: u32,
    /// Whether a miner who chooses nothing gets it.
    pub is_default: bool,
}

/// Counts over the pool's life.
#[derive(Debug, Serialize)]
pub struct Totals {
    /// Accepted shares.
    pub shares: u64,
    /// Accepted work.
    pub work: Decimal,
    /// Refused shares by reason.
    pub rejects: BTreeMap<&'static str, u64>,
    /// Blocks recorded.
    pub blocks: u64,
    /// Of these, blocks the chain has not settled yet.
    pub blocks_maturing: u64,
    /// Of these, blocks the chain paid.
    pub blocks_settled: u64,
    /// Of these, blocks that were given up.
    pub blocks_orphaned: u64,
    /// Payouts confirmed.
    pub payouts: u64,
    /// Miners ever seen.
    pub miners: u64,
}

/// Where each atomic unit is: `income_atomic` is the sum of the six accounts below it.
#[derive(Debug, Serialize)]
pub struct Accounts {
    /// All that settled blocks brought.
    pub income_atomic: Decimal,
    /// Spendable by the miners.
    pub balances_atomic: Decimal,
    /// In a payout that is not final.
    pub in_flight_atomic: Decimal,
    /// Transferred to miners.
    pub paid_atomic: Decimal,
    /// The pool's fees.
    pub pool_fees_atomic: Decimal,
    /// Remainders of divisions.
    pub rounding_atomic: Decimal,
    /// Fees paid to the network for payouts.
    pub network_fees_atomic: Decimal,
    /// What the pool owes: `balances_atomic` and `in_flight_atomic`.
    pub liabilities_atomic: Decimal,
}

/// The PPLNS window, measured in the expected work of a block.
#[derive(Debug, Serialize)]
pub struct Window {
    /// Work inside it.
    pub blocks_of_work: String,
    /// Work it holds when it is full; null until the pool is set up.
    pub blocks_of_work_max: Option<String>,
}

/// Where payouts stand.
#[derive(Debug, Serialize)]
pub struct PayoutState {
    /// Why payouts are paused; null while they are not.
    pub paused_reason: Option<String>,
    /// The payout that is not final yet.
    pub open: Option<PayoutSummary>,
    /// When the newest payout was reserved.
    pub last_reserved_at_ms: Option<u64>,
    /// Earliest time of the next one; null while none was made or nothing is set up.
    pub next_earliest_at_ms: Option<u64>,
}

impl Pool {
    pub(crate) fn read(view: &LedgerView<'_>) -> Result<Self, StateError> {
        let settings = view.settings()?;
        let totals = view.totals()?;
        Ok(Self {
            digest: Hash(view.digest()?),
            hashrate: totals.hashrate,
            accounts: view.accounts()?.into(),
            window: Window {
                blocks_of_work: blocks_of_work(totals.window_score),
                blocks_of_work_max: settings
                    .as_ref()
                    .and_then(|settings| ratio(settings.pplns_window_milli.into(), MILLI)),
            },
            round_effort: blocks_of_work(totals.round_score),
            payouts: PayoutState::read(view, settings.as_ref())?,
            totals: totals.into(),
            settings: settings.map(PoolSettings::from),
        })
    }
}

impl PayoutState {
    fn read(view: &LedgerView<'_>, settings: Option<&Settings>) -> Result<Self, StateError> {
        let last_reserved_at_ms = time_ms(view.last_payout_ms()?);
        Ok(Self {
            paused_reason: view.payouts_paused()?,
            open: view.open_payout()?.as_ref().map(PayoutSummary::from),
            last_reserved_at_ms,
            next_earliest_at_ms: last_reserved_at_ms
                .zip(settings)
                .map(|(last_ms, settings)| last_ms.saturating_add(settings.payout_interval_ms)),
        })
    }
}

impl From<Settings> for PoolSettings {
    fn from(settings: Settings) -> Self {
        let all = [
            (
                Scheme::Pplns,
                settings.pplns_offered,
                settings.pplns_fee_bps,
            ),
            (Scheme::Solo, settings.solo_offered, settings.solo_fee_bps),
        ];
        let offered = all.into_iter().filter(|(_, is_offered, _)| *is_offered);
        let schemes = offered.map(|(scheme, _, fee_bps)| OfferedScheme {
            name: scheme_name(scheme),
            fee_bps,
            is_default: settings.default_scheme == scheme as i32,
        });
        Self {
            schemes: schemes.collect(),
            network: settings.network,
            pool_address: settings.pool_address,
            payout_threshold_atomic: settings.payout_threshold_atomic.into(),
            payout_interval_ms: settings.payout_interval_ms,
            payout_payees_max: settings.payout_payees_max,
        }
    }
}

impl From<view::Totals> for Totals {
    fn from(totals: view::Totals) -> Self {
        let blocks_final = totals.blocks_settled.saturating_add(totals.blocks_orphaned);
        Self {
            shares: totals.shares,
            work: totals.work.into(),
            rejects: rejects(&totals.rejects),
            blocks: totals.blocks,
            blocks_maturing: totals.blocks.saturating_sub(blocks_final),
            blocks_settled: totals.blocks_settled,
            blocks_orphaned: totals.blocks_orphaned,
            payouts: totals.payouts,
            miners: totals.miners,
        }
    }
}

impl From<view::Accounts> for Accounts {
    fn from(accounts: view::Accounts) -> Self {
        let liabilities = accounts
            .balances_atomic
            .saturating_add(accounts.in_flight_atomic);
        Self {
            income_atomic: accounts.income_atomic.into(),
            balances_atomic: accounts.balances_atomic.into(),
            in_flight_atomic: accounts.in_flight_atomic.into(),
            paid_atomic: accounts.paid_atomic.into(),
            pool_fees_atomic: accounts.pool_fees_atomic.into(),
            rounding_atomic: accounts.rounding_atomic.into(),
            network_fees_atomic: accounts.network_fees_atomic.into(),
            liabilities_atomic: liabilities.into(),
        }
    }
}
