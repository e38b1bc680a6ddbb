//! What must stop a node, what full scans must find, and what keeps the state bounded.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used)]

use raftpool_ledger::bans::{BANS_MAX, BANS_OF_KNOWN_WORKERS};
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    Account, BanWorker, Command, OrphanBlock, ReopenBlock, Scheme, Settings, Share, WorkerReport,
};
use raftpool_ledger::state::{MemoryState, Overlay};
use raftpool_ledger::testing::{
    change_settings, credit_shares, distribute_block, make_token, move_funds, record_block,
    require_token, revoke_token, sample_settings, sample_share, settle_block,
};
use raftpool_ledger::view::{JournalQuery, LedgerView};
use raftpool_ledger::weights::BLOCKS_KEPT;
use raftpool_ledger::{
    ApplyError, EntryContext, Outcome, Rejection, SCORE_OF_A_BLOCK, apply, compose, settlement,
    shares, tokens, verify, weights, window,
};

#[derive(Default)]
struct Ledger {
    state: MemoryState,
    index: u64,
    sequence: u64,
}

impl Ledger {
    /// With sample settings, some work, a settled and a maturing block.
    fn with_some_of_everything() -> Self {
        let mut ledger = Self::default();
        ledger.apply(change_settings(sample_settings()));
        ledger.share("a", 150);
        ledger.share("b", 60);
        ledger.apply(record_block([1; 32], 1, sample_share("a", 10, 100)));
        ledger.apply(settle_block([1; 32], 10_001, 2));
        ledger.apply(record_block([2; 32], 2, sample_share("b", 10, 100)));
        ledger.apply(make_token("a", "rpt_1"));
        ledger
    }

    fn try_apply(&mut self, command: &Command) -> Result<Outcome, ApplyError> {
        let mut overlay = Overlay::new(&self.state);
        let entry = EntryContext {
            index: self.index + 1,
            term: 1,
        };
        let outcome = apply(&mut overlay, entry, command)?;
        let changes = overlay.into_changes();
        self.state.commit(changes);
        self.index += 1;
        Ok(outcome)
    }

    fn apply(&mut self, body: Body) -> Outcome {
        self.try_apply(&compose("test", 1_000, body)).unwrap()
    }

    fn share(&mut self, miner: &str, difficulty: u64) {
        self.sequence += 1;
        let share = sample_share(miner, difficulty, 100);
        self.apply(credit_shares(self.sequence, vec![share]));
    }

    fn view(&self) -> LedgerView<'_> {
        LedgerView::new(&self.state)
    }
}

#[test]
fn command_of_a_newer_program_stops_the_node_and_changes_nothing() {
    let mut ledger = Ledger::with_some_of_everything();
    let before = ledger.state.pairs().clone();
    let newer = Command {
        format: 2,
        ..compose("test", 1, change_settings(sample_settings()))
    };
    let error = ledger.try_apply(&newer).unwrap_err();
    assert!(matches!(error, ApplyError::UnknownFormat { format: 2 }));
    assert!(error.to_string().contains("upgrade"), "{error}");
    let unknown = Command {
        body: None,
        ..compose("test", 1, change_settings(Settings::default()))
    };
    let error = ledger.try_apply(&unknown).unwrap_err();
    assert!(matches!(error, ApplyError::UnknownBody));
    assert!(error.to_string().contains("upgrade"), "{error}");
    assert_eq!(*ledger.state.pairs(), before);
}

#[test]
fn entry_that_does_not_follow_stops_the_node() {
    let mut ledger = Ledger::with_some_of_everything();
    ledger.index -= 1;
    let error = ledger.try_apply(&compose("test", 1, change_settings(sample_settings())));
    assert!(matches!(
        error,
        Err(ApplyError::InvariantBroken { id: "L3", .. })
    ));
}

#[test]
fn time_never_goes_back_and_a_refusal_still_counts_as_an_entry() {
    let mut ledger = Ledger::default();
    ledger.apply(change_settings(sample_settings()));
    let digest = ledger.view().digest().unwrap();
    let orphan = OrphanBlock {
        hash: vec![9; 32],
        reason: String::new(),
        keeps_weights: true,
    };
    let late = compose("test", 5_000, Body::OrphanBlock(orphan.clone()));
    assert!(matches!(
        ledger.try_apply(&late).unwrap(),
        Outcome::Rejected(_)
    ));
    assert_eq!(ledger.view().index().unwrap(), 2);
    assert_eq!(ledger.view().time_ms().unwrap(), 5_000);
    assert_ne!(ledger.view().digest().unwrap(), digest);
    let early = compose("test", 4_000, Body::OrphanBlock(orphan));
    ledger.try_apply(&early).unwrap();
    assert_eq!(ledger.view().time_ms().unwrap(), 5_000);
}

