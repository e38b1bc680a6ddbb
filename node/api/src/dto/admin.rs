//! What operators ask over the admin socket, and what they are answered.
//!
//! These types are read as well as written: the command line uses the same ones. Settings have
//! the keys and values of the configuration's `[settings]` section, except that amounts are
//! decimal text, as everywhere.

use raftpool_ledger::StateError;
use raftpool_ledger::cluster::Leadership;
use raftpool_ledger::command::{NetworkFeePayer, Scheme, Settings};
use raftpool_ledger::settings::{offer, offered, scheme_of_name};
use raftpool_ledger::view::{LedgerView, scheme_name};
use serde::{Deserialize, Serialize};

use super::Decimal;
use super::change::ChangeByHand;
use super::payout::PayoutDetail;
use super::rules::NonceInsight;
use super::stray::StrayCounts;

/// Newest changes by hand that a status shows.
const CHANGES_SHOWN: usize = 5;

/// The answer of `/admin/v1/status`.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// Why payouts are paused; null while they are not.
    pub payouts_paused_reason: Option<String>,
    /// The payout that is not final yet, with its signed transactions.
    pub open_payout: Option<PayoutDetail>,
    /// Blocks that pay the pool and are not in its books.
    pub stray_blocks: StrayCounts,
    /// Who approved the open payout; null unless somebody has.
    pub approval: Option<Approval>,
    /// What the chain says of its nonce, as this node has seen it while leading; null otherwise.
    pub nonce: Option<NonceInsight>,
    /// The settings in force; null until the pool is set up.
    pub settings: Option<AdminSettings>,
    /// The newest changes that were made by hand, newest first.
    pub changes: Vec<ChangeByHand>,
}

/// Who let a payout be signed.
#[derive(Debug, Serialize)]
pub struct Approval {
    /// The operator.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub approved_at_ms: u64,
}

/// The answer of `GET /admin/v1/settings`.
#[derive(Debug, Serialize)]
pub struct SettingsInForce {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// The settings in force; null until the pool is set up.
    pub settings: Option<AdminSettings>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Source {
    /// The node that answers.
    pub node_id: u64,
    /// The leader, when known.
    pub leader_id: Option<u64>,
    /// The current term.
    pub term: u64,
    /// Whether the answer has everything that was committed before it was asked for; when no
    /// leader confirms that, it may be old.
    pub is_current: bool,
}

/// The pool's settings: the whole set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminSettings {
    /// Name of the chain's network; cannot be changed.
    pub network: String,
    /// The address blocks pay to; cannot be changed.
    pub pool_address: String,
    /// Fee of PPLNS.
    pub pplns_fee_bps: u32,
    /// Fee of solo mining.
    pub solo_fee_bps: u32,
    /// Window of PPLNS, in thousandths of a block's expected work.
    pub pplns_window_milli: u32,
    /// Schemes a miner may choose.
    pub schemes: Vec<String>,
    /// Scheme of a miner who does not choose.
    pub default_scheme: String,
    /// Smallest balance that is paid out.
    pub payout_threshold_atomic: Decimal,
    /// Earliest time between two payouts.
    pub payout_interval_ms: u64,
    /// Most payees of one transaction.
    pub payout_payees_max: u32,
    /// Fee of PPS.
    pub pps_fee_bps: u32,
    /// Fee of FPPS.
    pub fpps_fee_bps: u32,
    /// Probability that the reserve of PPS and FPPS is ever used up, for which the required
    /// reserve is computed, in millionths.
    pub reserve_ruin_per_million: u32,
    /// Below it new work of PPS and FPPS is booked under PPLNS.
    pub reserve_floor_atomic: Decimal,
    /// The part of the pool's fees that goes to the donations.
    pub donation_bps: u32,
    /// Most that a day's payouts take from balances; "0": no limit.
    #[serde(default)]
    pub payout_daily_limit_atomic: Decimal,
    /// A payout that takes more waits for an approval; null: none does.
    #[serde(default)]
    pub payout_approval_above_atomic: Option<Decimal>,
    /// Who bears the network fee of payouts: "miners" or "pool".
    #[serde(default = "miners")]
    pub network_fee_payer: String,
}

