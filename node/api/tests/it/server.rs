//! The listener: limits, methods, headers, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus::proto::MetricFamily;
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::TestPool;

async fn raw(pool: &TestPool, request: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(pool.server.local_addr()).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // The server may reset a connection whose request it did not read to the end.
    let _ = tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .context("still open")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn other_methods_are_refused_with_what_is_allowed() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let http = reqwest::Client::new();
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
    ] {
        for path in [
            "/",
            "/livez",
            "/metrics",
            "/api/v1/pool",
            "/api/v1/payouts/1",
        ] {
            let answer = http.request(method.clone(), pool.url(path)).send().await?;
            assert_eq!(answer.status(), 405, "{method} {path}");
            assert_eq!(answer.headers()["allow"], "GET, HEAD", "{method} {path}");
            let problem: Value = answer.json().await?;
            assert_eq!(problem["code"], "method_not_allowed");
        }
        let unknown = http.request(method, pool.url("/nowhere")).send().await?;
        assert_eq!(unknown.status(), 404);
    }
    Ok(())
}

#[tokio::test]
async fn head_is_get_without_a_body() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let answer = reqwest::Client::new()
        .head(pool.url("/api/v1/pool"))
        .send()
        .await?;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-raftpool-index"));
    assert!(answer.bytes().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn every_answer_has_headers_for_browsers() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    for path in [
        "/",
        "/api/v1/pool",
        "/nowhere",
        "/metrics",
        "/readyz",
        "/api/v1/blocks?limit=0",
    ] {
        let answer = pool.get(path).await?;
        let headers = answer.headers();
        assert_eq!(headers["access-control-allow-origin"], "*", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert!(
            headers["content-security-policy"]
                .to_str()?
                .contains("default-src 'none'")
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_preflight_is_answered_for_paths_that_exist() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let ask = |path: &str| {
        let request = reqwest::Client::new().request(Method::OPTIONS, pool.url(path));
        request
            .header("origin", "https://x.example")
            .header("access-control-request-method", "GET")
    };
    let answer = ask("/api/v1/pool").send().await?;
    assert_eq!(answer.status(), 204);
    assert_eq!(
        answer.headers()["access-control-allow-methods"],
        "GET, HEAD"
    );
    assert_eq!(ask("/nowhere").send().await?.status(), 404);
    Ok(())
}

#[tokio::test]
async fn a_body_is_refused_and_never_read() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let request =
        b"GET /api/v1/pool HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nxxxx";
    let answer = raw(&pool, request).await?;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body_not_allowed"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn an_endless_head_is_refused() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let mut request = b"GET /api/v1/pool HTTP/1.1\r\nHost: x\r\nX-Long: ".to_vec();
    request.resize(200_000, b'a');
    let answer = raw(&pool, &request).await?;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    assert_eq!(pool.get("/livez").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() -> anyhow::Result<()> {
    let pool = TestPool::with(|config| config.header_timeout_ms = 50).await?;
    let answer = raw(&pool, b"GET /api/v1/po").await?;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    Ok(())
}

#[tokio::test]
async fn a_connection_above_the_limit_is_closed_and_the_others_live() -> anyhow::Result<()> {
    let pool = TestPool::with(|config| config.connections_per_ip_max = 1).await?;
    // reqwest keeps its connection, so the one place is taken after this request.
    assert_eq!(pool.get("/livez").await?.status(), 200);
    let answer = raw(&pool, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    assert_eq!(answer, "");
    assert_eq!(pool.get("/livez").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn shutdown_is_bounded_even_when_a_client_hangs() -> anyhow::Result<()> {
    let pool = TestPool::with(|config| config.shutdown_timeout_ms = 100).await?;
    let address = pool.server.local_addr();
    let mut hanging = TcpStream::connect(address).await?;
    hanging
        .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        .await?;
    assert_eq!(pool.get("/livez").await?.status(), 200);
    let TestPool {
        server,
        facts,
        registry,
        ..
    } = pool;
    tokio::time::timeout(Duration::from_secs(10), server.shutdown()).await?;
    assert!(
        TcpStream::connect(address).await.is_err(),
        "still listening"
    );
    assert_eq!(
        Arc::strong_count(&facts),
        1,
        "the API has let go of the node"
    );
    drop(facts);
    let shown = registry.gather();
    let is_ours = |family: &MetricFamily| family.name() == "raftpool_ledger_readable";
    assert!(
        !shown.iter().any(is_ours),
        "a node that has ended shows nothing"
    );
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let taken = pool.server.local_addr();
    let error = TestPool::with(|config| config.listen = taken)
        .await
        .err()
        .context("started")?;
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    Ok(())
}