/// Every record that means money or work: damage to it is found by a full scan.
#[test]
fn full_scan_finds_every_missing_record() {
    let ledger = Ledger::with_some_of_everything();
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
    // Head, settings and the windows of batches are not derived from anything else.
    let is_derived = |key: &[u8]| !matches!(key[4], 0x01 | 0x02 | 0x08 | 0x09 | 0x69..=0x6b);
    let mut tried = 0;
    for key in ledger.state.pairs().keys().filter(|key| is_derived(key)) {
        let mut damaged = ledger.state.clone();
        damaged.commit([(key.clone(), None)].into());
        assert!(
            !verify(&damaged).unwrap().is_empty(),
            "{key:02x?} is not missed"
        );
        tried += 1;
    }
    assert!(tried > 15, "only {tried} records tried");
}

#[test]
fn money_that_appears_from_nowhere_stops_the_node() {
    let mut ledger = Ledger::with_some_of_everything();
    // One unit more, or less, in the lowest bit but the sign of the first account.
    let accounts = [0, 0, 0, 1, 0x04];
    let mut damaged = ledger.state.pairs()[accounts.as_slice()].clone();
    // A map's entry of some length: its account and its amount.
    assert_eq!((damaged[0], damaged[2], damaged[4]), (0x52, 0x08, 0x10));
    damaged[5] ^= 2;
    ledger
        .state
        .commit([(accounts.to_vec(), Some(damaged))].into());
    let error = ledger.try_apply(&compose("test", 1, credit_shares(99, vec![])));
    assert!(
        matches!(error, Err(ApplyError::InvariantBroken { id: "L1", .. })),
        "{error:?}"
    );
    let violations = verify(&ledger.state).unwrap();
    assert!(
        violations.iter().any(|violation| violation.id == "L1"),
        "{violations:?}"
    );
}

#[test]
fn window_that_shrinks_is_cut_over_several_commands() {
    let mut ledger = Ledger::default();
    let wide = Settings {
        pplns_window_milli: 100_000,
        ..sample_settings()
    };
    ledger.apply(change_settings(wide));
    // Each batch leaves one entry per miner; each is worth a thousandth of a block.
    let miners: Vec<String> = (0..5_000)
        .map(|number| format!("miner{number:05}"))
        .collect();
    for sequence in 1..=5 {
        let shares = miners
            .iter()
            .map(|miner| sample_share(miner, 1, 1_000))
            .collect();
        ledger.apply(credit_shares(sequence, shares));
    }
    ledger.apply(change_settings(Settings {
        pplns_window_milli: 1_000,
        ..sample_settings()
    }));
    let mut totals = Vec::new();
    for sequence in 6..10 {
        let share = sample_share("a", 1, 1_000);
        ledger.apply(credit_shares(sequence, vec![share]));
        assert_eq!(verify(&ledger.state).unwrap(), vec![]);
        let total = ledger.view().totals().unwrap().window_score;
        totals.push((total + SCORE_OF_A_BLOCK / 2_000) * 1_000 / SCORE_OF_A_BLOCK);
    }
    let cut = window::ENTRIES_CUT_MAX as u128;
    assert_eq!(totals, [25_000 - cut, 25_000 - 2 * cut, 1_000, 1_000]);
}

#[test]
fn weights_are_kept_for_a_number_of_blocks() {
    let mut ledger = Ledger::default();
    ledger.apply(change_settings(sample_settings()));
    let hash = |number: u64| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    };
    for number in 1..=BLOCKS_KEPT + 2 {
        ledger.apply(record_block(
            hash(number),
            number,
            sample_share("a", 10, 100),
        ));
        // The second block stays open for long.
        if number != 2 {
            ledger.apply(settle_block(hash(number), 1_000, number));
        }
    }
    let shares = |number| {
        ledger
            .view()
            .block_shares(&hash(number), 1_000)
            .unwrap()
            .len()
    };
    assert_eq!([shares(1), shares(2), shares(3)], [0, 1, 1]);
    ledger.apply(settle_block(hash(2), 1_000, 1));
    assert_eq!(ledger.view().block_shares(&hash(2), 1_000).unwrap(), vec![]);
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
}

