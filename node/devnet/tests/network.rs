//! A pool's way through the simulated network, over its real sockets.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{
    Socket, ask, build_params, call, config, control, post, refusal, request, start, transfers,
};
use raftpool_chain::{BlockHeader, Hash, MinerWork};
use raftpool_devnet::{Devnet, DifficultyRule, Endpoint, Fault, FaultKind, NetworkState};
use raftpool_pow::{Algorithm, Difficulty, Hasher};
use serde_json::{Value, json};

/// Searches a nonce whose hash meets (or misses) a difficulty.
fn solve(
    mut work: MinerWork,
    algorithm: Algorithm,
    difficulty: &str,
    should_meet: bool,
) -> MinerWork {
    let target = difficulty.parse::<Difficulty>().unwrap().target();
    let mut hasher = Hasher::new();
    loop {
        let hash = hasher.hash(algorithm, &work.to_bytes()).unwrap();
        if target.is_met_by(&hash) == should_meet {
            return work;
        }
        work.nonce += 1;
    }
}

async fn template(url: &str, address: &str) -> (BlockHeader, Value) {
    let answer = ask(url, "get_block_template", json!({ "address": address })).await;
    let bytes = hex::decode(answer["template"].as_str().unwrap()).unwrap();
    (BlockHeader::decode(&bytes).unwrap(), answer)
}

/// Mines a block with real work and submits it.
async fn mine(url: &str, address: &str) -> Hash {
    let (header, answer) = template(url, address).await;
    let algorithm: Algorithm = answer["algorithm"].as_str().unwrap().parse().unwrap();
    let difficulty = answer["difficulty"].as_str().unwrap();
    let header = header.with_work(&solve(header.miner_work(), algorithm, difficulty, true));
    let params = json!({ "block_template": hex::encode(header.encode()) });
    assert_eq!(ask(url, "submit_block", params.clone()).await, true);
    assert_eq!(
        refusal(url, "submit_block", params).await,
        "ALREADY_IN_CHAIN"
    );
    header.block_hash()
}

async fn block(url: &str, hash: Hash) -> Value {
    ask(url, "get_block_by_hash", json!({ "hash": hash })).await
}

/// Lets the wallet mine until it can pay.
async fn fund(devnet: &Devnet) -> String {
    let pool = devnet.control().wallet_address();
    devnet.control().produce_blocks(30, Some(&pool)).unwrap();
    pool
}

#[tokio::test]
async fn block_is_mined_matures_and_pays_out() {
    let devnet = start(config(4)).await;
    let (daemon, wallet) = (devnet.daemon_url(), devnet.wallet_url());
    let pool = ask(&wallet, "get_address", Value::Null)
        .await
        .as_str()
        .unwrap()
        .to_owned();
    let hash = mine(&daemon, &pool).await;
    let found = block(&daemon, hash).await;
    assert_eq!(
        (&found["block_type"], &found["miner"]),
        (&json!("Normal"), &json!(pool))
    );

    devnet.control().produce_blocks(30, None).unwrap();
    assert_eq!(block(&daemon, hash).await["block_type"], "Sync");
    let stable = ask(&daemon, "get_stable_topoheight", Value::Null)
        .await
        .as_u64()
        .unwrap();
    assert!(block(&daemon, hash).await["topoheight"].as_u64().unwrap() <= stable);
    let income = found["miner_reward"].as_u64().unwrap();
    assert_eq!(ask(&wallet, "get_balance", Value::Null).await, income);

    let payees = [
        devnet.control().address_of("a"),
        devnet.control().address_of("b"),
    ];
    let payments = [
        (payees[0].as_str(), 1_000_000),
        (payees[1].as_str(), 2_000_000),
    ];
    let estimate = ask(
        &wallet,
        "estimate_fees",
        json!({ "transfers": transfers(&payments) }),
    )
    .await;
    let built = ask(&wallet, "build_transaction", build_params(&payments, 0)).await;
    assert_eq!((&built["fee"], &built["size"]), (&estimate, &json!(1_865)));
    let bytes = hex::decode(built["tx_as_hex"].as_str().unwrap()).unwrap();
    let tx = built["hash"].as_str().unwrap();
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), tx);

    let data = json!({ "data": built["tx_as_hex"] });
    assert_eq!(ask(&daemon, "submit_transaction", data.clone()).await, true);
    assert_eq!(
        refusal(&daemon, "submit_transaction", data.clone()).await,
        "TX_ALREADY_IN_MEMPOOL"
    );
    let executing = mine(&daemon, &pool).await;
    assert_eq!(
        refusal(&daemon, "submit_transaction", data).await,
        "TX_ALREADY_IN_BLOCKCHAIN"
    );
    let executor = ask(&daemon, "get_transaction_executor", json!({ "hash": tx })).await;
    assert_eq!(executor["block_hash"], executing.to_string());
    assert_eq!(block(&daemon, executing).await["total_fees"], estimate);

    let state = devnet.control().state();
    assert_eq!(state.executed.len(), 1);
    assert_eq!(
        state.executed[0].payments[1],
        (payees[1].clone(), 2_000_000)
    );
    let over_http = reqwest::get(format!("{}/control/state", devnet.control_url()))
        .await
        .unwrap();
    assert_eq!(over_http.json::<NetworkState>().await.unwrap(), state);
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn block_below_the_target_is_refused() {
    for algorithm in [Algorithm::V1, Algorithm::V2, Algorithm::V3] {
        let mut config = config(1_000);
        config.algorithm = algorithm;
        let devnet = start(config).await;
        let url = devnet.daemon_url();
        let (header, answer) = template(&url, &devnet.control().foreign_address()).await;
        assert_eq!(answer["algorithm"], algorithm.to_string());
        let work = solve(header.miner_work(), algorithm, "1000", false);
        let params = json!({
            "block_template": answer["template"], "miner_work": hex::encode(work.to_bytes()),
        });
        assert_eq!(
            refusal(&url, "submit_block", params).await,
            "INVALID_DIFFICULTY"
        );
        devnet.control().set_difficulty(2);
        mine(&url, &devnet.control().foreign_address()).await;
    }
}

