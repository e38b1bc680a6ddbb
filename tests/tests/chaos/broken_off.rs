//! A change of the members that is broken off can be asked for again, and is then completed.

use anyhow::{Result, ensure};
use raftpool_tests::chaos::turn;
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, HEALING_DEADLINE};
use raftpool_tests::processes::DEADLINE;
use raftpool_tests::proxy::Way;
use raftpool_tests::wait;

#[tokio::test(flavor = "multi_thread")]
async fn an_add_that_is_asked_of_a_leader_that_is_cut_off_is_completed_by_the_next_one()
-> Result<()> {
    let _turn = turn().await;
    let options = ClusterOptions {
        // The leader still believes that it leads when it is asked, after it was cut off, and must
        // not take for done what it only begins.
        election_timeout_ms: 1_500,
        ..ClusterOptions::default()
    };
    let pool = ClusterPool::start(options).await?;
    let leader = pool.member(pool.leader().await?)?;
    let newcomer = pool.start_newcomer().await?;
    let (id, address) = (newcomer.id.to_string(), newcomer.address().to_string());
    let members = pool.members();
    let others = members.iter().map(|member| member.id);
    for other in others.filter(|other| ![leader.id, newcomer.id].contains(other)) {
        pool.ways.set_both(leader.id, other, Way::HELD);
    }
    let asked = {
        let (pool, leader) = (pool.clone(), leader.clone());
        let arguments = [id.clone(), address.clone()];
        tokio::spawn(async move {
            let [id, address] = arguments;
            pool.command_through(&leader, &["add"], &[&id, &address])
                .await
        })
    };
    wait::until("another one leads", DEADLINE, || async {
        let leads = pool.leader_now().await;
        Ok(leads.filter(|leads| *leads != leader.id))
    })
    .await?;
    // What became of the first request is not known to whoever asked.
    asked.abort();
    pool.ways.heal();
    pool.insist(&["add"], &[&id, &address]).await?;
    pool.insist(&["promote"], &[&id]).await?;
    let health = pool.wait_healthy(HEALING_DEADLINE).await?;
    ensure!(health.voters().len() == 4, "{}", health.status);
    Ok(())
}
