//! The admin socket: every route, every refusal, and the file itself.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use anyhow::{Context, ensure};
use raftpool_api::dto::admin::AdminSettings;
use raftpool_api::{AdminError, AdminServer};
use raftpool_ledger::cluster::Leadership;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{Payee, ReservePayout};
use raftpool_ledger::testing::Fault;
use raftpool_ledger::view::LedgerView;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::socket::{AdminSocket, parts};
use crate::support::{ALICE, BOB, TestPool};

/// An admin socket over the ledger of a test pool.
struct TestAdmin {
    pool: TestPool,
    socket: AdminSocket,
}

impl TestAdmin {
    async fn over(pool: TestPool) -> anyhow::Result<Self> {
        let socket = AdminSocket::over(&pool.cluster).await?;
        Ok(Self { pool, socket })
    }

    /// Over a pool with settings, balances, and payout 2 signed and open.
    async fn filled() -> anyhow::Result<Self> {
        Self::over(TestPool::filled().await?).await
    }

    /// A refusal; nothing may have changed.
    async fn refused(&self, path: &str, body: &Value, status: u16) -> anyhow::Result<Value> {
        let before = self.settings_and_pause()?;
        let (found, answer) = self.socket.ask(Method::POST, path, Some(body)).await?;
        ensure!(found == status, "{path} {body}: {found} {answer}");
        ensure!(
            before == self.settings_and_pause()?,
            "{path}: changed though refused"
        );
        Ok(answer)
    }

    fn settings_and_pause(&self) -> anyhow::Result<String> {
        let state = self.pool.cluster.state();
        let view = LedgerView::new(&state);
        Ok(format!(
            "{:?} {:?} {:?}",
            view.settings()?,
            view.payouts_paused()?,
            view.open_payout()?
        ))
    }
}

fn request(reason: &str) -> Value {
    json!({"author": "otto", "reason": reason})
}

/// A pool whose payout 1 is reserved and not signed.
fn reserve(pool: &TestPool) -> anyhow::Result<()> {
    pool.set_up()?;
    pool.credit(ALICE, "w", 300)?;
    pool.credit(BOB, "w", 100)?;
    pool.record_block(1)?;
    pool.settle_block(1, 1_000_000)?;
    pool.propose(Body::ReservePayout(ReservePayout {
        payout_id: 1,
        nonce: 0,
        payees: vec![Payee {
            address: ALICE.into(),
            debit_atomic: 100_000,
            transfer_atomic: 99_000,
        }],
        term: 1,
        pool_fee_budget_atomic: 0,
    }))?;
    Ok(())
}

#[tokio::test]
async fn status_shows_pause_open_payout_settings_and_who_changed_them() -> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    let status = admin.socket.get("/admin/v1/status").await?;
    assert_eq!(status["node_id"], json!(1));
    assert_eq!(status["is_current"], json!(true));
    assert_eq!(status["payouts_paused_reason"], json!(null));
    let payout = &status["open_payout"];
    assert_eq!(payout["id"], json!(2));
    assert_eq!(payout["status"], json!("signed"));
    assert_eq!(payout["variants"][0]["tx_hash"], json!("a2".repeat(32)));
    assert_eq!(status["settings"]["pplns_fee_bps"], json!(100));
    assert_eq!(status["changes"][0]["change"], json!("settings_changed"));

    admin
        .socket
        .post("/admin/v1/payouts/pause", &request("a look around"))
        .await?;
    let status = admin.socket.get("/admin/v1/status").await?;
    assert_eq!(status["payouts_paused_reason"], json!("a look around"));
    let change = &status["changes"][0];
    assert_eq!(change["change"], json!("payouts_paused"));
    assert_eq!(change["author"], json!("otto"));
    assert_eq!(change["reason"], json!("a look around"));
    Ok(())
}

