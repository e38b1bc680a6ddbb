//! Odd requests get clear refusals; none makes the server fail.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ALICE, TestPool};

#[tokio::test]
async fn refusals_say_what_was_wrong() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let workers = format!("/api/v1/miners/{ALICE}/workers");
    let cases = [
        (
            "/api/v1/blocks?limit=0".to_owned(),
            "limit",
            "from 1 to 100",
        ),
        (
            "/api/v1/blocks?limit=101".to_owned(),
            "limit",
            "from 1 to 100",
        ),
        (
            "/api/v1/blocks?limit=ten".to_owned(),
            "limit",
            "whole number",
        ),
        (
            "/api/v1/payouts?before=-1".to_owned(),
            "before",
            "whole number",
        ),
        (
            "/api/v1/payouts?befor=1".to_owned(),
            "befor",
            "before, limit, min_index",
        ),
        (
            "/api/v1/blocks?before=1&before=2".to_owned(),
            "before",
            "once",
        ),
        ("/api/v1/miners?after=".to_owned(), "after", "characters"),
        (
            format!("{workers}?after={}", "a".repeat(300)),
            "after",
            "characters",
        ),
        (
            "/api/v1/pool?min_index=soon".to_owned(),
            "min_index",
            "whole number",
        ),
    ];
    for (path, parameter, detail) in cases {
        let problem = pool.problem(&path, 400).await?;
        assert_eq!(problem["code"], "bad_parameter", "{path}");
        assert_eq!(problem["parameter"], parameter, "{path}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| text.contains(detail)),
            "{problem}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn paths_that_lead_nowhere_say_why() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    for (path, status, code) in [
        ("/api/v1/miners/xet:nobody", 404, "not_found"),
        ("/api/v1/miners/xet:nobody/workers", 404, "not_found"),
        ("/api/v1/miners/xet:nobody/payouts", 404, "not_found"),
        ("/api/v1/miners/a%20b", 400, "bad_path"),
        ("/api/v1/miners/%ff%fe", 400, "bad_path"),
        ("/api/v1/miners/..%2f..%2fetc", 400, "bad_path"),
        ("/api/v1/blocks/abc", 400, "bad_path"),
        ("/api/v1/payouts/first", 400, "bad_path"),
        ("/api/v1/payouts/%2B1", 400, "bad_path"),
        ("/api/v1/payouts/18446744073709551616", 400, "bad_path"),
        ("/api/v1/payouts/18446744073709551615", 404, "not_found"),
        ("/api/v1/payouts/0", 404, "not_found"),
        ("/api/v1", 404, "unknown_path"),
        ("/api/v1/", 404, "unknown_path"),
        ("/api/v2/pool", 404, "unknown_path"),
        ("/api/v1/miners/", 404, "unknown_path"),
    ] {
        assert_eq!(pool.problem(path, status).await?["code"], code, "{path}");
    }
    let unknown = format!("/api/v1/blocks/{}", "77".repeat(32));
    assert_eq!(pool.problem(&unknown, 404).await?["code"], "not_found");
    Ok(())
}

#[tokio::test]
async fn cursors_at_the_edges_are_empty_or_whole_pages() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    for (path, rows) in [
        ("/api/v1/blocks?before=0", 0),
        ("/api/v1/blocks?before=1", 0),
        ("/api/v1/blocks?before=18446744073709551615", 5),
        ("/api/v1/payouts?before=0", 0),
        ("/api/v1/payouts?before=18446744073709551615", 2),
        ("/api/v1/miners?after=zzz", 0),
        ("/api/v1/miners?after=%00", 2),
        ("/api/v1/miners?after=%ff%ff", 0),
    ] {
        let body = pool.json(path).await?;
        assert_eq!(
            body["items"].as_array().map(Vec::len),
            Some(rows),
            "{path}: {body}"
        );
    }
    Ok(())
}

/// Paths made of pieces that are special somewhere, thrown at the server as raw bytes.
#[tokio::test]
async fn random_requests_never_make_the_server_fail() -> anyhow::Result<()> {
    let pool = TestPool::with(|config| config.min_index_timeout_ms = 1).await?;
    pool.set_up()?;
    pool.credit(ALICE, "garage", 300)?;
    let mut random = Random::seeded();
    for round in 0..600 {
        let path = random.path();
        let method = random.pick(&[
            "GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "get", "\u{e4}",
        ]);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(pool.server.local_addr()).await?;
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.get(9..12).unwrap_or("none").to_owned();
        let is_failure = status.starts_with('5') && status != "503";
        assert!(
            !is_failure && status != "non",
            "round {round}: {method} {path}: {answer}"
        );
    }
    assert_eq!(pool.get("/livez").await?.status(), 200);
    Ok(())
}

/// A small generator; its seed is printed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let given = std::env::var("RAFTPOOL_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish()) | 1;
        println!("RAFTPOOL_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[(self.next() % from.len() as u64) as usize]
    }

    fn path(&mut self) -> String {
        const STARTS: [&str; 9] = [
            "/api/v1/miners/",
            "/api/v1/blocks/",
            "/api/v1/payouts/",
            "/api/v1/blocks?",
            "/api/v1/miners?",
            "/api/v1/miners/xet:alice/workers?",
            "/api/v1/pool?",
            "/",
            "",
        ];
        const PIECES: [&str; 34] = [
            "%",
            "%00",
            "%ff",
            "%2f",
            "%2e%2e",
            "..",
            "//",
            "?",
            "&",
            "=",
            "#",
            ";",
            "'",
            "\"",
            "<script>",
            "{}",
            "limit=",
            "before=",
            "after=",
            "min_index=",
            "amount_atomic=",
            "18446744073709551616",
            "-1",
            "1e9",
            "xet:alice",
            "\u{fffd}",
            "/shares",
            "/workers",
            "/payouts",
            "0101010101010101010101010101010101010101010101010101010101010101",
            "+",
            "a",
            "0",
            "\\",
        ];
        let mut path = self.pick(&STARTS).to_owned();
        for _ in 0..self.next() % 7 {
            path.push_str(self.pick(&PIECES));
        }
        path
    }
}
