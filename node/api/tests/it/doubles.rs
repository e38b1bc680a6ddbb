//! What stands in for the rest of the program: live facts, members, addresses, bans, payouts, time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use raftpool_api::dto::cluster::{ClusterStatus, MemberChange};
use raftpool_api::dto::drain::DrainStatus;
use raftpool_api::dto::rules::{NonceInsight, Simulation};
use raftpool_api::{
    BuildFacts, ChangeRefusal, ClusterControl, Condition, DaemonFacts, DrainControl, LiveFacts,
    LocalBan, LocalBanOf, LocalBans, MemberChanged, NodeFacts, PayoutFacts, PayoutInsight,
    RefusedWorkerFacts, SessionFacts, TemplateFacts, TokenIssuer,
};
use raftpool_ledger::Clock;
use raftpool_ledger::cluster::BoxFuture;
use raftpool_ledger::command::RejectReason;
use serde_json::json;

use crate::support::NOW_MS;

/// Facts a test can change.
pub struct TestFacts {
    pub liveness: Mutex<Condition>,
    pub template_fresh: Mutex<Condition>,
    pub caught_up: Mutex<Condition>,
}

/// A cluster of one whose members are changed by writing down what was asked for.
#[derive(Default)]
pub struct TestControl {
    pub asked: Mutex<Vec<MemberChange>>,
}

impl ClusterControl for TestControl {
    fn status(&self) -> BoxFuture<'_, ClusterStatus> {
        let node = json!({
            "id": 1, "address": "node-1.internal:5078", "reachable": true, "serving": true,
            "version": "1.2.3", "role": "leader", "is_voter": true, "term": 4,
            "applied_index": 70, "lag": 0, "digest": "ab12", "digest_index": 64,
            "database_bytes": 1000, "daemon_height": 41, "connections": 7,
            "shares_per_second": "1.500", "hashrate": "12000", "payout_status": "nothing is due",
            "api": "10.0.0.1:8000", "started_at_ms": 5,
            "public": {
                "name": "one", "region": "here", "api_url": "https://one.pool.example",
                "endpoints": [{
                    "protocol": "stratum", "host": "one.pool.example", "port": 5077,
                    "encryption": "both", "starting_difficulty": "50000",
                    "default_scheme": null,
                }],
            },
            "errors": ["disk of 10.0.0.1 is slow"],
        });
        let status = json!({
            "cluster_id": "c1", "node_id": 1, "is_member": true, "waiting_for": null,
            "health": "degraded", "leader_id": 1, "term": 4, "next_node_id": 2,
            "problems": ["node 1: disk of 10.0.0.1 is slow"], "nodes": [node],
        });
        Box::pin(async { serde_json::from_value(status).expect("a status") })
    }

    fn change(
        &self,
        change: MemberChange,
        _author: String,
    ) -> BoxFuture<'_, Result<MemberChanged, ChangeRefusal>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(change.clone());
        let answer = match change {
            MemberChange::Replace { .. } => Ok(MemberChanged::UnderWay("catching up".into())),
            MemberChange::Remove { .. } => Err(ChangeRefusal::Refused("the only voter".into())),
            MemberChange::Transfer { .. } => Err(ChangeRefusal::NotLed("nobody leads".into())),
            MemberChange::Promote { .. } => Err(ChangeRefusal::Unknown("no answer".into())),
            _ => Ok(MemberChanged::Done("done".into())),
        };
        Box::pin(async { answer })
    }
}

/// A node that drains at once, unless nobody else could serve; it has to be forced then.
#[derive(Default)]
pub struct TestDrain {
    over: Mutex<Option<Option<Duration>>>,
}

impl DrainControl for TestDrain {
    fn drain(
        &self,
        over: Option<Duration>,
        is_forced: bool,
    ) -> BoxFuture<'_, Result<DrainStatus, String>> {
        if !is_forced {
            return Box::pin(async { Err("node 2 is being drained".into()) });
        }
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = Some(over);
        Box::pin(async { Ok(self.status()) })
    }

    fn undrain(&self) -> DrainStatus {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.status()
    }

    fn status(&self) -> DrainStatus {
        let over = *self.over.lock().unwrap_or_else(PoisonError::into_inner);
        DrainStatus {
            node_id: 1,
            drain_phase: over.map(|over| format!("leaving over {over:?}")),
            since_ms: over.map(|_| 5),
            connections: 7,
            is_leader: false,
            serving: true,
        }
    }
}

/// Draws the same bits one after the other, and knows addresses that begin with `xet:`.
#[derive(Default)]
pub struct TestIssuer(AtomicU64);

impl TokenIssuer for TestIssuer {
    fn random(&self) -> [u8; 32] {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut bits = [0xa5; 32];
        bits[24..].copy_from_slice(&number.to_be_bytes());
        bits
    }

    fn canonical_address(&self, text: &str) -> Result<String, String> {
        let text = text.to_ascii_lowercase();
        match text.starts_with("xet:") {
            true => Ok(text),
            false => Err("it does not begin with xet:".into()),
        }
    }

    /// A signature is good when its bytes are those at the end of the text.
    fn check_signature(&self, _: &str, text: &str, signature: &[u8; 64]) -> Result<(), String> {
        match text.as_bytes().ends_with(signature) {
            true => Ok(()),
            false => Err("it is of another text, or of another wallet".into()),
        }
    }
}

