//! Scripted miners spread over the nodes, who come back after every break, as many sites do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::places::Places;
use super::tally::{Tallies, Tally};
use crate::cluster::{ClusterPool, Member};
use crate::miner::ScriptedMiner;
use crate::names;
use crate::processes::{DEADLINE, MINERS};
use crate::story::credited_by_worker;
use crate::wait;

/// Longest wait for a connection with its first job.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Longest wait for a message before looking at the clock again.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(86_400);
/// Pause before another node is tried.
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);
/// How long a settled miner waits for an answer before it takes the pool for dead.
const SETTLED_PATIENCE: Duration = Duration::from_secs(3);
/// Longest wait for open answers at the end of a session; the pool itself gives up after 10 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(12);

/// How much is mined.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Connections.
    pub miners: u64,
    /// Shares of one connection without an answer, at most.
    pub depth: u64,
    /// Shares of one connection per second, at most.
    pub shares_per_second: u64,
    /// Password of the miners; "d=1" makes every hash a share.
    pub password: &'static str,
    /// Who they are.
    pub habit: Habit,
}

/// How miners choose a node, and how long they stay.
#[derive(Debug, Clone)]
pub enum Habit {
    /// Any node that runs, for some seconds each time.
    Wandering,
    /// Whatever node the pool's name points to, by these name servers, until the connection
    /// breaks or answers do not come for some seconds.
    Settled {
        /// The pool's name servers.
        name_servers: Vec<SocketAddr>,
        /// The pool's name.
        name: &'static str,
        /// The port of the nodes for miners.
        port: u16,
    },
}

/// Running miners.
pub struct Load {
    stop: watch::Sender<bool>,
    miners: JoinSet<()>,
    /// What they were told so far.
    pub tallies: Tallies,
    /// Where each of them is.
    pub places: Places,
}

impl Load {
    /// Starts miners on all nodes of a pool.
    pub fn start(pool: &Arc<ClusterPool>, options: &LoadOptions, seed: u64) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (tallies, places) = (Tallies::default(), Places::default());
        let mut miners = JoinSet::new();
        for number in 0..options.miners {
            let site = Site {
                pool: pool.clone(),
                options: options.clone(),
                number,
                tallies: tallies.clone(),
                places: places.clone(),
                stopped: stopped.clone(),
                random: StdRng::seed_from_u64(seed ^ number),
            };
            miners.spawn(site.run());
        }
        Self {
            stop,
            miners,
            tallies,
            places,
        }
    }

    /// Waits until `count` further shares are accepted; returns whether they were in time.
    pub async fn progresses(&self, count: u64, deadline: Duration) -> bool {
        let wanted = self.tallies.total().accepted + count;
        let until = Instant::now() + deadline;
        while self.tallies.total().accepted < wanted {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        true
    }

    /// Has the miners stop, waits until these nodes have booked what the miners were told, neither
    /// more nor less, and returns that.
    ///
    /// # Errors
    /// When the books of a node do not fit in time.
    pub async fn stop_and_compare(self, nodes: &[Arc<Member>]) -> Result<Tally> {
        let tallies = self.stop().await;
        for node in nodes {
            wait::until("the books have every share", DEADLINE, || async {
                let mut wrong = Vec::new();
                for miner in MINERS {
                    let credited = credited_by_worker(&node.process, miner).await?;
                    wrong.extend(tallies.judge(miner, &credited));
                }
                ensure!(wrong.is_empty(), "node {}: {wrong:?}", node.id);
                Ok(Some(()))
            })
            .await?;
        }
        let told = tallies.total();
        println!("the miners were told: {told:?}");
        Ok(told)
    }

    /// Has the miners stop, and waits until every share has its answer or never will.
    pub async fn stop(mut self) -> Tallies {
        self.stop.send_replace(true);
        while self.miners.join_next().await.is_some() {}
        self.tallies
    }
}

/// One miner, who has one connection at a time.
struct Site {
    pool: Arc<ClusterPool>,
    options: LoadOptions,
    number: u64,
    tallies: Tallies,
    places: Places,
    stopped: watch::Receiver<bool>,
    random: StdRng,
}

