//! Which payees to be careful with: finds the one the wallet refuses, without keeping the others
//! waiting.
//!
//! When a payout to several payees is refused by the wallet, the next reservation takes half of
//! them; a payout that is built clears its payees. A payee refused alone is left out for a while.
//! All of this is derived state: a new leader begins without suspicion and finds out again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftpool_ledger::command::Payee;
use tokio::time::Instant;

#[derive(Debug, Clone, Default)]
pub(crate) struct Suspicion {
    suspects: BTreeSet<String>,
    quarantined: BTreeMap<String, Quarantine>,
}

#[derive(Debug, Clone)]
struct Quarantine {
    until: Instant,
    reason: String,
}

impl Suspicion {
    /// Payees of a payout that was not built and then released.
    pub(crate) fn not_built(
        &mut self,
        payees: &[Payee],
        refused: bool,
        reason: &str,
        quarantine: Duration,
    ) {
        self.suspects = payees.iter().map(|payee| payee.address.clone()).collect();
        if let [payee] = payees {
            self.suspects.clear();
            // Only a refusal says something about the payee; a wallet that does not answer is
            // merely slow or gone.
            if refused {
                let until = Instant::now() + quarantine;
                let entry = Quarantine {
                    until,
                    reason: reason.to_owned(),
                };
                self.quarantined.insert(payee.address.clone(), entry);
            }
        }
    }

    /// Payees of a payout that was built.
    pub(crate) fn built(&mut self, payees: &[Payee]) {
        for payee in payees {
            self.suspects.remove(&payee.address);
        }
    }

    /// Suspects that are not in quarantine; the next payout takes half of these.
    pub(crate) fn suspects(&self) -> Vec<String> {
        let free = |address: &&String| !self.quarantined.contains_key(*address);
        self.suspects.iter().filter(free).cloned().collect()
    }

    /// No suspect can be paid at the moment: back to the usual order.
    pub(crate) fn drop_suspects(&mut self) {
        self.suspects.clear();
    }

    pub(crate) fn leave_out(&mut self, address: &str, reason: &str, quarantine: Duration) {
        let until = Instant::now() + quarantine;
        let entry = Quarantine {
            until,
            reason: reason.to_owned(),
        };
        self.quarantined.insert(address.to_owned(), entry);
    }

    /// What the wallet said of an address that is left out.
    pub(crate) fn why_left_out(&self, address: &str) -> Option<&str> {
        let quarantine = self.quarantined.get(address)?;
        Some(&quarantine.reason)
    }

    pub(crate) fn is_left_out(&self, address: &str) -> bool {
        self.quarantined.contains_key(address)
    }

    /// Ends quarantines that are over. Who comes out is tried apart from the others first, which
    /// therefore need not be searched through again.
    pub(crate) fn refresh(&mut self) {
        let now = Instant::now();
        let over = |_: &String, quarantine: &mut Quarantine| quarantine.until <= now;
        let released = self.quarantined.extract_if(.., over);
        self.suspects.extend(released.map(|(address, _)| address));
    }

    /// How many are left out, and a sentence for the operator, while there are any.
    pub(crate) fn left_out(&self) -> Option<(usize, String)> {
        let (address, first) = self.quarantined.first_key_value()?;
        let payees = self.quarantined.len();
        Some((
            payees,
            format!("{payees} left out, among them {address}: {}", first.reason),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn payees(addresses: &[&str]) -> Vec<Payee> {
        let payee = |address: &&str| Payee {
            address: (*address).into(),
            ..Payee::default()
        };
        addresses.iter().map(payee).collect()
    }

    #[test]
    fn a_payee_refused_alone_is_left_out_for_a_while_and_then_tried_apart() {
        let mut suspicion = Suspicion::default();
        suspicion.not_built(&payees(&["a", "b"]), true, "no", HOUR);
        assert_eq!(suspicion.suspects(), ["a", "b"]);
        suspicion.built(&payees(&["a"]));
        assert_eq!(suspicion.suspects(), ["b"]);
        suspicion.not_built(&payees(&["b"]), true, "no such account", HOUR);
        suspicion.refresh();
        assert!(suspicion.suspects().is_empty() && suspicion.is_left_out("b"));
        assert!(suspicion.left_out().unwrap().1.contains("no such account"));
        suspicion.leave_out("b", "for no time at all", Duration::ZERO);
        suspicion.refresh();
        assert!(!suspicion.is_left_out("b"));
        assert_eq!(suspicion.suspects(), ["b"]);
    }

    #[test]
    fn a_wallet_that_does_not_answer_puts_nobody_in_quarantine() {
        let mut suspicion = Suspicion::default();
        suspicion.not_built(&payees(&["a"]), false, "timed out", HOUR);
        assert!(!suspicion.is_left_out("a"));
    }
}
