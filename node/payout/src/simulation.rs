//! What a payout run would do now: planned by the driver's own code, proposed by nobody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use raftpool_ledger::StateError;
use raftpool_ledger::command::{Payee, Settings};
use raftpool_ledger::view::{LedgerView, Miner};

use crate::context::Context;
use crate::desk::Desk;
use crate::insight::Insight;
use crate::obstacle::Obstacle;
use crate::payees::Suspicion;
use crate::planning::{Planned, Planner, Rules};

/// Miners read at a time.
const PAGE: usize = 1_000;
/// Most miners a simulation looks at, so that it never holds up a node for long.
const MINERS_MAX: usize = 20_000;
/// Most miners it names who would not be paid; the others are only counted.
const LEFT_OUT_NAMED: usize = 100;

/// What a payout run would do now.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// What stands in the way at this moment; a payout would be reserved when there is nothing.
    pub obstacles: Vec<String>,
    /// Who would be paid, and how much; nobody when no payout can be planned.
    pub payees: Vec<Payee>,
    /// What would be taken from the pool's fees for the network fee.
    pub pool_fee_budget_atomic: u64,
    /// Whether the payout would wait for an operator's approval.
    pub needs_approval: bool,
    /// Miners with a balance who would not be paid, largest balance first, up to a bound.
    pub left_out: Vec<LeftOut>,
    /// All of them, counted by the name of the reason.
    pub left_out_counts: BTreeMap<&'static str, u64>,
    /// Whether every miner was looked at; there is a bound.
    pub is_complete: bool,
    /// Whether this node leads, hence knows whom the wallet has refused of late.
    pub is_leading: bool,
}

/// A miner with a balance who would not be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Who.
    pub address: String,
    /// The balance.
    pub balance_atomic: u64,
    /// Why not.
    pub reason: LeftOutReason,
}

/// Why somebody with a balance would not be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOutReason {
    /// The balance does not reach the threshold: the pool's, or a higher one of the miner's own.
    BelowThreshold {
        /// Which it is.
        threshold_atomic: u64,
    },
    /// An operator holds the address, and why.
    Held(String),
    /// The day's payouts may not take that much more.
    DailyLimit,
    /// The wallet has refused to pay it, and with which words.
    Quarantined(String),
    /// The network fee is too much for the balance.
    FeeTooHigh,
    /// It is the pool's own address: the wallet cannot pay itself.
    PoolItself,
    /// One transaction has no room for more payees; it comes later.
    NoRoom,
    /// No payout can be planned at all; see the obstacles.
    NotPlanned,
}

impl LeftOutReason {
    /// The name in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::BelowThreshold { .. } => "below_threshold",
            Self::Held(_) => "held",
            Self::DailyLimit => "daily_limit",
            Self::Quarantined(_) => "quarantined",
            Self::FeeTooHigh => "fee_too_high",
            Self::PoolItself => "pool_itself",
            Self::NoRoom => "no_room",
            Self::NotPlanned => "not_planned",
        }
    }
}

/// Plans the next payout and says who is not in it.
pub(crate) async fn simulate(ctx: &Context, insight: Insight) -> Result<Simulation, Obstacle> {
    let Insight {
        is_leading,
        mut suspicion,
        ..
    } = insight;
    let now_ms = ctx.now_ms();
    let desk = ctx.read(|view| Desk::read(view, now_ms))?;
    let settings = desk.settings.clone().ok_or(Obstacle::NoSettings)?;
    let rules = Rules::of(&settings, &desk);
    let mut obstacles = waits(&desk, &settings, &suspicion, now_ms);
    let mut planner = Planner {
        ctx,
        suspicion: &mut suspicion,
    };
    let candidates = planner.candidates(&rules).unwrap_or_default();
    let planned = match &ctx.wallet {
        Some(wallet) => planner.plan(&rules, wallet.as_ref()).await,
        None => Err(Obstacle::NoWallet),
    };
    let fee_decides = matches!(planned, Ok(_) | Err(Obstacle::FeesTooHigh { .. }));
    let planned = planned.unwrap_or_else(|obstacle| {
        obstacles.push(obstacle.to_string());
        Planned {
            payees: Vec::new(),
            pool_fee_budget_atomic: 0,
        }
    });
    let judge = Judge::new(ctx, &rules, &candidates, &planned, &suspicion, fee_decides);
    let (left_out, left_out_counts, is_complete) = ctx.read(|view| judge.all(view))?;
    let debits: u128 = planned
        .payees
        .iter()
        .map(|payee| u128::from(payee.debit_atomic))
        .sum();
    let above = settings.payout_approval_above_atomic;
    Ok(Simulation {
        obstacles,
        needs_approval: above.is_some_and(|above| debits > u128::from(above)),
        payees: planned.payees,
        pool_fee_budget_atomic: planned.pool_fee_budget_atomic,
        left_out,
        left_out_counts,
        is_complete,
        is_leading,
    })
}

