//! A switch for tests only: end the process, as a crash would, at a named step of a payout.

use std::sync::Arc;

use anyhow::Context;
use raftpool_payout::{PayoutPoint, StepHook};

/// The environment variable that names the step.
pub const CRASH_VARIABLE: &str = "RAFTPOOL_TEST_CRASH_AT";

/// The hook that the variable's value asks for.
///
/// # Errors
/// When the value names no step.
pub fn crash_hook(value: Option<&str>) -> anyhow::Result<Option<StepHook>> {
    let Some(name) = value else { return Ok(None) };
    let wanted: PayoutPoint = name.parse().with_context(|| CRASH_VARIABLE)?;
    Ok(Some(Arc::new(move |point| {
        if point == wanted {
            eprintln!("raftpool: ending at {point}, as {CRASH_VARIABLE} asks");
            std::process::abort();
        }
    })))
}