/// The body of `POST /admin/v1/payouts/pause` and `.../resume`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Who asks.
    pub author: String,
    /// Why; the reason of a pause is public.
    pub reason: String,
}

/// The body of `POST /admin/v1/funds/move`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveRequest {
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Name of the account it comes from.
    pub from: String,
    /// Name of the account it goes to.
    pub to: String,
    /// Whose balance it goes to, when `to` is "mature".
    #[serde(default)]
    pub miner: Option<String>,
    /// How much.
    pub amount_atomic: Decimal,
}

/// The answer of `GET /admin/v1/ledger/verify`, beside the index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verified {
    /// Digest of the books that were verified, hexadecimal.
    pub digest: String,
    /// Each broken invariant, with what was found; empty when all hold.
    pub violations: Vec<String>,
}

impl Verified {
    /// Verifies the whole books.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn read(view: &LedgerView<'_>) -> Result<Self, StateError> {
        let violations = view.verify()?.into_iter();
        Ok(Self {
            digest: hex::encode(view.digest()?),
            violations: violations
                .map(|violation| format!("{}: {}", violation.id, violation.detail))
                .collect(),
        })
    }
}

/// The body of `POST /admin/v1/payouts/release`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Who asks.
    pub author: String,
    /// Why; it is public.
    pub reason: String,
    /// The payout that is meant; when not given, the open one.
    #[serde(default)]
    pub payout_id: Option<u64>,
}

/// The body of `POST /admin/v1/settings`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsRequest {
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The settings as they shall be.
    pub settings: AdminSettings,
    /// The settings that whoever asks believes in force; when given and wrong, nothing changes.
    #[serde(default)]
    pub replaces: Option<AdminSettings>,
}

/// The answer to a change that was made: it is committed and applied.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// Log index of the change.
    pub index: u64,
    /// As in [`ChangeByHand::change`], or "payout_released".
    pub change: &'static str,
    /// The payout that it is about; null when it is about none.
    pub payout_id: Option<u64>,
}

/// The settings name something that does not exist, or a number no ledger can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No such scheme.
    #[error("{field}: scheme \"{name}\" is unknown; known are pplns, pps, fpps and solo")]
    UnknownScheme {
        /// Which field.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// More than 64 bits.
    #[error("{field}: {amount} is more than there can be")]
    TooLarge {
        /// Which field.
        field: &'static str,
        /// The amount.
        amount: u128,
    },
    /// Nobody of that name bears a fee.
    #[error("network_fee_payer: \"{0}\" is unknown; known are miners and pool")]
    UnknownPayer(String),
}

impl Status {
    pub(crate) fn read(
        view: &LedgerView<'_>,
        source: Source,
        nonce: Option<NonceInsight>,
    ) -> Result<Self, StateError> {
        let open = view.open_payout()?;
        let approval = open.as_ref().and_then(|payout| payout.approval.clone());
        let changes = view.audits(None, CHANGES_SHOWN)?;
        Ok(Self {
            source,
            payouts_paused_reason: view.payouts_paused()?,
            stray_blocks: StrayCounts::read(view)?,
            approval: approval.map(|approval| Approval {
                author: approval.author,
                reason: approval.reason,
                approved_at_ms: approval.approved_at_ms,
            }),
            nonce,
            open_payout: open.map(PayoutDetail::from),
            settings: view.settings()?.map(AdminSettings::from),
            changes: changes.into_iter().map(ChangeByHand::from).collect(),
        })
    }
}

impl Source {
    pub(crate) fn new(leadership: Leadership, is_current: bool) -> Self {
        let Leadership {
            node_id,
            term,
            leader_id,
        } = leadership;
        Self {
            node_id,
            leader_id,
            term,
            is_current,
        }
    }
}

