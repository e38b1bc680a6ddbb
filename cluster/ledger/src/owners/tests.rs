use super::*;
use crate::command::Scheme;
use crate::command::command::Body;
use crate::state::{MemoryState, Overlay};
use crate::testing::{change_settings, credit_shares, sample_settings, sample_share};
use crate::view::LedgerView;
use crate::{EntryContext, apply, compose};

struct World {
    base: MemoryState,
    index: u64,
    now_ms: u64,
}

impl World {
    /// A pool for which "a" has worked.
    fn new() -> Self {
        let mut world = Self {
            base: MemoryState::default(),
            index: 0,
            now_ms: 1_000,
        };
        world.run(change_settings(sample_settings()));
        world.run(credit_shares(1, vec![sample_share("a", 1, 100)]));
        world
    }

    fn run(&mut self, body: Body) -> Outcome {
        self.index += 1;
        let entry = EntryContext {
            index: self.index,
            term: 1,
        };
        let mut state = Overlay::new(&self.base);
        let outcome = apply(&mut state, entry, &compose("test", self.now_ms, body)).unwrap();
        let changes = state.into_changes();
        self.base.commit(changes);
        outcome
    }

    fn open(&mut self, session: u8, challenge: u8) -> Outcome {
        let expires_at_ms = self.now_ms + 1_000;
        self.run(Body::OpenOwnerSession(OpenOwnerSession {
            miner: "a".into(),
            session_hash: vec![session; 32],
            challenge: vec![challenge; CHALLENGE_BYTES],
            expires_at_ms,
        }))
    }

    fn change(&mut self, session: u8, change: ChangeByOwner) -> Outcome {
        self.run(Body::ChangeByOwner(ChangeByOwner {
            miner: "a".into(),
            session_hash: vec![session; 32],
            ..change
        }))
    }

