use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::*;
use crate::transaction::{Draft, Payment};

fn key(index: u8) -> [u8; 32] {
    crate::wallet_key(&format!("key {index}"))
}

fn chain(stable_depth: u64) -> Chain {
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    let mut config =
        DevnetConfig::new(Arc::new(move || now.fetch_add(5_000, Ordering::Relaxed)), 1);
    config.stable_depth = stable_depth;
    Chain::new(Rules::new(&config), 1)
}

fn produce(chain: &mut Chain, count: u64, miner: u8) -> Vec<Hash> {
    let production = Production {
        count,
        miner_key: key(miner),
        with_transactions: true,
    };
    chain.produce(production).unwrap()
}

/// Places, rewards, nonces and balances must be the same as if every block were placed afresh.
fn assert_consistent(chain: &Chain) {
    let again = Chain::restore(chain.rules.clone(), 9, &chain.save()).unwrap();
    assert_eq!(again.stable_topoheight(), chain.stable_topoheight());
    assert_eq!(again.supply_atomic(), chain.supply_atomic());
    assert_eq!(again.executed_transactions(), chain.executed_transactions());
    assert_eq!(
        again.accounts.iter().collect::<Vec<_>>(),
        chain.accounts.iter().collect::<Vec<_>>()
    );
    let total: u64 = chain.accounts.iter().map(|(_, _, balance)| balance).sum();
    assert_eq!(total, chain.supply_atomic(), "coins appeared or vanished");
}

fn pay(chain: &mut Chain, from: u8, to: u8, nonce: u64) -> Transaction {
    let reference_topoheight = chain.stable_topoheight();
    let draft = Draft {
        source: key(from),
        payments: vec![Payment {
            destination: key(to),
            amount_atomic: 1_000,
        }],
        fee_atomic: 125_000,
        fee_limit_atomic: 125_000,
        nonce,
        reference_hash: chain.placed(reference_topoheight).unwrap().hash,
        reference_topoheight,
    };
    Transaction::build(draft, chain.random())
}

#[test]
fn straight_chain_is_stable_24_heights_down() {
    let mut chain = chain(24);
    produce(&mut chain, 23, 1);
    assert_eq!((chain.height(), chain.stable_height()), (23, 0));
    produce(&mut chain, 21, 1);
    assert_eq!((chain.topoheight(), chain.stable_topoheight()), (44, 20));
    assert_eq!(chain.block_type(&chain.placed(20).unwrap().hash), "Sync");
    assert_eq!(chain.block_type(&chain.placed(21).unwrap().hash), "Normal");
    assert_consistent(&chain);
}

#[test]
fn competing_blocks_are_unordered_until_merged() {
    let mut chain = chain(24);
    produce(&mut chain, 5, 1);
    chain.produce_beside_top(key(2)).unwrap();
    chain.produce_beside_top(key(3)).unwrap();
    let at_height = chain.blocks_at_height(5).to_vec();
    let types = |chain: &Chain| {
        let mut types: Vec<&str> = at_height
            .iter()
            .map(|hash| chain.block_type(hash))
            .collect();
        types.sort_unstable();
        types
    };
    assert_eq!(types(&chain), ["Normal", "Orphaned", "Orphaned"]);
    let merging = produce(&mut chain, 1, 1)[0];
    assert_eq!(types(&chain), ["Normal", "Side", "Side"]);
    let block = chain.block(&merging).unwrap();
    assert_eq!(block.header.tips.len(), 3);
    let tip = chain.block(&block.header.tips[0]).unwrap();
    assert_eq!(
        block.cumulative_difficulty,
        tip.cumulative_difficulty + 3 * tip.difficulty
    );
    assert_eq!((chain.height(), chain.topoheight()), (6, 8));
    assert_consistent(&chain);
}

#[test]
fn reorder_moves_blocks_and_their_rewards() {
    let mut chain = chain(24);
    let old = produce(&mut chain, 10, 1)[8];
    let before = chain.topoheight_of(&old).unwrap();
    let reward = chain.placed(before).unwrap().reward;
    chain.reorder(3, key(2)).unwrap();
    let after = chain.topoheight_of(&old).unwrap();
    assert!(after > before);
    assert!(chain.placed(after).unwrap().reward.miner_atomic < reward.miner_atomic);
    assert_consistent(&chain);
}

#[test]
fn orphaned_block_never_returns() {
    let mut chain = chain(24);
    let victim = produce(&mut chain, 10, 1)[9];
    chain.take_events();
    chain.orphan(victim, key(2)).unwrap();
    assert!(
        chain
            .take_events()
            .iter()
            .any(|event| event.name == "block_orphaned")
    );
    produce(&mut chain, 40, 2);
    assert_eq!(chain.block_type(&victim), "Orphaned");
    assert!(chain.block(&victim).unwrap().header.height < chain.stable_height());
    assert_consistent(&chain);
    let stable = chain.placed(3).unwrap().hash;
    assert_eq!(
        chain.orphan(stable, key(2)),
        Err(ManipulationError::Stable(stable))
    );
}

