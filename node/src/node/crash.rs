//! Switches for tests only: end the process, as a crash would, or stop it where it stands, at a
//! named step of a payout.
//!
//! The step is named once and for all when the process starts, or by a file that comes and goes
//! while it runs. Several nodes may look into the same file: the first one that meets the step
//! takes the file away, and no other one acts on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use raftpool_payout::{PayoutPoint, StepHook};
use rustix::process::{Signal, getpid, kill_process};

/// The environment variable that names the step at which the process ends.
pub const CRASH_VARIABLE: &str = "RAFTPOOL_TEST_CRASH_AT";

/// The environment variable that names a file with a step in it, or with `pause:` and a step.
pub const CRASH_FILE_VARIABLE: &str = "RAFTPOOL_TEST_CRASH_FILE";

/// Stands before the step at which the process stops and may be let go on.
const PAUSE_PREFIX: &str = "pause:";

/// Longer than it takes until a signal to the whole process has stopped each of its threads.
const STOPPING: Duration = Duration::from_millis(50);

/// The hook that the values of the two variables ask for.
///
/// # Errors
/// When the value of [`CRASH_VARIABLE`] names no step.
pub fn crash_hook(at: Option<&str>, file: Option<&str>) -> anyhow::Result<Option<StepHook>> {
    let at: Option<PayoutPoint> = at.map(str::parse).transpose().context(CRASH_VARIABLE)?;
    let file = file.map(PathBuf::from);
    if at.is_none() && file.is_none() {
        return Ok(None);
    }
    tracing::warn!(
        at = at.map(tracing::field::display),
        file = file
            .as_deref()
            .map(|file| tracing::field::display(file.display())),
        "a switch for tests is on: this node ends or stops at a step of a payout"
    );
    Ok(Some(Arc::new(move |point| {
        if at == Some(point) {
            end(point);
        }
        match file.as_deref().and_then(|file| take(file, point)) {
            Some(Order::End) => end(point),
            Some(Order::Pause) => pause(point),
            None => {}
        }
    })))
}

/// What a file asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    End,
    Pause,
}

impl Order {
    fn parse(text: &str) -> anyhow::Result<(Self, PayoutPoint)> {
        let text = text.trim();
        let (order, name) = match text.strip_prefix(PAUSE_PREFIX) {
            Some(name) => (Self::Pause, name),
            None => (Self::End, text),
        };
        Ok((order, name.parse().context(CRASH_FILE_VARIABLE)?))
    }
}

/// The order in the file, when it is for this point and no other node was first. The file's
/// extension becomes this process's id, so that whoever gave the order sees who carries it out.
fn take(file: &Path, point: PayoutPoint) -> Option<Order> {
    let text = std::fs::read_to_string(file).ok()?;
    let (order, wanted) = Order::parse(&text)
        .inspect_err(|error| tracing::error!(error = format!("{error:#}"), "unknown order"))
        .ok()?;
    if wanted != point {
        return None;
    }
    // Of several nodes that have read it, only one finds a file to rename.
    let taken = file.with_extension(std::process::id().to_string());
    std::fs::rename(file, taken).is_ok().then_some(order)
}

fn end(point: PayoutPoint) -> ! {
    eprintln!("raftpool: ending at {point}, as a switch for tests asks");
    std::process::abort();
}

/// Comes back when somebody lets the process go on.
fn pause(point: PayoutPoint) {
    eprintln!("raftpool: stopping at {point}, as a switch for tests asks");
    if let Err(error) = kill_process(getpid(), Signal::STOP) {
        tracing::error!(%error, "this process cannot stop itself");
    }
    // The signal may reach another thread first; this one must not run on in the meantime.
    std::thread::sleep(STOPPING);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_by_the_point_it_names_and_only_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("crash");
        let point = PayoutPoint::BeforeSend;
        assert_eq!(take(&file, point), None, "without a file");
        for (text, order) in [
            ("before-send", Order::End),
            ("pause:before-send\n", Order::Pause),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(take(&file, PayoutPoint::AfterSend), None, "another point");
            assert!(file.is_file(), "{text}");
            assert_eq!(take(&file, point), Some(order));
            assert_eq!(take(&file, point), None, "it was taken");
            let taken = file.with_extension(std::process::id().to_string());
            assert_eq!(std::fs::read_to_string(taken).unwrap(), text);
        }
    }

    #[test]
    fn words_that_name_no_step_are_refused_with_the_known_ones() {
        for text in ["", "before-lunch", "pause:", "pause:before-lunch"] {
            let refused = format!("{:#}", Order::parse(text).unwrap_err());
            assert!(refused.contains("before-send"), "{refused}");
            assert!(refused.contains(CRASH_FILE_VARIABLE), "{refused}");
        }
        let refused = crash_hook(Some("before-lunch"), None).err().unwrap();
        assert!(format!("{refused:#}").contains(CRASH_VARIABLE));
    }

    #[test]
    fn only_a_switch_brings_a_hook() {
        assert!(crash_hook(None, None).unwrap().is_none());
        assert!(crash_hook(Some("after-sign"), None).unwrap().is_some());
        let hook = crash_hook(None, Some("nowhere")).unwrap().unwrap();
        // Without the file nothing happens.
        hook(PayoutPoint::AfterSign);
    }
}
