//! Work over time.

use std::collections::BTreeMap;

use raftpool_ledger::series::Step;
use raftpool_ledger::view;
use serde::Serialize;
use utoipa::ToSchema;

use super::names::StepName;
use super::{Decimal, rejects};

/// What was accepted and refused over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Series {
    /// `ten_minutes`, `hour`, or `day`.
    #[schema(value_type = StepName)]
    pub step: &'static str,
    /// Length of a span.
    pub step_ms: u64,
    /// The oldest first; one in which nothing happened is left out, the last one may still run.
    pub items: Vec<Span>,
}

/// What was accepted and refused in a span of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Span {
    /// When it begins.
    pub start_ms: u64,
    /// Accepted shares.
    pub shares: u64,
    /// Accepted work: divided by the length of the span, it is the hashrate.
    pub work: Decimal,
    /// Refused shares by reason.
    pub rejects: BTreeMap<&'static str, u64>,
}

/// Name of a step in the API.
pub(crate) fn step_name(step: Step) -> &'static str {
    match step {
        Step::TenMinutes => "ten_minutes",
        Step::Hour => "hour",
        Step::Day => "day",
    }
}

impl Series {
    pub(crate) fn new(step: Step, spans: Vec<view::Span>) -> Self {
        Self {
            step: step_name(step),
            step_ms: step.length_ms(),
            items: spans.into_iter().map(Span::from).collect(),
        }
    }
}

impl From<view::Span> for Span {
    fn from(span: view::Span) -> Self {
        Self {
            start_ms: span.start_ms,
            shares: span.shares,
            work: span.work.into(),
            rejects: rejects(&span.rejects),
        }
    }
}
