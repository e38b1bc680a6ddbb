//! Operators' decisions about payouts over the admin socket, and what the public sees of them.

use anyhow::Context;
use raftpool_api::dto::rules::NonceInsight;
use raftpool_ledger::command::Settings;
use raftpool_ledger::testing::change_settings;
use raftpool_ledger::view::LedgerView;
use reqwest::Method;
use serde_json::{Value, json};

use crate::socket::{AdminSocket, by_otto};
use crate::support::{ALICE, BOB, TestPool};

/// An admin socket over a pool with balances and payout 2 signed and open.
struct Desk {
    pool: TestPool,
    socket: AdminSocket,
}

impl Desk {
    async fn over(pool: TestPool) -> anyhow::Result<Self> {
        let socket = AdminSocket::over(&pool.cluster).await?;
        Ok(Self { pool, socket })
    }

    async fn filled() -> anyhow::Result<Self> {
        Self::over(TestPool::filled().await?).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.socket.get(&format!("/admin/v1/{path}")).await
    }

    async fn done(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let path = format!("/admin/v1/{path}");
        self.socket.post(&path, &by_otto(body)).await
    }

    async fn refused(&self, path: &str, body: Value, code: &str) -> anyhow::Result<String> {
        let (path, body) = (format!("/admin/v1/{path}"), by_otto(body));
        let (status, answer) = self.socket.ask(Method::POST, &path, Some(&body)).await?;
        assert_ne!(status, 200, "{path}: {answer}");
        assert_eq!(answer["code"], json!(code), "{path}: {answer}");
        Ok(answer["detail"].as_str().context("no detail")?.to_owned())
    }

    /// Changes the settings that are in force.
    fn change(&self, change: impl FnOnce(&mut Settings)) -> anyhow::Result<()> {
        let state = self.pool.cluster.state();
        let mut settings = LedgerView::new(&state).settings()?.context("no settings")?;
        change(&mut settings);
        self.pool.propose(change_settings(settings))?;
        Ok(())
    }
}

#[tokio::test]
async fn a_payout_that_waits_is_approved_by_name_or_rejected_with_a_pause() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    pool.confirm(2)?;
    let desk = Desk::over(pool).await?;
    desk.change(|settings| settings.payout_approval_above_atomic = Some(0))?;
    desk.pool.reserve(3, &[(ALICE, 100_000)])?;
    let public = desk.pool.json("/api/v1/payouts/3").await?;
    assert_eq!(public["awaits_approval"], json!(true));

    let approved = desk
        .done("payouts/approve", json!({"payout_id": 3}))
        .await?;
    assert_eq!(approved["change"], json!("payout_approved"));
    let status = desk.get("status").await?;
    assert_eq!(status["approval"]["author"], json!("otto"));
    assert_eq!(status["approval"]["reason"], json!("a try"));
    assert_eq!(status["changes"][0]["about"], json!("payout 3"));
    let public = desk.pool.json("/api/v1/payouts/3").await?;
    assert_eq!(public["awaits_approval"], json!(false));
    assert!(!public.to_string().contains("otto"), "{public}");

    let rejected = desk.done("payouts/reject", json!({"payout_id": 3})).await?;
    assert_eq!(rejected["payout_id"], json!(3));
    let status = desk.get("status").await?;
    let paused = "payout 3 was rejected: a try";
    assert_eq!(status["payouts_paused_reason"], json!(paused));
    let detail = desk
        .refused("payouts/approve", json!({"payout_id": 3}), "refused")
        .await?;
    assert_eq!(detail, "payout 3 is not open");
    Ok(())
}

