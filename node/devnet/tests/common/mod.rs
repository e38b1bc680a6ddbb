//! What the tests of the simulated network share.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{SinkExt, StreamExt};
use raftpool_devnet::{Clock, Devnet, DevnetConfig, DifficultyRule};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

/// Nothing on loopback takes longer, whatever else the machine does.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn clock() -> Clock {
    Arc::new(|| {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(elapsed.as_millis()).unwrap()
    })
}

pub fn config(difficulty: u128) -> DevnetConfig {
    let mut config = DevnetConfig::new(clock(), 7);
    config.difficulty = DifficultyRule::Fixed(difficulty);
    config.getwork_rate_limit_ms = 10;
    config
}

pub async fn start(config: DevnetConfig) -> Devnet {
    Devnet::start(config).await.unwrap()
}

/// Sends a body to a JSON-RPC address and gives status and text back.
pub async fn post(
    url: &str,
    login: Option<(&str, &str)>,
    body: String,
) -> reqwest::Result<(u16, String)> {
    let mut request = reqwest::Client::new()
        .post(format!("{url}/json_rpc"))
        .body(body)
        .timeout(DEADLINE);
    if let Some((username, password)) = login {
        request = request.basic_auth(username, Some(password));
    }
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

pub async fn call(url: &str, method: &str, params: Value) -> Value {
    let body = request(method, params);
    let (status, text) = post(url, Some(("wallet", "wallet")), body).await.unwrap();
    assert_eq!(status, 200, "{method}: {text}");
    serde_json::from_str(&text).unwrap()
}

pub fn request(method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// The result of a call that must succeed.
pub async fn ask(url: &str, method: &str, params: Value) -> Value {
    let answer = call(url, method, params).await;
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// The error kind of a call that must fail.
pub async fn refusal(url: &str, method: &str, params: Value) -> String {
    let answer = call(url, method, params).await;
    answer["error"]["kind"]
        .as_str()
        .unwrap_or_else(|| panic!("{method}: {answer}"))
        .to_owned()
}

pub async fn control(devnet: &Devnet, call: &str, params: Value) -> Result<Value, String> {
    let response = reqwest::Client::new()
        .post(format!("{}/control/{call}", devnet.control_url()))
        .body(params.to_string())
        .send()
        .await
        .unwrap();
    let is_done = response.status().is_success();
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    if is_done {
        Ok(answer)
    } else {
        Err(answer["error"].as_str().unwrap().to_owned())
    }
}

/// Transfers as the wallet takes them.
pub fn transfers(payments: &[(&str, u64)]) -> Value {
    payments
        .iter()
        .map(|(destination, amount)| {
            json!({ "asset": "0".repeat(64), "amount": amount, "destination": destination })
        })
        .collect()
}

pub fn build_params(payments: &[(&str, u64)], nonce: u64) -> Value {
    json!({
        "transfers": transfers(payments), "fee": { "extra": "none" }, "nonce": nonce,
        "broadcast": false, "tx_as_hex": true,
    })
}

/// A WebSocket to the simulation.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn connect(url: &str) -> Self {
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    pub async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    /// The next text, as JSON; nothing once the connection has ended.
    pub async fn next(&mut self) -> Option<Value> {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Some(serde_json::from_str(&text).unwrap());
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        tokio::time::timeout(DEADLINE, next)
            .await
            .expect("no message came")
    }
}
