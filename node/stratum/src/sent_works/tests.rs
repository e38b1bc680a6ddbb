use std::time::Duration;

use raftpool_chain::{BlockHeader, Hash, Template};
use raftpool_pow::{Algorithm, Difficulty};

use super::*;
use crate::jobs::JobBoard;

const KEY: [u8; 32] = [5; 32];
const TEMPLATE_MS: u64 = 1_000_000;

/// A connection that was sent jobs from a board of its own.
struct Scene {
    board: JobBoard,
    nonces: ExtraNonces,
    sent: SentWorks,
}

impl Scene {
    fn new() -> Self {
        Self {
            board: JobBoard::new(0),
            nonces: ExtraNonces::new([7; 32], 1, 1).unwrap(),
            sent: SentWorks::default(),
        }
    }

    /// Sends a job and returns the work in it.
    fn send(&mut self, height: u64, timestamp_ms: u64, difficulty: u64) -> MinerWork {
        self.send_template(height, TEMPLATE_MS, timestamp_ms, difficulty)
    }

    fn send_template(
        &mut self,
        height: u64,
        template_ms: u64,
        timestamp_ms: u64,
        difficulty: u64,
    ) -> MinerWork {
        let header = BlockHeader {
            version: 6,
            height,
            timestamp_ms: template_ms,
            nonce: 0,
            extra_nonce: [0; 32],
            tips: vec![Hash([u8::try_from(height % 251).unwrap(); 32])],
            transactions: vec![],
            miner_key: KEY,
        };
        let template = Template {
            work_hash: Hash(header.work_hash().0),
            header,
            algorithm: Algorithm::V3,
            height,
            topoheight: height,
            difficulty: Difficulty::from_u64(1_000).unwrap(),
            miner_reward_atomic: 0,
        };
        self.board.publish(Arc::new(template), timestamp_ms);
        let job = self.board.newest().unwrap();
        let number = self.nonces.draw();
        self.sent
            .note(number, &job, difficulty, self.board.oldest_number());
        job.work(0, self.nonces.numbered(number), KEY)
    }

    fn difficulty_of(&self, work: &MinerWork) -> Result<u64, Unfit> {
        let oldest = self.board.oldest_number();
        self.sent
            .find(work, &self.nonces, &KEY, oldest)
            .map(|(_, difficulty)| difficulty)
    }
}