#[test]
fn late_block_is_merged_only_when_near() {
    for (late, wanted) in [(3, "Side"), (12, "Orphaned")] {
        let mut chain = chain(24);
        produce(&mut chain, 5, 1);
        let work = chain.next_work(key(2));
        produce(&mut chain, late, 1);
        let hash = chain.add_block(work.header.clone(), Proof::Waived).unwrap();
        assert_eq!(chain.block_type(&hash), "Orphaned");
        produce(&mut chain, 1, 1);
        assert_eq!(chain.block_type(&hash), wanted, "{late} heights late");
        produce(&mut chain, 60, 1);
        assert_eq!(
            chain.block_type(&hash),
            wanted,
            "{late} heights late, stable"
        );
        let again = chain.add_block(work.header, Proof::Waived);
        assert_eq!(again, Err(BlockRefusal::AlreadyInChain));
        assert_consistent(&chain);
    }
}

#[test]
fn block_that_breaks_a_rule_is_refused() {
    let mut chain = chain(4);
    produce(&mut chain, 3, 1);
    let old = chain.next_work(key(1));
    produce(&mut chain, 10, 1);
    let refusal = chain.add_block(old.header, Proof::Waived).unwrap_err();
    assert_eq!(refusal.kind(), "INVALID_BLOCK_HEIGHT_STABLE_HEIGHT");

    let good = chain.next_work(key(1)).header;
    let check = |chain: &mut Chain, change: &dyn Fn(&mut raftpool_chain::BlockHeader)| {
        let mut header = good.clone();
        change(&mut header);
        chain
            .add_block(header, Proof::Hash([0xff; 32]))
            .unwrap_err()
            .kind()
    };
    assert_eq!(check(&mut chain, &|_| {}), "INVALID_DIFFICULTY");
    assert_eq!(
        check(&mut chain, &|header| header.timestamp_ms += 600_000),
        "TIMESTAMP_IS_IN_FUTURE"
    );
    assert_eq!(
        check(&mut chain, &|header| header.timestamp_ms = 1),
        "TIMESTAMP_IS_LESS_THAN_PARENT"
    );
    assert_eq!(
        check(&mut chain, &|header| header.height += 1),
        "INVALID_BLOCK_HEIGHT"
    );
    assert_eq!(
        check(&mut chain, &|header| header.version = 1),
        "INVALID_BLOCK_VERSION"
    );
    assert_eq!(
        check(&mut chain, &|header| header.tips.clear()),
        "INVALID_TIPS_COUNT"
    );
    assert_eq!(
        check(&mut chain, &|header| header.tips = vec![Hash([1; 32])]),
        "INVALID_TIPS_NOT_FOUND"
    );
    assert_eq!(
        check(&mut chain, &|header| header.transactions =
            vec![Hash([1; 32])]),
        "TX_NOT_FOUND"
    );
    assert_eq!(
        check(&mut chain, &|header| header.miner_key = [0; 32]),
        "INVALID_PUBLIC_KEY"
    );
}

#[test]
fn transaction_answers_follow_the_table() {
    let mut chain = chain(4);
    produce(&mut chain, 10, 1);
    let (first, rival) = (pay(&mut chain, 1, 2, 0), pay(&mut chain, 1, 3, 0));
    let (next, far) = (pay(&mut chain, 1, 2, 1), pay(&mut chain, 1, 2, 3));
    let kind = |chain: &mut Chain, transaction: &Transaction| {
        chain
            .submit_transaction(transaction.clone())
            .map_or_else(|refusal| refusal.kind(), |_| "true")
    };
    assert_eq!(kind(&mut chain, &next), "INVALID_NONCE");
    assert_eq!(kind(&mut chain, &first), "true");
    assert_eq!(kind(&mut chain, &first), "TX_ALREADY_IN_MEMPOOL");
    assert_eq!(kind(&mut chain, &rival), "TX_NONCE_ALREADY_USED");
    assert_eq!(kind(&mut chain, &far), "INVALID_TX_NONCE_MEMPOOL_CACHE");
    assert_eq!(kind(&mut chain, &next), "true");
    let block = produce(&mut chain, 1, 1)[0];
    assert_eq!(kind(&mut chain, &first), "TX_ALREADY_IN_BLOCKCHAIN");
    assert_eq!(kind(&mut chain, &rival), "INVALID_NONCE");
    assert_eq!(chain.executor_of(&first.hash), Some(block));
    assert_eq!(chain.executed_count(), 2);
    let topoheight = chain.topoheight_of(&block).unwrap();
    assert_eq!(chain.placed(topoheight).unwrap().fees_atomic, 250_000);
    assert_consistent(&chain);
}

