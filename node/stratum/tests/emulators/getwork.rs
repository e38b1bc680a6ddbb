//! The miners that take a pool for their daemon.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::lines::Wire;
use super::{Answer, Gone, PATIENCE};

/// Digits of a work, in hexadecimal: its time, its nonce, and the part of the extra nonce that
/// miners change.
const TIMESTAMP: std::ops::Range<usize> = 64..80;
const NONCE: std::ops::Range<usize> = 80..96;
const THREAD: std::ops::Range<usize> = 156..160;
const TAIL: std::ops::Range<usize> = 152..160;

/// A miner that speaks getwork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetworkKind {
    /// The official miner with one thread: it writes the thread's number into the last two bytes of
    /// the extra nonce, moves the time on, and stands still after a share until the next job.
    XelisMiner,
    /// Sends its shares under the older name, and takes only jobs of another height than its own.
    TnnMiner,
    /// The official proxy, as its source (version 1.1.0) has it: a blank in the name of its worker,
    /// the last four bytes of the extra nonce for the miners behind it, and no pause after a share.
    MiningProxy,
}

impl GetworkKind {
    /// All miners that speak getwork.
    pub const ALL: [Self; 3] = [Self::XelisMiner, Self::TnnMiner, Self::MiningProxy];

    /// How the name of a worker stands in the address.
    fn path(self, worker: &str) -> String {
        match self {
            Self::XelisMiner | Self::TnnMiner => worker.to_owned(),
            Self::MiningProxy => format!("{worker}%20v1.1.0"),
        }
    }

    /// The name that its worker has in the books, which have no blanks.
    pub fn worker(self, worker: &str) -> String {
        self.path(worker).replace("%20", "")
    }
}

/// A connected miner.
pub struct GetworkEmulator {
    kind: GetworkKind,
    socket: WebSocketStream<Box<dyn Wire>>,
    /// Of the newest job.
    pub difficulty: u64,
    work: String,
    height: u64,
    has_new_job: bool,
    sent: u64,
}

impl GetworkEmulator {
    /// Connects over a socket or TLS, and waits for the first job.
    pub async fn login(
        kind: GetworkKind,
        wire: Box<dyn Wire>,
        address: &str,
        worker: &str,
    ) -> Result<Self, Gone> {
        let path = kind.path(worker);
        let url = format!("ws://pool.example/getwork/{address}/{path}");
        let opened = tokio_tungstenite::client_async(url, wire);
        let opened = tokio::time::timeout(PATIENCE, opened).await;
        let (socket, _) = opened.expect("no answer in time").map_err(|_| Gone)?;
        let mut miner = Self {
            kind,
            socket,
            difficulty: 0,
            work: String::new(),
            height: 0,
            has_new_job: false,
            sent: 0,
        };
        miner.wait_for_job().await?;
        Ok(miner)
    }

    /// Sends a share, whose hash nobody looks at, and waits for its answer.
    pub async fn share(&mut self) -> Result<Answer, Gone> {
        if self.kind == GetworkKind::XelisMiner {
            self.wait_for_job().await?;
        }
        self.has_new_job = false;
        self.sent += 1;
        let mut work = self.work.clone();
        work.replace_range(NONCE, &format!("{:016x}", self.sent));
        match self.kind {
            GetworkKind::XelisMiner => {
                let time = u64::from_str_radix(&work[TIMESTAMP], 16).expect("hexadecimal");
                work.replace_range(TIMESTAMP, &format!("{:016x}", time + 1));
                work.replace_range(THREAD, "0001");
            }
            GetworkKind::TnnMiner => {}
            GetworkKind::MiningProxy => {
                let tail = 0x9e37_79b9_u64.wrapping_mul(self.sent) & 0xffff_ffff;
                work.replace_range(TAIL, &format!("{tail:08x}"));
            }
        }
        let message = match self.kind {
            GetworkKind::TnnMiner => json!({"block_template": work}),
            _ => json!({"miner_work": work}),
        };
        let message = Message::text(message.to_string());
        self.socket.send(message).await.map_err(|_| Gone)?;
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
        let height = job["height"].as_u64().expect("an integer");
        assert!(height > 0, "{message}");
        if self.kind == GetworkKind::TnnMiner && height == self.height {
            return Ok(None);
        }
        let text = |name: &str| job[name].as_str().expect("a text").to_owned();
        (self.work, self.height, self.has_new_job) = (text("miner_work"), height, true);
        assert_eq!(self.work.len(), 224, "{message}");
        self.difficulty = text("difficulty").parse().expect("a decimal number");
        Ok(None)
    }
}
