//! The pool's own daemon and wallet clients against the simulation.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{DEADLINE, config, start};
use raftpool_chain::{
    Address, Daemon, DaemonClient, DaemonSet, Network, SubmitBlockAnswer, SubmitTransactionAnswer,
    TemplateFeed, Transfer, Wallet, WalletClient,
};
use raftpool_devnet::{Devnet, Endpoint, Fault, FaultKind};

fn daemon(url: &str) -> Arc<dyn Daemon> {
    Arc::new(DaemonClient::new(url, Network::Devnet, DEADLINE).unwrap())
}

fn wallet(devnet: &Devnet) -> WalletClient {
    WalletClient::new(
        &devnet.wallet_url(),
        "wallet",
        "wallet",
        Network::Devnet,
        DEADLINE,
    )
    .unwrap()
}

fn address(text: &str) -> Address {
    Address::parse(text, Network::Devnet).unwrap()
}

#[tokio::test]
async fn clients_follow_a_block_and_a_payout() {
    let devnet = start(config(1)).await;
    let control = devnet.control();
    let (daemon, wallet) = (daemon(&devnet.daemon_url()), wallet(&devnet));
    let pool = address(&wallet.address().await.unwrap());
    assert_eq!(daemon.nonce(&pool).await.unwrap(), 0);
    let template = daemon.template(&pool).await.unwrap();
    assert_eq!(template.work_hash, template.header.work_hash());
    let answer = daemon.submit_block(&template.header).await.unwrap();
    assert_eq!(answer, SubmitBlockAnswer::Accepted);
    let answer = daemon.submit_block(&template.header).await.unwrap();
    assert_eq!(answer, SubmitBlockAnswer::AlreadyInChain);
    let hash = template.header.block_hash();
    let reward = daemon
        .block(hash)
        .await
        .unwrap()
        .unwrap()
        .ordered
        .unwrap()
        .miner_reward_atomic;
    assert_eq!(
        daemon.block(raftpool_chain::Hash([1; 32])).await.unwrap(),
        None
    );

    control.produce_blocks(30, None).unwrap();
    let info = daemon.info().await.unwrap();
    assert_eq!((info.height, info.stable_height), (31, 7));
    assert_eq!(wallet.balance_atomic().await.unwrap(), reward);
    assert!(wallet.is_online().await.unwrap());
    assert_eq!(wallet.topoheight().await.unwrap(), info.topoheight);

    let transfers = vec![Transfer {
        destination: address(&control.address_of("a")),
        amount_atomic: 1_000,
    }];
    let fee_atomic = wallet.estimate_fee_atomic(&transfers).await.unwrap();
    wallet.clear_transaction_cache().await.unwrap();
    let built = wallet.build(&transfers, 0).await.unwrap();
    assert_eq!((built.fee_atomic, built.nonce), (fee_atomic, 0));
    let answer = daemon.submit_transaction(&built.bytes).await.unwrap();
    assert_eq!(answer, SubmitTransactionAnswer::Accepted);
    assert!(daemon.is_pending(built.hash).await.unwrap());
    assert_eq!(daemon.execution(built.hash).await.unwrap(), None);
    let executing = control.produce_blocks(1, None).unwrap()[0];
    let execution = daemon.execution(built.hash).await.unwrap().unwrap();
    assert_eq!(
        (execution.block_hash, execution.topoheight),
        (executing, 32)
    );
    let answer = daemon.submit_transaction(&built.bytes).await.unwrap();
    assert_eq!(answer, SubmitTransactionAnswer::AlreadyExecuted);
    assert_eq!(daemon.nonce(&pool).await.unwrap(), 1);
    assert_eq!(daemon.stable_nonce(&pool).await.unwrap(), 0);
    control.produce_blocks(30, None).unwrap();
    assert_eq!(daemon.stable_nonce(&pool).await.unwrap(), 1);
}