impl From<Settings> for AdminSettings {
    fn from(settings: Settings) -> Self {
        let payer = payer_name(settings.network_fee_payer());
        Self {
            schemes: offered(&settings)
                .map(|scheme| scheme_name(scheme).into())
                .collect(),
            default_scheme: scheme_name(settings.default_scheme()).into(),
            network: settings.network,
            pool_address: settings.pool_address,
            pplns_fee_bps: settings.pplns_fee_bps,
            solo_fee_bps: settings.solo_fee_bps,
            pplns_window_milli: settings.pplns_window_milli,
            payout_threshold_atomic: settings.payout_threshold_atomic.into(),
            payout_interval_ms: settings.payout_interval_ms,
            payout_payees_max: settings.payout_payees_max,
            pps_fee_bps: settings.pps_fee_bps,
            fpps_fee_bps: settings.fpps_fee_bps,
            reserve_ruin_per_million: settings.reserve_ruin_per_million,
            reserve_floor_atomic: settings.reserve_floor_atomic.into(),
            donation_bps: settings.donation_bps,
            payout_daily_limit_atomic: settings.payout_daily_limit_atomic.into(),
            payout_approval_above_atomic: settings.payout_approval_above_atomic.map(Decimal::from),
            network_fee_payer: payer.into(),
        }
    }
}

/// Name of whoever bears the network fee, as in the configuration.
pub(crate) fn payer_name(payer: NetworkFeePayer) -> &'static str {
    match payer {
        NetworkFeePayer::Miners => "miners",
        NetworkFeePayer::Pool => "pool",
    }
}

fn payer(name: &str) -> Result<NetworkFeePayer, SettingsError> {
    match name {
        "miners" => Ok(NetworkFeePayer::Miners),
        "pool" => Ok(NetworkFeePayer::Pool),
        other => Err(SettingsError::UnknownPayer(crate::parameters::shorten(
            other,
        ))),
    }
}

fn miners() -> String {
    payer_name(NetworkFeePayer::Miners).into()
}

fn atomic(field: &'static str, Decimal(amount): Decimal) -> Result<u64, SettingsError> {
    u64::try_from(amount).map_err(|_| SettingsError::TooLarge { field, amount })
}

impl TryFrom<AdminSettings> for Settings {
    type Error = SettingsError;

    /// Only what cannot be said in the ledger's own terms fails; the ledger judges the rest.
    fn try_from(settings: AdminSettings) -> Result<Self, SettingsError> {
        let mut offered = Vec::new();
        for name in &settings.schemes {
            offered.push(scheme("schemes", name)?);
        }
        let above = settings.payout_approval_above_atomic;
        let above = above.map(|above| atomic("payout_approval_above_atomic", above));
        let threshold = settings.payout_threshold_atomic;
        let limit = settings.payout_daily_limit_atomic;
        let mut ledger = Self {
            network: settings.network,
            pool_address: settings.pool_address,
            pplns_fee_bps: settings.pplns_fee_bps,
            solo_fee_bps: settings.solo_fee_bps,
            pplns_window_milli: settings.pplns_window_milli,
            default_scheme: scheme("default_scheme", &settings.default_scheme)?.into(),
            payout_threshold_atomic: atomic("payout_threshold_atomic", threshold)?,
            payout_interval_ms: settings.payout_interval_ms,
            payout_payees_max: settings.payout_payees_max,
            pps_fee_bps: settings.pps_fee_bps,
            fpps_fee_bps: settings.fpps_fee_bps,
            reserve_ruin_per_million: settings.reserve_ruin_per_million,
            reserve_floor_atomic: atomic("reserve_floor_atomic", settings.reserve_floor_atomic)?,
            donation_bps: settings.donation_bps,
            payout_daily_limit_atomic: atomic("payout_daily_limit_atomic", limit)?,
            payout_approval_above_atomic: above.transpose()?,
            network_fee_payer: payer(&settings.network_fee_payer)?.into(),
            ..Self::default()
        };
        offer(&mut ledger, &offered);
        Ok(ledger)
    }
}

pub(crate) fn scheme(field: &'static str, name: &str) -> Result<Scheme, SettingsError> {
    scheme_of_name(name).ok_or_else(|| SettingsError::UnknownScheme {
        field,
        name: crate::parameters::shorten(name),
    })
}
