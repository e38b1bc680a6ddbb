//! Owners in the naive model: every session ever opened, and what was changed with it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{ChangeByOwner, CloseOwnerSession, OpenOwnerSession};
use raftpool_ledger::view::LedgerView;

/// Address, hash and challenge (a byte that stands for all of its bytes).
type Session = (String, u8, u8);

/// What owners did.
#[derive(Default)]
pub struct Owners {
    /// When each session ends; 0 when it was closed before.
    sessions: BTreeMap<Session, u64>,
    /// When the challenge of each session may be used again.
    used: BTreeMap<Session, u64>,
    hidden: BTreeSet<String>,
}

impl Owners {
    pub fn open(&mut self, open: &OpenOwnerSession, now_ms: u64, is_known: bool) -> Option<String> {
        let session = (open.miner.clone(), open.session_hash[0], open.challenge[0]);
        let of_miner = || {
            let of_miner = self.used.iter().filter(|(known, _)| known.0 == open.miner);
            of_miner
                .filter(|(_, until_ms)| **until_ms > now_ms)
                .map(|(known, _)| known)
        };
        let before = of_miner().find(|known| known.2 == session.2);
        let is_again = match before {
            Some(known) if known.1 != session.1 || self.sessions.get(known) == Some(&0) => None,
            Some(_) => Some(true),
            None => (of_miner().count() < 8).then_some(false),
        };
        if !is_known {
            return None;
        }
        if !is_again? {
            if open.expires_at_ms <= now_ms || open.expires_at_ms > now_ms + 3_600_000 {
                return None;
            }
            self.used.insert(session.clone(), open.expires_at_ms);
            self.sessions.insert(session, open.expires_at_ms);
        }
        Some("OwnerSessionOpened".into())
    }

    pub fn close(&mut self, close: &CloseOwnerSession, now_ms: u64) -> Option<String> {
        let session = self.open_one(&close.miner, &close.session_hash, now_ms)?;
        self.sessions.insert(session, 0);
        Some("OwnerSessionClosed".into())
    }

    fn open_one(&self, miner: &str, hash: &[u8], now_ms: u64) -> Option<Session> {
        let is_this = |known: &Session| known.0 == miner && known.1 == hash[0];
        let mut sessions = self.sessions.iter();
        let (session, _) =
            sessions.find(|(known, until_ms)| is_this(known) && **until_ms > now_ms)?;
        Some(session.clone())
    }

    /// Whether the owner may change something now.
    pub fn may_change(&self, change: &ChangeByOwner, now_ms: u64) -> bool {
        self.open_one(&change.miner, &change.session_hash, now_ms)
            .is_some()
    }

    pub fn hide(&mut self, change: &ChangeByOwner) {
        match change.is_hidden {
            Some(true) => self.hidden.insert(change.miner.clone()),
            Some(false) => self.hidden.remove(&change.miner),
            None => false,
        };
    }

    pub fn compare(&self, view: &LedgerView<'_>) {
        for miner in ["a", "ab", "b", "nobody"] {
            let is_hidden = view.is_hidden(miner).unwrap();
            assert_eq!(is_hidden, self.hidden.contains(miner), "{miner}");
        }
    }
}

/// Sessions and changes of few addresses, so that many meet.
pub fn commands() -> impl Strategy<Value = Body> {
    let miner = || prop_oneof![4 => Just("a"), 1 => Just("ab"), 1 => Just("nobody")];
    let threshold =
        prop_oneof![2 => Just(None), 1 => Just(Some(0)), 1 => (1_u64..60_000).prop_map(Some)];
    let scheme = prop::option::weighted(0.3, 0_i32..6);
    let hidden = prop::option::weighted(0.5, any::<bool>());
    prop_oneof![
        2 => (miner(), 1_u8..4, 1_u8..12, 0_u64..4_000_000).prop_map(|(miner, hash, challenge, time_ms)| {
            Body::OpenOwnerSession(OpenOwnerSession {
                miner: miner.into(),
                // A session and a challenge belong together, but for those who use one again.
                session_hash: vec![hash * 16 + challenge; 32],
                challenge: vec![challenge; 16],
                expires_at_ms: time_ms,
            })
        }),
        1 => (miner(), 1_u8..4, 1_u8..12).prop_map(|(miner, hash, challenge)| {
            let session_hash = vec![hash * 16 + challenge; 32];
            Body::CloseOwnerSession(CloseOwnerSession { miner: miner.into(), session_hash })
        }),
        5 => (miner(), 1_u8..4, 1_u8..12, threshold, scheme, hidden).prop_map(
            |(miner, hash, challenge, payout_threshold_atomic, scheme, is_hidden)| {
                Body::ChangeByOwner(ChangeByOwner {
                    miner: miner.into(),
                    session_hash: vec![hash * 16 + challenge; 32],
                    payout_threshold_atomic,
                    scheme,
                    is_hidden,
                    ..ChangeByOwner::default()
                })
            }
        ),
    ]
}
