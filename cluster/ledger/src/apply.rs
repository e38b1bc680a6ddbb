//! Folding one command into the state.
//!
//! A command either changes everything it means to change or nothing: it works on a layer of its
//! own, which is thrown away when the command is refused. What always changes is the head: the
//! log index, the ledger's time and the running digest.

use prost::Message;
use raftpool_proto::ledger as row;

use crate::books::Books;
use crate::command::{Command, Settings, command::Body};
use crate::record::load;
use crate::state::{Changes, Overlay};
use crate::version::COMMAND_VERSION;
use crate::{Outcome, Rejection, StateError};
use crate::{bans, blocks, funds, given_up, invariant, key, network, owners, payouts};
use crate::{settings, settlement, shares, strays, terms, tokens, version};

/// The encoding of commands that this program writes and understands.
pub const COMMAND_FORMAT: u32 = 1;

/// Where an entry stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryContext {
    /// Its index.
    pub index: u64,
    /// The term it was written in.
    pub term: u64,
}

/// The state cannot be advanced; the node must stop rather than go on with wrong books.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The state below could not be read.
    #[error("read or decode the state")]
    State(#[from] StateError),
    /// The command was written by a newer program.
    #[error("command format {format} is unknown (this node knows {COMMAND_FORMAT}): upgrade it")]
    UnknownFormat {
        /// The command's format.
        format: u32,
    },
    /// The command's body is of a kind this program does not know.
    #[error("the command's body is missing or of an unknown kind: upgrade this node")]
    UnknownBody,
    /// A version of the commands was finalized that this program does not know.
    #[error(
        "version {version} of the commands was finalized, and this program knows version \
         {COMMAND_VERSION}: upgrade this node"
    )]
    UnknownVersion {
        /// What was finalized.
        version: u32,
    },
    /// What must always hold does not.
    #[error("invariant {id} is broken: {detail}")]
    InvariantBroken {
        /// Its id in [`crate::invariant::INVARIANTS`].
        id: &'static str,
        /// What was found.
        detail: String,
    },
    /// A sum left its type, which the bounds on commands rule out.
    #[error("{what} overflows")]
    Overflow {
        /// Which sum.
        what: &'static str,
    },
}

/// Why a command does not go through: refused by the rules, or impossible to go on.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Rejection),
    Fatal(ApplyError),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl From<ApplyError> for Stop {
    fn from(error: ApplyError) -> Self {
        Self::Fatal(error)
    }
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::Fatal(error.into())
    }
}

/// A command in the format of this program.
pub fn compose(author: impl Into<String>, proposed_at_ms: u64, body: Body) -> Command {
    Command {
        format: COMMAND_FORMAT,
        proposed_at_ms,
        author: author.into(),
        body: Some(body),
    }
}

/// Applies one command: the whole meaning of the replicated log.
///
/// Pure and deterministic: the same commands over the same state give the same state, outcomes
/// and digest on every node. On an error `state` is left as it was.
///
/// # Errors
/// When the state cannot be read, the command comes from a newer program, or an invariant is
/// broken. All of them are fatal; a refusal is an [`Outcome::Rejected`].
pub fn apply(
    state: &mut Overlay<'_>,
    entry: EntryContext,
    command: &Command,
) -> Result<Outcome, ApplyError> {
    if command.format != COMMAND_FORMAT {
        return Err(ApplyError::UnknownFormat {
            format: command.format,
        });
    }
    let body = command.body.as_ref().ok_or(ApplyError::UnknownBody)?;
    let mut head: row::Head = load(&*state, &key::head())?.unwrap_or_default();
    invariant::check_order(&head, entry)?;
    head.index = entry.index;
    head.time_ms = head.time_ms.max(command.proposed_at_ms);

    let mut books = Books::new(&*state, entry, head.time_ms, &command.author);
    let done = run(&mut books, body).and_then(|outcome| {
        books.close_journal()?;
        Ok(outcome)
    });
    let (outcome, changes) = match done {
        Ok(outcome) => {
            invariant::check_totals(&books)?;
            (outcome, books.into_changes())
        }
        Err(Stop::Refused(rejection)) => (Outcome::Rejected(rejection), Changes::new()),
        Err(Stop::Fatal(error)) => return Err(error),
    };
    head.digest = digest(&head, &changes);
    for (key, change) in changes {
        match change {
            Some(value) => state.put(key, value),
            None => state.delete(key),
        }
    }
    state.put(key::head(), head.encode_to_vec());
    Ok(outcome)
}

