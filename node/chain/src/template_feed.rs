//! Follows the templates of the daemons, for everyone who makes jobs of them.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{self, Instant, MissedTickBehavior},
};
use tracing::{info, warn};

use crate::{
    address::Address,
    daemon::{Daemon, Template},
    events::{self, Hints},
    rpc::endpoint,
};

/// Without an event connection the chain is watched by asking this often.
const POLL_WITHOUT_EVENTS: Duration = Duration::from_secs(1);
/// A lower template than the current one is believed when it came this many times in a row: once may
/// be a daemon that lags, again and again the chain was rewound.
const LOWER_MAX: u32 = 3;

/// Follows templates: WebSocket events (`new_block_template`, `new_block`) as hints, polling as the truth.
pub struct TemplateFeed;

impl TemplateFeed {
    /// Starts to follow. The receiver always holds the newest template (None until the first); the
    /// feed lives until the last receiver is dropped.
    ///
    /// There is a new value whenever there is something new to mine on, and at least after each
    /// `poll`, with a fresh timestamp. An event address that cannot be used is logged, and polling
    /// does its work. While no event connection is up, and while templates come from elsewhere than
    /// the daemons of this node ([`Daemon::reads_locally`]), the chain is looked at every second.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn start(
        daemons: Arc<dyn Daemon>,
        websocket_urls: Vec<String>,
        pool: Address,
        poll: Duration,
    ) -> watch::Receiver<Option<Arc<Template>>> {
        let (newest, receiver) = watch::channel(None);
        tokio::spawn(follow(daemons, websocket_urls, pool, poll, newest));
        receiver
    }
}

async fn follow(
    daemons: Arc<dyn Daemon>,
    websocket_urls: Vec<String>,
    pool: Address,
    poll: Duration,
    newest: watch::Sender<Option<Arc<Template>>>,
) {
    let hints = Arc::new(Hints::default());
    // Dropped, and thereby stopped, together with this future.
    let mut connections = JoinSet::new();
    for url in websocket_urls {
        match endpoint::websocket_url(&url) {
            Ok(url) => drop(connections.spawn(events::follow(url, hints.clone()))),
            Err(error) => warn!(%error, "templates are polled without the events of this daemon"),
        }
    }
    let mut feed = Feed {
        daemons,
        pool,
        newest: newest.clone(),
        lower: 0,
        is_failing: false,
    };
    tokio::select! {
        () = newest.closed() => {}
        () = feed.run(&hints, poll) => {}
    }
}

struct Feed {
    daemons: Arc<dyn Daemon>,
    pool: Address,
    newest: watch::Sender<Option<Arc<Template>>>,
    /// Templates in a row that were lower than the newest one.
    lower: u32,
    is_failing: bool,
}

impl Feed {
    async fn run(&mut self, hints: &Hints, poll: Duration) {
        let mut ticks = time::interval(poll.min(POLL_WITHOUT_EVENTS).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut published_at: Option<Instant> = None;
        loop {
            let hinted = tokio::select! {
                () = hints.changed.notified() => true,
                _ = ticks.tick() => false,
            };
            let is_due = published_at.is_none_or(|instant| instant.elapsed() >= poll);
            // What did not come, or was not believed, is asked for again before the next event.
            let is_open = self.is_failing || self.lower > 0;
            // A daemon that nobody reads from may well send events, but not those that matter.
            let is_told = hints.is_any_connected() && self.daemons.reads_locally();
            let is_worth_asking = hinted || is_due || is_open || !is_told;
            if is_worth_asking && self.refresh(is_due).await {
                published_at = Some(Instant::now());
            }
        }
    }

    /// Asks for a template; true when it was published.
    async fn refresh(&mut self, is_due: bool) -> bool {
        match self.daemons.template(&self.pool).await {
            Ok(template) => {
                if std::mem::take(&mut self.is_failing) {
                    info!(height = template.height, "there are templates again");
                }
                self.offer(template, is_due)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    warn!(%error, "no template; miners go on with the last one");
                }
                false
            }
        }
    }

    /// Publishes what is new, or due for a fresh timestamp.
    fn offer(&mut self, template: Template, is_due: bool) -> bool {
        let current = self.newest.borrow().clone();
        if let Some(current) = current {
            if template.height < current.height && self.lower + 1 < LOWER_MAX {
                self.lower += 1;
                return false;
            }
            // A reward that became known does not make miners start over: it comes with the next
            // template.
            let is_same_work = template.work_hash == current.work_hash
                && template.difficulty == current.difficulty
                && template.algorithm == current.algorithm;
            if is_same_work && !is_due {
                self.lower = 0;
                return false;
            }
        }
        self.lower = 0;
        self.newest.send_replace(Some(Arc::new(template)));
        true
    }
}

#[cfg(test)]
mod tests;