#[tokio::test]
async fn payouts_are_paused_and_resumed() -> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    let paused = admin
        .socket
        .post("/admin/v1/payouts/pause", &request("why"))
        .await?;
    assert_eq!(paused["change"], json!("payouts_paused"));
    let public = admin.pool.json("/api/v1/pool").await?;
    assert_eq!(public["payouts"]["paused_reason"], json!("why"));

    let resumed = admin
        .socket
        .post("/admin/v1/payouts/resume", &request("done"))
        .await?;
    assert_eq!(resumed["change"], json!("payouts_resumed"));
    assert!(resumed["index"].as_u64() > paused["index"].as_u64());
    let public = admin.pool.json("/api/v1/pool").await?;
    assert_eq!(public["payouts"]["paused_reason"], json!(null));
    Ok(())
}

#[tokio::test]
async fn an_unsigned_payout_is_released_once_and_repeating_it_is_harmless() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    reserve(&pool)?;
    let admin = TestAdmin::over(pool).await?;
    let released = admin
        .socket
        .post("/admin/v1/payouts/release", &request("too early"))
        .await?;
    assert_eq!(released["payout_id"], json!(1));
    let payout = admin.pool.json("/api/v1/payouts/1").await?;
    assert_eq!(payout["status"], json!("released"));
    assert_eq!(payout["release_reason"], json!("too early"));

    let named = json!({"author": "otto", "reason": "again", "payout_id": 1});
    admin
        .socket
        .post("/admin/v1/payouts/release", &named)
        .await?;
    let nothing = admin
        .refused("/admin/v1/payouts/release", &request("x"), 409)
        .await?;
    assert_eq!(nothing["code"], json!("overtaken"));
    assert_eq!(nothing["detail"], json!("no payout is open"));
    Ok(())
}

#[tokio::test]
async fn a_signed_or_unknown_payout_is_not_released() -> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    let answer = admin
        .refused("/admin/v1/payouts/release", &request("x"), 409)
        .await?;
    assert_eq!(answer["code"], json!("refused"));
    assert_eq!(
        answer["detail"],
        json!("payout 2 has a signed transaction that may have been sent")
    );
    for (id, words) in [(1, "payout 1 is not open"), (7, "payout 7 is not open")] {
        let body = json!({"author": "otto", "reason": "x", "payout_id": id});
        let answer = admin
            .refused("/admin/v1/payouts/release", &body, 409)
            .await?;
        assert_eq!(answer["detail"], json!(words));
    }
    Ok(())
}

#[tokio::test]
async fn a_release_carries_the_term_it_was_asked_in() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    reserve(&pool)?;
    let admin = TestAdmin::over(pool).await?;
    admin.pool.cluster.set_leadership(Leadership {
        node_id: 1,
        term: 9,
        leader_id: Some(1),
    });
    admin
        .socket
        .post("/admin/v1/payouts/release", &request("x"))
        .await?;
    let proposals = admin.pool.cluster.proposals();
    let newest = proposals.last().context("nothing was proposed")?;
    assert_eq!(newest.author, "otto");
    assert!(
        matches!(&newest.body, Some(Body::ReleasePayout(release)) if release.term == 9),
        "{newest:?}"
    );
    Ok(())
}

#[tokio::test]
async fn settings_are_changed_as_a_whole_and_shown() -> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    let present = admin.socket.get("/admin/v1/settings").await?["settings"].clone();
    let mut wanted = present.clone();
    wanted["pplns_fee_bps"] = json!(250);
    wanted["schemes"] = json!(["pplns"]);
    wanted["payout_threshold_atomic"] = json!("77000");
    let body =
        json!({"author": "otto", "reason": "dearer", "settings": wanted, "replaces": present});
    let changed = admin.socket.post("/admin/v1/settings", &body).await?;
    assert_eq!(changed["change"], json!("settings_changed"));
    let shown = admin.socket.get("/admin/v1/settings").await?;
    assert_eq!(shown["settings"], wanted);
    let public = admin.pool.json("/api/v1/pool").await?;
    assert_eq!(
        public["settings"]["schemes"],
        json!([{"name": "pplns", "fee_bps": 250, "is_default": true}])
    );

    // The same again: it was made for settings that are not in force any more.
    let answer = admin.refused("/admin/v1/settings", &body, 409).await?;
    assert_eq!(answer["code"], json!("overtaken"));
    Ok(())
}

