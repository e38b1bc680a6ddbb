//! How often one address may ask, and the headers that say how much of that is left.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use tokio::time::Instant;

use governor::{Quota, RateLimiter};

use crate::problem::{self, Problem};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Seconds of the window that the headers name.
const WINDOW_S: u32 = 60;

/// Addresses that are remembered before those that have been quiet are forgotten.
const ADDRESSES_KEPT: usize = 20_000;

/// Between two times of forgetting.
const TIDY_EVERY: Duration = Duration::from_secs(10);

type Limiter =
    RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// The requests of every address, as far as they are limited.
pub(crate) struct Rates {
    limiter: Limiter,
    at_once: u32,
    per_minute: u32,
    clock: DefaultClock,
    tidied_at: Mutex<Instant>,
}

/// What an address has left.
pub(crate) struct Left {
    per_minute: u32,
    remaining: u32,
    reset_s: u64,
}

impl Rates {
    /// Half of a minute's requests may come at once; nothing when there is no limit.
    pub(crate) fn new(per_minute: u32) -> Option<Self> {
        let per_minute = NonZeroU32::new(per_minute)?;
        let at_once = NonZeroU32::new(per_minute.get().div_ceil(2))?;
        let quota = Quota::per_minute(per_minute).allow_burst(at_once);
        Some(Self {
            limiter: RateLimiter::keyed(quota).with_middleware(),
            at_once: at_once.get(),
            per_minute: per_minute.get(),
            clock: DefaultClock::default(),
            tidied_at: Mutex::new(Instant::now()),
        })
    }

    /// Counts a request; gives what is left, and a refusal when the address has asked too often.
    pub(crate) fn count(&self, ip: IpAddr) -> (Left, Option<Problem>) {
        self.tidy();
        let left = |remaining, reset_s| Left {
            per_minute: self.per_minute,
            remaining,
            reset_s,
        };
        match self.limiter.check_key(&network_of(ip)) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let missing = u64::from(self.at_once.saturating_sub(remaining));
                let reset_s = (missing * u64::from(WINDOW_S)).div_ceil(self.per_minute.into());
                (left(remaining, reset_s), None)
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                let wait_s = wait.as_secs() + 1;
                let detail = format!(
                    "{} requests a minute are allowed, {} at once; ask again in {wait_s} s",
                    self.per_minute, self.at_once
                );
                let problem = Problem::new(problem::TOO_MANY_REQUESTS, detail);
                (left(0, wait_s), Some(problem.retry_after(wait_s)))
            }
        }
    }

    /// Forgets who has been quiet, when there are many, and not for every request.
    fn tidy(&self) {
        if self.limiter.len() <= ADDRESSES_KEPT {
            return;
        }
        let mut tidied_at = self
            .tidied_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if tidied_at.elapsed() >= TIDY_EVERY {
            *tidied_at = Instant::now();
            self.limiter.retain_recent();
        }
    }
}

impl Left {
    /// Says it, in the words of the HTTP working group's draft on rate limits.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let policy = format!("\"address\";q={};w={WINDOW_S}", self.per_minute);
        let left = format!("\"address\";r={};t={}", self.remaining, self.reset_s);
        for (name, text) in [(POLICY, policy), (LEFT, left)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Whoever has one address of IPv6 has all of its /64.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_burst_and_others_are_not_its_business() {
        let rates = Rates::new(4).unwrap();
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::ffff".parse().unwrap();
        assert_eq!(rates.count(ip).0.remaining, 1);
        assert_eq!(rates.count(neighbour).0.remaining, 0);
        let (left, problem) = rates.count(ip);
        assert!(format!("{problem:?}").contains("too_many_requests"));
        assert!((1..=16).contains(&left.reset_s), "{}", left.reset_s);
        assert!(rates.count("192.0.2.1".parse().unwrap()).1.is_none());
        assert!(Rates::new(0).is_none());
    }

    #[test]
    fn an_old_address_in_new_clothes_is_the_same_one() {
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network_of(mapped), network_of("192.0.2.1".parse().unwrap()));
    }
}
