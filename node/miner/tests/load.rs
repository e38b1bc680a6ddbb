//! Emulated miners against a pool that is a script: what is measured, and from when.

#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use raftpool_miner::load::{Kind, Load, LoadConfig, LoadReport, Rate};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// How long the script's pool stands still.
const STALL: Duration = Duration::from_secs(1);

/// A pool of one connection at a time that begins with these lines, and takes `first_after` for
/// the answer to the first share. It accepts every share, except that it has closed before it
/// answers the one of number `closes_at`.
async fn pool(first_after: Duration, closes_at: Option<u64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut shares = 0;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                let request: serde_json::Value = serde_json::from_str(&line).unwrap();
                line.clear();
                let answer = match request["method"].as_str() {
                    Some("mining.subscribe") => {
                        let key = "ab".repeat(32);
                        format!("{{\"id\":1,\"result\":[\"s\",\"{key}\",32,\"{key}\"]}}\n")
                    }
                    Some("mining.authorize") => {
                        let hash = "cd".repeat(32);
                        format!(
                            "{{\"id\":2,\"result\":true}}\n{{\"id\":null,\"method\":\"mining.notify\",\
                             \"params\":[\"1f\",\"0000019726d97f49\",\"{hash}\",\"xel/v3\",true]}}\n"
                        )
                    }
                    _ => {
                        shares += 1;
                        if shares == 1 {
                            tokio::time::sleep(first_after).await;
                        }
                        if Some(shares) == closes_at {
                            break;
                        }
                        format!("{{\"id\":{},\"result\":true}}\n", request["id"])
                    }
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    address
}

async fn load(pool: SocketAddr, change: impl FnOnce(&mut LoadConfig)) -> LoadReport {
    let mut config = LoadConfig::new(vec![pool], "xet:abc".into());
    config.rate = Rate::PerSecond(100.0);
    config.duration = Duration::from_millis(2_500);
    change(&mut config);
    Load::start(config).unwrap().run(pending()).await
}

#[tokio::test]
async fn every_share_that_had_to_wait_for_a_pool_that_stood_still_counts_with_its_wait() {
    let report = load(pool(STALL, None).await, |config| config.in_flight_max = 1).await;
    let accepted = report.accepted();
    assert!((150..400).contains(&accepted), "{report}");
    assert_eq!(report.latency.count, accepted);
    // About a hundred were due meanwhile. A load that waits for answers before it sends again
    // would have seen one slow share, and a tenth of them would not be slow.
    assert!(report.latency.p90_ms > 250.0, "{report}");
    assert!(report.latency.max_ms >= 900.0, "{report}");
    // It was the pool that kept them back, and the load does not take the blame.
    assert!(report.own.lag.p50_ms < 100.0, "{report}");
    assert!(report.own.lag.count < accepted, "{report}");
}

#[tokio::test]
async fn a_share_whose_connection_ends_is_unanswered_and_its_miner_comes_back() {
    let report = load(pool(Duration::ZERO, Some(20)).await, |config| {
        config.rate = Rate::Saturate;
        config.in_flight_max = 4;
    })
    .await;
    let valid = report.shares[&Kind::Valid];
    assert_eq!(valid.sent, valid.accepted + valid.unanswered, "{report}");
    // Those sent behind the one that was not answered have no answer either.
    assert!((1..=4).contains(&valid.unanswered), "{report}");
    assert_eq!(report.reconnects.count, 1, "{report}");
    assert_eq!((report.connected, report.connected_at_end), (1, 1));
    assert_eq!(report.disconnects.values().sum::<u64>(), 1, "{report}");
}

#[tokio::test]
async fn a_pool_that_is_not_there_is_reported_and_does_not_hang() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let report = load(address, |config| {
        config.connections = 5;
        config.duration = Duration::from_millis(200);
    })
    .await;
    assert_eq!(report.connected, 0);
    let (reason, count) = report.connect_failures.first_key_value().unwrap();
    assert!(reason.contains("connect: connection refused"), "{reason}");
    assert!(*count >= 5 && !report.warnings.is_empty(), "{report}");
}
