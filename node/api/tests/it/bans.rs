//! Bans over the admin socket.

use std::net::IpAddr;

use anyhow::{Context, ensure};
use raftpool_api::{LocalBan, LocalBanOf};
use raftpool_ledger::Outcome;
use raftpool_ledger::command::{BanWorker, command::Body};
use raftpool_ledger::view::LedgerView;
use reqwest::Method;
use serde_json::{Value, json};

use crate::socket::AdminSocket;
use crate::support::{ALICE, BOB, NOW_MS, TestPool};

struct TestAdmin {
    pool: TestPool,
    socket: AdminSocket,
}

impl TestAdmin {
    async fn start() -> anyhow::Result<Self> {
        let pool = TestPool::filled().await?;
        let socket = AdminSocket::over(&pool.cluster).await?;
        Ok(Self { pool, socket })
    }

    async fn list(&self, query: &str) -> anyhow::Result<Value> {
        self.socket.get(&format!("/admin/v1/bans{query}")).await
    }

    async fn lift(&self, body: &Value) -> anyhow::Result<(u16, Value)> {
        let path = "/admin/v1/bans/lift";
        self.socket.ask(Method::POST, path, Some(body)).await
    }

    fn ban(&self, miner: &str, worker: &str) -> anyhow::Result<()> {
        let outcome = self.pool.propose(Body::BanWorker(BanWorker {
            miner: miner.into(),
            worker: worker.into(),
            reason: "41 of its 50 shares were bad".into(),
            until_ms: NOW_MS + 600_000,
        }))?;
        ensure!(outcome == Outcome::WorkerBanned, "{outcome:?}");
        Ok(())
    }
}

fn lift_worker(miner: &str, worker: &str) -> Value {
    json!({"author": "otto", "reason": "a cable", "miner": miner, "worker": worker})
}

#[tokio::test]
async fn bans_of_all_nodes_and_of_this_one_are_listed() -> anyhow::Result<()> {
    let admin = TestAdmin::start().await?;
    let nothing = admin.list("").await?;
    ensure!(nothing["bans"] == json!([]), "{nothing}");
    ensure!(nothing["of_this_node"] == json!([]), "{nothing}");

    admin.ban(ALICE, "garage")?;
    admin.ban(BOB, "")?;
    let ip: IpAddr = "203.0.113.7".parse()?;
    *admin.socket.bans.0.lock().ok().context("poisoned")? = vec![LocalBan {
        who: LocalBanOf::Ip(ip),
        reason: "several of its workers were banned".into(),
        until_ms: NOW_MS + 1_000,
    }];
    let all = admin.list("").await?;
    ensure!(all["in_force"] == json!(2), "{all}");
    let alice = all["bans"].as_array().and_then(|bans| {
        let is_alice = |ban: &&Value| ban["miner"] == json!(ALICE);
        bans.iter().find(is_alice)
    });
    let alice = alice.context("no ban of Alice")?;
    ensure!(alice["worker"] == json!("garage"), "{alice}");
    ensure!(alice["until_ms"] == json!(NOW_MS + 600_000), "{alice}");
    ensure!(
        all["of_this_node"][0]["ip"] == json!("203.0.113.7"),
        "{all}"
    );
    ensure!(all["next_after_miner"].is_null(), "{all}");
    let first = &all["bans"][0];
    let query = format!(
        "?after_miner={}&after_worker={}",
        first["miner"].as_str().context("no miner")?,
        first["worker"].as_str().context("no worker")?
    );
    let rest = admin.list(&query).await?;
    ensure!(rest["bans"].as_array().map(Vec::len) == Some(1), "{rest}");

    let metrics = admin.pool.get("/metrics").await?.text().await?;
    ensure!(metrics.contains("raftpool_bans 2"), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn a_ban_is_lifted_once_with_author_and_reason() -> anyhow::Result<()> {
    let admin = TestAdmin::start().await?;
    admin.ban(ALICE, "garage")?;
    let (status, answer) = admin.lift(&lift_worker(ALICE, "garage")).await?;
    ensure!(
        status == 200 && answer["change"] == json!("ban_lifted"),
        "{answer}"
    );
    let state = admin.pool.cluster.state();
    let view = LedgerView::new(&state);
    ensure!(view.ban(ALICE, "garage", NOW_MS)?.is_none());
    let audit = view.audits(None, 1)?.pop().context("no audit")?;
    ensure!(
        (&*audit.author, &*audit.reason) == ("otto", "a cable"),
        "{audit:?}"
    );

    let (status, answer) = admin.lift(&lift_worker(ALICE, "garage")).await?;
    ensure!(status == 409, "{answer}");
    let detail = answer["detail"].as_str().context("no detail")?;
    ensure!(detail.contains("is not banned"), "{detail}");
    Ok(())
}

#[tokio::test]
async fn what_only_this_node_refuses_is_lifted_here() -> anyhow::Result<()> {
    let admin = TestAdmin::start().await?;
    let worker = LocalBanOf::Worker {
        miner: BOB.into(),
        worker: "w".into(),
    };
    let local = |who| LocalBan {
        who,
        reason: "test".into(),
        until_ms: NOW_MS + 1_000,
    };
    let ip: IpAddr = "2001:db8::".parse()?;
    *admin.socket.bans.0.lock().ok().context("poisoned")? =
        vec![local(worker), local(LocalBanOf::Ip(ip))];
    let request = json!({"author": "otto", "reason": "a cable", "ip": "2001:db8::"});
    for (request, wanted) in [
        (&request, 200),
        (&request, 409),
        (&lift_worker(BOB, "w"), 200),
        (&lift_worker(BOB, "w"), 409),
        (&json!({"author": "otto", "reason": "r", "miner": BOB}), 400),
        (
            &json!({"author": "otto", "reason": "r", "ip": "nonsense"}),
            400,
        ),
        (
            &json!({"author": "otto", "reason": "", "ip": "2001:db8::"}),
            400,
        ),
    ] {
        let (status, answer) = admin.lift(request).await?;
        ensure!(status == wanted, "{request}: {status} {answer}");
    }
    ensure!(admin.list("").await?["of_this_node"] == json!([]));
    Ok(())
}
