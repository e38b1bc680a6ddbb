//! Work over time, as charts and statements want it.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use super::{LedgerView, Result, Span};
use crate::key;
use crate::record::{each, wide};
use crate::series::{self, Owner, Step};
use crate::state::Direction;

/// Most spans of one answer.
pub const SPANS_MAX: usize = 1_000;

/// Which spans of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesQuery {
    /// How long each is.
    pub step: Step,
    /// Only those that begin at this time or later.
    pub since_ms: u64,
    /// Only those that begin before this time.
    pub before_ms: u64,
}

/// Series. A span without any work is left out, and of very many the newest [`SPANS_MAX`] are
/// given, the oldest of them first. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// Of the whole pool.
    pub fn pool_series(&self, query: SeriesQuery) -> Result<Vec<Span>> {
        let totals: row::Totals = self.load(key::totals())?.unwrap_or_default();
        self.series(Owner::Pool, totals.running, query)
    }

    /// Of a miner; none when it has never had a share accepted.
    pub fn miner_series(&self, address: &str, query: SeriesQuery) -> Result<Option<Vec<Span>>> {
        let miner: Option<row::Miner> = self.load(key::miner(address))?;
        miner
            .map(|miner| self.series(Owner::Miner(miner.number), miner.running, query))
            .transpose()
    }

    /// Of a miner's worker; none when it has no record.
    pub fn worker_series(
        &self,
        address: &str,
        name: &str,
        query: SeriesQuery,
    ) -> Result<Option<Vec<Span>>> {
        let miner: row::Miner = self.load(key::miner(address))?.unwrap_or_default();
        let worker: Option<row::Worker> = self.load(key::worker(address, name))?;
        let owner = Owner::Worker(miner.number, name);
        worker
            .map(|worker| self.series(owner, worker.running, query))
            .transpose()
    }

    fn series(
        &self,
        owner: Owner<'_>,
        running: Option<row::RunningSpan>,
        query: SeriesQuery,
    ) -> Result<Vec<Span>> {
        let step = query.step;
        let wanted = query.since_ms.div_ceil(step.length_ms());
        // What is too old may still be there, until there is new work.
        let first = wanted.max(step.oldest_at(self.time_ms()?));
        let end = query.before_ms.div_ceil(step.length_ms());
        let mut rows = self.newest_spans(owner, step, first, end)?;
        if let Some(row::RunningSpan {
            span: Some(now), ..
        }) = &running
        {
            let start_ms = running.as_ref().map_or(0, series::start_of);
            add_running(&mut rows, step.number_at(start_ms), now, first..end)?;
        }
        let oldest = rows.len().saturating_sub(SPANS_MAX);
        let spans = rows.drain(oldest..);
        spans
            .map(|(number, row)| read_span(step, number, row))
            .collect()
    }

    /// The oldest first.
    fn newest_spans(
        &self,
        owner: Owner<'_>,
        step: Step,
        first: u64,
        end: u64,
    ) -> Result<Vec<(u64, row::Span)>> {
        let (from, until) = (key::span(owner, step, first), key::span(owner, step, end));
        let mut rows = Vec::new();
        each(
            self.state,
            (from, until),
            Direction::Descending,
            |key, row| {
                rows.push((key::number_of_span(key).unwrap_or_default(), row));
                Ok(match rows.len() < SPANS_MAX {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                })
            },
        )?;
        rows.reverse();
        Ok(rows)
    }
}

/// The running minutes are the newest work of all, and not in their hour and day yet.
fn add_running(
    rows: &mut Vec<(u64, row::Span)>,
    number: u64,
    running: &row::Span,
    wanted: std::ops::Range<u64>,
) -> Result<()> {
    if !wanted.contains(&number) {
        return Ok(());
    }
    match rows.last_mut() {
        Some((last, row)) if *last == number => series::merge(row, running),
        _ => {
            rows.push((number, running.clone()));
            Ok(())
        }
    }
}

fn read_span(step: Step, number: u64, row: row::Span) -> Result<Span> {
    Ok(Span {
        start_ms: number.saturating_mul(step.length_ms()),
        shares: row.shares,
        work: wide(&row.work)?,
        rejects: row.rejects,
    })
}
