use raftpool_pow::Algorithm;

use super::*;
use crate::testing::{Exchange, FakeEndpoint, POOL, Reply, exchange, pool, recorded};

mod blocks;
mod rewards;

const TIMEOUT: Duration = Duration::from_secs(10);

fn client(endpoint: &FakeEndpoint) -> DaemonClient {
    DaemonClient::new(&endpoint.url, Network::Devnet, TIMEOUT).expect("a plain URL")
}

/// A daemon that answers with these recorded exchanges in their order.
async fn replay(exchanges: &[&Exchange]) -> (FakeEndpoint, DaemonClient) {
    let exchanges = exchanges
        .iter()
        .map(|exchange| (*exchange).clone())
        .collect();
    let endpoint = FakeEndpoint::replaying(exchanges).await;
    let client = client(&endpoint);
    (endpoint, client)
}

async fn answering(reply: Reply) -> (FakeEndpoint, DaemonClient) {
    let endpoint = FakeEndpoint::start(move |_| reply.clone()).await;
    let client = client(&endpoint);
    (endpoint, client)
}

fn hash(text: &str) -> Hash {
    text.parse().expect("a hash")
}

#[tokio::test]
async fn info_is_read_and_the_network_checked() -> anyhow::Result<()> {
    let recorded = exchange("daemon", "get_info", "");
    let (endpoint, client) = replay(&[&recorded, &recorded]).await;
    let info = client.info().await?;
    assert_eq!(info.network, Network::Devnet);
    assert_eq!((info.height, info.topoheight), (8, 8));
    assert_eq!((info.stable_height, info.stable_topoheight), (0, 0));
    assert_eq!(info.difficulty.to_string(), "10000");
    assert_eq!(
        (info.block_time_target_ms, info.miner_reward_atomic),
        (5000, 43_869_008)
    );
    assert_eq!(info.version, "1.23.0-8a75b219");
    assert_eq!(endpoint.requests()[0].get("params"), None);

    let mainnet = DaemonClient::new(&endpoint.url, Network::Mainnet, TIMEOUT)?;
    let error = mainnet.info().await.expect_err("another network");
    let expected = format!(
        "daemon {} is on devnet, the pool is configured for mainnet",
        mainnet.name()
    );
    assert_eq!(error.to_string(), expected);
    Ok(())
}

#[tokio::test]
async fn sync_status_knows_p2p_off_from_other_errors() -> anyhow::Result<()> {
    let off = exchange("daemon", "p2p_status", "");
    let topoheight = exchange("daemon", "get_topoheight", "");
    let (_endpoint, client) = replay(&[&off, &topoheight]).await;
    let alone = SyncStatus {
        our_topoheight: 8,
        best_topoheight: None,
        peers: 0,
    };
    assert_eq!(client.sync_status().await?, alone);

    let (_endpoint, client) = answering(Reply::error(-32603, "INTERNAL", "no")).await;
    assert!(client.sync_status().await.is_err());
    Ok(())
}

