//! One stream: its place in the log, and what its client is told next.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::Stream;
use futures_util::stream;
use raftpool_ledger::StateError;
use raftpool_ledger::view::LedgerView;
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::changes::{About, Change, changes_after};
use super::hub::{Hub, Tick, Watched, end_of, first_news};
use super::topics::Topics;
use crate::dto::event::{Hello, MinerNews, Ping, Reset};
use crate::dto::pool::Pool;
use crate::problem::{self, Problem};
use crate::reading::At;
use crate::server::connections::Slot;
use crate::summary::PoolKept;

/// Silence after which something is said, so that proxies and clients know that the stream lives.
const PING_EVERY: Duration = Duration::from_secs(15);

/// How far a client may be ahead of this node, which has not come to what another one told already;
/// more than that is no index of this log.
const AHEAD_MAX: u64 = 100_000;

/// A stream that is open.
struct Client {
    hub: Arc<Hub>,
    topics: Topics,
    ticks: broadcast::Receiver<Arc<Tick>>,
    stopped: watch::Receiver<bool>,
    /// Every change up to here was told, or is not to be told.
    position: u64,
    /// Whether ticks were missed, so that everything has to be asked for anew.
    is_lost: bool,
    pending: VecDeque<Event>,
    said_at: Instant,
    ends_at: Instant,
    _watched: Watched,
    _place: Slot,
}

/// What a stream begins with.
struct Beginning {
    index: u64,
    /// Nothing when they are too many.
    changes: Option<Vec<Change>>,
    pool: Option<At<Pool>>,
    miners: Vec<MinerNews>,
}

/// Opens a stream for a client that has read up to `last_id`.
///
/// # Errors
/// When the address or the node has as many streams as it may, or the ledger cannot be read.
pub(crate) async fn open(
    hub: &Arc<Hub>,
    node_id: u64,
    ip: IpAddr,
    topics: Topics,
    last_id: Option<u64>,
) -> Result<impl Stream<Item = Result<Event, Infallible>> + Send + 'static, Problem> {
    let place = hub.places.admit(ip).ok_or_else(|| {
        let detail = "close another stream of this address, or ask another node";
        Problem::new(problem::TOO_MANY_STREAMS, detail).retry_after(10)
    })?;
    // Before the read, so that no tick falls between the two.
    let (ticks, watched) = (hub.ticks.subscribe(), hub.watch(&topics.miners));
    let wanted = topics.clone();
    let pool = Arc::clone(&hub.pool);
    let query = move |view: &LedgerView<'_>| begin(view, &pool, &wanted, last_id);
    let beginning = hub.reader.read(None, query).await?.value;
    let mut client = Client {
        hub: Arc::clone(hub),
        topics,
        ticks,
        stopped: hub.stopped.clone(),
        position: beginning.index,
        is_lost: false,
        pending: VecDeque::new(),
        said_at: Instant::now(),
        ends_at: end_of(hub),
        _watched: watched,
        _place: place,
    };
    client.greet(node_id, beginning, last_id);
    Ok(stream::unfold(client, Client::next))
}

fn begin(
    view: &LedgerView<'_>,
    pool: &PoolKept,
    topics: &Topics,
    last_id: Option<u64>,
) -> Result<Beginning, StateError> {
    let (index, ledger_time_ms) = (view.index()?, view.time_ms()?);
    let miners = topics.miners.iter();
    Ok(Beginning {
        index,
        changes: changes_after(view, last_id.unwrap_or(index))?,
        pool: match topics.pool {
            true => Some(At {
                index,
                ledger_time_ms,
                value: pool.read(view, None)?,
            }),
            false => None,
        },
        miners: miners
            .map(|address| first_news(view, address))
            .collect::<Result<_, _>>()?,
    })
}

