//! What an owner of an address sends and is told.

use raftpool_ledger::StateError;
use raftpool_ledger::command::Scheme;
use raftpool_ledger::settings::offered;
use raftpool_ledger::view::{self, LedgerView, scheme_name};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::Decimal;
use super::names::SchemeName;

/// Most labels that settings show; a miner has no more workers with a record.
const LABELS_MAX: usize = 10_000;

/// A text for the owner of an address to sign.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnerChallenge {
    /// The text, to be signed with the wallet's `sign_data`.
    pub text: String,
    /// Until when it is taken.
    pub expires_at_ms: u64,
}

/// The body of a request for a session.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// The text that was signed.
    pub text: String,
    /// What the wallet answered: 128 hex digits.
    pub signature: String,
}

/// A new session. It cannot be printed for debugging, so that it gets into no log.
#[derive(Serialize, ToSchema)]
pub struct SessionOpened {
    /// Log index of its opening.
    pub index: u64,
    /// The session, to be given as a bearer token; told this once.
    pub session: String,
    /// When it ends.
    pub expires_at_ms: u64,
}

/// What the owner of an address has set.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnerSettings {
    /// When the session ends.
    pub session_expires_at_ms: u64,
    /// Smallest balance that is paid out; null: the pool's.
    pub payout_threshold_atomic: Option<Decimal>,
    /// The pool's, which counts when it is higher.
    pub pool_payout_threshold_atomic: Decimal,
    /// How shares are paid that do not say it themselves; null: as the port or the pool says.
    #[schema(value_type = Option<SchemeName>)]
    pub scheme: Option<&'static str>,
    /// What can be chosen.
    #[schema(value_type = Vec<SchemeName>)]
    pub schemes_offered: Vec<&'static str>,
    /// Whether the address is left out of lists of miners and finders.
    pub is_hidden: bool,
    /// Whether nobody can mine to the address without a token.
    pub is_token_required: bool,
    /// Its tokens.
    pub tokens: Vec<OwnToken>,
    /// What workers are called; those without a label are not among them.
    pub labels: Vec<OwnLabel>,
}

/// A token, as far as it can be told after it was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnToken {
    /// What it is called by: 16 hex digits.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// Its last characters.
    pub ending: String,
    /// The only worker it lets in; null: every worker.
    pub worker: Option<String>,
    /// When it was made.
    pub made_at_ms: u64,
    /// When it ends; null: never.
    pub expires_at_ms: Option<u64>,
}

/// What a worker is called.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnLabel {
    /// The worker.
    pub worker: String,
    /// What its owner calls it.
    pub label: String,
}

/// The body of a change: what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSettings {
    /// Smallest balance that is paid out, at least the pool's; null: the pool's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, pattern = "^[1-9][0-9]{0,18}$")]
    pub payout_threshold_atomic: Option<Option<Decimal>>,
    /// One of the offered schemes; null: as the port or the pool says.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<SchemeName>)]
    pub scheme: Option<Option<String>>,
    /// Whether the address is left out of lists of miners and finders.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub is_hidden: Option<bool>,
    /// Whether nobody can mine to the address without a token.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub is_token_required: Option<bool>,
}

/// The body of a new label.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLabel {
    /// One line of 64 bytes at most; empty: none.
    pub label: String,
}

/// The body of a request for a token.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeOwnToken {
    /// What it is for: one line of 64 bytes at most.
    #[serde(default)]
    pub label: String,
    /// The only worker it lets in; null: every worker.
    #[serde(default)]
    pub worker: Option<String>,
    /// When it ends; null: never.
    #[serde(default)]
    pub expires_at_ms: Option<u64>,
}

/// A new token. It cannot be printed for debugging, so that it gets into no log.
#[derive(Serialize, ToSchema)]
pub struct OwnTokenMade {
    /// Log index of its making.
    pub index: u64,
    /// What it is called by: 16 hex digits.
    pub id: String,
    /// The token, to be given as a miner's password; told this once.
    pub token: String,
}

/// Tells what is null from what is absent.
fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

impl ChangeSettings {
    /// Whether it names nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.payout_threshold_atomic.is_none()
            && self.scheme.is_none()
            && self.is_hidden.is_none()
            && self.is_token_required.is_none()
    }
}

impl OwnerSettings {
    /// Everything an owner has set, and between what there is to choose.
    pub(crate) fn read(
        view: &LedgerView<'_>,
        miner: &str,
        session_expires_at_ms: u64,
    ) -> Result<Self, StateError> {
        let (terms, gate) = (view.terms(miner)?, view.gate(miner)?);
        let settings = view.settings()?.unwrap_or_default();
        let own = terms.own_threshold_atomic;
        let has_scheme = terms.own_scheme != Scheme::Unspecified;
        let labels = view.worker_labels(miner, LABELS_MAX)?;
        Ok(Self {
            session_expires_at_ms,
            payout_threshold_atomic: (own > 0).then(|| own.into()),
            pool_payout_threshold_atomic: settings.payout_threshold_atomic.into(),
            scheme: has_scheme.then(|| scheme_name(terms.own_scheme)),
            schemes_offered: offered(&settings).map(scheme_name).collect(),
            is_hidden: view.is_hidden(miner)?,
            is_token_required: gate.is_required,
            tokens: gate.tokens.into_iter().map(OwnToken::from).collect(),
            labels: labels
                .into_iter()
                .map(|(worker, label)| OwnLabel { worker, label })
                .collect(),
        })
    }
}

impl From<view::Token> for OwnToken {
    fn from(token: view::Token) -> Self {
        Self {
            id: hex::encode(token.id()),
            label: token.label,
            ending: token.ending,
            worker: token.worker,
            made_at_ms: token.made_at_ms,
            expires_at_ms: token.expires_at_ms,
        }
    }
}
