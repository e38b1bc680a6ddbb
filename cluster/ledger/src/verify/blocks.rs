//! Blocks against the accounts, and frozen weights against their blocks.

use std::collections::BTreeSet;

use raftpool_proto::ledger as row;
use row::block::End;

use super::Scan;
use crate::blocks::is_done;
use crate::command::Account;
use crate::invariant::amount;
use crate::weights::{self, BLOCKS_KEPT};
use crate::{StateError, key};

#[derive(Default)]
struct Sums {
    blocks: u64,
    settled: u64,
    orphaned: u64,
    income: i128,
    expected: i128,
    undistributed: i128,
    waiting: BTreeSet<key::Key>,
    misshared: Vec<u64>,
}

impl Sums {
    fn add(&mut self, block: &row::Block) {
        self.blocks += 1;
        match &block.end {
            None => self.expected += i128::from(block.expected_atomic),
            Some(End::Orphaned(_)) => self.orphaned += 1,
            Some(End::Settled(settled)) => {
                self.settled += 1;
                self.income += i128::from(settled.amount_atomic);
                let given = [
                    settled.fee_atomic,
                    settled.reserve_atomic,
                    settled.distributed_atomic,
                    settled.rounding_atomic,
                ];
                let given: i128 = given.into_iter().map(i128::from).sum();
                let left = i128::from(settled.amount_atomic) - given;
                if settled.next_miner > 0 {
                    self.undistributed += left;
                    self.waiting.insert(key::block_undistributed(block.number));
                } else if left != 0 {
                    self.misshared.push(block.number);
                }
            }
        }
    }

    fn check(&self, scan: &mut Scan<'_>, accounts: &row::Accounts) {
        for (account, found) in [
            (Account::Income, -self.income),
            (Account::Expected, -self.expected),
            (Account::Immature, self.expected),
            (Account::Undistributed, self.undistributed),
        ] {
            let kept = amount(accounts, account);
            scan.check_equal("L4", || format!("{account:?} by blocks"), kept, found);
        }
        let what = || "blocks that are shared wrongly".into();
        scan.check_equal("L4", what, &Vec::new(), &self.misshared);
    }
}

pub(super) fn check(
    scan: &mut Scan<'_>,
    accounts: &row::Accounts,
    totals: &row::Totals,
) -> Result<(), StateError> {
    let mut sums = Sums::default();
    let mut blocks = Vec::new();
    scan.each(key::blocks_below(None), |_, block: row::Block| {
        sums.add(&block);
        blocks.push(block);
        Ok(())
    })?;
    sums.check(scan, accounts);
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
    let index: BTreeSet<_> = scan
        .keys(key::blocks_undistributed())?
        .into_iter()
        .collect();
    let what = || "blocks that are being handed out".into();
    scan.check_equal("L10", what, index, sums.waiting);
    Ok(())
}

fn check_weights(scan: &mut Scan<'_>, block: &row::Block, newest: u64) -> Result<(), StateError> {
    let mut found: u128 = 0;
    weights::each_weight(scan.state, block.number, |(_, weight)| {
        found = found.saturating_add(weight);
        Ok(())
    })?;
    let is_given_away = match &block.end {
        Some(End::Orphaned(orphaned)) => !orphaned.keeps_weights,
        _ => false,
    };
    let is_old = is_done(block) && block.number + BLOCKS_KEPT <= newest;
    let expected = match is_given_away || is_old {
        true => 0,
        false => weights::total(block)?,
    };
    scan.check_equal(
        "L9",
        || format!("weights of block {}", block.number),
        expected,
        found,
    );
    Ok(())
}