#[tokio::test]
async fn one_peer_cannot_make_the_daemon_look_behind() -> anyhow::Result<()> {
    for (best, median, expected) in [
        (1_000_000, Some(120), 120),
        (120, Some(130), 120),
        (120, None, 120),
    ] {
        let (_endpoint, client) = answering(Reply::result(json!({
            "peer_count": 9, "max_peers": 32, "tag": null, "peer_id": 1,
            "our_topoheight": 119, "best_topoheight": best, "median_topoheight": median,
        })))
        .await;
        let status = client.sync_status().await?;
        assert_eq!(
            status,
            SyncStatus {
                our_topoheight: 119,
                best_topoheight: Some(expected),
                peers: 9
            }
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_recorded_template_is_read() -> anyhow::Result<()> {
    let templates: Vec<Exchange> = recorded()
        .into_iter()
        .filter(|exchange| {
            exchange.method() == "get_block_template" && exchange.response["result"].is_object()
        })
        .collect();
    assert!(templates.len() >= 4);
    for recorded in templates {
        let result = &recorded.response["result"];
        let (endpoint, client) = replay(&[&recorded]).await;
        let template = client.template(&pool()).await?;
        assert_eq!(template.height, result["height"]);
        assert_eq!(template.topoheight, result["topoheight"]);
        assert_eq!(template.difficulty.to_string(), result["difficulty"]);
        assert_eq!(template.algorithm, Algorithm::V3);
        assert_eq!(template.work_hash, template.header.work_hash());
        assert_eq!(hex::encode(template.header.encode()), result["template"]);
        assert_eq!(endpoint.requests()[0]["params"], json!({"address": POOL}));
    }
    Ok(())
}

#[tokio::test]
async fn a_template_that_does_not_fit_is_refused() {
    let good = exchange("daemon", "get_block_template", "").response["result"].clone();
    let mut other_height = good.clone();
    other_height["height"] = json!(10);
    let mut other_algorithm = good.clone();
    other_algorithm["algorithm"] = json!("xel/v9");
    let mut no_difficulty = good.clone();
    no_difficulty["difficulty"] = json!("0");
    let mut short = good.clone();
    short["template"] = json!("0600");
    for (answer, problem) in [
        (other_height, "height 9"),
        (other_algorithm, "unknown algorithm"),
        (no_difficulty, "difficulty `0`"),
        (short, "ends after 2 bytes"),
    ] {
        let (_endpoint, client) = answering(Reply::result(answer)).await;
        let error = client.template(&pool()).await.expect_err(problem);
        assert!(error.to_string().contains(problem), "{error}");
    }
    let (_endpoint, client) = answering(Reply::result(good)).await;
    let own = Address::parse(
        "xet:qrazsuyu44la5vfn3pwy35z8ke6yzuwjc9605rndvu6q0d5wcqtsqzu9wca",
        Network::Devnet,
    );
    let error = client
        .template(&own.expect("an address"))
        .await
        .expect_err("another key");
    assert!(error.to_string().contains("pays another key"), "{error}");
}

#[tokio::test]
async fn difficulties_beyond_64_bits_are_read() -> anyhow::Result<()> {
    let mut recorded = exchange("daemon", "get_info", "");
    let difficulty = "13604590213622082452820230";
    recorded.response["result"]["difficulty"] = json!(difficulty);
    let (_endpoint, client) = replay(&[&recorded]).await;
    assert_eq!(client.info().await?.difficulty.to_string(), difficulty);
    Ok(())
}

#[tokio::test]
async fn every_recorded_block_submission_gets_its_meaning() -> anyhow::Result<()> {
    let mut seen = [0; 3];
    for recorded in recorded() {
        let bytes = hex::decode(recorded.param("block_template"))?;
        let (true, Ok(header)) = (
            recorded.method() == "submit_block",
            BlockHeader::decode(&bytes),
        ) else {
            continue;
        };
        let (endpoint, client) = replay(&[&recorded]).await;
        let answer = client.submit_block(&header).await?;
        let sent = &endpoint.requests()[0]["params"];
        assert_eq!(
            *sent,
            json!({"block_template": recorded.param("block_template")})
        );
        let error = &recorded.response["error"];
        match answer {
            SubmitBlockAnswer::Accepted => {
                assert_eq!(recorded.response["result"], true);
                seen[0] += 1;
            }
            SubmitBlockAnswer::AlreadyInChain => {
                assert_eq!(error["kind"], "ALREADY_IN_CHAIN");
                seen[1] += 1;
            }
            SubmitBlockAnswer::Refused { kind, message } => {
                assert_eq!(
                    (&error["kind"], &error["message"]),
                    (&json!(kind), &json!(message))
                );
                seen[2] += 1;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_block_known_by_text_only_is_in_chain_and_a_false_is_unexpected() -> anyhow::Result<()> {
    let header = client_header().await?;
    let wrapped = Reply::error(
        -32004,
        "UNSPECIFIED",
        "Error while adding: Block is already in chain",
    );
    let (_endpoint, client) = answering(wrapped).await;
    assert_eq!(
        client.submit_block(&header).await?,
        SubmitBlockAnswer::AlreadyInChain
    );
    let (_endpoint, client) = answering(Reply::result(json!(false))).await;
    assert!(
        client
            .submit_block(&header)
            .await
            .expect_err("false")
            .is_ambiguous()
    );
    let (_endpoint, client) = answering(Reply::error(-32601, "METHOD_NOT_FOUND", "no")).await;
    assert!(
        !client
            .submit_block(&header)
            .await
            .expect_err("getwork is off")
            .is_ambiguous()
    );
    Ok(())
}

async fn client_header() -> anyhow::Result<BlockHeader> {
    let recorded = exchange("daemon", "get_block_template", "");
    let (_endpoint, client) = replay(&[&recorded]).await;
    Ok(client.template(&pool()).await?.header)
}

#[tokio::test]
async fn an_account_without_nonce_has_zero() -> anyhow::Result<()> {
    let exchange = Exchange::made_up("has_nonce", json!({"result": {"exist": false}}));
    let (_endpoint, client) = replay(&[&exchange]).await;
    assert_eq!(client.nonce(&pool()).await?, 0);
    let (_endpoint, client) = answering(Reply::error(-32004, "UNSPECIFIED", "not found")).await;
    assert!(client.nonce(&pool()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn recorded_nonces_are_read() -> anyhow::Result<()> {
    let present = exchange("daemon", "has_nonce", "");
    for (note, expected) in [
        ("", 0),
        ("one pending", 0),
        ("executed", 1),
        ("after the rewind", 2),
    ] {
        let (_endpoint, client) = replay(&[&present, &exchange("daemon", "get_nonce", note)]).await;
        assert_eq!(client.nonce(&pool()).await?, expected, "{note}");
    }
    Ok(())
}

/// The info, then the account's changes from the newest back: (nonce, topoheight, previous).
async fn stable_nonce(
    stable_topoheight: u64,
    changes: &[(u64, Option<u64>, Option<u64>)],
) -> (FakeEndpoint, Result<u64, ChainError>) {
    let mut info = exchange("daemon", "get_info", "");
    info.response["result"]["stable_topoheight"] = json!(stable_topoheight);
    let mut script = vec![info, exchange("daemon", "has_nonce", "")];
    for (index, (nonce, topoheight, previous)) in changes.iter().enumerate() {
        let method = if index == 0 {
            "get_nonce"
        } else {
            "get_nonce_at_topoheight"
        };
        let result =
            json!({"nonce": nonce, "topoheight": topoheight, "previous_topoheight": previous});
        script.push(Exchange::made_up(method, json!({"result": result})));
    }
    let endpoint = FakeEndpoint::replaying(script).await;
    let answer = client(&endpoint).stable_nonce(&pool()).await;
    (endpoint, answer)
}

#[tokio::test]
async fn the_stable_nonce_is_found_by_walking_back() -> anyhow::Result<()> {
    let changes = [
        (3, Some(73), Some(46)),
        (2, Some(46), Some(45)),
        (1, None, Some(1)),
        (0, Some(1), None),
    ];
    for (stable_topoheight, expected, steps) in [
        (80, 3, 0),
        (73, 3, 0),
        (72, 2, 1),
        (46, 2, 1),
        (45, 1, 2),
        (20, 0, 3),
    ] {
        let (endpoint, nonce) = stable_nonce(stable_topoheight, &changes).await;
        assert_eq!(nonce?, expected, "stable at {stable_topoheight}");
        assert_eq!(endpoint.count("get_nonce_at_topoheight"), steps);
    }
    let (_, before_the_account) = stable_nonce(0, &changes).await;
    assert_eq!(before_the_account?, 0);
    Ok(())
}

#[tokio::test]
async fn a_walk_that_does_not_go_back_is_an_error() {
    for changes in [
        vec![(3, None, Some(46))],
        vec![(3, Some(73), Some(73))],
        vec![(3, Some(73), Some(46)), (2, Some(45), Some(1))],
        vec![(3, Some(73), Some(46)), (2, Some(46), Some(80))],
        vec![(3, Some(73), Some(46))],
    ] {
        let (_, nonce) = stable_nonce(20, &changes).await;
        assert!(nonce.is_err(), "{changes:?}");
    }
}

#[tokio::test]
async fn every_recorded_transaction_submission_gets_its_meaning() -> anyhow::Result<()> {
    let mut seen = std::collections::BTreeMap::new();
    for recorded in recorded() {
        if recorded.method() != "submit_transaction" {
            continue;
        }
        let (endpoint, client) = replay(&[&recorded]).await;
        let bytes = hex::decode(recorded.param("data"))?;
        let answer = client.submit_transaction(&bytes).await?;
        let sent = &endpoint.requests()[0]["params"]["data"];
        assert_eq!(*sent, json!(recorded.param("data")));
        let error = recorded.response["error"]["kind"]
            .as_str()
            .unwrap_or("none");
        let expected = match error {
            "none" => "Accepted",
            "TX_ALREADY_IN_MEMPOOL" => "AlreadyPending",
            "TX_ALREADY_IN_BLOCKCHAIN" => "AlreadyExecuted",
            "TX_NONCE_ALREADY_USED" | "INVALID_NONCE" => "NonceConflict",
            "INVALID_REFERENCE_BLOCK_HEIGHT" => "TryLater",
            "INVALID_TX_FEE" | "INVALID_SIGNATURE" | "INVALID_PARAMS" => "Refused",
            other => panic!("unexpected kind {other}"),
        };
        let name = format!("{answer:?}");
        assert!(name.starts_with(expected), "{error}: {name}");
        *seen.entry(expected).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn refusals_whose_kind_got_lost_are_known_by_their_text() -> anyhow::Result<()> {
    for (text, expected) in [
        ("Tx 93 already in mempool", "AlreadyPending"),
        ("TX 93 is already in blockchain", "AlreadyExecuted"),
        ("Tx nonce 0 already used", "NonceConflict"),
        ("Invalid TX 89 nonce, got 0 expected 1", "NonceConflict"),
        (
            "invalid reference: block height 47 is higher than stable height 46",
            "TryLater",
        ),
        ("Invalid Tx fee, expected at least 0.00025000", "Refused"),
    ] {
        let (_endpoint, client) = answering(Reply::error(-32004, "UNSPECIFIED", text)).await;
        let answer = format!("{:?}", client.submit_transaction(&[1]).await?);
        assert!(answer.starts_with(expected), "{text}: {answer}");
    }
    for (code, kind) in [
        (-32603, "INTERNAL"),
        (-32001, "CONTEXT"),
        (-32601, "METHOD_NOT_FOUND"),
    ] {
        let (_endpoint, client) = answering(Reply::error(code, kind, "nonce already used")).await;
        assert!(
            client.submit_transaction(&[1]).await.is_err(),
            "{kind} is no judgement"
        );
    }
    Ok(())
}

#[tokio::test]
async fn recorded_executions_are_read_and_only_not_found_is_none() -> anyhow::Result<()> {
    let mut seen = [0; 2];
    for recorded in recorded() {
        if recorded.method() != "get_transaction_executor" {
            continue;
        }
        let (_endpoint, client) = replay(&[&recorded]).await;
        let execution = client.execution(hash(&recorded.param("hash"))).await?;
        let result = &recorded.response["result"];
        match execution {
            None => seen[0] += 1,
            Some(execution) => {
                assert_eq!(execution.topoheight, result["block_topoheight"]);
                assert_eq!(execution.block_hash.to_string(), result["block_hash"]);
                seen[1] += 1;
            }
        }
        assert_eq!(result.is_object(), execution_is_some(&recorded));
    }
    assert!(seen[0] >= 3 && seen[1] >= 3, "{seen:?}");
    for reply in [
        Reply::error(-32004, "POISONED", "lock"),
        Reply::error(
            -32602,
            "NOT_FOUND_ON_DISK",
            "Data not found on disk: load data",
        ),
        Reply::error(-32603, "UNSPECIFIED", "Data not found on disk"),
    ] {
        let (_endpoint, client) = answering(reply).await;
        assert!(client.execution(Hash([1; 32])).await.is_err());
    }
    Ok(())
}

fn execution_is_some(recorded: &Exchange) -> bool {
    !recorded.response["error"].is_object()
}

#[tokio::test]
async fn pending_is_read_from_every_recorded_state() -> anyhow::Result<()> {
    let nothing = exchange("daemon", "get_mempool_cache", "no pending transaction");
    let cached = exchange("daemon", "get_mempool_cache", "one pending");
    let mut answers = Vec::new();
    for (note, cache) in [
        ("unknown transaction", None),
        ("built but never sent", None),
        ("pending", None),
        ("executed, not stable", None),
        ("after the rewind", Some(&nothing)),
        ("after the rewind", Some(&cached)),
    ] {
        let recorded = exchange("daemon", "get_transaction", note);
        let (_endpoint, client) = match cache {
            None => replay(&[&recorded]).await,
            Some(cache) => replay(&[&recorded, cache]).await,
        };
        answers.push(client.is_pending(hash(&recorded.param("hash"))).await?);
    }
    assert_eq!(answers, [false, false, true, false, false, false]);
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_an_orphaned_block_that_waits_again_is_pending() -> anyhow::Result<()> {
    let recorded = exchange("daemon", "get_transaction", "after the rewind");
    let tx = hash(&recorded.param("hash"));
    let mut cache = exchange("daemon", "get_mempool_cache", "one pending");
    cache.response["result"]["txs"] = json!([Hash([1; 32]), tx]);
    let (endpoint, client) = replay(&[&recorded, &cache]).await;
    assert!(client.is_pending(tx).await?);
    assert_eq!(endpoint.requests()[1]["params"], json!({"address": POOL}));
    let (_endpoint, client) = answering(Reply::error(-32603, "INTERNAL", "no")).await;
    assert!(client.is_pending(tx).await.is_err());
    Ok(())
}
