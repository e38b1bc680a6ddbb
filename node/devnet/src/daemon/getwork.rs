//! The daemon's getwork WebSocket, which the official miner speaks.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use raftpool_chain::{Address, AddressError, Hash, MinerWork};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::broadcast::error::RecvError, time::Instant};

use super::Daemon;

/// Longest name of a worker, in characters.
const WORKER_LIMIT: usize = 32;
/// Jobs the daemon remembers.
const JOB_LIMIT: usize = 128;

#[derive(Deserialize)]
struct Submission {
    #[serde(alias = "block_template")]
    miner_work: String,
}

/// Opens a connection, or says why not.
pub(super) async fn connect(
    State(daemon): State<Arc<Daemon>>,
    Path((address, worker)): Path<(String, String)>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let refuse = |reason: String| (StatusCode::BAD_REQUEST, reason).into_response();
    if worker.chars().count() > WORKER_LIMIT {
        return refuse(format!(
            "Worker name must be less or equal to {WORKER_LIMIT} chars"
        ));
    }
    let key = match Address::parse(&address, daemon.network) {
        Ok(address) => *address.public_key(),
        Err(AddressError::WrongNetwork { .. }) => {
            let network = daemon.network;
            return refuse(format!(
                "Address is not in same network state, should be in {network} mode"
            ));
        }
        Err(_) => return refuse("Invalid miner address for getwork server".to_owned()),
    };
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| {
            Session {
                daemon,
                socket,
                key,
            }
            .run()
        }),
        Err(rejection) => rejection.into_response(),
    }
}

struct Session {
    daemon: Arc<Daemon>,
    socket: WebSocket,
    key: [u8; 32],
}

impl Session {
    async fn run(mut self) {
        let mut events = self.daemon.view().subscribe();
        let rate_limit = Duration::from_millis(self.daemon.getwork_rate_limit_ms);
        if self.send_job().await.is_none() {
            return;
        }
        let mut last_job = Instant::now();
        let mut is_outdated = false;
        loop {
            let sent = tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.answer(&text).await,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => Some(()),
                },
                event = events.recv() => match event {
                    Ok(event) => {
                        is_outdated |= event.name == "new_block_template";
                        Some(())
                    }
                    Err(RecvError::Lagged(_)) => {
                        is_outdated = true;
                        Some(())
                    }
                    Err(RecvError::Closed) => return,
                },
                () = tokio::time::sleep_until(last_job + rate_limit), if is_outdated => {
                    is_outdated = false;
                    last_job = Instant::now();
                    self.send_job().await
                }
            };
            if sent.is_none() {
                return;
            }
        }
    }

    /// Answers a submission; anything else gets no answer.
    async fn answer(&mut self, text: &str) -> Option<()> {
        let Ok(submission) = serde_json::from_str::<Submission>(text) else {
            return Some(());
        };
        match self.daemon.submit_work(&submission.miner_work).await {
            Ok(()) => self.send(&json!("block_accepted")).await,
            Err(reason) => {
                self.send(&json!({ "block_rejected": reason })).await?;
                self.send_job().await
            }
        }
    }

    async fn send_job(&mut self) -> Option<()> {
        let work = self.daemon.with_chain(|chain| chain.next_work(self.key));
        let job = json!({ "new_job": work.to_miner_json() });
        self.daemon
            .remember_job(work.header.work_hash(), work.header);
        self.send(&job).await
    }

    async fn send(&mut self, message: &Value) -> Option<()> {
        self.socket
            .send(Message::Text(message.to_string().into()))
            .await
            .ok()
    }
}

impl Daemon {
    async fn submit_work(&self, text: &str) -> Result<(), String> {
        let bytes = hex::decode(text).map_err(|_| "Invalid hex")?;
        let bytes: [u8; 112] = bytes.try_into().map_err(|_| "Invalid size")?;
        let work = MinerWork::from_bytes(&bytes);
        let header = self
            .jobs
            .lock()
            .iter()
            .find(|(work_hash, _)| work_hash.0 == work.work_hash)
            .map(|(_, header)| header.with_work(&work))
            .ok_or("Invalid params: Job was not found in cache")?;
        self.submit_header(header)
            .await
            .map(drop)
            .map_err(|error| error.message)
    }

    fn remember_job(&self, work_hash: Hash, header: raftpool_chain::BlockHeader) {
        let mut jobs = self.jobs.lock();
        if jobs.iter().any(|(known, _)| *known == work_hash) {
            return;
        }
        if jobs.len() == JOB_LIMIT {
            jobs.pop_front();
        }
        jobs.push_back((work_hash, header));
    }
}
