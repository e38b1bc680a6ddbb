//! Tokens: whom an address lets in, and for how long.

use raftpool_ledger::command::MakeToken;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::compose;
use raftpool_ledger::testing::{make_token, require_token, revoke_token};
use raftpool_ledger::tokens::token_hash;

use crate::harness::getwork::GetworkClient;
use crate::harness::*;

const GARAGE: &str = "rpt_garage-0000000000000000000000000000000";
const ATTIC: &str = "rpt_attic_00000000000000000000000000000000";

fn command(pool: &Pool, body: Body) {
    let command = compose("operator", 1, body);
    let committed = pool.cluster.memory.propose_now(command).unwrap();
    let outcome = committed.outcome;
    assert!(
        !matches!(outcome, raftpool_ledger::Outcome::Rejected(_)),
        "{outcome:?}"
    );
}

/// A pool in which `MINER` requires a token and has two.
async fn guarded() -> Pool {
    let pool = Pool::start().await;
    command(&pool, make_token(MINER, GARAGE));
    command(&pool, make_token(MINER, ATTIC));
    command(&pool, require_token(MINER, true));
    pool
}

/// The answer to an authorize request on this connection.
async fn authorize(client: &mut Client, user: &str, password: &str) -> serde_json::Value {
    let request =
        format!(r#"{{"id":7,"method":"mining.authorize","params":["{user}","{password}"]}}"#);
    client.send(&request).await;
    client.answer(7).await
}

/// What somebody is told who is not let in.
async fn refused(pool: &Pool, user: &str, password: &str) -> String {
    let mut client = pool.connect().await;
    let (code, message) = refusal(&authorize(&mut client, user, password).await);
    assert_eq!(code, 24, "{message}");
    message
}

fn ended(pool: &Pool) -> f64 {
    pool.metric("disconnects_total", Some("token"))
}

#[tokio::test]
async fn an_address_that_requires_a_token_lets_in_whoever_gives_one_and_nobody_else() {
    let pool = guarded().await;
    assert!(
        refused(&pool, MINER, "x")
            .await
            .contains("requires a token")
    );
    for wrong in [
        "rpt_",
        "token=x",
        "rpt_Garage-0000000000000000000000000000000",
    ] {
        let message = refused(&pool, MINER, wrong).await;
        assert!(message.contains("no such token"), "{wrong}: {message}");
        assert!(!message.contains(wrong), "a token is repeated");
    }
    assert_eq!(pool.metric("tokens_refused_total", Some("missing")), 1.0);
    assert_eq!(pool.metric("tokens_refused_total", Some("unknown")), 3.0);

    let named = format!("d=4,token={ATTIC}");
    for password in [GARAGE, &named] {
        let mut client = pool.miner(&format!("{MINER}.rig"), password).await;
        let job = client.job.clone().unwrap();
        let nonce = client.find_nonce(&job, job.difficulty, true, 0);
        assert!(is_accepted(&client.submit(&job.id, nonce).await));
    }
    // Nobody else's address is guarded by it, and no token opens two addresses.
    pool.miner(OTHER_MINER, "x").await;
    assert!(
        refused(&pool, OTHER_MINER, GARAGE)
            .await
            .contains("no such token")
    );
}

#[tokio::test]
async fn a_revoked_token_closes_its_connections_and_no_others() {
    let pool = guarded().await;
    let mut garage = pool.miner(MINER, GARAGE).await;
    let mut attic = pool.miner(MINER, ATTIC).await;
    let mut other = pool.miner(OTHER_MINER, "x").await;
    command(&pool, revoke_token(MINER, GARAGE));
    let last = garage.last_words().await.unwrap();
    assert!(
        last.contains("no such token") && last.contains("revoked"),
        "{last}"
    );
    assert!(
        refused(&pool, MINER, GARAGE)
            .await
            .contains("no such token")
    );

    // A second change looks at everybody once more.
    command(&pool, make_token(OTHER_MINER, "rpt_unused"));
    command(&pool, revoke_token(OTHER_MINER, "rpt_unused"));
    for client in [&mut attic, &mut other] {
        let job = client.job.clone().unwrap();
        assert!(is_accepted(&client.submit(&job.id, 5).await));
    }
    until("it is counted", || ended(&pool) == 1.0).await;
}

#[tokio::test]
async fn a_share_under_way_is_answered_before_its_token_closes_the_connection() {
    let pool = guarded().await;
    let mut client = pool.miner(MINER, GARAGE).await;
    let mut idle = pool.miner(MINER, GARAGE).await;
    let job = client.job.clone().unwrap();
    pool.cluster.close();
    let arrived = pool.cluster.arrived();
    let id = client.send_share(&job.id, 5).await;
    until("it is proposed", || pool.cluster.arrived() > arrived).await;
    command(&pool, revoke_token(MINER, GARAGE));
    // Both are dismissed in one go, and this one has nothing to wait for.
    assert!(idle.last_words().await.unwrap().contains("revoked"));
    pool.cluster.open();
    assert!(is_accepted(&client.answer(id).await));
    assert!(client.last_words().await.unwrap().contains("revoked"));
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn a_requirement_closes_whoever_came_without_a_token() {
    let pool = Pool::start().await;
    command(&pool, make_token(MINER, GARAGE));
    let mut without = pool.miner(MINER, "x").await;
    let mut with = pool.miner(MINER, GARAGE).await;
    let mut other = pool.miner(OTHER_MINER, "x").await;
    command(&pool, require_token(MINER, true));
    assert!(
        without
            .last_words()
            .await
            .unwrap()
            .contains("requires a token")
    );
    for client in [&mut with, &mut other] {
        let job = client.job.clone().unwrap();
        assert!(is_accepted(&client.submit(&job.id, 5).await));
    }
    command(&pool, require_token(MINER, false));
    pool.miner(MINER, "x").await;
}

#[tokio::test]
async fn a_token_ends_at_its_time_and_holds_for_its_worker() {
    let pool = Pool::start().await;
    let token = Body::MakeToken(MakeToken {
        miner: MINER.into(),
        token_hash: token_hash(GARAGE).to_vec(),
        worker: "rig".into(),
        expires_at_ms: 1_700_000_500_000,
        ..MakeToken::default()
    });
    command(&pool, token);
    command(&pool, require_token(MINER, true));
    let message = refused(&pool, &format!("{MINER}.other"), GARAGE).await;
    assert!(message.contains("worker \"rig\" only"), "{message}");
    let rig = format!("{MINER}.rig");
    let mut client = pool.miner(&rig, GARAGE).await;
    pool.clock.advance(500_000);
    assert!(client.last_words().await.unwrap().contains("expired"));
    assert!(refused(&pool, &rig, GARAGE).await.contains("expired"));
}

#[tokio::test]
async fn getwork_takes_a_token_from_the_query_or_the_header() {
    let pool = guarded().await;
    let http = pool.serve_http().await;
    let path = format!("/getwork/{MINER}/w");
    for (query, word) in [
        ("", "requires a token"),
        ("?token=", "requires a token"),
        ("?token=rpt_wrong", "no such token"),
        // Nothing of a query is another part of a password.
        ("?token=x,scheme=nonsense", "no such token"),
    ] {
        let refused = GetworkClient::connect(http, &format!("{path}{query}")).await;
        let (status, text) = refused.err().unwrap();
        assert!(
            status == 400 && text.contains(word),
            "{query}: {status} {text}"
        );
    }
    let query = format!("{path}?x=1&token={GARAGE}");
    let mut client = GetworkClient::connect(http, &query).await.unwrap();
    client.next_job().await;
    assert_eq!(header(http, &path, GARAGE).await, 101);
    assert_eq!(header(http, &path, "rpt_wrong").await, 400);
    command(&pool, revoke_token(MINER, GARAGE));
    assert!(client.last_words().await.contains("revoked"));
}

/// Asks for the WebSocket with a token in the header; returns the status of the answer.
async fn header(http: std::net::SocketAddr, path: &str, token: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(http).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: pool\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn whoever_is_refused_again_and_again_is_closed_on_and_a_good_token_is_not() {
    let pool = guarded().await;
    // Thirty refusals are taken with patience, three on a connection.
    for _ in 0..10 {
        let mut client = pool.connect().await;
        for _ in 0..3 {
            assert_eq!(
                refusal(&authorize(&mut client, MINER, "rpt_guess").await).0,
                24
            );
        }
        assert_eq!(client.last_words().await, None);
    }
    let mut client = pool.connect().await;
    assert_eq!(
        refusal(&authorize(&mut client, MINER, "rpt_guess").await).0,
        24
    );
    assert_eq!(
        client.last_words().await,
        None,
        "closed on at the first refusal"
    );
    // An honest miner behind the same address does not suffer for it.
    pool.miner(MINER, GARAGE).await;
}

#[tokio::test]
async fn a_token_is_in_no_metric_and_in_no_command() {
    let pool = Pool::start().await;
    command(&pool, make_token(MINER, GARAGE));
    let mut client = pool.miner(MINER, GARAGE).await;
    let job = client.job.clone().unwrap();
    assert!(is_accepted(&client.submit(&job.id, 5).await));
    refused(&pool, MINER, "rpt_wrong").await;
    let metrics = format!("{:?}", pool.registry.gather());
    let commands = format!("{:?}", pool.cluster.memory.proposals());
    let sessions = format!("{:?}", pool.server.sessions());
    for text in [metrics, commands, sessions] {
        assert!(!text.contains("rpt_"), "{text}");
    }
}
