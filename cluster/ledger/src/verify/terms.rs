//! Preferences and holds against the miners they are for.

use std::collections::{BTreeMap, BTreeSet};

use raftpool_proto::ledger as row;

use super::Scan;
use crate::record::text;
use crate::terms::payable_from;
use crate::{StateError, key};

pub(super) fn check(scan: &mut Scan<'_>) -> Result<(), StateError> {
    let mut preferences = BTreeMap::new();
    scan.each(key::all_preferences(), |key, own: row::MinerPreferences| {
        preferences.insert(text(key::text_after_kind(key))?, own);
        Ok(())
    })?;
    let mut held = BTreeSet::new();
    scan.each(key::holds_after(None), |key, _: row::Hold| {
        held.insert(text(key::text_after_kind(key))?);
        Ok(())
    })?;
    let mut expected = BTreeMap::new();
    for address in preferences.keys().chain(&held) {
        let own = preferences.get(address).cloned().unwrap_or_default();
        let from = payable_from(&own, held.contains(address));
        if from > 0 {
            expected.insert(address.clone(), from);
        }
    }
    let mut found = BTreeMap::new();
    scan.each(key::miners_after(None), |key, miner: row::Miner| {
        if miner.payable_from_atomic > 0 {
            let address = text(key::text_after_kind(key))?;
            found.insert(address, miner.payable_from_atomic);
        }
        Ok(())
    })?;
    let what = || "thresholds and holds of miners".into();
    scan.check_equal("L10", what, found, expected);
    Ok(())
}
