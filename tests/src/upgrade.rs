//! Upgrades: the program of the previous release, the script that puts a new one in place, and miners
//! that watch how long they are without a job.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cluster::{ClusterPool, Member};
use crate::miner::ScriptedMiner;
use crate::processes::MINERS;

/// The program of the previous release.
///
/// # Errors
/// When it was not built.
pub fn previous_program() -> Result<PathBuf> {
    let program = place_of_previous_program()?;
    if !program.is_file() {
        bail!(
            "{} is not built; run `make test-tools`, or ops/setup/previous-release.sh",
            program.display()
        );
    }
    Ok(program)
}

/// Whether this copy of the sources cannot have the program of the previous release: it has no
/// history, or not that far back, and nobody has put the program into its place.
///
/// # Errors
/// When the previous release is not named.
pub fn is_previous_out_of_reach() -> Result<bool> {
    if place_of_previous_program()?.is_file() {
        return Ok(false);
    }
    let commit = format!("{}^{{commit}}", previous_commit()?);
    let known = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "cat-file", "-e", &commit])
        .output();
    let is_known = known.is_ok_and(|output| output.status.success());
    if !is_known {
        println!("not tried: this copy of the sources does not reach back to the previous release");
    }
    Ok(!is_known)
}

fn previous_commit() -> Result<String> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("previous-release");
    let text = std::fs::read_to_string(&list).context("read tests/previous-release")?;
    let commit = text.lines().find(|line| !line.starts_with('#'));
    Ok(commit
        .context("tests/previous-release names no commit")?
        .to_owned())
}

fn place_of_previous_program() -> Result<PathBuf> {
    let commit = previous_commit()?;
    let cache = match std::env::var_os("RAFTPOOL_CACHE") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").context("no HOME")?).join(".cache/raftpool"),
    };
    Ok(cache.join(format!("previous-{commit}/raftpool")))
}

/// Stands in for ssh: runs a command in the folder of a node, which is its host here.
const STAND_IN: &str = "#!/bin/sh\ncd \"$RAFTPOOL_TEST_HOSTS/$1\" && shift && exec sh -c \"$*\"\n";
/// Asks the test to restart the node of this folder, as systemd would, and waits until it has.
const RESTART: &str = "touch restart && while [ -e restart ]; do sleep 0.1; done";

/// Writes a file that can be executed.
///
/// # Errors
/// When it cannot be written.
pub fn write_program(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text)?;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// `rolling-upgrade.sh` over all nodes of a pool, whose folders are its hosts and hold `./raftpool`.
///
/// # Errors
/// When it cannot be prepared.
pub fn script(pool: &ClusterPool, binary: &Path) -> Result<Command> {
    let stand_in = pool.root().join("ssh");
    write_program(&stand_in, STAND_IN)?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(repository.join("ops/bin/rolling-upgrade.sh"));
    command
        .env("RAFTPOOL_SSH", &stand_in)
        .env("RAFTPOOL_TEST_HOSTS", pool.root())
        .args(["--config", "pool.toml", "--program", "./raftpool"])
        .args(["--restart", RESTART, "--timeout", "60", "--binary"])
        .arg(binary);
    for member in pool.members() {
        let host = member.directory().strip_prefix(pool.root())?.display();
        command.arg(format!("{}={host}", member.id));
    }
    Ok(command)
}

/// Runs the script, and restarts every node that it wants to be restarted. `between` hears of each node
/// that has been.
///
/// # Errors
/// When the script cannot be run, or a node does not end or come up as it should.
pub async fn run_script(
    pool: &ClusterPool,
    mut command: Command,
    mut between: impl AsyncFnMut(&Member) -> Result<()>,
) -> Result<Output> {
    let mut script = tokio::task::spawn_blocking(move || command.output());
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            ended = &mut script => return Ok(ended??),
            _ = ticks.tick() => {}
        }
        for member in pool.members() {
            let asked = member.directory().join("restart");
            if asked.exists() {
                let name = member.process.name();
                ensure!(member.process.stop().await, "{name} ended badly");
                member.process.start(&[]).await?;
                std::fs::remove_file(asked)?;
                between(&member).await?;
            }
        }
    }
}

/// How long a miner was without a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Longest {
    /// From the end of a connection until the first job of the next one.
    pub without_job: Duration,
    /// From one job to the next, whatever lay between.
    pub between_jobs: Duration,
    /// Connections that ended.
    pub breaks: u32,
}

/// Miners that have one connection each, go to the next node when it ends, and do nothing but wait for
/// jobs.
pub struct JobWatch {
    stop: watch::Sender<bool>,
    miners: JoinSet<Longest>,
}

/// Longest wait for a connection with its first job before the next node is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl JobWatch {
    /// Starts so many miners.
    pub fn start(pool: &Arc<ClusterPool>, miners: usize) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut set = JoinSet::new();
        for number in 0..miners {
            set.spawn(watch_jobs(pool.clone(), number, stopped.clone()));
        }
        Self { stop, miners: set }
    }

    /// Ends them, and says what each has seen at worst.
    pub async fn stop(mut self) -> Vec<Longest> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        while let Some(longest) = self.miners.join_next().await {
            all.extend(longest.ok());
        }
        all
    }
}

async fn watch_jobs(
    pool: Arc<ClusterPool>,
    number: usize,
    stopped: watch::Receiver<bool>,
) -> Longest {
    let mut longest = Longest::default();
    let (mut ended_at, mut job_at) = (None::<Instant>, None::<Instant>);
    let mut next = number;
    while !*stopped.borrow() {
        next += 1;
        let members = pool.members();
        let node = members[next % members.len()].process.stratum();
        let Some(node) = node else {
            // Not even listening: a miner's list has more.
            tokio::task::yield_now().await;
            continue;
        };
        let worker = format!("watch{number}");
        let connect = ScriptedMiner::connect(node, MINERS[0], &worker, "x");
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, connect).await;
        let Ok(Ok(mut miner)) = connected else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let now = Instant::now();
        if let Some(ended_at) = ended_at {
            longest.without_job = longest.without_job.max(now - ended_at);
            longest.breaks += 1;
        }
        job_at.get_or_insert(now);
        while !*stopped.borrow() {
            match miner.read_within(Duration::from_millis(50)).await {
                Ok(Some(message)) if message["method"] == "mining.notify" => {
                    let now = Instant::now();
                    let before = job_at.replace(now).unwrap_or(now);
                    longest.between_jobs = longest.between_jobs.max(now - before);
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        ended_at = Some(Instant::now());
    }
    longest
}
