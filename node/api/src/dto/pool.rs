//! The pool as a whole.

use std::collections::BTreeMap;

use raftpool_ledger::StateError;
use raftpool_ledger::command::Settings;
use raftpool_ledger::settings::{fee_bps, offered};
use raftpool_ledger::view::{self, LedgerView, scheme_name};
use serde::Serialize;
use utoipa::ToSchema;

use super::admin::payer_name;
use super::names::{FeePayer, SchemeName};
use super::payout::PayoutSummary;
use super::worker::{Hashrates, last_day};
use super::{Decimal, Hash, node, rejects};
use crate::number::{blocks_of_work, ratio, time_ms};

/// Thousandths, the unit of the window in the settings.
const MILLI: u128 = 1000;

/// The pool: its rules, its money and its counts, all as of one moment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Pool {
    /// Digest over every change of the ledger so far; equal on all nodes at an equal index.
    pub digest: Hash,
    /// The rules; null until the pool is set up.
    pub settings: Option<PoolSettings>,
    /// Estimated hashes per second over about the last ten minutes.
    pub hashrate: u64,
    /// The same over several times.
    pub hashrates: Hashrates,
    /// When the newest block was found; null before the first.
    pub last_block_found_at_ms: Option<u64>,
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
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolAndNode {
    /// The pool, from the ledger.
    #[serde(flatten)]
    pub pool: Pool,
    /// Who works, counted at most ten seconds before.
    pub active: Active,
    /// The node that answers.
    pub node: node::Node,
}

/// Who has had a share accepted within the last quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Active {
    /// Miners.
    pub miners: u64,
    /// Their workers.
    pub workers: u64,
}

/// The rules that change money.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
    /// Most that a day's payouts (UTC) take from balances; null: no limit.
    pub payout_daily_limit_atomic: Option<Decimal>,
    /// Who bears the network fee of payouts: "miners" or "pool".
    #[schema(value_type = FeePayer)]
    pub network_fee_payer: &'static str,
}

/// One way of sharing rewards.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OfferedScheme {
    /// Its name, as miners choose it.
    #[schema(value_type = SchemeName)]
    pub name: &'static str,
    /// The pool's fee.
    pub fee_bps: u32,
    /// Whether a miner who chooses nothing gets it.
    pub is_default: bool,
}

/// Counts over the pool's life.
#[derive(Debug, Clone, Serialize, ToSchema)]
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

/// Where each atomic unit is: the first four, which came from outside, are together as much as
/// all accounts from `balances_atomic` to `donations_atomic`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Accounts {
    /// All that settled blocks brought.
    pub income_atomic: Decimal,
    /// What blocks that are not final are expected to bring.
    pub expected_atomic: Decimal,
    /// What the operator put into the wallet.
    pub deposits_atomic: Decimal,
    /// What payouts that were found after the books were restored had paid beyond the balances in
    /// them.
    pub reconciled_atomic: Decimal,
    /// Spendable by the miners.
    pub balances_atomic: Decimal,
    /// In a payout that is not final.
    pub in_flight_atomic: Decimal,
    /// Transferred to miners.
    pub paid_atomic: Decimal,
    /// Fees paid to the network for payouts, borne by the miners.
    pub network_fees_atomic: Decimal,
    /// The same, borne by the pool.
    pub network_fees_pool_atomic: Decimal,
    /// What blocks that are not final are expected to bring, before it is shared.
    pub immature_atomic: Decimal,
    /// What settled blocks owe to miners whose part is not booked yet.
    pub undistributed_atomic: Decimal,
    /// The pool's fees, all schemes together.
    pub pool_fees_atomic: Decimal,
    /// What PPS and FPPS are paid from.
    pub reserve_atomic: Decimal,
    /// What the pool set aside for the network's fee of the open payout.
    pub fee_budget_atomic: Decimal,
    /// Remainders of divisions.
    pub rounding_atomic: Decimal,
    /// What the pool gives away.
    pub donations_atomic: Decimal,
    /// The pool's fees by scheme; those of PPS and FPPS stay in the reserve until they are taken.
    pub pool_fees_by_scheme_atomic: BTreeMap<&'static str, Decimal>,
    /// What the pool owes to miners: `balances_atomic`, `in_flight_atomic` and
    /// `undistributed_atomic`.
    pub liabilities_atomic: Decimal,
}

/// The PPLNS window, measured in the expected work of a block.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Window {
    /// Work inside it.
    pub blocks_of_work: String,
    /// Work it holds when it is full; null until the pool is set up.
    pub blocks_of_work_max: Option<String>,
}

/// Where payouts stand.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PayoutState {
    /// Why payouts are paused; null while they are not.
    pub paused_reason: Option<String>,
    /// The payout that is not final yet.
    pub open: Option<PayoutSummary>,
    /// When the newest payout was reserved.
    pub last_reserved_at_ms: Option<u64>,
    /// Earliest time of the next one; null while none was made or nothing is set up.
    pub next_earliest_at_ms: Option<u64>,
    /// Who would be paid now, the largest balances first.
    pub queue: PayoutQueue,
}