#[tokio::test(start_paused = true)]
async fn a_work_is_worth_what_its_own_job_asked_for_though_others_share_the_work_hash() {
    let mut scene = Scene::new();
    let first = scene.send(10, TEMPLATE_MS, 100);
    let second = scene.send(10, TEMPLATE_MS + 7, 400);
    assert_eq!(first.work_hash, second.work_hash);
    for (work, difficulty) in [(first, 100), (second, 400)] {
        let mut work = work;
        assert_eq!(scene.difficulty_of(&work), Ok(difficulty));
        work.extra_nonce[28..].copy_from_slice(&[1, 2, 3, 4]);
        work.nonce = 77;
        assert_eq!(scene.difficulty_of(&work), Ok(difficulty));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_miner_may_not_change_is_found_changed() {
    let mut scene = Scene::new();
    let work = scene.send(10, TEMPLATE_MS, 100);
    let other = scene.send(11, TEMPLATE_MS, 100);

    let mut changed = work;
    changed.work_hash[0] ^= 1;
    assert_eq!(scene.difficulty_of(&changed), Err(Unfit::JobNotFound));
    let mut changed = work;
    changed.miner_key[31] ^= 1;
    assert_eq!(scene.difficulty_of(&changed), Err(Unfit::Key));
    for byte in 0..FIXED_SIZE {
        let mut changed = work;
        changed.extra_nonce[byte] ^= 1;
        let found = scene.difficulty_of(&changed);
        assert_eq!(found, Err(Unfit::ExtraNonce), "byte {byte}");
    }
    let mut changed = work;
    changed.extra_nonce = other.extra_nonce;
    let found = scene.difficulty_of(&changed);
    assert_eq!(found, Err(Unfit::ExtraNonce), "that of another job");
    changed.extra_nonce = scene.nonces.numbered(scene.nonces.draw());
    let found = scene.difficulty_of(&changed);
    assert_eq!(found, Err(Unfit::ExtraNonce), "that of another connection");
}

#[tokio::test(start_paused = true)]
async fn a_timestamp_lies_between_the_parents_and_a_little_ahead_of_the_daemons_clock() {
    let mut scene = Scene::new();
    let sent_ms = TEMPLATE_MS + 15_000;
    let work = scene.send(10, sent_ms, 100);
    let at = |timestamp_ms| MinerWork {
        timestamp_ms,
        ..work
    };
    assert_eq!(scene.difficulty_of(&at(TEMPLATE_MS)), Ok(100));
    let early = scene.difficulty_of(&at(TEMPLATE_MS - 1));
    assert_eq!(early, Err(Unfit::Early(1)));
    assert_eq!(scene.difficulty_of(&at(sent_ms + 1_500)), Ok(100));
    let late = scene.difficulty_of(&at(sent_ms + 1_501));
    assert_eq!(late, Err(Unfit::Late(1_501)));
    assert_eq!(
        scene.difficulty_of(&at(u64::MAX)),
        Err(Unfit::Late(u64::MAX - sent_ms))
    );

    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(scene.difficulty_of(&at(sent_ms + 5_500)), Ok(100));
    let late = scene.difficulty_of(&at(sent_ms + 5_501));
    assert_eq!(late, Err(Unfit::Late(1_501)));
}

#[tokio::test(start_paused = true)]
async fn other_transactions_do_not_make_a_timestamp_too_early_and_the_tips_say_what_does() {
    let mut scene = Scene::new();
    scene.send(10, TEMPLATE_MS, 100);
    let later_ms = TEMPLATE_MS + 4_000;
    let work = scene.send_template(10, later_ms, later_ms, 100);
    let at = |timestamp_ms| MinerWork {
        timestamp_ms,
        ..work
    };
    assert_eq!(scene.difficulty_of(&at(TEMPLATE_MS)), Ok(100));
    let early = scene.difficulty_of(&at(TEMPLATE_MS - 700));
    assert_eq!(early, Err(Unfit::Early(700)), "the tips may be as young");
    scene.board.newest().unwrap().note_tips(TEMPLATE_MS - 900);
    assert_eq!(scene.difficulty_of(&at(TEMPLATE_MS - 900)), Ok(100));
    let early = scene.difficulty_of(&at(TEMPLATE_MS - 901));
    assert_eq!(early, Err(Unfit::Early(1)));

    let next_ms = TEMPLATE_MS + 5_000;
    let next = scene.send_template(11, next_ms, next_ms, 100);
    let early = scene.difficulty_of(&MinerWork {
        timestamp_ms: next_ms - 1,
        ..next
    });
    assert_eq!(early, Err(Unfit::Early(1)), "other tips");
}

#[tokio::test(start_paused = true)]
async fn a_work_of_an_earlier_connection_is_no_fault_and_none_that_was_forgotten() {
    let mut scene = Scene::new();
    let earlier = scene.send(10, TEMPLATE_MS, 100);
    scene.sent = SentWorks::default();
    assert_eq!(scene.difficulty_of(&earlier), Err(Unfit::JobNotFound));
    scene.send(10, TEMPLATE_MS, 100);
    assert_eq!(scene.difficulty_of(&earlier), Err(Unfit::JobNotFound));
}

#[tokio::test(start_paused = true)]
async fn old_jobs_are_forgotten_by_age_and_by_number() {
    let mut scene = Scene::new();
    let old = scene.send(10, TEMPLATE_MS, 100);
    for _ in 0..2 * SENT_MAX {
        let job = scene.board.newest().unwrap();
        let number = scene.nonces.draw();
        scene.sent.note(number, &job, 100, 0);
    }
    assert_eq!(scene.sent.known.len(), SENT_MAX);
    assert_eq!(scene.difficulty_of(&old), Err(Unfit::Forgotten(10)));

    scene.send(35, TEMPLATE_MS, 100);
    assert_eq!(scene.sent.known.len(), 1, "what the board forgot");
    assert_eq!(scene.difficulty_of(&old), Err(Unfit::Forgotten(10)));
}
