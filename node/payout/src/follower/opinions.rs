//! What the other daemons say of a block that is about to be final.
//!
//! Settling books money, so one daemon's word is enough only where there is no other one. An
//! opinion counts when its daemon can be trusted now and is not behind: one that does not answer,
//! is on its way to the tip, or has pruned the block has none, and settling does not wait for it:
//! a second daemon must not make a pool stand still more often than one, and what a single one can
//! make the pool book is bounded (`verdict.rs`). Giving a block up takes from miners what they were
//! shown, and nobody waits for money then, so that waits for every daemon of the configuration.

use raftpool_chain::{ChainInfo, Daemon, Hash};
use raftpool_ledger::view::Block;

use super::verdict::{self, Rules, Stable, Verdict};
use crate::context::Context;
use crate::obstacle::Obstacle;

/// Most daemons that are asked: more than two opinions only cost time.
const OPINIONS_MAX: usize = 4;

/// The verdict when every daemon shares it, and what stands against it otherwise.
pub(super) async fn on_settling(
    ctx: &Context,
    block: &Block,
    verdict: Verdict,
    rules: &Rules<'_>,
) -> Result<Verdict, Obstacle> {
    let daemons = ctx.daemons.opinions();
    // A list of one is the daemon that has spoken already.
    if daemons.len() < 2 {
        return Ok(verdict.of_one_daemon());
    }
    let mut agreeing = 0;
    for daemon in daemons.iter().take(OPINIONS_MAX) {
        let Some(opinion) = opinion(ctx, &**daemon, block, rules).await else {
            continue;
        };
        let detail = match opinion {
            Verdict::Wait => return Ok(Verdict::Wait),
            Verdict::Pruned { .. } => continue,
            same if same == verdict => {
                agreeing += 1;
                continue;
            }
            Verdict::Settle {
                amount_atomic,
                topoheight,
                ..
            } => format!("it pays {amount_atomic} at topoheight {topoheight}"),
            Verdict::Orphan { reason } => format!("it is {reason}"),
            Verdict::ForeignMiner { miner } => format!("it pays {miner}"),
            Verdict::Implausible { reward_atomic, .. } => format!("it pays {reward_atomic}"),
            Verdict::ImplausibleFees { fees_atomic } => format!("its fees are {fees_atomic}"),
            Verdict::Disagreement { detail, .. } => detail,
            Verdict::Unasked { problem, .. } => problem,
        };
        let daemon = daemon.name();
        return Ok(Verdict::Disagreement { daemon, detail });
    }
    // The first of them is the one that has spoken already.
    Ok(if agreeing > 1 {
        verdict
    } else {
        verdict.of_one_daemon()
    })
}

/// The verdict when no daemon knows the block, or orders it, and all could be asked.
pub(super) async fn on_giving_up(
    ctx: &Context,
    block: &Block,
    verdict: Verdict,
    rules: &Rules<'_>,
) -> Result<Verdict, Obstacle> {
    if let Some((daemon, problem)) = ctx.daemons.missing_opinions().into_iter().next() {
        return Ok(Verdict::Unasked { daemon, problem });
    }
    let hash = Hash(block.hash);
    for daemon in ctx.daemons.opinions() {
        let seen = daemon
            .block(hash)
            .await
            .map_err(Obstacle::daemon("block"))?;
        let opinion = verdict::judge(block, seen.as_ref(), rules);
        if !matches!(opinion, Verdict::Orphan { .. }) {
            return Err(Obstacle::Inconsistent(format!(
                "{} knows {hash}",
                daemon.name()
            )));
        }
    }
    Ok(verdict)
}

/// What one daemon says by its own tip; none when it cannot be taken for an opinion.
async fn opinion(
    ctx: &Context,
    daemon: &dyn Daemon,
    block: &Block,
    rules: &Rules<'_>,
) -> Option<Verdict> {
    let seen = daemon.block(Hash(block.hash)).await;
    let info = daemon.info().await;
    let (seen, info) = match (seen, info) {
        (Ok(seen), Ok(info)) => (seen, info),
        (Err(error), _) | (_, Err(error)) => {
            let daemon = daemon.name();
            tracing::debug!(daemon, %error, "a daemon has no opinion about a block");
            return None;
        }
    };
    if info.network != ctx.network || is_behind(ctx, &info, rules.tip) {
        return None;
    }
    let rules = Rules {
        tip: Stable::of(&info),
        ..*rules
    };
    Some(verdict::judge(block, seen.as_ref(), &rules))
}

fn is_behind(ctx: &Context, info: &ChainInfo, tip: Stable) -> bool {
    let lag_max = ctx.config.daemon_lag_max;
    info.stable_topoheight.saturating_add(lag_max) < tip.topoheight
}
