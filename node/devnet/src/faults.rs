//! Faults that tests order: a number of calls of one method on one endpoint that go wrong.

use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Which interface a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The daemons' JSON-RPC.
    Daemon,
    /// The wallets' JSON-RPC.
    Wallet,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The call is carried out after `delay_ms`.
    Delay,
    /// The call is not carried out; an error is answered.
    Refuse,
    /// The call is carried out; the connection breaks instead of an answer.
    AnswerLostAfterDoing,
    /// The call is not carried out; the connection breaks.
    AnswerLostBeforeDoing,
    /// The call is carried out; no answer comes, the connection stays.
    TimeOutAfterDoing,
    /// The call is not carried out; no answer comes, the connection stays.
    TimeOutBeforeDoing,
    /// The call is not carried out; HTTP status 500 is answered.
    #[serde(rename = "http_500")]
    Http500,
}

/// An ordered fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Interface to strike.
    pub endpoint: Endpoint,
    /// Only this daemon or wallet, counted from 0; all of them when absent.
    #[serde(default)]
    pub index: Option<usize>,
    /// Method to strike.
    pub method: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// Calls that go wrong.
    #[serde(default = "once")]
    pub count: u64,
    /// Delay in milliseconds, for `delay`.
    #[serde(default)]
    pub delay_ms: u64,
    /// Error kind to answer, for `refuse`; an internal error when absent.
    #[serde(default)]
    pub error_kind: Option<String>,
    /// Error text to answer, for `refuse`.
    #[serde(default)]
    pub error_message: Option<String>,
}

impl Fault {
    /// A fault that strikes the next call of a method, on any daemon or wallet.
    #[must_use]
    pub fn once(endpoint: Endpoint, method: &str, kind: FaultKind) -> Self {
        Self {
            endpoint,
            index: None,
            method: method.to_owned(),
            kind,
            count: 1,
            delay_ms: 0,
            error_kind: None,
            error_message: None,
        }
    }

    /// How long a delayed call waits.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }
}

fn once() -> u64 {
    1
}

/// The faults still to come, in the order they were given.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pending: Mutex<Vec<Fault>>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        if fault.count > 0 {
            self.pending.lock().push(fault);
        }
    }

    pub(crate) fn clear(&self) {
        self.pending.lock().clear();
    }

    /// Faults not used up yet.
    pub(crate) fn pending(&self) -> Vec<Fault> {
        self.pending.lock().clone()
    }

    /// Takes one strike of the oldest fault that fits a call.
    pub(crate) fn strike(&self, endpoint: Endpoint, index: usize, method: &str) -> Option<Fault> {
        let mut pending = self.pending.lock();
        let position = pending.iter().position(|fault| {
            fault.endpoint == endpoint
                && fault.method == method
                && fault.index.is_none_or(|only| only == index)
        })?;
        let fault = pending.get_mut(position)?;
        fault.count -= 1;
        let struck = fault.clone();
        if struck.count == 0 {
            pending.remove(position);
        }
        Some(struck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_as_often_as_ordered() {
        let faults = Faults::default();
        let mut fault = Fault::once(Endpoint::Daemon, "get_info", FaultKind::Refuse);
        fault.count = 2;
        fault.index = Some(1);
        faults.add(fault);
        assert!(faults.strike(Endpoint::Daemon, 0, "get_info").is_none());
        assert!(faults.strike(Endpoint::Wallet, 1, "get_info").is_none());
        assert!(faults.strike(Endpoint::Daemon, 1, "get_info").is_some());
        assert!(faults.strike(Endpoint::Daemon, 1, "get_info").is_some());
        assert!(faults.strike(Endpoint::Daemon, 1, "get_info").is_none());
    }
}
