use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{broadcast, mpsc},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use super::*;
use crate::{
    BoxFuture,
    daemon::{
        ChainBlock, ChainInfo, Execution, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus,
    },
    daemon_client::DaemonClient,
    daemon_set::{DaemonSet, HealthSettings},
    error::ChainError,
    hash::Hash,
    header::BlockHeader,
    network::Network,
    testing::{FakeDaemon, Reply, eventually, pool, soon},
};

type Receiver = watch::Receiver<Option<Arc<Template>>>;

const OFTEN: Duration = Duration::from_millis(10);
const NEVER: Duration = Duration::from_secs(3600);

async fn daemons(fake: &FakeDaemon) -> Arc<DaemonSet> {
    daemons_checked_every(OFTEN, fake).await
}

async fn daemons_checked_every(interval: Duration, fake: &FakeDaemon) -> Arc<DaemonSet> {
    let client = DaemonClient::new(&fake.endpoint.url, Network::Devnet, Duration::from_secs(5));
    let daemon: Arc<dyn Daemon> = Arc::new(client.expect("a plain URL"));
    let settings = HealthSettings {
        interval,
        ..HealthSettings::default()
    };
    DaemonSet::start_with(vec![daemon], Network::Devnet, settings)
}

async fn height_reached(receiver: &mut Receiver, height: u64) -> Arc<Template> {
    let reached = receiver.wait_for(|newest| newest.as_ref().is_some_and(|it| it.height == height));
    let newest = soon("the template", reached)
        .await
        .expect("the feed lives")
        .clone();
    newest.expect("waited for")
}

/// A daemon's event server.
struct FakeEvents {
    url: String,
    /// Sends to every connection; `None` closes them.
    events: broadcast::Sender<Option<String>>,
    subscriptions: mpsc::UnboundedReceiver<String>,
    connections: mpsc::UnboundedReceiver<&'static str>,
}

impl FakeEvents {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (events, _) = broadcast::channel(16);
        let (subscribed, subscriptions) = mpsc::unbounded_channel();
        let (connected, connections) = mpsc::unbounded_channel();
        let sender = events.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut socket = accept_async(stream).await.expect("a WebSocket");
                let (mut events, subscribed, connected) =
                    (sender.subscribe(), subscribed.clone(), connected.clone());
                tokio::spawn(async move {
                    let _ = connected.send("open");
                    loop {
                        tokio::select! {
                            event = events.recv() => match event {
                                Ok(Some(text)) => socket.send(Message::text(text)).await.expect("sent"),
                                _ => break,
                            },
                            message = socket.next() => match message {
                                Some(Ok(Message::Text(text))) => {
                                    let request: Value = serde_json::from_str(&text).expect("JSON");
                                    let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": true});
                                    socket.send(Message::text(answer.to_string())).await.expect("sent");
                                    let _ = subscribed.send(request["params"]["notify"].to_string());
                                }
                                Some(Ok(_)) => {}
                                _ => break,
                            },
                        }
                    }
                    let _ = connected.send("closed");
                });
            }
        });
        Self {
            url,
            events,
            subscriptions,
            connections,
        }
    }

    async fn subscribed(&mut self) {
        for expected in ["\"new_block_template\"", "\"new_block\""] {
            let name = soon("the subscription", self.subscriptions.recv()).await;
            assert_eq!(name.as_deref(), Some(expected));
        }
    }

    fn announce(&self, event: &str) {
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"event": event, "height": 1}});
        self.events
            .send(Some(message.to_string()))
            .expect("somebody listens");
    }
}

#[tokio::test]
async fn polling_alone_follows_the_top() {
    let fake = FakeDaemon::start().await;
    let mut receiver = TemplateFeed::start(daemons(&fake).await, Vec::new(), pool(), OFTEN);
    assert!(receiver.borrow().is_none());
    let first = height_reached(&mut receiver, 101).await;
    assert_eq!(first.header.miner_key, *pool().public_key());
    fake.set(|state| state.height = 101);
    height_reached(&mut receiver, 102).await;
}

#[tokio::test]
async fn every_poll_gives_a_fresh_template_of_the_same_work() {
    let fake = FakeDaemon::start().await;
    let mut receiver = TemplateFeed::start(daemons(&fake).await, Vec::new(), pool(), OFTEN);
    let first = height_reached(&mut receiver, 101).await;
    receiver.mark_unchanged();
    soon("the next poll", receiver.changed())
        .await
        .expect("the feed lives");
    let second = receiver.borrow().clone().expect("a template");
    assert_eq!(second.work_hash, first.work_hash);
    assert!(!Arc::ptr_eq(&second, &first));
}

#[tokio::test]
async fn events_bring_the_next_template_and_repeated_ones_bring_nothing() {
    let fake = FakeDaemon::start().await;
    let mut events = FakeEvents::start().await;
    let urls = vec![events.url.clone()];
    let mut receiver = TemplateFeed::start(daemons(&fake).await, urls, pool(), NEVER);
    events.subscribed().await;
    height_reached(&mut receiver, 101).await;

    for (height, event) in [(101, "new_block"), (102, "new_block_template")] {
        fake.set(|state| state.height = height);
        events.announce(event);
        height_reached(&mut receiver, height + 1).await;
    }
    receiver.mark_unchanged();
    let asked = fake.endpoint.count("get_block_template");
    events.announce("new_block");
    eventually("it asks", || {
        fake.endpoint.count("get_block_template") > asked
    })
    .await;
    fake.set(|state| state.height = 103);
    events.announce("new_block");
    height_reached(&mut receiver, 104).await;
}

