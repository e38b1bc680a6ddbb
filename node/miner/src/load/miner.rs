//! One emulated miner: connects, mines by the clock instead of by hashing, and comes back.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::chance::Chance;
use super::config::LoadProtocol;
use super::getwork::Getwork;
use super::mining::Mining;
use super::run::Shared;
use super::session::Session;
use super::stratum::Stratum;
use super::tally::{count, record};
use super::wire::{self, Lost, source_address};

/// Mean pause before a miner whose connection failed tries the next node; miners do not hurry.
const PAUSE: Duration = Duration::from_secs(1);
/// A pool that takes no bytes for this long is as good as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// An emulated miner.
pub(super) struct Emulated {
    shared: Arc<Shared>,
    number: usize,
    chance: Chance,
    /// Which of the pools it is at, or will try next.
    pool: usize,
    was_connected: bool,
}

enum Link {
    Stratum(Stratum),
    // Its buffers would make every stratum miner larger.
    Getwork(Box<Getwork>),
}

/// Why a connection is over.
enum End {
    /// The load is.
    Stopped,
    /// It was time to reconnect.
    Due,
    Lost(Lost),
}

impl Emulated {
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> Self {
        let chance = Chance::new(shared.config.seed, number as u64);
        let pool = number % shared.config.pools.len();
        Self {
            shared,
            number,
            chance,
            pool,
            was_connected: false,
        }
    }

