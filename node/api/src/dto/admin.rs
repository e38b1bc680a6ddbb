//! What operators ask over the admin socket, and what they are answered.
//!
//! These types are read as well as written: the command line uses the same ones. Settings have
//! the keys and values of the configuration's `[settings]` section, except that amounts are
//! decimal text, as everywhere.

use raftpool_ledger::StateError;
use raftpool_ledger::cluster::Leadership;
use raftpool_ledger::command::{Scheme, Settings};
use raftpool_ledger::view::{self, Audit, LedgerView, scheme_name};
use serde::{Deserialize, Serialize};

use super::Decimal;
use super::payout::PayoutDetail;

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
    /// The settings in force; null until the pool is set up.
    pub settings: Option<AdminSettings>,
    /// The newest changes that were made by hand, newest first.
    pub changes: Vec<ChangeByHand>,
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

/// A change that was made by hand, or by a node that stopped payouts.
#[derive(Debug, Serialize)]
pub struct ChangeByHand {
    /// Log index of the change.
    pub index: u64,
    /// When it was made.
    pub time_ms: u64,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// "settings_changed", "payouts_paused", "payouts_resumed", "token_made", "token_revoked",
    /// "token_required" or "token_not_required".
    /// "settings_changed", "payouts_paused", "payouts_resumed" or "ban_lifted".
    pub change: &'static str,
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
    /// "payouts_paused", "payouts_resumed", "payout_released", "settings_changed" or "ban_lifted".
    pub change: &'static str,
    /// The payout that was released; null for everything else.
    pub payout_id: Option<u64>,
}

/// The settings name something that does not exist, or a number no ledger can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No such scheme.
    #[error("{field}: scheme \"{name}\" is unknown; known are pplns and solo")]
    UnknownScheme {
        /// Which field.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// More than 64 bits.
    #[error("payout_threshold_atomic: {0} is more than there can be")]
    TooLarge(u128),
}

impl Status {
    pub(crate) fn read(view: &LedgerView<'_>, source: Source) -> Result<Self, StateError> {
        let changes = view.audits(None, CHANGES_SHOWN)?;
        Ok(Self {
            source,
            payouts_paused_reason: view.payouts_paused()?,
            open_payout: view.open_payout()?.map(PayoutDetail::from),
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

impl From<Audit> for ChangeByHand {
    fn from(audit: Audit) -> Self {
        Self {
            index: audit.index,
            time_ms: audit.time_ms,
            author: audit.author,
            reason: audit.reason,
            change: match audit.change {
                view::Change::Settings(_) => "settings_changed",
                view::Change::Paused => "payouts_paused",
                view::Change::Resumed => "payouts_resumed",
                view::Change::TokenMade { .. } => "token_made",
                view::Change::TokenRevoked { .. } => "token_revoked",
                view::Change::TokenRequired {
                    is_required: true, ..
                } => "token_required",
                view::Change::TokenRequired { .. } => "token_not_required",
                view::Change::BanLifted { .. } => "ban_lifted",
            },
        }
    }
}

impl From<Settings> for AdminSettings {
    fn from(settings: Settings) -> Self {
        let all = [
            (Scheme::Pplns, settings.pplns_offered),
            (Scheme::Solo, settings.solo_offered),
        ];
        let offered = all.into_iter().filter(|(_, is_offered)| *is_offered);
        Self {
            schemes: offered
                .map(|(scheme, _)| scheme_name(scheme).into())
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
        }
    }
}

impl TryFrom<AdminSettings> for Settings {
    type Error = SettingsError;

    /// Only what cannot be said in the ledger's own terms fails; the ledger judges the rest.
    fn try_from(settings: AdminSettings) -> Result<Self, SettingsError> {
        let mut offered = Vec::new();
        for name in &settings.schemes {
            offered.push(scheme("schemes", name)?);
        }
        let Decimal(threshold) = settings.payout_threshold_atomic;
        Ok(Self {
            network: settings.network,
            pool_address: settings.pool_address,
            pplns_fee_bps: settings.pplns_fee_bps,
            solo_fee_bps: settings.solo_fee_bps,
            pplns_window_milli: settings.pplns_window_milli,
            pplns_offered: offered.contains(&Scheme::Pplns),
            solo_offered: offered.contains(&Scheme::Solo),
            default_scheme: scheme("default_scheme", &settings.default_scheme)?.into(),
            payout_threshold_atomic: u64::try_from(threshold)
                .map_err(|_| SettingsError::TooLarge(threshold))?,
            payout_interval_ms: settings.payout_interval_ms,
            payout_payees_max: settings.payout_payees_max,
        })
    }
}

fn scheme(field: &'static str, name: &str) -> Result<Scheme, SettingsError> {
    let known = [Scheme::Pplns, Scheme::Solo];
    let found = known.into_iter().find(|known| scheme_name(*known) == name);
    found.ok_or_else(|| SettingsError::UnknownScheme {
        field,
        name: crate::parameters::shorten(name),
    })
}