#[tokio::test]
async fn largest_payout_fits_every_limit() {
    let devnet = start(config(1)).await;
    let control = devnet.control();
    control
        .produce_blocks(40, Some(&control.wallet_address()))
        .unwrap();
    let transfers: Vec<Transfer> = (0..255)
        .map(|index| Transfer {
            destination: address(&control.address_of(&format!("payee {index}"))),
            amount_atomic: 1_000 + index,
        })
        .collect();
    let (daemon, wallet) = (daemon(&devnet.daemon_url()), wallet(&devnet));
    let built = wallet.build(&transfers, 0).await.unwrap();
    assert_eq!(built.bytes.len(), 83_462);
    assert_eq!(built.fee_atomic, 2_095_000 + 255 * 100_000);
    let answer = daemon.submit_transaction(&built.bytes).await.unwrap();
    assert_eq!(answer, SubmitTransactionAnswer::Accepted);
    control.produce_blocks(1, None).unwrap();
    assert_eq!(control.state().executed[0].payments.len(), 255);
}

#[tokio::test]
async fn lost_answer_is_ambiguous_for_the_client() {
    let devnet = start(config(1)).await;
    let control = devnet.control();
    control
        .produce_blocks(40, Some(&control.wallet_address()))
        .unwrap();
    let transfers = vec![Transfer {
        destination: address(&control.address_of("a")),
        amount_atomic: 1_000,
    }];
    let built = wallet(&devnet).build(&transfers, 0).await.unwrap();
    let daemon = daemon(&devnet.daemon_url());
    control.fault(Fault::once(
        Endpoint::Daemon,
        "submit_transaction",
        FaultKind::AnswerLostAfterDoing,
    ));
    let error = daemon.submit_transaction(&built.bytes).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    assert_eq!(control.state().mempool, [built.hash]);
}

#[tokio::test]
async fn templates_are_followed_over_a_failing_daemon() {
    let mut settings = config(1);
    settings.daemons = 2;
    let devnet = start(settings).await;
    let control = devnet.control();
    let daemons = devnet.daemon_urls().iter().map(|url| daemon(url)).collect();
    let set = DaemonSet::start(daemons, Network::Devnet);
    let pool = address(&control.wallet_address());
    let poll = Duration::from_millis(200);
    let mut feed = TemplateFeed::start(set, devnet.daemon_ws_urls(), pool, poll);
    let mut wait_for = async |height: u64| {
        let arrived = feed.wait_for(|newest| {
            newest
                .as_ref()
                .is_some_and(|template| template.height == height)
        });
        tokio::time::timeout(DEADLINE, arrived)
            .await
            .expect("no template came")
            .unwrap();
    };
    wait_for(1).await;
    control.produce_blocks(4, None).unwrap();
    wait_for(5).await;
    control.stop_daemon(0).await.unwrap();
    control.produce_blocks(1, None).unwrap();
    wait_for(6).await;
}

#[tokio::test]
async fn ordered_blocks_of_a_range_are_those_that_each_is_by_itself() {
    let devnet = start(config(1)).await;
    let control = devnet.control();
    control.produce_blocks(30, None).unwrap();
    let daemon = daemon(&devnet.daemon_url());
    let blocks = daemon.ordered_blocks(0, 19).await.unwrap();
    for (topoheight, block) in (0..).zip(&blocks) {
        assert_eq!(block.ordered.unwrap().topoheight, topoheight);
        assert_eq!(
            daemon.block(block.hash).await.unwrap().as_ref(),
            Some(block)
        );
    }
    assert_eq!(blocks.len(), 20);
    assert_eq!(daemon.ordered_blocks(30, 30).await.unwrap().len(), 1);
    for (first, last) in [(0, 20), (20, 31), (31, 31)] {
        assert!(
            daemon.ordered_blocks(first, last).await.is_err(),
            "{first} to {last}"
        );
    }
    let info = daemon.info().await.unwrap();
    assert_eq!(info.pruned_topoheight, None);
    let pool = address(&control.wallet_address());
    let template = daemon.template(&pool).await.unwrap();
    assert_eq!(template.miner_reward_atomic, info.miner_reward_atomic);
    let found = control
        .produce_blocks(1, Some(&control.wallet_address()))
        .unwrap()[0];
    let paid = daemon.block(found).await.unwrap().unwrap().ordered.unwrap();
    assert_eq!(paid.miner_reward_atomic, template.miner_reward_atomic);
}
