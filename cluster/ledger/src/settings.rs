//! The pool's settings: what is allowed in them, and their change as a command with an author.

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::books::Books;
use crate::command::{ChangeSettings, NetworkFeePayer, Scheme, Settings};
use crate::invariant::MAX_SUPPLY_ATOMIC;
use crate::key;
use crate::view::scheme_name;
use crate::{Outcome, Rejection};

/// Most bytes of an address.
pub const ADDRESS_BYTES_MAX: usize = 128;
/// Most bytes of a worker's name.
pub const WORKER_BYTES_MAX: usize = 128;
/// Most bytes of the reason of a change.
pub const REASON_BYTES_MAX: usize = 500;
/// Largest PPLNS window, in thousandths of the expected work of a block.
pub const WINDOW_MILLI_MAX: u32 = 100_000;
/// Most payees of a transaction: the chain's own bound.
pub const PAYEES_MAX: u32 = 255;

/// Highest probability of ruin a reserve can be planned for, in millionths.
pub const RUIN_PER_MILLION_MAX: u32 = 500_000;

const NETWORKS: [&str; 4] = ["mainnet", "testnet", "stagenet", "devnet"];

pub(crate) fn change(
    books: &mut Books<'_>,
    present: Option<Settings>,
    command: &ChangeSettings,
) -> Result<Outcome, Stop> {
    let Some(settings) = &command.settings else {
        return Err(invalid("settings", "are missing: give the whole set").into());
    };
    check_settings(settings)?;
    if let Some(present) = present {
        check_fixed("network", &present.network, &settings.network)?;
        check_fixed(
            "pool_address",
            &present.pool_address,
            &settings.pool_address,
        )?;
    }
    books.put(key::settings(), settings);
    audit(
        books,
        &command.reason,
        row::audit::Change::Settings(settings.clone()),
    );
    Ok(Outcome::SettingsChanged)
}

/// Refuses settings with which the ledger could not do its work.
///
/// # Errors
/// Names the first field that is out of bounds, and the bounds.
pub fn check_settings(settings: &Settings) -> Result<(), Rejection> {
    if !NETWORKS.contains(&settings.network.as_str()) {
        return Err(invalid(
            "network",
            "must be mainnet, testnet, stagenet or devnet",
        ));
    }
    check_address("pool_address", &settings.pool_address)?;
    for (field, part_bps) in [
        ("pplns_fee_bps", settings.pplns_fee_bps),
        ("solo_fee_bps", settings.solo_fee_bps),
        ("pps_fee_bps", settings.pps_fee_bps),
        ("fpps_fee_bps", settings.fpps_fee_bps),
        ("donation_bps", settings.donation_bps),
    ] {
        if part_bps > 10_000 {
            return Err(invalid(field, "must be at most 10000 (100 %)"));
        }
    }
    check_reserve(settings)?;
    if !(1..=WINDOW_MILLI_MAX).contains(&settings.pplns_window_milli) {
        return Err(invalid(
            "pplns_window_milli",
            "must be 1 to 100000 (2000 is two blocks)",
        ));
    }
    match Scheme::try_from(settings.default_scheme) {
        Ok(Scheme::Pplns | Scheme::Solo | Scheme::Pps | Scheme::Fpps) => {}
        _ => {
            return Err(invalid(
                "default_scheme",
                "must be pplns, solo, pps or fpps",
            ));
        }
    }
    if !is_offered(settings, settings.default_scheme()) {
        return Err(invalid(
            "default_scheme",
            "must be one of the offered schemes",
        ));
    }
    if settings.payout_threshold_atomic == 0 {
        return Err(invalid("payout_threshold_atomic", "must be above 0"));
    }
    if !(1..=PAYEES_MAX).contains(&settings.payout_payees_max) {
        return Err(invalid("payout_payees_max", "must be 1 to 255"));
    }
    check_payout_rules(settings)
}

fn check_payout_rules(settings: &Settings) -> Result<(), Rejection> {
    let (limit, threshold) = (
        settings.payout_daily_limit_atomic,
        settings.payout_threshold_atomic,
    );
    if limit > 0 && limit < threshold {
        let problem = format!(
            "must be 0 for no limit, or at least the threshold, which is {threshold}: less would \
             pay nobody"
        );
        return Err(invalid("payout_daily_limit_atomic", problem));
    }
    match NetworkFeePayer::try_from(settings.network_fee_payer) {
        Ok(_) => Ok(()),
        Err(_) => Err(invalid("network_fee_payer", "must be miners or pool")),
    }
}

