//! The pool's name, asked for over real sockets from three real nodes: it points to those that are
//! alive and not drained, and to no other.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use raftpool_tests::cluster::{ClusterOptions, ClusterPool};
use raftpool_tests::names::{ask, question, texts};
use raftpool_tests::processes::{DEADLINE, PoolOptions};
use raftpool_tests::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const ALL: [&str; 3] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];

async fn three_nodes() -> Result<Arc<ClusterPool>> {
    ClusterPool::start(ClusterOptions {
        pool: PoolOptions {
            has_dns: true,
            ..PoolOptions::default()
        },
        is_plain: true,
        ..ClusterOptions::default()
    })
    .await
}

fn server(pool: &ClusterPool, node: u64) -> Result<SocketAddr> {
    let addresses = pool.member(node)?.process.addresses();
    addresses
        .and_then(|known| known.dns)
        .context("no name server")
}

async fn ask_over_tcp(server: SocketAddr, name: &str, kind: RecordType) -> Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let question = question(name, kind)?;
    stream.write_u16(u16::try_from(question.len())?).await?;
    stream.write_all(&question).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    Ok(Message::from_vec(&answer)?)
}

async fn points_to(server: SocketAddr, wanted: &[&str]) -> Result<()> {
    wait::until("the name points to the right nodes", DEADLINE, || async {
        let answer = ask(server, "pool.example.", RecordType::A).await?;
        let seen = texts(&answer.context("no answer")?);
        Ok(seen.iter().eq(wanted).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_points_to_nodes_that_are_alive_and_not_drained() -> Result<()> {
    let pool = three_nodes().await?;
    let (first, second) = (server(&pool, 1)?, server(&pool, 2)?);
    for server in [first, second] {
        points_to(server, &ALL).await?;
    }
    pool.member(2)?
        .process
        .tell(&["node", "drain"], &["--over", "0s"])?;
    let started = Instant::now();
    points_to(first, &["192.0.2.1", "192.0.2.3"]).await?;
    points_to(second, &["192.0.2.1", "192.0.2.3"]).await?;
    println!("a drained node left the name by {:?}", started.elapsed());
    let own = ask(first, "node-2.pool.example.", RecordType::A).await?;
    ensure!(texts(&own.context("no answer")?) == BTreeSet::from(["192.0.2.2".to_owned()]));
    pool.member(2)?.process.tell(&["node", "undrain"], &[])?;
    points_to(first, &ALL).await?;

    let killed = Instant::now();
    pool.member(3)?.process.kill().await;
    points_to(first, &ALL[..2]).await?;
    println!("a killed node left the name after {:?}", killed.elapsed());
    points_to(second, &ALL[..2]).await?;
    println!("and at the other node after {:?}", killed.elapsed());

    // Nobody can serve without a majority, so all are told.
    pool.member(2)?.process.kill().await;
    points_to(first, &ALL).await
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_by_the_book_and_not_without_bounds() -> Result<()> {
    let pool = three_nodes().await?;
    let server = server(&pool, 1)?;
    points_to(server, &ALL).await?;
    let answer = ask_over_tcp(server, "pool.example.", RecordType::AAAA).await?;
    ensure!(answer.answers.len() == 3, "{answer}");
    ensure!(answer.metadata.authoritative && !answer.metadata.recursion_available);
    ensure!(answer.answers.iter().all(|record| record.ttl == 20));
    let codes = [
        ("nobody.pool.example.", ResponseCode::NXDomain),
        ("example.com.", ResponseCode::Refused),
    ];
    for (name, code) in codes {
        let answer = ask(server, name, RecordType::A).await?;
        let answer = answer.context("no answer")?;
        ensure!(answer.metadata.response_code == code, "{name}: {answer}");
    }
    let authority = ask(server, "pool.example.", RecordType::NS).await?;
    let authority = authority.context("no answer")?;
    ensure!(authority.answers.len() == 2 && authority.additionals.len() == 4);

    // Far more than one source may ask: some are sent to TCP, which goes on to answer.
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let question = question("pool.example.", RecordType::A)?;
    let (mut truncated, mut buffer) = (0, [0; 2_048]);
    for _ in 0..1_000 {
        socket.send_to(&question, server).await?;
        let received = socket.recv_from(&mut buffer);
        let Ok(received) = tokio::time::timeout(Duration::from_millis(50), received).await else {
            continue;
        };
        let message = Message::from_vec(&buffer[..received?.0])?;
        if message.metadata.truncation {
            ensure!(message.answers.is_empty());
            truncated += 1;
        }
        if truncated > 3 {
            break;
        }
    }
    ensure!(truncated > 3, "{truncated} answers were truncated");
    let answer = ask_over_tcp(server, "pool.example.", RecordType::A).await?;
    ensure!(texts(&answer).len() == 3);
    Ok(())
}
