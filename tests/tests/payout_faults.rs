//! A payout is executed exactly once, whatever dies or lies (promise P3).
//!
//! Method: one pool lives through round after round. In each a block is found, and the node is
//! ended at one named step of settling or paying it, or the wallet and the daemon misbehave at one
//! call; then the node is started again if need be, and everything is driven to its end. After
//! each round the simulated chain, which executes by its own rules, is compared with the ledger.

use anyhow::{Context, Result, ensure};
use raftpool_payout::PayoutPoint;
use raftpool_tests::processes::Pool;
use raftpool_tests::story::{audit_payouts, find_block, hashing_options, mine_until_quiet};
use serde_json::json;

/// Steps that an undisturbed block and payout pass.
fn passed_points() -> impl Iterator<Item = PayoutPoint> {
    PayoutPoint::ALL.iter().copied().filter(|point| {
        let others = [
            "release", "pause", "orphan", "reopen", "report", "sample", "hand-out",
        ];
        !others.iter().any(|step| point.as_str().ends_with(step))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_and_after_each_step_it_is_paid_once() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    pool.control("auto_mine", json!({"every_ms": 100})).await?;
    for (round, point) in passed_points().enumerate() {
        pool.stop_node().await;
        pool.start_node(&[("RAFTPOOL_TEST_CRASH_AT", point.as_str())])
            .await?;
        find_block(&pool)
            .await
            .with_context(|| format!("{point}: find a block"))?;
        pool.node_ends()
            .await
            .with_context(|| format!("the node passed no {point}"))?;
        pool.start_node(&[]).await?;
        mine_until_quiet(&pool)
            .await
            .with_context(|| format!("after a crash at {point}"))?;
        let paid = audit_payouts(&pool)
            .await
            .with_context(|| format!("crash at {point}"))?;
        ensure!(
            paid == round as u64 + 1,
            "{point}: {paid} payouts after {} rounds",
            round + 1
        );
    }
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    pool.verify_books()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wallet_and_a_daemon_that_misbehave_it_is_paid_once() -> Result<()> {
    let faults = [
        ("wallet", "build_transaction", "time_out_after_doing"),
        ("wallet", "build_transaction", "answer_lost_after_doing"),
        ("wallet", "build_transaction", "refuse"),
        ("wallet", "clear_tx_cache", "http_500"),
        ("wallet", "estimate_fees", "answer_lost_before_doing"),
        ("daemon", "submit_transaction", "time_out_after_doing"),
        ("daemon", "submit_transaction", "answer_lost_after_doing"),
        ("daemon", "submit_transaction", "answer_lost_before_doing"),
        ("daemon", "submit_transaction", "refuse"),
        ("daemon", "get_transaction_executor", "http_500"),
        ("daemon", "get_nonce", "answer_lost_after_doing"),
        ("daemon", "get_block_by_hash", "time_out_before_doing"),
    ];
    let pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    for (round, (endpoint, method, kind)) in faults.into_iter().enumerate() {
        let fault = json!({"endpoint": endpoint, "method": method, "kind": kind, "count": 1});
        pool.control("fault", fault.clone()).await?;
        find_block(&pool).await?;
        mine_until_quiet(&pool)
            .await
            .with_context(|| format!("with {fault}"))?;
        let paid = audit_payouts(&pool)
            .await
            .with_context(|| format!("with {fault}"))?;
        ensure!(
            paid == round as u64 + 1,
            "{fault}: {paid} payouts after {} rounds",
            round + 1
        );
        let left = pool.network_state().await?["faults"].clone();
        ensure!(left == json!([]), "the fault never struck: {left}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_mempool_and_a_rewound_chain_are_paid_once() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;

    // The transaction is sent, then forgotten by the daemon: the stored bytes are sent again.
    pool.control("stall_execution", json!({"on": true})).await?;
    find_block(&pool).await?;
    raftpool_tests::story::mine_until(&pool, "a payout is sent", "/api/v1/pool", |answer| {
        (answer["payouts"]["open"]["status"] == json!("signed")).then_some(())
    })
    .await?;
    pool.api_until("it is in the mempool", "/api/v1/pool", |_| Some(()))
        .await?;
    pool.control("drop_mempool", json!({})).await?;
    pool.control("stall_execution", json!({"on": false}))
        .await?;
    mine_until_quiet(&pool).await?;
    audit_payouts(&pool).await?;

    // The transaction is executed, then the chain is rewound below it.
    find_block(&pool).await?;
    let is_executed = |state: &serde_json::Value| {
        state["executed"]
            .as_array()
            .is_some_and(|executed| executed.len() == 2)
    };
    raftpool_tests::wait::until(
        "an execution",
        raftpool_tests::processes::DEADLINE,
        || async {
            pool.control("produce_blocks", json!({"count": 1})).await?;
            Ok(is_executed(&pool.network_state().await?).then_some(()))
        },
    )
    .await?;
    pool.control("rewind", json!({"count": 2})).await?;
    mine_until_quiet(&pool).await?;
    ensure!(audit_payouts(&pool).await? == 2, "two payouts were due");
    Ok(())
}