#[test]
fn made_up_workers_share_one_record() {
    let mut ledger = Ledger::default();
    ledger.apply(change_settings(sample_settings()));
    let named = |number: u64| raftpool_ledger::command::Share {
        worker: format!("w{number}"),
        ..sample_share("a", 1, 1_000_000)
    };
    let max = shares::WORKERS_PER_MINER_MAX;
    ledger.apply(credit_shares(1, (0..max + 50).map(named).collect()));
    assert_eq!(ledger.view().worker("a", "").unwrap().unwrap().shares, 50);
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
    let report = |miner: &str| WorkerReport {
        miner: miner.into(),
        worker: "unheard-of".into(),
        difficulty: 7,
        rejects: Vec::new(),
    };
    let batch = raftpool_ledger::command::CreditShares {
        workers: vec![report("a"), report("nobody")],
        ..match credit_shares(2, Vec::new()) {
            Body::CreditShares(batch) => batch,
            _ => unreachable!(),
        }
    };
    ledger.apply(Body::CreditShares(batch));
    assert_eq!(ledger.view().worker("a", "unheard-of").unwrap(), None);
    assert_eq!(ledger.view().miner("nobody").unwrap(), None);
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
}

#[test]
fn an_address_has_a_bounded_number_of_tokens() {
    let mut ledger = Ledger::default();
    ledger.apply(change_settings(sample_settings()));
    let most = tokens::TOKENS_PER_MINER_MAX;
    for number in 0..most {
        let made = ledger.apply(make_token("a", &format!("rpt_{number}")));
        assert_eq!(made, Outcome::TokenMade);
    }
    let refused = Outcome::Rejected(Rejection::TooManyTokens { tokens_max: most });
    assert_eq!(ledger.apply(make_token("a", "rpt_more")), refused);
    assert_eq!(ledger.view().gate("a").unwrap().tokens.len() as u64, most);
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
    // One that is known already needs no place, and another address has its own.
    assert_eq!(ledger.apply(make_token("a", "rpt_1")), Outcome::TokenMade);
    assert_eq!(ledger.apply(make_token("b", "rpt_1")), Outcome::TokenMade);
    ledger.apply(revoke_token("a", "rpt_1"));
    assert_eq!(
        ledger.apply(make_token("a", "rpt_more")),
        Outcome::TokenMade
    );
}

#[test]
fn a_hash_names_its_token_and_no_other() {
    let hash = tokens::token_hash("rpt_a");
    assert_ne!(hash, tokens::token_hash("rpt_b"));
    assert_eq!(tokens::token_id(&hash), hash[..8]);
    // Recorded, because another hash would lock everybody out.
    assert_eq!(hash[..4], [184, 26, 178, 119]);
}

#[test]
fn a_token_is_nowhere_in_the_books() {
    let mut ledger = Ledger::with_some_of_everything();
    ledger.apply(make_token("a", "rpt_secretsecretsecret"));
    ledger.apply(require_token("a", true));
    ledger.apply(revoke_token("a", "rpt_secretsecretsecret"));
    for (key, value) in ledger.state.pairs() {
        for bytes in [key, value] {
            let is_inside = bytes.windows(6).any(|part| part == b"secret");
            assert!(!is_inside, "{key:02x?}");
        }
    }
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let mut ledger = Ledger::default();
    ledger.apply(change_settings(sample_settings()));
    for miner in ["a", "ab", "b", "ba", "c"] {
        ledger.share(miner, 10);
    }
    for number in 1..=5 {
        ledger.apply(record_block([number; 32], 1, sample_share("a", 10, 100)));
    }
    let view = ledger.view();
    let mut miners = Vec::new();
    while let page = view.miners(miners.last().map(String::as_str), 2).unwrap()
        && !page.is_empty()
    {
        miners.extend(page.into_iter().map(|miner| miner.address));
    }
    assert_eq!(miners, ["a", "ab", "b", "ba", "c"]);
    let mut blocks = Vec::new();
    while let page = view.blocks(blocks.last().copied(), 2).unwrap()
        && !page.is_empty()
    {
        blocks.extend(page.into_iter().map(|block| block.number));
    }
    assert_eq!(blocks, [5, 4, 3, 2, 1]);
    assert_eq!(view.miners(None, 0).unwrap(), vec![]);
}

fn ban(worker: &str, until_ms: u64) -> Body {
    Body::BanWorker(BanWorker {
        miner: "a".into(),
        worker: worker.into(),
        reason: "test".into(),
        until_ms,
    })
}