#[tokio::test]
async fn difficulty_above_64_bits_is_a_decimal_string() {
    let mut config = config(1);
    config.difficulty = DifficultyRule::Fixed(u128::from(u64::MAX) * 1_000);
    let devnet = start(config).await;
    let info = ask(&devnet.daemon_url(), "get_info", Value::Null).await;
    assert_eq!(
        info["difficulty"],
        (u128::from(u64::MAX) * 1_000).to_string()
    );
}

#[tokio::test]
async fn wallet_remembers_what_it_built_until_cleared() {
    let devnet = start(config(1)).await;
    fund(&devnet).await;
    let wallet = devnet.wallet_url();
    let payee = devnet.control().address_of("a");
    let balance = devnet
        .control()
        .state()
        .accounts
        .iter()
        .find(|account| account.nonce == 0 && account.address == devnet.control().wallet_address())
        .unwrap()
        .stable_balance_atomic;
    let half = [(payee.as_str(), balance * 2 / 3)];
    let first = ask(&wallet, "build_transaction", build_params(&half, 0)).await;
    assert_eq!(
        refusal(&wallet, "build_transaction", build_params(&half, 0)).await,
        "PROOF"
    );
    assert_eq!(ask(&wallet, "clear_tx_cache", Value::Null).await, true);
    let second = ask(&wallet, "build_transaction", build_params(&half, 0)).await;
    assert_ne!(first["hash"], second["hash"]);
    devnet.control().stop_wallet(0).await.unwrap();
    assert!(
        post(&wallet, None, request("get_address", Value::Null))
            .await
            .is_err()
    );
    devnet.control().start_wallet(0).await.unwrap();
    ask(&wallet, "build_transaction", build_params(&half, 0)).await;
    assert!(
        devnet.control().state().mempool.is_empty(),
        "nothing may be sent by building"
    );
}

#[tokio::test]
async fn wallet_refuses_without_credentials_and_goes_offline() {
    let devnet = start(config(1)).await;
    let body = request("get_address", Value::Null);
    for login in [None, Some(("wallet", "wrong"))] {
        assert_eq!(
            post(&devnet.wallet_url(), login, body.clone())
                .await
                .unwrap()
                .0,
            401
        );
    }
    assert_eq!(
        ask(&devnet.wallet_url(), "is_online", Value::Null).await,
        true
    );
    control(&devnet, "wallet_online", json!({ "online": false }))
        .await
        .unwrap();
    assert_eq!(
        ask(&devnet.wallet_url(), "is_online", Value::Null).await,
        false
    );
    control(&devnet, "wallet_online", json!({ "online": true }))
        .await
        .unwrap();
    control(&devnet, "daemon", json!({ "running": false }))
        .await
        .unwrap();
    assert_eq!(
        ask(&devnet.wallet_url(), "is_online", Value::Null).await,
        false
    );
}