#[tokio::test]
async fn settings_the_ledger_does_not_take_are_refused_in_its_words() -> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    let present = admin.socket.get("/admin/v1/settings").await?["settings"].clone();
    for (field, value, status, words) in [
        (
            "pplns_fee_bps",
            json!(10_001),
            409,
            "pplns_fee_bps: must be at most 10000 (100 %)",
        ),
        (
            "network",
            json!("mainnet"),
            409,
            "network is devnet and cannot be changed to mainnet",
        ),
        (
            "pool_address",
            json!("xet:other"),
            409,
            "pool_address is xet:pool and cannot be changed to xet:other",
        ),
        (
            "schemes",
            json!(["solo"]),
            409,
            "default_scheme: must be one of the offered schemes",
        ),
        (
            "schemes",
            json!(["prop"]),
            400,
            "schemes: scheme \"prop\" is unknown; known are pplns, pps, fpps and solo",
        ),
        (
            "payout_threshold_atomic",
            json!("18446744073709551616"),
            400,
            "payout_threshold_atomic: 18446744073709551616 is more than there can be",
        ),
    ] {
        let mut wanted = present.clone();
        wanted[field] = value;
        let body = json!({"author": "otto", "reason": "x", "settings": wanted});
        let answer = admin.refused("/admin/v1/settings", &body, status).await?;
        assert_eq!(answer["detail"], json!(words), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn settings_on_the_wire_hold_everything_the_ledger_has() -> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    let state = admin.pool.cluster.state();
    let stored = LedgerView::new(&state).settings()?.context("settings")?;
    let wire = AdminSettings::from(stored.clone());
    let back: AdminSettings = serde_json::from_str(&serde_json::to_string(&wire)?)?;
    assert_eq!(raftpool_ledger::command::Settings::try_from(back)?, stored);
    Ok(())
}

#[tokio::test]
async fn bodies_that_are_not_what_is_asked_for_are_refused_and_nothing_is_proposed()
-> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    let proposed = admin.pool.cluster.proposal_count();
    let long = "x".repeat(501);
    for (body, words) in [
        (json!({"reason": "x"}), "author"),
        (json!({"author": "otto"}), "reason"),
        (
            json!({"author": " ", "reason": "x"}),
            "author: must not be empty",
        ),
        (
            json!({"author": "otto", "reason": ""}),
            "reason: must not be empty",
        ),
        (
            json!({"author": "otto", "reason": long}),
            "reason: has 501 bytes, 500 at most",
        ),
        (
            json!({"author": "o\u{1b}[2J", "reason": "x"}),
            "author: must be one line",
        ),
        (
            json!({"author": "otto", "reason": "a\nb"}),
            "reason: must be one line",
        ),
        (
            json!({"author": "otto", "reason": "x", "pause": true}),
            "unknown field",
        ),
        (json!([1]), "invalid"),
        (json!({"author": "otto", "reason": "x".repeat(20_000)}), ""),
    ] {
        let answer = admin.refused("/admin/v1/payouts/pause", &body, 400).await?;
        assert_eq!(answer["code"], json!("bad_body"));
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "`{detail}` has no `{words}`");
    }
    let empty = admin
        .socket
        .ask(Method::POST, "/admin/v1/payouts/pause", None)
        .await?;
    assert_eq!(empty.0, 400);
    assert_eq!(admin.pool.cluster.proposal_count(), proposed);
    Ok(())
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() -> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    for (method, path, status) in [
        (Method::GET, "/admin/v1/payouts/pause", 405),
        (Method::POST, "/admin/v1/status", 405),
        (Method::DELETE, "/admin/v1/settings", 405),
        (Method::GET, "/api/v1/pool", 404),
        (Method::GET, "/", 404),
        (Method::GET, "/admin/v1/status?x=1", 400),
    ] {
        let (found, answer) = admin.socket.ask(method.clone(), path, None).await?;
        assert_eq!(found, status, "{method} {path}: {answer}");
    }
    // And the public listener knows nothing of operators.
    admin.pool.problem("/admin/v1/status", 404).await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_says_what_is_known_of_a_change_that_was_not_confirmed() -> anyhow::Result<()> {
    let admin = TestAdmin::filled().await?;
    let pause = "/admin/v1/payouts/pause";
    for (fault, status, code, words) in [
        (
            Fault::NotAccepted,
            503,
            "not_accepted",
            "nothing has changed",
        ),
        (
            Fault::UnknownLost,
            504,
            "outcome_unknown",
            "may or may not take effect",
        ),
    ] {
        admin.pool.cluster.fail_next(1, fault);
        let answer = admin.refused(pause, &request("x"), status).await?;
        assert_eq!(answer["code"], json!(code));
        assert!(
            answer["detail"]
                .as_str()
                .unwrap_or_default()
                .contains(words),
            "{answer}"
        );
    }
    admin.pool.cluster.fail_next(1, Fault::UnknownApplied);
    let (status, _) = admin
        .socket
        .ask(Method::POST, pause, Some(&request("y")))
        .await?;
    assert_eq!(status, 504);
    let shown = admin.socket.get("/admin/v1/status").await?;
    assert_eq!(shown["payouts_paused_reason"], json!("y"));
    Ok(())
}

