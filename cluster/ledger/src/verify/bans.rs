//! Bans against their count and the index of their ends.

use std::collections::BTreeSet;

use raftpool_proto::ledger as row;

use super::Scan;
use crate::{StateError, key};

pub(super) fn check(scan: &mut Scan<'_>) -> Result<(), StateError> {
    let head: row::Bans = scan.load(key::bans_head())?;
    let mut ends = BTreeSet::new();
    let mut strays = Vec::new();
    scan.each(key::bans_after(None), |key, ban: row::Ban| {
        if key != key::ban(&ban.miner, &ban.worker) {
            strays.push(format!("{} of {}", ban.worker, ban.miner));
        }
        ends.insert(key::ban_end(ban.until_ms, &ban.miner, &ban.worker));
        Ok(())
    })?;
    scan.check_equal(
        "L10",
        || "bans that are under another's key".into(),
        Vec::new(),
        strays,
    );
    let count = u64::try_from(ends.len()).unwrap_or(u64::MAX);
    scan.check_equal("L10", || "number of bans".into(), head.count, count);
    let (first, _) = key::ban_ends_until(0);
    let (_, last) = key::ban_ends_after(0);
    let index: BTreeSet<_> = scan.keys((first, last))?.into_iter().collect();
    scan.check_equal("L10", || "ends of bans".into(), index, ends);
    Ok(())
}