#[tokio::test]
async fn wallet_lists_what_each_nonce_paid() {
    let devnet = start(config(1)).await;
    let pool = fund(&devnet).await;
    let (daemon, wallet) = (devnet.daemon_url(), devnet.wallet_url());
    let payee = devnet.control().address_of("a");
    let built = ask(
        &wallet,
        "build_transaction",
        build_params(&[(&payee, 5)], 0),
    )
    .await;
    ask(
        &daemon,
        "submit_transaction",
        json!({ "data": built["tx_as_hex"] }),
    )
    .await;
    let pending = ask(&wallet, "get_pending_transactions", Value::Null).await;
    assert_eq!(pending[0]["hash"], built["hash"]);
    devnet.control().produce_blocks(1, None).unwrap();
    let list = ask(
        &wallet,
        "list_transactions",
        json!({ "accept_coinbase": false }),
    )
    .await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["outgoing"]["nonce"], 0);
    assert_eq!(list[0]["outgoing"]["transfers"][0]["destination"], payee);
    let coinbases = json!({ "accept_outgoing": false, "accept_incoming": false, "limit": 3 });
    let list = ask(&wallet, "list_transactions", coinbases).await;
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert!(list[0]["coinbase"]["reward"].as_u64().unwrap() > 0);
    assert_eq!(ask(&wallet, "get_address", Value::Null).await, pool);
}

#[tokio::test]
async fn foreign_spend_uses_up_the_nonce() {
    let devnet = start(config(1)).await;
    fund(&devnet).await;
    let payee = devnet.control().address_of("a");
    let wallet = devnet.wallet_url();
    let built = ask(
        &wallet,
        "build_transaction",
        build_params(&[(&payee, 5)], 0),
    )
    .await;
    let data = json!({ "data": built["tx_as_hex"] });
    ask(&devnet.daemon_url(), "submit_transaction", data.clone()).await;
    let spent = control(&devnet, "foreign_spend", json!({ "amount_atomic": 7 }))
        .await
        .unwrap();
    let state = devnet.control().state();
    assert_eq!(state.executed.len(), 1);
    assert_eq!(json!(state.executed[0].hash), spent["hash"]);
    assert_eq!(
        refusal(&devnet.daemon_url(), "submit_transaction", data).await,
        "INVALID_NONCE"
    );
}

#[tokio::test]
async fn faults_strike_as_ordered() {
    let devnet = start(config(1)).await;
    fund(&devnet).await;
    let (daemon, wallet) = (devnet.daemon_url(), devnet.wallet_url());
    let payee = devnet.control().address_of("a");
    let built = ask(
        &wallet,
        "build_transaction",
        build_params(&[(&payee, 5)], 0),
    )
    .await;
    let body = request("submit_transaction", json!({ "data": built["tx_as_hex"] }));
    let order = |kind| {
        devnet
            .control()
            .fault(Fault::once(Endpoint::Daemon, "submit_transaction", kind))
    };

    order(FaultKind::AnswerLostBeforeDoing);
    assert!(post(&daemon, None, body.clone()).await.is_err());
    order(FaultKind::Http500);
    assert_eq!(post(&daemon, None, body.clone()).await.unwrap().0, 500);
    let refuse = json!({
        "endpoint": "daemon", "method": "submit_transaction", "kind": "refuse",
        "error_kind": "MEMPOOL_MEMORY_LIMIT",
    });
    control(&devnet, "fault", refuse).await.unwrap();
    assert!(
        post(&daemon, None, body.clone())
            .await
            .unwrap()
            .1
            .contains("MEMPOOL_MEMORY_LIMIT")
    );
    assert!(
        devnet.control().state().mempool.is_empty(),
        "none of these may be carried out"
    );

    order(FaultKind::AnswerLostAfterDoing);
    assert!(post(&daemon, None, body.clone()).await.is_err());
    assert_eq!(devnet.control().state().mempool.len(), 1);
    devnet.control().drop_mempool();
    order(FaultKind::TimeOutAfterDoing);
    let client = reqwest::Client::builder().timeout(std::time::Duration::from_millis(300));
    let silent = client
        .build()
        .unwrap()
        .post(format!("{daemon}/json_rpc"))
        .body(body.clone())
        .send();
    assert!(silent.await.unwrap_err().is_timeout());
    assert_eq!(devnet.control().state().mempool.len(), 1);
    assert!(devnet.control().state().faults.is_empty());
    assert!(
        post(&daemon, None, body)
            .await
            .unwrap()
            .1
            .contains("TX_ALREADY_IN_MEMPOOL")
    );
}

