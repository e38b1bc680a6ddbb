//! One node as a process: started, killed, paused and asked at will.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use raftpool::process::{NodeAddresses, Process};
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::hosts::Host;
use crate::processes::{DEADLINE, executable, strings};

/// Longest wait for one answer of the API; a paused node gives none.
const API_TIMEOUT: Duration = Duration::from_secs(10);

/// A node with its configuration file, which may be running or not.
pub struct NodeProcess {
    name: String,
    directory: PathBuf,
    environment: Vec<(String, String)>,
    /// The network namespace it runs in, when that is not the test's own.
    namespace: Option<String>,
    /// What it runs; nothing for the program that belongs to the test.
    program: Option<PathBuf>,
    process: Mutex<Option<Process>>,
    http: reqwest::Client,
}

impl NodeProcess {
    /// A node that is configured by `pool.toml` in `directory` and not running. `name` is that of
    /// its log; `environment` is what each of its processes gets.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(name: &str, directory: &Path, environment: Vec<(String, String)>) -> Result<Self> {
        Ok(Self {
            name: name.into(),
            directory: directory.into(),
            environment,
            namespace: None,
            program: None,
            process: Mutex::default(),
            http: reqwest::Client::builder().timeout(API_TIMEOUT).build()?,
        })
    }

    /// The same node, on a host of its own.
    #[must_use]
    pub fn on_host(mut self, host: &Host) -> Self {
        self.namespace = Some(host.namespace.clone());
        self
    }

    /// Has the node run whatever program this file holds at each start.
    #[must_use]
    pub fn with_program(mut self, file: PathBuf) -> Self {
        self.program = Some(file);
        self
    }

    /// Starts the node, which must not be running, and waits until it listens.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&self, environment: &[(&str, &str)]) -> Result<()> {
        let mut slot = self.process.lock().await;
        ensure!(slot.is_none(), "{} runs already", self.name);
        let mut process = self.spawn(environment)?;
        process
            .addresses::<NodeAddresses>(&self.addresses_file(), DEADLINE)
            .await?;
        *slot = Some(process);
        Ok(())
    }

    /// Starts the node, expects that it refuses to run, and returns what it printed.
    ///
    /// # Errors
    /// When it runs on.
    pub async fn start_in_vain(&self) -> Result<String> {
        let before = self.log().len();
        let mut process = self.spawn(&[])?;
        match tokio::time::timeout(DEADLINE, process.wait()).await {
            Ok(_) => {
                self.forget_addresses();
                Ok(self.log()[before..].to_owned())
            }
            Err(_) => bail!("{} runs, but should refuse to", self.name),
        }
    }

    fn spawn(&self, environment: &[(&str, &str)]) -> Result<Process> {
        self.forget_addresses();
        let arguments = strings(&[
            "run",
            &self.config_file().display().to_string(),
            &format!("--addresses-file={}", self.addresses_file().display()),
        ]);
        let common = self.environment.iter();
        let common = common.map(|(name, value)| (name.as_str(), value.as_str()));
        let environment: Vec<_> = common.chain(environment.iter().copied()).collect();
        let program = self.program.clone().map_or_else(executable, Ok)?;
        let (program, arguments) = self.on_its_host(program, arguments);
        let log = self.log_file();
        let started = Process::start(&self.name, &program, &arguments, &environment, &log);
        Ok(started?)
    }

    /// The command line that runs another one where the node lives.
    fn on_its_host(&self, program: PathBuf, arguments: Vec<String>) -> (PathBuf, Vec<String>) {
        let Some(namespace) = &self.namespace else {
            return (program, arguments);
        };
        // It becomes the program, so that the process id stays the node's.
        let program = program.display().to_string();
        let way = strings(&["netns", "exec", namespace, &program]);
        (
            PathBuf::from(crate::hosts::PROGRAM),
            [way, arguments].concat(),
        )
    }

    /// Kills the node as a crash would.
    pub async fn kill(&self) {
        let mut slot = self.process.lock().await;
        self.forget_addresses();
        if let Some(mut process) = slot.take() {
            process.kill().await;
        }
    }

    /// Stops the node as an operator would, and says whether it ended cleanly.
    pub async fn stop(&self) -> bool {
        let mut slot = self.process.lock().await;
        let Some(mut process) = slot.take() else {
            return true;
        };
        let status = process.stop(DEADLINE).await;
        self.forget_addresses();
        status.is_some_and(|status| status.success())
    }

    /// Sends the process SIGTERM, as systemd does.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM).await
    }

    /// Waits until the node ends by itself, and returns its exit code.
    ///
    /// # Errors
    /// When it does not within the deadline.
    pub async fn exit_code(&self) -> Result<Option<i32>> {
        let mut slot = self.process.lock().await;
        let mut process = slot.take().context("not running")?;
        let ended = tokio::time::timeout(DEADLINE, process.wait()).await;
        self.forget_addresses();
        match ended {
            Ok(status) => Ok(status?.code()),
            Err(_) => bail!("the node did not end; its log:\n{}", process.log_text()),
        }
    }

    /// The status that its health listener answers `GET path` with.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn probe(&self, path: &str) -> Result<u16> {
        let addresses = self.addresses().context("the node does not run")?;
        let health = addresses.health.context("no health listener")?;
        let answer = self.http.get(format!("http://{health}{path}")).send();
        Ok(answer.await?.status().as_u16())
    }

    /// Waits until the node ends by itself.
    ///
    /// # Errors
    /// When it does not within the deadline.
    pub async fn ends(&self) -> Result<()> {
        let mut slot = self.process.lock().await;
        let Some(mut process) = slot.take() else {
            return Ok(());
        };
        let ended = tokio::time::timeout(DEADLINE, process.wait()).await;
        self.forget_addresses();
        match ended {
            Ok(_) => Ok(()),
            Err(_) => bail!("the node did not end; its log:\n{}", process.log_text()),
        }
    }

    /// Whether it runs. A node that has ended by itself does not, and is forgotten.
    pub async fn is_running(&self) -> bool {
        let mut slot = self.process.lock().await;
        if slot
            .as_mut()
            .is_some_and(|process| process.ended().is_some())
        {
            self.forget_addresses();
            *slot = None;
        }
        slot.is_some()
    }

    /// Stops the process where it stands, as a machine that is frozen.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP).await
    }

    /// Lets a frozen process go on.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT).await
    }

    /// Its process id, while it runs.
    pub async fn id(&self) -> Option<u32> {
        self.process.lock().await.as_ref().and_then(Process::id)
    }

    async fn signal(&self, signal: Signal) -> Result<()> {
        let slot = self.process.lock().await;
        let id = slot.as_ref().and_then(Process::id).context("not running")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Where it listens, as it says itself at present; `None` while it does not.
    pub fn addresses(&self) -> Option<NodeAddresses> {
        addresses_in(&self.addresses_file())
    }

    /// Where miners connect; `None` while it does not serve them.
    pub fn stratum(&self) -> Option<SocketAddr> {
        self.addresses()?.stratum.first().copied()
    }

    /// The answer of the API to `GET path`.
    ///
    /// # Errors
    /// When there is none, or it is not a success.
    pub async fn api(&self, path: &str) -> Result<Value> {
        let found = self.api_if_found(path).await?;
        found.with_context(|| format!("{path} is not found"))
    }

    /// As `api`, but `None` when what is asked for does not exist.
    ///
    /// # Errors
    /// When there is no answer, or it is neither a success nor "not found".
    pub async fn api_if_found(&self, path: &str) -> Result<Option<Value>> {
        let api = self.addresses().context("the node does not run")?.api;
        let answer = self.http.get(format!("http://{api}{path}")).send().await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(answer.error_for_status()?.json().await?))
    }

    /// All metrics, as Prometheus reads them.
    ///
    /// # Errors
    /// When there is no answer, or it is not a success.
    pub async fn metrics(&self) -> Result<String> {
        let api = self.addresses().context("the node does not run")?.api;
        let answer = self.http.get(format!("http://{api}/metrics")).send();
        Ok(answer.await?.error_for_status()?.text().await?)
    }

    /// The value of a metric, named with its labels, or without them for the sum over all; 0 while
    /// there is none of this name.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let text = self.metrics().await?;
        let values = text.lines().filter_map(|line| {
            let (full_name, value) = line.rsplit_once(' ')?;
            let is_it = full_name == name || full_name.split('{').next() == Some(name);
            is_it.then(|| value.parse::<f64>().ok()).flatten()
        });
        Ok(values.sum())
    }

    /// The memory it has, in bytes.
    ///
    /// # Errors
    /// When it does not run, or the system does not say.
    pub async fn resident_bytes(&self) -> Result<u64> {
        let id = self.id().await.context("the node does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        let kib: u64 = kib.context("VmRSS")?.trim().parse()?;
        Ok(1_024 * kib)
    }

    /// Runs `raftpool ledger verify` on the stopped node.
    ///
    /// # Errors
    /// When an invariant of the books is broken.
    pub fn verify_books(&self) -> Result<()> {
        let verified = self.tell(&["ledger", "verify"], &[]);
        verified.map(drop).context("the books do not verify")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.directory.join("pool.toml")
    }

    /// What it printed, over all its starts.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.name))
    }

    /// The file in which it says where it listens.
    pub fn addresses_file(&self) -> PathBuf {
        self.directory.join(format!("{}.json", self.name))
    }

    /// A file of an ended process names ports that others may get.
    fn forget_addresses(&self) {
        let _ = std::fs::remove_file(self.addresses_file());
    }
}

/// Where a node listens, from the file in which it says so; `None` while it does not.
pub fn addresses_in(file: &Path) -> Option<NodeAddresses> {
    let text = std::fs::read(file).ok()?;
    // The file is renamed into place, so a file that parses is complete.
    serde_json::from_slice(&text).ok()
}