impl Site {
    async fn run(mut self) {
        let address = MINERS[usize::from(self.number % 2 == 1)];
        let mut session = 0_u64;
        while !self.is_stopped() {
            session += 1;
            // Every other site is a new worker with each connection, so that a lost share of one
            // cannot be hidden by a doubled one of another; the rest keep their standing.
            let worker = match self.number % 4 < 2 {
                true => format!("site{}", self.number),
                false => format!("site{}-{session}", self.number),
            };
            if let Some(node) = self.choose_node().await {
                let password = self.options.password;
                let connect = ScriptedMiner::connect(node, address, &worker, password);
                let connected = tokio::time::timeout(CONNECT_TIMEOUT, connect).await;
                if let Ok(Ok(miner)) = connected {
                    self.mine(miner, node, address, &worker).await;
                }
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    /// A node to connect to.
    async fn choose_node(&mut self) -> Option<SocketAddr> {
        let Habit::Settled {
            name_servers,
            name,
            port,
        } = &self.options.habit
        else {
            return self.any_node();
        };
        let mut servers = name_servers.clone();
        servers.shuffle(&mut self.random);
        let found = names::resolve(&servers, name).await.ok()?;
        // Miners take the first address.
        found.first().map(|ip| (*ip, *port).into())
    }

    /// A node that serves miners at present.
    fn any_node(&mut self) -> Option<SocketAddr> {
        let members = self.pool.members();
        let serving: Vec<SocketAddr> = members
            .iter()
            .filter_map(|member| member.process.stratum())
            .collect();
        serving.choose(&mut self.random).copied()
    }

    /// Mines until the connection breaks or the session is over.
    async fn mine(
        &mut self,
        mut miner: ScriptedMiner,
        node: SocketAddr,
        address: &str,
        worker: &str,
    ) {
        let mut end = Instant::now() + self.stay();
        let patience = self.patience();
        let mut heard = Instant::now();
        let pace = Duration::from_micros(1_000_000 / self.options.shares_per_second);
        let (mut told, mut next_share) = (Told::default(), Instant::now());
        loop {
            let now = Instant::now();
            if self.is_stopped() {
                end = end.min(now);
            }
            if now >= end && (miner.unanswered() == 0 || now > end + DRAIN_TIMEOUT) {
                break;
            }
            if miner.unanswered() == 0 {
                heard = now;
            } else if now > heard + patience {
                break;
            }
            let mut wait = LOOK_INTERVAL;
            if now < end && miner.unanswered() < self.options.depth {
                if now >= next_share {
                    next_share = now.max(next_share + pace);
                    if miner.submit_fresh(1).await.is_err() {
                        // Answers that came before the break can still be read.
                        end = now;
                    }
                }
                wait = next_share.saturating_duration_since(now).min(wait);
            }
            let read = miner.read_within(wait).await;
            let news = told.news(&miner);
            if news.accepted > 0 {
                self.places.note(self.number, node);
            }
            self.tallies.add(address, worker, news);
            match read {
                // Only an answer counts: jobs come also while nothing can be stored.
                Ok(Some(message)) if message["method"].is_null() => heard = Instant::now(),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let unanswered = Tally {
            unknown: miner.unanswered(),
            ..Tally::default()
        };
        self.tallies.add(address, worker, unanswered);
    }

    /// How long a silent pool is waited for; some miners go elsewhere soon, and never learn what
    /// became of their shares.
    fn patience(&mut self) -> Duration {
        if !matches!(self.options.habit, Habit::Wandering) {
            return SETTLED_PATIENCE;
        }
        match self.random.random_bool(0.3) {
            true => Duration::from_millis(self.random.random_range(300..2_000)),
            false => DRAIN_TIMEOUT,
        }
    }

    fn stay(&mut self) -> Duration {
        match self.options.habit {
            Habit::Wandering => Duration::from_secs(self.random.random_range(2..10)),
            Habit::Settled { .. } => FOR_EVER,
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }
}

/// What of a connection's answers was counted already.
#[derive(Default)]
struct Told {
    accepted: u64,
    errors: usize,
}

impl Told {
    fn news(&mut self, miner: &ScriptedMiner) -> Tally {
        let mut tally = Tally {
            accepted: miner.accepted - self.accepted,
            ..Tally::default()
        };
        for message in &miner.refused[self.errors..] {
            tally.count_error(message);
        }
        (self.accepted, self.errors) = (miner.accepted, miner.refused.len());
        tally
    }
}
