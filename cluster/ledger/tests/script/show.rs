//! What the stories print.

use std::fmt::Write;

use raftpool_ledger::command::Account;
use raftpool_ledger::view::{
    BlockStatus, JournalQuery, LedgerView, PayoutStatus, account_name, entry_kind_name, scheme_name,
};
use raftpool_ledger::{Outcome, SCORE_OF_A_BLOCK};

use super::{Result, Words, World, hash, number};

/// An outcome as one or more lines.
pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::SharesCredited { credited, refused } => {
            let mut text = format!("credited {credited}");
            for (position, rejection) in refused {
                write!(text, "\n  share {position} refused: {rejection}").unwrap();
            }
            text
        }
        Outcome::Rejected(rejection) => format!("refused: {rejection}"),
        other => format!("{other:?}"),
    }
}

/// A score in blocks, rounded to the nearest ten-thousandth.
fn blocks(score: u128) -> String {
    let score = (score * 10_000 + SCORE_OF_A_BLOCK / 2) / SCORE_OF_A_BLOCK;
    format!("{}.{:04}", score / 10_000, score % 10_000)
}

fn name(hash: &[u8]) -> String {
    String::from_utf8_lossy(hash)
        .trim_end_matches('\0')
        .to_owned()
}

fn raw_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    pub(super) fn show(&mut self, words: &Words<'_>) -> Result<()> {
        let state = self.state.clone();
        let view = LedgerView::new(&state);
        let text = match words.name(0)? {
            "balances" => balances(&view),
            "accounts" => accounts(&view),
            "journal" => journal(&view),
            "reserve" => reserve(&view),
            "window" => window(&view),
            "blocks" => all_blocks(&view),
            "payouts" => payouts(&view),
            "totals" => totals(&view),
            "workers" => workers(&view, words.name(1)?),
            "audits" => audits(&view),
            "bans" => bans(&view),
            "fees" => fees(&view),
            "strays" => strays(&view),
            "version" => {
                let finalized = view.finalized_version().unwrap();
                let (version, index) = (finalized.version, finalized.index);
                let (author, reason) = (finalized.author, finalized.reason);
                format!("version {version} since entry {index} by {author:?}: {reason:?}")
            }
            "digest" => raw_hex(&view.digest().unwrap()),
            "tokens" => tokens(&view, words.name(1)?),
            "rules" => rules(&view),
            "terms" => terms(&view, words.name(1)?),
            "holds" => holds(&view),
            "day" => {
                let now_ms = view.time_ms().unwrap();
                let taken = view.payouts_taken_on_day_of(now_ms).unwrap();
                format!("taken today {taken}")
            }
            "split" => split(&view, words.name(1)?, number(words.name(2)?)?),
            "payable" => {
                let payable = view.payable(number(words.name(1)?)?, 10).unwrap();
                payable
                    .iter()
                    .map(|(address, balance)| format!("{address} {balance}\n"))
                    .collect()
            }
            other => return Err(format!("cannot show {other}")),
        };
        self.print(if text.is_empty() {
            "(nothing)"
        } else {
            text.trim_end()
        });
        Ok(())
    }
}

fn balances(view: &LedgerView<'_>) -> String {
    let miners = view.miners(None, 100).unwrap();
    let lines = miners.iter().map(|miner| {
        format!(
            "{}: balance {}, in flight {}, paid {}, network fees {}, earned {}\n",
            miner.address,
            miner.balance_atomic,
            miner.in_flight_atomic,
            miner.paid_atomic,
            miner.network_fees_atomic,
            miner.earned_atomic,
        )
    });
    lines.collect()
}

