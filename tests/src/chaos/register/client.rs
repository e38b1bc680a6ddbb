//! Clients that read and write the register through whichever node answers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Action, History};
use crate::cluster::ClusterPool;

/// Longest wait for one answer; a node waits less for a leader.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);
/// Values that the ledger takes, and that leave a payout both payees of the tests. Each is written
/// once, so that a read tells which write it saw.
const FIRST_VALUE: u32 = 2;
const LAST_VALUE: u32 = 255;

/// How much is asked.
#[derive(Debug, Clone)]
pub struct RegisterOptions {
    /// Clients at the same time.
    pub clients: u32,
    /// Operations of each, at most: the check takes longer the longer the history is.
    pub operations_max: u32,
    /// Mean pause between two operations of a client.
    pub pause_ms: u64,
}

impl Default for RegisterOptions {
    fn default() -> Self {
        Self {
            clients: 4,
            operations_max: 75,
            pause_ms: 250,
        }
    }
}

/// Running clients.
pub struct Clients {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<()>>,
    history: History,
}

impl Clients {
    /// Writes the register for the first time, and starts clients.
    ///
    /// # Errors
    /// When the first write fails.
    pub async fn start(
        pool: &Arc<ClusterPool>,
        options: &RegisterOptions,
        seed: u64,
    ) -> Result<Self> {
        let history = History::default();
        let mut first = Client {
            id: 0,
            pool: pool.clone(),
            http: HashMap::new(),
            settings: Value::Null,
            next_value: Arc::new(AtomicU32::new(FIRST_VALUE)),
            history: history.clone(),
            random: StdRng::seed_from_u64(seed),
        };
        first.write_first().await?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for id in 1..=options.clients {
            let client = Client {
                id,
                pool: pool.clone(),
                http: HashMap::new(),
                settings: first.settings.clone(),
                next_value: first.next_value.clone(),
                history: history.clone(),
                random: StdRng::seed_from_u64(seed ^ u64::from(id) << 32),
            };
            tasks.spawn(client.run(options.clone(), stopped.clone()));
        }
        Ok(Self {
            stop,
            tasks,
            history,
        })
    }

    /// Has the clients stop, and returns what they did, with the complaints of those who got an
    /// answer that must not come.
    pub async fn stop(mut self) -> (History, Vec<anyhow::Error>) {
        self.stop.send_replace(true);
        let mut complaints = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            complaints.extend(ended.context("a client's task").flatten().err());
        }
        (self.history, complaints)
    }
}

/// What is known of a write.
enum Written {
    Yes,
    No,
    Unknown,
}

struct Client {
    id: u32,
    pool: Arc<ClusterPool>,
    http: HashMap<u64, reqwest::Client>,
    settings: Value,
    next_value: Arc<AtomicU32>,
    history: History,
    random: StdRng,
}

impl Client {
    async fn run(
        mut self,
        options: RegisterOptions,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<()> {
        for _ in 0..options.operations_max {
            let pause = self.random.random_range(0..=2 * options.pause_ms);
            let paused = tokio::time::sleep(Duration::from_millis(pause));
            tokio::select! {
                () = paused => {}
                _ = stopped.wait_for(|is_stopped| *is_stopped) => return Ok(()),
            }
            let members = self.pool.members();
            let Some(member) = members.choose(&mut self.random) else {
                continue;
            };
            let (id, socket) = (member.id, member.admin_socket());
            match self.random.random_bool(0.5) {
                true => self.write(id, socket).await?,
                false => self.read(id, socket).await?,
            }
        }
        Ok(())
    }

    /// The settings as they are, and a value that is certainly in force.
    async fn write_first(&mut self) -> Result<()> {
        let members = self.pool.members();
        let member = members.first().context("no node")?;
        let (id, socket) = (member.id, member.admin_socket());
        let (status, answer) = self.get(id, socket.clone()).await?;
        ensure!(status == StatusCode::OK, "settings: {status} {answer}");
        self.settings = answer["settings"].clone();
        self.write(id, socket).await?;
        let (_, written, unknown) = self.history.counts();
        ensure!((written, unknown) == (1, 0), "the register cannot be set");
        Ok(())
    }

    async fn write(&mut self, id: u64, socket: PathBuf) -> Result<()> {
        let value = self.next_value.fetch_add(1, Ordering::Relaxed);
        if value > LAST_VALUE {
            return Ok(());
        }
        let mut settings = self.settings.clone();
        settings["payout_payees_max"] = json!(value);
        let request = json!({
            "author": format!("client {}", self.id),
            "reason": "a test of linearizability",
            "settings": settings,
        });
        let call_time = self.history.now();
        let url = "http://localhost/admin/v1/settings";
        let sent = self.http(id, socket)?.post(url).json(&request).send().await;
        let action = Action::Write(value);
        match meaning_of(sent).await? {
            Written::Yes => self.history.done(self.id, call_time, action),
            Written::Unknown => self.history.unknown(self.id, call_time, action),
            Written::No => {}
        }
        Ok(())
    }

    async fn read(&mut self, id: u64, socket: PathBuf) -> Result<()> {
        let call_time = self.history.now();
        // A read that failed tells nothing.
        let Ok((StatusCode::OK, answer)) = self.get(id, socket).await else {
            return Ok(());
        };
        if answer["is_current"] == json!(true) {
            let value = answer["settings"]["payout_payees_max"].as_u64();
            let value = value.with_context(|| format!("no register in {answer}"))?;
            let action = Action::Read(u32::try_from(value)?);
            self.history.done(self.id, call_time, action);
        }
        Ok(())
    }

    async fn get(&mut self, id: u64, socket: PathBuf) -> Result<(StatusCode, Value)> {
        let url = "http://localhost/admin/v1/settings";
        let answer = self.http(id, socket)?.get(url).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    fn http(&mut self, id: u64, socket: PathBuf) -> Result<reqwest::Client> {
        if let Some(client) = self.http.get(&id) {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .unix_socket(socket)
            .timeout(ANSWER_TIMEOUT)
            // A connection that is kept may be to a process that is gone.
            .pool_max_idle_per_host(0)
            .build()?;
        self.http.insert(id, client.clone());
        Ok(client)
    }
}

async fn meaning_of(sent: reqwest::Result<reqwest::Response>) -> Result<Written> {
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => return Ok(Written::No),
        Err(_) => return Ok(Written::Unknown),
    };
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    match status {
        StatusCode::OK => Ok(Written::Yes),
        // "Not accepted" and "busy": not in the log, and never will be.
        StatusCode::SERVICE_UNAVAILABLE => Ok(Written::No),
        StatusCode::GATEWAY_TIMEOUT | StatusCode::INTERNAL_SERVER_ERROR => Ok(Written::Unknown),
        _ => anyhow::bail!("a change of settings was answered with {status}: {text}"),
    }
}
