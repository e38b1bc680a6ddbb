//! Running `raftpool` itself as a child process: for the demo and for tests of whole pools.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

/// Where a node listens, as written to `--addresses-file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddresses {
    /// For miners; empty while the node waits to become a member of a cluster.
    pub stratum: Vec<std::net::SocketAddr>,
    /// For the API.
    pub api: std::net::SocketAddr,
    /// For the other nodes; none in a node that runs alone.
    pub peer: Option<std::net::SocketAddr>,
    /// For probes; none where they are switched off.
    #[serde(default)]
    pub health: Option<std::net::SocketAddr>,
    /// For questions about the pool's name, UDP and TCP; none in a node without a name server.
    #[serde(default)]
    pub dns: Option<std::net::SocketAddr>,
}

/// Where a simulated network listens, as written to `--addresses-file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevnetAddresses {
    /// URL of the daemon.
    pub daemon: String,
    /// URL of the wallet.
    pub wallet: String,
    /// URL of the control interface.
    pub control: String,
    /// The wallet's own address.
    pub pool_address: String,
}

/// A child did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program or its log file could not be opened.
    #[error("start `{name}`")]
    Start {
        /// Which child.
        name: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// It ended before it listened.
    #[error("`{name}` ended with {status}; the end of its log {}:\n{tail}", log.display())]
    Ended {
        /// Which child.
        name: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// It did not say in time where it listens.
    #[error("`{name}` did not listen within {waited:?}; its log is {}", log.display())]
    Silent {
        /// Which child.
        name: String,
        /// How long was waited.
        waited: Duration,
        /// Its log.
        log: PathBuf,
    },
}

/// A running child. It ends when this is dropped, and also when this process is killed: its
/// standard input closes then.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `executable` with `arguments`, its output going to `log`.
    ///
    /// # Errors
    /// When the program or the log cannot be opened.
    pub fn start(
        name: &str,
        executable: &Path,
        arguments: &[String],
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Start {
            name: name.into(),
            source,
        };
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let child = Command::new(executable)
            .args(arguments)
            .arg("--exit-on-stdin-close")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        Ok(Self {
            name: name.into(),
            child,
            log: log.into(),
        })
    }

    /// Waits until the child wrote `file`, and reads it.
    ///
    /// # Errors
    /// When the child ends or stays silent.
    pub async fn addresses<T: DeserializeOwned>(
        &mut self,
        file: &Path,
        deadline: Duration,
    ) -> Result<T, ProcessError> {
        let start = Instant::now();
        loop {
            // The file is renamed into place, so a file that parses is complete.
            if let Ok(text) = std::fs::read(file)
                && let Ok(addresses) = serde_json::from_slice(&text)
            {
                return Ok(addresses);
            }
            if let Some(error) = self.ended() {
                return Err(error);
            }
            if start.elapsed() > deadline {
                let (name, log) = (self.name.clone(), self.log.clone());
                return Err(ProcessError::Silent {
                    name,
                    waited: deadline,
                    log,
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The error that tells of the child's end, if it has ended.
    pub fn ended(&mut self) -> Option<ProcessError> {
        let status = self.child.try_wait().ok().flatten()?;
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(12)..].join("\n");
        Some(ProcessError::Ended {
            name: self.name.clone(),
            status,
            log: self.log.clone(),
            tail,
        })
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills the child at once, as a crash would, and waits until it is gone.
    pub async fn kill(&mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill().await;
    }

    /// Asks the child to stop by closing its standard input, and waits; kills it at the deadline.
    pub async fn stop(&mut self, deadline: Duration) -> Option<std::process::ExitStatus> {
        drop(self.child.stdin.take());
        match tokio::time::timeout(deadline, self.child.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => {
                self.kill().await;
                None
            }
        }
    }

    /// Waits until the child ends by itself.
    pub async fn wait(&mut self) -> io::Result<std::process::ExitStatus> {
        // `Child::wait` would close the standard input, which asks the child to stop.
        let stdin = self.child.stdin.take();
        let status = self.child.wait().await;
        drop(stdin);
        status
    }

    /// What the child printed so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Writes `addresses` so that a reader sees either nothing or all of it.
///
/// # Errors
/// When the file cannot be written.
pub fn write_addresses(file: &Path, addresses: &impl Serialize) -> io::Result<()> {
    let temporary = file.with_extension("new");
    std::fs::write(&temporary, serde_json::to_vec_pretty(addresses)?)?;
    std::fs::rename(&temporary, file)
}
