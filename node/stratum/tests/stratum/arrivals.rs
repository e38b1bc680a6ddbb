//! TLS, proxies, and listeners with terms of their own.

use std::time::Duration;

use raftpool_ledger::command::Scheme;
use raftpool_stratum::{Encryption, ServerCertificate, Speaks, StratumConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::harness::tls::*;
use crate::harness::*;

fn proxied() -> StratumConfig {
    let mut behind_proxy = listener(Encryption::Plain);
    behind_proxy.proxied_from = vec!["127.0.0.0/8".parse().unwrap()];
    StratumConfig {
        listeners: vec![behind_proxy],
        ..config()
    }
}

async fn tls_miner(pool: &Pool, trusted: &CertificateDer<'static>) -> Client {
    let stream = TcpStream::connect(pool.address()).await.unwrap();
    let mut client = Client::over(handshake(stream, trusted).await.unwrap());
    client.login(MINER, "x").await;
    client.next_job().await;
    client
}

async fn assert_mines(client: &mut Client) {
    let job = client.job.clone().unwrap();
    let nonce = client.find_nonce(&job, 1, true, rand_nonce());
    assert!(is_accepted(&client.submit(&job.id, nonce).await));
}

fn rand_nonce() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1_000, Ordering::Relaxed)
}

/// A PROXY protocol v2 header: TCP over IPv4 from `source`, port 4444.
pub fn proxy_header(source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend_from_slice(&source);
    header.extend_from_slice(&[127, 0, 0, 1]);
    header.extend_from_slice(&4_444_u16.to_be_bytes());
    header.extend_from_slice(&5_077_u16.to_be_bytes());
    header
}

#[tokio::test]
async fn a_tls_port_serves_tls_and_tells_a_plain_miner_what_it_wants() {
    let files = Files::new();
    let pool = Pool::with(over_tls(Encryption::Tls, &files)).await;
    assert_mines(&mut tls_miner(&pool, &files.trusted).await).await;

    let mut plain = pool.connect().await;
    plain.send(r#"{"id":1,"method":"mining.subscribe"}"#).await;
    let words = plain.last_words().await.unwrap_or_default();
    assert!(words.contains("this port wants TLS"), "{words}");
    assert_eq!(pool.metric("arrivals_total", Some("tls")), 1.0);
    assert_eq!(pool.metric("disconnects_total", Some("plain_on_tls")), 1.0);
}

/// Reads until the end: what came, and how often TLS was spoken.
async fn said(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut words = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut words)).await;
    let _ = read.expect("it is closed in time");
    String::from_utf8_lossy(&words).into_owned()
}

#[tokio::test]
async fn who_is_not_taken_is_told_so_over_tls_as_well() {
    for encryption in [Encryption::Tls, Encryption::Both] {
        let files = Files::new();
        let pool = Pool::with(StratumConfig {
            connections_per_ip_max: 1,
            ..over_tls(encryption, &files)
        })
        .await;
        let mut honest = tls_miner(&pool, &files.trusted).await;
        let stream = TcpStream::connect(pool.address()).await.unwrap();
        let mut refused = handshake(stream, &files.trusted).await.unwrap();
        let words = said(&mut refused).await;
        assert!(
            words.contains("too many connections"),
            "{encryption:?}: {words}"
        );
        if encryption == Encryption::Both {
            let mut plain = TcpStream::connect(pool.address()).await.unwrap();
            plain.write_all(b"{").await.unwrap();
            let words = said(&mut plain).await;
            assert!(words.contains("too many connections"), "{words}");
        }
        assert_mines(&mut honest).await;
    }
}

/// Handshakes cost more than they tell: beyond some they get the alert that TLS has for it.
#[tokio::test]
async fn a_storm_on_a_tls_port_is_told_with_an_alert() {
    let files = Files::new();
    let pool = Pool::with(StratumConfig {
        connections_per_ip_max: 1,
        ..over_tls(Encryption::Tls, &files)
    })
    .await;
    let mut honest = tls_miner(&pool, &files.trusted).await;
    let mut alerts = 0;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while alerts == 0 {
        assert!(tokio::time::Instant::now() < deadline, "no alert");
        let stream = TcpStream::connect(pool.address()).await.unwrap();
        // A connection that is gone before the greeting is through brings another error.
        if let Err(error) = handshake(stream, &files.trusted).await {
            alerts += usize::from(error.to_string().contains("AccessDenied"));
        }
    }
    assert_mines(&mut honest).await;
}

