//! The language of the stories.
//!
//! Words `key=value` are fields, other words are names. Hashes are names of up to 32 letters.
//! Shares have a network difficulty of 100 unless they say otherwise (`net=`), so that a share
//! of 50 is half a block.

mod rules;
mod show;

use std::collections::BTreeMap;

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    Account, AcknowledgeBlock, BanWorker, BatchId, ChangeSettings, ConfirmPayout, CreditShares,
    FinalizeVersion, LiftBan, MakeToken, MoveFunds, OrphanBlock, PausePayouts, Payee,
    PublishNetworkSample, RecordBlock, RejectCount, RejectReason, ReleasePayout, ReopenBlock,
    ReportBlock, RequireToken, ReservePayout, RevokeToken, Scheme, SettleBlock, Share, SignPayout,
    WorkerReport,
};
use raftpool_ledger::state::{MemoryState, Overlay};
use raftpool_ledger::testing::sample_settings;
use raftpool_ledger::view::account_name;
use raftpool_ledger::{EntryContext, apply, compose, verify};

type Result<T> = std::result::Result<T, String>;

/// A ledger, and the story's place in log and time.
pub struct World {
    state: MemoryState,
    entry: EntryContext,
    now_ms: u64,
    sequence: u64,
    output: String,
}

impl Default for World {
    fn default() -> Self {
        Self {
            state: MemoryState::default(),
            entry: EntryContext { index: 0, term: 1 },
            now_ms: 1_000_000,
            sequence: 0,
            output: String::new(),
        }
    }
}

