//! The pool's settings: what is allowed in them, and their change as a command with an author.

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::books::Books;
use crate::command::{ChangeSettings, Scheme, Settings};
use crate::key;
use crate::{Outcome, Rejection};

/// Most bytes of an address.
pub const ADDRESS_BYTES_MAX: usize = 128;
/// Most bytes of a worker's name.
pub const WORKER_BYTES_MAX: usize = 128;
/// Largest PPLNS window, in thousandths of the expected work of a block.
pub const WINDOW_MILLI_MAX: u32 = 100_000;
/// Most payees of a transaction: the chain's own bound.
pub const PAYEES_MAX: u32 = 255;

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
    if settings.pplns_fee_bps > 10_000 {
        return Err(invalid("pplns_fee_bps", "must be at most 10000 (100 %)"));
    }
    if settings.solo_fee_bps > 10_000 {
        return Err(invalid("solo_fee_bps", "must be at most 10000 (100 %)"));
    }
    if !(1..=WINDOW_MILLI_MAX).contains(&settings.pplns_window_milli) {
        return Err(invalid(
            "pplns_window_milli",
            "must be 1 to 100000 (2000 is two blocks)",
        ));
    }
    match Scheme::try_from(settings.default_scheme) {
        Ok(Scheme::Pplns | Scheme::Solo) => {}
        _ => return Err(invalid("default_scheme", "must be pplns or solo")),
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
    Ok(())
}

/// Whether miners may choose `scheme` for new work.
pub fn is_offered(settings: &Settings, scheme: Scheme) -> bool {
    match scheme {
        Scheme::Unspecified => false,
        Scheme::Pplns => settings.pplns_offered,
        Scheme::Solo => settings.solo_offered,
    }
}

/// The pool's fee for blocks of `scheme`.
pub fn fee_bps(settings: &Settings, scheme: Scheme) -> u32 {
    match scheme {
        Scheme::Unspecified | Scheme::Pplns => settings.pplns_fee_bps,
        Scheme::Solo => settings.solo_fee_bps,
    }
}

pub(crate) fn check_address(field: &'static str, address: &str) -> Result<(), Rejection> {
    match address.len() {
        0 => Err(invalid(field, "must not be empty")),
        1..=ADDRESS_BYTES_MAX => Ok(()),
        _ => Err(invalid(field, "must be at most 128 bytes long")),
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
