//! The naive model: it keeps everything, and computes every answer from it with wide integers.
//!
//! Work is laid out on a line in the order in which it came. The window is a stretch at the end
//! of the line: it begins where the total minus the bound was at its largest so far.

use std::collections::{BTreeMap, BTreeSet};

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    BanWorker, Command, ConfirmPayout, CreditShares, MakeToken, Payee, RecordBlock, ReleasePayout,
    ReservePayout, Scheme, Settings, SettleBlock, Share, SignPayout,
};
use raftpool_ledger::view::{LedgerView, PayoutStatus};
use raftpool_ledger::{Outcome, SCORE_OF_A_BLOCK};
use ruint::aliases::U256;

const MAX_SUPPLY: u64 = 1_840_000_000_000_000;

/// What the model says of a command; `None` is a refusal.
pub type Expected = Option<String>;

/// An outcome as far as the model knows it.
pub fn summary(outcome: &Outcome) -> Expected {
    match outcome {
        Outcome::Rejected(_) => None,
        Outcome::SharesCredited { credited, refused } => {
            Some(format!("credited {credited}, refused {}", refused.len()))
        }
        other => Some(format!("{other:?}")),
    }
}

#[derive(Default)]
pub struct Model {
    settings: Option<Settings>,
    paused: bool,
    epochs: BTreeMap<u64, u64>,
    batches: BTreeSet<(u64, u64, u64)>,
    /// Every piece of PPLNS work: whose, and how much.
    line: Vec<(String, u128)>,
    window_start: u128,
    work: BTreeMap<String, u128>,
    blocks: BTreeMap<Vec<u8>, Block>,
    miners: BTreeMap<String, Money>,
    income: u64,
    pool_fees: u64,
    rounding: u64,
    network_fees: u64,
    payouts: Vec<Payout>,
    transactions: BTreeMap<Vec<u8>, usize>,
    /// Hash, worker and end by address and id.
    tokens: BTreeMap<(String, Vec<u8>), Token>,
    guarded: BTreeSet<String>,
    time_ms: u64,
    /// When each worker's ban is over, also when that is past.
    bans: BTreeMap<(String, String), u64>,
}

type Token = (Vec<u8>, String, u64);

#[derive(Default, Debug, PartialEq)]
struct Money {
    balance: u64,
    in_flight: u64,
    paid: u64,
    network_fees: u64,
}

struct Block {
    finder: String,
    scheme: Scheme,
    fee_bps: u32,
    weights: BTreeMap<String, u128>,
    is_final: bool,
    heights_late: u32,
    /// What a settled one paid.
    paid: Option<u64>,
}

struct Payout {
    nonce: u64,
    payees: Vec<Payee>,
    variants: BTreeMap<Vec<u8>, SignPayout>,
    end: Option<End>,
}

enum End {
    Confirmed(Vec<u8>),
    Released,
}

impl Model {
    pub fn apply(&mut self, term: u64, command: &Command) -> Expected {
        self.time_ms = self.time_ms.max(command.proposed_at_ms);
        match command.body.as_ref().unwrap() {
            Body::BanWorker(ban) => self.ban(ban),
            Body::LiftBan(lift) => {
                let worker = (lift.miner.clone(), lift.worker.clone());
                let until_ms = self.bans.remove(&worker)?;
                (until_ms > self.time_ms).then(|| "BanLifted".into())
            }
            Body::ChangeSettings(change) => {
                self.settings = change.settings.clone();
                Some("SettingsChanged".into())
            }
            Body::CreditShares(batch) => self.credit(batch),
            Body::RecordBlock(block) => self.record(block),
            Body::SettleBlock(block) => self.settle(block),
            Body::OrphanBlock(block) => {
                let block = self
                    .blocks
                    .get_mut(&block.hash)
                    .filter(|block| !block.is_final)?;
                block.is_final = true;
                block.weights.clear();
                Some("BlockOrphaned".into())
            }
            Body::ReservePayout(payout) => {
                if payout.term != term {
                    return None;
                }
                self.reserve(payout)
            }
            Body::SignPayout(payout) => {
                if payout.term != term {
                    return None;
                }
                self.sign(payout)
            }
            Body::ConfirmPayout(payout) => self.confirm(payout),
            Body::ReleasePayout(payout) => {
                if payout.term != term {
                    return None;
                }
                self.release(payout)
            }
            Body::PausePayouts(pause) => {
                self.paused = pause.paused;
                Some("PayoutsPaused".into())
            }
            Body::MakeToken(make) => self.make_token(make),
            Body::RevokeToken(revoke) => {
                let key = (revoke.miner.clone(), revoke.token_id.clone());
                self.tokens.remove(&key).map(|_| "TokenRevoked".into())
            }
            Body::RequireToken(rule) => {
                match rule.is_required {
                    true => self.guarded.insert(rule.miner.clone()),
                    false => self.guarded.remove(&rule.miner),
                };
                Some("TokenRequirementSet".into())
            }
        }
    }

