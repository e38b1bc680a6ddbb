//! Attackers, and honest miners beside them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_tungstenite::tungstenite::Message;

use super::tls::handshake;
use super::{MINER, OTHER_MINER, Wire};

/// Shares an attacker sends without waiting for answers.
const WINDOW: u64 = 64;
/// Pause of an attacker that is not let in: even an attack has to live on something.
const PAUSE: Duration = Duration::from_millis(20);

/// What is done to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Shares that do not meet their difficulty, as many as the socket takes; a new worker's name
    /// after each ban.
    InvalidShares,
    /// Good shares for a job that becomes older and older, and that nobody is paid for then.
    StaleShares,
    /// One good share, again and again.
    DuplicateShares,
    /// Works over getwork that do not meet their difficulty.
    GetworkShares,
    /// Half a request, and nothing more.
    SlowLoris,
    /// A line of a mebibyte.
    LongLines,
    /// Brackets in brackets.
    DeepJson,
    /// Connections that are closed at once.
    ConnectStorm,
    /// A TLS greeting followed by nonsense.
    TlsGarbage,
}

/// Attackers at work; they stop when this is dropped.
pub struct Attackers {
    _tasks: JoinSet<()>,
    attempts: Arc<AtomicU64>,
}

impl Attackers {
    /// Attacks from so many addresses, with so many connections each. Must be called within a
    /// runtime.
    pub fn start(server: SocketAddr, attack: Attack, addresses: u8, connections: usize) -> Self {
        let mut tasks = JoinSet::new();
        let attempts = Arc::new(AtomicU64::new(0));
        for address in 1..=addresses {
            for connection in 0..connections {
                let attempts = attempts.clone();
                tasks.spawn(async move {
                    // Every address in a network of its own.
                    let source = Ipv4Addr::new(127, 1, address, 1);
                    for round in 0_u64.. {
                        attempts.fetch_add(1, Ordering::Relaxed);
                        let name = format!("evil-{address}-{connection}-{round}");
                        if once(server, source, attack, &name).await.is_none() {
                            tokio::time::sleep(PAUSE).await;
                        }
                    }
                });
            }
        }
        Self {
            _tasks: tasks,
            attempts,
        }
    }

    /// Connections that were tried.
    pub fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }
}

/// One connection of an attacker, to its end; `None` when it did not come to anything.
async fn once(server: SocketAddr, source: Ipv4Addr, attack: Attack, name: &str) -> Option<()> {
    let mut stream = connect(server, source).await?;
    match attack {
        Attack::InvalidShares | Attack::StaleShares | Attack::DuplicateShares => {
            return flood(stream, attack, name).await;
        }
        Attack::GetworkShares => return flood_getwork(stream, name).await,
        Attack::ConnectStorm => return Some(()),
        Attack::SlowLoris => stream.write_all(b"{\"id\":1,\"meth").await.ok()?,
        Attack::LongLines => stream.write_all(&vec![b'a'; 1 << 20]).await.ok()?,
        Attack::DeepJson => {
            let deep = format!(
                "{{\"id\":1,\"method\":\"m\",\"params\":{}\n",
                "[".repeat(15_000)
            );
            stream.write_all(deep.repeat(16).as_bytes()).await.ok()?;
        }
        Attack::TlsGarbage => {
            let mut bytes = vec![0xa7; 600];
            bytes[..5].copy_from_slice(&[0x16, 3, 1, 2, 0]);
            stream.write_all(&bytes).await.ok()?;
        }
    }
    let mut rest = [0; 512];
    while stream.read(&mut rest).await.ok()? > 0 {}
    Some(())
}