/// Whether the pool bears the network fee of payouts.
pub fn is_fee_borne_by_pool(settings: &Settings) -> bool {
    settings.network_fee_payer() == NetworkFeePayer::Pool
}

fn check_reserve(settings: &Settings) -> Result<(), Rejection> {
    let is_needed = settings.pps_offered || settings.fpps_offered;
    if is_needed && !(1..=RUIN_PER_MILLION_MAX).contains(&settings.reserve_ruin_per_million) {
        return Err(invalid(
            "reserve_ruin_per_million",
            "must be 1 to 500000 (1000 is 0.1 %) where pps or fpps is offered",
        ));
    }
    if settings.reserve_floor_atomic > MAX_SUPPLY_ATOMIC {
        return Err(invalid(
            "reserve_floor_atomic",
            "must be at most the supply there can be",
        ));
    }
    Ok(())
}

/// Every scheme there is.
pub const SCHEMES: [Scheme; 4] = [Scheme::Pplns, Scheme::Pps, Scheme::Fpps, Scheme::Solo];

/// The scheme of this name ([`scheme_name`]), in any case of letters.
pub fn scheme_of_name(name: &str) -> Option<Scheme> {
    let named = |scheme: &Scheme| scheme_name(*scheme).eq_ignore_ascii_case(name);
    SCHEMES.into_iter().find(named)
}

/// Offers these schemes and no others.
pub fn offer(settings: &mut Settings, schemes: &[Scheme]) {
    settings.pplns_offered = schemes.contains(&Scheme::Pplns);
    settings.solo_offered = schemes.contains(&Scheme::Solo);
    settings.pps_offered = schemes.contains(&Scheme::Pps);
    settings.fpps_offered = schemes.contains(&Scheme::Fpps);
}

/// What miners may choose for new work, in the order of [`SCHEMES`].
pub fn offered(settings: &Settings) -> impl Iterator<Item = Scheme> + '_ {
    SCHEMES
        .into_iter()
        .filter(|scheme| is_offered(settings, *scheme))
}

/// Whether miners may choose `scheme` for new work.
pub fn is_offered(settings: &Settings, scheme: Scheme) -> bool {
    match scheme {
        Scheme::Unspecified => false,
        Scheme::Pplns => settings.pplns_offered,
        Scheme::Solo => settings.solo_offered,
        Scheme::Pps => settings.pps_offered,
        Scheme::Fpps => settings.fpps_offered,
    }
}

/// The pool's fee for blocks of `scheme`.
pub fn fee_bps(settings: &Settings, scheme: Scheme) -> u32 {
    match scheme {
        Scheme::Unspecified | Scheme::Pplns => settings.pplns_fee_bps,
        Scheme::Solo => settings.solo_fee_bps,
        Scheme::Pps => settings.pps_fee_bps,
        Scheme::Fpps => settings.fpps_fee_bps,
    }
}

pub(crate) fn check_address(field: &'static str, address: &str) -> Result<(), Rejection> {
    match address.len() {
        0 => Err(invalid(field, "must not be empty")),
        1..=ADDRESS_BYTES_MAX => Ok(()),
        _ => Err(invalid(field, "must be at most 128 bytes long")),
    }
}

/// Refuses what cannot be kept beside a change as its reason.
pub(crate) fn check_reason(reason: &str) -> Result<(), Rejection> {
    if reason.trim().is_empty() {
        return Err(invalid("reason", "must not be empty"));
    }
    match reason.len() {
        0..=REASON_BYTES_MAX => Ok(()),
        _ => Err(invalid("reason", "must be at most 500 bytes long")),
    }
}

pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Rejection {
    Rejection::Invalid {
        field,
        problem: problem.into(),
    }
}

/// Keeps who changed what, and why, beside the state it changed.
pub(crate) fn audit(books: &mut Books<'_>, reason: &str, change: row::audit::Change) {
    let index = books.entry.index;
    let audit = row::Audit {
        index,
        time_ms: books.time_ms,
        author: books.author.to_owned(),
        reason: reason.to_owned(),
        change: Some(change),
    };
    books.put(key::audit(index), &audit);
}

fn check_fixed(field: &'static str, current: &str, given: &str) -> Result<(), Rejection> {
    if current == given {
        return Ok(());
    }
    Err(Rejection::Fixed {
        field,
        current: current.to_owned(),
        given: given.to_owned(),
    })
}
