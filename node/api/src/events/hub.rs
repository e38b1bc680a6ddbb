//! The one task that reads for all streams, once a second while something changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use raftpool_ledger::StateError;
use raftpool_ledger::cluster::ClusterEvent;
use raftpool_ledger::view::{self, LedgerView};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::changes::{Change, changes_after};
use crate::control::ClusterControl;
use crate::dto::cluster::Nodes;
use crate::dto::event::MinerNews;
use crate::dto::miner::{Miner, Worker};
use crate::dto::pool::Pool;
use crate::reading::{At, Reader};
use crate::server::connections::Connections;
use crate::summary::PoolKept;

/// Between two reads: one message a second and topic.
const TICK: Duration = Duration::from_secs(1);

/// Between two looks at the nodes, which asks all of them.
const NODES_EVERY: Duration = Duration::from_secs(5);

/// Ticks that are kept for streams whose client does not read: about a minute.
const TICKS_KEPT: usize = 64;

/// Workers of one piece of news.
const WORKERS_MAX: usize = 100;

/// Before a stream's first look at a miner, work of so long counts as new.
const NEWS_MS: u64 = 600_000;

/// What streams share.
pub(crate) struct Hub {
    pub(super) reader: Reader,
    /// The pool, read once for streams and for whoever asks otherwise.
    pub(super) pool: Arc<PoolKept>,
    pub(super) ticks: broadcast::Sender<Arc<Tick>>,
    /// Addresses that streams are about, with their number.
    watched: Mutex<HashMap<String, usize>>,
    /// The nodes as they were seen last, as JSON; empty before the first look.
    pub(super) nodes: watch::Sender<Arc<str>>,
    /// Base URLs of the nodes' APIs.
    api_urls: watch::Sender<Vec<String>>,
    /// Places of the streams.
    pub(super) places: Connections,
    /// The running program and its pages.
    pub(super) build: String,
    /// Longest life of a stream.
    pub(super) stream_age_max: Duration,
    pub(super) stopped: watch::Receiver<bool>,
}

/// What changed up to an index.
pub(super) struct Tick {
    /// The index of the tick before.
    pub(super) from: u64,
    /// What is told up to here.
    pub(super) index: u64,
    /// In the order of the log.
    pub(super) changes: Vec<Change>,
    /// The pool, as JSON; none while nobody listens.
    pub(super) pool: Option<Arc<str>>,
    /// The nodes, as JSON, when they were looked at.
    pub(super) nodes: Option<Arc<str>>,
    /// News of the miners that streams are about, as JSON, by address.
    pub(super) miners: HashMap<String, Arc<str>>,
}

/// How a miner was at the last look.
#[derive(Clone, PartialEq, Eq)]
struct Known {
    shares: u64,
    money: [u64; 4],
    last_share_ms: u64,
}

impl Hub {
    /// Begins to read; ends when `stopped` changes.
    pub(crate) fn start(
        reader: Reader,
        pool: Arc<PoolKept>,
        control: Arc<dyn ClusterControl>,
        places: Connections,
        build: String,
        stream_age_max: Duration,
        stopped: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let hub = Arc::new(Self {
            reader,
            pool,
            ticks: broadcast::Sender::new(TICKS_KEPT),
            watched: Mutex::default(),
            nodes: watch::Sender::new("".into()),
            api_urls: watch::Sender::default(),
            places,
            build,
            stream_age_max,
            stopped: stopped.clone(),
        });
        tokio::spawn(Arc::clone(&hub).run(stopped.clone()));
        tokio::spawn(Arc::clone(&hub).look_at_nodes(control, stopped));
        hub
    }

    /// Base URLs of the nodes' APIs, as browsers reach them, as they were seen last.
    pub(crate) fn api_urls(&self) -> Vec<String> {
        self.api_urls.borrow().clone()
    }