#[tokio::test]
async fn one_port_serves_plain_and_tls_side_by_side() {
    let files = Files::new();
    let pool = Pool::with(over_tls(Encryption::Both, &files)).await;
    let mut encrypted = tls_miner(&pool, &files.trusted).await;
    let mut plain = pool.miner(OTHER_MINER, "x").await;
    for client in [&mut encrypted, &mut plain] {
        assert_mines(client).await;
    }
    assert_eq!(pool.metric("arrivals_total", Some("tls")), 1.0);
    assert_eq!(pool.metric("arrivals_total", Some("plain")), 1.0);
}

#[tokio::test]
async fn a_certificate_is_replaced_without_a_restart() {
    let mut files = Files::new();
    let config = over_tls(Encryption::Both, &files);
    let certificate = config.certificate.clone().unwrap();
    let pool = Pool::with(config).await;
    let mut before = tls_miner(&pool, &files.trusted).await;

    // Half of a change is not taken up.
    let [_, key] = files.paths();
    std::fs::write(&key, "no key").unwrap();
    assert!(
        certificate
            .reload()
            .unwrap_err()
            .to_string()
            .contains("pool.key")
    );
    assert_mines(&mut tls_miner(&pool, &files.trusted).await).await;

    let old = files.trusted.clone();
    files.replace();
    let new = files.trusted.clone();
    // The server looks by itself.
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let stream = TcpStream::connect(pool.address()).await.unwrap();
        if handshake(stream, &new).await.is_ok() {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never taken up");
    }
    let stream = TcpStream::connect(pool.address()).await.unwrap();
    assert!(handshake(stream, &old).await.is_err());
    assert_mines(&mut before).await;
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_by_name() {
    let files = Files::new();
    let [certificate, key] = files.paths();
    let missing = files.directory.path().join("missing.crt");
    let problem = ServerCertificate::open(&missing, &key).unwrap_err();
    assert!(problem.to_string().contains("missing.crt"));
    let problem = ServerCertificate::open(&key, &key).unwrap_err();
    assert!(
        problem.to_string().contains("no usable certificate"),
        "{problem}"
    );
    let other = Files::new();
    let [_, other_key] = other.paths();
    let problem = ServerCertificate::open(&certificate, &other_key).unwrap_err();
    assert!(problem.to_string().contains("does not belong"), "{problem}");
}

#[tokio::test]
async fn noise_instead_of_a_greeting_ends_that_connection_alone() {
    let files = Files::new();
    let pool = Pool::with(StratumConfig {
        hello_timeout_ms: 300,
        ..over_tls(Encryption::Both, &files)
    })
    .await;
    let mut honest = tls_miner(&pool, &files.trusted).await;
    let mut noisy = TcpStream::connect(pool.address()).await.unwrap();
    noisy.write_all(&[0x16; 600]).await.unwrap();
    let mut silent = TcpStream::connect(pool.address()).await.unwrap();
    let mut half = TcpStream::connect(pool.address()).await.unwrap();
    half.write_all(&[0x16, 3, 1]).await.unwrap();
    said(&mut noisy).await;
    // Half a greeting leaves no language to say anything in.
    assert_eq!(said(&mut half).await, "");
    let words = said(&mut silent).await;
    assert!(words.contains("took too long"), "{words}");
    assert_eq!(pool.metric("disconnects_total", Some("tls")), 1.0);
    assert_eq!(pool.metric("disconnects_total", Some("hello")), 2.0);
    assert_mines(&mut honest).await;
}

#[tokio::test]
async fn the_time_for_a_hello_begins_once_with_the_connection() {
    let hello = Duration::from_secs(2);
    let files = Files::new();
    let mut xatum = listener(Encryption::Both);
    xatum.speaks = Speaks::Xatum;
    let mut getwork = listener(Encryption::Both);
    getwork.speaks = Speaks::Getwork;
    let mut config = StratumConfig {
        hello_timeout_ms: 2_000,
        ..over_tls(Encryption::Both, &files)
    };
    config.listeners.extend([xatum, getwork]);
    let pool = Pool::with(config).await;
    let came = tokio::time::Instant::now();
    let mut clients = Vec::new();
    for address in pool.server.local_addresses() {
        clients.push(Client::connect(*address).await);
    }
    // The first byte ends the wait for TLS, which may use up most of the time.
    for client in &mut clients {
        let early = tokio::time::timeout_at(came + hello.mul_f64(0.7), client.raw_line()).await;
        assert!(early.is_err(), "closed at {:?}", came.elapsed());
        client.send_bytes(b"G").await;
    }
    for client in &mut clients {
        client.last_words().await;
    }
    assert!(came.elapsed() < hello.mul_f64(1.5), "{:?}", came.elapsed());
    until("they are counted", || {
        pool.metric("disconnects_total", Some("hello")) == 3.0
    })
    .await;
}

#[tokio::test]
async fn a_listed_proxy_says_whom_it_brings() {
    let pool = Pool::with(StratumConfig {
        connections_per_ip_max: 1,
        ..proxied()
    })
    .await;
    let bring = async |source| {
        let mut client = pool.connect().await;
        client.send_bytes(&proxy_header(source)).await;
        client
    };
    let mut first = bring([203, 0, 113, 7]).await;
    first.login(MINER, "x").await;
    first.next_job().await;
    assert_mines(&mut first).await;
    let remote = pool.server.sessions()[0].remote;
    assert_eq!(remote, "203.0.113.7:4444".parse().unwrap());

    // Limits count whom it brings, not the proxy.
    let mut second = bring([203, 0, 113, 8]).await;
    second.login(MINER, "x").await;
    let refused = bring([203, 0, 113, 7]).await.last_words().await.unwrap();
    assert!(refused.contains("too many connections"), "{refused}");
}

#[tokio::test]
async fn a_proxy_must_introduce_and_nobody_else_may() {
    let pool = Pool::with(StratumConfig {
        hello_timeout_ms: 300,
        ..proxied()
    })
    .await;
    let mut without = pool.connect().await;
    without
        .send(r#"{"id":1,"method":"mining.subscribe"}"#)
        .await;
    let words = without.last_words().await.unwrap();
    assert!(words.contains("PROXY protocol"), "{words}");
    assert_eq!(
        pool.metric("disconnects_total", Some("no_proxy_header")),
        1.0
    );
    let mut slow = pool.connect().await;
    slow.send_bytes(&proxy_header([203, 0, 113, 7])[..20]).await;
    let words = slow.last_words().await.unwrap();
    assert!(words.contains("took too long"), "{words}");
    assert_eq!(pool.metric("disconnects_total", Some("hello")), 1.0);
    let mut long = pool.connect().await;
    let mut header = proxy_header([203, 0, 113, 7]);
    header[14] = 0xff;
    long.send_bytes(&header).await;
    let words = long.last_words().await.unwrap();
    assert!(words.contains("PROXY protocol"), "{words}");
    assert_eq!(pool.metric("disconnects_total", Some("proxy_header")), 1.0);

    // From a network that is not listed the header is nothing but a broken line.
    let pool = Pool::start().await;
    let mut liar = pool.connect().await;
    liar.send_bytes(&proxy_header([203, 0, 113, 7])).await;
    assert_eq!(refusal(&liar.line().await).0, 20);
}

#[tokio::test]
async fn a_listener_has_its_own_difficulty_and_scheme() {
    let mut solo = listener(Encryption::Plain);
    solo.starting_difficulty = Some(7);
    solo.default_scheme = Some(Scheme::Solo);
    let mut config = config();
    config.listeners.push(solo);
    let pool = Pool::with(config).await;
    // The network must be harder than the difficulty, which it otherwise bounds.
    pool.new_template(template_of(101, 1_000));
    let mut usual = pool.connect().await;
    let mut special = Client::connect(pool.server.local_addresses()[1]).await;
    let mut chooser = Client::connect(pool.server.local_addresses()[1]).await;
    let cases = [
        (&mut usual, MINER, "x", 1),
        (&mut special, OTHER_MINER, "x", 7),
        (&mut chooser, OTHER_MINER, "sd=3,scheme=pplns", 3),
    ];
    for (client, user, password, difficulty) in cases {
        client.login(user, password).await;
        assert_eq!(client.next_job().await.difficulty, difficulty);
    }
    let job = special.job.clone().unwrap();
    let nonce = special.find_nonce(&job, 7, true, 1);
    assert!(is_accepted(&special.submit(&job.id, nonce).await));
    let miner = pool.ledger_miner(OTHER_MINER).unwrap();
    assert_eq!(
        (miner.shares, miner.window_score),
        (1, 0),
        "solo work is in no window"
    );
}