impl Client {
    fn greet(&mut self, node_id: u64, beginning: Beginning, last_id: Option<u64>) {
        let index = beginning.index;
        let hello = Hello {
            node_id,
            index,
            build: self.hub.build.clone(),
        };
        // Without an id: what was missed is not told yet.
        self.push(None, "hello", &json(&hello));
        self.position = last_id.unwrap_or(index);
        let ahead = last_id.map_or(0, |last_id| last_id.saturating_sub(index));
        match beginning.changes {
            _ if ahead > AHEAD_MAX => self.reset(index, "too_new"),
            None => self.reset(index, "too_old"),
            Some(changes) => {
                self.tell(&changes);
                // A client that is ahead has been told by another node what this one has not done.
                self.position = index.max(last_id.unwrap_or(0));
            }
        }
        if let Some(pool) = &beginning.pool {
            self.push(Some(self.position), "pool", &json(pool));
        }
        if self.topics.nodes {
            let nodes = self.hub.nodes.borrow().clone();
            if !nodes.is_empty() {
                self.push(Some(self.position), "nodes", &nodes);
            }
        }
        for news in &beginning.miners {
            self.push(Some(self.position), "miner", &json(news));
        }
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.said_at = Instant::now();
                return Some((Ok(event), self));
            }
            let ping_at = self.said_at + PING_EVERY;
            tokio::select! {
                _ = self.stopped.changed() => return None,
                () = tokio::time::sleep_until(self.ends_at) => return None,
                () = tokio::time::sleep_until(ping_at) => {
                    let index = self.position;
                    self.push(Some(index), "ping", &json(&Ping { index }));
                }
                tick = self.ticks.recv() => match tick {
                    Ok(tick) => self.follow(&tick).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.is_lost = true,
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }

    async fn follow(&mut self, tick: &Tick) {
        if self.is_lost {
            self.is_lost = false;
            self.reset(tick.index, "too_slow");
        } else if self.position < tick.from {
            self.catch_up(tick).await;
        } else {
            self.tell(&tick.changes);
            self.position = self.position.max(tick.index);
        }
        // What is older than what was told already is no news.
        if self.position > tick.index {
            return;
        }
        let id = Some(self.position);
        if let Some(pool) = tick.pool.as_ref().filter(|_| self.topics.pool) {
            self.push(id, "pool", pool);
        }
        if let Some(nodes) = tick.nodes.as_ref().filter(|_| self.topics.nodes) {
            self.push(id, "nodes", nodes);
        }
        for news in self.topics.miners.clone() {
            if let Some(news) = tick.miners.get(&news) {
                self.push(id, "miner", news);
            }
        }
    }

    /// Reads what lies between this stream's place and a tick.
    async fn catch_up(&mut self, tick: &Tick) {
        let (from, until) = (self.position, tick.index);
        let query = move |view: &LedgerView<'_>| changes_after(view, from);
        match self.hub.reader.read(None, query).await {
            Ok(At {
                value: Some(mut changes),
                ..
            }) => {
                changes.retain(|change| change.index <= until);
                self.tell(&changes);
                self.position = until;
            }
            _ => self.reset(until, "too_old"),
        }
    }

    /// Tells changes after this stream's place: neighbours of one topic in one message, whose id is
    /// the last one's, so that a client that gets no further knows its place exactly.
    fn tell(&mut self, changes: &[Change]) {
        let is_wanted = |change: &&Change| {
            let is_topic = match change.about {
                About::Blocks => self.topics.blocks,
                About::Payouts => self.topics.payouts,
            };
            is_topic && change.index > self.position
        };
        let wanted: Vec<&Change> = changes.iter().filter(is_wanted).collect();
        for run in wanted.chunk_by(|a, b| a.about == b.about) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else {
                continue;
            };
            let items: Vec<&str> = run.iter().map(|change| change.json.as_str()).collect();
            let name = match first.about {
                About::Blocks => "blocks",
                About::Payouts => "payouts",
            };
            let data = format!("{{\"items\":[{}]}}", items.join(","));
            self.push(Some(last.index), name, &data);
        }
    }

    fn reset(&mut self, index: u64, reason: &'static str) {
        self.position = index;
        self.push(Some(index), "reset", &json(&Reset { index, reason }));
    }

    fn push(&mut self, id: Option<u64>, name: &str, data: &str) {
        let event = Event::default().event(name).data(data);
        self.pending.push_back(match id {
            Some(id) => event.id(id.to_string()),
            None => event,
        });
    }
}

fn json(value: &impl Serialize) -> String {
    // These types have text for keys and nothing else that JSON could not hold.
    serde_json::to_string(value).unwrap_or_default()
}
