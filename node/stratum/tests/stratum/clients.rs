//! Known miners against one server, in plain text and over TLS on the same port.

use raftpool_pow::Algorithm;
use tokio::net::TcpStream;

use crate::emulators::{Answer, Emulator, GetworkEmulator, GetworkKind, Kind, Wire, XatumEmulator};
use crate::harness::tls::*;
use crate::harness::*;

const BOTH: [Protection; 2] = [Protection::Plain, Protection::Tls];

#[tokio::test]
async fn every_known_miner_mines_and_understands_why_a_share_is_refused() {
    for algorithm in [Algorithm::V3, Algorithm::V2] {
        let pool = OnePort::hashing(algorithm).await;
        for kind in Kind::of(algorithm) {
            mines_and_understands(&pool, kind).await;
        }
    }
}

async fn mines_and_understands(pool: &OnePort, kind: Kind) {
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
        pool.pool.new_template(template(100));
    }
}

#[tokio::test]
async fn a_miner_that_cannot_hash_what_is_mined_is_told_so() {
    let pool = Pool::start().await;
    let mut client = pool.connect().await;
    client
        .send(r#"{"id":1,"method":"mining.subscribe","params":["tnn-miner/0.5",["xel/1"]]}"#)
        .await;
    let (code, words) = refusal(&client.answer(1).await);
    assert!(
        code == 20 && words.contains("this pool mines xel/v3"),
        "{words}"
    );
    let print = client.line().await;
    assert_eq!(
        (&print["method"], &print["params"][1]),
        (&"mining.print".into(), &words.into())
    );
}

#[tokio::test]
async fn every_known_miner_over_getwork_and_xatum_mines() {
    let pool = OnePort::start().await;
    let http = pool.pool.serve_http().await;
    // They do not hash here, so that their difficulty must stay.
    let user = format!("{MINER}+1");
    for kind in GetworkKind::ALL {
        let wire = TcpStream::connect(http).await.unwrap();
        let name = format!("{kind:?}");
        let miner = GetworkEmulator::login(kind, Box::new(wire), &user, &name);
        let mut miner = miner.await.unwrap();
        assert_eq!(miner.difficulty, 1, "{name}");
        for _ in 0..3 {
            assert_eq!(miner.share().await, Ok(Answer::Accepted), "{name}");
        }
        let worker = pool.pool.ledger_worker(MINER, &kind.worker(&name));
        assert_eq!(worker.unwrap().shares, 3, "{name}");
    }
    for protection in BOTH {
        let name = format!("xatum-{protection:?}");
        let wire: Box<dyn Wire> = Box::new(pool.wire(protection).await);
        let mut miner = XatumEmulator::login(wire, &user, &name).await.unwrap();
        for _ in 0..3 {
            assert_eq!(miner.share().await, Ok(Answer::Accepted), "{name}");
        }
        assert_eq!(pool.pool.ledger_worker(MINER, &name).unwrap().shares, 3);
    }
}
