//! Getwork on a listener of miners: TLS, proxies, terms, and who does not get through.

use raftpool_ledger::command::Scheme;
use raftpool_stratum::{Encryption, Speaks, StratumConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::arrivals::proxy_header;
use crate::harness::getwork::{GetworkClient, Said};
use crate::harness::tls::*;
use crate::harness::*;

fn port(encryption: Encryption) -> StratumConfig {
    let mut getwork = listener(encryption);
    getwork.speaks = Speaks::Getwork;
    StratumConfig {
        listeners: vec![getwork],
        ..config()
    }
}

async fn mines(client: &mut GetworkClient) {
    let job = client.job.clone().unwrap();
    let share = job.solve(1, job.difficulty, true, 0);
    assert_eq!(client.submit(&share).await, Ok(()));
}

/// What comes back over a plain socket until it is closed.
async fn answer_to(pool: &Pool, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(pool.address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_official_miner_mines_over_tls_on_the_listeners_terms() {
    let files = Files::new();
    let mut config = port(Encryption::Tls);
    config.certificate = Some(files.open());
    config.listeners[0].starting_difficulty = Some(7);
    config.listeners[0].default_scheme = Some(Scheme::Solo);
    let pool = Pool::with(config).await;
    let path = format!("/getwork/{MINER}/rig1");
    let stream = TcpStream::connect(pool.address()).await.unwrap();
    let stream = handshake(stream, &files.trusted).await.unwrap();
    let mut client = GetworkClient::over(stream, &path).await.unwrap();
    assert_eq!(client.next_job().await.difficulty, 7);
    mines(&mut client).await;
    let miner = pool.ledger_miner(MINER).unwrap();
    assert_eq!((miner.shares, miner.window_score), (1, 0), "solo");
    assert_eq!(pool.ledger_worker(MINER, "rig1").unwrap().shares, 1);
    assert_eq!(pool.metric("arrivals_total", Some("tls")), 1.0);

    let words = answer_to(&pool, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(
        words.is_empty() || words.contains("this port wants TLS"),
        "{words}"
    );
    assert_eq!(pool.metric("disconnects_total", Some("plain_on_tls")), 1.0);
}

#[tokio::test]
async fn one_port_serves_plain_and_tls() {
    let files = Files::new();
    let mut config = port(Encryption::Both);
    config.certificate = Some(files.open());
    let pool = Pool::with(config).await;
    let path = format!("/getwork/{MINER}/w");
    let stream = TcpStream::connect(pool.address()).await.unwrap();
    let stream = handshake(stream, &files.trusted).await.unwrap();
    let mut encrypted = GetworkClient::over(stream, &path).await.unwrap();
    let mut plain = GetworkClient::connect(pool.address(), &path).await.unwrap();
    for client in [&mut encrypted, &mut plain] {
        client.next_job().await;
        mines(client).await;
    }
    assert_eq!(pool.server.connections(), 2);
    drop((encrypted, plain));
    until("the places are free", || pool.server.connections() == 0).await;
    assert_eq!(pool.metric("disconnects_total", Some("client")), 2.0);
    assert_eq!(pool.metric("connections", None), 0.0);
}

#[tokio::test]
async fn a_listed_proxy_says_whom_it_brings() {
    let mut config = port(Encryption::Plain);
    config.listeners[0].proxied_from = vec!["127.0.0.0/8".parse().unwrap()];
    config.connections_per_ip_max = 1;
    let pool = Pool::with(config).await;
    let path = format!("/getwork/{MINER}/w");
    let bring = async |source| {
        let mut stream = TcpStream::connect(pool.address()).await.unwrap();
        stream.write_all(&proxy_header(source)).await.unwrap();
        GetworkClient::over(stream, &path).await
    };
    let mut first = bring([203, 0, 113, 7]).await.unwrap();
    first.next_job().await;
    mines(&mut first).await;
    let remote = pool.server.sessions()[0].remote;
    assert_eq!(remote, "203.0.113.7:4444".parse().unwrap());
    bring([203, 0, 113, 8]).await.unwrap().next_job().await;
    let refused = bring([203, 0, 113, 7]).await.err().unwrap();
    assert!(
        refused.0 == 503 && refused.1.contains("too many connections"),
        "{refused:?}"
    );
    let unannounced = answer_to(&pool, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(unannounced.contains("PROXY protocol"), "{unannounced}");
}

#[tokio::test]
async fn scheme_and_difficulty_are_said_in_the_address_of_the_websocket() {
    let pool = Pool::with(port(Encryption::Plain)).await;
    pool.new_template(template_of(101, 1_000));
    let http = pool.serve_http().await;
    for (path, difficulty, worker) in [
        (format!("/getwork/{MINER}/rig1+9"), 9, "rig1"),
        (format!("/getwork/{MINER}+7/rig1+9"), 7, "rig1"),
        (format!("/getwork/{MINER}/rig1+x"), 1, "rig1x"),
        (format!("/getwork/{MINER}/+5"), 5, "default"),
        (format!("/getwork/{MINER}/rig1?d=11"), 11, "rig1"),
        (format!("/getwork/{MINER}/rig1?x&sd=12&d="), 12, "rig1"),
        (format!("/getwork/{MINER}/rig1?password=x,d=13"), 13, "rig1"),
    ] {
        for server in [pool.address(), http] {
            let mut client = GetworkClient::connect(server, &path).await.unwrap();
            assert_eq!(client.next_job().await.difficulty, difficulty, "{path}");
            assert_eq!(&*pool.server.sessions().last().unwrap().worker, worker);
        }
    }
    let path = format!("/getwork/{MINER}/rig1?scheme=solo");
    let mut solo = GetworkClient::connect(http, &path).await.unwrap();
    solo.next_job().await;
    mines(&mut solo).await;
    let miner = pool.ledger_miner(MINER).unwrap();
    assert_eq!((miner.shares, miner.window_score), (1, 0), "solo");
    let path = format!("/getwork/{MINER}/rig1?scheme=prop");
    for server in [pool.address(), http] {
        let refused = GetworkClient::connect(server, &path).await.err().unwrap();
        assert!(refused.0 == 400 && refused.1.contains("unknown scheme"));
    }
}

#[tokio::test]
async fn who_does_not_get_a_websocket_is_told_by_http_and_let_go() {
    let pool = Pool::with(StratumConfig {
        hello_timeout_ms: 300,
        connections_per_ip_max: 1,
        ..port(Encryption::Plain)
    })
    .await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n{more}\r\n");
    let long = format!("x: {}\r\n", "y".repeat(9_000));
    for (request, status) in [
        (get("/", ""), "404"),
        (get(&format!("/getwork/{MINER}/w"), ""), "400"),
        (get(&format!("/getwork/{MINER}x/w"), upgrade), "400"),
        (get("/getwork/x/y/z", upgrade), "404"),
        (get("/", &long), "431"),
        ("{\"id\":1,\"method\":\"mining.subscribe\"}\n".into(), "400"),
        // Only the first request of a connection is answered.
        (get("/", "").repeat(2), "404"),
    ] {
        let answer = answer_to(&pool, request.as_bytes()).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{request:.60}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        until("its place is free", || pool.server.connections() == 0).await;
    }
    assert_eq!(pool.metric("disconnects_total", Some("no_websocket")), 7.0);
    for slow in ["", "GET /getwork/"] {
        assert_eq!(answer_to(&pool, slow.as_bytes()).await, "");
        until("its place is free", || pool.server.connections() == 0).await;
    }
    assert_eq!(pool.metric("disconnects_total", Some("hello")), 2.0);

    let path = format!("/getwork/{MINER}/w");
    let mut client = GetworkClient::connect(pool.address(), &path).await.unwrap();
    client.next_job().await;
    mines(&mut client).await;
    let refused = GetworkClient::connect(pool.address(), &path).await;
    let refused = refused.err().unwrap();
    assert!(
        refused.0 == 503 && refused.1.contains("too many"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_shutdown_lets_miners_go_gently_and_waits_for_nobody_without_a_request() {
    let pool = Pool::with(port(Encryption::Plain)).await;
    let path = format!("/getwork/{MINER}/w");
    let mut silent = TcpStream::connect(pool.address()).await.unwrap();
    let mut client = GetworkClient::connect(pool.address(), &path).await.unwrap();
    client.next_job().await;
    let shutdown = tokio::spawn(pool.server.shutdown());
    let Said::Closed(words) = client.said().await else {
        panic!("not closed");
    };
    assert!(words.contains("this node is stopping"), "{words}");
    drop(client);
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(DEADLINE, silent.read_to_end(&mut rest)).await;
    assert!(closed.is_ok());
    tokio::time::timeout(DEADLINE, shutdown)
        .await
        .unwrap()
        .unwrap();
}
