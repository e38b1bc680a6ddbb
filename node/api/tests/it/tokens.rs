//! Tokens over the admin socket: shown once, listed without being shown, revoked.

use anyhow::Context;
use raftpool_ledger::tokens::token_hash;
use raftpool_ledger::view::LedgerView;
use reqwest::Method;
use serde_json::{Value, json};

use crate::socket::{AdminSocket, by_otto};
use crate::support::{ALICE, NOW_MS, TestPool};

/// An admin socket over a pool that is set up.
struct Desk {
    pool: TestPool,
    socket: AdminSocket,
}

impl Desk {
    async fn open() -> anyhow::Result<Self> {
        let pool = TestPool::filled().await?;
        let socket = AdminSocket::over(&pool.cluster).await?;
        Ok(Self { pool, socket })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let path = format!("/admin/v1/tokens{path}");
        self.socket.ask(method, &path, body).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.socket.get(&format!("/admin/v1/tokens{path}")).await
    }

    /// Asks for a change by otto.
    async fn post(&self, path: &str, body: Value) -> anyhow::Result<(u16, Value)> {
        self.ask(Method::POST, path, Some(&by_otto(body))).await
    }

    async fn make(&self, body: Value) -> anyhow::Result<Value> {
        let (status, made) = self.post("/make", body).await?;
        assert_eq!(status, 200, "{made}");
        Ok(made)
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_known_by_its_hash_from_then_on() -> anyhow::Result<()> {
    let desk = Desk::open().await?;
    let end_ms = NOW_MS + 1;
    let made = desk
        .make(json!({"address": "XET:alice", "label": "garage", "worker": "rig", "expires_at_ms": end_ms}))
        .await?;
    let token = made["token"].as_str().context("no token")?;
    assert!(token.starts_with("rpt_") && token.len() == 47, "{token}");
    assert_eq!(
        (&made["change"], &made["address"]),
        (&json!("token_made"), &json!(ALICE))
    );
    let other = desk.make(json!({"address": ALICE})).await?;
    assert_ne!(made["token"], other["token"]);

    let state = desk.pool.cluster.state();
    let gate = LedgerView::new(&state).gate(ALICE)?;
    assert!(
        gate.tokens
            .iter()
            .any(|known| known.hash == token_hash(token))
    );

    let list = desk.get(&format!("/{ALICE}")).await?;
    assert_eq!(
        (&list["address"], &list["is_required"]),
        (&json!(ALICE), &json!(false))
    );
    let items = list["items"].as_array().context("no items")?;
    let listed = items.iter().find(|item| item["id"] == made["id"]);
    let expected = json!({
        "id": made["id"], "ending": token[43..], "label": "garage", "worker": "rig",
        "made_at_ms": NOW_MS, "author": "otto", "expires_at_ms": end_ms, "is_expired": false,
    });
    assert_eq!(listed, Some(&expected));
    assert_eq!(items.len(), 2);
    for text in [
        list.to_string(),
        format!("{:?}", desk.pool.cluster.proposals()),
    ] {
        assert!(!text.contains(token) && !text.contains("rpt_"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn tokens_are_revoked_and_required_and_the_journal_says_by_whom() -> anyhow::Result<()> {
    let desk = Desk::open().await?;
    let made = desk
        .make(json!({"address": ALICE, "label": "garage"}))
        .await?;
    let require = |is_required: bool| json!({"address": ALICE, "is_required": is_required});
    let (status, changed) = desk.post("/require", require(true)).await?;
    assert_eq!(
        (status, &changed["change"]),
        (200, &json!("token_required"))
    );
    let rules = desk.get("").await?;
    let rule = json!({"address": ALICE, "is_required": true, "tokens": 1});
    assert_eq!(rules["items"], json!([rule]));
    assert_eq!(rules["next_after"], Value::Null);

    let revoke = json!({"address": ALICE, "id": made["id"]});
    let (status, changed) = desk.post("/revoke", revoke.clone()).await?;
    assert_eq!((status, &changed["change"]), (200, &json!("token_revoked")));
    let (status, refused) = desk.post("/revoke", revoke).await?;
    assert_eq!((status, &refused["code"]), (409, &json!("refused")));
    desk.post("/require", require(false)).await?;
    assert_eq!(desk.get("").await?["items"], json!([]));

    let status = desk.socket.get("/admin/v1/status").await?;
    let names: Vec<_> = status["changes"]
        .as_array()
        .context("no changes")?
        .iter()
        .collect();
    let name = |place: usize| {
        (
            names[place]["change"].clone(),
            names[place]["author"].clone(),
        )
    };
    assert_eq!(name(0), (json!("token_not_required"), json!("otto")));
    assert_eq!(name(1), (json!("token_revoked"), json!("otto")));
    assert_eq!(name(2), (json!("token_required"), json!("otto")));
    assert_eq!(name(3), (json!("token_made"), json!("otto")));
    Ok(())
}

/// Requests, the status of their answers, and a word of the reason.
fn bad_requests() -> Vec<(&'static str, Value, u16, &'static str)> {
    let long = "w".repeat(33);
    vec![
        (
            "/make",
            json!({"address": "xel:alice"}),
            400,
            "address: it does not begin",
        ),
        (
            "/make",
            json!({"address": ALICE, "worker": ""}),
            400,
            "worker",
        ),
        (
            "/make",
            json!({"address": ALICE, "worker": long}),
            400,
            "worker",
        ),
        (
            "/make",
            json!({"address": ALICE, "worker": "r\u{e4}chner"}),
            400,
            "worker",
        ),
        (
            "/make",
            json!({"address": ALICE, "label": "a\nb"}),
            400,
            "label",
        ),
        (
            "/make",
            json!({"address": ALICE, "label": "l".repeat(65)}),
            400,
            "label",
        ),
        (
            "/make",
            json!({"address": ALICE, "expires_at_ms": NOW_MS}),
            409,
            "expires_at_ms",
        ),
        (
            "/make",
            json!({"address": ALICE, "token": "mine"}),
            400,
            "token",
        ),
        (
            "/revoke",
            json!({"address": ALICE, "id": "12"}),
            400,
            "16 hex digits",
        ),
        (
            "/revoke",
            json!({"address": ALICE, "id": "0".repeat(16)}),
            409,
            "no token 0000",
        ),
        ("/require", json!({"address": ALICE}), 400, "is_required"),
    ]
}

#[tokio::test]
async fn what_cannot_be_a_token_is_refused_with_the_reason() -> anyhow::Result<()> {
    let desk = Desk::open().await?;
    for (path, body, status, word) in bad_requests() {
        let (found, answer) = desk.post(path, body.clone()).await?;
        let detail = answer["detail"].as_str().context("no detail")?;
        assert!(
            found == status && detail.contains(word),
            "{path} {body}: {found} {detail}"
        );
    }
    let (status, _) = desk.ask(Method::GET, "/nobody", None).await?;
    assert_eq!(status, 400);
    let (status, _) = desk.ask(Method::GET, "/make", None).await?;
    assert_eq!(status, 405);
    assert_eq!(
        desk.get("").await?["items"],
        json!([]),
        "changed though refused"
    );
    Ok(())
}