#[tokio::test]
async fn a_lost_event_connection_is_replaced_by_polling_and_restored() {
    let fake = FakeDaemon::start().await;
    let mut events = FakeEvents::start().await;
    let urls = vec!["https://not.supported".to_owned(), events.url.clone()];
    let mut receiver = TemplateFeed::start(daemons(&fake).await, urls, pool(), NEVER);
    events.subscribed().await;
    height_reached(&mut receiver, 101).await;
    events.events.send(None).expect("somebody listens");
    fake.set(|state| state.height = 101);
    height_reached(&mut receiver, 102).await;
    events.subscribed().await;
    fake.set(|state| state.height = 102);
    events.announce("new_block");
    height_reached(&mut receiver, 103).await;
}

#[tokio::test]
async fn the_last_template_stays_while_the_daemon_is_down() {
    let fake = FakeDaemon::start().await;
    let mut receiver = TemplateFeed::start(daemons(&fake).await, Vec::new(), pool(), OFTEN);
    height_reached(&mut receiver, 101).await;
    fake.set(|state| state.trouble = Some(Reply::Raw(503, Vec::new())));
    let asked = fake.endpoint.requests().len();
    eventually("it went on asking", || {
        fake.endpoint.requests().len() > asked + 2
    })
    .await;
    assert_eq!(
        receiver.borrow().as_ref().map(|template| template.height),
        Some(101)
    );
    fake.set(|state| {
        state.trouble = None;
        state.height = 105;
    });
    height_reached(&mut receiver, 106).await;
}

#[tokio::test]
async fn everything_ends_with_the_last_receiver() {
    let fake = FakeDaemon::start().await;
    let mut events = FakeEvents::start().await;
    let urls = vec![events.url.clone()];
    let set = daemons(&fake).await;
    let mut receiver = TemplateFeed::start(set.clone(), urls, pool(), NEVER);
    height_reached(&mut receiver, 101).await;
    assert_eq!(
        soon("a connection", events.connections.recv()).await,
        Some("open")
    );
    drop(receiver);
    assert_eq!(
        soon("the end", events.connections.recv()).await,
        Some("closed")
    );
    eventually("the feed let the daemons go", || {
        Arc::strong_count(&set) == 1
    })
    .await;
}

#[tokio::test]
async fn a_lower_template_is_believed_only_when_it_stays() {
    let fake = FakeDaemon::start().await;
    let set = daemons(&fake).await;
    let (newest, receiver) = watch::channel(None);
    let mut feed = Feed {
        daemons: set.clone(),
        pool: pool(),
        newest,
        lower: 0,
        is_failing: false,
    };
    let at = async |height: u64| {
        fake.set(|state| state.height = height);
        set.template(&pool()).await.expect("a template")
    };
    let (high, low) = (at(110).await, at(107).await);
    assert!(feed.offer(high.clone(), false));
    assert!(!feed.offer(low.clone(), true) && !feed.offer(low.clone(), true));
    assert!(!feed.offer(high.clone(), false), "the same work again");
    assert!(!feed.offer(low.clone(), true) && !feed.offer(low.clone(), true));
    assert_eq!(
        receiver.borrow().as_ref().map(|template| template.height),
        Some(111)
    );
    assert!(feed.offer(low, true), "the chain was rewound");
    assert_eq!(
        receiver.borrow().as_ref().map(|template| template.height),
        Some(108)
    );
    assert!(feed.offer(high, false));
}

#[tokio::test]
async fn a_template_that_failed_after_an_event_is_asked_for_again() {
    let fake = FakeDaemon::start().await;
    let mut events = FakeEvents::start().await;
    let urls = vec![events.url.clone()];
    // One check only, so that the set stays healthy and really asks.
    let set = daemons_checked_every(NEVER, &fake).await;
    let mut receiver = TemplateFeed::start(set, urls, pool(), NEVER);
    events.subscribed().await;
    height_reached(&mut receiver, 101).await;
    fake.set(|state| state.trouble = Some(Reply::error(-32603, "INTERNAL", "busy")));
    let asked = fake.endpoint.count("get_block_template");
    events.announce("new_block");
    eventually("it asks", || {
        fake.endpoint.count("get_block_template") > asked
    })
    .await;
    fake.set(|state| {
        state.trouble = None;
        state.height = 101;
    });
    height_reached(&mut receiver, 102).await;
}

/// Templates of daemons whose events nobody here follows.
struct Elsewhere(Arc<DaemonSet>);

impl Daemon for Elsewhere {
    fn name(&self) -> String {
        "elsewhere".to_owned()
    }

    fn reads_locally(&self) -> bool {
        false
    }

    fn template<'a>(&'a self, pool: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        self.0.template(pool)
    }

    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn submit_block<'a>(
        &'a self,
        _: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn block(&self, _: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn ordered_blocks(&self, _: u64, _: u64) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn stable_nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn submit_transaction<'a>(
        &'a self,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn execution(&self, _: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }

    fn is_pending(&self, _: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        unimplemented!("the feed asks for templates only")
    }
}

#[tokio::test]
async fn templates_from_elsewhere_are_followed_although_a_local_daemon_sends_events() {
    let fake = FakeDaemon::start().await;
    let mut events = FakeEvents::start().await;
    let urls = vec![events.url.clone()];
    let elsewhere = Arc::new(Elsewhere(daemons(&fake).await));
    let mut receiver = TemplateFeed::start(elsewhere, urls, pool(), NEVER);
    events.subscribed().await;
    height_reached(&mut receiver, 101).await;
    // The new connection itself is a hint, but only once.
    for height in [101, 102] {
        fake.set(|state| state.height = height);
        height_reached(&mut receiver, height + 1).await;
    }
}