/// What a node refuses by itself, written down by a test.
#[derive(Default)]
pub struct TestBans(pub Mutex<Vec<LocalBan>>);

impl LocalBans for TestBans {
    fn list(&self) -> Vec<LocalBan> {
        let bans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bans.clone()
    }

    fn lift(&self, who: &LocalBanOf) -> bool {
        let mut bans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = bans.len();
        bans.retain(|ban| ban.who != *who);
        bans.len() < before
    }
}

/// What a payout duty knows, written down by a test; it does not serve until then.
#[derive(Default)]
pub struct TestPayouts {
    nonce: Mutex<Option<NonceInsight>>,
    obstacles: Mutex<Option<Vec<String>>>,
}

impl TestPayouts {
    pub fn see(&self, nonce: NonceInsight) {
        *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce);
    }

    /// Simulates a run that pays nobody because of these.
    pub fn simulate_as(&self, obstacles: Vec<String>) {
        let mut known = self
            .obstacles
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *known = Some(obstacles);
    }
}

impl PayoutInsight for TestPayouts {
    fn nonce(&self) -> Option<NonceInsight> {
        let nonce = self.nonce.lock().unwrap_or_else(PoisonError::into_inner);
        nonce.clone()
    }

    fn reconciliation(&self) -> BoxFuture<'_, Result<raftpool_api::Finding, String>> {
        Box::pin(async { Ok(raftpool_api::Finding::default()) })
    }

    fn simulate(&self) -> BoxFuture<'_, Result<Simulation, String>> {
        let known = self
            .obstacles
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let simulation = known.clone().map(|obstacles| Simulation {
            obstacles,
            payees: vec![],
            debit_atomic: 0_u64.into(),
            pool_fee_budget_atomic: 0_u64.into(),
            needs_approval: false,
            left_out: vec![],
            left_out_counts: std::collections::BTreeMap::new(),
            is_complete: true,
            is_leading: true,
        });
        let simulation = simulation.ok_or_else(|| "this node does not serve yet".into());
        Box::pin(async { simulation })
    }

    fn stable_topoheight(&self) -> BoxFuture<'_, Option<u64>> {
        Box::pin(async { Some(400) })
    }
}

/// A miner this node has refused something, and that is in no ledger.
pub const REFUSED_MINER: &str = "xet:refused";

pub struct TestClock;

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        NOW_MS
    }
}

impl LiveFacts for TestFacts {
    fn liveness(&self) -> Condition {
        self.liveness
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn conditions(&self) -> Vec<Condition> {
        let template_fresh = self.template_fresh.lock();
        vec![
            template_fresh
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            Condition::new("storage", true, "the log accepts writes"),
            Condition::new("serving", true, "1 listener for miners is open"),
            Condition::new("daemon", true, "1 of 1 daemons is usable"),
            self.caught_up
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        ]
    }

    fn node(&self) -> NodeFacts {
        NodeFacts {
            build: BuildFacts {
                version: "1.2.3".into(),
                revision: None,
            },
            started_at_ms: NOW_MS - 60_000,
            miner_connections: 7,
            daemons: vec![DaemonFacts {
                name: "own \"daemon\"".into(),
                healthy: true,
                height: Some(41),
                problem: None,
            }],
            template: Some(TemplateFacts {
                height: 42,
                topoheight: 50,
                network_difficulty: "36893488147419103232".into(),
                network_hashrate: "7378697629483820646".into(),
                miner_reward_atomic: Some(145_000_000),
                algorithm: "xelis/v3".into(),
                received_at_ms: NOW_MS - 1_500,
            }),
            stability_heights: 24,
            payout: PayoutFacts {
                status: "nothing to pay".into(),
                alarms: vec![],
            },
        }
    }

    fn sessions(&self, _: &str) -> Vec<SessionFacts> {
        vec![SessionFacts {
            worker: "rig".into(),
            protocol: "stratum",
            is_tls: true,
            remote: std::net::SocketAddr::from(([192, 0, 2, 1], 4_711)),
            user_agent: "testminer/1".into(),
            connected_at_ms: NOW_MS - 60_000,
            difficulty: 64,
            last_share_at_ms: Some(NOW_MS - 500),
            accepted: 5,
            rejects: [(RejectReason::LowDifficulty, 2)].into(),
        }]
    }

    fn refused_workers(&self, address: &str) -> Vec<RefusedWorkerFacts> {
        if address != REFUSED_MINER {
            return vec![];
        }
        vec![RefusedWorkerFacts {
            worker: "rig <1>".into(),
            first_at_ms: NOW_MS - 9_000,
            last_at_ms: NOW_MS - 1_000,
            rejects: [(RejectReason::LowDifficulty, 3)].into(),
            logins: [("token", 2)].into(),
            last_words: "low difficulty share".into(),
        }]
    }
}

/// A node that keeps no backups.
pub struct NoBackups;

impl raftpool_api::BackupControl for NoBackups {
    fn back_up(&self) -> BoxFuture<'_, Result<raftpool_api::BackupMade, String>> {
        Box::pin(async { Err("no [backup] is configured".into()) })
    }
}
