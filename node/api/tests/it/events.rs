//! The stream of events over three nodes whose ledgers come along at different speeds.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{ALICE, BOB, TestPool};

/// How long an event may take: a tick is a second.
const DEADLINE: Duration = Duration::from_secs(20);

/// One event as a browser understands it.
#[derive(Debug)]
struct Event {
    name: String,
    data: Value,
}

/// A client that reads a stream and remembers the newest id, as a browser does.
struct Client {
    response: Response,
    text: String,
    last_id: Option<String>,
}

impl Client {
    async fn open(pool: &TestPool, topics: &str, last_id: Option<&str>) -> anyhow::Result<Self> {
        let path = format!("/api/v1/events?topics={topics}");
        let headers = last_id.map(|id| ("last-event-id", id));
        let headers: Vec<_> = headers.into_iter().collect();
        let response = pool.get_with(&path, &headers).await?;
        ensure!(response.status() == 200, "{path}: {}", response.status());
        Ok(Self {
            response,
            text: String::new(),
            last_id: last_id.map(str::to_owned),
        })
    }

    async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = self.read(&event)? {
                    return Ok(event);
                }
                continue;
            }
            let chunk = tokio::time::timeout(DEADLINE, self.response.chunk()).await;
            let chunk = chunk.context("no event")??.context("the stream ended")?;
            self.text.push_str(std::str::from_utf8(&chunk)?);
        }
    }

    fn read(&mut self, text: &str) -> anyhow::Result<Option<Event>> {
        let (mut name, mut data) = (String::new(), String::new());
        for line in text.lines() {
            match line.split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("data", value)) => data.push_str(value),
                Some(("id", value)) => self.last_id = Some(value.to_owned()),
                _ => {}
            }
        }
        if data.is_empty() {
            return Ok(None);
        }
        let data = serde_json::from_str(&data)?;
        Ok(Some(Event { name, data }))
    }

    /// Reads up to the next event of a name; gives what came on the way as well.
    async fn until(&mut self, name: &str) -> anyhow::Result<Vec<Event>> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await?);
            if events.last().is_some_and(|event| event.name == name) {
                return Ok(events);
            }
        }
    }
}

/// `(index, change)` of everything that happened, in the order it was told.
fn changes(events: &[Event]) -> Vec<(u64, String)> {
    let lists = events
        .iter()
        .filter(|event| event.name == "blocks" || event.name == "payouts");
    let items = lists.flat_map(|event| event.data["items"].as_array().into_iter().flatten());
    let read = |item: &Value| {
        let change = item["change"].as_str().unwrap_or_default().to_owned();
        (item["index"].as_u64().unwrap_or_default(), change)
    };
    items.map(read).collect()
}

/// What the ledger of every node is given, step by step; says whether it is an event.
fn step(pool: &TestPool, number: usize) -> anyhow::Result<()> {
    match number {
        0 => pool.set_up(),
        1 => pool.credit(BOB, "rig", 500),
        2 => pool.record_block_worth(1, 1_000_000),
        3 => pool.credit(ALICE, "attic", 200),
        4 => pool.record_block_worth(2, 1_000_000),
        5 => pool.settle_block(1, 1_000_000),
        6 => pool.reserve(1, &[(ALICE, 100_000), (BOB, 100_000)]),
        7 => pool.record_block_worth(3, 1_000_000),
        8 => pool.orphan_block(2),
        9 => pool.credit(BOB, "rig", 500),
        10 => pool.settle_block(3, 900_000),
        _ => pool.credit(ALICE, "attic", 200),
    }
}

const STEPS: usize = 13;

fn id_of(last_id: Option<&str>) -> Option<u64> {
    last_id.and_then(|id| id.parse().ok())
}

/// P8: nothing that happened to money is told twice or never, whichever node tells it, also when the
/// next node is behind the one before.
#[tokio::test]
async fn no_event_is_lost_or_doubled_across_changes_of_the_node() -> anyhow::Result<()> {
    let nodes = [
        TestPool::empty().await?,
        TestPool::empty().await?,
        TestPool::empty().await?,
    ];
    let mut done = [0; 3];
    let seed = std::env::var("RAFTPOOL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let mut random = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()) | 1;
    println!("RAFTPOOL_SEED={random}");
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap_or(0)
    };
    // The ledgers are set up before anybody listens.
    for (node, done) in nodes.iter().zip(&mut done) {
        step(node, 0)?;
        *done = 1;
    }
    // Listening begins before anything happens: whoever comes later is told from then on only.
    let mut told = Vec::new();
    let mut client = Client::open(&nodes[0], "pool", None).await?;
    client.until("pool").await?;
    let mut last_id = client.last_id;
    while done.iter().any(|done| *done < STEPS) || draw(4) > 0 {
        let ahead = draw(3);
        for _ in 0..draw(3) {
            if done[ahead] < STEPS {
                step(&nodes[ahead], done[ahead])?;
                done[ahead] += 1;
            }
        }
        let node = draw(3);
        let topics = "pool,blocks,payouts";
        let mut client = Client::open(&nodes[node], topics, last_id.as_deref()).await?;
        // The pool is told when everything that is known already was told.
        let mut events = client.until("pool").await?;
        ensure!(events[0].name == "hello", "{events:?}");
        // A node that is behind its client says nothing until it has caught up.
        let is_behind = events[0].data["index"].as_u64() < id_of(last_id.as_deref());
        if draw(3) == 0 && done[node] < STEPS && !is_behind {
            step(&nodes[node], done[node])?;
            done[node] += 1;
            events.extend(client.until("pool").await?);
        }
        ensure!(
            events.iter().all(|event| event.name != "reset"),
            "{events:?}"
        );
        told.extend(changes(&events));
        last_id = client.last_id;
    }
    let mut journal = Vec::new();
    let body = nodes[0].json("/api/v1/journal?limit=100").await?;
    for entry in body["items"].as_array().expect("entries") {
        let kind = entry["kind"].as_str().unwrap_or_default().to_owned();
        journal.push((entry["index"].as_u64().unwrap_or_default(), kind));
    }
    // The last node may be behind: everything is told once it is asked again, and nothing before.
    let mut client = Client::open(&nodes[0], "pool,blocks,payouts", last_id.as_deref()).await?;
    told.extend(changes(&client.until("pool").await?));
    assert_eq!(journal.len(), 7, "{journal:?}");
    assert_eq!(told, journal);
    Ok(())
}

