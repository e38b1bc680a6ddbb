//! Owners of addresses over HTTP: the proof, the session, and what it lets change.
//!
//! P9: without the key of an address nobody changes anything of it, whatever is sent.

use anyhow::{Context, ensure};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{ALICE, BOB, TestPool};

fn path_of(address: &str, rest: &str) -> String {
    format!("/api/v1/miners/{address}/{rest}")
}

/// What the double of the keys takes for a signature.
fn sign(text: &str) -> String {
    hex::encode(&text.as_bytes()[text.len() - 64..])
}

async fn send(
    pool: &TestPool,
    method: Method,
    path: &str,
    session: Option<&str>,
    body: Option<&Value>,
) -> anyhow::Result<Response> {
    let mut request = pool.http.request(method, pool.url(path));
    if let Some(session) = session {
        request = request.bearer_auth(session);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    Ok(request.send().await?)
}

async fn code_of(response: Response) -> anyhow::Result<(u16, String)> {
    let status = response.status().as_u16();
    let body: Value = response.json().await?;
    let code = body["code"].as_str();
    let code = code
        .with_context(|| format!("no problem: {body}"))?
        .to_owned();
    Ok((status, code))
}

async fn text_for(pool: &TestPool, address: &str) -> anyhow::Result<String> {
    let path = path_of(address, "challenge");
    let response = send(pool, Method::POST, &path, None, None).await?;
    ensure!(response.status() == 200, "{}", response.status());
    let body: Value = response.json().await?;
    Ok(body["text"].as_str().context("a text")?.to_owned())
}

async fn open(
    pool: &TestPool,
    address: &str,
    text: &str,
    signature: &str,
) -> anyhow::Result<Response> {
    let body = json!({ "text": text, "signature": signature });
    let path = path_of(address, "session");
    send(pool, Method::POST, &path, None, Some(&body)).await
}

async fn session_of(pool: &TestPool, address: &str) -> anyhow::Result<String> {
    let text = text_for(pool, address).await?;
    let response = open(pool, address, &text, &sign(&text)).await?;
    ensure!(
        response.status() == StatusCode::CREATED,
        "{}",
        response.status()
    );
    ensure!(response.headers()["cache-control"] == "no-store");
    let body: Value = response.json().await?;
    Ok(body["session"].as_str().context("a session")?.to_owned())
}

async fn change(pool: &TestPool, session: &str, body: Value) -> anyhow::Result<Response> {
    let path = path_of(ALICE, "settings");
    send(pool, Method::PATCH, &path, Some(session), Some(&body)).await
}

#[tokio::test]
async fn an_owner_proves_it_and_changes_every_setting() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let session = session_of(&pool, ALICE).await?;
    let body = json!({
        "payout_threshold_atomic": "60000",
        "scheme": "solo",
        "is_hidden": true,
        "is_token_required": true,
    });
    let settings: Value = change(&pool, &session, body).await?.json().await?;
    for (name, value) in [
        ("payout_threshold_atomic", json!("60000")),
        ("pool_payout_threshold_atomic", json!("50000")),
        ("scheme", json!("solo")),
        ("schemes_offered", json!(["pplns", "solo"])),
        ("is_hidden", json!(true)),
        ("is_token_required", json!(true)),
        ("tokens", json!([])),
        ("labels", json!([])),
    ] {
        assert_eq!(settings[name], value, "{name}");
    }
    let back = json!({ "payout_threshold_atomic": null, "scheme": null });
    let settings: Value = change(&pool, &session, back).await?.json().await?;
    assert_eq!(settings["payout_threshold_atomic"], Value::Null);
    assert_eq!(settings["scheme"], Value::Null);
    assert_eq!(settings["is_hidden"], true, "what is absent stays");
    Ok(())
}

