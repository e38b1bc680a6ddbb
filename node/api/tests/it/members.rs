//! Changing the members over the admin socket: what is passed on, and how refusals are told.

use std::sync::{Arc, PoisonError};

use anyhow::ensure;
use raftpool_api::dto::cluster::MemberChange;
use raftpool_ledger::testing::MemoryCluster;
use reqwest::Method;
use serde_json::{Value, json};

use crate::socket::AdminSocket;

/// An admin socket over a scripted cluster.
struct Desk {
    socket: AdminSocket,
}

impl Desk {
    async fn open() -> anyhow::Result<Self> {
        let socket = AdminSocket::over(&Arc::new(MemoryCluster::new())).await?;
        Ok(Self { socket })
    }

    async fn post(&self, name: &str, body: Value) -> anyhow::Result<(u16, Value)> {
        let path = format!("/admin/v1/cluster/{name}");
        self.socket
            .ask_unindexed(Method::POST, &path, Some(&body))
            .await
    }

    fn asked(&self) -> Vec<MemberChange> {
        let asked = self.socket.control.asked.lock();
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
    let check = json!({"kind": "finalize", "is_check": true});
    let finalize = json!({"kind": "finalize", "reason": "all are upgraded"});
    for change in [check, finalize] {
        let (status, answer) = desk.post("finalize", body(change)).await?;
        ensure!(status == 200, "{answer}");
    }
    let finalize = |is_check, reason: &str| MemberChange::Finalize {
        is_check,
        reason: reason.into(),
    };
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
        finalize(true, ""),
        finalize(false, "all are upgraded"),
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
        // Why is kept in the books.
        ("finalize", body(json!({"kind": "finalize"}))),
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
    let (found, status) = desk
        .socket
        .ask_unindexed(Method::GET, "/admin/v1/cluster", None)
        .await?;
    ensure!(found == 200, "{found} {status}");
    ensure!(status["next_node_id"] == json!(2), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_drain_is_passed_on_and_its_refusal_told() -> anyhow::Result<()> {
    let desk = Desk::open().await?;
    let post = async |path: &str, body: Value| {
        let path = format!("/admin/v1/node/{path}");
        desk.socket
            .ask_unindexed(Method::POST, &path, Some(&body))
            .await
    };
    let (status, problem) = post("drain", json!({"author": "otto"})).await?;
    assert_eq!((status, &problem["code"]), (409, &json!("members_refused")));
    ensure!(problem["detail"] == "node 2 is being drained", "{problem}");

    let forced = json!({"author": "otto", "over_ms": 1500, "is_forced": true});
    let (status, answer) = post("drain", forced).await?;
    assert_eq!(status, 200, "{answer}");
    ensure!(
        answer["drain_phase"] == "leaving over Some(1.5s)",
        "{answer}"
    );
    let look = desk
        .socket
        .ask_unindexed(Method::GET, "/admin/v1/node", None);
    assert_eq!(look.await?.1, answer);

    let long = json!({"author": "otto", "over_ms": 86_400_001, "is_forced": true});
    assert_eq!(post("drain", long).await?.0, 400);
    let (_, answer) = post("undrain", json!({"author": "otto"})).await?;
    ensure!(answer["drain_phase"].is_null(), "{answer}");
    Ok(())
}
