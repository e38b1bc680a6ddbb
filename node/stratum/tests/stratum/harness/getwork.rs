//! A miner over the getwork WebSocket, as strict as the strictest.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use raftpool_chain::MinerWork;
use raftpool_pow::{Algorithm, Difficulty, Hasher};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{DEADLINE, Pool, Wire};

/// A job as the official miner reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetworkJob {
    pub work: MinerWork,
    pub algorithm: Algorithm,
    pub height: u64,
    pub topoheight: u64,
    pub difficulty: u64,
}

impl GetworkJob {
    /// The first work from a nonce on that meets (or misses) a difficulty, in the thread's part
    /// of the extra nonce.
    pub fn solve(&self, thread: u16, difficulty: u64, meets: bool, from: u64) -> MinerWork {
        let target = Difficulty::from_u64(difficulty).unwrap().target();
        let mut hasher = Hasher::new();
        let mut work = self.work;
        work.extra_nonce[30..].copy_from_slice(&thread.to_be_bytes());
        (from..)
            .find_map(|nonce| {
                work.nonce = nonce;
                let hash = hasher.hash(self.algorithm, &work.to_bytes()).unwrap();
                (target.is_met_by(&hash) == meets).then_some(work)
            })
            .unwrap()
    }
}

/// What the server may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Job(GetworkJob),
    Accepted,
    Rejected(String),
    /// Closed, with the reason of the close frame.
    Closed(String),
}

/// A scripted getwork miner.
pub struct GetworkClient {
    pub socket: WebSocketStream<Box<dyn Wire>>,
    pub job: Option<GetworkJob>,
    pub pings: u64,
    deadline: tokio::time::Instant,
}

impl GetworkClient {
    /// Connects, or says with which status and text it was refused.
    pub async fn connect(http: SocketAddr, path: &str) -> Result<Self, (u16, String)> {
        Self::over(TcpStream::connect(http).await.unwrap(), path).await
    }

    /// The same over a stream that leads to the server.
    pub async fn over(wire: impl Wire + 'static, path: &str) -> Result<Self, (u16, String)> {
        let url = format!("ws://pool.example{path}");
        let wire: Box<dyn Wire> = Box::new(wire);
        match tokio_tungstenite::client_async(url, wire).await {
            Ok((socket, _)) => Ok(Self {
                socket,
                job: None,
                pings: 0,
                deadline: tokio::time::Instant::now() + DEADLINE,
            }),
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let text = String::from_utf8(body).unwrap();
                Err((response.status().as_u16(), text))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// What comes next; anything the official miner does not know fails the test.
    pub async fn said(&mut self) -> Said {
        loop {
            let message = tokio::time::timeout_at(self.deadline, self.socket.next()).await;
            let message = match message.expect("nothing came in time") {
                None | Some(Err(_)) => return Said::Closed(String::new()),
                Some(Ok(message)) => message,
            };
            return match message {
                Message::Text(text) => self.read(&text),
                Message::Ping(_) => {
                    self.pings += 1;
                    continue;
                }
                Message::Close(frame) => {
                    Said::Closed(frame.map(|f| f.reason.to_string()).unwrap_or_default())
                }
                other => panic!("the official miner disconnects for {other:?}"),
            };
        }
    }

    fn read(&mut self, text: &str) -> Said {
        let message: Value = serde_json::from_str(text).unwrap();
        if message == json!("block_accepted") {
            return Said::Accepted;
        }
        let fields = message.as_object().unwrap();
        assert_eq!(fields.len(), 1, "{message}");
        if let Some(reason) = fields.get("block_rejected") {
            return Said::Rejected(reason.as_str().unwrap().to_owned());
        }
        let job = fields["new_job"].as_object().unwrap();
        assert_eq!(job.len(), 5, "{message}");
        let bytes = hex::decode(job["miner_work"].as_str().unwrap()).unwrap();
        let job = GetworkJob {
            work: MinerWork::from_bytes(&bytes.try_into().unwrap()),
            algorithm: job["algorithm"].as_str().unwrap().parse().unwrap(),
            height: job["height"].as_u64().unwrap(),
            topoheight: job["topoheight"].as_u64().unwrap(),
            difficulty: job["difficulty"].as_str().unwrap().parse().unwrap(),
        };
        assert!(job.height > 0 && job.difficulty > 0, "{message}");
        self.job = Some(job.clone());
        Said::Job(job)
    }

    /// Waits for the next job.
    pub async fn next_job(&mut self) -> GetworkJob {
        loop {
            match self.said().await {
                Said::Job(job) => return job,
                Said::Closed(reason) => panic!("closed: {reason}"),
                Said::Accepted | Said::Rejected(_) => {}
            }
        }
    }

    pub async fn send(&mut self, text: impl Into<String>) {
        let message = Message::Text(text.into().into());
        self.socket.send(message).await.unwrap();
    }

    pub async fn send_work(&mut self, work: &MinerWork) {
        let message = json!({"miner_work": hex::encode(work.to_bytes())});
        self.send(message.to_string()).await;
    }

    /// Sends a share and waits for its answer and for the job that must follow it.
    pub async fn submit(&mut self, work: &MinerWork) -> Result<(), String> {
        self.send_work(work).await;
        self.answer().await
    }

    /// The next answer; a job must follow it.
    pub async fn answer(&mut self) -> Result<(), String> {
        let answer = loop {
            match self.said().await {
                Said::Job(_) => {}
                Said::Accepted => break Ok(()),
                Said::Rejected(reason) => break Err(reason),
                Said::Closed(reason) => panic!("closed: {reason}"),
            }
        };
        let next = self.said().await;
        assert!(matches!(next, Said::Job(_)), "a job follows: {next:?}");
        answer
    }

    /// Reads to the end and returns the reason the server gave.
    pub async fn last_words(&mut self) -> String {
        loop {
            if let Said::Closed(reason) = self.said().await {
                return reason;
            }
        }
    }
}

impl Pool {
    /// Serves the getwork routes over HTTP.
    pub async fn serve_http(&self) -> SocketAddr {
        let door = self.server.getwork_door();
        let router = raftpool_stratum::getwork_router(move || Some(door.clone()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        address
    }

    /// A getwork miner that has its first job.
    pub async fn getwork_miner(&self, user: &str, worker: &str) -> GetworkClient {
        let http = self.serve_http().await;
        let path = format!("/getwork/{user}/{worker}");
        let mut client = GetworkClient::connect(http, &path).await.unwrap();
        client.next_job().await;
        client
    }
}