fn accounts(view: &LedgerView<'_>) -> String {
    let accounts = view.accounts().unwrap();
    let mut text = format!(
        "income {} = balances {} + in flight {} + paid {} + pool fees {} + rounding {} + network fees {}",
        accounts.income_atomic,
        accounts.balances_atomic,
        accounts.in_flight_atomic,
        accounts.paid_atomic,
        accounts.pool_fees_atomic(),
        accounts.rounding_atomic,
        accounts.network_fees_atomic,
    );
    for (name, amount) in [
        ("deposits", accounts.deposits_atomic),
        ("reconciled", accounts.reconciled_atomic),
        ("reserve", accounts.reserve_atomic),
        ("donations", accounts.donations_atomic),
        ("expected", accounts.expected_atomic),
        ("undistributed", accounts.undistributed_atomic),
        ("fee budget", accounts.fee_budget_atomic),
        (
            "network fees of the pool",
            accounts.network_fees_pool_atomic,
        ),
    ] {
        if amount > 0 {
            write!(text, ", {name} {amount}").unwrap();
        }
    }
    text
}

/// The journal from its beginning, an entry a line, its lines below.
fn journal(view: &LedgerView<'_>) -> String {
    let mut text = String::new();
    let amounts = |amounts: &std::collections::BTreeMap<Account, i64>| {
        let amounts = amounts.iter();
        let amounts =
            amounts.map(|(account, amount)| format!("{} {amount:+}", account_name(*account)));
        amounts.collect::<Vec<_>>().join(", ")
    };
    for entry in view.journal(JournalQuery::After(None), 100).unwrap() {
        let (index, kind) = (entry.index, entry_kind_name(entry.kind));
        writeln!(text, "{index} {kind}: {}", amounts(&entry.amounts)).unwrap();
        for line in view.journal_lines(&entry, None, 100).unwrap() {
            write!(text, "  {}: {}", line.miner, amounts(&line.amounts)).unwrap();
            if line.shares > 0 {
                write!(
                    text,
                    " for {} shares of {}",
                    line.shares,
                    blocks(line.score)
                )
                .unwrap();
            }
            text.push('\n');
        }
    }
    text
}

fn reserve(view: &LedgerView<'_>) -> String {
    let reserve = view.reserve().unwrap().unwrap();
    format!(
        "{:?}: holds {}, requires {:?}, ruin {} per million, a block pays {}",
        reserve.level,
        reserve.held_atomic,
        reserve.required_atomic,
        reserve.ruin_per_million,
        reserve.expected_income_atomic,
    )
}

fn terms(view: &LedgerView<'_>, miner: &str) -> String {
    let terms = view.terms(miner).unwrap();
    let (own, threshold) = (terms.own_threshold_atomic, terms.threshold_atomic);
    let (own_scheme, scheme) = (scheme_name(terms.own_scheme), scheme_name(terms.scheme));
    let (by, hold) = (terms.preferred_by, terms.hold.map(|hold| hold.reason));
    format!(
        "threshold {own}, in force {threshold}; scheme {own_scheme}, in force {scheme}; set by \
         {by:?}; held {hold:?}"
    )
}

fn holds(view: &LedgerView<'_>) -> String {
    let holds = view.holds(None, 100).unwrap();
    let lines = holds.iter().map(|hold| {
        let (miner, reason, author) = (&hold.miner, &hold.reason, &hold.author);
        format!("{miner}: {reason}, since {} by {author}\n", hold.since_ms)
    });
    lines.collect()
}

fn window(view: &LedgerView<'_>) -> String {
    let mut text = format!("total {}\n", blocks(view.totals().unwrap().window_score));
    for entry in view.window(None, 100).unwrap() {
        writeln!(
            text,
            "  entry {}: {} {}",
            entry.number,
            entry.miner,
            blocks(entry.score)
        )
        .unwrap();
    }
    for miner in view.miners(None, 100).unwrap() {
        writeln!(
            text,
            "  {} holds {}",
            miner.address,
            blocks(miner.window_score)
        )
        .unwrap();
    }
    text
}