    fn make_token(&mut self, make: &MakeToken) -> Expected {
        if make.expires_at_ms == 1 {
            return None;
        }
        let key = (make.miner.clone(), make.token_hash[..8].to_vec());
        let (hash, worker) = (make.token_hash.clone(), make.worker.clone());
        let token = (hash, worker, make.expires_at_ms);
        let known = self.tokens.entry(key).or_insert(token);
        (known.0 == make.token_hash).then(|| "TokenMade".into())
    }

    fn ban(&mut self, ban: &BanWorker) -> Expected {
        if ban.until_ms <= self.time_ms {
            return None;
        }
        let worker = (ban.miner.clone(), ban.worker.clone());
        let until_ms = self.bans.entry(worker).or_default();
        *until_ms = (*until_ms).max(ban.until_ms);
        Some("WorkerBanned".into())
    }

    fn credit(&mut self, command: &CreditShares) -> Expected {
        let batch = command.batch.as_ref().unwrap();
        let newest = self.epochs.get(&batch.node_id).copied().unwrap_or_default();
        let mut known = self
            .batches
            .iter()
            .filter(|(node, epoch, _)| *node == batch.node_id && *epoch == batch.epoch);
        let highest = known.next_back().map_or(0, |(_, _, sequence)| *sequence);
        if batch.sequence == 0 || batch.epoch < newest {
            return None;
        }
        if highest >= 4096 && batch.sequence <= highest - 4096 {
            return None;
        }
        if !self
            .batches
            .insert((batch.node_id, batch.epoch, batch.sequence))
        {
            return Some("AlreadyCredited".into());
        }
        self.epochs.insert(batch.node_id, batch.epoch);
        let accepted: Vec<(String, Scheme, u64, u128)> = command
            .shares
            .iter()
            .filter_map(|share| self.check(share))
            .filter(|(_, scheme, _, _)| {
                let settings = self.settings.as_ref().unwrap();
                *scheme == Scheme::Pplns || settings.solo_offered
            })
            .collect();
        let refused = command.shares.len() - accepted.len();
        self.book(&accepted);
        Some(format!("credited {}, refused {refused}", accepted.len()))
    }

    /// Miner, scheme, difficulty and score of a share in order.
    fn check(&self, share: &Share) -> Option<(String, Scheme, u64, u128)> {
        let scheme = match share.scheme {
            0 => self.settings.as_ref().unwrap().default_scheme(),
            1 => Scheme::Pplns,
            2 => Scheme::Solo,
            _ => return None,
        };
        let network = U256::try_from_be_slice(&share.network_difficulty).unwrap();
        if share.difficulty == 0 || network.is_zero() || network.bit_len() > 128 {
            return None;
        }
        let score: U256 = (U256::from(share.difficulty) << 64) / network;
        Some((
            share.miner.clone(),
            scheme,
            share.difficulty,
            score.to::<u128>(),
        ))
    }

    fn book(&mut self, accepted: &[(String, Scheme, u64, u128)]) {
        let mut order = Vec::new();
        let mut scores: BTreeMap<String, u128> = BTreeMap::new();
        for (miner, scheme, difficulty, score) in accepted {
            self.miners.entry(miner.clone()).or_default();
            *self.work.entry(miner.clone()).or_default() += u128::from(*difficulty);
            if !order.contains(miner) {
                order.push(miner.clone());
            }
            if *scheme == Scheme::Pplns {
                *scores.entry(miner.clone()).or_default() += score;
            }
        }
        if accepted.is_empty() {
            return;
        }
        for miner in order {
            let score = scores.get(&miner).copied().unwrap_or_default();
            self.line.push((miner, score));
        }
        let milli = self.settings.as_ref().unwrap().pplns_window_milli;
        let bound = u128::from(milli) * SCORE_OF_A_BLOCK / 1_000;
        let total: u128 = self.line.iter().map(|(_, score)| score).sum();
        self.window_start = self.window_start.max(total.saturating_sub(bound));
    }

    fn window(&self) -> BTreeMap<String, u128> {
        let mut window = BTreeMap::new();
        let mut position = 0;
        for (miner, score) in &self.line {
            let end = position + score;
            let inside = end.saturating_sub(position.max(self.window_start));
            if inside > 0 {
                *window.entry(miner.clone()).or_default() += inside;
            }
            position = end;
        }
        window
    }

