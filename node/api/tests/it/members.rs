//! Changing the members over the admin socket: what is passed on, and how refusals are told.

use std::sync::{Arc, PoisonError};

use anyhow::ensure;
use raftpool_api::dto::cluster::MemberChange;
use raftpool_api::{AdminParts, AdminServer};
use raftpool_ledger::testing::MemoryCluster;
use serde_json::{Value, json};

use crate::support::{TestBans, TestClock, TestControl, TestIssuer, TestPayouts};

/// An admin socket over a scripted cluster.
struct Desk {
    _directory: tempfile::TempDir,
    control: Arc<TestControl>,
    _server: AdminServer,
    http: reqwest::Client,
}

impl Desk {
    async fn open() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("admin.sock");
        let control = Arc::new(TestControl::default());
        let parts = AdminParts {
            cluster: Arc::new(MemoryCluster::new()),
            clock: Arc::new(TestClock),
            control: control.clone(),
            issuer: Arc::new(TestIssuer::default()),
            bans: Arc::new(TestBans::default()),
            payouts: Arc::new(TestPayouts::default()),
        };
        let server = AdminServer::start(&socket, parts).await?;
        let http = reqwest::Client::builder().unix_socket(socket).build()?;
        Ok(Self {
            _directory: directory,
            control,
            _server: server,
            http,
        })
    }

    async fn post(&self, name: &str, body: Value) -> anyhow::Result<(u16, Value)> {
        let url = format!("http://localhost/admin/v1/cluster/{name}");
        let answer = self.http.post(url).json(&body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    fn asked(&self) -> Vec<MemberChange> {
        let asked = self.control.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn body(change: Value) -> Value {
    json!({"author": "otto", "change": change})
}

#[tokio::test]
async fn changes_are_passed_on_and_told_in_words() -> anyhow::Result<()> {
    let desk = Desk::open().await?;
    let add = json!({"kind": "add", "node_id": 2, "address": "node-2:5078"});
    let (status, answer) = desk.post("add", body(add)).await?;
    ensure!(
        status == 200 && answer == json!({"is_done": true, "detail": "done"}),
        "{answer}"
    );
    let replace = json!({
        "kind": "replace", "old_node_id": 2, "new_node_id": 4, "address": "node-4:5078",
    });
    let (status, answer) = desk.post("replace", body(replace)).await?;
    ensure!(
        status == 200 && answer["is_done"] == json!(false),
        "{answer}"
    );
    let expected = [
        MemberChange::Add {
            node_id: 2,
            address: "node-2:5078".into(),
        },
        MemberChange::Replace {
            old_node_id: 2,
            new_node_id: 4,
            address: "node-4:5078".into(),
        },
    ];
    ensure!(desk.asked() == expected, "{:?}", desk.asked());
    Ok(())
}

#[tokio::test]
async fn refusals_say_whether_anything_may_have_changed() -> anyhow::Result<()> {
    let desk = Desk::open().await?;
    let remove = json!({"kind": "remove", "node_id": 1});
    let (status, answer) = desk.post("remove", body(remove)).await?;
    ensure!(
        status == 409 && answer["detail"] == json!("the only voter"),
        "{answer}"
    );
    let transfer = json!({"kind": "transfer", "node_id": 2});
    let (status, answer) = desk.post("transfer", body(transfer)).await?;
    ensure!(
        status == 503 && answer["code"] == json!("not_accepted"),
        "{answer}"
    );
    let promote = json!({"kind": "promote", "node_ids": [2]});
    let (status, answer) = desk.post("promote", body(promote)).await?;
    ensure!(
        status == 504 && answer["code"] == json!("outcome_unknown"),
        "{answer}"
    );
    Ok(())
}

#[tokio::test]
async fn a_body_that_does_not_fit_asks_for_nothing() -> anyhow::Result<()> {
    let desk = Desk::open().await?;
    let add = json!({"kind": "add", "node_id": 2, "address": "node-2:5078"});
    let wrong = [
        ("remove", body(add.clone())),
        ("add", body(json!({"kind": "add", "node_id": 2}))),
        ("add", body(json!({"kind": "explode"}))),
        ("add", json!({"author": "", "change": add})),
        (
            "add",
            json!({"author": "otto", "change": add, "reason": "?"}),
        ),
    ];
    for (name, body) in wrong {
        let (status, answer) = desk.post(name, body.clone()).await?;
        ensure!((400..500).contains(&status), "{body}: {status} {answer}");
    }
    ensure!(desk.asked().is_empty(), "{:?}", desk.asked());
    let url = "http://localhost/admin/v1/cluster";
    let status: Value = desk.http.get(url).send().await?.json().await?;
    ensure!(status["next_node_id"] == json!(2), "{status}");
    Ok(())
}