/// Balances that reach their threshold and are not held, counted at most a second before.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PayoutQueue {
    /// Log index they were counted at; not below `min_index` when that was given.
    pub index: u64,
    /// How many miners; counted up to ten thousand.
    pub miners: u64,
    /// Their balances.
    pub amount_atomic: Decimal,
}

impl Pool {
    /// With a count of who waits to be paid that was made before.
    pub(crate) fn with_queue(
        view: &LedgerView<'_>,
        queue: PayoutQueue,
    ) -> Result<Self, StateError> {
        let settings = view.settings()?;
        let totals = view.totals()?;
        let time_ms = view.time_ms()?;
        Ok(Self {
            digest: Hash(view.digest()?),
            hashrate: totals.hashrate,
            hashrates: Hashrates::new(
                totals.hashrate,
                &view.pool_series(last_day(time_ms))?,
                time_ms,
            ),
            last_block_found_at_ms: view.blocks(None, 1)?.first().map(|block| block.found_at_ms),
            accounts: view.accounts()?.into(),
            window: Window {
                blocks_of_work: blocks_of_work(totals.window_score),
                blocks_of_work_max: settings
                    .as_ref()
                    .and_then(|settings| ratio(settings.pplns_window_milli.into(), MILLI)),
            },
            round_effort: blocks_of_work(totals.round_score),
            payouts: PayoutState::read(view, settings.as_ref(), queue)?,
            totals: totals.into(),
            settings: settings.map(PoolSettings::from),
        })
    }
}

impl PayoutState {
    fn read(
        view: &LedgerView<'_>,
        settings: Option<&Settings>,
        queue: PayoutQueue,
    ) -> Result<Self, StateError> {
        let last_reserved_at_ms = time_ms(view.last_payout_ms()?);
        Ok(Self {
            paused_reason: view.payouts_paused()?,
            open: view.open_payout()?.as_ref().map(PayoutSummary::from),
            queue,
            last_reserved_at_ms,
            next_earliest_at_ms: last_reserved_at_ms
                .zip(settings)
                .map(|(last_ms, settings)| last_ms.saturating_add(settings.payout_interval_ms)),
        })
    }
}

/// Most miners that the queue counts.
const QUEUE_MAX: usize = 10_000;

impl PayoutQueue {
    pub(crate) fn read(view: &LedgerView<'_>) -> Result<Self, StateError> {
        let payable = match view.settings()? {
            Some(settings) => view.payable(settings.payout_threshold_atomic, QUEUE_MAX)?,
            None => Vec::new(),
        };
        let amount: u128 = payable
            .iter()
            .map(|(_, balance)| u128::from(*balance))
            .sum();
        Ok(Self {
            index: view.index()?,
            miners: payable.len() as u64,
            amount_atomic: amount.into(),
        })
    }
}

impl From<Settings> for PoolSettings {
    fn from(settings: Settings) -> Self {
        let schemes = offered(&settings).map(|scheme| OfferedScheme {
            name: scheme_name(scheme),
            fee_bps: fee_bps(&settings, scheme),
            is_default: settings.default_scheme == scheme as i32,
        });
        Self {
            schemes: schemes.collect(),
            network_fee_payer: payer_name(settings.network_fee_payer()),
            network: settings.network,
            pool_address: settings.pool_address,
            payout_threshold_atomic: settings.payout_threshold_atomic.into(),
            payout_interval_ms: settings.payout_interval_ms,
            payout_payees_max: settings.payout_payees_max,
            payout_daily_limit_atomic: (settings.payout_daily_limit_atomic > 0)
                .then(|| settings.payout_daily_limit_atomic.into()),
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
        let by_scheme = [
            ("pplns", accounts.fees_pplns_atomic),
            ("solo", accounts.fees_solo_atomic),
            ("pps", accounts.fees_pps_atomic),
            ("fpps", accounts.fees_fpps_atomic),
        ];
        let by_scheme = by_scheme.into_iter();
        Self {
            income_atomic: accounts.income_atomic.into(),
            expected_atomic: accounts.expected_atomic.into(),
            deposits_atomic: accounts.deposits_atomic.into(),
            reconciled_atomic: accounts.reconciled_atomic.into(),
            balances_atomic: accounts.balances_atomic.into(),
            in_flight_atomic: accounts.in_flight_atomic.into(),
            paid_atomic: accounts.paid_atomic.into(),
            network_fees_atomic: accounts.network_fees_atomic.into(),
            network_fees_pool_atomic: accounts.network_fees_pool_atomic.into(),
            immature_atomic: accounts.immature_atomic.into(),
            undistributed_atomic: accounts.undistributed_atomic.into(),
            pool_fees_atomic: accounts.pool_fees_atomic().into(),
            reserve_atomic: accounts.reserve_atomic.into(),
            fee_budget_atomic: accounts.fee_budget_atomic.into(),
            rounding_atomic: accounts.rounding_atomic.into(),
            donations_atomic: accounts.donations_atomic.into(),
            pool_fees_by_scheme_atomic: by_scheme
                .map(|(scheme, fees)| (scheme, fees.into()))
                .collect(),
            liabilities_atomic: accounts.owed_atomic().into(),
        }
    }
}
