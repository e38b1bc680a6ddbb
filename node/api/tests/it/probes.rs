//! The listener for probes: whom a node is ready for, and that it answers when the API does not.

use std::sync::Arc;

use anyhow::ensure;
use raftpool_api::{Condition, HealthParts, HealthServer};
use raftpool_ledger::cluster::Leadership;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::TestPool;

/// A listener for probes beside a pool's API.
struct Probes {
    pool: TestPool,
    server: HealthServer,
}

impl Probes {
    async fn beside(pool: TestPool) -> anyhow::Result<Self> {
        pool.set_up()?;
        let parts = HealthParts {
            cluster: pool.cluster.clone(),
            live: pool.facts.clone(),
            registry: pool.registry.clone(),
        };
        let server = HealthServer::start("127.0.0.1:0".parse()?, parts).await?;
        Ok(Self { pool, server })
    }

    async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let url = format!("http://{}{path}", self.server.local_addr());
        let answer = reqwest::get(url).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// The status for each purpose: miners, visitors, the leader's.
    async fn ready(&self) -> anyhow::Result<[u16; 3]> {
        let mut seen = [0; 3];
        for (status, purpose) in seen.iter_mut().zip(["stratum", "api", "leader"]) {
            *status = self.get(&format!("/readyz?for={purpose}")).await?.0;
        }
        Ok(seen)
    }
}

fn set(condition: &std::sync::Mutex<Condition>, name: &'static str, is_met: bool) {
    *condition.lock().expect("lock") = Condition::new(name, is_met, "as the test says");
}

#[tokio::test]
async fn a_node_is_ready_for_each_purpose_by_what_that_needs() -> anyhow::Result<()> {
    let probes = Probes::beside(TestPool::empty().await?).await?;
    let (facts, cluster) = (&probes.pool.facts, &probes.pool.cluster);
    assert_eq!(probes.ready().await?, [200, 200, 200]);
    set(&facts.template_fresh, "template_fresh", false);
    assert_eq!(probes.ready().await?, [503, 200, 200], "an old template");
    set(&facts.template_fresh, "template_fresh", true);
    set(&facts.caught_up, "caught_up", false);
    assert_eq!(probes.ready().await?, [503, 503, 200], "books that lag");
    set(&facts.caught_up, "caught_up", true);
    let leader = |leader_id| Leadership {
        node_id: 1,
        term: 2,
        leader_id,
    };
    cluster.set_leadership(leader(Some(2)));
    assert_eq!(probes.ready().await?, [200, 200, 503], "another one leads");
    cluster.set_leadership(leader(None));
    assert_eq!(probes.ready().await?, [503, 200, 503], "nobody leads");
    Ok(())
}

#[tokio::test]
async fn an_unknown_purpose_is_refused_with_the_choices() -> anyhow::Result<()> {
    let probes = Probes::beside(TestPool::empty().await?).await?;
    let (status, body) = probes.get("/readyz?for=payouts").await?;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("stratum, api, leader"), "{body}");
    let (status, _) = probes.get("/readyz?until=now").await?;
    assert_eq!(status, 400);
    let (status, body) = probes.get("/api/v1/pool").await?;
    assert_eq!(status, 404, "the API is elsewhere: {body}");
    Ok(())
}

#[tokio::test]
async fn verbose_answers_have_a_line_for_each_condition() -> anyhow::Result<()> {
    let probes = Probes::beside(TestPool::empty().await?).await?;
    assert_eq!(
        probes.get("/livez?verbose").await?,
        (200, "[+]main_loop ok\nlivez check passed\n".to_owned())
    );
    set(&probes.pool.facts.template_fresh, "template_fresh", false);
    let (status, text) = probes.get("/readyz?for=stratum&verbose").await?;
    assert_eq!(status, 503);
    let expected = "[+]leader_known ok\n\
                    [+]quorum_confirmed ok\n\
                    [-]template_fresh failed: as the test says\n\
                    [+]storage ok\n\
                    [+]serving ok\n\
                    [+]caught_up ok\n\
                    readyz check failed\n";
    assert_eq!(text, expected);
    Ok(())
}

#[tokio::test]
async fn probes_are_answered_while_the_api_is_full_and_its_rate_used_up() -> anyhow::Result<()> {
    let pool = TestPool::with(|config| {
        config.connections_max = 1;
        config.requests_per_minute_per_ip_max = 2;
    });
    let probes = Probes::beside(pool.await?).await?;
    // The only connection, kept open by a request that has been answered.
    let mut hog = TcpStream::connect(probes.pool.server.local_addr()).await?;
    hog.write_all(b"GET /livez HTTP/1.1\r\nhost: pool\r\n\r\n")
        .await?;
    ensure!(hog.read(&mut [0; 64]).await? > 0);
    ensure!(
        probes.pool.get("/livez").await.is_err(),
        "the API should be full"
    );
    let probes = Arc::new(probes);
    let asked = (0..60).map(|_| async { probes.get("/readyz?for=stratum").await });
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer?.0, 200);
    }
    let (status, metrics) = probes.get("/metrics").await?;
    assert_eq!(status, 200);
    assert!(
        metrics.contains("raftpool_http_requests_total"),
        "{metrics}"
    );
    Ok(())
}
