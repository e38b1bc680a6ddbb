//! What was changed by hand, as lines of text.

use std::fmt::Write;

use anyhow::Context;
use raftpool_api::dto::admin::AdminSettings;
use serde_json::Value;

use super::settings::{difference, listing};
use super::status::{ago, plain, text};

/// An entry for each of the changes, which are the newest first; a change of settings with what it
/// changed.
///
/// # Errors
/// When settings are of another version than this program.
pub(crate) fn change_history(changes: &[Value], now_ms: u64) -> anyhow::Result<Vec<String>> {
    let mut entries = Vec::with_capacity(changes.len());
    let mut present: Option<AdminSettings> = None;
    for change in changes.iter().rev() {
        let mut entry = headline(change, now_ms);
        if !change["settings"].is_null() {
            let settings = serde_json::from_value(change["settings"].clone());
            let settings: AdminSettings = settings.context("read settings of another version")?;
            let lines = match &present {
                None => listing(&settings),
                Some(present) => difference(present, &settings),
            };
            for line in lines.lines() {
                // Writing to a string cannot fail.
                let _ = writeln!(entry, "    {line}");
            }
            present = Some(settings);
        }
        entries.push(entry);
    }
    entries.reverse();
    Ok(entries)
}

fn headline(change: &Value, now_ms: u64) -> String {
    let about = change["about"].as_str();
    let about = about.map_or_else(String::new, |about| format!(" ({})", plain(about)));
    format!(
        "{} at log index {}: {}{about} by {}: {}\n",
        ago(&change["time_ms"], now_ms),
        change["index"],
        text(&change["change"]).replace('_', " "),
        plain(text(&change["author"])),
        plain(text(&change["reason"])),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::config::{Config, EXAMPLE};

    #[test]
    fn a_change_of_settings_is_told_by_what_it_replaced() {
        let config = Config::parse(Path::new("raftpool.toml"), EXAMPLE, []).unwrap();
        let settings = config.raw.settings.to_ledger(&config.raw).unwrap();
        let first = AdminSettings::from(settings);
        let mut second = first.clone();
        second.pplns_fee_bps = 77;
        let change = |index: u64, change: &str, settings: Option<&AdminSettings>| {
            json!({
                "index": index, "time_ms": 1_000 * index, "author": "otto", "reason": "a\u{7}b",
                "change": change, "about": null, "settings": settings,
            })
        };
        let changes = [
            change(9, "settings_changed", Some(&second)),
            change(8, "payouts_paused", None),
            change(1, "settings_changed", Some(&first)),
        ];
        let entries = change_history(&changes, 20_000).unwrap();
        let newest: Vec<&str> = entries[0].lines().collect();
        assert_eq!(
            newest[0],
            "11 s ago at log index 9: settings changed by otto: a b"
        );
        assert!(newest[1].starts_with("    - settings.pplns_fee_bps = "));
        assert_eq!(newest[2], "    + settings.pplns_fee_bps = 77");
        assert_eq!(newest.len(), 3);
        assert_eq!(entries[1].lines().count(), 1);
        assert!(entries[2].lines().count() > 15, "the whole first set");
    }
}