#[test]
fn bans_are_bounded_and_made_up_names_leave_places_for_those_who_worked() {
    let mut ledger = Ledger::with_some_of_everything();
    let places = BANS_MAX - BANS_OF_KNOWN_WORKERS;
    for number in 0..places {
        let outcome = ledger.apply(ban(&format!("made up {number}"), 5_000 + number));
        assert_eq!(outcome, Outcome::WorkerBanned);
    }
    let full = Outcome::Rejected(Rejection::BansFull { places });
    assert_eq!(ledger.apply(ban("one more", 90_000)), full);
    // A present ban may become longer, and a worker with work of its own has a place.
    assert_eq!(
        ledger.apply(ban("made up 7", 90_000)),
        Outcome::WorkerBanned
    );
    assert_eq!(ledger.apply(ban("w", 90_000)), Outcome::WorkerBanned);
    assert_eq!(ledger.view().bans_in_force(0).unwrap(), places + 1);
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);

    // What is over makes room, a few records with each command.
    let later = compose("test", 5_100, ban("one more", 90_000));
    assert_eq!(ledger.try_apply(&later).unwrap(), Outcome::WorkerBanned);
    assert_eq!(
        ledger.view().bans(None, 20_000, 0).unwrap().len() as u64,
        places + 2 - 100
    );
    let before = ledger.state.pairs().len();
    for number in 0..10 {
        let command = compose("test", 20_000, ban(&format!("later {number}"), 90_000));
        ledger.try_apply(&command).unwrap();
    }
    assert_eq!(ledger.state.pairs().len(), before - 10 * 2 * 15);
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
}

#[test]
fn a_ban_without_its_end_in_the_index_is_found() {
    let mut ledger = Ledger::with_some_of_everything();
    ledger.apply(ban("w", 5_000));
    // Of the keys of bans the index comes last.
    let bans = [0, 0, 0, 1, 0x50];
    let mut keys = ledger.state.pairs().keys();
    let end = keys.rfind(|key| key.starts_with(&bans)).unwrap();
    let changes = [(end.clone(), None)].into_iter().collect();
    ledger.state.commit(changes);
    let violations = verify(&ledger.state).unwrap();
    assert!(
        violations.iter().any(|found| found.id == "L10"),
        "{violations:?}"
    );
}

/// A block of more miners than one command hands out to: nobody's part is lost or given twice, and
/// other commands come between.
#[test]
fn a_block_of_very_many_miners_is_handed_out_in_steps() {
    let mut ledger = Ledger::default();
    ledger.apply(change_settings(sample_settings()));
    let miners = 5_000_u64;
    let share = |number| sample_share(&format!("miner{number:05}"), 1 + number % 7, 1_000_000);
    ledger.apply(credit_shares(1, (0..miners).map(share).collect()));
    ledger.apply(record_block([1; 32], 1, sample_share("a", 1, 100)));
    let refused = ledger.apply(distribute_block([1; 32]));
    assert!(matches!(
        refused,
        Outcome::Rejected(Rejection::BlockNotSettled(_))
    ));
    let amount = 123_456_789;
    let expected = ledger.view().block_shares(&[1; 32], amount).unwrap();
    assert_eq!(expected.len() as u64, miners + 1);
    assert_eq!(
        ledger.apply(settle_block([1; 32], amount, 1)),
        Outcome::BlockSettled
    );
    let mut steps = 0;
    while !ledger.view().blocks_undistributed().unwrap().is_empty() {
        assert_eq!(verify(&ledger.state).unwrap(), vec![]);
        let owed = ledger.view().accounts().unwrap().owed_atomic();
        assert_eq!(owed, u128::from(amount - amount / 100));
        ledger.sequence += 1;
        ledger.share("late", 5);
        ledger.apply(distribute_block([1; 32]));
        steps += 1;
    }
    let of_one = (weights::MINERS_PER_STEP * settlement::STEPS_PER_COMMAND) as u64;
    assert_eq!(steps, miners / of_one);
    let done = Outcome::BlockDistributed { is_done: true };
    assert_eq!(ledger.apply(distribute_block([1; 32])), done);
    for (address, part) in expected {
        let miner = ledger.view().miner(&address).unwrap().unwrap();
        assert_eq!(miner.balance_atomic, part, "{address}");
        let statement = ledger.view().statement(&address, None, 10).unwrap();
        assert_eq!(statement.len(), 1);
        let (entry, line) = &statement[0];
        assert_eq!(entry.block_number, Some(1));
        assert_eq!(line.amounts[&Account::Mature], i64::try_from(part).unwrap());
    }
    let entries = ledger.view().journal(JournalQuery::Block(1), 10).unwrap();
    assert_eq!(entries.len() as u64, 1 + steps);
    assert_eq!(verify(&ledger.state).unwrap(), vec![]);
}