/// What the driver would wait for before it planned anything.
fn waits(desk: &Desk, settings: &Settings, suspicion: &Suspicion, now_ms: u64) -> Vec<String> {
    let mut waits = Vec::new();
    if let Some(reason) = &desk.paused {
        waits.push(Obstacle::Paused(reason.clone()).to_string());
    }
    if let Some(open) = &desk.open {
        waits.push(format!("payout {} is not final yet", open.id));
    }
    let is_searching = !suspicion.suspects().is_empty();
    let wait_ms = desk.due_in_ms(settings, is_searching, now_ms);
    if wait_ms > 0 {
        waits.push(Obstacle::NotDue(wait_ms).to_string());
    }
    waits
}

/// Finds out why a miner is not among the payees.
struct Judge<'a> {
    pool: &'a str,
    rules: &'a Rules,
    candidates: BTreeSet<&'a str>,
    payees: BTreeSet<&'a str>,
    suspicion: &'a Suspicion,
    /// Whether the fee is what keeps a candidate from being a payee.
    fee_decides: bool,
    /// Whether the day has no room for one more payee.
    is_day_full: bool,
}

type Judged = (Vec<LeftOut>, BTreeMap<&'static str, u64>, bool);

impl<'a> Judge<'a> {
    fn new(
        ctx: &'a Context,
        rules: &'a Rules,
        candidates: &'a [(String, u64)],
        planned: &'a Planned,
        suspicion: &'a Suspicion,
        fee_decides: bool,
    ) -> Self {
        let taken: u128 = candidates.iter().map(|(_, each)| u128::from(*each)).sum();
        let is_day_full = rules.left_today_atomic.is_some_and(|left| {
            u128::from(left).saturating_sub(taken) < u128::from(rules.threshold_atomic)
        });
        Self {
            pool: ctx.pool_address.as_str(),
            rules,
            candidates: candidates.iter().map(|(each, _)| each.as_str()).collect(),
            payees: planned.payees.iter().map(|p| p.address.as_str()).collect(),
            suspicion,
            fee_decides,
            is_day_full,
        }
    }

    fn all(&self, view: &LedgerView<'_>) -> Result<Judged, StateError> {
        let mut left_out = Vec::new();
        let mut counts = BTreeMap::new();
        let mut after: Option<String> = None;
        let mut seen = 0;
        loop {
            let page = view.miners(after.as_deref(), PAGE)?;
            seen += page.len();
            after = page.last().map(|miner| miner.address.clone());
            let is_last = page.len() < PAGE;
            for miner in page {
                if let Some(reason) = self.reason(view, &miner)? {
                    *counts.entry(reason.as_str()).or_default() += 1;
                    left_out.push(LeftOut {
                        address: miner.address,
                        balance_atomic: miner.balance_atomic,
                        reason,
                    });
                }
            }
            left_out.sort_by_key(|left| Reverse(left.balance_atomic));
            left_out.truncate(LEFT_OUT_NAMED);
            if is_last || seen >= MINERS_MAX {
                return Ok((left_out, counts, is_last));
            }
        }
    }

    fn reason(
        &self,
        view: &LedgerView<'_>,
        miner: &Miner,
    ) -> Result<Option<LeftOutReason>, StateError> {
        let address = miner.address.as_str();
        if miner.balance_atomic == 0 || self.payees.contains(address) {
            return Ok(None);
        }
        if address == self.pool {
            return Ok(Some(LeftOutReason::PoolItself));
        }
        let terms = view.terms(address)?;
        if let Some(hold) = terms.hold {
            return Ok(Some(LeftOutReason::Held(hold.reason)));
        }
        let threshold_atomic = terms.threshold_atomic.max(self.rules.threshold_atomic);
        if miner.balance_atomic < threshold_atomic {
            return Ok(Some(LeftOutReason::BelowThreshold { threshold_atomic }));
        }
        if let Some(reason) = self.suspicion.why_left_out(address) {
            return Ok(Some(LeftOutReason::Quarantined(reason.to_owned())));
        }
        Ok(Some(match self.candidates.contains(address) {
            true if self.fee_decides => LeftOutReason::FeeTooHigh,
            true => LeftOutReason::NotPlanned,
            false if self.is_day_full => LeftOutReason::DailyLimit,
            false => LeftOutReason::NoRoom,
        }))
    }
}