#[test]
fn competing_transactions_of_one_nonce_execute_once() {
    let mut chain = chain(24);
    produce(&mut chain, 40, 1);
    let (first, rival) = (pay(&mut chain, 1, 2, 0), pay(&mut chain, 1, 3, 0));
    let mut works = Vec::new();
    for transaction in [&first, &rival] {
        chain.submit_transaction(transaction.clone()).unwrap();
        works.push(chain.next_work(key(1)));
        chain.mempool.clear();
    }
    for work in works {
        chain.add_block(work.header, Proof::Waived).unwrap();
    }
    produce(&mut chain, 30, 1);
    assert_eq!(chain.executed_count(), 1);
    assert_eq!(chain.accounts.next_nonce(&key(1)), 1);
    assert_consistent(&chain);
}

#[test]
fn rewind_unexecutes_and_the_same_bytes_execute_again() {
    let mut chain = chain(24);
    produce(&mut chain, 70, 1);
    let payout = pay(&mut chain, 1, 2, 0);
    chain.submit_transaction(payout.clone()).unwrap();
    produce(&mut chain, 2, 1);
    assert!(chain.executor_of(&payout.hash).is_some());
    chain.rewind(3, false).unwrap();
    assert_eq!(
        (chain.topoheight(), chain.executor_of(&payout.hash)),
        (69, None)
    );
    let shown = chain.transaction_json(&payout.hash).unwrap();
    assert_eq!(shown["blocks"], serde_json::json!([]));
    assert_eq!(shown["in_mempool"], false);
    let refusal = chain.submit_transaction(payout.clone()).unwrap_err();
    assert_eq!(refusal.kind(), "INVALID_REFERENCE_BLOCK_HEIGHT");
    produce(&mut chain, 1, 1);
    chain.submit_transaction(payout.clone()).unwrap();
    produce(&mut chain, 1, 1);
    assert!(chain.executor_of(&payout.hash).is_some());
    assert_consistent(&chain);
}

#[test]
fn retarget_moves_toward_the_block_time() {
    let mut chain = chain(24);
    chain.rules.difficulty = DifficultyRule::Retarget {
        start: 1_000,
        minimum: 100,
    };
    // The clock of these tests makes far more than five seconds pass per block.
    produce(&mut chain, 60, 1);
    assert_eq!(chain.next_difficulty(), 100);
    chain.rules.block_time_ms = 3_600_000;
    produce(&mut chain, 20, 1);
    assert!(chain.next_difficulty() > 300);
}

#[test]
fn random_histories_stay_consistent() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    for seed in 0..20 {
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut chain = chain(8);
        let mut late = Vec::new();
        produce(&mut chain, 10, 1);
        for _ in 0..150 {
            let miner = random.random_range(1..4);
            match random.random_range(0..10) {
                0 => drop(chain.produce_beside_top(key(miner))),
                1 => drop(chain.reorder(random.random_range(1..4), key(miner))),
                2 => drop(chain.orphan(chain.top_hash(), key(miner))),
                3 => drop(chain.rewind(random.random_range(1..4), random.random())),
                4 => late.push(chain.next_work(key(miner))),
                5 => {
                    if let Some(work) = late.pop() {
                        drop(chain.add_block(work.header, Proof::Waived));
                    }
                }
                6 => {
                    let nonce = chain.accounts.next_nonce(&key(1));
                    let payment = pay(&mut chain, 1, 2, nonce);
                    drop(chain.submit_transaction(payment));
                }
                _ => drop(produce(&mut chain, random.random_range(1..3), miner)),
            }
            assert_consistent(&chain);
        }
    }
}

#[test]
fn reorder_returns_transactions_to_the_mempool_or_forgets_them() {
    for returns in [true, false] {
        let mut chain = chain(24);
        chain.rules.returns_to_mempool = returns;
        produce(&mut chain, 40, 1);
        let payout = pay(&mut chain, 1, 2, 0);
        chain.submit_transaction(payout.clone()).unwrap();
        let executing = produce(&mut chain, 1, 1)[0];
        chain.orphan(executing, key(2)).unwrap();
        assert_eq!(chain.executor_of(&payout.hash), None);
        assert_eq!(chain.mempool.get(&payout.hash).is_some(), returns);
        produce(&mut chain, 1, 1);
        assert_eq!(chain.executor_of(&payout.hash).is_some(), returns);
        assert_consistent(&chain);
    }
}