fn all_blocks(view: &LedgerView<'_>) -> String {
    let mut text = String::new();
    for block in view.blocks(None, 100).unwrap() {
        let status = match &block.status {
            BlockStatus::Maturing => "maturing".to_owned(),
            BlockStatus::Settled {
                amount_atomic,
                fee_atomic,
                topoheight,
                ..
            } => {
                format!("settled at {topoheight} for {amount_atomic}, fee {fee_atomic}")
            }
            BlockStatus::Orphaned { reason } => format!("orphaned: {reason}"),
        };
        writeln!(
            text,
            "{} {} height {} by {}.{} {}, effort {}, {status}",
            block.number,
            name(&block.hash),
            block.height,
            block.miner,
            block.worker,
            scheme_name(block.scheme),
            blocks(block.effort_score),
        )
        .unwrap();
    }
    let maturing: Vec<String> = view
        .blocks_maturing()
        .unwrap()
        .iter()
        .map(|block| name(&block.hash))
        .collect();
    text + &format!("maturing: {maturing:?}")
}

fn payouts(view: &LedgerView<'_>) -> String {
    let mut text = String::new();
    for payout in view.payouts(None, 100).unwrap() {
        let status = match &payout.status {
            PayoutStatus::Reserved => "reserved".to_owned(),
            PayoutStatus::Signed => "signed".to_owned(),
            PayoutStatus::Confirmed {
                tx_hash,
                topoheight,
                ..
            } => {
                format!("confirmed {} at {topoheight}", name(tx_hash))
            }
            PayoutStatus::Released { reason } => format!("released: {reason}"),
            PayoutStatus::Abandoned {
                reason,
                author,
                executed_tx_hash,
                ..
            } => match executed_tx_hash {
                Some(tx) => format!("abandoned by {author}: {reason}, executed {}", name(tx)),
                None => format!("abandoned by {author}: {reason}"),
            },
        };
        let status = match &payout.approval {
            Some(approval) => format!("{status}, approved by {}", approval.author),
            None if payout.awaits_approval() => format!("{status}, waits for approval"),
            None => status,
        };
        let variants: Vec<String> = payout
            .variants
            .iter()
            .map(|variant| name(&variant.tx_hash))
            .collect();
        let payees: Vec<&str> = payout
            .payees
            .iter()
            .map(|payee| payee.address.as_str())
            .collect();
        let (id, nonce) = (payout.id, payout.nonce);
        writeln!(
            text,
            "{id}: nonce {nonce}, {payees:?}, variants {variants:?}, {status}"
        )
        .unwrap();
    }
    if let Some(reason) = view.payouts_paused().unwrap() {
        writeln!(text, "paused: {reason}").unwrap();
    }
    let open = view.open_payout().unwrap().map_or(0, |payout| payout.id);
    let (next, nonce) = (
        view.next_payout_id().unwrap(),
        view.payout_nonce_floor().unwrap(),
    );
    text + &format!("open {open}, next {next}, nonce at least {nonce}")
}

fn totals(view: &LedgerView<'_>) -> String {
    let totals = view.totals().unwrap();
    format!(
        "shares {}, work {}, rejects {:?}, blocks {} (settled {}, orphaned {}), payouts {}, \
         miners {}, window {}, round {}, hashrate {}",
        totals.shares,
        totals.work,
        totals.rejects,
        totals.blocks,
        totals.blocks_settled,
        totals.blocks_orphaned,
        totals.payouts,
        totals.miners,
        blocks(totals.window_score),
        blocks(totals.round_score),
        totals.hashrate,
    )
}

fn workers(view: &LedgerView<'_>, miner: &str) -> String {
    let workers = view.workers(miner, None, 100).unwrap();
    let lines = workers.iter().map(|worker| {
        format!(
            "{}: difficulty {}, shares {}, work {}, rejects {:?}, last share {}, hashrate {}\n",
            worker.name,
            worker.difficulty,
            worker.shares,
            worker.work,
            worker.rejects,
            worker.last_share_ms,
            worker.hashrate,
        )
    });
    lines.collect()
}

