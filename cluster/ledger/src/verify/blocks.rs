//! Blocks against the accounts, and frozen weights against their blocks.

use std::collections::BTreeSet;

use raftpool_proto::ledger as row;
use row::block::End;

use super::Scan;
use crate::command::Scheme;
use crate::record::wide;
use crate::weights::BLOCKS_KEPT;
use crate::{StateError, key};

#[derive(Default)]
struct Sums {
    blocks: u64,
    settled: u64,
    orphaned: u64,
    income: u128,
    fees: u128,
    rounding: u128,
}

pub(super) fn check(
    scan: &mut Scan<'_>,
    accounts: &row::Accounts,
    totals: &row::Totals,
) -> Result<(), StateError> {
    let mut sums = Sums::default();
    let mut blocks = Vec::new();
    scan.each(key::blocks_below(None), |_, block: row::Block| {
        sums.blocks += 1;
        match &block.end {
            None => {}
            Some(End::Orphaned(_)) => sums.orphaned += 1,
            Some(End::Settled(settled)) => {
                sums.settled += 1;
                sums.income += u128::from(settled.amount_atomic);
                sums.fees += u128::from(settled.fee_atomic);
                sums.rounding += u128::from(settled.rounding_atomic);
            }
        }
        blocks.push(block);
        Ok(())
    })?;
    let shared_rounding = accounts
        .rounding_atomic
        .saturating_sub(accounts.fee_rounding_atomic);
    for (what, kept, found) in [
        ("income", accounts.income_atomic, sums.income),
        ("pool fees", accounts.pool_fees_atomic, sums.fees),
        ("rounding of blocks", shared_rounding, sums.rounding),
    ] {
        scan.check_equal("L4", || what.into(), u128::from(kept), found);
    }
    for (what, kept, found) in [
        ("blocks", totals.blocks, sums.blocks),
        ("settled blocks", totals.blocks_settled, sums.settled),
        ("orphaned blocks", totals.blocks_orphaned, sums.orphaned),
    ] {
        scan.check_equal("L10", || format!("number of {what}"), kept, found);
    }
    let mut maturing = BTreeSet::new();
    for block in &blocks {
        if block.end.is_none() {
            maturing.insert(key::block_maturing(block.number));
        }
        let reference: row::Reference = scan.load(key::block_number(&block.hash))?;
        let what = || "number of a block by hash".into();
        scan.check_equal("L10", what, reference.number, block.number);
        check_weights(scan, block, totals.blocks)?;
    }
    let index: BTreeSet<_> = scan.keys(key::blocks_maturing())?.into_iter().collect();
    if index != maturing {
        scan.report(
            "L10",
            "the index of maturing blocks differs from the blocks".into(),
        );
    }
    Ok(())
}

fn check_weights(scan: &mut Scan<'_>, block: &row::Block, newest: u64) -> Result<(), StateError> {
    let mut found = 0;
    scan.each(key::block_weights(block.number), |_, weight: row::Score| {
        found += wide(&weight.score)?;
        Ok(())
    })?;
    let is_forgotten = match block.end {
        None => false,
        Some(End::Settled(_)) => block.number + BLOCKS_KEPT <= newest,
        Some(End::Orphaned(_)) => true,
    };
    let expected = match is_forgotten || block.scheme() == Scheme::Solo {
        true => 0,
        false => wide(&block.weights_total)?,
    };
    scan.check_equal(
        "L9",
        || format!("weights of block {}", block.number),
        expected,
        found,
    );
    Ok(())
}