    async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        // A node that has just started has nothing to tell yet, and others to read for.
        let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut events = self.reader.events();
        // Up to where the log is applied, and was when it was read last.
        let (mut applied, mut read_up_to) = (0, None);
        let mut position = None;
        let mut known = HashMap::new();
        let mut nodes = self.nodes.subscribe();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                event = events.next() => match event {
                    Some(ClusterEvent::Applied { index }) => {
                        applied = index;
                        continue;
                    }
                    Some(ClusterEvent::Leadership(_)) => continue,
                    None => return,
                },
                _ = stopped.changed() => return,
            }
            let seen = nodes.has_changed().unwrap_or(false);
            let seen = seen.then(|| nodes.borrow_and_update().clone());
            match position.filter(|_| read_up_to == Some(applied)) {
                Some(index) if seen.is_some() => self.tell(index, 0, Looked::quiet(index), seen),
                Some(_) => {}
                None => {
                    let up_to = applied;
                    if let Some(index) = self.tick(position, &mut known, seen).await {
                        position = Some(index);
                        read_up_to = Some(up_to);
                    }
                }
            }
        }
    }

    /// Reads what changed and tells it; gives the new position unless the read failed.
    async fn tick(
        &self,
        position: Option<u64>,
        known: &mut HashMap<String, Known>,
        nodes: Option<Arc<str>>,
    ) -> Option<u64> {
        let watched: Vec<String> = lock(&self.watched).keys().cloned().collect();
        known.retain(|address, _| watched.contains(address));
        let (before, is_heard) = (known.clone(), self.ticks.receiver_count() > 0);
        let pool = Arc::clone(&self.pool);
        let query = move |view: &LedgerView<'_>| {
            // Of the newest command: entries without one change nothing, and are told of by nobody.
            let index = view.index()?;
            if position == Some(index) {
                return Ok((index, None));
            }
            let from = position.unwrap_or(index);
            let looked = look(view, from, &watched, before, is_heard.then_some(&*pool))?;
            Ok((index, Some(looked)))
        };
        // A node that is busy tells it a second later, and one whose ledger is gone logs it.
        let read = self.reader.read(None, query).await.ok()?;
        let (index, looked) = read.value;
        let Some(looked) = looked else {
            if nodes.is_some() {
                self.tell(index, read.ledger_time_ms, Looked::quiet(index), nodes);
            }
            return Some(index);
        };
        known.clone_from(&looked.known);
        self.tell(index, read.ledger_time_ms, looked, nodes);
        Some(index)
    }

    fn tell(&self, index: u64, ledger_time_ms: u64, looked: Looked, nodes: Option<Arc<str>>) {
        let pool = looked.pool.and_then(|value| {
            let at = At {
                index,
                ledger_time_ms,
                value,
            };
            serde_json::to_string(&at).ok().map(Arc::from)
        });
        let miners = looked.news.into_iter().filter_map(|news| {
            let text = serde_json::to_string(&news).ok()?;
            Some((news.address, Arc::from(text)))
        });
        // Without a stream nobody hears it.
        let _ = self.ticks.send(Arc::new(Tick {
            from: looked.from,
            index,
            changes: looked.changes,
            pool,
            nodes,
            miners: miners.collect(),
        }));
    }

    /// Looks at the nodes now and then: pages may go to any of them, and streams tell of them.
    async fn look_at_nodes(
        self: Arc<Self>,
        control: Arc<dyn ClusterControl>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut ticks = tokio::time::interval(NODES_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.changed() => return,
            }
            let nodes = Nodes::from(control.status().await);
            let urls = nodes.items.iter().filter_map(|node| node.api_url.clone());
            let urls: Vec<_> = urls.collect();
            // A node that is away for a moment is one that pages should still try.
            if !urls.is_empty() {
                self.api_urls.send_modify(|known| {
                    known.extend(urls);
                    known.sort_unstable();
                    known.dedup();
                });
            }
            if let Ok(text) = serde_json::to_string(&nodes) {
                self.nodes.send_replace(text.into());
            }
        }
    }

    /// Has the hub look at miners until the answer is dropped.
    pub(super) fn watch(self: &Arc<Self>, addresses: &[String]) -> Watched {
        let mut watched = lock(&self.watched);
        for address in addresses {
            *watched.entry(address.clone()).or_default() += 1;
        }
        Watched {
            hub: Arc::clone(self),
            addresses: addresses.to_vec(),
        }
    }
}

