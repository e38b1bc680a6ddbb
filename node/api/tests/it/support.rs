//! A running API over a cluster in memory, and commands that fill it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use prometheus::Registry;
use raftpool_api::{About, ApiConfig, ApiParts, ApiServer, Condition, SiteFile};
use raftpool_ledger::command::{
    BatchId, ChangeSettings, ConfirmPayout, CreditShares, OrphanBlock, Payee, RecordBlock,
    RejectCount, RejectReason, ReservePayout, Scheme, Settings, SettleBlock, Share, SignPayout,
    WorkerReport, command::Body,
};
use raftpool_ledger::testing::MemoryCluster;
use raftpool_ledger::{Cluster, Outcome, compose};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::doubles::TestFacts;
pub use crate::doubles::{TestBans, TestClock, TestControl, TestDrain, TestIssuer, TestPayouts};

pub const ALICE: &str = "xet:alice";
pub const BOB: &str = "xet:bob";
pub const NOW_MS: u64 = 1_800_000_000_000;
pub const NETWORK_DIFFICULTY: u64 = 1_024;

/// The API, its ledger and its knobs.
pub struct TestPool {
    pub cluster: Arc<MemoryCluster>,
    pub facts: Arc<TestFacts>,
    pub server: ApiServer,
    pub registry: Registry,
    pub http: reqwest::Client,
    sequence: AtomicU64,
}

impl TestPool {
    /// An API over an empty ledger.
    pub async fn empty() -> anyhow::Result<Self> {
        Self::with(|_| {}).await
    }

    /// An API over an empty ledger, with other limits.
    pub async fn with(change: impl FnOnce(&mut ApiConfig)) -> anyhow::Result<Self> {
        Self::over(change, |cluster| cluster).await
    }

    /// An API that serves paths for miners as well.
    pub async fn with_miners(miners: axum::Router) -> anyhow::Result<Self> {
        Self::serve(|_| {}, |cluster| cluster, miners).await
    }

    /// An API over what `wrap` makes of the cluster.
    pub async fn over<C: Cluster>(
        change: impl FnOnce(&mut ApiConfig),
        wrap: impl FnOnce(Arc<MemoryCluster>) -> Arc<C>,
    ) -> anyhow::Result<Self> {
        Self::serve(change, wrap, axum::Router::new()).await
    }

    async fn serve<C: Cluster>(
        change: impl FnOnce(&mut ApiConfig),
        wrap: impl FnOnce(Arc<MemoryCluster>) -> Arc<C>,
        miners: axum::Router,
    ) -> anyhow::Result<Self> {
        let cluster = Arc::new(MemoryCluster::new());
        let facts = Arc::new(TestFacts {
            liveness: Mutex::new(Condition::new("main_loop", true, "ticked 1 s ago")),
            template_fresh: Mutex::new(Condition::new("template_fresh", true, "1 s old")),
            caught_up: Mutex::new(Condition::new("caught_up", true, "0 entries behind")),
        });
        let registry = Registry::new();
        let mut config = ApiConfig::new("127.0.0.1:0".parse()?);
        // Tests ask far more often than people, and from one address.
        config.requests_per_minute_per_ip_max = 0;
        change(&mut config);
        let parts = ApiParts {
            miners,
            cluster: wrap(cluster.clone()),
            clock: Arc::new(TestClock),
            registry: registry.clone(),
            live: facts.clone(),
            control: Arc::new(TestControl::default()),
            issuer: Arc::new(TestIssuer::default()),
            about: about(),
            site: SITE.to_vec(),
        };
        let server = ApiServer::start(config, parts).await?;
        let http = reqwest::Client::new();
        Ok(Self {
            cluster,
            facts,
            server,
            registry,
            http,
            sequence: AtomicU64::new(0),
        })
    }

    /// An API over a ledger with settings, work of two miners, five blocks and two payouts.
    pub async fn filled() -> anyhow::Result<Self> {
        let pool = Self::empty().await?;
        pool.set_up()?;
        pool.credit(ALICE, "garage", 300)?;
        pool.credit(ALICE, "attic", 200)?;
        pool.credit(BOB, "rig", 500)?;
        pool.reject(BOB, "rig", RejectReason::Stale, 3)?;
        for number in 1..=5 {
            pool.record_block(number)?;
        }
        pool.settle_block(1, 1_000_000)?;
        pool.settle_block(2, 1_000_001)?;
        pool.orphan_block(3)?;
        pool.pay(1, &[(ALICE, 400_000), (BOB, 300_000)])?;
        pool.confirm(1)?;
        pool.pay(2, &[(ALICE, 100_000)])?;
        Ok(pool)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.local_addr())
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Response> {
        Ok(self.http.get(self.url(path)).send().await?)
    }