fn bans(view: &LedgerView<'_>) -> String {
    let bans = view.bans(None, 100, 0).unwrap();
    assert_eq!(view.bans_in_force(0).unwrap(), bans.len() as u64);
    let lines = bans.iter().map(|ban| {
        format!(
            "{} of {}: {}, {} to {}, by {}\n",
            ban.worker, ban.miner, ban.reason, ban.since_ms, ban.until_ms, ban.author
        )
    });
    lines.collect()
}

fn fees(view: &LedgerView<'_>) -> String {
    let Some(fees) = view.network_fees().unwrap() else {
        return String::new();
    };
    let mut text = format!(
        "average {} over {} samples of {} blocks, {} to {}\n",
        fees.average_fees_atomic,
        fees.samples,
        fees.blocks,
        fees.first_topoheight,
        fees.last_topoheight,
    );
    for sample in view.network_samples().unwrap() {
        let (first, last, blocks) = (
            sample.first_topoheight,
            sample.last_topoheight,
            sample.blocks,
        );
        let (sum, max) = (sample.fees_atomic, sample.fees_max_atomic);
        let note = if sample.is_counted { "" } else { ", left out" };
        writeln!(
            text,
            "  {first} to {last}, {blocks} blocks: fees {sum}, at most {max}{note}"
        )
        .unwrap();
    }
    text
}

fn strays(view: &LedgerView<'_>) -> String {
    let counts = view.stray_counts().unwrap();
    let mut text = format!("{} kept, {} open\n", counts.kept, counts.unacknowledged);
    for stray in view.stray_blocks().unwrap() {
        let (name, topoheight) = (name(&stray.hash), stray.topoheight);
        let (amount, at) = (stray.amount_atomic, stray.reported_at_ms);
        let looked = stray.acknowledgement.map_or("open".to_owned(), |by| {
            let (author, reason, at) = (by.author, by.reason, by.acknowledged_at_ms);
            format!("{reason}, by {author} at {at}")
        });
        writeln!(
            text,
            "  {name} at {topoheight} for {amount}, reported at {at}: {looked}"
        )
        .unwrap();
    }
    text
}

fn audits(view: &LedgerView<'_>) -> String {
    let mut text = String::new();
    for audit in view.audits(None, 100).unwrap() {
        let change = match audit.change {
            raftpool_ledger::view::Change::Settings(settings) => {
                format!("settings, window {}", settings.pplns_window_milli)
            }
            other => format!("{other:?}"),
        };
        writeln!(
            text,
            "{}: {} {change}: {}",
            audit.index, audit.author, audit.reason
        )
        .unwrap();
    }
    text
}

fn tokens(view: &LedgerView<'_>, miner: &str) -> String {
    let gate = view.gate(miner).unwrap();
    let mut text = format!("required {}\n", gate.is_required);
    for token in gate.tokens {
        let (name, id) = (name(&token.hash), name(&token.id()));
        let (label, ending, author) = (token.label, token.ending, token.author);
        let (worker, end, made) = (token.worker, token.expires_at_ms, token.made_at_ms);
        writeln!(
            text,
            "{name} ({id}, {ending}) \"{label}\" for {worker:?} until {end:?}, made at {made} by {author}"
        )
        .unwrap();
    }
    text
}

fn rules(view: &LedgerView<'_>) -> String {
    let rules = view.token_rules(None, 100).unwrap();
    let lines = rules.iter().map(|rule| {
        let (address, is_required, tokens) = (&rule.address, rule.is_required, rule.tokens);
        format!("{address}: required {is_required}, tokens {tokens}\n")
    });
    let changed = view.tokens_changed_index().unwrap();
    lines.collect::<String>() + &format!("changed at {changed}")
}

fn split(view: &LedgerView<'_>, block: &str, amount_atomic: u64) -> String {
    let hash = hash(block).try_into().unwrap();
    let shares = view.block_shares(&hash, amount_atomic).unwrap();
    shares
        .iter()
        .map(|(address, part)| format!("{address} {part}\n"))
        .collect()
}