/// Addresses that one stream is about.
pub(super) struct Watched {
    hub: Arc<Hub>,
    addresses: Vec<String>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watched = lock(&self.hub.watched);
        for address in &self.addresses {
            match watched.get_mut(address) {
                Some(streams) if *streams > 1 => *streams -= 1,
                _ => {
                    watched.remove(address);
                }
            }
        }
    }
}

/// The counts are never left half changed, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one read found.
struct Looked {
    /// The changes are all there are after this index.
    from: u64,
    changes: Vec<Change>,
    pool: Option<Pool>,
    news: Vec<MinerNews>,
    known: HashMap<String, Known>,
}

fn look(
    view: &LedgerView<'_>,
    from: u64,
    watched: &[String],
    before: HashMap<String, Known>,
    pool: Option<&PoolKept>,
) -> Result<Looked, StateError> {
    // So much in a second happens only after a snapshot; streams notice it by the gap.
    let (from, changes) = match changes_after(view, from)? {
        Some(changes) => (from, changes),
        None => (view.index()?, Vec::new()),
    };
    let mut looked = Looked {
        from,
        changes,
        // Counted anew: nobody may be told anything after this for a long time.
        pool: pool
            .map(|kept| kept.read(view, Some(view.index()?)))
            .transpose()?,
        news: Vec::new(),
        known: before,
    };
    let window_score = view.totals()?.window_score;
    for address in watched {
        let Some(miner) = view.miner(address)? else {
            continue;
        };
        let now = Known::of(&miner);
        let last = looked.known.get(address);
        if last == Some(&now) {
            continue;
        }
        let since_ms = last.map_or_else(
            || now.last_share_ms.saturating_sub(NEWS_MS),
            |last| last.last_share_ms,
        );
        let news = news_of(view, address, Some(miner), window_score, since_ms)?;
        looked.news.push(news);
        looked.known.insert(address.clone(), now);
    }
    Ok(looked)
}

impl Looked {
    /// Nothing happened.
    fn quiet(index: u64) -> Self {
        Self {
            from: index,
            changes: Vec::new(),
            pool: None,
            news: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl Known {
    fn of(miner: &view::Miner) -> Self {
        Self {
            shares: miner.shares,
            money: [
                miner.balance_atomic,
                miner.in_flight_atomic,
                miner.paid_atomic,
                miner.earned_atomic,
            ],
            last_share_ms: miner.last_share_ms,
        }
    }
}

/// How a miner is now, for a stream that has just begun.
pub(super) fn first_news(view: &LedgerView<'_>, address: &str) -> Result<MinerNews, StateError> {
    let (miner, window_score) = (view.miner(address)?, view.totals()?.window_score);
    let since_ms = view.time_ms()?.saturating_sub(NEWS_MS);
    news_of(view, address, miner, window_score, since_ms)
}

fn news_of(
    view: &LedgerView<'_>,
    address: &str,
    miner: Option<view::Miner>,
    window_score: u128,
    since_ms: u64,
) -> Result<MinerNews, StateError> {
    // The ledger bounds the workers of one miner, so this read is bounded as well.
    let mut workers = view.workers(address, None, usize::MAX)?;
    workers.retain(|worker| worker.last_share_ms > 0 && worker.last_share_ms >= since_ms);
    workers.sort_by_key(|worker| std::cmp::Reverse(worker.last_share_ms));
    workers.truncate(WORKERS_MAX);
    Ok(MinerNews {
        index: view.index()?,
        ledger_time_ms: view.time_ms()?,
        address: address.to_owned(),
        miner: miner.map(|miner| Miner::new(miner, window_score)),
        workers: workers.into_iter().map(Worker::from).collect(),
    })
}

/// When a stream that begins now has to end.
pub(super) fn end_of(hub: &Hub) -> Instant {
    Instant::now() + hub.stream_age_max
}
