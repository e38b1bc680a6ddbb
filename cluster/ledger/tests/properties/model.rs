//! The naive model: it keeps everything, and computes every answer from it with wide integers.
//!
//! Work is laid out on a line in the order in which it came. The window is a stretch at the end
//! of the line: it begins where the total minus the bound was at its largest so far.

use std::collections::{BTreeMap, BTreeSet};

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    Account, BanWorker, Command, ConfirmPayout, CreditShares, ExecutedSpend, LiftBan, MakeToken,
    MoveFunds, NetworkFeePayer, OrphanBlock, PaidTo, PausePayouts, Payee, PublishNetworkSample,
    ReconcilePayouts, RecordBlock, ReleasePayout, ReopenBlock, ReservePayout, Scheme, Settings,
    SettleBlock, Share, SignPayout,
};
use raftpool_ledger::reserve::ReserveLevel;
use raftpool_ledger::view::{Accounts, LedgerView, PayoutStatus};
use raftpool_ledger::{Outcome, SCORE_OF_A_BLOCK};
use ruint::aliases::U256;

use super::rules::Rules;

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
    must_reconcile: bool,
    epochs: BTreeMap<u64, u64>,
    batches: BTreeSet<(u64, u64, u64)>,
    /// Every piece of PPLNS work: whose, and how much.
    line: Vec<(String, u128)>,
    window_start: u128,
    work: BTreeMap<String, u128>,
    blocks: BTreeMap<Vec<u8>, Block>,
    miners: BTreeMap<String, Money>,
    accounts: Sums,
    till: Till,
    /// First topoheight and fees of each published sample of the network's blocks.
    samples: Vec<(u64, u64)>,
    payouts: Vec<Payout>,
    transactions: BTreeMap<Vec<u8>, usize>,
    /// Hash, worker and end by address and id.
    tokens: BTreeMap<(String, Vec<u8>), Token>,
    guarded: BTreeSet<String>,
    time_ms: u64,
    /// When each worker's ban is over, also when that is past.
    bans: BTreeMap<(String, String), u64>,
    rules: Rules,
    /// 0 before the first.
    finalized_version: u32,
}

type Token = (Vec<u8>, String, u64);

struct Booked {
    miner: String,
    scheme: Scheme,
    difficulty: u64,
    score: u128,
    /// In 2^-64 of an atomic unit.
    payment: u128,
}

#[derive(Default, Debug, PartialEq)]
struct Money {
    balance: u64,
    in_flight: u64,
    paid: u64,
    network_fees: u64,
    /// What paid work earned beyond whole units, in 2^-64.
    fraction: u128,
}

/// The pool's accounts.
#[derive(Default, Debug, PartialEq)]
struct Sums {
    income: u64,
    deposits: u64,
    reconciled: u64,
    reserve: u64,
    fees: BTreeMap<i32, u64>,
    donations: u64,
    rounding: u64,
    fee_budget: u64,
    network_fees_pool: u64,
}

/// What shares of PPS and FPPS said last, and whether they are paid.
#[derive(Default)]
struct Till {
    is_exhausted: bool,
    reward: u64,
    income: u64,
}

struct Block {
    finder: String,
    scheme: Scheme,
    fee_bps: u32,
    donation_bps: u32,
    expected: u64,
    weights: BTreeMap<String, u128>,
    is_final: bool,
    is_given_up: bool,
    is_forgotten: bool,
    height: u64,
    heights_late: u32,
    /// What a settled one paid.
    paid: Option<u64>,
}

struct Payout {
    nonce: u64,
    payees: Vec<Payee>,
    variants: BTreeMap<Vec<u8>, SignPayout>,
    end: Option<End>,
    needs_approval: bool,
    is_approved: bool,
    /// What the pool set aside for the fee, by the scheme it came from, in the order it is spent.
    pool_budget: Vec<(i32, u64)>,
    reserved_at_ms: u64,
}

enum End {
    Confirmed(Vec<u8>),
    Released,
    Abandoned { keeps_nonce: bool },
}

