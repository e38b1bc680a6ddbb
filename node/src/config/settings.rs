//! The section that is proposed as a command: what changes money.

use raftpool_ledger::command::{NetworkFeePayer, Scheme, Settings};
use raftpool_ledger::settings::{check_settings, offer, scheme_of_name};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ConfigError;
use super::sections::RawConfig;

/// `[settings]`: read when the cluster is created, and by `raftpool pool apply`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsSection {
    /// Fee of PPLNS, in hundredths of a percent.
    pub pplns_fee_bps: u32,
    /// Fee of solo mining, in hundredths of a percent.
    pub solo_fee_bps: u32,
    /// Window of PPLNS, in thousandths of a block's expected work.
    pub pplns_window_milli: u32,
    /// Fee of PPS, in hundredths of a percent.
    pub pps_fee_bps: u32,
    /// Fee of FPPS, in hundredths of a percent.
    pub fpps_fee_bps: u32,
    /// Probability that the reserve of PPS and FPPS is ever used up, for which the required
    /// reserve is computed, in millionths.
    pub reserve_ruin_per_million: u32,
    /// Below it new work of PPS and FPPS is booked under PPLNS, in atomic units.
    pub reserve_floor_atomic: u64,
    /// The part of the pool's fees that goes to the donations, in hundredths of a percent.
    pub donation_bps: u32,
    /// Schemes a miner may choose: "pplns", "pps", "fpps", "solo".
    pub schemes: Vec<String>,
    /// Scheme of a miner who does not choose.
    pub default_scheme: String,
    /// Smallest balance that is paid out, in atomic units (1e-8 XEL).
    pub payout_threshold_atomic: u64,
    /// Earliest time between two payouts.
    pub payout_interval_ms: u64,
    /// Most payees of one transaction.
    pub payout_payees_max: u32,
    /// Most that the payouts of a day (UTC) take from balances, in atomic units; 0: no limit.
    pub payout_daily_limit_atomic: u64,
    /// A payout that takes more waits for an operator's approval; not given: none does, 0: every
    /// one does.
    pub payout_approval_above_atomic: Option<u64>,
    /// Who bears the network fee of payouts: "miners" or "pool".
    pub network_fee_payer: String,
}

impl Default for SettingsSection {
    fn default() -> Self {
        Self {
            pplns_fee_bps: 100,
            solo_fee_bps: 100,
            pplns_window_milli: 2_000,
            pps_fee_bps: 200,
            fpps_fee_bps: 300,
            reserve_ruin_per_million: 1_000,
            reserve_floor_atomic: 0,
            donation_bps: 0,
            schemes: vec!["pplns".into(), "solo".into()],
            default_scheme: "pplns".into(),
            payout_threshold_atomic: 10_000_000,
            payout_interval_ms: 3_600_000,
            payout_payees_max: 255,
            payout_daily_limit_atomic: 0,
            payout_approval_above_atomic: None,
            network_fee_payer: "miners".into(),
        }
    }
}

impl SettingsSection {
    /// The settings as the ledger knows them.
    ///
    /// # Errors
    /// When a scheme or the bearer of the network fee is unknown, or the ledger refuses them.
    pub fn to_ledger(&self, config: &RawConfig) -> Result<Settings, ConfigError> {
        let mut offered = Vec::new();
        for name in &self.schemes {
            offered.push(scheme("settings.schemes", name)?);
        }
        let default_scheme = scheme("settings.default_scheme", &self.default_scheme)?;
        let mut settings = Settings {
            network: config.pool.network.to_string(),
            pool_address: config.pool.address.clone(),
            pplns_fee_bps: self.pplns_fee_bps,
            solo_fee_bps: self.solo_fee_bps,
            pplns_window_milli: self.pplns_window_milli,
            default_scheme: default_scheme.into(),
            payout_threshold_atomic: self.payout_threshold_atomic,
            payout_interval_ms: self.payout_interval_ms,
            payout_payees_max: self.payout_payees_max,
            pps_fee_bps: self.pps_fee_bps,
            fpps_fee_bps: self.fpps_fee_bps,
            reserve_ruin_per_million: self.reserve_ruin_per_million,
            reserve_floor_atomic: self.reserve_floor_atomic,
            donation_bps: self.donation_bps,
            payout_daily_limit_atomic: self.payout_daily_limit_atomic,
            payout_approval_above_atomic: self.payout_approval_above_atomic,
            network_fee_payer: fee_payer(&self.network_fee_payer)?.into(),
            ..Settings::default()
        };
        offer(&mut settings, &offered);
        // The ledger has the last word on what it takes, so it is asked here as well.
        match check_settings(&settings) {
            Ok(()) => Ok(settings),
            Err(rejection) => Err(ConfigError::Value {
                key: "settings",
                problem: rejection.to_string(),
            }),
        }
    }
}

pub(super) fn scheme(key: &'static str, name: &str) -> Result<Scheme, ConfigError> {
    scheme_of_name(name).ok_or_else(|| ConfigError::Value {
        key,
        problem: format!("scheme `{name}` is unknown; known are pplns, pps, fpps and solo"),
    })
}

fn fee_payer(name: &str) -> Result<NetworkFeePayer, ConfigError> {
    match name {
        "miners" => Ok(NetworkFeePayer::Miners),
        "pool" => Ok(NetworkFeePayer::Pool),
        other => Err(ConfigError::Value {
            key: "settings.network_fee_payer",
            problem: format!("`{other}` is unknown; known are miners and pool"),
        }),
    }
}
