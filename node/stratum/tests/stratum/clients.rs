//! Known miners against one server, in plain text and over TLS on the same port.

use crate::emulators::{Answer, Emulator, GetworkEmulator, Kind, Wire};
use crate::harness::tls::*;
use crate::harness::*;

const BOTH: [Protection; 2] = [Protection::Plain, Protection::Tls];

#[tokio::test]
async fn every_known_miner_mines_and_understands_why_a_share_is_refused() {
    let pool = OnePort::start().await;
    for kind in Kind::ALL {
        for protection in BOTH {
            let wire: Box<dyn Wire> = Box::new(pool.wire(protection).await);
            let name = format!("{kind:?}-{protection:?}");
            println!("{name}");
            let mut miner = Emulator::login(kind, wire, MINER, &name).await.unwrap();
            for _ in 0..3 {
                assert_eq!(miner.share(true).await, Ok(Answer::Accepted), "{name}");
            }
            match miner.share_for_no_job().await.unwrap() {
                Answer::Refused(words) => assert!(words.contains("job not found"), "{words}"),
                Answer::Accepted => panic!("{name}: a share for no job was accepted"),
            }
            let session = pool.pool.server.sessions().pop().unwrap();
            assert_eq!((&*session.worker, session.accepted), (&*name, 3));
            assert_eq!(miner.difficulty, session.difficulty);
            assert_eq!(pool.pool.ledger_worker(MINER, &name).unwrap().shares, 3);
        }
    }
}

#[tokio::test]
async fn a_miner_gets_the_difficulty_it_asks_for_and_jobs_of_its_own_spelling() {
    let pool = OnePort::start().await;
    for protection in BOTH {
        let wire: Box<dyn Wire> = Box::new(pool.wire(protection).await);
        let mut miner = Emulator::login(Kind::SrbMiner, wire, MINER, "rig7")
            .await
            .unwrap();
        assert_eq!(miner.difficulty, 5);
        pool.pool.new_template(template(101));
        miner.next_job().await.unwrap();
        // The emulator itself fails on a job in the other spelling.
        let wire: Box<dyn Wire> = Box::new(pool.wire(protection).await);
        let mut miner = Emulator::login(Kind::TnnMiner, wire, MINER, "tnn")
            .await
            .unwrap();
        pool.pool.new_template(template(102));
        miner.next_job().await.unwrap();
        pool.pool.new_template(template(100));
    }
}

#[tokio::test]
async fn the_official_miner_mines_and_waits_for_a_job_after_each_share() {
    let pool = Pool::start().await;
    let http = pool.serve_http().await;
    // It does not hash here, so that its difficulty must stay.
    let user = format!("{MINER}+1");
    let mut miner = GetworkEmulator::login(http, &user, "rig1").await.unwrap();
    assert_eq!(miner.difficulty, 1);
    for _ in 0..3 {
        assert_eq!(miner.share().await, Ok(Answer::Accepted));
    }
    assert_eq!(pool.ledger_worker(MINER, "rig1").unwrap().shares, 3);
}
