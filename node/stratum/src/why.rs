//! Kinds of refusals, for the metric and the log.

/// What kind of refusal it is: the label of a metric, and what the log says first. Shares have
/// reasons of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Why {
    #[default]
    Other,
    /// The address is none, or none of this network.
    Address,
    /// The user name, the worker's or another part of a login is none.
    Login,
    Scheme,
    Token,
    Banned,
    Shed,
    /// The pool is not set up, or cannot read its books.
    Unavailable,
    /// Authorized already, for something else.
    Again,
    Algorithm,
    /// A line or message that means nothing.
    Malformed,
    /// Something else came where the miner has to say who it is.
    Handshake,
    /// Too many requests without being authorized.
    TooMany,
}

impl Why {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Address => "address",
            Self::Login => "login",
            Self::Scheme => "scheme",
            Self::Token => "token",
            Self::Banned => "banned",
            Self::Shed => "shed",
            Self::Unavailable => "unavailable",
            Self::Again => "again",
            Self::Algorithm => "algorithm",
            Self::Malformed => "malformed",
            Self::Handshake => "handshake",
            Self::TooMany => "too_many",
        }
    }
}
