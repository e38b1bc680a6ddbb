//! Tokens of addresses, as operators make, see and revoke them.
//!
//! A token is in one answer and nowhere else: the one to the request that made it.

use raftpool_ledger::view;
use serde::{Deserialize, Serialize};

use super::Page;
use super::admin::Source;

/// The answer of `/admin/v1/tokens`.
#[derive(Debug, Serialize)]
pub struct TokenRules {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// The addresses that have tokens or require one.
    #[serde(flatten)]
    pub rules: Page<TokenRule>,
}

/// What holds for the tokens of one address.
#[derive(Debug, Serialize)]
pub struct TokenRule {
    /// The address.
    pub address: String,
    /// Whether nobody can mine to it without a token.
    pub is_required: bool,
    /// How many there are, those that have ended included.
    pub tokens: u64,
}

/// The answer of `/admin/v1/tokens/{address}`.
#[derive(Debug, Serialize)]
pub struct Tokens {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// The address, in the spelling it is known under.
    pub address: String,
    /// Whether nobody can mine to it without a token.
    pub is_required: bool,
    /// Its tokens.
    pub items: Vec<Token>,
}

/// A token, as far as anybody but its owner knows it.
#[derive(Debug, Serialize)]
pub struct Token {
    /// What it is called by: 16 hex digits.
    pub id: String,
    /// Its last characters.
    pub ending: String,
    /// What it is for.
    pub label: String,
    /// The only worker it lets in; null: every worker of the address.
    pub worker: Option<String>,
    /// When it was made.
    pub made_at_ms: u64,
    /// Who made it.
    pub author: String,
    /// When it ends; null: never.
    pub expires_at_ms: Option<u64>,
    /// Whether it has ended.
    pub is_expired: bool,
}

/// The body of `POST /admin/v1/tokens/make`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeTokenRequest {
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
    /// For which address.
    pub address: String,
    /// What it is for.
    #[serde(default)]
    pub label: String,
    /// The only worker it lets in; when not given, every worker of the address.
    #[serde(default)]
    pub worker: Option<String>,
    /// When it ends; when not given, never.
    #[serde(default)]
    pub expires_at_ms: Option<u64>,
}

/// The body of `POST /admin/v1/tokens/revoke`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeTokenRequest {
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Of which address.
    pub address: String,
    /// Which one: 16 hex digits.
    pub id: String,
}

/// The body of `POST /admin/v1/tokens/require`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequireTokenRequest {
    /// Who asks.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Which address.
    pub address: String,
    /// Whether it shall require a token.
    pub is_required: bool,
}

/// The answer to `POST /admin/v1/tokens/make`. It cannot be printed for debugging, so that a token
/// gets into no log.
#[derive(Serialize)]
pub struct TokenMade {
    /// Log index of the change.
    pub index: u64,
    /// "token_made".
    pub change: &'static str,
    /// The address, in the spelling it is known under.
    pub address: String,
    /// What the token is called by.
    pub id: String,
    /// The token: nobody can show it again.
    pub token: String,
}

impl From<view::TokenRule> for TokenRule {
    fn from(rule: view::TokenRule) -> Self {
        let view::TokenRule {
            address,
            is_required,
            tokens,
        } = rule;
        Self {
            address,
            is_required,
            tokens,
        }
    }
}

impl Token {
    pub(crate) fn new(token: view::Token, now_ms: u64) -> Self {
        Self {
            id: hex::encode(token.id()),
            is_expired: token.is_expired(now_ms),
            ending: token.ending,
            label: token.label,
            worker: token.worker,
            made_at_ms: token.made_at_ms,
            author: token.author,
            expires_at_ms: token.expires_at_ms,
        }
    }
}
