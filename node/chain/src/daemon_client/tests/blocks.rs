//! Blocks as a daemon tells them: ordered or not, unknown, and a range in the chain's order.

use serde_json::{Value, json};

use super::{TIMEOUT, answering, hash, replay};
use crate::testing::{Exchange, Reply, exchange, recorded, refused_url};
use crate::{ChainError, Daemon, DaemonClient, Hash, Network};

#[tokio::test]
async fn every_recorded_block_is_read_ordered_or_not() -> anyhow::Result<()> {
    let (mut ordered, mut unordered) = (0, 0);
    for recorded in recorded() {
        if !recorded.method().starts_with("get_block") || recorded.response["error"].is_object() {
            continue;
        }
        let result = &recorded.response["result"];
        let list = result
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![result.clone()]);
        for block in list.iter().filter(|block| block["block_type"].is_string()) {
            let answer = json!({"result": block});
            let (_endpoint, client) =
                replay(&[&Exchange::made_up("get_block_by_hash", answer)]).await;
            let asked = hash(block["hash"].as_str().unwrap_or_default());
            let read = client.block(asked).await?.expect("it is there");
            assert_eq!(
                (read.hash, read.height),
                (asked, block["height"].as_u64().unwrap_or(0))
            );
            assert_eq!(read.miner, block["miner"]);
            assert_eq!(read.timestamp_ms, block["timestamp"]);
            assert_eq!(read.ordered.is_some(), block["block_type"] != "Orphaned");
            match read.ordered {
                None => unordered += 1,
                Some(order) => {
                    ordered += 1;
                    assert_eq!(order.topoheight, block["topoheight"]);
                    assert_eq!(order.miner_reward_atomic, block["miner_reward"]);
                    assert_eq!(order.total_fees_atomic, block["total_fees"]);
                }
            }
        }
    }
    assert!(
        ordered > 10 && unordered > 2,
        "{ordered} ordered, {unordered} not"
    );
    Ok(())
}

#[tokio::test]
async fn only_the_unknown_block_is_none() -> anyhow::Result<()> {
    let unknown = exchange("daemon", "get_block_by_hash", "unknown block");
    let (_endpoint, client) = replay(&[&unknown]).await;
    assert_eq!(client.block(Hash([0; 32])).await?, None);

    let malformed = exchange("daemon", "get_block_by_hash", "malformed hash").reply();
    let unexpected = exchange(
        "daemon",
        "get_info",
        "an empty object as parameters of a method without parameters",
    );
    for reply in [
        malformed,
        unexpected.reply(),
        Reply::error(-32603, "INTERNAL", "Data not found on disk"),
        Reply::error(-32004, "UNSPECIFIED", "block not found"),
        Reply::Raw(500, b"not found".to_vec()),
        Reply::Raw(404, b"not found".to_vec()),
        Reply::result(Value::Null),
    ] {
        let (_endpoint, client) = answering(reply).await;
        assert!(client.block(Hash([0; 32])).await.is_err());
    }
    let gone = DaemonClient::new(&refused_url().await, Network::Devnet, TIMEOUT)?;
    assert!(gone.block(Hash([0; 32])).await.is_err());
    Ok(())
}

#[tokio::test]
async fn blocks_that_contradict_themselves_are_refused() {
    let recorded = exchange("daemon", "get_block_by_hash", "").response["result"].clone();
    let asked = hash(recorded["hash"].as_str().unwrap_or_default());
    let mut half = recorded.clone();
    half["topoheight"] = Value::Null;
    let mut orphaned = recorded.clone();
    orphaned["block_type"] = json!("Orphaned");
    for (answer, asked, problem) in [
        (half, asked, "some but not all"),
        (orphaned, asked, "both orphaned and ordered"),
        (recorded, Hash([1; 32]), "it is the block"),
    ] {
        let (_endpoint, client) = answering(Reply::result(answer)).await;
        let error = client.block(asked).await.expect_err(problem);
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[tokio::test]
async fn recorded_blocks_of_a_range_are_read_in_order() -> anyhow::Result<()> {
    let recorded = exchange("daemon", "get_blocks_range_by_topoheight", "");
    let (endpoint, client) = replay(&[&recorded]).await;
    let blocks = client.ordered_blocks(0, 3).await?;
    let shown = &recorded.response["result"];
    for (topoheight, block) in blocks.iter().enumerate() {
        let (shown, ordered) = (&shown[topoheight], block.ordered.expect("ordered"));
        assert_eq!(shown["hash"], block.hash.to_string());
        assert_eq!(shown["height"], block.height);
        assert_eq!(shown["miner"], block.miner);
        assert_eq!(shown["topoheight"], ordered.topoheight);
        assert_eq!(shown["miner_reward"], ordered.miner_reward_atomic);
        assert_eq!(shown["total_fees"], ordered.total_fees_atomic);
    }
    assert_eq!(blocks.len(), 4);
    assert_eq!(endpoint.requests()[0]["params"], recorded.request["params"]);
    Ok(())
}

#[tokio::test]
async fn a_range_with_other_blocks_than_those_asked_for_is_refused() {
    let good = exchange("daemon", "get_blocks_range_by_topoheight", "").response["result"].clone();
    let (mut swapped, mut unordered, mut short) = (good.clone(), good.clone(), good.clone());
    swapped.as_array_mut().expect("a list").swap(1, 2);
    for field in ["topoheight", "miner_reward", "total_fees"] {
        unordered[3].as_object_mut().expect("a block").remove(field);
    }
    short.as_array_mut().expect("a list").pop();
    for (answer, problem) in [
        (swapped, "is not ordered at topoheight 1"),
        (unordered, "is not ordered at topoheight 3"),
        (short, "3 blocks from 0 to 3"),
    ] {
        let (_endpoint, client) = answering(Reply::result(answer)).await;
        let error = client.ordered_blocks(0, 3).await.expect_err(problem);
        assert!(error.to_string().contains(problem), "{error}");
    }
    let refused = exchange("daemon", "get_blocks_range_by_height", "range too large");
    let (_endpoint, client) = answering(refused.reply()).await;
    let error = client.ordered_blocks(0, 99).await.expect_err("too many");
    assert!(matches!(error, ChainError::Rpc { .. }), "{error}");
}
