//! What operators, daemons and strangers get wrong, against the real program.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use raftpool_tests::command::run;
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{MINERS, Pool, PoolOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[track_caller]
fn check(output: &Output, code: i32, expected: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains(expected),
        "`{text}` does not contain `{expected}`"
    );
    assert_eq!(output.status.code(), Some(code), "{text}");
}

#[test]
fn a_wrong_configuration_ends_with_64_and_names_the_place() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("pool.toml");
    let path = file.display().to_string();
    check(
        &run(&["config", "check", &path])?,
        64,
        "read configuration file",
    );
    std::fs::write(&file, "[pool]\nnetwerk = \"mainnet\"\n")?;
    check(
        &run(&["config", "check", &path])?,
        64,
        "line 2, column 1: unknown key `netwerk`; did you mean `network`?",
    );
    check(&run(&["run", &path])?, 64, "did you mean `network`?");
    check(&run(&["pow", "hash", "zz"])?, 1, "not hexadecimal");
    check(
        &run(&["pow", "hash", "00"])?,
        1,
        "1 bytes; it must have 112",
    );
    let example = run(&["config", "example"])?;
    std::fs::write(&file, &example.stdout)?;
    ensure!(run(&["config", "check", &path])?.status.success());
    Ok(())
}

#[test]
fn the_zero_work_has_the_official_hash() -> Result<()> {
    let zero = "0".repeat(224);
    for (algorithm, hash) in [
        (
            "v2",
            "7edb70f0748573902728a4691e9e2d7e4043ee34c823a11390d3d6e15fbe921b",
        ),
        (
            "v3",
            "69ac67285efd5ca22afc05c4ecee5bda169de4e9ef08fa39d4a6798494cd67a3",
        ),
    ] {
        let output = run(&["pow", "hash", "--algorithm", algorithm, &zero])?;
        ensure!(
            String::from_utf8_lossy(&output.stdout).trim() == hash,
            "{output:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_another_network_and_a_foreign_or_newer_directory_are_refused() -> Result<()> {
    let mut pool = Pool::start(PoolOptions::default()).await?;
    ensure!(pool.stop_node().await);
    let config = std::fs::read_to_string(pool.config_file())?;
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("wallet-password"), "secret")?;
    let file = directory.path().join("pool.toml");
    let path = file.display().to_string();

    // The same address text is valid on every test network, so only the daemon can tell.
    std::fs::write(&file, config.replace("\"devnet\"", "\"testnet\""))?;
    check(
        &run(&["run", &path])?,
        64,
        "is on devnet, the pool is configured for testnet",
    );

    let data = pool.config_file().with_file_name("data");
    let other = config
        .replace(&pool.network.addresses.pool_address, MINERS[0])
        .replace("\"data\"", &format!("{:?}", data.display().to_string()));
    std::fs::write(&file, &other)?;
    check(
        &run(&["run", &path])?,
        64,
        "but this cluster was created with",
    );

    std::fs::write(&file, other.replace("[node]\n", "[node]\nid = 2\n"))?;
    check(&run(&["run", &path])?, 1, "node 1");

    let header = data.join("FORMAT");
    let text = std::fs::read_to_string(&header)?;
    let (magic, rest) = text.split_once(' ').context("no version")?;
    let (version, rest) = rest.split_once('\n').context("no line")?;
    let newer = format!("{magic} 9{version}\n{rest}");
    std::fs::write(&header, newer)?;
    check(
        &run(&["run", &pool.config_file().display().to_string()])?,
        1,
        "newer",
    );
    std::fs::write(&header, text)?;
    pool.start_node(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_on_the_miners_port_cost_only_their_own_connection() -> Result<()> {
    let pool = Pool::start(PoolOptions::default()).await?;
    pool.control("produce_blocks", json!({"count": 1})).await?;
    let mut honest = ScriptedMiner::connect(pool.stratum(), MINERS[0], "honest", "x").await?;
    let mut half_open = Vec::new();
    let strangers: [Vec<u8>; 6] = [
        vec![b'x'; 1 << 20],
        (0..=255).collect(),
        format!("{}\n", "[".repeat(10_000)).into_bytes(),
        b"GET / HTTP/1.1\r\nHost: pool\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"w\",\"j\",\"0\"]}\n".to_vec(),
    ];
    for bytes in strangers.iter().cycle().take(60) {
        let mut stranger = TcpStream::connect(pool.stratum()).await?;
        // The pool may have closed before everything was written.
        let _ = stranger.write_all(bytes).await;
        half_open.push(stranger);
    }
    for address in [
        "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz",
        "xet:broken",
        "",
    ] {
        let refused = ScriptedMiner::connect(pool.stratum(), address, "w", "x").await;
        ensure!(refused.is_err(), "{address} was let in");
    }
    honest.submit_fresh(20).await?;
    honest.read_answers().await?;
    ensure!(
        honest.accepted == 20,
        "an honest miner suffered: {:?}",
        honest.refused
    );
    let shares = pool.api(&format!("/api/v1/miners/{}", MINERS[0])).await?["shares"].clone();
    ensure!(shares == json!(20), "{shares} shares are in the ledger");
    // The one with the oversized line was closed on.
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        half_open[0].read_to_end(&mut rest),
    );
    ensure!(closed.await.is_ok(), "an endless line was listened to");
    Ok(())
}
