//! A cluster that breaks one of the pool's promises about shares.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::bail;
use raftpool_ledger::cluster::{
    BoxFuture, BoxStream, ClusterEvent, Committed, Leadership, ProposeError, Query, ReadError,
};
use raftpool_ledger::command::Command;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::{Cluster, Outcome};

/// Sequences of repeated batches begin here, far above those of a real process.
const FIRST_SEQUENCE: u64 = 1 << 32;

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// Shares are acknowledged before they are committed, against P1.
    AcknowledgeBeforeCommit,
    /// Nothing is synced, against P1.
    NoFsync,
    /// A batch that is proposed again is credited again, against P2.
    NoDuplicateFilter,
}

impl FromStr for Sabotage {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "acknowledge-before-commit" => Self::AcknowledgeBeforeCommit,
            "no-fsync" => Self::NoFsync,
            "no-duplicate-filter" => Self::NoDuplicateFilter,
            _ => bail!(
                "`{name}` is none of acknowledge-before-commit, no-fsync, no-duplicate-filter"
            ),
        })
    }
}

/// A cluster with a sabotage; all but batches of shares goes its way.
pub(super) struct Sabotaged {
    cluster: Arc<dyn Cluster>,
    sabotage: Sabotage,
    next_sequence: AtomicU64,
}

impl Sabotaged {
    pub(super) fn new(cluster: Arc<dyn Cluster>, sabotage: Sabotage) -> Self {
        Self {
            cluster,
            sabotage,
            next_sequence: AtomicU64::new(FIRST_SEQUENCE),
        }
    }

    /// Answers as if all shares were credited, while the batch is proposed, and tried only once.
    async fn acknowledge(
        &self,
        command: Command,
        shares: usize,
    ) -> Result<Committed, ProposeError> {
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            if let Err(error) = cluster.propose(command).await {
                tracing::warn!(%error, "shares that were acknowledged are lost");
            }
        });
        let index = self.cluster.read(&mut |_| Ok(()));
        let index = index.map_err(|error| ProposeError::Unknown(error.to_string()))?;
        let outcome = Outcome::SharesCredited {
            credited: u32::try_from(shares).unwrap_or(u32::MAX),
            refused: Vec::new(),
        };
        let term = self.cluster.leadership().term;
        Ok(Committed {
            index,
            term,
            outcome,
        })
    }
}

impl Cluster for Sabotaged {
    fn propose(&self, mut command: Command) -> BoxFuture<'_, Result<Committed, ProposeError>> {
        let Some(Body::CreditShares(credit)) = &mut command.body else {
            return self.cluster.propose(command);
        };
        match self.sabotage {
            Sabotage::AcknowledgeBeforeCommit => {
                let shares = credit.shares.len();
                Box::pin(self.acknowledge(command, shares))
            }
            Sabotage::NoDuplicateFilter => {
                if let Some(id) = &mut credit.batch {
                    id.sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
                }
                self.cluster.propose(command)
            }
            Sabotage::NoFsync => self.cluster.propose(command),
        }
    }

    fn read(&self, query: Query<'_>) -> Result<u64, ReadError> {
        self.cluster.read(query)
    }

    fn linearize(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        self.cluster.linearize()
    }

    fn leadership(&self) -> Leadership {
        self.cluster.leadership()
    }

    fn watch(&self) -> BoxStream<ClusterEvent> {
        self.cluster.watch()
    }
}

#[cfg(test)]
mod tests {
    use raftpool_ledger::cluster::read;
    use raftpool_ledger::compose;
    use raftpool_ledger::testing::{
        Fault, MemoryCluster, change_settings, credit_shares, sample_settings, sample_share,
    };
    use raftpool_ledger::view::LedgerView;

    use super::*;

    async fn founded() -> Arc<MemoryCluster> {
        let cluster = Arc::new(MemoryCluster::new());
        let settings = compose("test", 1, change_settings(sample_settings()));
        cluster.propose(settings).await.unwrap();
        cluster
    }

    fn batch(sequence: u64) -> Command {
        let share = sample_share("a", 10, 1_000_000);
        compose("test", 1, credit_shares(sequence, vec![share; 2]))
    }

    fn credited(cluster: &MemoryCluster) -> u64 {
        read(cluster, |state| Ok(LedgerView::new(state).totals()?.shares)).unwrap()
    }

    #[tokio::test]
    async fn shares_are_acknowledged_before_they_are_committed_and_also_when_they_never_are() {
        let cluster = founded().await;
        let sabotaged = Sabotaged::new(cluster.clone(), Sabotage::AcknowledgeBeforeCommit);
        let committed = sabotaged.propose(batch(1)).await.unwrap();
        assert_eq!((committed.index, committed.term), (1, 1), "the present");
        let expected = Outcome::SharesCredited {
            credited: 2,
            refused: vec![],
        };
        assert_eq!(committed.outcome, expected);
        assert_eq!(credited(&cluster), 0);
        while credited(&cluster) == 0 {
            tokio::task::yield_now().await;
        }
        cluster.fail_next(1, Fault::UnknownLost);
        let committed = sabotaged.propose(batch(2)).await.unwrap();
        assert_eq!(committed.outcome, expected);
        while cluster.proposal_count() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(credited(&cluster), 2, "and not tried again");
    }

    #[tokio::test]
    async fn batch_proposed_twice_is_credited_twice_without_the_filter_alone() {
        for (sabotage, expected) in [
            (None, 2),
            (Some(Sabotage::NoFsync), 2),
            (Some(Sabotage::NoDuplicateFilter), 4),
        ] {
            let cluster = founded().await;
            let wrapped = super::super::wrap_as(cluster.clone(), sabotage);
            for _ in 0..2 {
                wrapped.propose(batch(7)).await.unwrap();
            }
            assert_eq!(credited(&cluster), expected, "{sabotage:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_batch_of_shares_goes_its_way() {
        let all = [
            Sabotage::AcknowledgeBeforeCommit,
            Sabotage::NoFsync,
            Sabotage::NoDuplicateFilter,
        ];
        for sabotage in all {
            let cluster = founded().await;
            let sabotaged = Sabotaged::new(cluster.clone(), sabotage);
            let mut settings = sample_settings();
            settings.pplns_fee_bps += 1;
            let settings = compose("test", 2, change_settings(settings));
            let committed = sabotaged.propose(settings.clone()).await.unwrap();
            assert_eq!(committed.index, 2);
            assert_eq!(committed.outcome, Outcome::SettingsChanged);
            assert_eq!(cluster.proposals()[1], settings);
            assert_eq!(sabotaged.leadership(), cluster.leadership());
            assert_eq!(sabotaged.linearize().await.unwrap(), 2);
        }
    }

    #[test]
    fn sabotage_has_the_names_that_are_told() {
        let refused = "no-sync".parse::<Sabotage>().unwrap_err().to_string();
        let names = refused.split(" is none of ").nth(1).unwrap();
        for name in names.split(", ") {
            name.parse::<Sabotage>().unwrap();
        }
        assert_eq!(names.split(", ").count(), 3);
    }
}
