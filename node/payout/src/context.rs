//! What the reconcilers share: the cluster, the daemons, and the rules for believing them.

use std::sync::Arc;

use raftpool_chain::{Address, ChainInfo, Daemon, Network, Wallet};
use raftpool_ledger::cluster::{Committed, ReadError, read};
use raftpool_ledger::command::command::Body;
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{Clock, Cluster, Outcome, StateError, compose};

use crate::alarm::{AlarmKind, Alarms};
use crate::metrics::Metrics;
use crate::obstacle::{Obstacle, chain};
use crate::{PayoutConfig, PayoutPoint, StepHook};

pub(crate) struct Context {
    pub(crate) config: PayoutConfig,
    pub(crate) cluster: Arc<dyn Cluster>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) daemons: Arc<dyn Daemon>,
    pub(crate) wallet: Option<Arc<dyn Wallet>>,
    pub(crate) pool_address: Address,
    pub(crate) network: Network,
    pub(crate) hook: Option<StepHook>,
    pub(crate) metrics: Metrics,
}

/// A command's body with its name and the points around its proposal.
pub(crate) struct Proposal {
    pub(crate) step: &'static str,
    pub(crate) before: PayoutPoint,
    pub(crate) after: PayoutPoint,
    pub(crate) body: Body,
}

impl Context {
    /// The term, while this node leads. Captured once per step and carried by its commands, so
    /// that the ledger refuses what a deposed leader still proposes.
    pub(crate) fn leading_term(&self) -> Option<u64> {
        let leadership = self.cluster.leadership();
        leadership.is_leader().then_some(leadership.term)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub(crate) fn at(&self, point: PayoutPoint) {
        if let Some(hook) = &self.hook {
            hook(point);
        }
    }

    pub(crate) fn read<T: Send>(
        &self,
        query: impl FnOnce(&LedgerView<'_>) -> Result<T, StateError> + Send,
    ) -> Result<T, Obstacle> {
        let answer = read(self.cluster.as_ref(), |state| {
            query(&LedgerView::new(state))
        });
        answer.map_err(|error| self.unreadable(&error))
    }

    /// Waits until this node has applied everything committed, so that it acts on the row as it
    /// is and not as it was when another node led.
    pub(crate) async fn linearize(&self) -> Result<(), Obstacle> {
        let answer = self.cluster.linearize().await;
        answer.map(drop).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &ReadError) -> Obstacle {
        self.metrics.failed("read_ledger");
        Obstacle::Ledger(chain(error))
    }

    /// Proposes a command. An unknown fate is no success: the next step reads what became of it.
    pub(crate) async fn propose(&self, proposal: Proposal) -> Result<Committed, Obstacle> {
        let Proposal {
            step,
            before,
            after,
            body,
        } = proposal;
        let author = format!("node {}", self.cluster.leadership().node_id);
        let command = compose(author, self.now_ms(), body);
        self.at(before);
        let answer = self.cluster.propose(command).await;
        self.at(after);
        match answer {
            Ok(Committed {
                outcome: Outcome::Rejected(rejection),
                ..
            }) => {
                self.metrics.failed(step);
                Err(Obstacle::Rejected { step, rejection })
            }
            Ok(committed) => Ok(committed),
            Err(error) => {
                self.metrics.failed(step);
                Err(Obstacle::NotCommitted {
                    step,
                    error: chain(&error),
                })
            }
        }
    }

    /// The chain as a daemon sees it that is on our network and not behind its peers.
    pub(crate) async fn synced_info(&self, alarms: &Alarms) -> Result<ChainInfo, Obstacle> {
        let info = self
            .daemons
            .info()
            .await
            .map_err(Obstacle::daemon("chain info"))?;
        if info.network != self.network {
            let obstacle = Obstacle::WrongNetwork {
                found: info.network,
                wanted: self.network,
            };
            alarms.raise(AlarmKind::WrongNetwork, obstacle.to_string(), self.now_ms());
            return Err(obstacle);
        }
        alarms.clear(AlarmKind::WrongNetwork);
        let sync = self
            .daemons
            .sync_status()
            .await
            .map_err(Obstacle::daemon("sync status"))?;
        if let Some(best) = sync.best_topoheight {
            let ours = sync.our_topoheight;
            if best > ours.saturating_add(self.config.daemon_lag_max) {
                return Err(Obstacle::DaemonBehind { ours, best });
            }
            let wanted = match self.network {
                Network::Mainnet => self.config.daemon_peers_min.max(1),
                _ => self.config.daemon_peers_min,
            };
            if sync.peers < wanted {
                return Err(Obstacle::FewPeers {
                    peers: sync.peers,
                    wanted,
                });
            }
        }
        Ok(info)
    }

    /// Compares the ledger's settings with what this node was started for.
    pub(crate) fn check_identity(
        &self,
        network: &str,
        pool_address: &str,
        alarms: &Alarms,
    ) -> Result<(), Obstacle> {
        let ours = self.network.to_string();
        let differs = if network != ours {
            Some(Obstacle::SettingsDiffer {
                field: "network",
                ledger: network.into(),
                ours,
            })
        } else if pool_address != self.pool_address.as_str() {
            let ours = self.pool_address.as_str().to_owned();
            let ledger = pool_address.to_owned();
            Some(Obstacle::SettingsDiffer {
                field: "pool address",
                ledger,
                ours,
            })
        } else {
            None
        };
        match differs {
            Some(obstacle) => {
                alarms.raise(
                    AlarmKind::SettingsDiffer,
                    obstacle.to_string(),
                    self.now_ms(),
                );
                Err(obstacle)
            }
            None => {
                alarms.clear(AlarmKind::SettingsDiffer);
                Ok(())
            }
        }
    }
}
