//! The dashboard's files, and the page for every path that nothing else is served at.

use reqwest::Response;

use crate::support::TestPool;

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[tokio::test]
async fn every_path_of_the_page_is_the_page_and_no_other_is() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    for path in [
        "/",
        "/blocks",
        "/miner/xet:alice",
        "/miner/xet:alice/my%20rig",
        "/api",
        "/index.html",
    ] {
        let answer = pool.get(path).await?;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(
            header(&answer, "content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
        assert_eq!(header(&answer, "cache-control"), "no-cache", "{path}");
        assert!(answer.text().await?.contains("theme()"), "{path}");
    }
    for path in [
        "/assets/none.js",
        "/assets/",
        "/robots.txt",
        "/.env",
        "/api/v1/none",
        "/api/",
        "/getwork/x",
        "/metrics/x",
        "/assets/..%2findex.html",
    ] {
        assert_eq!(
            pool.problem(path, 404).await?["code"],
            "unknown_path",
            "{path}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn files_with_a_hash_in_their_name_are_kept_for_ever_and_sent_compressed()
-> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let path = "/assets/app-1f.js";
    let packed = pool
        .get_with(path, &[("accept-encoding", "gzip, br")])
        .await?;
    assert_eq!(
        header(&packed, "content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        header(&packed, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let tag = header(&packed, "etag").to_owned();
    assert!(packed.bytes().await?.len() < 200);
    assert_eq!(pool.get(path).await?.bytes().await?.len(), 4_096);
    let known = pool.get_with(path, &[("if-none-match", &tag)]).await?;
    assert_eq!(known.status(), 304);
    let small = pool.get("/favicon.svg").await?;
    assert_eq!(header(&small, "content-type"), "image/svg+xml");
    assert_eq!(header(&small, "cache-control"), "no-cache");
    Ok(())
}

/// P9: what a stranger writes into a name or an address never runs on somebody else's page.
#[tokio::test]
async fn the_page_runs_only_its_own_script_and_asks_only_the_nodes() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    // The nodes are looked at in the background, for the first time when the server starts.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let policy = loop {
        let answer = pool.get("/").await?;
        let policy = header(&answer, "content-security-policy").to_owned();
        if policy.contains("https://one.pool.example") || std::time::Instant::now() > deadline {
            break policy;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self' 'sha256-"),
        "{policy}"
    );
    assert!(
        policy.ends_with("connect-src 'self' https://one.pool.example"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    Ok(())
}