fn run(books: &mut Books<'_>, body: &Body) -> Result<Outcome, Stop> {
    let settings: Option<Settings> = books.get(&key::settings())?;
    match (body, settings) {
        (Body::ChangeSettings(change), settings) => settings::change(books, settings, change),
        // Also before there are settings: a cluster is founded with the newest version.
        (Body::FinalizeVersion(finalize), _) => version::finalize(books, finalize),
        (_, None) => Err(Rejection::NoSettings.into()),
        (Body::CreditShares(batch), Some(settings)) => shares::credit(books, &settings, batch),
        (Body::RecordBlock(block), Some(settings)) => blocks::record(books, &settings, block),
        (Body::SettleBlock(block), Some(_)) => settlement::settle(books, block),
        (Body::DistributeBlock(block), Some(_)) => settlement::distribute(books, block),
        (Body::OrphanBlock(block), Some(_)) => given_up::orphan(books, block),
        (Body::ReopenBlock(block), Some(_)) => given_up::reopen(books, block),
        (Body::ReservePayout(payout), Some(settings)) => payouts::reserve(books, &settings, payout),
        (Body::SignPayout(payout), Some(_)) => payouts::sign(books, payout),
        (Body::ConfirmPayout(payout), Some(_)) => payouts::confirm(books, payout),
        (Body::ReleasePayout(payout), Some(_)) => payouts::release(books, payout),
        (Body::PausePayouts(pause), Some(_)) => payouts::pause(books, pause),
        (Body::MoveFunds(funds), Some(settings)) => funds::move_funds(books, &settings, funds),
        (Body::ApprovePayout(payout), Some(_)) => payouts::approve(books, payout),
        (Body::RejectPayout(payout), Some(_)) => payouts::reject(books, payout),
        (Body::AbandonPayout(payout), Some(_)) => payouts::abandon(books, payout),
        (Body::ReconcilePayouts(found), Some(settings)) => {
            payouts::reconcile(books, &settings, found)
        }
        (Body::HoldAddress(hold), Some(_)) => terms::hold(books, hold),
        (Body::SetMinerPreferences(preferences), Some(settings)) => {
            terms::prefer(books, &settings, preferences)
        }
        (Body::MakeToken(token), Some(_)) => tokens::make(books, token),
        (Body::RevokeToken(token), Some(_)) => tokens::revoke(books, token),
        (Body::RequireToken(rule), Some(_)) => tokens::require(books, rule),
        (Body::OpenOwnerSession(session), Some(_)) => owners::open(books, session),
        (Body::CloseOwnerSession(session), Some(_)) => owners::close(books, session),
        (Body::ChangeByOwner(change), Some(settings)) => owners::change(books, &settings, change),
        (Body::BanWorker(ban), Some(_)) => bans::ban(books, ban),
        (Body::LiftBan(lift), Some(_)) => bans::lift(books, lift),
        (Body::PublishNetworkSample(sample), Some(_)) => network::publish(books, sample),
        (Body::ReportBlock(block), Some(_)) => strays::report(books, block),
        (Body::AcknowledgeBlock(block), Some(_)) => strays::acknowledge(books, block),
    }
}

/// The next running digest: over the previous one, the head and the changes in key order.
fn digest(head: &row::Head, changes: &Changes) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head.digest);
    hasher.update(&head.index.to_be_bytes());
    hasher.update(&head.time_ms.to_be_bytes());
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    for (key, change) in changes {
        part(key);
        // The leading byte keeps a deletion apart from every value.
        match change {
            Some(value) => {
                part(&[1]);
                part(value);
            }
            None => part(&[0]),
        }
    }
    hasher.finalize().as_bytes().to_vec()
}