#[tokio::test]
async fn a_held_address_is_listed_with_its_reason_and_the_public_sees_only_that_it_is()
-> anyhow::Result<()> {
    let desk = Desk::filled().await?;
    let upper = ALICE.to_uppercase();
    let held = desk
        .done("holds", json!({"address": upper, "is_held": true}))
        .await?;
    assert_eq!(held["change"], json!("address_held"));
    let list = desk.get("holds").await?;
    assert_eq!(list["items"][0]["address"], json!(ALICE));
    assert_eq!(list["items"][0]["reason"], json!("a try"));
    assert_eq!(list["items"][0]["author"], json!("otto"));
    let public = desk.pool.json(&format!("/api/v1/miners/{ALICE}")).await?;
    assert_eq!(public["on_hold"], json!(true));
    assert!(!public.to_string().contains("a try"), "{public}");

    desk.done("holds", json!({"address": ALICE, "is_held": false}))
        .await?;
    assert_eq!(desk.get("holds").await?["items"], json!([]));
    let unknown = json!({"address": "xet:nobody", "is_held": true});
    let detail = desk.refused("holds", unknown, "refused").await?;
    assert!(detail.contains("has no accepted work here"), "{detail}");
    Ok(())
}

#[tokio::test]
async fn preferences_are_set_shown_and_bounded_by_the_pools_threshold() -> anyhow::Result<()> {
    let desk = Desk::filled().await?;
    let path = format!("miners/{BOB}");
    let before = desk.get(&path).await?;
    assert_eq!(before["preferences"]["own_threshold_atomic"], json!(null));
    assert_eq!(before["preferences"]["threshold_atomic"], json!("50000"));
    let wanted = |threshold: &str, scheme: Value| json!({"address": BOB, "payout_threshold_atomic": threshold, "scheme": scheme});
    let set = |body| desk.done("miners/preferences", body);
    set(wanted("70000", json!("solo"))).await?;
    let after = desk.get(&path).await?;
    assert_eq!(after["preferences"]["threshold_atomic"], json!("70000"));
    assert_eq!(after["preferences"]["own_scheme"], json!("solo"));
    assert_eq!(after["preferred_by"], json!("otto"));
    let public = desk.pool.json(&format!("/api/v1/miners/{BOB}")).await?;
    assert_eq!(public["payout_threshold_atomic"], json!("70000"));
    assert_eq!(public["preferences"]["scheme"], json!("solo"));

    let low = desk
        .refused(
            "miners/preferences",
            wanted("49999", json!(null)),
            "refused",
        )
        .await?;
    assert!(
        low.contains("must be at least the pool's, which is 50000"),
        "{low}"
    );
    let unknown = desk
        .refused("miners/preferences", wanted("0", json!("pps9")), "bad_body")
        .await?;
    assert!(unknown.contains("pps9"), "{unknown}");
    set(wanted("0", json!(null))).await?;
    let after = desk.get(&path).await?;
    assert_eq!(after["preferred_by"], json!(null));
    Ok(())
}

#[tokio::test]
async fn a_signed_payout_is_given_up_only_when_the_leader_has_seen_that_its_nonce_is_gone()
-> anyhow::Result<()> {
    let desk = Desk::filled().await?;
    let pause = json!({});
    desk.done("payouts/pause", pause).await?;
    let abandon = |is_forced: bool| json!({"payout_id": 2, "is_forced": is_forced});
    let unseen = desk
        .refused("payouts/abandon", abandon(false), "may_execute")
        .await?;
    assert!(
        unseen.contains("has not seen what the chain says of payout 2"),
        "{unseen}"
    );
    let seen = |payout_id, is_used_by_another| NonceInsight {
        payout_id,
        nonce: 12,
        stable_nonce: 12,
        top_nonce: 13,
        stable_topoheight: 300,
        is_used_by_another,
        at_ms: 1,
    };
    for facts in [seen(2, false), seen(1, true)] {
        desk.socket.payouts.see(facts);
        desk.refused("payouts/abandon", abandon(false), "may_execute")
            .await?;
    }
    desk.socket.payouts.see(seen(2, true));
    let status = desk.get("status").await?;
    assert_eq!(status["nonce"]["is_used_by_another"], json!(true));
    desk.done("payouts/resume", json!({})).await?;
    let running = desk
        .refused("payouts/abandon", abandon(false), "refused")
        .await?;
    assert_eq!(running, "payouts are not paused: pause them first");
    desk.done("payouts/pause", json!({})).await?;
    desk.done("payouts/abandon", abandon(false)).await?;
    let public = desk.pool.json("/api/v1/payouts/2").await?;
    assert_eq!(public["status"], json!("abandoned"));
    assert_eq!(public["release_reason"], json!("a try"));
    Ok(())
}

