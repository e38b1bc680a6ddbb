//! Work over time against what its owners ever did, and short spans against long ones.

use std::collections::BTreeMap;

use raftpool_proto::ledger as row;

use super::Scan;
use crate::record::{count as count_keys, text, wide};
use crate::series::{self, Owner, Rejects, Step, Work, count};
use crate::{StateError, key};

/// What an owner ever did, as its own record says.
struct Ever {
    work: Work,
    rejects: Rejects,
}

pub(super) fn check(scan: &mut Scan<'_>, totals: &row::Totals) -> Result<(), StateError> {
    let ever = Ever {
        work: Work {
            shares: totals.shares,
            work: wide(&totals.work)?,
        },
        rejects: totals.rejects.clone(),
    };
    let mut spans = check_owner(scan, Owner::Pool, totals.running.as_ref(), &ever)?;
    let mut miners = Vec::new();
    scan.each(key::miners_after(None), |key, miner: row::Miner| {
        miners.push((text(key::text_after_kind(key))?, miner));
        Ok(())
    })?;
    for (address, miner) in &miners {
        spans += check_miner(scan, address, miner)?;
    }
    let all = count_keys(scan.state, key::spans())?;
    scan.check_equal("L10", || "spans of owners".into(), all, spans);
    Ok(())
}

/// How many spans the miner and its workers have.
fn check_miner(scan: &mut Scan<'_>, address: &str, miner: &row::Miner) -> Result<u64, StateError> {
    let mut workers = Vec::new();
    scan.each(
        key::workers_after(address, None),
        |key, worker: row::Worker| {
            workers.push((text(key::worker_name(key, address))?, worker));
            Ok(())
        },
    )?;
    let (mut spans, mut rejects) = (0, Rejects::new());
    for (name, worker) in workers {
        let work = Work {
            shares: worker.shares,
            work: wide(&worker.work)?,
        };
        count(&mut rejects, &worker.rejects);
        let (running, rejects) = (worker.running, worker.rejects);
        let owner = Owner::Worker(miner.number, &name);
        spans += check_owner(scan, owner, running.as_ref(), &Ever { work, rejects })?;
    }
    let work = Work {
        shares: miner.shares,
        work: wide(&miner.work)?,
    };
    let (owner, ever) = (Owner::Miner(miner.number), Ever { work, rejects });
    Ok(spans + check_owner(scan, owner, miner.running.as_ref(), &ever)?)
}

/// How many spans the owner has.
fn check_owner(
    scan: &mut Scan<'_>,
    owner: Owner<'_>,
    running: Option<&row::RunningSpan>,
    ever: &Ever,
) -> Result<u64, StateError> {
    let nothing = row::RunningSpan::default();
    let running = running.unwrap_or(&nothing);
    let closed_at_ms = series::start_of(running);
    let mut shorter: Option<(Step, Spans)> = None;
    let mut count = 0;
    for step in Step::ALL {
        let spans = read(scan, owner, step)?;
        count += spans.len() as u64;
        let oldest = step.oldest_at(closed_at_ms);
        if spans.keys().next().is_some_and(|first| *first < oldest) {
            scan.report("L10", format!("{owner:?}: {step:?} kept for too long"));
        }
        if let Some(shorter) = &shorter {
            check_sums(scan, owner, shorter, (step, &spans), closed_at_ms)?;
        }
        shorter = Some((step, spans));
    }
    let mut all = running.span.clone().unwrap_or_default();
    let days = shorter.into_iter().flat_map(|(_, days)| days);
    for (_, day) in days {
        series::merge(&mut all, &day)?;
    }
    let found = (all.shares, wide(&all.work)?, all.rejects);
    let kept = (ever.work.shares, ever.work.work, ever.rejects.clone());
    scan.check_equal("L10", || format!("{owner:?}: all days"), kept, found);
    Ok(count)
}

/// Spans by number.
type Spans = BTreeMap<u64, row::Span>;

fn read(scan: &Scan<'_>, owner: Owner<'_>, step: Step) -> Result<Spans, StateError> {
    let mut spans = Spans::new();
    scan.each(key::spans_from(owner, step, 0), |key, span| {
        spans.insert(key::number_of_span(key).unwrap_or_default(), span);
        Ok(())
    })?;
    Ok(spans)
}

/// Longer spans are the sums of shorter ones, as far as all of those are kept.
fn check_sums(
    scan: &mut Scan<'_>,
    owner: Owner<'_>,
    (short, shorter): &(Step, Spans),
    (long, longer): (Step, &Spans),
    closed_at_ms: u64,
) -> Result<(), StateError> {
    let kept_from_ms = short.oldest_at(closed_at_ms) * short.length_ms();
    let first = kept_from_ms.div_ceil(long.length_ms());
    let mut sums = Spans::new();
    for (number, span) in shorter {
        let of = long.number_at(number.saturating_mul(short.length_ms()));
        if of >= first {
            series::merge(sums.entry(of).or_default(), span)?;
        }
    }
    let kept = longer.range(first..);
    let kept: Spans = kept.map(|(number, span)| (*number, span.clone())).collect();
    scan.check_equal("L10", || format!("{owner:?}: each {long:?}"), kept, sums);
    Ok(())
}