#[tokio::test]
async fn a_first_share_is_told_to_whoever_waits_for_it() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    pool.set_up()?;
    let mut client = Client::open(&pool, &format!("miner:{ALICE}"), None).await?;
    let first = client.until("miner").await?;
    let news = &first.last().expect("news").data;
    assert_eq!(
        (&news["miner"], &news["workers"]),
        (&Value::Null, &json!([]))
    );
    pool.credit(BOB, "rig", 500)?;
    pool.credit(ALICE, "garage", 300)?;
    let news = client.until("miner").await?;
    let news = &news.last().expect("news").data;
    assert_eq!(news["address"], ALICE);
    assert_eq!(news["miner"]["shares"], 1);
    assert_eq!(news["workers"][0]["name"], "garage");
    assert_eq!(news["workers"][0]["shares"], 1);
    Ok(())
}

#[tokio::test]
async fn a_stream_says_who_speaks_and_may_not_be_stored_or_changed() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    pool.set_up()?;
    let packed = [("accept-encoding", "gzip")];
    let response = pool
        .get_with("/api/v1/events?topics=nodes", &packed)
        .await?;
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-cache, no-transform");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(!headers.contains_key("content-encoding"));
    let mut client = Client::open(&pool, "nodes", None).await?;
    let hello = client.next().await?;
    assert_eq!(hello.name, "hello");
    assert_eq!(
        (&hello.data["node_id"], &hello.data["index"]),
        (&json!(1), &json!(1))
    );
    assert!(
        hello.data["build"]
            .as_str()
            .is_some_and(|build| build.starts_with("1.2.3-"))
    );
    let nodes = client.until("nodes").await?;
    assert_eq!(
        nodes.last().expect("nodes").data["items"][0]["role"],
        "leader"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_was_away_for_too_long_or_comes_from_another_log_is_told_to_ask_anew()
-> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    pool.set_up()?;
    for number in 1..=220 {
        pool.record_block_worth(number, 1_000)?;
    }
    for (last_id, reason) in [("1", "too_old"), ("18446744073709551615", "too_new")] {
        let mut client = Client::open(&pool, "pool,blocks", Some(last_id)).await?;
        let events = client.until("pool").await?;
        assert_eq!(events[1].name, "reset", "{reason}");
        assert_eq!(events[1].data, json!({"index": 221, "reason": reason}));
        assert_eq!(changes(&events), []);
        assert_eq!(client.last_id.as_deref(), Some("221"));
    }
    let mut client = Client::open(&pool, "pool,blocks", Some("30")).await?;
    let events = client.until("pool").await?;
    assert_eq!(changes(&events).len(), 191);
    // A new stream to another site cannot set the header.
    let path = "/api/v1/events?topics=blocks&last_event_id=220";
    let mut response = pool.get(path).await?;
    let mut text = String::new();
    while !text.contains("block_found") {
        let chunk = tokio::time::timeout(DEADLINE, response.chunk()).await??;
        text.push_str(std::str::from_utf8(&chunk.context("the stream ended")?)?);
    }
    assert_eq!(text.matches("block_found").count(), 1);
    Ok(())
}

/// P9: streams are bounded by address, given back, and end with the server.
#[tokio::test]
async fn an_address_has_so_many_streams_and_the_server_ends_them() -> anyhow::Result<()> {
    let pool = TestPool::with(|config| config.event_streams_per_ip_max = 2).await?;
    pool.set_up()?;
    let first = Client::open(&pool, "blocks", None).await?;
    let mut second = Client::open(&pool, "blocks", None).await?;
    let problem = pool.problem("/api/v1/events", 429).await?;
    assert_eq!(problem["code"], "too_many_streams");
    drop(first);
    // The server sees that the client is gone when it looks at the connection next.
    let opened = async {
        loop {
            if let Ok(client) = Client::open(&pool, "blocks", None).await {
                return client;
            }
        }
    };
    let mut third = tokio::time::timeout(DEADLINE, opened).await?;
    second.until("hello").await?;
    third.until("hello").await?;
    let ending = tokio::time::timeout(DEADLINE, pool.server.shutdown());
    ending.await.context("the server does not end")?;
    assert!(third.next().await.is_err(), "the stream has ended");
    Ok(())
}

#[tokio::test]
async fn odd_topics_and_ids_are_refused() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    for (query, parameter) in [
        ("topics=everything", "topics"),
        ("topics=", "topics"),
        ("topics=miner:", "topics"),
        ("topics=miner:a,miner:b,miner:c,miner:d,miner:e", "topics"),
        ("topics=pool&last_event_id=-1", "last_event_id"),
        ("topic=pool", "topic"),
    ] {
        let problem = pool
            .problem(&format!("/api/v1/events?{query}"), 400)
            .await?;
        assert_eq!(problem["parameter"], parameter, "{query}");
    }
    let odd = [("last-event-id", "1e3")];
    let answer = pool.get_with("/api/v1/events", &odd).await?;
    assert_eq!(answer.status(), 400);
    Ok(())
}
