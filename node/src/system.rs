//! What only the binary may touch: the wall clock, who runs it, and the log's destination.

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use raftpool_ledger::Clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSection};

/// Open files besides miners' connections: those of the store, of peers and of the API.
pub const OTHER_FILES: u64 = 2_048;

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

/// Milliseconds since the Unix epoch; 0 on a machine whose clock stands before it.
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Who runs this program, for the record: the user behind `sudo`, when there is one.
pub fn user_name() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|variable| std::env::var(variable).ok().filter(|name| !name.is_empty()));
    named.unwrap_or_else(|| match std::fs::metadata("/proc/self") {
        Ok(process) => format!("user {}", process.uid()),
        Err(_) => "an unknown user".into(),
    })
}

/// Logs readable lines to standard error; for commands without a configuration file.
pub fn log_to_stderr(filter: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let stderr = std::io::stderr;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr)
        .init();
}

/// Logs as the configuration says.
///
/// # Errors
/// When the filter is not one; the text says where.
pub fn log_as_configured(log: &LogSection) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| error.to_string())?;
    let stderr = std::io::stderr;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    match log.format {
        LogFormat::Text => builder.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

/// Lets this process have so many open files, each connection being one; programs are started with
/// far fewer than the system allows.
///
/// # Errors
/// How many it may have, when the system does not allow so many.
pub fn allow_open_files(wanted: u64) -> Result<(), u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raise = |current: u64, maximum: Option<u64>| {
        let raised = Rlimit {
            current: Some(current),
            maximum,
        };
        setrlimit(Resource::Nofile, raised)
    };
    match limit.maximum {
        Some(maximum) if maximum < wanted => {
            // More than the hard limit takes a privilege, which may be there.
            if raise(wanted, Some(wanted)).is_ok() {
                return Ok(());
            }
            let _ = raise(maximum, Some(maximum));
            Err(maximum)
        }
        maximum => raise(wanted, maximum).map_err(|_| limit.current.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_never_made_fewer() {
        let before = getrlimit(Resource::Nofile).current;
        assert_eq!(allow_open_files(1), Ok(()));
        assert_eq!(getrlimit(Resource::Nofile).current, before);
        let allowed = allow_open_files(1 << 40);
        let after = getrlimit(Resource::Nofile).current;
        assert!(after.unwrap_or(u64::MAX) >= before.unwrap_or(u64::MAX));
        assert!(allowed.is_ok() || allowed.err() == after);
    }
}