async fn connect(server: SocketAddr, source: Ipv4Addr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((source, 0).into()).ok()?;
    let stream = socket.connect(server).await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

/// Sends bad shares as one who hopes to be paid for them.
async fn flood(stream: TcpStream, attack: Attack, worker: &str) -> Option<()> {
    let mut wire: BufReader<Box<dyn Wire>> = BufReader::new(Box::new(stream));
    let difficulty = match attack {
        Attack::InvalidShares => "d=1000000000",
        _ => "d=1",
    };
    log_in(&mut wire, MINER, worker, difficulty).await?;
    let (mut job, _) = next_job(&mut wire).await?;
    let (mut nonce, mut open) = (0_u64, 0);
    let mut line = String::new();
    loop {
        let mut out = String::new();
        while open < WINDOW {
            (nonce, open) = (nonce + 1, open + 1);
            let found = match attack {
                Attack::DuplicateShares => 1,
                _ => nonce,
            };
            out += &submission(nonce, &job, found);
        }
        wire.write_all(out.as_bytes()).await.ok()?;
        line.clear();
        if wire.read_line(&mut line).await.ok()? == 0 {
            return Some(());
        }
        match job_of(&line) {
            Some(newer) if attack == Attack::InvalidShares => job = newer,
            Some(_) => {}
            None => open = open.saturating_sub(1),
        }
    }
}

/// The same over getwork, where the miner writes the nonce into the work.
async fn flood_getwork(stream: TcpStream, worker: &str) -> Option<()> {
    let url = format!("ws://pool.example/getwork/{MINER}+1000000000/{worker}");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.ok()?;
    let (mut work, mut open) = (String::new(), 0);
    for nonce in 0_u64.. {
        while work.is_empty() || open >= WINDOW {
            let message = socket.next().await?.ok()?;
            let text = message.to_text().ok()?;
            match text.split_once("\"miner_work\":\"") {
                Some((_, newest)) => newest.get(..224)?.clone_into(&mut work),
                None => open = open.saturating_sub(1),
            }
        }
        work.replace_range(80..96, &format!("{nonce:016x}"));
        let message = format!("{{\"miner_work\":\"{work}\"}}");
        socket.send(Message::text(message)).await.ok()?;
        open += 1;
    }
    Some(())
}

async fn log_in(
    wire: &mut BufReader<Box<dyn Wire>>,
    miner: &str,
    worker: &str,
    password: &str,
) -> Option<()> {
    let hello = format!(
        "{{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"test/1.0\"]}}\n\
         {{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"{miner}\",\"{worker}\",\"{password}\"]}}\n"
    );
    wire.write_all(hello.as_bytes()).await.ok()
}

fn submission(id: u64, job: &str, nonce: u64) -> String {
    format!(
        "{{\"id\":{id},\"method\":\"mining.submit\",\"params\":[\"w\",\"{job}\",\"{nonce:x}\"]}}\n"
    )
}

/// The job's name when a line announces one.
fn job_of(line: &str) -> Option<String> {
    let start = line.find("\"mining.notify\",\"params\":[\"")? + 27;
    Some(line.get(start..start + 16)?.to_owned())
}

/// The next job, and the line before it.
async fn next_job(wire: &mut BufReader<Box<dyn Wire>>) -> Option<(String, String)> {
    let (mut line, mut last) = (String::new(), String::new());
    loop {
        line.clear();
        if wire.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(job) = job_of(&line) {
            return Some((job, last));
        }
        last.clone_from(&line);
    }
}

/// A miner whose every share is good.
pub struct Honest {
    wire: BufReader<Box<dyn Wire>>,
    line: Vec<u8>,
    job: String,
    nonce: u64,
}

impl Honest {
    /// Connects from an address of its own and has a first share accepted, so that the ledger
    /// knows it.
    pub async fn connect(server: SocketAddr, number: u8) -> Self {
        let miner = Self::try_connect(server, number).await;
        miner.expect("a miner is let in while there is no attack")
    }

    /// The same; `None` when the node sends it elsewhere.
    pub async fn try_connect(server: SocketAddr, number: u8) -> Option<Self> {
        Self::come(server, number, &format!("honest-{number}"), None).await
    }

    /// Connects from its own address as `worker`, over TLS when it is told what to trust, and has a
    /// first share accepted; `None` when the node sends it elsewhere.
    pub async fn come(
        server: SocketAddr,
        number: u8,
        worker: &str,
        trusted: Option<&CertificateDer<'static>>,
    ) -> Option<Self> {
        let source = Ipv4Addr::new(127, 2, number, 1);
        let stream = connect(server, source).await?;
        let wire: Box<dyn Wire> = match trusted {
            None => Box::new(stream),
            Some(trusted) => Box::new(handshake(stream, trusted).await.ok()?),
        };
        let mut wire = BufReader::new(wire);
        log_in(&mut wire, OTHER_MINER, worker, "d=1").await?;
        let (job, last) = next_job(&mut wire).await?;
        assert!(last.contains("set_difficulty"), "{last}");
        let mut honest = Self {
            wire,
            line: Vec::new(),
            job,
            nonce: 0,
        };
        honest.share().await.ok()?;
        Some(honest)
    }

    /// Sends a share of the newest job; how long its answer took, or why it was not accepted.
    pub async fn share(&mut self) -> Result<Duration, String> {
        // What came while the miner was idle: nobody works on a job after a newer one has arrived.
        while let Some(line) = self.next_line().now_or_never() {
            self.note_job(&line?);
        }
        self.nonce += 1;
        let id = 100_000 + self.nonce;
        let request = submission(id, &self.job, self.nonce);
        let started = Instant::now();
        let sent = self.wire.write_all(request.as_bytes()).await;
        sent.map_err(|error| error.to_string())?;
        let answer = format!("{{\"id\":{id},");
        loop {
            let line = self.next_line().await?;
            self.note_job(&line);
            if line.starts_with(&answer) {
                return match line.contains("\"result\":true") {
                    true => Ok(started.elapsed()),
                    false => Err(line),
                };
            }
        }
    }

    /// The next line; part of one is kept when this is dropped before its end.
    async fn next_line(&mut self) -> Result<String, String> {
        let read = self.wire.read_until(b'\n', &mut self.line).await;
        if read.map_err(|error| error.to_string())? == 0 {
            return Err("the connection was closed".into());
        }
        let line = std::mem::take(&mut self.line);
        String::from_utf8(line).map_err(|error| error.to_string())
    }

    fn note_job(&mut self, line: &str) {
        if let Some(job) = job_of(line) {
            self.job = job;
        }
    }
}
