use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    daemon_client::DaemonClient,
    testing::{DEADLINE, FakeDaemon, Reply, eventually, pool, refused_url, soon},
};

const QUICK: HealthSettings = HealthSettings {
    interval: Duration::from_millis(10),
    deadline: Duration::from_secs(5),
    behind_max: 8,
};
/// Checks once and then not again within a test.
const ONCE: HealthSettings = HealthSettings {
    interval: DEADLINE,
    ..QUICK
};

fn client(url: &str, timeout: Duration) -> Arc<dyn Daemon> {
    Arc::new(DaemonClient::new(url, Network::Devnet, timeout).expect("a plain URL"))
}

async fn start(urls: &[&str], settings: HealthSettings) -> Arc<DaemonSet> {
    let daemons = urls
        .iter()
        .map(|url| client(url, Duration::from_secs(2)))
        .collect();
    let set = DaemonSet::start_with(daemons, Network::Devnet, settings);
    soon("the first checks", set.board.wait_until_checked()).await;
    set
}

async fn two(settings: HealthSettings) -> (FakeDaemon, FakeDaemon, Arc<DaemonSet>) {
    let (first, second) = (FakeDaemon::start().await, FakeDaemon::start().await);
    let set = start(&[&first.endpoint.url, &second.endpoint.url], settings).await;
    (first, second, set)
}

fn is_healthy(set: &DaemonSet) -> Vec<bool> {
    set.health().iter().map(|health| health.healthy).collect()
}

fn problem(set: &DaemonSet, index: usize) -> String {
    set.health()[index].problem.clone().unwrap_or_default()
}

/// Asks both kinds of things; the nonce tells which daemon answered.
async fn nonce(set: &DaemonSet) -> u64 {
    set.nonce(&pool()).await.expect("a healthy daemon")
}

#[tokio::test]
async fn reads_go_to_the_first_fail_over_and_return() {
    let (first, second, set) = two(QUICK).await;
    first.set(|state| state.nonce = 1);
    second.set(|state| state.nonce = 2);
    assert_eq!(nonce(&set).await, 1);

    first.set(|state| state.trouble = Some(Reply::Raw(503, b"starting".to_vec())));
    assert_eq!(nonce(&set).await, 2, "without waiting for a health check");
    eventually("the first is unhealthy", || {
        is_healthy(&set) == [false, true]
    })
    .await;
    assert!(
        problem(&set, 0).contains("HTTP status 503: starting"),
        "{}",
        problem(&set, 0)
    );
    assert_eq!(set.health()[0].height, None);
    // It has no opinion now, and is missed.
    let missing = set.missing_opinions();
    assert_eq!((set.opinions().len(), missing.len()), (1, 1));
    assert_eq!(missing[0].0, set.health()[0].name);

    first.set(|state| state.trouble = None);
    eventually("the first is back", || is_healthy(&set) == [true, true]).await;
    assert_eq!(nonce(&set).await, 1);
    assert_eq!(set.health()[0].height, Some(100));
    assert!(set.missing_opinions().is_empty());
}

