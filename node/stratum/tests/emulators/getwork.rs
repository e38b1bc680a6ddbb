//! The official miner, which takes a pool for its daemon.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{Answer, Gone, PATIENCE};

/// Digits of the nonce in a work.
const NONCE: std::ops::Range<usize> = 80..96;

/// The official miner with one thread: it mines a job until it has a share, and then waits for the
/// next.
pub struct GetworkEmulator {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Of the newest job.
    pub difficulty: u64,
    work: String,
    has_new_job: bool,
    nonce: u64,
}

impl GetworkEmulator {
    /// Connects, and waits for the first job.
    pub async fn login(http: SocketAddr, address: &str, worker: &str) -> Result<Self, Gone> {
        let url = format!("ws://{http}/getwork/{address}/{worker}");
        let opened = tokio::time::timeout(PATIENCE, tokio_tungstenite::connect_async(url)).await;
        let (socket, _) = opened.expect("no answer in time").map_err(|_| Gone)?;
        let mut miner = Self {
            socket,
            difficulty: 0,
            work: String::new(),
            has_new_job: false,
            nonce: 0,
        };
        miner.wait_for_job().await?;
        Ok(miner)
    }

    /// Sends a share, whose hash nobody looks at, and waits for its answer.
    pub async fn share(&mut self) -> Result<Answer, Gone> {
        self.wait_for_job().await?;
        self.has_new_job = false;
        self.nonce += 1;
        let mut work = self.work.clone();
        work.replace_range(NONCE, &format!("{:016x}", self.nonce));
        let message = json!({"miner_work": work}).to_string();
        self.socket
            .send(Message::text(message))
            .await
            .map_err(|_| Gone)?;
        loop {
            if let Some(answer) = self.read().await? {
                // Its threads stand still until a job comes; one from before does not count.
                self.has_new_job = false;
                return Ok(answer);
            }
        }
    }

    async fn wait_for_job(&mut self) -> Result<(), Gone> {
        while !self.has_new_job {
            self.read().await?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Answer>, Gone> {
        let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        let message = match message.expect("nothing came in time") {
            None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Gone),
            Some(Ok(Message::Ping(_))) => return Ok(None),
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(other)) => panic!("the official miner disconnects for {other:?}"),
        };
        let message: Value = serde_json::from_str(&message).expect("a message is JSON");
        if message == json!("block_accepted") {
            return Ok(Some(Answer::Accepted));
        }
        if let Some(reason) = message["block_rejected"].as_str() {
            return Ok(Some(Answer::Refused(reason.to_owned())));
        }
        let job = &message["new_job"];
        assert!(job["height"].as_u64() > Some(0), "{message}");
        let text = |name: &str| job[name].as_str().expect("a text").to_owned();
        (self.work, self.has_new_job) = (text("miner_work"), true);
        assert_eq!(self.work.len(), 224, "{message}");
        self.difficulty = text("difficulty").parse().expect("a decimal number");
        Ok(None)
    }
}
