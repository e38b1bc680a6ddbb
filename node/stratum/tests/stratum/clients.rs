//! Known miners, each as strict as it is: what they send and what they read, in plain text and
//! over TLS on the same port.

use crate::harness::tls::*;
use crate::harness::*;

const BOTH: [Protection; 2] = [Protection::Plain, Protection::Tls];

/// Reads raw text: the first line is the subscribe reply, the second the authorize reply, the
/// rest is searched for fixed pieces without parsing.
#[tokio::test]
async fn bernminer() {
    let pool = OnePort::start().await;
    for protection in BOTH {
        let mut client = pool.connect(protection).await;
        client
            .send(r#"{"id":0,"method":"mining.subscribe","params":["BernMiner/1.0",["xel/v3"]]}"#)
            .await;
        let first = client.raw_line().await.unwrap();
        assert!(first.starts_with(r#"{"id":0,"#) && !first.contains("error"));
        let reply: serde_json::Value = serde_json::from_str(&first).unwrap();
        client.extra_nonce = bytes32(&reply["result"][1]);
        client.miner_key = bytes32(&reply["result"][3]);
        client
            .send(&format!(
                r#"{{"id":1,"method":"mining.authorize","params":["{MINER}","worker","x"]}}"#
            ))
            .await;
        let second = client.raw_line().await.unwrap();
        assert_eq!(second, r#"{"id":1,"result":true}"#);

        let notify = loop {
            let line = client.raw_line().await.unwrap();
            assert!(
                !line.contains(r#""id":4"#),
                "anything but a share's answer: {line}"
            );
            if line.contains(r#""method":"mining.notify""#) {
                break line;
            }
        };
        let notify: serde_json::Value = serde_json::from_str(&notify).unwrap();
        let timestamp = hex::decode(notify["params"][1].as_str().unwrap()).unwrap();
        assert_eq!(timestamp.len(), 8, "decoded as bytes, never padded");
        let job = notify["params"][0].as_str().unwrap();
        client
        .send(&format!(
            r#"{{"id":4,"method":"mining.submit","params":["worker","{job}","0000000000000007"]}}"#
        ))
        .await;
        assert_eq!(
            client.raw_line().await.unwrap(),
            r#"{"id":4,"result":true}"#
        );
    }
}

/// Needs a first line, an integer third result, a string job id, an object as error, a true clean
/// flag, and offers only the older spelling.
#[tokio::test]
async fn tnn_miner() {
    let pool = OnePort::start().await;
    for protection in BOTH {
        let mut client = pool.connect(protection).await;
        client
            .send(r#"{"id":1,"method":"mining.subscribe","params":["tnn-miner/0.5",["xel/2"]]}"#)
            .await;
        let reply = client.line().await;
        assert_eq!(reply["id"], 1);
        assert!(reply["result"][2].is_u64());
        client
            .send(&format!(
                r#"{{"id":2,"method":"mining.authorize","params":["{MINER}","tnn","x"]}}"#
            ))
            .await;
        assert_eq!(client.line().await["id"], 2);
        let job = client.next_job().await;
        assert_eq!(job.algorithm, "xel/2");
        assert!(job.id.len() <= 16 && job.id.bytes().all(|b| b.is_ascii_hexdigit()));

        client
        .send(r#"{"id":7,"method":"mining.submit","params":["tnn","0000000000000bad","0000000000000001"]}"#)
        .await;
        let answer = client.answer(7).await;
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
}

/// Sends authorize right behind subscribe; its share ids are large multiples.
#[tokio::test]
async fn luminousminer() {
    let pool = OnePort::start().await;
    for protection in BOTH {
        let mut client = pool.connect(protection).await;
        let both = format!(
            "{}\n{}\n",
            r#"{"id":1,"method":"mining.subscribe","params":["luminousminer",["xel/v3"]]}"#,
            format_args!(
                r#"{{"id":2,"method":"mining.authorize","params":["{MINER}","gpu","x"]}}"#
            ),
        );
        client.send_bytes(both.as_bytes()).await;
        let subscribed = client.line().await;
        assert_eq!(subscribed["id"], 1);
        client.extra_nonce = bytes32(&subscribed["result"][1]);
        client.miner_key = bytes32(&subscribed["result"][3]);
        assert_eq!(
            client.line().await,
            serde_json::json!({"id":2,"result":true})
        );
        let difficulty = client.line().await;
        assert_eq!(difficulty["method"], "mining.set_difficulty");
        assert!(difficulty["params"][0].is_u64());
        let job = client.next_job().await;
        let id: u64 = 9_007_199_254_740_993_000;
        client
        .send(&format!(
            r#"{{"id":{id},"method":"mining.submit","params":["gpu","{}","00000000000000ff"]}}"#,
            job.id
        ))
        .await;
        assert_eq!(
            client.raw_line().await.unwrap(),
            format!("{{\"id\":{id},\"result\":true}}")
        );
    }
}

/// Says `jsonrpc`, splits `wallet.worker` itself, offers several spellings.
#[tokio::test]
async fn mo_miner() {
    let pool = OnePort::start().await;
    for protection in BOTH {
        let mut client = pool.connect(protection).await;
        client
        .send(r#"{"jsonrpc":"2.0","id":1,"method":"mining.subscribe","params":["mo-miner/1.0",["xel/2","xel/3","XEL/V3"]]}"#)
        .await;
        let subscribed = client.line().await;
        assert_eq!(bytes32(&subscribed["result"][1]).len(), 32);
        assert_eq!(bytes32(&subscribed["result"][3]).len(), 32);
        client
        .send(&format!(r#"{{"jsonrpc":"2.0","id":2,"method":"mining.authorize","params":["{MINER}","mom","x"]}}"#))
        .await;
        assert_eq!(client.line().await["result"], true);
        let job = client.next_job().await;
        assert_eq!(job.algorithm, "xel/v3");
        assert!(client.difficulty > 0);
    }
}

/// Two parameters, the worker in the user name, the difficulty in the password.
#[tokio::test]
async fn srbminer() {
    let pool = OnePort::start().await;
    for protection in BOTH {
        let mut client = pool.connect(protection).await;
        client
            .send(r#"{"id":1,"method":"mining.subscribe","params":["SRBMiner-MULTI/2.8"]}"#)
            .await;
        client.line().await;
        client
            .send(&format!(
                r#"{{"id":2,"method":"mining.authorize","params":["{MINER}.rig7","d=5"]}}"#
            ))
            .await;
        assert_eq!(client.line().await["result"], true);
        client.next_job().await;
        assert_eq!(client.difficulty, 5);
        assert_eq!(pool.pool.server.sessions().last().unwrap().worker, "rig7");
    }
}

/// Authorizes before it subscribes.
#[tokio::test]
async fn authorize_before_subscribe() {
    let pool = OnePort::start().await;
    for protection in BOTH {
        let mut client = pool.connect(protection).await;
        client
            .send(&format!(
                r#"{{"id":"a","method":"mining.authorize","params":["{MINER}","x"]}}"#
            ))
            .await;
        assert_eq!(
            client.raw_line().await.unwrap(),
            r#"{"id":"a","result":true}"#
        );
        client
            .send(r#"{"id":null,"method":"mining.subscribe","params":[]}"#)
            .await;
        assert!(
            client
                .raw_line()
                .await
                .unwrap()
                .starts_with(r#"{"id":null,"result":["#)
        );
        client.next_job().await;
    }
}

/// The marketplace that wants `"error":null` in good answers.
#[tokio::test]
async fn nicehash() {
    let pool = OnePort::start().await;
    for protection in BOTH {
        let mut client = pool.connect(protection).await;
        client
            .send(r#"{"id":1,"method":"mining.subscribe","params":["NiceHash/1.0.0"]}"#)
            .await;
        assert!(
            client
                .raw_line()
                .await
                .unwrap()
                .ends_with(r#","error":null}"#)
        );
        client
            .send(&format!(
                r#"{{"id":2,"method":"mining.authorize","params":["{MINER}","x"]}}"#
            ))
            .await;
        assert_eq!(
            client.raw_line().await.unwrap(),
            r#"{"id":2,"result":true,"error":null}"#
        );
    }
}