#[tokio::test]
async fn a_call_that_hangs_or_babbles_fails_over_and_is_remembered() {
    for trouble in [Reply::Never, Reply::Raw(200, b"<html>".to_vec())] {
        let (first, second) = (FakeDaemon::start().await, FakeDaemon::start().await);
        second.set(|state| state.nonce = 2);
        let daemons = vec![
            client(&first.endpoint.url, Duration::from_millis(300)),
            client(&second.endpoint.url, Duration::from_secs(5)),
        ];
        let set = DaemonSet::start_with(daemons, Network::Devnet, ONCE);
        soon("the first checks", set.board.wait_until_checked()).await;
        first.set(|state| state.trouble = Some(trouble));
        assert_eq!(nonce(&set).await, 2);
        let asked = first.endpoint.requests().len();
        assert_eq!(nonce(&set).await, 2);
        assert_eq!(
            first.endpoint.requests().len(),
            asked,
            "the next call knows"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_asked_elsewhere_but_is_no_sickness() {
    let (first, second, set) = two(ONCE).await;
    first.set(|state| state.trouble = Some(Reply::error(-32603, "INTERNAL", "no")));
    second.set(|state| state.nonce = 2);
    assert_eq!(nonce(&set).await, 2);
    assert_eq!(is_healthy(&set), [true, true]);
    second.set(|state| state.trouble = Some(Reply::error(-32603, "INTERNAL", "second")));
    let error = set.info().await.expect_err("both refuse");
    assert!(matches!(error, ChainError::Rpc { .. }), "{error:?}");
}

#[tokio::test]
async fn another_network_is_named_and_never_used() {
    let (wrong, right) = (FakeDaemon::start().await, FakeDaemon::start().await);
    wrong.set(|state| {
        state.network = Network::Testnet;
        state.height = 1_000_000;
    });
    let set = start(&[&wrong.endpoint.url, &right.endpoint.url], ONCE).await;
    let expected = format!(
        "daemon {} is on testnet, the pool is configured for devnet",
        set.health()[0].name
    );
    assert_eq!(problem(&set, 0), expected);
    assert_eq!(
        is_healthy(&set),
        [false, true],
        "its height is no measure for others"
    );
    let template = set.template(&pool()).await.expect("the right one");
    set.submit_block(&template.header)
        .await
        .expect("the right one");
    set.submit_transaction(&[1]).await.expect("the right one");
    let used: Vec<String> = wrong
        .endpoint
        .requests()
        .iter()
        .map(|request| request["method"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(used, ["get_info"]);
}

#[tokio::test]
async fn a_trait_object_on_another_network_is_refused_too() {
    let fake = FakeDaemon::start().await;
    let daemon = client(&fake.endpoint.url, DEADLINE);
    let set = DaemonSet::start_with(vec![daemon], Network::Mainnet, ONCE);
    let error = set
        .info()
        .await
        .expect_err("the client is for devnet, the set for mainnet");
    assert!(
        error
            .to_string()
            .contains("is on devnet, the pool is configured for mainnet"),
        "{error}"
    );
}

#[tokio::test]
async fn a_daemon_behind_the_list_or_behind_its_peers_is_not_read() {
    let (first, second, set) = two(QUICK).await;
    first.set(|state| state.height = 100);
    second.set(|state| state.height = 108);
    eventually("the second moved", || set.health()[1].height == Some(108)).await;
    assert_eq!(is_healthy(&set), [true, true], "eight behind is usual");
    second.set(|state| state.height = 109);
    eventually("the first is too far behind", || {
        is_healthy(&set) == [false, true]
    })
    .await;
    assert!(
        problem(&set, 0).contains("topoheight 100"),
        "{}",
        problem(&set, 0)
    );
    assert_eq!(set.info().await.expect("the second").height, 109);

    first.set(|state| state.height = 109);
    eventually("the first caught up", || is_healthy(&set) == [true, true]).await;
    first.set(|state| state.peers_topoheight = Some(118));
    eventually("the peers are ahead", || is_healthy(&set) == [false, true]).await;
    assert!(
        problem(&set, 0).contains("still syncing"),
        "{}",
        problem(&set, 0)
    );
}

#[tokio::test]
async fn without_a_healthy_daemon_every_problem_is_listed() {
    let refused = refused_url().await;
    let syncing = FakeDaemon::start().await;
    syncing.set(|state| state.peers_topoheight = Some(5000));
    let set = start(&[&refused, &syncing.endpoint.url], ONCE).await;
    let error = set
        .execution(Hash([1; 32]))
        .await
        .expect_err("nobody to ask");
    let ChainError::NoHealthyDaemon { problems } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(problems.len(), 2);
    let text = error.to_string();
    assert!(
        text.contains("cannot be reached") && text.contains("refused"),
        "{text}"
    );
    assert!(
        text.contains("at topoheight 100, its peers at 5000"),
        "{text}"
    );
    assert!(!error.is_ambiguous());
    for error in [
        set.is_pending(Hash([1; 32])).await.map(drop),
        set.nonce(&pool()).await.map(drop),
        set.stable_nonce(&pool()).await.map(drop),
        set.block(Hash([1; 32])).await.map(drop),
    ] {
        assert!(matches!(error, Err(ChainError::NoHealthyDaemon { .. })));
    }
    let none = DaemonSet::start(Vec::new(), Network::Devnet);
    let error = none.info().await.expect_err("no daemons");
    assert_eq!(error.to_string(), "no healthy daemon: none is configured");
}

#[tokio::test]
async fn a_block_goes_to_all_and_one_acceptance_is_enough() {
    let (first, second, set) = two(QUICK).await;
    let template = set.template(&pool()).await.expect("a template");
    first.set(|state| state.submit = Reply::error(-32004, "INVALID_TIPS", "no such tip"));
    let answer = set.submit_block(&template.header).await.expect("an answer");
    assert_eq!(answer, SubmitBlockAnswer::Accepted);
    eventually("both got it", || {
        first.endpoint.count("submit_block") == 1 && second.endpoint.count("submit_block") == 1
    })
    .await;

    second.set(|state| {
        state.submit = Reply::error(-32004, "ALREADY_IN_CHAIN", "Block is already in chain")
    });
    let answer = set.submit_block(&template.header).await.expect("an answer");
    assert_eq!(answer, SubmitBlockAnswer::AlreadyInChain);
    second.set(|state| state.submit = Reply::error(-32004, "INVALID_TIPS", "neither"));
    let answer = set.submit_block(&template.header).await.expect("an answer");
    assert!(matches!(answer, SubmitBlockAnswer::Refused { .. }));
}

#[tokio::test]
async fn the_others_get_a_block_although_the_first_hangs_or_nobody_waits() {
    let (first, second, set) = two(ONCE).await;
    let template = set.template(&pool()).await.expect("a template");
    first.set(|state| state.submit = Reply::Never);
    let answer = soon("the second's answer", set.submit_block(&template.header)).await;
    assert_eq!(answer.expect("an answer"), SubmitBlockAnswer::Accepted);

    let given_up = tokio::time::timeout(Duration::ZERO, set.submit_block(&template.header)).await;
    assert!(given_up.is_err());
    eventually("both got it again", || {
        first.endpoint.count("submit_block") == 2 && second.endpoint.count("submit_block") == 2
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_to_a_block_is_open() {
    let (first, second, set) = two(ONCE).await;
    let template = set.template(&pool()).await.expect("a template");
    first.set(|state| state.submit = Reply::Raw(200, Vec::new()));
    second.set(|state| state.submit = Reply::error(-32004, "INVALID_TIPS", "no such tip"));
    let error = set
        .submit_block(&template.header)
        .await
        .expect_err("one answer is lost");
    assert!(error.is_ambiguous(), "{error:?}");
}

#[tokio::test]
async fn a_block_goes_first_to_the_source_of_its_template() {
    let (first, second, set) = two(QUICK).await;
    first.set(|state| state.trouble = Some(Reply::Raw(503, Vec::new())));
    let template = set
        .template(&pool())
        .await
        .expect("a template of the second");
    first.set(|state| state.trouble = None);
    eventually("both are healthy", || is_healthy(&set) == [true, true]).await;
    second.set(|state| state.submit = Reply::Never);
    assert_eq!(set.sending_order(Some(1)), [1, 0]);
    let answer = set
        .submit_block(&template.header)
        .await
        .expect("the first takes it");
    assert_eq!(answer, SubmitBlockAnswer::Accepted);
    assert_eq!(second.endpoint.count("submit_block"), 1);
    assert_eq!(set.sources.lock().front(), Some(&(template.work_hash, 1)));
}

#[tokio::test]
async fn a_transaction_goes_to_all_and_healthy_daemons_are_believed() {
    let (first, second, set) = two(QUICK).await;
    let answer = set.submit_transaction(&[7]).await.expect("an answer");
    assert_eq!(answer, SubmitTransactionAnswer::Accepted);
    eventually("the second got it", || {
        second.endpoint.count("submit_transaction") == 1
    })
    .await;
    assert_eq!(
        first.endpoint.requests().last().expect("sent")["params"],
        json!({"data": "07"})
    );

    second.set(|state| state.height = 50);
    eventually("the second lags", || is_healthy(&set) == [true, false]).await;
    first.set(|state| state.submit = Reply::error(-32004, "INVALID_TX_FEE", "too low"));
    let answer = set.submit_transaction(&[7]).await.expect("an answer");
    assert!(
        matches!(answer, SubmitTransactionAnswer::Refused { .. }),
        "{answer:?}"
    );

    second.set(|state| state.submit = Reply::Never);
    let answer = set
        .submit_transaction(&[7])
        .await
        .expect("not hidden by the one that hangs");
    assert!(
        matches!(answer, SubmitTransactionAnswer::Refused { .. }),
        "{answer:?}"
    );
}

#[tokio::test]
async fn checks_end_with_the_last_handle() {
    let fake = FakeDaemon::start().await;
    let set = start(&[&fake.endpoint.url], QUICK).await;
    let board = Arc::downgrade(&set.board);
    drop(set);
    eventually("the health task let go", || board.strong_count() == 0).await;
}