    fn record(&mut self, command: &RecordBlock) -> Expected {
        if self.blocks.contains_key(&command.hash) {
            return Some("BlockAlreadyRecorded".into());
        }
        let (finder, scheme, difficulty, score) = self.check(command.share.as_ref().unwrap())?;
        self.book(&[(finder.clone(), scheme, difficulty, score)]);
        let settings = self.settings.as_ref().unwrap();
        let (fee_bps, mut weights) = match scheme {
            Scheme::Solo => (settings.solo_fee_bps, BTreeMap::new()),
            _ => (settings.pplns_fee_bps, self.window()),
        };
        if weights.is_empty() {
            weights.insert(finder.clone(), 1);
        }
        let block = Block {
            finder,
            scheme,
            fee_bps,
            weights,
            is_final: false,
            heights_late: command.heights_late,
            paid: None,
        };
        self.blocks.insert(command.hash.clone(), block);
        Some("BlockRecorded".into())
    }

    fn settle(&mut self, command: &SettleBlock) -> Expected {
        let block = self
            .blocks
            .get_mut(&command.hash)
            .filter(|block| !block.is_final)?;
        let amount = command.amount_atomic;
        if amount == 0 || u128::from(self.income) + u128::from(amount) > u128::from(MAX_SUPPLY) {
            return None;
        }
        block.is_final = true;
        block.paid = Some(amount);
        let (fee, parts) = block.split(amount);
        let mut left = amount - fee;
        for (miner, part) in parts {
            self.miners.get_mut(&miner).unwrap().balance += part;
            left -= part;
        }
        self.income += amount;
        self.pool_fees += fee;
        self.rounding += left;
        Some("BlockSettled".into())
    }

    fn open(&self) -> Option<usize> {
        self.payouts.iter().position(|payout| payout.end.is_none())
    }

    fn reserve(&mut self, command: &ReservePayout) -> Expected {
        if let Some(open) = self.open() {
            let payout = &self.payouts[open];
            let is_same = command.payout_id == open as u64 + 1
                && command.nonce == payout.nonce
                && command.payees == payout.payees;
            return is_same.then(|| "PayoutReserved".into());
        }
        let is_used = |payout: &Payout| {
            matches!(payout.end, Some(End::Confirmed(_))) && payout.nonce >= command.nonce
        };
        if self.paused
            || command.payout_id != self.payouts.len() as u64 + 1
            || self.payouts.iter().any(is_used)
        {
            return None;
        }
        let payees_max = self.settings.as_ref().unwrap().payout_payees_max as usize;
        let addresses: BTreeSet<_> = command.payees.iter().map(|payee| &payee.address).collect();
        let is_payable = |payee: &Payee| {
            payee.address != "pool"
                && payee.transfer_atomic > 0
                && payee.transfer_atomic <= payee.debit_atomic
                && self
                    .miners
                    .get(&payee.address)
                    .is_some_and(|m| m.balance >= payee.debit_atomic)
        };
        if command.payees.is_empty()
            || command.payees.len() > payees_max
            || addresses.len() != command.payees.len()
            || !command.payees.iter().all(is_payable)
        {
            return None;
        }
        for payee in &command.payees {
            let miner = self.miners.get_mut(&payee.address).unwrap();
            miner.balance -= payee.debit_atomic;
            miner.in_flight += payee.debit_atomic;
        }
        self.payouts.push(Payout {
            nonce: command.nonce,
            payees: command.payees.clone(),
            variants: BTreeMap::new(),
            end: None,
        });
        Some("PayoutReserved".into())
    }

    fn sign(&mut self, command: &SignPayout) -> Expected {
        let open = self
            .open()
            .filter(|open| *open as u64 + 1 == command.payout_id)?;
        let payout = &mut self.payouts[open];
        if let Some(owner) = self.transactions.get(&command.tx_hash) {
            let known = payout.variants.get(&command.tx_hash)?;
            let is_same =
                *owner == open && known.tx == command.tx && known.fee_atomic == command.fee_atomic;
            return is_same.then(|| "PayoutSigned".into());
        }
        let budget: u64 = payout
            .payees
            .iter()
            .map(|payee| payee.debit_atomic - payee.transfer_atomic)
            .sum();
        if self.paused || command.fee_atomic > budget {
            return None;
        }
        payout
            .variants
            .insert(command.tx_hash.clone(), command.clone());
        self.transactions.insert(command.tx_hash.clone(), open);
        Some("PayoutSigned".into())
    }

