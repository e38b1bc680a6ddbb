//! Which daemons of a list can be trusted now.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time};
use tracing::{info, warn};

use crate::{daemon::Daemon, error::ChainError, network::Network};

/// Limits of the health checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthSettings {
    /// Time between two checks of a daemon.
    pub interval: Duration,
    /// A check that takes longer fails.
    pub deadline: Duration,
    /// How many topoheights a daemon may be behind the best of the list, and behind its peers.
    pub behind_max: u64,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(2),
            deadline: Duration::from_secs(5),
            // About half a minute of blocks: more than the usual delay between daemons, and much
            // less than the 24 heights until a block is stable.
            behind_max: 8,
        }
    }
}

/// One daemon of a list as last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonHealth {
    /// Host and port.
    pub name: String,
    /// Whether reads may go there.
    pub healthy: bool,
    /// Height it reported, None while it does not answer.
    pub height: Option<u64>,
    /// What is wrong with it, None when healthy.
    pub problem: Option<String>,
}

/// What the last check of a daemon saw.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Observation {
    Unchecked,
    Answering {
        height: u64,
        topoheight: u64,
        peers_topoheight: Option<u64>,
    },
    OnWrongNetwork {
        problem: String,
    },
    Failing {
        problem: String,
    },
}

/// The last observation of every daemon, shared by the checks and the calls.
pub(super) struct Board {
    names: Vec<String>,
    behind_max: u64,
    observations: watch::Sender<Vec<Observation>>,
}

impl Board {
    pub(super) fn new(names: Vec<String>, behind_max: u64) -> Self {
        let observations = watch::Sender::new(vec![Observation::Unchecked; names.len()]);
        Self {
            names,
            behind_max,
            observations,
        }
    }

    /// Ends after the first round of checks, whose deadline bounds it.
    pub(super) async fn wait_until_checked(&self) {
        let mut observations = self.observations.subscribe();
        // Fails only when the sender is gone, which `self` owns.
        let _ = observations
            .wait_for(|all| !all.contains(&Observation::Unchecked))
            .await;
    }

    pub(super) fn healthy(&self) -> Vec<usize> {
        let problems = judge(&self.observations.borrow(), self.behind_max);
        let indexed = problems.iter().enumerate();
        indexed
            .filter(|(_, problem)| problem.is_none())
            .map(|(index, _)| index)
            .collect()
    }

    /// All but those known to be on another network.
    pub(super) fn on_the_network(&self) -> Vec<usize> {
        let observations = self.observations.borrow();
        let usable =
            |index: &usize| !matches!(observations[*index], Observation::OnWrongNetwork { .. });
        (0..observations.len()).filter(usable).collect()
    }

    pub(super) fn health(&self) -> Vec<DaemonHealth> {
        let observations = self.observations.borrow().clone();
        let problems = judge(&observations, self.behind_max);
        let seen = self.names.iter().zip(observations).zip(problems);
        seen.map(|((name, observation), problem)| DaemonHealth {
            name: name.clone(),
            healthy: problem.is_none(),
            height: match observation {
                Observation::Answering { height, .. } => Some(height),
                _ => None,
            },
            problem,
        })
        .collect()
    }

    pub(super) fn no_healthy_daemon(&self) -> ChainError {
        let problems = self.health().into_iter();
        ChainError::NoHealthyDaemon {
            problems: problems
                .map(|health| {
                    (
                        health.name,
                        health.problem.unwrap_or_else(|| "it just failed".into()),
                    )
                })
                .collect(),
        }
    }

    /// A call failed between two checks. What the daemon refused says nothing about its health.
    pub(super) fn note_failure(&self, index: usize, error: &ChainError) {
        match error {
            ChainError::Rpc { .. } | ChainError::NoHealthyDaemon { .. } => {}
            error => self.record(index, Observation::of_failure(error)),
        }
    }

    fn record(&self, index: usize, observation: Observation) {
        self.observations.send_modify(|observations| {
            let before = judge(observations, self.behind_max);
            let first_time = observations[index] == Observation::Unchecked;
            observations[index] = observation;
            let after = judge(observations, self.behind_max);
            for (daemon, (before, after)) in before.iter().zip(&after).enumerate() {
                if before.is_none() != after.is_none() || (first_time && daemon == index) {
                    self.log(daemon, after.as_deref());
                }
            }
        });
    }

    fn log(&self, index: usize, problem: Option<&str>) {
        let daemon = &self.names[index];
        match problem {
            None => info!(%daemon, "daemon is healthy"),
            Some("not checked yet") => {}
            Some(problem) => warn!(%daemon, problem, "daemon is not used"),
        }
    }
}

impl Observation {
    fn of_failure(error: &ChainError) -> Self {
        let problem = error.with_causes();
        match error {
            ChainError::WrongNetwork { .. } => Self::OnWrongNetwork { problem },
            _ => Self::Failing { problem },
        }
    }
}

/// Each daemon's problem, None for the healthy ones.
fn judge(observations: &[Observation], behind_max: u64) -> Vec<Option<String>> {
    let topoheights = observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::Answering { topoheight, .. } => Some(*topoheight),
            _ => None,
        });
    let best = topoheights.max().unwrap_or(0);
    let problem = |observation: &Observation| match observation {
        Observation::Unchecked => Some("not checked yet".to_owned()),
        Observation::OnWrongNetwork { problem } | Observation::Failing { problem } => {
            Some(problem.clone())
        }
        Observation::Answering { topoheight, .. } if best - topoheight > behind_max => Some(
            format!("it is at topoheight {topoheight}, another daemon of the list at {best}"),
        ),
        Observation::Answering {
            topoheight,
            peers_topoheight: Some(peers),
            ..
        } if peers.saturating_sub(*topoheight) > behind_max => Some(format!(
            "it is still syncing: at topoheight {topoheight}, its peers at {peers}"
        )),
        Observation::Answering { .. } => None,
    };
    observations.iter().map(problem).collect()
}

/// Checks one daemon again and again.
pub(super) async fn watch(
    board: Arc<Board>,
    index: usize,
    daemon: Arc<dyn Daemon>,
    network: Network,
    settings: HealthSettings,
) {
    loop {
        let observation = match time::timeout(settings.deadline, check(&*daemon, network)).await {
            Ok(Ok(observation)) => observation,
            Ok(Err(error)) => Observation::of_failure(&error),
            Err(_) => Observation::Failing {
                problem: format!(
                    "it did not pass the health check within {} ms",
                    settings.deadline.as_millis()
                ),
            },
        };
        board.record(index, observation);
        time::sleep(settings.interval).await;
    }
}

async fn check(daemon: &dyn Daemon, network: Network) -> Result<Observation, ChainError> {
    let info = daemon.info().await?;
    if info.network != network {
        return Err(ChainError::WrongNetwork {
            endpoint: format!("daemon {}", daemon.name()),
            expected: network,
            found: info.network,
        });
    }
    let peers_topoheight = match daemon.sync_status().await {
        Ok(status) => status.best_topoheight,
        // A daemon may keep this method to itself; then the rest of the list is the measure.
        Err(ChainError::Rpc { .. }) => None,
        Err(error) => return Err(error),
    };
    let (height, topoheight) = (info.height, info.topoheight);
    Ok(Observation::Answering {
        height,
        topoheight,
        peers_topoheight,
    })
}
