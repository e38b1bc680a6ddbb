//! A disk that fails as the lines of a file say, for as long as they stand there.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use raftpool_store::Fault;

/// What a failed write answers.
const FAILURE: &str = "no space left on device, says the file of RAFTPOOL_TEST_FAULT_FILE";

/// The faults of this process.
pub(super) struct Faults {
    file: Option<PathBuf>,
    /// The file as it was read last, so that a change is logged once.
    known: Mutex<Known>,
    loses_unsynced: bool,
    is_spoiled: AtomicBool,
}

#[derive(Default)]
struct Known {
    text: String,
    lines: Lines,
}

/// What the lines ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Lines {
    log_write_fails: bool,
    log_sync_fails: bool,
    log_sync_takes: Duration,
    state_write_fails: bool,
    spoil_state: bool,
}

impl Faults {
    /// Faults that come and go with a file, which need not exist.
    ///
    /// # Errors
    /// When the file cannot be read, or has an unknown line.
    pub(super) fn new(file: Option<PathBuf>, loses_unsynced: bool) -> anyhow::Result<Self> {
        let faults = Self {
            file,
            known: Mutex::default(),
            loses_unsynced,
            is_spoiled: AtomicBool::new(false),
        };
        Lines::parse(&faults.read()?)?;
        Ok(faults)
    }

    fn read(&self) -> anyhow::Result<String> {
        let Some(file) = &self.file else {
            return Ok(String::new());
        };
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
        }
    }

    /// What the file says now. What it says wrongly counts as nothing, and is logged.
    fn present(&self) -> Lines {
        let text = match self.read() {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "faults for a test are unknown"
                );
                return Lines::default();
            }
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.text != text {
            known.lines = Lines::parse(&text).unwrap_or_else(|error| {
                tracing::error!(
                    error = format!("{error:#}"),
                    "faults for a test are unknown"
                );
                Lines::default()
            });
            tracing::warn!(faults = ?known.lines, "faults for a test have changed");
            known.text = text;
        }
        known.lines
    }
}

fn fail(is_failing: bool) -> io::Result<()> {
    match is_failing {
        true => Err(io::Error::other(FAILURE)),
        false => Ok(()),
    }
}

impl Fault for Faults {
    fn before_log_write(&self) -> io::Result<()> {
        fail(self.present().log_write_fails)
    }

    fn before_log_sync(&self) -> io::Result<()> {
        let present = self.present();
        std::thread::sleep(present.log_sync_takes);
        fail(present.log_sync_fails)
    }

    fn before_state_write(&self) -> io::Result<()> {
        fail(self.present().state_write_fails)
    }

    fn loses_unsynced(&self) -> bool {
        self.loses_unsynced
    }

    /// Once in the life of the process.
    fn spoils(&self, _index: u64) -> bool {
        self.present().spoil_state && !self.is_spoiled.swap(true, Ordering::Relaxed)
    }
}

impl Lines {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match (line, line.strip_prefix("log_sync_ms=")) {
                ("log_write_fails", _) => lines.log_write_fails = true,
                ("log_sync_fails", _) => lines.log_sync_fails = true,
                ("state_write_fails", _) => lines.state_write_fails = true,
                ("spoil_state", _) => lines.spoil_state = true,
                (_, Some(milliseconds)) => {
                    let milliseconds = milliseconds.parse();
                    let milliseconds = milliseconds.with_context(|| line.to_owned())?;
                    lines.log_sync_takes = Duration::from_millis(milliseconds);
                }
                _ => bail!(
                    "`{line}` is none of log_write_fails, log_sync_fails, log_sync_ms=N, \
                     state_write_fails, spoil_state"
                ),
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn faults_come_and_go_with_the_lines_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("faults");
        let faults = Faults::new(Some(file.clone()), false).unwrap();
        let failing = || {
            [
                faults.before_log_write().is_err(),
                faults.before_log_sync().is_err(),
                faults.before_state_write().is_err(),
            ]
        };
        assert_eq!(failing(), [false; 3], "without a file");
        for (text, expected) in [
            ("log_write_fails\n", [true, false, false]),
            ("log_sync_fails\nstate_write_fails", [false, true, true]),
            ("", [false; 3]),
            ("log_sync_brakes\n", [false; 3]),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(failing(), expected, "{text}");
        }
        std::fs::write(&file, "log_sync_ms=30").unwrap();
        let started = Instant::now();
        faults.before_log_sync().unwrap();
        assert!(started.elapsed() >= Duration::from_millis(30));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(failing(), [false; 3], "the file is gone");
    }

    #[test]
    fn state_is_spoiled_once_and_only_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("faults");
        let faults = Faults::new(Some(file.clone()), false).unwrap();
        assert!(!faults.spoils(1));
        std::fs::write(&file, "spoil_state").unwrap();
        assert!(faults.spoils(2));
        assert!(!faults.spoils(3));
    }

    #[test]
    fn unknown_lines_are_refused() {
        for text in ["log_sync_ms=soon", "log_sync_ms", "fails"] {
            let refused = format!("{:#}", Lines::parse(text).unwrap_err());
            assert!(refused.contains(text), "{refused}");
        }
        let both = Lines::parse(" log_sync_ms=5 \n\nspoil_state\n").unwrap();
        assert_eq!(both.log_sync_takes, Duration::from_millis(5));
        assert!(both.spoil_state);
    }
}
