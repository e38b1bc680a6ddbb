//! Events and getwork, and what survives a restart.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{DEADLINE, Socket, ask, build_params, config, request, start};
use raftpool_chain::MinerWork;
use raftpool_devnet::{Devnet, Endpoint, Fault, FaultKind};
use raftpool_pow::{Algorithm, Difficulty, Hasher};
use serde_json::{Value, json};

const POOL: &str = "xet:hth3pjc4p7dppz7l7y6de6t02j37wy9frfc9yh603lh3v6hdhg8qq485q07";

fn recorded(name: &str) -> Vec<Value> {
    let path = format!("{}/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names(value: &Value) -> BTreeSet<String> {
    value
        .as_object()
        .map(|fields| fields.keys().cloned().collect())
        .unwrap_or_default()
}

async fn events(devnet: &Devnet, wanted: &[&str]) -> Socket {
    let mut socket = Socket::connect(&format!("{}/json_rpc", devnet.daemon_ws_url())).await;
    for name in wanted {
        socket
            .send(request("subscribe", json!({ "notify": name })))
            .await;
        assert_eq!(socket.next().await.unwrap()["result"], true);
    }
    socket
}

#[tokio::test]
async fn subscriptions_are_answered_as_recorded() {
    let devnet = start(config(1)).await;
    let mut socket = Socket::connect(&format!("{}/json_rpc", devnet.daemon_ws_url())).await;
    devnet.control().produce_blocks(8, None).unwrap();
    let lines = recorded("daemon-events.jsonl");
    let is_early = |line: &&Value| line["t_ms"].as_u64().unwrap() < 1_795_349_196_000;
    let mut answers = BTreeMap::new();
    for line in lines.iter().filter(is_early) {
        if line["dir"] == "client->server" {
            socket.send(line["msg"].to_string()).await;
        } else if line["dir"] == "server->client" {
            let answer = socket.next().await.unwrap();
            answers.insert(
                answer["id"].as_u64().unwrap(),
                (answer, line["msg"].clone()),
            );
        }
    }
    assert_eq!(answers.len(), 13);
    for (answer, expected) in answers.values() {
        for part in ["/result", "/error/code", "/error/kind", "/error/message"] {
            assert_eq!(answer.pointer(part), expected.pointer(part), "{answer}");
        }
    }
    socket
        .send(request("unsubscribe", json!({ "notify": "new_block" })))
        .await;
    assert_eq!(socket.next().await.unwrap()["result"], true);
    socket
        .send(request("unsubscribe", json!({ "notify": "new_block" })))
        .await;
    assert_eq!(socket.next().await.unwrap()["error"]["code"], -1);
}

#[tokio::test]
async fn events_have_the_recorded_fields() {
    let mut expected = BTreeMap::new();
    for line in recorded("daemon-events.jsonl") {
        if let Some(name) = line["msg"]["result"]["event"].as_str() {
            expected.insert(name.to_owned(), names(&line["msg"]["result"]));
        }
    }
    assert_eq!(expected.len(), 8, "{expected:?}");
    let devnet = start(config(1)).await;
    let control = devnet.control();
    control
        .produce_blocks(30, Some(&control.wallet_address()))
        .unwrap();
    let wanted: Vec<&str> = expected.keys().map(String::as_str).collect();
    let mut socket = events(&devnet, &wanted).await;
    let payee = control.address_of("a");
    let built = ask(
        &devnet.wallet_url(),
        "build_transaction",
        build_params(&[(&payee, 5)], 0),
    )
    .await;
    ask(
        &devnet.daemon_url(),
        "submit_transaction",
        json!({ "data": built["tx_as_hex"] }),
    )
    .await;
    control.produce_blocks(1, None).unwrap();
    while !expected.is_empty() {
        let event = socket.next().await.unwrap()["result"].clone();
        if let Some(fields) = expected.remove(event["event"].as_str().unwrap()) {
            assert_eq!(names(&event), fields, "{event}");
        }
    }
}

#[tokio::test]
async fn reorders_are_told() {
    let devnet = start(config(1)).await;
    devnet.control().produce_blocks(10, None).unwrap();
    let mut socket = events(&devnet, &["block_orphaned"]).await;
    let victim = devnet.control().state().top_hash;
    devnet.control().orphan(victim).unwrap();
    let event = socket.next().await.unwrap()["result"].clone();
    assert_eq!(event["block_hash"], victim.to_string());
    assert_eq!(event["old_topoheight"], 10);
}

#[tokio::test]
async fn socket_calls_suffer_faults_too() {
    let devnet = start(config(1)).await;
    let mut socket = Socket::connect(&format!("{}/json_rpc", devnet.daemon_ws_url())).await;
    socket.send(request("get_height", Value::Null)).await;
    assert_eq!(socket.next().await.unwrap()["result"], 0);
    devnet.control().fault(Fault::once(
        Endpoint::Daemon,
        "get_height",
        FaultKind::AnswerLostAfterDoing,
    ));
    socket.send(request("get_height", Value::Null)).await;
    assert_eq!(socket.next().await, None);
}

#[tokio::test]
async fn refused_getwork_goes_as_recorded() {
    let devnet = start(config(1_000_000_000)).await;
    let pool = devnet.control().wallet_address();
    let mut socket: Option<Socket> = None;
    let mut refused = None;
    let mut job = Value::Null;
    for line in recorded("getwork-errors.jsonl") {
        let message = &line["msg"];
        match line["dir"].as_str().unwrap() {
            "connect" => {
                let path = message.as_str().unwrap().replace(POOL, &pool);
                let url = format!("{}{path}", devnet.daemon_ws_url());
                match tokio_tungstenite::connect_async(&url).await {
                    Ok(_) => socket = Some(Socket::connect(&url).await),
                    Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                        refused = Some(*response);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            "http" => {
                let response = refused.take().unwrap();
                assert_eq!(response.status().as_u16(), message["status"]);
                let body = response.into_body().unwrap_or_default();
                assert_eq!(String::from_utf8(body).unwrap(), message["body"]);
            }
            "client->server" => {
                // The recorded works belong to the recorded job: ours stands for them.
                let text = message.to_string();
                let own = job["new_job"]["miner_work"].as_str().unwrap();
                let text = replace_work(&text, own);
                socket.as_mut().unwrap().send(text).await;
            }
            _ => {
                let answer = socket.as_mut().unwrap().next().await.unwrap();
                assert_eq!(names(&answer), names(message), "{answer}");
                if message.get("block_rejected").is_some() {
                    assert_eq!(&answer, message);
                } else {
                    assert_eq!(names(&answer["new_job"]), names(&message["new_job"]));
                    job = answer;
                }
            }
        }
    }
    // The two last messages were no submissions: the connection is still good.
    let params = json!({ "miner_work": "zz" });
    let mut socket = socket.unwrap();
    socket.send(params.to_string()).await;
    assert_eq!(
        socket.next().await.unwrap()["block_rejected"],
        "Invalid hex"
    );
}

/// Puts our work, cut to the same length, where a recorded one stands.
fn replace_work(text: &str, own: &str) -> String {
    let Ok(mut message) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    for field in ["miner_work", "block_template"] {
        if let Some(work) = message[field].as_str()
            && work.starts_with("09c9549bd46e")
        {
            message[field] = json!(own[..work.len()]);
        }
    }
    message.to_string()
}

#[tokio::test]
async fn getwork_miner_finds_a_block_and_gets_the_next_job() {
    let devnet = start(config(4)).await;
    let pool = devnet.control().wallet_address();
    let url = format!("{}/getwork/{pool}/rig1", devnet.daemon_ws_url());
    let mut socket = Socket::connect(&url).await;
    let job = socket.next().await.unwrap()["new_job"].clone();
    assert_eq!(
        (&job["height"], &job["algorithm"]),
        (&json!(1), &json!("xel/v3"))
    );
    let bytes: [u8; 112] = hex::decode(job["miner_work"].as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap();
    let mut work = MinerWork::from_bytes(&bytes);
    let target = job["difficulty"]
        .as_str()
        .unwrap()
        .parse::<Difficulty>()
        .unwrap()
        .target();
    let mut hasher = Hasher::new();
    while !target.is_met_by(&hasher.hash(Algorithm::V3, &work.to_bytes()).unwrap()) {
        work.nonce += 1;
    }
    socket
        .send(json!({ "miner_work": hex::encode(work.to_bytes()) }).to_string())
        .await;
    assert_eq!(socket.next().await.unwrap(), "block_accepted");
    assert_eq!(socket.next().await.unwrap()["new_job"]["height"], 2);
    assert_eq!(devnet.control().state().top_hash, work.block_hash());
}

#[tokio::test]
async fn state_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = config(1);
    settings.state_file = Some(folder.path().join("devnet.json"));
    let devnet = start(settings.clone()).await;
    let control = devnet.control();
    control
        .produce_blocks(30, Some(&control.wallet_address()))
        .unwrap();
    let payee = control.address_of("a");
    for nonce in 0..2 {
        let params = build_params(&[(&payee, 5)], nonce);
        let built = ask(&devnet.wallet_url(), "build_transaction", params).await;
        ask(
            &devnet.daemon_url(),
            "submit_transaction",
            json!({ "data": built["tx_as_hex"] }),
        )
        .await;
        if nonce == 0 {
            control.produce_blocks(1, None).unwrap();
        }
    }
    control.produce_side_block(None).unwrap();
    let before = control.state();
    // Which of the two last blocks is the better one is a matter of luck.
    assert_eq!(before.executed.len() + before.mempool.len(), 2);
    devnet.shutdown().await.unwrap();

    let devnet = start(settings).await;
    let after = devnet.control().state();
    assert_eq!(after, before);
    devnet.control().produce_blocks(2, None).unwrap();
    assert_eq!(devnet.control().state().executed.len(), 2);
}

#[tokio::test]
async fn state_is_written_while_running() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devnet.json");
    let mut settings = config(1);
    settings.state_file = Some(path.clone());
    let devnet = start(settings).await;
    devnet.control().produce_blocks(3, None).unwrap();
    let is_written = async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, is_written)
        .await
        .expect("the state file was not written");
}

#[tokio::test]
async fn bad_state_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devnet.json");
    let mut settings = config(1);
    settings.state_file = Some(path.clone());
    start(settings.clone()).await.shutdown().await.unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let cases = [
        (good[..good.len() / 2].to_owned(), "is damaged"),
        (
            good.replacen("\"format\":1", "\"format\":2", 1),
            "has format 2",
        ),
        (good.replacen("devnet", "mainnet", 1), "cannot be used"),
        ("[]".to_owned(), "is damaged"),
    ];
    for (content, wanted) in cases {
        std::fs::write(&path, &content).unwrap();
        let error = Devnet::start(settings.clone())
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("devnet.json") && error.contains(wanted),
            "{error}"
        );
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            content,
            "the file must be left alone"
        );
    }
}