/// A line's words.
struct Words<'a> {
    names: Vec<&'a str>,
    fields: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn new(words: impl Iterator<Item = &'a str>) -> Self {
        let mut names = Vec::new();
        let mut fields = BTreeMap::new();
        for word in words {
            match word.split_once('=') {
                Some((key, value)) => {
                    fields.insert(key, value);
                }
                None => names.push(word),
            }
        }
        Self { names, fields }
    }

    fn name(&self, position: usize) -> Result<&'a str> {
        self.names
            .get(position)
            .copied()
            .ok_or_else(|| format!("word {position} is missing"))
    }

    fn number(&self, key: &str, default: u64) -> Result<u64> {
        self.fields
            .get(key)
            .map_or(Ok(default), |text| number(text))
    }

    fn text(&self, key: &str, default: &'a str) -> &'a str {
        self.fields.get(key).copied().unwrap_or(default)
    }

    fn scheme(&self) -> Result<i32> {
        scheme(self.text("scheme", "unspecified"))
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}

fn scheme(name: &str) -> Result<i32> {
    match name {
        "unspecified" => Ok(Scheme::Unspecified.into()),
        "pplns" => Ok(Scheme::Pplns.into()),
        "solo" => Ok(Scheme::Solo.into()),
        "pps" => Ok(Scheme::Pps.into()),
        "fpps" => Ok(Scheme::Fpps.into()),
        _ => Err(format!("{name} is no scheme")),
    }
}

fn account(name: &str) -> Result<i32> {
    let known = (0..100).filter_map(|number| Account::try_from(number).ok());
    let mut named = known.filter(|account| account_name(*account) == name);
    let found = named.next().ok_or_else(|| format!("{name} is no account"));
    Ok(found?.into())
}

fn hash(name: &str) -> Vec<u8> {
    let mut hash = [0; 32];
    hash[..name.len()].copy_from_slice(name.as_bytes());
    hash.to_vec()
}

impl World {
    /// Runs one line.
    pub fn run(&mut self, line: &str) -> Result<()> {
        let mut words = line.split_whitespace();
        let verb = words.next().ok_or("an empty line")?;
        let words = Words::new(words);
        match verb {
            "time" => self.now_ms += number(words.name(0)?.trim_start_matches('+'))?,
            "term" => self.entry.term = number(words.name(0)?)?,
            "show" => self.show(&words)?,
            _ => {
                let body = self.command(verb, &words)?;
                self.apply(body);
            }
        }
        Ok(())
    }

    /// What was printed since the last call.
    pub fn take_output(&mut self) -> String {
        std::mem::take(&mut self.output)
    }

    fn print(&mut self, line: impl AsRef<str>) {
        self.output.push_str(line.as_ref());
        self.output.push('\n');
    }

    fn apply(&mut self, body: Body) {
        self.entry.index += 1;
        let mut overlay = Overlay::new(&self.state);
        let command = compose("operator", self.now_ms, body);
        match apply(&mut overlay, self.entry, &command) {
            Ok(outcome) => {
                let changes = overlay.into_changes();
                self.state.commit(changes);
                self.print(show::outcome(&outcome));
            }
            Err(error) => self.print(format!("stopped: {error}")),
        }
        let violations = verify(&self.state).unwrap();
        assert!(violations.is_empty(), "{violations:?}");
    }

    fn command(&mut self, verb: &str, words: &Words<'_>) -> Result<Body> {
        Ok(match verb {
            "settings" => settings(words)?,
            "share" => {
                let share = share(words.name(0)?, words.name(1)?, words)?;
                self.batch(words, vec![share], Vec::new())?
            }
            "batch" => {
                let mut shares = Vec::new();
                for pair in &words.names {
                    let (miner, difficulty) =
                        pair.split_once(':').ok_or("want miner:difficulty")?;
                    shares.push(share(miner, difficulty, words)?);
                }
                self.batch(words, shares, Vec::new())?
            }
            "report" => self.batch(words, Vec::new(), vec![report(words)?])?,
            "block" => Body::RecordBlock(RecordBlock {
                hash: hash(words.name(0)?),
                height: words.number("height", 1)?,
                share: Some(share(
                    words.text("finder", "a"),
                    words.text("diff", "1"),
                    words,
                )?),
                heights_late: words.number("late", 0)? as u32,
                node_id: 1,
            }),
            "settle" => Body::SettleBlock(SettleBlock {
                hash: hash(words.name(0)?),
                amount_atomic: words.number("amount", 0)?,
                topoheight: words.number("topoheight", 1)?,
            }),
            "move" => Body::MoveFunds(MoveFunds {
                from: account(words.name(0)?)?,
                to: account(words.name(1)?)?,
                miner: words.text("miner", "").into(),
                amount_atomic: words.number("amount", 0)?,
                reason: words.text("reason", "test").into(),
            }),
            "orphan" => Body::OrphanBlock(OrphanBlock {
                hash: hash(words.name(0)?),
                reason: words.text("reason", "side-branch").into(),
                keeps_weights: words.number("kept", 0)? > 0,
            }),
            "reopen" => Body::ReopenBlock(ReopenBlock {
                hash: hash(words.name(0)?),
                reason: words.text("reason", "ordered-after-all").into(),
            }),
            "ban" => Body::BanWorker(BanWorker {
                miner: words.name(0)?.into(),
                worker: words.text("worker", "w").into(),
                reason: words.text("reason", "bad-shares").into(),
                until_ms: self.now_ms + words.number("for", 60_000)?,
            }),
            "lift" => Body::LiftBan(LiftBan {
                miner: words.name(0)?.into(),
                worker: words.text("worker", "w").into(),
                reason: words.text("reason", "mended").into(),
            }),
            _ => self.payout_command(verb, words)?,
        })
    }

    fn payout_command(&self, verb: &str, words: &Words<'_>) -> Result<Body> {
        let payout_id = words.number("id", 1)?;
        let term = words.number("term", self.entry.term)?;
        Ok(match verb {
            "reserve" => Body::ReservePayout(ReservePayout {
                payout_id,
                nonce: words.number("nonce", 0)?,
                payees: words
                    .names
                    .iter()
                    .map(|name| payee(name))
                    .collect::<Result<_>>()?,
                term,
                pool_fee_budget_atomic: words.number("budget", 0)?,
            }),
            "sign" => Body::SignPayout(SignPayout {
                payout_id,
                tx_hash: hash(words.name(0)?),
                tx: words.text("bytes", words.name(0)?).into(),
                fee_atomic: words.number("fee", 0)?,
                reference_topoheight: 1,
                term,
            }),
            "confirm" => Body::ConfirmPayout(ConfirmPayout {
                payout_id,
                tx_hash: hash(words.name(0)?),
                block_hash: hash("executor"),
                topoheight: words.number("topoheight", 1)?,
            }),
            "release" => Body::ReleasePayout(ReleasePayout {
                payout_id,
                reason: words.text("reason", "cannot-be-built").into(),
                term,
            }),
            "pause" => Body::PausePayouts(PausePayouts {
                paused: true,
                reason: words.name(0)?.into(),
                executed_tx_hash: match words.text("executed", "") {
                    "" => Vec::new(),
                    name => hash(name),
                },
                unexplained_nonce: words.number("unexplained", 0)?,
                until_reconciled: words.number("until-reconciled", 0)? > 0,
            }),
            "resume" => Body::PausePayouts(PausePayouts {
                paused: false,
                reason: words.name(0)?.into(),
                ..PausePayouts::default()
            }),
            _ => return rules::command(verb, words).unwrap_or_else(|| token_command(verb, words)),
        })
    }

    /// A batch of node 1 with the next sequence, unless the line names another.
    fn batch(
        &mut self,
        words: &Words<'_>,
        shares: Vec<Share>,
        workers: Vec<WorkerReport>,
    ) -> Result<Body> {
        if !words.fields.contains_key("seq") {
            self.sequence += 1;
        }
        let batch = BatchId {
            node_id: words.number("node", 1)?,
            epoch: words.number("epoch", 1)?,
            sequence: words.number("seq", self.sequence)?,
        };
        Ok(Body::CreditShares(CreditShares {
            batch: Some(batch),
            shares,
            workers,
        }))
    }
}

/// Tokens are called by what is their hash here; its first eight letters are their id.
fn token_command(verb: &str, words: &Words<'_>) -> Result<Body> {
    let miner = words.text("miner", "a").into();
    let reason = words.text("reason", "none").into();
    Ok(match verb {
        "token" => Body::MakeToken(MakeToken {
            miner,
            token_hash: hash(words.name(0)?),
            ending: words.text("ending", "wxyz").into(),
            label: words.text("label", "").into(),
            worker: words.text("worker", "").into(),
            expires_at_ms: words.number("expires", 0)?,
            reason,
        }),
        "revoke" => Body::RevokeToken(RevokeToken {
            miner,
            token_id: hash(words.name(0)?)[..words.number("bytes", 8)? as usize].to_vec(),
            reason,
        }),
        "require" => Body::RequireToken(RequireToken {
            miner,
            is_required: words.name(0)? == "yes",
            reason,
        }),
        _ => return chain_command(verb, words),
    })
}

/// What the chain says: samples of the network's blocks, and blocks that the books do not have.
fn chain_command(verb: &str, words: &Words<'_>) -> Result<Body> {
    let reason = words.text("reason", "").into();
    Ok(match verb {
        "sample" => {
            let (first, blocks) = (words.number("first", 0)?, words.number("blocks", 120)?);
            let fees_atomic = words.number("fees", 0)?;
            Body::PublishNetworkSample(PublishNetworkSample {
                first_topoheight: first,
                last_topoheight: words
                    .number("last", first.wrapping_add(blocks).wrapping_sub(1))?,
                blocks,
                fees_atomic,
                rewards_atomic: words.number("rewards", 1_000)?,
                fees_max_atomic: words.number("max", fees_atomic)?,
                unreadable_blocks: words.number("unreadable", 0)?,
            })
        }
        "stray" => Body::ReportBlock(ReportBlock {
            hash: hash(words.name(0)?),
            height: words.number("height", 1)?,
            topoheight: words.number("topoheight", 1)?,
            amount_atomic: words.number("amount", 500)?,
        }),
        "acknowledge" => Body::AcknowledgeBlock(AcknowledgeBlock {
            hash: hash(words.name(0)?),
            reason,
        }),
        "finalize" => Body::FinalizeVersion(FinalizeVersion {
            version: words.name(0)?.parse().map_err(|_| "want a version")?,
            reason: words.text("reason", "all-upgraded").into(),
            term: words.number("term", 1)?,
        }),
        _ => return Err("no such command".into()),
    })
}

fn settings(words: &Words<'_>) -> Result<Body> {
    let mut settings = sample_settings();
    settings.network = words.text("network", "devnet").into();
    settings.pool_address = words.text("pool", "pool").into();
    settings.pplns_fee_bps = words.number("fee", 100)? as u32;
    settings.solo_fee_bps = words.number("solo_fee", 50)? as u32;
    settings.pplns_window_milli = words.number("window", 2_000)? as u32;
    settings.payout_payees_max = words.number("payees", 255)? as u32;
    settings.payout_threshold_atomic = words.number("threshold", 1_000)?;
    settings.default_scheme = scheme(words.text("default", "pplns"))?;
    settings.pplns_offered = words.text("pplns", "yes") == "yes";
    settings.solo_offered = words.text("solo", "yes") == "yes";
    settings.pps_offered = words.text("pps", "no") == "yes";
    settings.fpps_offered = words.text("fpps", "no") == "yes";
    settings.pps_fee_bps = words.number("pps_fee", 200)? as u32;
    settings.fpps_fee_bps = words.number("fpps_fee", 300)? as u32;
    settings.reserve_floor_atomic = words.number("floor", 0)?;
    settings.donation_bps = words.number("donation", 0)? as u32;
    rules::set(&mut settings, words)?;
    let reason = words.text("reason", "").into();
    Ok(Body::ChangeSettings(ChangeSettings {
        settings: Some(settings),
        reason,
    }))
}

fn share(miner: &str, difficulty: &str, words: &Words<'_>) -> Result<Share> {
    let network_difficulty: u128 = words
        .text("net", "100")
        .parse()
        .map_err(|_| "net is not a number")?;
    Ok(Share {
        miner: if miner == "-" {
            String::new()
        } else {
            miner.into()
        },
        worker: words.text("worker", "w").into(),
        scheme: words.scheme()?,
        difficulty: number(difficulty)?,
        network_difficulty: network_difficulty.to_be_bytes().to_vec(),
        height: 1,
        received_at_ms: 0,
        expected_reward_atomic: words.number("reward", 0)?,
        listener_scheme: Scheme::Unspecified.into(),
    })
}

fn report(words: &Words<'_>) -> Result<WorkerReport> {
    let count = |reason: RejectReason, key| -> Result<RejectCount> {
        Ok(RejectCount {
            reason: reason.into(),
            count: words.number(key, 0)?,
        })
    };
    Ok(WorkerReport {
        miner: words.name(0)?.into(),
        worker: words.text("worker", "w").into(),
        difficulty: words.number("difficulty", 0)?,
        rejects: vec![
            count(RejectReason::Stale, "stale")?,
            count(RejectReason::Duplicate, "duplicate")?,
        ],
    })
}

/// `address:debit:transfer`
fn payee(text: &str) -> Result<Payee> {
    let mut parts = text.split(':');
    let mut part = || parts.next().ok_or("want address:debit:transfer");
    Ok(Payee {
        address: part()?.into(),
        debit_atomic: number(part()?)?,
        transfer_atomic: number(part()?)?,
    })
}