    /// Mines until the load stops.
    pub(super) async fn run(mut self) {
        let shared = self.shared.clone();
        let mut is_first = true;
        loop {
            // Boxed, because what it takes to connect is larger than what it takes to stay.
            let connecting = Box::pin(self.connect());
            let connected = tokio::select! {
                biased;
                () = shared.stop.cancelled() => None,
                connected = connecting => Some(connected),
            };
            if let Some(Ok(_)) = &connected {
                shared.connected.fetch_add(1, Ordering::Relaxed);
            }
            // After it is counted: whoever waits for the last one counts them then.
            if std::mem::take(&mut is_first) {
                shared.has_tried();
            }
            let lost = match connected {
                None => return,
                Some(Err(reason)) => {
                    count(&mut self.tally().connect_failures, &reason);
                    true
                }
                Some(Ok((mut link, mut session))) => {
                    let end = self.serve(&mut link, &mut session).await;
                    shared.connected.fetch_sub(1, Ordering::Relaxed);
                    session.end();
                    match end {
                        End::Stopped => return,
                        End::Due => false,
                        End::Lost(lost) => {
                            count(&mut self.tally().disconnects, &session.reason(lost));
                            true
                        }
                    }
                }
            };
            if lost {
                self.pool = (self.pool + 1) % shared.config.pools.len();
                let pause = PAUSE.mul_f64(0.5 + self.chance.part());
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }

    fn tally(&self) -> parking_lot::MutexGuard<'_, super::tally::Tally> {
        self.shared.tallies[self.number % self.shared.tallies.len()].lock()
    }

    /// A connection with a first job, or why there is none.
    async fn connect(&mut self) -> Result<(Link, Session), String> {
        let shared = self.shared.clone();
        let turn = shared.pace.turn().await;
        let nonce = self.chance.draw();
        let mut session = Session::new(shared.clone(), self.number, self.pool, nonce);
        let opening = timeout(shared.config.connect_timeout, self.open(&mut session)).await;
        let opened = opening.unwrap_or_else(|_| Err(Lost::because("no first job in time")));
        let link = opened.map_err(|lost| session.reason(lost))?;
        let took = turn.due.elapsed();
        let was_connected = std::mem::replace(&mut self.was_connected, true);
        let mut tally = self.tally();
        let times = match was_connected {
            true => &mut tally.reconnects,
            false => &mut tally.connects,
        };
        record(times, took);
        drop(tally);
        Ok((link, session))
    }

    async fn open(&self, session: &mut Session) -> Result<Link, Lost> {
        let config = &self.shared.config;
        let pool = config.pools[self.pool];
        let sources = config.sources();
        let source = (sources > 0).then(|| source_address(self.number % sources));
        let wire = wire::connect(pool, source, self.shared.tls.as_ref()).await?;
        // Miners of one address are not neighbours, so that names are spread over addresses.
        let address = &config.addresses[self.number % config.addresses.len()];
        let worker = format!(
            "load{}",
            self.number / config.addresses.len() % config.workers
        );
        let difficulty = match self.number < config.low_miners() {
            true => config.low_difficulty,
            false => config.difficulty,
        };
        match config.protocol {
            LoadProtocol::Stratum => {
                let password = match (config.password.as_str(), difficulty) {
                    ("", 0) => "x".to_owned(),
                    (password, 0) => password.to_owned(),
                    ("", difficulty) => format!("d={difficulty}"),
                    (password, difficulty) => format!("{password},d={difficulty}"),
                };
                let login = [address.as_str(), worker.as_str(), password.as_str()];
                Stratum::open(wire, session, login).await.map(Link::Stratum)
            }
            LoadProtocol::Getwork => {
                let user = match difficulty {
                    0 => address.clone(),
                    difficulty => format!("{address}+{difficulty}"),
                };
                let login = [user.as_str(), worker.as_str()];
                let opened = Getwork::open(wire, session, &pool.to_string(), login).await;
                opened.map(|link| Link::Getwork(Box::new(link)))
            }
        }
    }

    /// Serves a connection until it, or the load, ends.
    async fn serve(&mut self, link: &mut Link, session: &mut Session) -> End {
        let shared = self.shared.clone();
        let mut stopped = pin!(shared.stop.cancelled());
        let mut begun = pin!(shared.begin.cancelled());
        let mut timer = pin!(tokio::time::sleep(PAUSE));
        let mut mining = Mining::new(&shared.config, &mut self.chance);
        // When to give up waiting for answers, and what then.
        let mut leaving: Option<(Instant, End)> = None;
        loop {
            let messages = match leaving {
                None => mining.due(session, &mut self.chance),
                Some(_) => Vec::new(),
            };
            if !messages.is_empty()
                && let Err(lost) = link.send(messages).await
            {
                return End::Lost(lost);
            }
            if let Err(lost) = link.reply(session).await {
                return End::Lost(lost);
            }
            if session.open() == 0
                && let Some((_, end)) = leaving
            {
                return end;
            }
            let wake = match &leaving {
                Some((until, _)) => *until,
                None => mining.next_wake(session),
            };
            if timer.deadline() != wake {
                timer.as_mut().reset(wake);
            }
            tokio::select! {
                biased;
                () = &mut stopped, if !matches!(leaving, Some((_, End::Stopped))) => {
                    self.tally().overdue += mining.overdue(&mut self.chance);
                    leaving = Some((shared.drain_until(), End::Stopped));
                }
                () = &mut begun, if !mining.has_begun() => mining.begin(&mut self.chance),
                () = &mut timer => match leaving.take() {
                    Some((_, end)) => return end,
                    None if mining.is_time_to_reconnect() => {
                        leaving = Some((shared.drain_until(), End::Due));
                    }
                    None => {}
                },
                heard = link.hear(session) => match heard {
                    Ok(()) => mining.note_room(session),
                    Err(lost) => return End::Lost(lost),
                },
            }
        }
    }
}

impl Link {
    async fn hear(&mut self, session: &mut Session) -> Result<(), Lost> {
        match self {
            Self::Stratum(link) => link.hear(session).await,
            Self::Getwork(link) => link.hear(session).await,
        }
    }

    async fn send(&mut self, messages: Vec<Vec<u8>>) -> Result<(), Lost> {
        let sending = async {
            match self {
                Self::Stratum(link) => link.send(&messages.concat()).await,
                Self::Getwork(link) => link.send(messages).await,
            }
        };
        let sent = timeout(WRITE_TIMEOUT, sending).await;
        sent.unwrap_or_else(|_| Err(Lost::because("the pool takes no data")))
    }

    /// Answers pings.
    async fn reply(&mut self, session: &mut Session) -> Result<(), Lost> {
        match session.replies.is_empty() {
            true => Ok(()),
            false => self.send(vec![std::mem::take(&mut session.replies)]).await,
        }
    }
}