#[tokio::test]
async fn labels_and_tokens_are_made_shown_and_taken_away() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let session = session_of(&pool, ALICE).await?;
    let label = path_of(ALICE, "workers/garage/label");
    let body = json!({ "label": "Cellar, left" });
    let set = send(&pool, Method::PUT, &label, Some(&session), Some(&body)).await?;
    let settings: Value = set.json().await?;
    let labels = json!([{ "worker": "garage", "label": "Cellar, left" }]);
    assert_eq!(settings["labels"], labels);
    let worker = pool.json(&path_of(ALICE, "workers/garage")).await?;
    assert_eq!(worker["label"], "Cellar, left");
    let nobody = path_of(ALICE, "workers/nobody/label");
    let refused = send(&pool, Method::PUT, &nobody, Some(&session), Some(&body)).await?;
    assert_eq!(code_of(refused).await?, (409, "refused".into()));

    let tokens = path_of(ALICE, "tokens");
    let wanted = json!({ "label": "rigs", "worker": "garage" });
    let made = send(&pool, Method::POST, &tokens, Some(&session), Some(&wanted)).await?;
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await?;
    let (token, id) = (made["token"].as_str(), made["id"].as_str());
    let (token, id) = (token.context("a token")?, id.context("an id")?);
    assert!(token.starts_with("rpt_"), "{token}");
    let settings = path_of(ALICE, "settings");
    let read = send(&pool, Method::GET, &settings, Some(&session), None).await?;
    assert_eq!(read.headers()["cache-control"], "no-store");
    assert!(read.headers().get("etag").is_none());
    let read: Value = read.json().await?;
    assert_eq!(read["tokens"][0]["id"], id);
    assert_eq!(read["tokens"][0]["ending"], token[token.len() - 4..]);
    assert!(!read.to_string().contains(token), "told once");
    let one = path_of(ALICE, &format!("tokens/{id}"));
    for (status, what) in [(204, "revoked"), (409, "revoked before")] {
        let response = send(&pool, Method::DELETE, &one, Some(&session), None).await?;
        assert_eq!(response.status(), status, "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn without_the_key_of_the_address_there_is_no_session() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let text = text_for(&pool, ALICE).await?;
    let wrong = "00".repeat(64);
    let refused = code_of(open(&pool, ALICE, &text, &wrong).await?).await?;
    assert_eq!(refused, (401, "signature_wrong".into()));
    let of_another = code_of(open(&pool, BOB, &text, &sign(&text)).await?).await?;
    assert_eq!(of_another, (400, "challenge_refused".into()));
    let other_pool = text.replace("xet:pool", "xet:loop");
    let other_pool = code_of(open(&pool, ALICE, &other_pool, &sign(&other_pool)).await?).await?;
    assert_eq!(other_pool, (400, "challenge_refused".into()));
    for no_signature in ["", "zz", &"0".repeat(126)] {
        let refused = code_of(open(&pool, ALICE, &text, no_signature).await?).await?;
        assert_eq!(refused, (400, "bad_body".into()), "{no_signature}");
    }
    let first = open(&pool, ALICE, &text, &sign(&text)).await?;
    assert_eq!(first.status(), 201);
    let again = code_of(open(&pool, ALICE, &text, &sign(&text)).await?).await?;
    assert_eq!(again, (409, "refused".into()), "a text opens one session");
    let unknown = send(
        &pool,
        Method::POST,
        &path_of("xet:zoe", "challenge"),
        None,
        None,
    )
    .await?;
    assert_eq!(code_of(unknown).await?, (404, "not_found".into()));
    Ok(())
}

#[tokio::test]
async fn a_session_is_of_one_address_and_ends_when_it_is_closed() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let session = session_of(&pool, ALICE).await?;
    let required = (401, "session_required".to_owned());
    let settings = |address: &str| path_of(address, "settings");
    let of_bob = send(&pool, Method::GET, &settings(BOB), Some(&session), None).await?;
    assert_eq!(code_of(of_bob).await?, required);
    let (longer, guess) = (format!("{session}x"), format!("rps_{}", "A".repeat(43)));
    for wrong in [None, Some("x"), Some(longer.as_str()), Some(guess.as_str())] {
        let response = send(&pool, Method::GET, &settings(ALICE), wrong, None).await?;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(code_of(response).await?, required);
        let body = json!({ "is_hidden": true });
        let response = send(&pool, Method::PATCH, &settings(ALICE), wrong, Some(&body)).await?;
        assert_eq!(code_of(response).await?, required);
    }
    let path = path_of(ALICE, "session");
    let closed = send(&pool, Method::DELETE, &path, Some(&session), None).await?;
    assert_eq!(closed.status(), 204);
    let after = change(&pool, &session, json!({ "is_hidden": true })).await?;
    assert_eq!(code_of(after).await?, required);
    let blocks = pool.json("/api/v1/blocks").await?;
    assert_eq!(blocks["items"][0]["is_finder_hidden"], false);
    Ok(())
}