#[tokio::test]
async fn without_a_leader_the_status_says_so_and_nothing_is_taken_for_current() -> anyhow::Result<()>
{
    let admin = TestAdmin::filled().await?;
    let present = admin.socket.get("/admin/v1/settings").await?["settings"].clone();
    admin.pool.cluster.fail_linearize("no leader");
    let status = admin.socket.get("/admin/v1/status").await?;
    assert_eq!(status["is_current"], json!(false));
    let body = json!({"author": "otto", "reason": "x", "settings": present, "replaces": present});
    for (path, body) in [
        ("/admin/v1/payouts/release", request("x")),
        ("/admin/v1/settings", body),
    ] {
        let answer = admin.refused(path, &body, 503).await?;
        assert_eq!(answer["code"], json!("not_accepted"));
    }
    Ok(())
}

#[tokio::test]
async fn the_socket_is_private_and_gone_after_a_shutdown() -> anyhow::Result<()> {
    let mut admin = TestAdmin::filled().await?;
    let found = std::fs::symlink_metadata(&admin.socket.path)?;
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let server = admin.socket.server.take().context("a server")?;
    server.shutdown().await;
    assert!(!admin.socket.path.exists());
    assert!(UnixStream::connect(&admin.socket.path).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("admin.sock");
    // The standard library leaves the file behind, as a killed process does.
    drop(std::os::unix::net::UnixListener::bind(&path)?);
    assert!(path.exists());
    let server = AdminServer::start(&path, parts(&pool.cluster)).await?;
    assert!(UnixStream::connect(&path).await.is_ok());

    let second = AdminServer::start(&path, parts(&pool.cluster)).await;
    let error = second.err().context("two on one socket")?;
    assert!(matches!(error, AdminError::InUse(_)), "{error}");
    assert!(error.to_string().contains("stop it first"), "{error}");
    assert!(
        UnixStream::connect(&path).await.is_ok(),
        "the first one suffered"
    );
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_place_where_no_socket_can_be_is_an_error_that_says_why() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let directory = tempfile::tempdir()?;
    let missing = directory.path().join("nowhere/admin.sock");
    let long = directory.path().join("x".repeat(120));
    let file = directory.path().join("file");
    std::fs::write(&file, "precious")?;
    for (path, words) in [
        (&missing, "does not exist"),
        (&long, "is too long"),
        (&file, "is not a socket"),
    ] {
        let error = AdminServer::start(path, parts(&pool.cluster))
            .await
            .err()
            .with_context(|| format!("started on {}", path.display()))?;
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file)?, "precious");
    Ok(())
}