    fn view<T>(&self, look: impl Fn(&LedgerView<'_>) -> T) -> T {
        look(&LedgerView::new(&self.base))
    }
}

fn hide() -> ChangeByOwner {
    ChangeByOwner {
        is_hidden: Some(true),
        ..ChangeByOwner::default()
    }
}

#[test]
fn a_change_needs_an_open_session_of_the_same_address() {
    let mut world = World::new();
    let over = Outcome::Rejected(Rejection::OwnerSessionOver);
    assert_eq!(world.change(1, hide()), over);
    assert_eq!(world.open(1, 1), Outcome::OwnerSessionOpened);
    assert_eq!(world.change(2, hide()), over);
    let of_another = Body::ChangeByOwner(ChangeByOwner {
        miner: "b".into(),
        session_hash: vec![1; 32],
        ..hide()
    });
    assert_eq!(world.run(of_another), over);
    assert!(!world.view(|view| view.is_hidden("a").unwrap()));
    assert_eq!(world.change(1, hide()), Outcome::ChangedByOwner);
    assert!(world.view(|view| view.is_hidden("a").unwrap()));
}

#[test]
fn a_session_ends_with_its_time_and_when_it_is_closed() {
    let mut world = World::new();
    world.open(1, 1);
    world.now_ms += 999;
    assert_eq!(world.change(1, hide()), Outcome::ChangedByOwner);
    world.now_ms += 1;
    let over = Outcome::Rejected(Rejection::OwnerSessionOver);
    assert_eq!(world.change(1, hide()), over);
    world.open(2, 2);
    let close = Body::CloseOwnerSession(CloseOwnerSession {
        miner: "a".into(),
        session_hash: vec![2; 32],
    });
    assert_eq!(world.run(close), Outcome::OwnerSessionClosed);
    assert_eq!(world.change(2, hide()), over);
}

#[test]
fn a_challenge_opens_one_session_also_when_that_was_closed() {
    let mut world = World::new();
    assert_eq!(world.open(1, 1), Outcome::OwnerSessionOpened);
    assert_eq!(
        world.open(1, 1),
        Outcome::OwnerSessionOpened,
        "proposed again"
    );
    let used = Outcome::Rejected(Rejection::ChallengeUsed);
    assert_eq!(world.open(2, 1), used);
    let close = CloseOwnerSession {
        miner: "a".into(),
        session_hash: vec![1; 32],
    };
    world.run(Body::CloseOwnerSession(close));
    assert_eq!(world.open(2, 1), used);
    assert_eq!(
        world.open(1, 1),
        used,
        "a closed session does not open again"
    );
}

#[test]
fn sessions_and_changes_of_an_address_have_bounds() {
    let mut world = World::new();
    for number in 1..=8 {
        assert_eq!(world.open(number, number), Outcome::OwnerSessionOpened);
    }
    let full = Outcome::Rejected(Rejection::TooManyOwnerSessions { sessions_max: 8 });
    assert_eq!(world.open(9, 9), full);
    for _ in 0..CHANGES_PER_DAY_MAX {
        assert_eq!(world.change(1, hide()), Outcome::ChangedByOwner);
    }
    let much = Outcome::Rejected(Rejection::TooManyOwnerChanges { changes_max: 200 });
    assert_eq!(world.change(1, hide()), much);
    world.now_ms += DAY_MS;
    assert_eq!(
        world.open(9, 9),
        Outcome::OwnerSessionOpened,
        "the old ones are let go"
    );
    assert_eq!(world.change(9, hide()), Outcome::ChangedByOwner);
}

#[test]
fn sessions_of_unknown_addresses_and_of_endless_time_are_refused() {
    let mut world = World::new();
    let session = |miner: &str, expires_at_ms| {
        Body::OpenOwnerSession(OpenOwnerSession {
            miner: miner.into(),
            session_hash: vec![1; 32],
            challenge: vec![1; CHALLENGE_BYTES],
            expires_at_ms,
        })
    };
    let unknown = Outcome::Rejected(Rejection::UnknownMiner("b".into()));
    assert_eq!(world.run(session("b", 2_000)), unknown);
    for expires_at_ms in [1_000, 1_001 + SESSION_TIME_MAX_MS] {
        let outcome = world.run(session("a", expires_at_ms));
        let is_refused = matches!(outcome, Outcome::Rejected(Rejection::Invalid { field, .. }) if field == "expires_at_ms");
        assert!(is_refused, "{outcome:?}");
    }
}

#[test]
fn what_is_absent_stays_and_what_is_wrong_changes_nothing() {
    let mut world = World::new();
    world.open(1, 1);
    let least = sample_settings().payout_threshold_atomic;
    let both = ChangeByOwner {
        payout_threshold_atomic: Some(least + 5),
        scheme: Some(Scheme::Solo.into()),
        ..ChangeByOwner::default()
    };
    assert_eq!(world.change(1, both), Outcome::ChangedByOwner);
    let scheme = ChangeByOwner {
        scheme: Some(Scheme::Unspecified.into()),
        ..ChangeByOwner::default()
    };
    assert_eq!(world.change(1, scheme), Outcome::ChangedByOwner);
    let terms = |world: &World| {
        world.view(|view| {
            let terms = view.terms("a").unwrap();
            (terms.own_threshold_atomic, terms.own_scheme)
        })
    };
    assert_eq!(terms(&world), (least + 5, Scheme::Unspecified));
    let half_wrong = ChangeByOwner {
        payout_threshold_atomic: Some(0),
        label: Some(WorkerLabel {
            worker: "nobody".into(),
            label: "x".into(),
        }),
        ..hide()
    };
    let outcome = world.change(1, half_wrong);
    assert!(matches!(
        outcome,
        Outcome::Rejected(Rejection::UnknownWorker { .. })
    ));
    assert_eq!(terms(&world), (least + 5, Scheme::Unspecified));
    assert!(!world.view(|view| view.is_hidden("a").unwrap()));
}

#[test]
fn labels_are_set_shown_and_taken_away() {
    let mut world = World::new();
    world.open(1, 1);
    let label = |world: &mut World, label: &str| {
        let label = WorkerLabel {
            worker: "w".into(),
            label: label.into(),
        };
        world.change(
            1,
            ChangeByOwner {
                label: Some(label),
                ..ChangeByOwner::default()
            },
        )
    };
    assert_eq!(label(&mut world, "Cellar, left"), Outcome::ChangedByOwner);
    let labels = |world: &World| world.view(|view| view.worker_labels("a", 10).unwrap());
    assert_eq!(
        labels(&world),
        [("w".to_owned(), "Cellar, left".to_owned())]
    );
    for wrong in ["two\nlines", &"x".repeat(65)] {
        assert!(matches!(label(&mut world, wrong), Outcome::Rejected(_)));
    }
    assert_eq!(label(&mut world, ""), Outcome::ChangedByOwner);
    assert_eq!(labels(&world), []);
}

#[test]
fn tokens_are_made_and_revoked_for_the_owners_own_address_only() {
    let mut world = World::new();
    world.open(1, 1);
    let token = |miner: &str| ChangeByOwner {
        token: Some(Box::new(MakeToken {
            miner: miner.into(),
            token_hash: vec![7; 32],
            ..MakeToken::default()
        })),
        is_token_required: Some(true),
        ..ChangeByOwner::default()
    };
    assert!(matches!(world.change(1, token("b")), Outcome::Rejected(_)));
    assert!(!world.view(|view| view.gate("a").unwrap().is_required));
    assert_eq!(world.change(1, token("a")), Outcome::ChangedByOwner);
    let gate = |world: &World| {
        let gate = world.view(|view| view.gate("a").unwrap());
        (gate.is_required, gate.tokens.len())
    };
    assert_eq!(gate(&world), (true, 1));
    let revoke = ChangeByOwner {
        revoked_token_id: vec![7; 8],
        ..ChangeByOwner::default()
    };
    assert_eq!(world.change(1, revoke), Outcome::ChangedByOwner);
    assert_eq!(gate(&world), (true, 0));
}
