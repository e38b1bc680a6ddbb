//! Settings as lines of the configuration file, and what changes between two sets of them.

use raftpool_api::dto::admin::AdminSettings;

/// The whole set, one key of the configuration file a line.
pub(crate) fn listing(settings: &AdminSettings) -> String {
    let lines = lines(settings);
    lines
        .iter()
        .map(|(key, value)| match value.as_str() {
            NEVER => format!("# {key} is not set: no payout needs an approval\n"),
            value => format!("{key} = {value}\n"),
        })
        .collect()
}

/// What would change, line by line; empty when nothing would.
pub(crate) fn difference(present: &AdminSettings, wanted: &AdminSettings) -> String {
    let mut text = String::new();
    for ((key, old), (_, new)) in lines(present).iter().zip(&lines(wanted)) {
        if old != new {
            text += &format!("- {key} = {old}\n+ {key} = {new}\n");
        }
    }
    text
}

fn lines(settings: &AdminSettings) -> Vec<(&'static str, String)> {
    // Taken apart by name, so that no setting can be forgotten here.
    let AdminSettings {
        network,
        pool_address,
        pplns_fee_bps,
        solo_fee_bps,
        pplns_window_milli,
        schemes,
        default_scheme,
        payout_threshold_atomic,
        payout_interval_ms,
        payout_payees_max,
        pps_fee_bps,
        fpps_fee_bps,
        reserve_ruin_per_million,
        reserve_floor_atomic,
        donation_bps,
        payout_daily_limit_atomic,
        payout_approval_above_atomic,
        network_fee_payer,
    } = settings;
    let quoted = |text: &str| format!("{text:?}");
    let above =
        payout_approval_above_atomic.map_or_else(|| NEVER.to_owned(), |above| above.0.to_string());
    vec![
        ("pool.network", quoted(network)),
        ("pool.address", quoted(pool_address)),
        ("settings.pplns_fee_bps", pplns_fee_bps.to_string()),
        ("settings.solo_fee_bps", solo_fee_bps.to_string()),
        (
            "settings.pplns_window_milli",
            pplns_window_milli.to_string(),
        ),
        ("settings.schemes", format!("{schemes:?}")),
        ("settings.default_scheme", quoted(default_scheme)),
        (
            "settings.payout_threshold_atomic",
            payout_threshold_atomic.0.to_string(),
        ),
        (
            "settings.payout_interval_ms",
            payout_interval_ms.to_string(),
        ),
        ("settings.payout_payees_max", payout_payees_max.to_string()),
        ("settings.pps_fee_bps", pps_fee_bps.to_string()),
        ("settings.fpps_fee_bps", fpps_fee_bps.to_string()),
        (
            "settings.reserve_ruin_per_million",
            reserve_ruin_per_million.to_string(),
        ),
        (
            "settings.reserve_floor_atomic",
            reserve_floor_atomic.0.to_string(),
        ),
        ("settings.donation_bps", donation_bps.to_string()),
        (
            "settings.payout_daily_limit_atomic",
            payout_daily_limit_atomic.0.to_string(),
        ),
        (APPROVAL, above),
        ("settings.network_fee_payer", quoted(network_fee_payer)),
    ]
}

const APPROVAL: &str = "settings.payout_approval_above_atomic";
/// In place of a limit that is not there; a key without a value cannot be written.
const NEVER: &str = "never";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, EXAMPLE};

    fn example(change: impl FnOnce(&mut AdminSettings)) -> AdminSettings {
        let config = Config::parse(Path::new("raftpool.toml"), EXAMPLE, []).unwrap();
        let settings = config.raw.settings.to_ledger(&config.raw).unwrap();
        let mut settings = AdminSettings::from(settings);
        change(&mut settings);
        settings
    }

    #[test]
    fn a_difference_has_the_changed_keys_and_no_others() {
        let (present, wanted) = (
            example(|_| {}),
            example(|settings| {
                settings.pplns_fee_bps = 250;
                settings.schemes = vec!["pplns".into()];
            }),
        );
        assert_eq!(difference(&present, &present), "");
        assert_eq!(
            difference(&present, &wanted),
            "- settings.pplns_fee_bps = 100\n\
             + settings.pplns_fee_bps = 250\n\
             - settings.schemes = [\"pplns\", \"solo\"]\n\
             + settings.schemes = [\"pplns\"]\n"
        );
    }

    #[test]
    fn a_listing_is_read_back_as_the_same_settings() {
        let settings = example(|settings| {
            settings.solo_fee_bps = 7;
            settings.payout_threshold_atomic = 123_456_789_u64.into();
        });
        let rest = "node.data_directory = \"data\"\ndaemon.urls = [\"http://127.0.0.1:8080\"]\n";
        let text = listing(&settings) + rest;
        let config = Config::parse(Path::new("raftpool.toml"), &text, []).unwrap();
        let read = config.raw.settings.to_ledger(&config.raw).unwrap();
        assert_eq!(AdminSettings::from(read), settings);
    }
}