#[tokio::test]
async fn whoever_wants_to_be_hidden_is_in_no_list() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let session = session_of(&pool, ALICE).await?;
    change(&pool, &session, json!({ "is_hidden": true }))
        .await?
        .error_for_status()?;
    let blocks = pool.json("/api/v1/blocks").await?;
    assert_eq!(blocks["items"][0]["miner"], Value::Null);
    assert_eq!(blocks["items"][0]["worker"], Value::Null);
    assert_eq!(blocks["items"][0]["is_finder_hidden"], true);
    for list in ["miners", "miners/top?by=window", "blocks"] {
        let text = pool.get(&format!("/api/v1/{list}")).await?.text().await?;
        assert!(!text.contains(ALICE), "{list}: {text}");
        assert!(list == "blocks" || text.contains(BOB), "{list}: {text}");
    }
    let own = pool.json(&format!("/api/v1/miners/{ALICE}")).await?;
    assert_eq!(own["address"], ALICE, "who knows the address sees its page");
    Ok(())
}

#[tokio::test]
async fn bodies_that_cannot_be_used_are_refused_and_change_nothing() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let session = session_of(&pool, ALICE).await?;
    let before = pool.cluster.proposal_count();
    let bodies = [
        json!({ "unknown": 1 }),
        json!({ "payout_threshold_atomic": "0" }),
        json!({ "payout_threshold_atomic": 60_000 }),
        json!({ "payout_threshold_atomic": "-1" }),
        json!({ "payout_threshold_atomic": "99999999999999999999999" }),
        json!({ "scheme": "nonsense" }),
        json!({ "scheme": 7 }),
        json!({ "is_hidden": "yes" }),
        json!([]),
        json!({}),
        json!("x"),
        json!({ "scheme": "x".repeat(5_000) }),
    ];
    for body in bodies {
        let response = change(&pool, &session, body.clone()).await?;
        let (status, code) = code_of(response).await?;
        assert_eq!((status, code.as_str()), (400, "bad_body"), "{body}");
    }
    assert_eq!(
        pool.cluster.proposal_count(),
        before,
        "nothing was proposed"
    );
    let low = change(
        &pool,
        &session,
        json!({ "payout_threshold_atomic": "49999" }),
    )
    .await?;
    assert_eq!(code_of(low).await?, (409, "refused".into()));
    Ok(())
}

#[tokio::test]
async fn other_methods_say_which_are_served_and_pages_of_other_nodes_may_ask() -> anyhow::Result<()>
{
    let pool = TestPool::filled().await?;
    for (rest, method, allowed) in [
        ("session", Method::GET, "POST, DELETE"),
        ("settings", Method::POST, "GET, HEAD, PATCH"),
        ("tokens", Method::PUT, "POST"),
        ("workers/garage/label", Method::DELETE, "PUT"),
        ("workers", Method::POST, "GET, HEAD"),
    ] {
        let path = path_of(ALICE, rest);
        let response = send(&pool, method, &path, None, None).await?;
        let allow = response.headers()["allow"].to_str()?.to_owned();
        assert_eq!(
            (response.status().as_u16(), allow.as_str()),
            (405, allowed),
            "{rest}"
        );
        let preflight = pool
            .http
            .request(Method::OPTIONS, pool.url(&path))
            .header("origin", "https://other.example")
            .header("access-control-request-method", "PATCH")
            .send()
            .await?;
        assert_eq!(preflight.status(), 204);
        assert_eq!(preflight.headers()["access-control-allow-methods"], allowed);
        let headers = preflight.headers()["access-control-allow-headers"].to_str()?;
        assert!(headers.contains("authorization"), "{headers}");
    }
    Ok(())
}