    /// A successful answer; checks that header and body name the same index.
    pub async fn json(&self, path: &str) -> anyhow::Result<Value> {
        let response = self.get(path).await?;
        ensure!(
            response.status() == StatusCode::OK,
            "{path}: {}",
            response.status()
        );
        let index: u64 = response.headers()["x-raftpool-index"].to_str()?.parse()?;
        let body: Value = response.json().await?;
        ensure!(body["index"] == index, "{path}: index {index} and {body}");
        ensure!(body["ledger_time_ms"].is_u64(), "{path}: no ledger time");
        Ok(body)
    }

    /// The same with headers of the request.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Response> {
        let mut request = self.http.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.send().await?)
    }

    /// A refusal; checks that it is a problem document of this status.
    pub async fn problem(&self, path: &str, status: u16) -> anyhow::Result<Value> {
        let response = self.get(path).await?;
        ensure!(
            response.status().as_u16() == status,
            "{path}: {}",
            response.status()
        );
        let kind = response.headers()["content-type"].to_str()?.to_owned();
        ensure!(kind == "application/problem+json", "{path}: {kind}");
        let body: Value = response.json().await?;
        ensure!(body["status"] == status, "{path}: {body}");
        for field in ["type", "title", "code", "detail"] {
            ensure!(
                body[field].as_str().is_some_and(|text| !text.is_empty()),
                "{path}: {body}"
            );
        }
        Ok(body)
    }

    pub fn propose(&self, body: Body) -> anyhow::Result<Outcome> {
        let committed = self.cluster.propose_now(compose("test", NOW_MS, body))?;
        match committed.outcome {
            Outcome::Rejected(rejection) => anyhow::bail!("refused: {rejection}"),
            Outcome::SharesCredited { refused, .. } if !refused.is_empty() => {
                anyhow::bail!("shares refused: {refused:?}")
            }
            outcome => Ok(outcome),
        }
    }

    pub fn set_up(&self) -> anyhow::Result<()> {
        let settings = Settings {
            network: "devnet".into(),
            pool_address: "xet:pool".into(),
            pplns_fee_bps: 100,
            solo_fee_bps: 50,
            pplns_window_milli: 2000,
            pplns_offered: true,
            solo_offered: true,
            default_scheme: Scheme::Pplns as i32,
            payout_threshold_atomic: 50_000,
            payout_interval_ms: 60_000,
            payout_payees_max: 255,
            ..Settings::default()
        };
        let reason = "first settings".into();
        self.propose(Body::ChangeSettings(ChangeSettings {
            settings: Some(settings),
            reason,
        }))?;
        Ok(())
    }

    pub fn credit(&self, miner: &str, worker: &str, difficulty: u64) -> anyhow::Result<()> {
        let workers = vec![WorkerReport {
            miner: miner.into(),
            worker: worker.into(),
            difficulty: 64,
            rejects: vec![],
        }];
        let shares = vec![share(miner, worker, difficulty)];
        self.propose(Body::CreditShares(CreditShares {
            batch: self.batch(),
            shares,
            workers,
        }))?;
        Ok(())
    }

    pub fn reject(
        &self,
        miner: &str,
        worker: &str,
        reason: RejectReason,
        count: u64,
    ) -> anyhow::Result<()> {
        let workers = vec![WorkerReport {
            miner: miner.into(),
            worker: worker.into(),
            difficulty: 0,
            rejects: vec![RejectCount {
                reason: reason as i32,
                count,
            }],
        }];
        let batch = self.batch();
        self.propose(Body::CreditShares(CreditShares {
            batch,
            shares: vec![],
            workers,
        }))?;
        Ok(())
    }

    pub fn record_block(&self, number: u8) -> anyhow::Result<()> {
        self.record_late_block(number, 0)
    }

    pub fn record_late_block(&self, number: u8, heights_late: u32) -> anyhow::Result<()> {
        self.propose(Body::RecordBlock(RecordBlock {
            hash: vec![number; 32],
            height: 100 + u64::from(number),
            share: Some(share(ALICE, "garage", 100)),
            heights_late,
            node_id: 1,
        }))?;
        Ok(())
    }

    /// A block that was expected to pay something, so that the journal has it.
    pub fn record_block_worth(&self, number: u8, expected_atomic: u64) -> anyhow::Result<()> {
        let mut found = share(ALICE, "garage", 100);
        found.expected_reward_atomic = expected_atomic;
        self.propose(Body::RecordBlock(RecordBlock {
            hash: vec![number; 32],
            height: 100 + u64::from(number),
            share: Some(found),
            heights_late: 0,
            node_id: 1,
        }))?;
        Ok(())
    }

    pub fn settle_block(&self, number: u8, amount_atomic: u64) -> anyhow::Result<()> {
        let (hash, topoheight) = (vec![number; 32], 200 + u64::from(number));
        self.propose(Body::SettleBlock(SettleBlock {
            hash,
            amount_atomic,
            topoheight,
        }))?;
        Ok(())
    }

    pub fn orphan_block(&self, number: u8) -> anyhow::Result<()> {
        let reason = "not in the stable chain".into();
        self.propose(Body::OrphanBlock(OrphanBlock {
            hash: vec![number; 32],
            reason,
            keeps_weights: true,
        }))?;
        Ok(())
    }

    /// Reserves a payout; 1,000 of each debit are for the network's fee.
    pub fn reserve(&self, payout_id: u64, debits: &[(&str, u64)]) -> anyhow::Result<()> {
        let payees = debits.iter().map(|(address, debit_atomic)| Payee {
            address: (*address).into(),
            debit_atomic: *debit_atomic,
            transfer_atomic: debit_atomic - 1_000,
        });
        self.propose(Body::ReservePayout(ReservePayout {
            payout_id,
            nonce: payout_id + 10,
            payees: payees.collect(),
            term: 1,
            ..ReservePayout::default()
        }))?;
        Ok(())
    }

    /// Reserves and signs a payout; 1,000 of each debit are for the network's fee.
    pub fn pay(&self, payout_id: u64, debits: &[(&str, u64)]) -> anyhow::Result<()> {
        self.reserve(payout_id, debits)?;
        self.propose(Body::SignPayout(SignPayout {
            payout_id,
            tx_hash: tx_hash(payout_id)?,
            tx: b"signed bytes".to_vec(),
            fee_atomic: 800,
            reference_topoheight: 300,
            term: 1,
        }))?;
        Ok(())
    }

    pub fn confirm(&self, payout_id: u64) -> anyhow::Result<()> {
        self.propose(Body::ConfirmPayout(ConfirmPayout {
            payout_id,
            tx_hash: tx_hash(payout_id)?,
            block_hash: vec![0xbb; 32],
            topoheight: 301,
        }))?;
        Ok(())
    }

    fn batch(&self) -> Option<BatchId> {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        Some(BatchId {
            node_id: 1,
            epoch: 1,
            sequence,
        })
    }
}

