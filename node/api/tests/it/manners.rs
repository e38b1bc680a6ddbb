//! How answers behave towards caches, other sites, and those who ask too often.

use std::io::Read;

use reqwest::Response;

use crate::support::{ALICE, TestPool};

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_list_that_has_not_changed_is_not_sent_again_while_shares_come() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let first = pool.get("/api/v1/blocks").await?;
    let tag = header(&first, "etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(header(&first, "cache-control"), "no-cache");
    let index: u64 = header(&first, "x-raftpool-index").parse()?;
    pool.credit(ALICE, "garage", 100)?;
    let second = pool
        .get_with("/api/v1/blocks", &[("if-none-match", &tag)])
        .await?;
    assert_eq!(second.status(), 304);
    assert_eq!(header(&second, "x-raftpool-index"), (index + 1).to_string());
    assert_eq!(header(&second, "etag"), tag);
    assert_eq!(header(&second, "access-control-allow-origin"), "*");
    assert!(second.bytes().await?.is_empty());
    let others = format!("\"other\", {tag}");
    let third = pool
        .get_with("/api/v1/blocks", &[("if-none-match", &others)])
        .await?;
    assert_eq!(third.status(), 304);
    pool.record_block(9)?;
    let fourth = pool
        .get_with("/api/v1/blocks", &[("if-none-match", &tag)])
        .await?;
    assert_eq!(fourth.status(), 200);
    assert_ne!(header(&fourth, "etag"), tag);
    Ok(())
}

#[tokio::test]
async fn answers_are_compressed_for_whoever_takes_that() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let plain = pool.get("/api/v1/blocks").await?.bytes().await?;
    let packed = pool
        .get_with("/api/v1/blocks", &[("accept-encoding", "gzip")])
        .await?;
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let packed = packed.bytes().await?;
    assert!(
        packed.len() * 2 < plain.len(),
        "{} of {}",
        packed.len(),
        plain.len()
    );
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked)?;
    assert_eq!(unpacked, plain);
    let zstd = pool
        .get_with("/api/v1/blocks", &[("accept-encoding", "zstd")])
        .await?;
    assert_eq!(header(&zstd, "content-encoding"), "zstd");
    Ok(())
}

/// P9: one address that asks without end is refused, told when to come back, and keeps nobody from
/// the pages, the health of the node, and its metrics.
#[tokio::test]
async fn an_address_that_asks_too_often_is_told_when_to_come_back() -> anyhow::Result<()> {
    let pool = TestPool::with(|config| config.requests_per_minute_per_ip_max = 4).await?;
    pool.set_up()?;
    for left in ["1", "0"] {
        let answer = pool.get("/api/v1/blocks").await?;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "ratelimit-policy"), "\"address\";q=4;w=60");
        let limit = header(&answer, "ratelimit").to_owned();
        assert!(
            limit.starts_with(&format!("\"address\";r={left};t=")),
            "{limit}"
        );
    }
    let refused = pool.get("/api/v1/blocks").await?;
    let wait_s: u64 = header(&refused, "retry-after").parse()?;
    assert!((1..=16).contains(&wait_s), "{wait_s}");
    let problem = pool.problem("/api/v1/nowhere", 429).await?;
    assert_eq!(problem["code"], "too_many_requests");
    for path in ["/", "/livez", "/metrics"] {
        assert_eq!(pool.get(path).await?.status(), 200, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn only_the_sites_that_are_allowed_may_read_answers() -> anyhow::Result<()> {
    let own = "https://pool.example";
    let pool = TestPool::with(|config| config.cors_origins = vec![own.into()]).await?;
    let ask = async |origin: &str| pool.get_with("/api/v1/pool", &[("origin", origin)]).await;
    let allowed = ask(own).await?;
    assert_eq!(header(&allowed, "access-control-allow-origin"), own);
    let vary: Vec<_> = allowed.headers().get_all("vary").iter().collect();
    assert!(vary.iter().any(|value| *value == "origin"), "{vary:?}");
    let foreign = ask("https://evil.example").await?;
    assert_eq!(foreign.headers().get("access-control-allow-origin"), None);
    assert_eq!(foreign.status(), 200);
    Ok(())
}
