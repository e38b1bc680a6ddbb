//! Who may mine to an address, and what becomes of those who keep being refused.
//!
//! Nobody guesses 256 random bits, so nothing here protects the tokens themselves. What is bounded
//! is the noise: an IP address that is refused again and again is closed on at the first refusal,
//! and no longer fills the log. A good token is let in all the same: miners behind one address
//! must not suffer for each other. Hosts of IPv6 get a /64 each, which counts as one address.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use raftpool_ledger::Clock;
use raftpool_ledger::view::{Admission, Gate};

use crate::metrics::Metrics;
use crate::protocol::Refusal;
use crate::strikes::source_of;
use crate::username::Login;
use crate::why::Why;

/// Refusals of one IP address in a minute, and at once, that are taken with patience.
const REFUSALS_PER_MINUTE_MAX: NonZeroU32 = NonZeroU32::new(30).expect("30 is not 0");

/// What a connection was let in with. It is looked at again whenever tokens change.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// The hash of its token; `None`: it gave none.
    pub(crate) token_hash: Option<[u8; 32]>,
    /// When the token ends; `None`: never.
    pub(crate) expires_at_ms: Option<u64>,
    /// Log index of the newest change of tokens that it was checked against.
    pub(crate) checked_index: AtomicU64,
}

/// Decides about tokens.
pub(crate) struct Gatekeeper {
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    refusals: DefaultKeyedRateLimiter<IpAddr>,
    /// Other refused requests, as far as they are worth a line of the log.
    requests: DefaultKeyedRateLimiter<IpAddr>,
}

impl Gatekeeper {
    pub(crate) fn new(clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self {
            clock,
            metrics,
            refusals: RateLimiter::keyed(Quota::per_minute(REFUSALS_PER_MINUTE_MAX)),
            requests: RateLimiter::keyed(Quota::per_minute(REFUSALS_PER_MINUTE_MAX)),
        }
    }

    /// Lets the miner of `login` through the gate of its address, as it was at `changed_index`.
    ///
    /// # Errors
    /// What the miner is told.
    pub(crate) fn admit(
        &self,
        login: &Login,
        gate: &Gate,
        changed_index: u64,
    ) -> Result<Pass, Refusal> {
        let now_ms = self.clock.now_ms();
        let admitted = gate.admit(&login.worker, login.token_hash.as_ref(), now_ms);
        match admitted {
            Ok(admission) => Ok(Pass {
                token_hash: login.token_hash,
                expires_at_ms: match admission {
                    Admission::Open => None,
                    Admission::ByToken { expires_at_ms } => expires_at_ms,
                },
                checked_index: AtomicU64::new(changed_index),
            }),
            Err(problem) => {
                let refused = &self.metrics.tokens_refused;
                refused.with_label_values(&[problem.name()]).inc();
                Err(Refusal::unauthorized(problem.to_string()).because(Why::Token))
            }
        }
    }

    /// Notes that somebody was not let in; returns whether that was once too often.
    pub(crate) fn note_refusal(&self, remote: SocketAddr, refusal: &Refusal) -> bool {
        self.count(refusal.why);
        let (reason, detail) = (refusal.why.label(), &*refusal.message);
        let is_patient = self.refusals.check_key(&source_of(remote.ip())).is_ok();
        if is_patient {
            tracing::info!(%remote, reason, detail, "authorization refused");
        } else {
            tracing::debug!(%remote, reason, detail, "authorization refused, again");
        }
        !is_patient
    }

    /// Notes that something else than authorizing or a share was refused.
    pub(crate) fn note_refused_request(&self, remote: SocketAddr, why: Why, detail: &str) {
        self.count(why);
        let reason = why.label();
        let is_rare = self.requests.check_key(&source_of(remote.ip())).is_ok();
        if is_rare {
            tracing::info!(%remote, reason, detail, "request refused");
        } else {
            tracing::debug!(%remote, reason, detail, "request refused, again");
        }
    }

    fn count(&self, why: Why) {
        let refusals = &self.metrics.abuse.refusals;
        refusals.with_label_values(&[why.label()]).inc();
    }

    /// Forgets addresses that have not been refused for long; to be called now and then.
    pub(crate) fn forget_idle(&self) {
        self.refusals.retain_recent();
        self.requests.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Still;

    impl Clock for Still {
        fn now_ms(&self) -> u64 {
            0
        }
    }

    #[test]
    fn a_host_of_ipv6_gets_no_more_patience_by_changing_its_address() {
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let gatekeeper = Gatekeeper::new(Arc::new(Still), metrics);
        let refusal = Refusal::unauthorized("test");
        let is_too_often = |number: u16, subnet: u16| {
            let ip = IpAddr::from([0x2001, 0xdb8, 0, subnet, 0, 0, 0, number]);
            gatekeeper.note_refusal((ip, 1).into(), &refusal)
        };
        for number in 0..30 {
            assert!(!is_too_often(number, 1), "{number}");
        }
        assert!(is_too_often(30, 1));
        assert!(!is_too_often(30, 2), "another host");
    }
}
