//! The reward that a template carries, which its daemon says elsewhere, late or not at all.

use tokio::time;

use super::{TIMEOUT, client, replay};
use crate::Daemon;
use crate::testing::{FakeEndpoint, Reply, exchange, pool};

#[tokio::test]
async fn a_template_carries_the_reward_its_daemon_says_and_zero_when_it_does_not()
-> anyhow::Result<()> {
    let template = exchange("daemon", "get_block_template", "");
    let info = exchange("daemon", "get_info", "");
    let (endpoint, client) = replay(&[&template, &info, &template]).await;
    for _ in 0..2 {
        let template = client.template(&pool()).await?;
        assert_eq!(template.miner_reward_atomic, 43_869_008);
    }
    assert_eq!(
        endpoint.count("get_info"),
        1,
        "what is fresh is not asked for again"
    );

    let (_endpoint, client) = replay(&[&info, &template]).await;
    client.info().await?;
    let read = client.template(&pool()).await?;
    assert_eq!(read.miner_reward_atomic, 43_869_008, "whoever asked for it");

    let (_endpoint, client) = replay(&[&template]).await;
    assert_eq!(client.template(&pool()).await?.miner_reward_atomic, 0);
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_keeps_its_reward_to_itself_keeps_no_template_waiting() -> anyhow::Result<()>
{
    let template = exchange("daemon", "get_block_template", "").reply();
    let endpoint = FakeEndpoint::start(move |request| match request["method"].as_str() {
        Some("get_block_template") => template.clone(),
        _ => Reply::Never,
    })
    .await;
    let client = client(&endpoint);
    let asked_at = time::Instant::now();
    assert_eq!(client.template(&pool()).await?.miner_reward_atomic, 0);
    // The client's own time-out would be ten seconds.
    assert!(asked_at.elapsed() < TIMEOUT / 2);
    Ok(())
}