#[tokio::test]
async fn an_operator_may_answer_for_giving_a_payout_up() -> anyhow::Result<()> {
    let desk = Desk::filled().await?;
    desk.done("payouts/pause", json!({})).await?;
    let forced = json!({"payout_id": 2, "is_forced": true});
    let done = desk.done("payouts/abandon", forced).await?;
    assert_eq!(done["change"], json!("payout_abandoned"));
    Ok(())
}

#[tokio::test]
async fn the_history_has_fee_confirmations_and_payees_on_request() -> anyhow::Result<()> {
    let desk = Desk::filled().await?;
    let history = desk.get("payouts").await?;
    assert_eq!(history["stable_topoheight"], json!(400));
    let newest = &history["items"][0];
    assert_eq!(
        (&newest["id"], &newest["confirmations"]),
        (&json!(2), &json!(null))
    );
    assert_eq!(newest["transfers"], json!(null));
    let older = &history["items"][1];
    assert_eq!(older["fee_atomic"], json!("800"));
    // Executed at 301, and stable up to 400.
    assert_eq!(older["confirmations"], json!(100));
    let page = desk.get("payouts?limit=1&payees=1").await?;
    assert_eq!(page["next_before"], json!(2));
    assert!(
        page["items"][0]["transfers"][0]["address"].is_string(),
        "{page}"
    );
    Ok(())
}

#[tokio::test]
async fn a_simulation_is_passed_on_or_said_to_be_impossible() -> anyhow::Result<()> {
    let desk = Desk::filled().await?;
    let (status, answer) = desk
        .socket
        .ask(Method::GET, "/admin/v1/payouts/simulation", None)
        .await?;
    assert_eq!((status, &answer["code"]), (503, &json!("not_simulated")));
    assert_eq!(answer["detail"], json!("this node does not serve yet"));
    desk.socket
        .payouts
        .simulate_as(vec!["payouts are paused: x".into()]);
    let simulation = desk.get("payouts/simulation").await?;
    assert_eq!(simulation["obstacles"], json!(["payouts are paused: x"]));
    assert!(simulation["index"].is_u64(), "{simulation}");
    Ok(())
}

#[tokio::test]
async fn the_rules_of_payouts_are_settings_like_the_others() -> anyhow::Result<()> {
    let desk = Desk::filled().await?;
    let mut settings = desk.get("settings").await?["settings"].clone();
    assert_eq!(settings["payout_daily_limit_atomic"], json!("0"));
    assert_eq!(settings["payout_approval_above_atomic"], json!(null));
    assert_eq!(settings["network_fee_payer"], json!("miners"));
    settings["payout_daily_limit_atomic"] = json!("60000");
    settings["payout_approval_above_atomic"] = json!("0");
    settings["network_fee_payer"] = json!("pool");
    desk.done("settings", json!({"settings": settings})).await?;
    let public = desk.pool.json("/api/v1/pool").await?["settings"].clone();
    assert_eq!(public["payout_daily_limit_atomic"], json!("60000"));
    assert_eq!(public["network_fee_payer"], json!("pool"));
    let shown = desk.get("settings").await?["settings"].clone();
    assert_eq!(shown, settings);
    settings["network_fee_payer"] = json!("nobody");
    let refused = desk
        .refused("settings", json!({"settings": settings}), "bad_body")
        .await?;
    assert!(refused.contains("known are miners and pool"), "{refused}");
    Ok(())
}