    fn confirm(&mut self, command: &ConfirmPayout) -> Expected {
        let payout = self
            .payouts
            .get_mut((command.payout_id as usize).checked_sub(1)?)?;
        match &payout.end {
            Some(End::Confirmed(hash)) if *hash == command.tx_hash => {
                return Some("PayoutConfirmed".into());
            }
            Some(_) => return None,
            None => {}
        }
        let fee = payout.variants.get(&command.tx_hash)?.fee_atomic;
        let budget: u64 = payout
            .payees
            .iter()
            .map(|payee| payee.debit_atomic - payee.transfer_atomic)
            .sum();
        let mut unused = budget - fee;
        for payee in &payout.payees {
            let part = payee.debit_atomic - payee.transfer_atomic;
            let back = match budget {
                0 => 0,
                _ => {
                    let product = u128::from(budget - fee) * u128::from(part);
                    (product / u128::from(budget)) as u64
                }
            };
            unused -= back;
            let miner = self.miners.get_mut(&payee.address).unwrap();
            miner.in_flight -= payee.debit_atomic;
            miner.paid += payee.transfer_atomic;
            miner.balance += back;
            miner.network_fees += part - back;
        }
        self.network_fees += fee;
        self.rounding += unused;
        payout.end = Some(End::Confirmed(command.tx_hash.clone()));
        Some("PayoutConfirmed".into())
    }

    fn release(&mut self, command: &ReleasePayout) -> Expected {
        let payout = self
            .payouts
            .get_mut((command.payout_id as usize).checked_sub(1)?)?;
        match payout.end {
            Some(End::Released) => return Some("PayoutReleased".into()),
            None if payout.variants.is_empty() => {}
            _ => return None,
        }
        for payee in &payout.payees {
            let miner = self.miners.get_mut(&payee.address).unwrap();
            miner.in_flight -= payee.debit_atomic;
            miner.balance += payee.debit_atomic;
        }
        payout.end = Some(End::Released);
        Some("PayoutReleased".into())
    }

    /// Everything the model knows against what the read model answers.
    pub fn compare(&self, view: &LedgerView<'_>) {
        let window = self.window();
        let miners = view.miners(None, 1_000).unwrap();
        assert_eq!(miners.len(), self.miners.len());
        for miner in &miners {
            let money = Money {
                balance: miner.balance_atomic,
                in_flight: miner.in_flight_atomic,
                paid: miner.paid_atomic,
                network_fees: miner.network_fees_atomic,
            };
            let address = &miner.address;
            assert_eq!(money, self.miners[address], "{address}");
            assert_eq!(
                miner.window_score,
                window.get(address).copied().unwrap_or(0),
                "{address}"
            );
            assert_eq!(miner.work, self.work[address], "{address}");
        }
        assert_eq!(
            view.totals().unwrap().window_score,
            window.values().sum::<u128>()
        );
        let bans = view.bans(None, 1_000, 0).unwrap().into_iter();
        let bans: BTreeMap<_, _> = bans
            .map(|ban| ((ban.miner, ban.worker), ban.until_ms))
            .collect();
        let mut in_force = self.bans.clone();
        in_force.retain(|_, until_ms| *until_ms > self.time_ms);
        assert_eq!(bans, in_force);
        let accounts = view.accounts().unwrap();
        assert_eq!(accounts.income_atomic, self.income.into());
        assert_eq!(accounts.pool_fees_atomic, self.pool_fees.into());
        assert_eq!(accounts.rounding_atomic, self.rounding.into());
        assert_eq!(accounts.network_fees_atomic, self.network_fees.into());
        for (hash, block) in self.blocks.iter().filter(|(_, block)| !block.is_final) {
            let hash = hash.as_slice().try_into().unwrap();
            assert_eq!(
                view.block_shares(&hash, 77_777).unwrap(),
                block.split(77_777).1
            );
        }
        self.compare_payouts(view);
        self.compare_lateness(view);
        self.compare_tokens(view);
        let mut payable = view.payable(1, 1_000).unwrap();
        assert!(payable.is_sorted_by(|a, b| a.1 >= b.1));
        payable.sort();
        let expected = self.miners.iter().filter(|(_, money)| money.balance > 0);
        let expected: Vec<_> = expected
            .map(|(name, m)| (name.clone(), m.balance))
            .collect();
        assert_eq!(payable, expected);
    }