#[tokio::test]
async fn stalled_and_dropped_transactions_do_not_execute() {
    let devnet = start(config(1)).await;
    fund(&devnet).await;
    let daemon = devnet.daemon_url();
    let payee = devnet.control().address_of("a");
    let built = ask(
        &devnet.wallet_url(),
        "build_transaction",
        build_params(&[(&payee, 5)], 0),
    )
    .await;
    let data = json!({ "data": built["tx_as_hex"] });
    control(&devnet, "stall_execution", json!({ "stalled": true }))
        .await
        .unwrap();
    ask(&daemon, "submit_transaction", data.clone()).await;
    control(&devnet, "produce_blocks", json!({ "count": 3 }))
        .await
        .unwrap();
    assert!(devnet.control().state().executed.is_empty());
    let dropped = control(&devnet, "drop_mempool", json!({})).await.unwrap();
    assert_eq!(dropped["dropped"], 1);
    let unknown = call(&daemon, "get_transaction", json!({ "hash": built["hash"] })).await;
    assert_eq!(unknown["error"]["code"], -32_004);
    control(&devnet, "stall_execution", json!({ "stalled": false }))
        .await
        .unwrap();
    ask(&daemon, "submit_transaction", data).await;
    control(&devnet, "produce_blocks", json!({})).await.unwrap();
    assert_eq!(devnet.control().state().executed.len(), 1);
}

#[tokio::test]
async fn daemons_share_a_chain_until_one_is_cut_off() {
    let mut config = config(1);
    config.daemons = 2;
    let devnet = start(config).await;
    let urls = devnet.daemon_urls();
    let height = async |index: usize| ask(&urls[index], "get_height", Value::Null).await;
    devnet.control().produce_blocks(3, None).unwrap();
    assert_eq!((height(0).await, height(1).await), (json!(3), json!(3)));

    control(&devnet, "sync", json!({ "daemon": 1, "synced": false }))
        .await
        .unwrap();
    devnet.control().produce_blocks(5, None).unwrap();
    let own = mine(&urls[1], &devnet.control().foreign_address()).await;
    assert_eq!((height(0).await, height(1).await), (json!(8), json!(4)));
    let status = ask(&urls[1], "p2p_status", Value::Null).await;
    assert_eq!(
        (&status["our_topoheight"], &status["best_topoheight"]),
        (&json!(4), &json!(8))
    );
    assert_eq!(
        refusal(&urls[0], "get_block_by_hash", json!({ "hash": own })).await,
        "INVALID_PARAMS"
    );

    control(&devnet, "sync", json!({ "daemon": 1, "synced": true }))
        .await
        .unwrap();
    devnet.control().produce_blocks(1, None).unwrap();
    assert_eq!(block(&urls[0], own).await["block_type"], "Side");
    assert_eq!(height(0).await, height(1).await);

    control(&devnet, "daemon", json!({ "daemon": 0, "running": false }))
        .await
        .unwrap();
    assert!(
        post(&urls[0], None, request("get_height", Value::Null))
            .await
            .is_err()
    );
    assert_eq!(height(1).await, json!(9));
    control(&devnet, "daemon", json!({ "daemon": 0, "running": true }))
        .await
        .unwrap();
    assert_eq!(height(0).await, json!(9));
}

#[tokio::test]
async fn control_calls_that_make_no_sense_are_refused() {
    let devnet = start(config(1)).await;
    let error = control(&devnet, "rewind", json!({ "count": 5 }))
        .await
        .unwrap_err();
    assert!(error.contains("cannot rewind 5 blocks"), "{error}");
    let error = control(&devnet, "produce_blocks", json!({ "miner": "xel:bad" }))
        .await
        .unwrap_err();
    assert!(error.contains("no address of this network"), "{error}");
    let error = control(&devnet, "nonsense", json!({})).await.unwrap_err();
    assert!(error.contains("nonsense"), "{error}");
    let error = control(&devnet, "daemon", json!({ "daemon": 3, "on": true }))
        .await
        .unwrap_err();
    assert!(error.contains("there is no daemon 3"), "{error}");
    let error = control(&devnet, "rewind", json!({ "cuont": 5 }))
        .await
        .unwrap_err();
    assert!(error.contains("cuont"), "{error}");
}

#[tokio::test]
async fn auto_mining_moves_the_chain() {
    let mut config = config(1);
    config.auto_mine_every_ms = Some(5);
    let devnet = start(config).await;
    let mut socket = Socket::connect(&format!("{}/json_rpc", devnet.daemon_ws_url())).await;
    socket
        .send(request(
            "subscribe",
            json!({ "notify": "stable_height_changed" }),
        ))
        .await;
    assert_eq!(socket.next().await.unwrap()["result"], true);
    assert_eq!(
        socket.next().await.unwrap()["result"]["new_stable_height"],
        1
    );
    control(
        &devnet,
        "auto_mine",
        json!({ "every_ms": null, "difficulty": 77 }),
    )
    .await
    .unwrap();
    let info = ask(&devnet.daemon_url(), "get_info", Value::Null).await;
    assert_eq!(info["difficulty"], "77");
}
