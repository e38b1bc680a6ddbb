//! A ledger that is slow or cannot be read costs requests, never the server.

use std::sync::{Arc, Condvar, Mutex};

use raftpool_ledger::cluster::{
    BoxFuture, BoxStream, Cluster, ClusterEvent, Committed, Leadership, ProposeError, Query,
    ReadError,
};
use raftpool_ledger::command::Command;
use raftpool_ledger::testing::MemoryCluster;
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::TestPool;

/// How reads of the ledger go.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    Work,
    Hang,
    Fail,
}

/// A cluster whose reads hang or fail when the test says so.
struct OddCluster {
    inner: Arc<MemoryCluster>,
    reads: Mutex<Reads>,
    changed: Condvar,
    /// Told when a read begins to hang.
    hanging: Notify,
}

impl OddCluster {
    fn set(&self, reads: Reads) {
        *self.reads.lock().expect("lock") = reads;
        self.changed.notify_all();
    }
}

impl Cluster for OddCluster {
    fn read(&self, query: Query<'_>) -> Result<u64, ReadError> {
        let reads = self.reads.lock().expect("lock");
        if *reads == Reads::Hang {
            self.hanging.notify_one();
        }
        let reads = self
            .changed
            .wait_while(reads, |reads| *reads == Reads::Hang)
            .expect("lock");
        match *reads {
            Reads::Fail => Err(ReadError::NotCurrent("the disk is gone".into())),
            _ => self.inner.read(query),
        }
    }

    fn propose(&self, command: Command) -> BoxFuture<'_, Result<Committed, ProposeError>> {
        self.inner.propose(command)
    }

    fn linearize(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        self.inner.linearize()
    }

    fn leadership(&self) -> Leadership {
        self.inner.leadership()
    }

    fn watch(&self) -> BoxStream<ClusterEvent> {
        self.inner.watch()
    }
}

async fn odd_pool(request_timeout_ms: u64) -> anyhow::Result<(TestPool, Arc<OddCluster>)> {
    let mut odd = None;
    let limits = |config: &mut raftpool_api::ApiConfig| {
        config.reads_max = 1;
        config.request_timeout_ms = request_timeout_ms;
    };
    let pool = TestPool::over(limits, |inner| {
        let reads = Mutex::new(Reads::Work);
        let (changed, hanging) = (Condvar::new(), Notify::new());
        let cluster = Arc::new(OddCluster {
            inner,
            reads,
            changed,
            hanging,
        });
        odd = Some(cluster.clone());
        cluster
    });
    let pool = pool.await?;
    pool.set_up()?;
    Ok((pool, odd.expect("the pool was wrapped")))
}

#[tokio::test]
async fn a_slow_read_ends_its_request_and_keeps_its_turn() -> anyhow::Result<()> {
    let (pool, cluster) = odd_pool(50).await?;
    cluster.set(Reads::Hang);
    for _ in 0..3 {
        let problem = pool.problem("/api/v1/pool", 503).await?;
        assert_eq!(problem["code"], "too_slow");
        assert_eq!(
            pool.get("/livez").await?.status(),
            200,
            "liveness reads nothing"
        );
    }
    cluster.set(Reads::Work);
    while pool.get("/api/v1/pool").await?.status() != 200 {}
    Ok(())
}

#[tokio::test]
async fn reads_above_the_limit_are_told_that_the_node_is_busy() -> anyhow::Result<()> {
    let (pool, cluster) = odd_pool(60_000).await?;
    cluster.set(Reads::Hang);
    let hanging = pool.json("/api/v1/pool");
    let refused = async {
        cluster.hanging.notified().await;
        let problem = pool.problem("/api/v1/blocks", 503).await;
        cluster.set(Reads::Work);
        problem
    };
    let (hanging, refused) = tokio::join!(hanging, refused);
    assert_eq!(refused?["code"], "busy");
    assert_eq!(
        hanging?["index"], 1,
        "the one that had its turn is answered"
    );
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_is_not_ready_but_alive() -> anyhow::Result<()> {
    let (pool, cluster) = odd_pool(60_000).await?;
    cluster.set(Reads::Fail);
    for path in [
        "/api/v1/pool",
        "/api/v1/miners",
        "/api/v1/blocks",
        "/api/v1/payouts/1",
    ] {
        let problem = pool.problem(path, 503).await?;
        assert_eq!(problem["code"], "ledger_unreadable");
        assert!(
            !problem.to_string().contains("the disk is gone"),
            "insides stay inside"
        );
    }
    let metrics = pool.get("/metrics").await?;
    assert_eq!(metrics.status(), 200);
    assert!(metrics.text().await?.contains("raftpool_ledger_readable 0"));
    let readiness = pool.get("/readyz").await?;
    assert_eq!(readiness.status(), 503);
    let body: Value = readiness.json().await?;
    assert_eq!(body["conditions"][0]["met"], false);
    assert_eq!(pool.get("/livez").await?.status(), 200);
    cluster.set(Reads::Work);
    assert_eq!(pool.json("/api/v1/pool").await?["index"], 1);
    Ok(())
}
