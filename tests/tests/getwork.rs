//! The official miner's dialect through a whole node: its HTTP listener, its books, its end.

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use raftpool_chain::MinerWork;
use raftpool_pow::{Algorithm, Difficulty, Hasher};
use raftpool_tests::processes::{DEADLINE, MINERS, Pool};
use raftpool_tests::story::hashing_options;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_getwork_share_is_booked_and_a_shutdown_says_goodbye() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let api = pool.node.addresses().context("the node runs")?.api;
    let (mut socket, _) = connect_async(format!("ws://{api}/getwork/{}/rig1", MINERS[0])).await?;

    let job = new_job(&mut socket).await?;
    ensure!(job["height"].as_u64() > Some(0), "{job}");
    let share = json!({"miner_work": solve(&job)?});
    socket.send(Message::text(share.to_string())).await?;
    while next(&mut socket).await? != json!("block_accepted") {}
    new_job(&mut socket).await?;
    let path = format!("/api/v1/miners/{}/workers", MINERS[0]);
    let workers = pool.api(&path).await?;
    ensure!(workers["items"][0]["name"] == json!("rig1"), "{workers}");

    for (path, status) in [
        (format!("/getwork/{}x/rig1", MINERS[0]), 400),
        (format!("/getwork/{}", MINERS[0]), 404),
    ] {
        match connect_async(format!("ws://{api}{path}")).await {
            Err(tungstenite::Error::Http(answer)) => {
                ensure!(answer.status() == status, "{path}: {}", answer.status());
            }
            other => bail!("{path}: {other:?}"),
        }
    }

    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    let goodbye = loop {
        match socket.next().await {
            Some(Ok(Message::Close(frame))) => break frame.context("no reason")?,
            Some(Ok(_)) => {}
            other => bail!("cut off: {other:?}"),
        }
    };
    ensure!(goodbye.reason.contains("is stopping"), "{goodbye:?}");
    pool.verify_books()
}

async fn next(socket: &mut Socket) -> Result<Value> {
    loop {
        let message = tokio::time::timeout(DEADLINE, socket.next()).await?;
        if let Message::Text(text) = message.context("the node closed")?? {
            return Ok(serde_json::from_str(&text)?);
        }
    }
}

async fn new_job(socket: &mut Socket) -> Result<Value> {
    loop {
        let message = next(socket).await?;
        if !message["new_job"].is_null() {
            return Ok(message["new_job"].clone());
        }
    }
}

/// The work of the job with a nonce that meets its difficulty, in hex.
fn solve(job: &Value) -> Result<String> {
    let text = |name: &str| job[name].as_str().with_context(|| name.to_owned());
    let bytes: [u8; 112] = hex::decode(text("miner_work")?)?
        .try_into()
        .map_err(|_| anyhow::anyhow!("not 112 bytes: {job}"))?;
    let mut work = MinerWork::from_bytes(&bytes);
    let difficulty = Difficulty::from_u64(text("difficulty")?.parse()?)?;
    let algorithm: Algorithm = text("algorithm")?.parse()?;
    let mut hasher = Hasher::new();
    loop {
        let hash = hasher.hash(algorithm, &work.to_bytes())?;
        if difficulty.target().is_met_by(&hash) {
            return Ok(hex::encode(work.to_bytes()));
        }
        work.nonce += 1;
    }
}