/// What the operator says of the pool.
fn about() -> About {
    About {
        pool_name: Some("Test pool".into()),
        explorer_block_url: Some("https://explorer.example/{hash}".into()),
        address_prefix: "xet",
        block_time_ms: 5_000,
        ..About::default()
    }
}

/// A dashboard of three files.
const SITE: [SiteFile; 3] = [
    SiteFile {
        path: "index.html",
        bytes:
            b"<!doctype html><script>theme()</script><script src=\"/assets/app-1f.js\"></script>",
    },
    SiteFile {
        path: "assets/app-1f.js",
        bytes: &[b'a'; 4_096],
    },
    SiteFile {
        path: "favicon.svg",
        bytes: b"<svg/>",
    },
];

/// Decimal text of the API as a number.
pub fn decimal(value: &Value) -> anyhow::Result<u128> {
    let text = value
        .as_str()
        .with_context(|| format!("{value} is not text"))?;
    Ok(text.parse()?)
}

fn tx_hash(payout_id: u64) -> anyhow::Result<Vec<u8>> {
    Ok(vec![0xa0 + u8::try_from(payout_id)?; 32])
}

fn share(miner: &str, worker: &str, difficulty: u64) -> Share {
    Share {
        miner: miner.into(),
        worker: worker.into(),
        scheme: Scheme::Pplns as i32,
        difficulty,
        network_difficulty: NETWORK_DIFFICULTY.to_be_bytes()[6..].to_vec(),
        height: 100,
        received_at_ms: NOW_MS,
        expected_reward_atomic: 0,
        listener_scheme: 0,
    }
}
