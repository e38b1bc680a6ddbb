//! Samples of the network's blocks against their average, and stray blocks against their counts.

use raftpool_proto::ledger as row;
use row::block::End;

use super::Scan;
use crate::network;
use crate::{StateError, key};

pub(super) fn check(scan: &mut Scan<'_>) -> Result<(), StateError> {
    check_samples(scan)?;
    check_strays(scan)
}

fn check_samples(scan: &mut Scan<'_>) -> Result<(), StateError> {
    let samples = network::all(scan.state)?;
    let fees: row::NetworkFees = scan.load(key::network_fees())?;
    let what = || "what the samples of the network say".into();
    scan.check_equal("L10", what, fees, network::summary(&samples));
    for pair in samples.windows(2) {
        let [before, after] = pair else { continue };
        let expected = before.last_topoheight + 1 + after.unreadable_blocks;
        let what = || "where a sample of the network begins".into();
        scan.check_equal("L10", what, after.first_topoheight, expected);
    }
    Ok(())
}

fn check_strays(scan: &mut Scan<'_>) -> Result<(), StateError> {
    let mut found = row::StrayBlocks::default();
    let mut strays = Vec::new();
    scan.each(key::stray_blocks(), |key, stray: row::StrayBlock| {
        found.count += 1;
        found.unacknowledged += u64::from(stray.acknowledgement.is_none());
        strays.push((key == key::stray_block(&stray.hash), stray.hash));
        Ok(())
    })?;
    let head: row::StrayBlocks = scan.load(key::stray_blocks_head())?;
    scan.check_equal("L10", || "stray blocks".into(), head, found);
    for (is_in_place, hash) in strays {
        if !is_in_place {
            scan.report("L10", "a stray block lies under another hash".into());
        }
        let reference: row::Reference = scan.load(key::block_number(&hash))?;
        let block: row::Block = scan.load(key::block(reference.number))?;
        if reference.number > 0 && !matches!(block.end, Some(End::Orphaned(_))) {
            let number = block.number;
            scan.report("L10", format!("block {number} is recorded and stray"));
        }
    }
    Ok(())
}
