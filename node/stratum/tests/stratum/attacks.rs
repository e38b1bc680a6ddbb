//! Attacks of all kinds, with honest miners beside them: every honest share is accepted, and the
//! attackers are shut out (promise P9). `benches/attack.rs` measures what the attacks cost.

use std::time::Duration;

use raftpool_stratum::{Encryption, Speaks, StratumConfig};

use crate::harness::attack::{Attack, Attackers, Honest};
use crate::harness::*;

const HONEST: u8 = 4;
const SHARES: u32 = 25;

/// Bounds that are reached soon.
fn strict(config: StratumConfig) -> StratumConfig {
    let mut config = StratumConfig {
        hello_timeout_ms: 500,
        connections_per_ip_max: 20,
        connects_per_minute_per_ip_max: 60,
        ..config
    };
    config.bans.shares_min = 5;
    config.bans.garbage_per_ip = 10;
    config
}

/// Honest miners work while the attack goes on, until it is `shut_out`.
async fn honest_miners_bear(
    pool: &Pool,
    attack: Attack,
    addresses: u8,
    connections: usize,
    shut_out: impl Fn(&Pool) -> bool,
) {
    let mut honest = Vec::new();
    for number in 0..HONEST {
        honest.push(Honest::connect(pool.address(), number).await);
    }
    // The last listener is the attackers'.
    let door = pool.server.local_addresses().last().copied().unwrap();
    let attackers = Attackers::start(door, attack, addresses, connections);
    let attempts = u64::from(addresses);
    until("the attack has begun", || attackers.attempts() >= attempts).await;
    let work = honest.into_iter().map(|mut miner| async move {
        for _ in 0..SHARES {
            miner.share().await.unwrap();
        }
        miner
    });
    let work = futures_util::future::join_all(work);
    let mut honest = tokio::time::timeout(DEADLINE, work)
        .await
        .unwrap_or_else(|_| panic!("{attack:?} keeps honest miners from working"));
    until("the attackers are shut out", || shut_out(pool)).await;
    drop(attackers);
    // A new miner is let in as soon as the verifiers are through, and those who are there have not
    // been harmed.
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        assert!(tokio::time::Instant::now() < deadline, "never let in");
        if let Some(miner) = Honest::try_connect(pool.address(), HONEST).await {
            honest.push(miner);
            break;
        }
    }
    for miner in &mut honest {
        miner.share().await.unwrap();
    }
    let workers = usize::from(HONEST) + 1;
    let banned = |name: &str| pool.read(|view| view.ban(OTHER_MINER, name, 0)).is_some();
    assert!((0..workers).all(|number| !banned(&format!("honest-{number}"))));
    let credited = pool.ledger_miner(OTHER_MINER).unwrap().shares;
    // The first share of each, those beside the attack, and the last one.
    let wanted = u64::from(HONEST) * u64::from(SHARES + 2) + 2;
    assert_eq!(credited, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_shares_of_one_address() {
    let pool = Pool::with(strict(config())).await;
    honest_miners_bear(&pool, Attack::InvalidShares, 1, 10, |pool| {
        pool.metric("bans_total", Some("worker")) >= 3.0
            && pool.metric("bans_total", Some("ip")) == 1.0
            && pool.metric("connections_refused_total", Some("banned")) > 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_shares_of_two_hundred_addresses() {
    let mut config = strict(config());
    config.bans.shares_min = 2;
    let pool = Pool::with(config).await;
    honest_miners_bear(&pool, Attack::InvalidShares, 200, 1, |pool| {
        pool.metric("bans_total", Some("worker")) >= 40.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_good_share_again_and_again() {
    let pool = Pool::with(strict(config())).await;
    honest_miners_bear(&pool, Attack::DuplicateShares, 1, 10, |pool| {
        pool.metric("bans_total", Some("worker")) >= 3.0
    })
    .await;
}

/// Shares of an old job cost a hash each and speak against nobody: the bounds have to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_of_a_job_that_becomes_old() {
    let pool = Pool::with(strict(config())).await;
    let bear = honest_miners_bear(&pool, Attack::StaleShares, 1, 10, |pool| {
        pool.metric("shares_total", Some("stale")) >= 100.0
    });
    let heights = async {
        // So slow that honest miners are never late.
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        for height in 100.. {
            ticks.tick().await;
            pool.new_template(template(height));
        }
    };
    tokio::select! {
        () = bear => {}
        () = heights => unreachable!("the chain goes on"),
    }
    assert_eq!(pool.metric("bans_total", None), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_works_over_getwork() {
    let mut config = strict(config());
    let mut getwork = tls::listener(Encryption::Plain);
    getwork.speaks = Speaks::Getwork;
    config.listeners.push(getwork);
    let pool = Pool::with(config).await;
    honest_miners_bear(&pool, Attack::GetworkShares, 1, 10, |pool| {
        pool.metric("bans_total", Some("worker")) >= 3.0
            && pool.metric("bans_total", Some("ip")) == 1.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_request_and_nothing_more() {
    let pool = Pool::with(strict(config())).await;
    honest_miners_bear(&pool, Attack::SlowLoris, 20, 30, |pool| {
        pool.metric("disconnects_total", Some("hello")) >= 100.0
            && pool.metric("connections_refused_total", None) >= 100.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_mebibyte() {
    let pool = Pool::with(strict(config())).await;
    honest_miners_bear(&pool, Attack::LongLines, 10, 5, |pool| {
        pool.metric("disconnects_total", Some("oversized")) >= 50.0
            && pool.metric("bans_total", Some("ip")) == 10.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brackets_in_brackets() {
    let pool = Pool::with(strict(config())).await;
    honest_miners_bear(&pool, Attack::DeepJson, 10, 5, |pool| {
        pool.metric("disconnects_total", Some("malformed")) >= 50.0
            && pool.metric("bans_total", Some("ip")) == 10.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_closed_at_once() {
    let pool = Pool::with(strict(config())).await;
    honest_miners_bear(&pool, Attack::ConnectStorm, 5, 5, |pool| {
        pool.metric("connections_refused_total", Some("too_fast")) >= 100.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn greetings_of_tls_with_nonsense_behind() {
    let files = tls::Files::new();
    let pool = Pool::with(strict(tls::over_tls(Encryption::Both, &files))).await;
    honest_miners_bear(&pool, Attack::TlsGarbage, 10, 5, |pool| {
        pool.metric("disconnects_total", Some("tls")) >= 50.0
            && pool.metric("bans_total", Some("ip")) == 10.0
    })
    .await;
}
