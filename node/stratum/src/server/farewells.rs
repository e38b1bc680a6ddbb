//! How many of those who are not taken are told why in TLS.
//!
//! Over TLS the first word costs a handshake, which is more than a connection may cost that was
//! refused. So some are told with words, and in a storm the rest gets the alert that TLS has for it.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Farewells in a second, and at once.
const PER_SECOND_MAX: NonZeroU32 = NonZeroU32::new(20).expect("20 is not 0");
/// Farewells under way: each holds a socket without a place.
const UNDER_WAY_MAX: usize = 32;

/// Grants farewells.
pub(super) struct Farewells {
    rate: DefaultDirectRateLimiter,
    under_way: Arc<Semaphore>,
}

impl Default for Farewells {
    fn default() -> Self {
        Self {
            rate: RateLimiter::direct(Quota::per_second(PER_SECOND_MAX)),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
        }
    }
}

impl Farewells {
    /// Leave for one farewell, which lasts until it is dropped.
    pub(super) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        let permit = self.under_way.clone().try_acquire_owned().ok()?;
        self.rate.check().is_ok().then_some(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn farewells_are_few_at_once_and_few_in_a_second() {
        let farewells = Farewells::default();
        let held: Vec<_> = (0..100).map_while(|_| farewells.begin()).collect();
        assert_eq!(held.len(), 20, "the rate comes first");
        drop(held);
        assert!(farewells.begin().is_none(), "within the same second");
        let farewells = Farewells::default();
        let all = farewells.under_way.clone().try_acquire_many_owned(32);
        assert!(all.is_ok() && farewells.begin().is_none());
        drop(all);
        assert!(farewells.begin().is_some());
    }
}