impl Model {
    pub fn apply(&mut self, term: u64, command: &Command) -> Expected {
        self.time_ms = self.time_ms.max(command.proposed_at_ms);
        match command.body.as_ref().unwrap() {
            Body::BanWorker(ban) => self.ban(ban),
            Body::LiftBan(lift) => self.lift(lift),
            Body::ChangeSettings(change) => {
                self.settings = change.settings.clone();
                Some("SettingsChanged".into())
            }
            Body::CreditShares(batch) => self.credit(batch),
            Body::RecordBlock(block) => self.record(block),
            Body::SettleBlock(block) => self.settle(block),
            Body::DistributeBlock(block) => {
                let is_settled = self.blocks.get(&block.hash)?.paid.is_some();
                is_settled.then(|| "BlockDistributed { is_done: true }".into())
            }
            Body::MoveFunds(funds) => self.move_funds(funds),
            Body::PublishNetworkSample(sample) => self.publish(sample),
            // They move no money and have tests of their own.
            Body::ReportBlock(_) | Body::AcknowledgeBlock(_) => None,
            Body::OrphanBlock(block) => self.orphan(block),
            Body::ReopenBlock(block) => self.reopen(block),
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
            Body::PausePayouts(pause) => self.pause(pause),
            Body::ReconcilePayouts(found) => self.reconcile(found),
            body @ (Body::ApprovePayout(_)
            | Body::RejectPayout(_)
            | Body::AbandonPayout(_)
            | Body::HoldAddress(_)
            | Body::SetMinerPreferences(_)) => self.decide(body),
            body @ (Body::OpenOwnerSession(_)
            | Body::CloseOwnerSession(_)
            | Body::ChangeByOwner(_)) => self.by_owner(body),
            Body::FinalizeVersion(finalize) if finalize.term != term => None,
            Body::FinalizeVersion(finalize) => self.finalize(finalize.version),
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

    fn pause(&mut self, pause: &PausePayouts) -> Expected {
        if !pause.paused && self.must_reconcile {
            return None;
        }
        self.paused = pause.paused;
        self.must_reconcile |= pause.paused && pause.until_reconciled;
        Some("PayoutsPaused".into())
    }

    fn finalize(&mut self, version: u32) -> Expected {
        if version < self.finalized_version.max(1) {
            return None;
        }
        self.finalized_version = version;
        Some("VersionFinalized".into())
    }

    fn orphan(&mut self, command: &OrphanBlock) -> Expected {
        let block = self.blocks.get_mut(&command.hash);
        let block = block.filter(|block| !block.is_final)?;
        block.is_final = true;
        block.is_given_up = true;
        let has_weights = matches!(block.scheme, Scheme::Pplns | Scheme::Unspecified);
        block.is_forgotten = has_weights && !command.keeps_weights;
        Some("BlockOrphaned".into())
    }

    fn reopen(&mut self, command: &ReopenBlock) -> Expected {
        let block = self.blocks.get_mut(&command.hash);
        let block = block.filter(|block| block.is_given_up && !block.is_forgotten)?;
        block.is_final = false;
        block.is_given_up = false;
        Some("BlockReopened".into())
    }

    /// What an operator decides about payouts and miners.
    fn decide(&mut self, body: &Body) -> Expected {
        match body {
            Body::ApprovePayout(approve) => {
                let open = self.open_with(approve.payout_id)?;
                let payout = &mut self.payouts[open];
                payout.is_approved |= payout.needs_approval;
                payout.needs_approval.then(|| "PayoutApproved".into())
            }
            Body::RejectPayout(reject) => {
                let open = self.open_with(reject.payout_id)?;
                if !self.payouts[open].variants.is_empty() {
                    return None;
                }
                self.give_back(open, End::Released);
                self.paused = true;
                Some("PayoutRejected".into())
            }
            Body::AbandonPayout(abandon) => {
                let position = (abandon.payout_id as usize).checked_sub(1)?;
                if matches!(self.payouts.get(position)?.end, Some(End::Abandoned { .. })) {
                    return Some("PayoutAbandoned".into());
                }
                let open = self.open_with(abandon.payout_id)?;
                if self.payouts[open].variants.is_empty() || !self.paused {
                    return None;
                }
                let keeps_nonce = abandon.keeps_nonce;
                self.give_back(open, End::Abandoned { keeps_nonce });
                Some("PayoutAbandoned".into())
            }
            Body::HoldAddress(hold) => {
                let is_known = self.miners.contains_key(&hold.miner);
                self.rules.hold(hold, is_known)
            }
            Body::SetMinerPreferences(own) => {
                let is_known = self.miners.contains_key(&own.miner);
                let settings = self.settings.as_ref().unwrap();
                self.rules.prefer(own, is_known, settings)
            }
            _ => None,
        }
    }

    fn by_owner(&mut self, body: &Body) -> Expected {
        let is_known = |miner: &String| self.miners.contains_key(miner);
        match body {
            Body::OpenOwnerSession(open) => {
                let is_known = is_known(&open.miner);
                self.rules.owners.open(open, self.time_ms, is_known)
            }
            Body::CloseOwnerSession(close) => self.rules.owners.close(close, self.time_ms),
            Body::ChangeByOwner(change) => {
                let is_known = is_known(&change.miner);
                let settings = self.settings.as_ref().unwrap();
                self.rules.change(change, is_known, settings, self.time_ms)
            }
            _ => None,
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

    fn lift(&mut self, lift: &LiftBan) -> Expected {
        let worker = (lift.miner.clone(), lift.worker.clone());
        let until_ms = self.bans.remove(&worker)?;
        (until_ms > self.time_ms).then(|| "BanLifted".into())
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
        let accepted = self.assign(&command.shares, false);
        let refused = command.shares.len() - accepted.len();
        self.book(&accepted);
        Some(format!("credited {}, refused {refused}", accepted.len()))
    }

    /// Samples of ten blocks each, one behind the other.
    fn publish(&mut self, sample: &PublishNetworkSample) -> Expected {
        let known = (sample.first_topoheight, sample.fees_atomic);
        let last = self.samples.last().copied();
        if last.is_none_or(|(first, _)| first + 10 == known.0) {
            self.samples.push(known);
        } else if !self.samples.contains(&known) {
            return None;
        }
        Some("NetworkSamplePublished".into())
    }

    fn average_fees(&self) -> u64 {
        let mut fees: Vec<u64> = self.samples.iter().map(|(_, fees)| *fees).collect();
        fees.sort_unstable();
        let left_out = fees.len() / 10;
        let counted = &fees[left_out..fees.len() - left_out];
        let blocks = 10 * counted.len() as u64;
        counted.iter().sum::<u64>().checked_div(blocks).unwrap_or(0)
    }

    /// What comes of the shares of one command.
    fn assign(&mut self, shares: &[Share], is_finder: bool) -> Vec<Booked> {
        let settings = self.settings.clone().unwrap();
        let is_offered = |scheme| match scheme {
            Scheme::Pplns => settings.pplns_offered,
            Scheme::Solo => settings.solo_offered,
            Scheme::Pps => settings.pps_offered,
            Scheme::Fpps => settings.fpps_offered,
            Scheme::Unspecified => false,
        };
        let spendable = self
            .accounts
            .reserve
            .saturating_sub(settings.reserve_floor_atomic);
        let mut left = U256::from(spendable) << 64;
        let mut is_looked_at = false;
        let mut accepted = Vec::new();
        for share in shares {
            let Some(mut booked) = self.check(share) else {
                continue;
            };
            if !is_finder && !is_offered(booked.scheme) {
                continue;
            }
            if !matches!(booked.scheme, Scheme::Pps | Scheme::Fpps) {
                accepted.push(booked);
                continue;
            }
            if !std::mem::replace(&mut is_looked_at, true) && spendable >= 10 * self.till.income {
                self.till.is_exhausted = false;
            }
            if share.expected_reward_atomic > 0 {
                self.till.reward = share.expected_reward_atomic;
            }
            if self.till.reward == 0 {
                if is_finder || settings.pplns_offered {
                    booked.scheme = Scheme::Pplns;
                    accepted.push(booked);
                }
                continue;
            }
            let fee = match booked.scheme {
                Scheme::Pps => settings.pps_fee_bps,
                _ => settings.fpps_fee_bps,
            };
            let score = booked.score.min(SCORE_OF_A_BLOCK);
            let income = match booked.scheme {
                Scheme::Fpps => self.till.reward + self.average_fees(),
                _ => self.till.reward,
            };
            self.till.income = income;
            let full = U256::from(score) * U256::from(income) * U256::from(10_000 - fee);
            let payment: U256 = full / U256::from(10_000);
            let cost = payment + (U256::from(1) << 64);
            if !self.till.is_exhausted && cost <= left {
                left -= cost;
                booked.payment = payment.to();
                accepted.push(booked);
                continue;
            }
            self.till.is_exhausted = true;
            if is_finder || settings.pplns_offered {
                booked.scheme = Scheme::Pplns;
                accepted.push(booked);
            }
        }
        accepted
    }

    /// A share in order, before its scheme is decided.
    fn check(&self, share: &Share) -> Option<Booked> {
        let listener = Scheme::try_from(share.listener_scheme).ok()?;
        let scheme = match share.scheme {
            0 => {
                let settings = self.settings.as_ref().unwrap();
                self.rules.scheme(&share.miner, listener, settings)
            }
            1 => Scheme::Pplns,
            2 => Scheme::Solo,
            3 => Scheme::Pps,
            4 => Scheme::Fpps,
            _ => return None,
        };
        let network = U256::try_from_be_slice(&share.network_difficulty).unwrap();
        if share.difficulty == 0 || network.is_zero() || network.bit_len() > 128 {
            return None;
        }
        let score: U256 = (U256::from(share.difficulty) << 64) / network;
        Some(Booked {
            miner: share.miner.clone(),
            scheme,
            difficulty: share.difficulty,
            score: score.to::<u128>(),
            payment: 0,
        })
    }

    fn book(&mut self, accepted: &[Booked]) {
        let mut order = Vec::new();
        let mut scores: BTreeMap<String, u128> = BTreeMap::new();
        for Booked {
            miner,
            scheme,
            difficulty,
            score,
            payment,
        } in accepted
        {
            let money = self.miners.entry(miner.clone()).or_default();
            money.fraction += payment;
            let whole = (money.fraction >> 64) as u64;
            money.fraction %= SCORE_OF_A_BLOCK;
            money.balance += whole;
            self.accounts.reserve -= whole;
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
        let share = command.share.as_ref().unwrap();
        let booked = self.assign(std::slice::from_ref(share), true).pop()?;
        let (finder, scheme) = (booked.miner.clone(), booked.scheme);
        self.book(&[booked]);
        let settings = self.settings.as_ref().unwrap();
        let (fee_bps, mut weights) = match scheme {
            Scheme::Solo => (settings.solo_fee_bps, BTreeMap::new()),
            Scheme::Pps => (settings.pps_fee_bps, BTreeMap::new()),
            Scheme::Fpps => (settings.fpps_fee_bps, BTreeMap::new()),
            _ => (settings.pplns_fee_bps, self.window()),
        };
        if weights.is_empty() {
            weights.insert(finder.clone(), 1);
        }
        let block = Block {
            finder,
            scheme,
            fee_bps,
            donation_bps: settings.donation_bps,
            expected: share.expected_reward_atomic,
            weights,
            is_final: false,
            is_given_up: false,
            is_forgotten: false,
            height: command.height,
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
        let came_in = u128::from(self.accounts.came_in());
        if amount == 0 || came_in + u128::from(amount) > u128::from(MAX_SUPPLY) {
            return None;
        }
        block.is_final = true;
        block.paid = Some(amount);
        let accounts = &mut self.accounts;
        accounts.income += amount;
        if matches!(block.scheme, Scheme::Pps | Scheme::Fpps) {
            accounts.reserve += amount;
            return Some("BlockSettled".into());
        }
        let (fee, parts) = block.split(amount);
        let mut left = amount - fee;
        for (miner, part) in parts {
            self.miners.get_mut(&miner).unwrap().balance += part;
            left -= part;
        }
        let donation = (u128::from(fee) * u128::from(block.donation_bps) / 10_000) as u64;
        *accounts.fees.entry(block.scheme.into()).or_default() += fee - donation;
        accounts.donations += donation;
        accounts.rounding += left;
        Some("BlockSettled".into())
    }

    fn move_funds(&mut self, funds: &MoveFunds) -> Expected {
        use Account as A;
        let (from, to, amount) = (funds.from(), funds.to(), funds.amount_atomic);
        let fee = |account| match account {
            A::FeesPplns => Some(Scheme::Pplns),
            A::FeesSolo => Some(Scheme::Solo),
            A::FeesPps => Some(Scheme::Pps),
            A::FeesFpps => Some(Scheme::Fpps),
            _ => None,
        };
        let is_allowed = match (from, to) {
            (A::Deposits | A::Rounding, A::Reserve) => true,
            (A::Reserve, A::FeesPps | A::FeesFpps) => true,
            (A::Rounding | A::Donations, A::Mature) => true,
            (_, A::Reserve | A::Mature | A::Donations) => fee(from).is_some(),
            _ => false,
        };
        let is_named = (to == A::Mature) != funds.miner.is_empty() && funds.miner != "pool";
        if !is_allowed || amount == 0 || !is_named {
            return None;
        }
        if from == A::Deposits {
            let came_in = self.accounts.came_in();
            self.accounts.deposits += (amount <= MAX_SUPPLY - came_in).then_some(amount)?;
        } else {
            let held = match fee(from) {
                Some(scheme) => self.accounts.fees.entry(scheme.into()).or_default(),
                None if from == A::Reserve => &mut self.accounts.reserve,
                None if from == A::Rounding => &mut self.accounts.rounding,
                None => &mut self.accounts.donations,
            };
            *held = held.checked_sub(amount)?;
        }
        match (to, fee(to)) {
            (_, Some(scheme)) => *self.accounts.fees.entry(scheme.into()).or_default() += amount,
            (A::Reserve, _) => self.accounts.reserve += amount,
            (A::Donations, _) => self.accounts.donations += amount,
            _ => self.miners.get_mut(&funds.miner)?.balance += amount,
        }
        Some("FundsMoved".into())
    }

    fn open(&self) -> Option<usize> {
        self.payouts.iter().position(|payout| payout.end.is_none())
    }

    fn reserve(&mut self, command: &ReservePayout) -> Expected {
        if let Some(open) = self.open() {
            let payout = &self.payouts[open];
            let is_same = command.payout_id == open as u64 + 1
                && command.nonce == payout.nonce
                && command.pool_fee_budget_atomic == payout.pool_budget_sum()
                && command.payees == payout.payees;
            return is_same.then(|| "PayoutReserved".into());
        }
        let is_used = |payout: &Payout| {
            matches!(
                payout.end,
                Some(End::Confirmed(_) | End::Abandoned { keeps_nonce: false })
            ) && payout.nonce >= command.nonce
        };
        if self.paused
            || command.payout_id != self.payouts.len() as u64 + 1
            || self.payouts.iter().any(is_used)
        {
            return None;
        }
        let settings = self.settings.as_ref().unwrap();
        let payees_max = settings.payout_payees_max as usize;
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
            || !self.rules.allow(
                command,
                settings,
                self.time_ms,
                self.accounts.fees.values().sum(),
            )
        {
            return None;
        }
        let debits: u64 = command.payees.iter().map(|p| p.debit_atomic).sum();
        let needs_approval = settings
            .payout_approval_above_atomic
            .is_some_and(|above| debits > above);
        self.rules.take(self.time_ms, debits);
        let pool_budget = self.accounts.draw(command.pool_fee_budget_atomic);
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
            needs_approval,
            is_approved: false,
            pool_budget,
            reserved_at_ms: self.time_ms,
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
        if self.paused
            || command.fee_atomic > budget + payout.pool_budget_sum()
            || (payout.needs_approval && !payout.is_approved)
            || (payout.variants.is_empty() && self.rules.is_any_held(&payout.payees))
        {
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
        let of_pool = fee.min(payout.pool_budget_sum());
        self.accounts.spend(&payout.pool_budget, of_pool);
        let fee = fee - of_pool;
        let part = |payee: &Payee| payee.debit_atomic - payee.transfer_atomic;
        let floor = |payee: &Payee| match budget {
            0 => 0,
            _ => {
                let product = u128::from(budget - fee) * u128::from(part(payee));
                (product / u128::from(budget)) as u64
            }
        };
        // What no division can give goes to the first ones that bore something.
        let mut left = budget - fee - payout.payees.iter().map(floor).sum::<u64>();
        for payee in &payout.payees {
            let extra = u64::from(left > 0 && floor(payee) < part(payee));
            left -= extra;
            let back = floor(payee) + extra;
            let miner = self.miners.get_mut(&payee.address).unwrap();
            miner.in_flight -= payee.debit_atomic;
            miner.paid += payee.transfer_atomic;
            miner.balance += back;
            miner.network_fees += part(payee) - back;
        }
        assert_eq!(left, 0);
        payout.end = Some(End::Confirmed(command.tx_hash.clone()));
        Some("PayoutConfirmed".into())
    }

    fn reconcile(&mut self, command: &ReconcilePayouts) -> Expected {
        let waits = |block: &Block| !block.is_final && block.height <= command.stable_height;
        if !self.paused || self.blocks.values().any(waits) {
            return None;
        }
        if let Some(spend) = &command.spend {
            self.find_spend(spend)?;
        }
        self.must_reconcile &= !command.is_complete;
        Some("PayoutsReconciled".into())
    }

    /// Books an executed transaction once; `None` is a refusal, before anything is changed.
    fn find_spend(&mut self, spend: &ExecutedSpend) -> Option<()> {
        let owner = self.transactions.get(&spend.tx_hash).copied();
        let is_it = |end: &End| matches!(end, End::Confirmed(hash) if *hash == spend.tx_hash);
        if owner.is_some_and(|owner| self.payouts[owner].end.as_ref().is_some_and(is_it)) {
            return Some(());
        }
        let addresses: BTreeSet<_> = spend.payees.iter().map(|paid| &paid.address).collect();
        let is_good = |paid: &PaidTo| paid.amount_atomic > 0 && paid.address != "pool";
        let is_whole = addresses.len() == spend.payees.len() && !addresses.is_empty();
        if !is_whole || !spend.payees.iter().all(is_good) {
            return None;
        }
        let open = self.open();
        if let Some(open) = open {
            let payout = &self.payouts[open];
            if payout.nonce != spend.nonce {
                return None;
            }
            if payout.variants.contains_key(&spend.tx_hash) {
                return self
                    .confirm(&ConfirmPayout {
                        payout_id: open as u64 + 1,
                        tx_hash: spend.tx_hash.clone(),
                        ..ConfirmPayout::default()
                    })
                    .map(|_| ());
            }
        }
        let is_used = |payout: &Payout| {
            let uses = matches!(
                payout.end,
                Some(End::Confirmed(_) | End::Abandoned { keeps_nonce: false })
            );
            uses && payout.nonce >= spend.nonce
        };
        if owner.is_some() || self.payouts.iter().any(is_used) {
            return None;
        }
        if let Some(open) = open {
            let end = match self.payouts[open].variants.is_empty() {
                true => End::Released,
                false => End::Abandoned { keeps_nonce: true },
            };
            self.give_back(open, end);
        }
        self.book_spend(spend);
        Some(())
    }

    fn book_spend(&mut self, spend: &ExecutedSpend) {
        let settings = self.settings.as_ref().unwrap();
        let is_borne_by_pool = settings.network_fee_payer() == NetworkFeePayer::Pool;
        let pool_fees: u64 = self.accounts.fees.values().sum();
        let of_pool = spend.fee_atomic.min(pool_fees) * u64::from(is_borne_by_pool);
        let pool_budget = self.accounts.draw(of_pool);
        self.accounts.spend(&pool_budget, of_pool);
        let (fee, count) = (spend.fee_atomic - of_pool, spend.payees.len() as u64);
        let mut payees = Vec::new();
        for (paid, position) in spend.payees.iter().zip(0..) {
            let part = fee / count + u64::from(position < fee % count);
            let (address, transfer_atomic) = (paid.address.clone(), paid.amount_atomic);
            let debit_atomic = transfer_atomic + part;
            let miner = self.miners.entry(address.clone()).or_default();
            let lost = debit_atomic.saturating_sub(miner.balance);
            self.accounts.reconciled += lost;
            miner.balance = miner.balance + lost - debit_atomic;
            miner.paid += transfer_atomic;
            miner.network_fees += part;
            payees.push(Payee {
                address,
                debit_atomic,
                transfer_atomic,
            });
        }
        let debits = payees.iter().map(|payee| payee.debit_atomic).sum();
        self.rules.take(self.time_ms, debits);
        let tx_hash = spend.tx_hash.clone();
        let variant = SignPayout {
            fee_atomic: spend.fee_atomic,
            ..SignPayout::default()
        };
        self.transactions
            .insert(tx_hash.clone(), self.payouts.len());
        self.payouts.push(Payout {
            nonce: spend.nonce,
            payees,
            variants: BTreeMap::from([(tx_hash.clone(), variant)]),
            end: Some(End::Confirmed(tx_hash)),
            needs_approval: false,
            is_approved: false,
            pool_budget,
            reserved_at_ms: self.time_ms,
        });
    }

    fn release(&mut self, command: &ReleasePayout) -> Expected {
        let position = (command.payout_id as usize).checked_sub(1)?;
        let payout = self.payouts.get(position)?;
        match payout.end {
            Some(End::Released) => return Some("PayoutReleased".into()),
            None if payout.variants.is_empty() => {}
            _ => return None,
        }
        self.give_back(position, End::Released);
        Some("PayoutReleased".into())
    }

    fn open_with(&self, id: u64) -> Option<usize> {
        self.open().filter(|open| *open as u64 + 1 == id)
    }

    fn give_back(&mut self, position: usize, end: End) {
        let payout = &mut self.payouts[position];
        let debits = payout.payees.iter().map(|payee| payee.debit_atomic).sum();
        for payee in &payout.payees {
            let miner = self.miners.get_mut(&payee.address).unwrap();
            miner.in_flight -= payee.debit_atomic;
            miner.balance += payee.debit_atomic;
        }
        self.accounts.spend(&payout.pool_budget, 0);
        if matches!(end, End::Released) {
            self.rules.give_back(payout.reserved_at_ms, debits);
        }
        payout.end = Some(end);
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
                fraction: self.miners[&miner.address].fraction,
            };
            let address = &miner.address;
            assert_eq!(money, self.miners[address], "{address}");
            assert_eq!(
                miner.window_score,
                window.get(address).copied().unwrap_or(0),
                "{address}"
            );
            let work = self.work.get(address).copied().unwrap_or_default();
            assert_eq!(miner.work, work, "{address}");
        }
        let finalized = view.finalized_version().unwrap().version;
        assert_eq!(finalized, self.finalized_version.max(1));
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
        self.compare_accounts(view);
        self.rules.compare(view, self.time_ms);
        let is_shared = |block: &Block| !matches!(block.scheme, Scheme::Pps | Scheme::Fpps);
        let maturing = self.blocks.iter().filter(|(_, block)| !block.is_final);
        for (hash, block) in maturing.filter(|(_, block)| is_shared(block)) {
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
        let is_payable =
            |(name, money): &(&String, &Money)| self.rules.is_payable(name, money.balance);
        let expected = self.miners.iter().filter(is_payable);
        let expected: Vec<_> = expected
            .map(|(name, m)| (name.clone(), m.balance))
            .collect();
        assert_eq!(payable, expected);
    }

    fn compare_accounts(&self, view: &LedgerView<'_>) {
        let accounts = view.accounts().unwrap();
        let fees = |scheme: Scheme| self.accounts.fees.get(&scheme.into()).copied();
        let sum = |of: fn(&Money) -> u64| self.miners.values().map(of).map(u128::from).sum();
        let expected = self.blocks.values().filter(|block| !block.is_final);
        let expected = expected.map(|block| u128::from(block.expected)).sum();
        let model = Accounts {
            income_atomic: self.accounts.income.into(),
            deposits_atomic: self.accounts.deposits.into(),
            reconciled_atomic: self.accounts.reconciled.into(),
            expected_atomic: expected,
            immature_atomic: expected,
            balances_atomic: sum(|money| money.balance),
            in_flight_atomic: sum(|money| money.in_flight),
            paid_atomic: sum(|money| money.paid),
            network_fees_atomic: sum(|money| money.network_fees),
            undistributed_atomic: 0,
            fees_pplns_atomic: fees(Scheme::Pplns).unwrap_or_default().into(),
            fees_solo_atomic: fees(Scheme::Solo).unwrap_or_default().into(),
            fees_pps_atomic: fees(Scheme::Pps).unwrap_or_default().into(),
            fees_fpps_atomic: fees(Scheme::Fpps).unwrap_or_default().into(),
            reserve_atomic: self.accounts.reserve.into(),
            rounding_atomic: self.accounts.rounding.into(),
            donations_atomic: self.accounts.donations.into(),
            fee_budget_atomic: self.accounts.fee_budget.into(),
            network_fees_pool_atomic: self.accounts.network_fees_pool.into(),
        };
        assert_eq!(accounts, model);
        let is_exhausted = view
            .reserve()
            .unwrap()
            .is_some_and(|reserve| reserve.level >= ReserveLevel::Exhausted);
        assert_eq!(is_exhausted, self.till.is_exhausted);
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
        assert_eq!(view.must_reconcile_payouts().unwrap(), self.must_reconcile);
        assert_eq!(view.payouts_paused().unwrap().is_some(), self.paused);
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
                Some(End::Abandoned { .. }) => {
                    assert!(matches!(shown.status, PayoutStatus::Abandoned { .. }));
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

impl Payout {
    fn pool_budget_sum(&self) -> u64 {
        self.pool_budget.iter().map(|(_, part)| part).sum()
    }
}

impl Sums {
    fn came_in(&self) -> u64 {
        self.income + self.deposits + self.reconciled
    }

    /// Takes from the fees of the schemes, in this order.
    fn draw(&mut self, amount: u64) -> Vec<(i32, u64)> {
        let mut left = amount;
        let mut parts = Vec::new();
        for scheme in [Scheme::Pplns, Scheme::Solo, Scheme::Pps, Scheme::Fpps] {
            let held = self.fees.entry(scheme.into()).or_default();
            let part = left.min(*held);
            *held -= part;
            left -= part;
            parts.push((scheme.into(), part));
        }
        assert_eq!(left, 0);
        self.fee_budget += amount;
        parts
    }

    /// Spends some of what was drawn, the first parts first, and gives the rest back.
    fn spend(&mut self, parts: &[(i32, u64)], spent: u64) {
        let mut left = spent;
        for (scheme, part) in parts {
            let gone = left.min(*part);
            left -= gone;
            self.fee_budget -= part;
            self.network_fees_pool += gone;
            *self.fees.entry(*scheme).or_default() += part - gone;
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
