//! Many miners that connect and then only listen.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpSocket;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::harness::tls::NAME;
use crate::harness::{MINER, Wire};

/// Makes the program a crowd instead of a server.
pub const ARGUMENT: &str = "--crowd";

/// Connections being made at a time.
const CONNECTING_MAX: usize = 256;
/// Connections from one address, which has about 28,000 ports to give.
const PER_SOURCE: usize = 20_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const READ_BYTES: usize = 512;

/// Wall clock, which both processes share.
pub fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

/// `ADDRESS COUNT [CERTIFICATE]`: connects, reports, and then answers each line of the standard
/// input, the time a template was published, with how long it took to arrive.
pub async fn run(arguments: &[String]) {
    let address: SocketAddr = arguments[0].parse().unwrap();
    let count: usize = arguments[1].parse().unwrap();
    let trusted = arguments.get(2).map(|path| std::fs::read(path).unwrap());
    let tls = trusted.map(|der| Arc::new(client_config(der)));
    let (arrivals, mut arrived) = mpsc::unbounded_channel();
    let turns = Arc::new(Semaphore::new(CONNECTING_MAX));
    let failures = Arc::new(AtomicUsize::new(0));
    let (ready, mut waits) = mpsc::unbounded_channel();
    let started = Instant::now();
    for number in 0..count {
        let turn = turns.clone().acquire_owned().await.unwrap();
        let (tls, arrivals, ready) = (tls.clone(), arrivals.clone(), ready.clone());
        let failures = failures.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let connecting = tokio::time::timeout(CONNECT_TIMEOUT, connect(address, number, tls));
            let miner = connecting.await.ok().flatten();
            drop(turn);
            let Some(miner) = miner else {
                failures.fetch_add(1, Ordering::Relaxed);
                let _ = ready.send(CONNECT_TIMEOUT.as_secs_f64());
                return;
            };
            let _ = ready.send(began.elapsed().as_secs_f64());
            listen(miner, arrivals).await;
        });
    }
    let mut took = Vec::new();
    while took.len() < count {
        took.push(1e3 * waits.recv().await.unwrap());
    }
    let [p50, p99, last] = quantiles(&mut took);
    println!(
        "in {:.1} s, {} failed; to the first job p50 {p50:.0} ms, p99 {p99:.0} ms, last {last:.0} ms",
        started.elapsed().as_secs_f64(),
        failures.load(Ordering::Relaxed)
    );
    let connected = count - failures.load(Ordering::Relaxed);
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(order)) = orders.next_line().await {
        let published: u64 = order.parse().unwrap();
        let mut took = Vec::new();
        while took.len() < connected {
            let at: u64 = arrived.recv().await.unwrap();
            took.push(at.saturating_sub(published) as f64 / 1e6);
        }
        let [p50, p99, last] = quantiles(&mut took);
        println!("{p50} {p99} {last}");
    }
}

fn quantiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values[((values.len() - 1) as f64 * part) as usize];
    [at(0.5), at(0.99), at(1.0)]
}

fn client_config(trusted: Vec<u8>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(trusted)).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

type Miner = BufReader<Box<dyn Wire>>;

/// A miner that has its first job.
async fn connect(
    address: SocketAddr,
    number: usize,
    tls: Option<Arc<ClientConfig>>,
) -> Option<Miner> {
    let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number / PER_SOURCE).ok()?);
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((IpAddr::from(source), 0).into()).ok()?;
    let stream = socket.connect(address).await.ok()?;
    let wire: Box<dyn Wire> = match tls {
        None => Box::new(stream),
        Some(config) => {
            let name = ServerName::try_from(NAME).ok()?;
            Box::new(
                TlsConnector::from(config)
                    .connect(name, stream)
                    .await
                    .ok()?,
            )
        }
    };
    let mut miner = BufReader::with_capacity(READ_BYTES, wire);
    let hello = format!(
        "{{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"crowd/1.0\"]}}\n\
         {{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"{MINER}\",\"{number}\",\"x\"]}}\n"
    );
    miner.get_mut().write_all(hello.as_bytes()).await.ok()?;
    miner.get_mut().flush().await.ok()?;
    next_job(&mut miner).await?;
    Some(miner)
}

async fn next_job(miner: &mut Miner) -> Option<()> {
    let mut line = String::new();
    loop {
        line.clear();
        if miner.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line.contains("mining.notify") {
            return Some(());
        }
    }
}

async fn listen(mut miner: Miner, arrivals: mpsc::UnboundedSender<u64>) {
    while next_job(&mut miner).await.is_some() {
        let _ = arrivals.send(now_ns());
    }
}