/// What each miner may expect of blocks that are not final is its part of what they are expected
/// to pay.
#[test]
fn immature_parts_are_those_of_the_expected_amount() {
    let mut ledger = Ledger::default();
    ledger.apply(change_settings(sample_settings()));
    ledger.share("a", 30);
    ledger.share("b", 10);
    let expecting = |miner: &str, scheme: Scheme| raftpool_ledger::command::Share {
        expected_reward_atomic: 10_000,
        scheme: scheme.into(),
        ..sample_share(miner, 40, 100)
    };
    ledger.apply(record_block([1; 32], 1, expecting("b", Scheme::Pplns)));
    ledger.apply(record_block([2; 32], 1, expecting("a", Scheme::Solo)));
    let immature = |miner| ledger.view().immature_atomic(miner).unwrap();
    // 30 and 50 of 80, less 1 %; the solo block less 0.5 %.
    assert_eq!(immature("a"), 9_900 * 30 / 80 + 9_950);
    assert_eq!(immature("b"), 9_900 * 50 / 80);
    assert_eq!(immature("nobody"), 0);
    let accounts = ledger.view().accounts().unwrap();
    assert_eq!(accounts.immature_atomic, 20_000);
}

/// Work is paid for whether its block reaches the chain or not.
#[test]
fn a_dropped_block_takes_from_the_fee_the_reserve_lives_on() {
    let mut ledger = Ledger::default();
    let settings = Settings {
        pps_offered: true,
        pps_fee_bps: 200,
        default_scheme: Scheme::Pps.into(),
        ..sample_settings()
    };
    ledger.apply(change_settings(settings));
    ledger.apply(move_funds(Account::Deposits, Account::Reserve, 10_000_000));
    let finder = || Share {
        expected_reward_atomic: 10_000,
        ..sample_share("a", 1, 100)
    };
    for number in 1..=20 {
        ledger.apply(record_block([number; 32], number.into(), finder()));
    }
    for number in 1..=19 {
        ledger.apply(settle_block([number; 32], 10_000, number.into()));
    }
    let required = |ledger: &Ledger| {
        let reserve = ledger.view().reserve().unwrap().unwrap();
        (reserve.required_atomic, reserve.ruin_per_million)
    };
    let (needed, ruin) = required(&ledger);
    assert!(needed.is_some() && ruin < 1_000, "{needed:?}, {ruin}");
    ledger.apply(Body::OrphanBlock(OrphanBlock {
        hash: vec![20; 32],
        reason: "dropped".into(),
        keeps_weights: true,
    }));
    assert_eq!(
        required(&ledger),
        (None, 1_000_000),
        "a twentieth is above the fee"
    );
    ledger.apply(Body::ReopenBlock(ReopenBlock {
        hash: vec![20; 32],
        reason: "ordered after all".into(),
    }));
    ledger.apply(settle_block([20; 32], 10_000, 20));
    let reserve = ledger.view().reserve().unwrap().unwrap();
    assert_eq!(reserve.blocks, 20, "it is one block");
    assert_eq!(required(&ledger).0, needed, "as if nothing had been");
}

#[test]
fn entries_are_found_by_account_in_pages() {
    let mut ledger = Ledger::with_some_of_everything();
    for amount in 1..=5 {
        ledger.apply(move_funds(Account::Deposits, Account::Reserve, amount));
    }
    let view = ledger.view();
    let page = |after, limit| {
        view.journal_of_account(Account::Reserve, after, limit)
            .unwrap()
    };
    let (all, next) = page(None, 10);
    let amounts: Vec<_> = all
        .iter()
        .map(|entry| entry.amounts[&Account::Reserve])
        .collect();
    assert_eq!((amounts, next), (vec![1, 2, 3, 4, 5], None));
    let (first, next) = page(None, 2);
    assert_eq!(first, all[..2]);
    let (rest, next) = page(next, 3);
    assert_eq!((rest.as_slice(), next), (&all[2..], None));
    let unused = view
        .journal_of_account(Account::FeesFpps, None, 10)
        .unwrap();
    assert_eq!(unused, (vec![], None));
}

#[test]
fn settings_of_any_time_are_known() {
    let mut ledger = Ledger::default();
    for (time_ms, pplns_window_milli) in [(1_000, 2_000), (3_000, 500)] {
        let settings = Settings {
            pplns_window_milli,
            ..sample_settings()
        };
        let command = compose("test", time_ms, change_settings(settings));
        ledger.try_apply(&command).unwrap();
    }
    let at = |time_ms| ledger.view().settings_at(time_ms).unwrap();
    let window = |time_ms| at(time_ms).map(|settings| settings.pplns_window_milli);
    assert_eq!(window(999), None);
    assert_eq!(window(1_000), Some(2_000));
    assert_eq!(window(2_999), Some(2_000));
    assert_eq!(window(3_000), Some(500));
}
