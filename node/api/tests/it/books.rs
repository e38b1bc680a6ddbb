//! The whole books over the admin socket: exported to the last line or visibly broken off, verified.

use anyhow::Context;
use serde_json::json;

use crate::socket::AdminSocket;
use crate::support::{ALICE, BOB, TestPool};

#[tokio::test]
async fn an_export_begins_with_its_head_and_ends_with_every_miner() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let socket = AdminSocket::over(&pool.cluster).await?;
    let lines = socket.lines("/admin/v1/ledger/export").await?;
    let verified = socket.get("/admin/v1/ledger/verify").await?;
    assert_eq!(verified["violations"], json!([]));

    let (head, rest) = lines.split_first().context("nothing")?;
    assert_eq!(head["row"], "head");
    assert_eq!(head["index"], verified["index"]);
    assert_eq!(head["digest"], verified["digest"]);
    let kinds = |row: &str| rest.iter().filter(|line| line["row"] == row).count();
    assert!(kinds("entry") > 0 && kinds("line") > 0, "{rest:?}");
    assert_eq!(kinds("accounts"), 1);
    let [.., accounts, first, last] = rest else {
        anyhow::bail!("only {rest:?}");
    };
    assert_eq!(accounts["row"], "accounts");
    let mut miners = [&first["miner"], &last["miner"]];
    miners.sort_by_key(|miner| miner.as_str());
    assert_eq!(miners, [ALICE, BOB]);
    Ok(())
}

/// Half an export must not look whole.
#[tokio::test]
async fn an_export_whose_reading_fails_is_broken_off() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let socket = AdminSocket::over(&pool.cluster).await?;
    pool.cluster.fail_reads("the disk is gone");
    let whole = socket.lines("/admin/v1/ledger/export").await;
    assert!(whole.is_err(), "{whole:?}");
    pool.cluster.heal();
    assert!(!socket.lines("/admin/v1/ledger/export").await?.is_empty());
    Ok(())
}
