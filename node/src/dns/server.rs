//! Listening for questions over UDP and TCP.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::answer::{Way, answer};
use super::limit::{Fate, Limit};
use super::metrics::{Got, Metrics};
use super::roster::Roster;
use super::zone::Zone;

/// Longest question over UDP; an ordinary one has below 100 bytes.
const QUESTION_BYTES_MAX: usize = 4_096;
/// Open TCP connections; more are closed at once.
const CONNECTIONS_MAX: usize = 128;
/// Questions over one connection.
const QUESTIONS_MAX: usize = 32;
/// For one question, or one answer, over TCP.
const TCP_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after the system failed, so that a lack of file descriptors is not a busy loop.
const PAUSE: Duration = Duration::from_millis(50);
/// How often sources that have not asked lately are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(5);
/// Ports are tried so often when the system chooses, until one is free for UDP and TCP.
const PORT_TRIES: usize = 16;

/// A running name server. It ends when it is dropped.
pub(crate) struct DnsServer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// What all questions are answered from.
struct Shared {
    zone: Zone,
    roster: watch::Receiver<Arc<Roster>>,
    limit: Limit,
    metrics: Metrics,
}

const UDP: &str = "udp";
const TCP: &str = "tcp";

impl DnsServer {
    /// Listens on `listen`, UDP and TCP, and answers with what `roster` has at the time.
    ///
    /// # Errors
    /// When the address is taken, or is not to be listened on, or the registry has these metrics.
    pub(crate) async fn start(
        listen: SocketAddr,
        zone: Zone,
        answers_per_second: NonZeroU32,
        roster: watch::Receiver<Arc<Roster>>,
        registry: &Registry,
    ) -> io::Result<Self> {
        let metrics = Metrics::register(registry).map_err(io::Error::other)?;
        let (udp, tcp) = bind(listen).await?;
        let address = tcp.local_addr()?;
        let shared = Arc::new(Shared {
            zone,
            roster,
            limit: Limit::new(answers_per_second),
            metrics,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, shared.clone()));
        tasks.spawn(serve_tcp(tcp, shared.clone()));
        tasks.spawn(forget_idle(shared));
        tracing::info!(%address, "answering for the pool's name");
        Ok(Self {
            address,
            _tasks: tasks,
        })
    }

    /// Where it listens, for UDP as for TCP.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Shared {
    fn answer(&self, question: &[u8], way: Way) -> Option<Vec<u8>> {
        let roster = self.roster.borrow().clone();
        answer(question, &self.zone, &roster, way)
    }
}

/// The same port for both.
async fn bind(listen: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let tcp = TcpListener::bind(listen).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((udp, tcp)),
            Err(_) if listen.port() == 0 && tries < PORT_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = vec![0; QUESTION_BYTES_MAX];
    loop {
        let (length, from) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "receive a question");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let way = match shared.limit.judge(from.ip()) {
            Fate::Answer => Way::Udp,
            Fate::Truncate => Way::OverLimit,
            Fate::Drop => {
                shared.metrics.count(UDP, Got::Nothing);
                continue;
            }
        };
        let answer = shared.answer(&buffer[..length], way);
        let got = match (&answer, way) {
            (None, _) => Got::Nothing,
            (Some(_), Way::OverLimit) => Got::Truncated,
            (Some(_), _) => Got::Answer,
        };
        shared.metrics.count(UDP, got);
        if let Some(answer) = answer {
            // An answer that gets lost is asked for again; nobody is waited for.
            let _ = socket.try_send_to(&answer, from);
        }
    }
}

async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                let Ok(place) = places.clone().try_acquire_owned() else {
                    shared.metrics.count(TCP, Got::Nothing);
                    continue;
                };
                let shared = shared.clone();
                connections.spawn(async move {
                    // What a client breaks off or sends amiss is its own affair.
                    let _ = converse(stream, &shared).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "accept a connection for the name server");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Answers the questions of one connection, each with its length before it.
async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..QUESTIONS_MAX {
        let read = tokio::time::timeout(TCP_TIMEOUT, read_question(&mut stream));
        let question = read.await.map_err(late)??;
        let Some(answer) = shared.answer(&question, Way::Tcp) else {
            shared.metrics.count(TCP, Got::Nothing);
            return Ok(());
        };
        shared.metrics.count(TCP, Got::Answer);
        let Ok(length) = u16::try_from(answer.len()) else {
            return Ok(());
        };
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        let written = tokio::time::timeout(TCP_TIMEOUT, stream.write_all(&framed));
        written.await.map_err(late)??;
    }
    Ok(())
}

async fn read_question(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut question = vec![0; length.into()];
    stream.read_exact(&mut question).await?;
    Ok(question)
}

async fn forget_idle(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(FORGET_INTERVAL);
    loop {
        ticks.tick().await;
        shared.limit.forget_idle();
    }
}
