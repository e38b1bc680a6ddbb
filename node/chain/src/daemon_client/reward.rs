//! What a daemon last said that a block pays its miner.
//!
//! Templates do not say it, and waiting for another answer would make every template later. The
//! reward falls by an atomic unit or two a block, so what was said a moment ago is good enough.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The newest reward, and when it came.
#[derive(Debug, Default)]
pub(super) struct LastReward {
    said: Mutex<Option<(u64, Instant)>>,
}

impl LastReward {
    pub(super) fn note(&self, reward_atomic: u64) {
        *self.said.lock() = Some((reward_atomic, Instant::now()));
    }

    /// The reward in atomic units, when it is not older than `age_max`.
    pub(super) fn known_for(&self, age_max: Duration) -> Option<u64> {
        let said = *self.said.lock();
        said.filter(|(_, at)| at.elapsed() <= age_max)
            .map(|(reward_atomic, _)| reward_atomic)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reward_is_known_until_it_is_too_old_and_the_newest_counts() {
        let (reward, age_max) = (LastReward::default(), Duration::from_secs(10));
        assert_eq!(reward.known_for(age_max), None);
        reward.note(5);
        reward.note(4);
        time::advance(age_max).await;
        assert_eq!(reward.known_for(age_max), Some(4));
        time::advance(Duration::from_millis(1)).await;
        assert_eq!(reward.known_for(age_max), None);
        assert_eq!(reward.known_for(age_max * 2), Some(4));
    }
}
