//! How many answers one source gets over UDP, where anybody can write anybody's address.
//!
//! Beyond the limit every second question gets an empty, truncated answer, which is no larger than
//! the question and makes an honest resolver come back over TCP; the others get none.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;

/// What counts as one source.
const SOURCE_BITS_V4: u8 = 24;
const SOURCE_BITS_V6: u8 = 56;
/// Sources that are remembered; when there are more, all are over the limit. They are forgotten
/// within seconds.
const SOURCES_MAX: usize = 100_000;

/// What becomes of a question over UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered.
    Answer,
    /// Its sender is told to come over TCP.
    Truncate,
    /// Nothing.
    Drop,
}

/// Counts questions by source.
pub(super) struct Limit {
    rates: DefaultKeyedRateLimiter<IpNet>,
    refused: AtomicU64,
}

impl Limit {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self {
            rates: RateLimiter::keyed(Quota::per_second(per_second)),
            refused: AtomicU64::new(0),
        }
    }

    pub(super) fn judge(&self, source: IpAddr) -> Fate {
        let is_crowded = self.rates.len() >= SOURCES_MAX;
        if !is_crowded && self.rates.check_key(&network_of(source)).is_ok() {
            return Fate::Answer;
        }
        match self.refused.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Fate::Truncate,
            _ => Fate::Drop,
        }
    }

    /// Forgets sources that have not asked lately; to be called every few seconds.
    pub(super) fn forget_idle(&self) {
        self.rates.retain_recent();
        self.rates.shrink_to_fit();
    }
}

fn network_of(source: IpAddr) -> IpNet {
    let source = source.to_canonical();
    let bits = match source {
        IpAddr::V4(_) => SOURCE_BITS_V4,
        IpAddr::V6(_) => SOURCE_BITS_V6,
    };
    // Both lengths fit their kind of address.
    IpNet::new(source, bits).map_or_else(|_| source.into(), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_asks_too_often_is_sent_to_tcp_or_ignored_and_others_are_answered() {
        let limit = Limit::new(NonZeroU32::new(2).unwrap());
        let ask = |last| limit.judge(IpAddr::from([192, 0, 2, last]));
        assert_eq!((ask(1), ask(2)), (Fate::Answer, Fate::Answer));
        assert_eq!((ask(3), ask(4)), (Fate::Truncate, Fate::Drop));
        assert_eq!(limit.judge(IpAddr::from([198, 51, 100, 1])), Fate::Answer);
    }
}
