//! Tokens of addresses, and whom they let in.

use raftpool_proto::ledger as row;

use super::{LedgerView, Result};
use crate::key;
use crate::record::{hash, page, text};
use crate::state::Direction;
use crate::tokens::{TOKEN_ID_BYTES, token_id};

/// A token, as far as anybody but its owner knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is known by.
    pub hash: [u8; 32],
    /// Its last characters.
    pub ending: String,
    /// What it is for.
    pub label: String,
    /// The only worker it lets in; none: every worker of the address.
    pub worker: Option<String>,
    /// When it ends; none: never.
    pub expires_at_ms: Option<u64>,
    /// Ledger time it was made at.
    pub made_at_ms: u64,
    /// Who made it.
    pub author: String,
}

impl Token {
    /// What it is called by.
    pub fn id(&self) -> [u8; TOKEN_ID_BYTES] {
        token_id(&self.hash)
    }

    /// Whether it has ended at this time.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_some_and(|end_ms| end_ms <= now_ms)
    }
}

/// What holds for the tokens of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRule {
    /// The address.
    pub address: String,
    /// Whether nobody is let in without one.
    pub is_required: bool,
    /// How many there are, those that have ended included.
    pub tokens: u64,
}

/// Everything that decides whether somebody may mine to one address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gate {
    /// Whether nobody is let in without a token.
    pub is_required: bool,
    /// The tokens, in order of id.
    pub tokens: Vec<Token>,
}

/// How somebody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// No token is required and none was given.
    Open,
    /// The token was good.
    ByToken {
        /// When it ends; none: never.
        expires_at_ms: Option<u64>,
    },
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// A token is required, and none was given.
    #[error("this address requires a token: give one of its tokens as the password")]
    Missing,
    /// The address has no such token, or has it no longer.
    #[error("this address has no such token: it is mistyped, of another address, or revoked")]
    Unknown,
    /// The token has ended.
    #[error("the token has expired")]
    Expired,
    /// The token is good for another worker only.
    #[error("the token is for the worker \"{0}\" only")]
    OtherWorker(String),
}

impl TokenProblem {
    /// Its name in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::OtherWorker(_) => "other_worker",
        }
    }
}

impl Gate {
    /// Decides about a worker who gave the token with this hash, or none.
    ///
    /// A token that is given must be good, also where none is required: whoever has revoked one
    /// means that it opens nothing any more.
    ///
    /// # Errors
    /// Why the worker is not let in.
    pub fn admit(
        &self,
        worker: &str,
        token_hash: Option<&[u8; 32]>,
        now_ms: u64,
    ) -> std::result::Result<Admission, TokenProblem> {
        let Some(given) = token_hash else {
            return match self.is_required {
                true => Err(TokenProblem::Missing),
                false => Ok(Admission::Open),
            };
        };
        let token = self.find(given).ok_or(TokenProblem::Unknown)?;
        if token.is_expired(now_ms) {
            return Err(TokenProblem::Expired);
        }
        match &token.worker {
            Some(only) if only != worker => Err(TokenProblem::OtherWorker(only.clone())),
            _ => Ok(Admission::ByToken {
                expires_at_ms: token.expires_at_ms,
            }),
        }
    }

    /// Looks at all tokens and at all of their bytes, whatever they are, so that the time it takes
    /// says nothing about how close a guess was.
    fn find(&self, given: &[u8; 32]) -> Option<&Token> {
        let given = blake3::Hash::from_bytes(*given);
        let mut found = None;
        for token in &self.tokens {
            if blake3::Hash::from_bytes(token.hash) == given {
                found = Some(token);
            }
        }
        found
    }
}

/// Tokens. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// What decides about mining to an address. An address that has never had to do with tokens
    /// has an open gate.
    pub fn gate(&self, address: &str) -> Result<Gate> {
        let Some(rule) = self.load::<row::TokenRule>(key::token_rule(address))? else {
            return Ok(Gate::default());
        };
        let tokens = page(
            self.state,
            key::tokens_of(address),
            Direction::Ascending,
            usize::MAX,
            |_, token| read_token(token),
        )?;
        Ok(Gate {
            is_required: rule.is_required,
            tokens,
        })
    }

    /// Addresses that have tokens or require one, in order of address, after `after`.
    pub fn token_rules(&self, after: Option<&str>, limit: usize) -> Result<Vec<TokenRule>> {
        page(
            self.state,
            key::token_rules_after(after),
            Direction::Ascending,
            limit,
            |key, rule: row::TokenRule| {
                Ok(TokenRule {
                    address: text(key::text_after_kind(key))?,
                    is_required: rule.is_required,
                    tokens: rule.tokens,
                })
            },
        )
    }

    /// Log index of the newest change of any token or requirement; 0 when there was none.
    pub fn tokens_changed_index(&self) -> Result<u64> {
        let head: Option<row::TokensHead> = self.load(key::tokens_head())?;
        Ok(head.unwrap_or_default().changed_index)
    }
}

fn read_token(token: row::Token) -> Result<Token> {
    Ok(Token {
        hash: hash(&token.hash)?,
        ending: token.ending,
        label: token.label,
        worker: (!token.worker.is_empty()).then_some(token.worker),
        expires_at_ms: (token.expires_at_ms > 0).then_some(token.expires_at_ms),
        made_at_ms: token.made_at_ms,
        author: token.author,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u8, worker: Option<&str>, expires_at_ms: Option<u64>) -> Token {
        Token {
            hash: [number; 32],
            ending: String::new(),
            label: String::new(),
            worker: worker.map(str::to_owned),
            expires_at_ms,
            made_at_ms: 1,
            author: "test".into(),
        }
    }

    #[test]
    fn a_gate_opens_to_good_tokens_only() {
        let mut gate = Gate {
            is_required: true,
            tokens: vec![
                token(1, None, None),
                token(2, Some("rig"), None),
                token(3, None, Some(100)),
            ],
        };
        let forever = Ok(Admission::ByToken {
            expires_at_ms: None,
        });
        assert_eq!(gate.admit("rig", None, 0), Err(TokenProblem::Missing));
        assert_eq!(gate.admit("rig", Some(&[1; 32]), 0), forever);
        assert_eq!(
            gate.admit("rig", Some(&[9; 32]), 0),
            Err(TokenProblem::Unknown)
        );
        let mut nearly = [1; 32];
        nearly[31] = 0;
        assert_eq!(
            gate.admit("rig", Some(&nearly), 0),
            Err(TokenProblem::Unknown)
        );
        assert_eq!(gate.admit("rig", Some(&[2; 32]), 0), forever);
        assert_eq!(
            gate.admit("other", Some(&[2; 32]), 0),
            Err(TokenProblem::OtherWorker("rig".into()))
        );
        let until = Ok(Admission::ByToken {
            expires_at_ms: Some(100),
        });
        assert_eq!(gate.admit("rig", Some(&[3; 32]), 99), until);
        assert_eq!(
            gate.admit("rig", Some(&[3; 32]), 100),
            Err(TokenProblem::Expired)
        );
        gate.is_required = false;
        assert_eq!(gate.admit("rig", None, 0), Ok(Admission::Open));
        assert_eq!(
            gate.admit("rig", Some(&[9; 32]), 0),
            Err(TokenProblem::Unknown),
            "what is given must be good"
        );
    }
}
