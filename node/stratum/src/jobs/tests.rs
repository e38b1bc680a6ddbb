use std::sync::Arc;
use std::time::Duration;

use raftpool_chain::{BlockHeader, Hash, Template};
use raftpool_pow::{Algorithm, Difficulty};

use super::*;

fn template(height: u64, transactions: u8) -> Arc<Template> {
    let header = BlockHeader {
        version: 6,
        height,
        timestamp_ms: 1_000_000 + height,
        nonce: 0,
        extra_nonce: [0; 32],
        tips: vec![Hash([u8::try_from(height % 251).unwrap(); 32])],
        transactions: (0..transactions).map(|number| Hash([number; 32])).collect(),
        miner_key: [1; 32],
    };
    Arc::new(Template {
        work_hash: header.work_hash(),
        header,
        algorithm: Algorithm::V3,
        height,
        topoheight: height,
        difficulty: Difficulty::from_u64(1_000).unwrap(),
        miner_reward_atomic: 0,
    })
}

#[test]
fn jobs_are_found_by_number_until_no_block_on_them_could_be_paid() {
    let board = JobBoard::new(7);
    assert!(board.newest().is_none() && board.find(0).is_none());
    for height in 100..=124 {
        board.publish(template(height, 0), 5);
    }
    let first = board.oldest_number();
    assert_eq!(first >> 32, 7);
    let job = board.find(first).unwrap();
    assert_eq!((job.template.height, board.heights_late(&job)), (100, 24));
    assert!(board.find(first - 1).is_none() && board.find(first + 25).is_none());
    board.publish(template(125, 0), 5);
    assert!(board.find(first).is_none());
    assert_eq!(board.find(first + 1).unwrap().template.height, 101);
    for _ in 0..2 * JOBS_MAX {
        board.publish(template(126, 0), 5);
    }
    assert_eq!(board.known.read().jobs.len(), JOBS_MAX);
}

#[test]
fn a_lower_height_after_a_reorder_makes_nothing_late() {
    let board = JobBoard::new(7);
    board.publish(template(100, 0), 5);
    board.publish(template(99, 0), 5);
    let job = board.find(board.oldest_number()).unwrap();
    assert_eq!(board.heights_late(&job), 0);
}

#[tokio::test(start_paused = true)]
async fn new_tips_go_out_at_once_and_new_transactions_wait() {
    let board = Arc::new(JobBoard::new(7));
    let (sender, receiver) = watch::channel(None);
    let stop = CancellationToken::new();
    let pace = Pace {
        refresh: Duration::from_secs(15),
        same_tips: Duration::from_secs(1),
    };
    let task = tokio::spawn(follow(board.clone(), receiver, pace, stop.clone()));
    let mut jobs = board.subscribe();
    let started = Instant::now();
    let mut next = async || {
        jobs.changed().await.unwrap();
        let job = jobs.borrow_and_update().clone().unwrap();
        (
            job.template.height,
            job.template.header.transactions.len(),
            started.elapsed().as_millis(),
            job.timestamp_ms,
        )
    };

    sender.send_replace(Some(template(100, 0)));
    assert_eq!(next().await, (100, 0, 0, 1_000_100));
    sender.send_replace(Some(template(100, 1)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    sender.send_replace(Some(template(100, 2)));
    let (height, transactions, elapsed_ms, _) = next().await;
    assert_eq!((height, transactions), (100, 2));
    assert!((1_000..1_010).contains(&elapsed_ms), "{elapsed_ms}");
    sender.send_replace(Some(template(101, 0)));
    assert_eq!(
        (next().await.0, board.newest().unwrap().template.height),
        (101, 101)
    );

    // The same template again is no news; its refresh is, and it goes on without a feed.
    sender.send_replace(Some(template(101, 0)));
    drop(sender);
    for refresh in 1..=3 {
        let (height, _, elapsed_ms, timestamp_ms) = next().await;
        assert_eq!(height, 101);
        assert!(elapsed_ms >= 1_000 + refresh * 15_000 && timestamp_ms >= 1_000_101 + 15_000);
    }
    stop.cancel();
    task.await.unwrap();
}