    fn compare_lateness(&self, view: &LedgerView<'_>) {
        let lateness = view.lateness().unwrap();
        for (class, fate) in lateness.fates.iter().enumerate() {
            let of_class = |block: &&Block| block.heights_late.min(9) as usize == class;
            let blocks: Vec<&Block> = self.blocks.values().filter(of_class).collect();
            let count = |is: fn(&Block) -> bool| blocks.iter().filter(|block| is(block)).count();
            assert_eq!(fate.maturing, count(|block| !block.is_final) as u64);
            assert_eq!(fate.settled, count(|block| block.paid.is_some()) as u64);
            let orphaned = count(|block| block.is_final && block.paid.is_none());
            assert_eq!(fate.orphaned, orphaned as u64);
            let paid = blocks.iter().filter_map(|block| block.paid);
            assert_eq!(fate.amount_atomic, paid.map(u128::from).sum());
        }
    }

    fn compare_tokens(&self, view: &LedgerView<'_>) {
        for address in ["a", "ab", "b", "c", "pool"] {
            let gate = view.gate(address).unwrap();
            assert_eq!(gate.is_required, self.guarded.contains(address));
            let shown = gate.tokens.into_iter().map(|token| {
                let id = token.id().to_vec();
                let worker = token.worker.unwrap_or_default();
                let end = token.expires_at_ms.unwrap_or_default();
                ((address.to_owned(), id), (token.hash.to_vec(), worker, end))
            });
            let of_address = |(key, _): &(&(String, Vec<u8>), _)| key.0 == address;
            let expected = self.tokens.iter().filter(of_address);
            let expected: Vec<_> = expected.map(|(k, v)| (k.clone(), v.clone())).collect();
            assert_eq!(shown.collect::<Vec<_>>(), expected, "{address}");
        }
        let owners = self.tokens.keys().map(|(owner, _)| owner);
        let expected: BTreeSet<_> = owners.chain(&self.guarded).cloned().collect();
        let shown = view.token_rules(None, 1_000).unwrap();
        let shown: BTreeSet<_> = shown.into_iter().map(|rule| rule.address).collect();
        assert_eq!(shown, expected);
    }

    fn compare_payouts(&self, view: &LedgerView<'_>) {
        assert_eq!(
            view.next_payout_id().unwrap(),
            self.payouts.len() as u64 + 1
        );
        let open = view.open_payout().unwrap();
        assert_eq!(
            open.map(|payout| payout.id),
            self.open().map(|open| open as u64 + 1)
        );
        for (payout, id) in self.payouts.iter().zip(1..) {
            let shown = view.payout(id).unwrap().unwrap();
            assert_eq!(shown.variants.len(), payout.variants.len());
            match &payout.end {
                None if payout.variants.is_empty() => {
                    assert_eq!(shown.status, PayoutStatus::Reserved);
                }
                None => assert_eq!(shown.status, PayoutStatus::Signed),
                Some(End::Released) => {
                    assert!(matches!(shown.status, PayoutStatus::Released { .. }));
                }
                Some(End::Confirmed(hash)) => {
                    assert!(matches!(
                        shown.status,
                        PayoutStatus::Confirmed { tx_hash, .. } if tx_hash.as_slice() == hash
                    ));
                }
            }
        }
        for address in self.miners.keys() {
            let ids = view.miner_payouts(address, None, 1_000).unwrap();
            let ids: Vec<u64> = ids.iter().map(|payout| payout.id).rev().collect();
            let is_payee =
                |payout: &&(&Payout, u64)| payout.0.payees.iter().any(|p| p.address == *address);
            let expected: Vec<(&Payout, u64)> = self.payouts.iter().zip(1..).collect();
            let expected: Vec<u64> = expected
                .iter()
                .filter(is_payee)
                .map(|each| each.1)
                .collect();
            assert_eq!(ids, expected, "{address}");
        }
    }
}

impl Block {
    /// The fee, and who gets what of the rest.
    fn split(&self, amount: u64) -> (u64, Vec<(String, u64)>) {
        let fee = u128::from(amount) * u128::from(self.fee_bps) / 10_000;
        let shared = amount - fee as u64;
        if self.scheme == Scheme::Solo {
            let part = (self.finder.clone(), shared);
            return (
                fee as u64,
                (shared > 0).then_some(part).into_iter().collect(),
            );
        }
        let total: U256 = self.weights.values().copied().map(U256::from).sum();
        let part = |weight: u128| (U256::from(shared) * U256::from(weight) / total).to::<u64>();
        let parts = self
            .weights
            .iter()
            .map(|(miner, weight)| (miner.clone(), part(*weight)));
        (fee as u64, parts.filter(|(_, part)| *part > 0).collect())
    }
}
