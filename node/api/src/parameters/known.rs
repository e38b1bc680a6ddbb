//! Every parameter of the public paths, once: the names that a path accepts and what the document
//! says of them are the same constants.

use raftpool_ledger::series::Step;
use raftpool_ledger::settings::ADDRESS_BYTES_MAX;
use raftpool_ledger::view::{account_name, accounts};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Object, Required};

use super::{CURSOR_LENGTH_MAX, LIMIT_DEFAULT, LIMIT_MAX};
use crate::dto::names::{BlockState, IncidentKind, PayoutStage};
use crate::dto::series::step_name;

/// A parameter of a path or of its query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it means.
    pub(crate) description: &'static str,
    /// What it may be.
    pub(crate) form: Form,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// A whole number that 64 bits hold.
    Number,
    /// How many rows a page may have.
    Limit,
    /// Where a page begins, or a name: text of bounded length.
    Text,
    /// A name in the ledger, which may be empty.
    Name,
    /// An account of the books.
    Account,
    /// A length of the spans of a series.
    Step,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An address as miners give it.
    Address,
    /// 64 hex digits.
    Hash,
    /// 16 hex digits.
    TokenId,
    /// A place in the journal.
    Place,
}

const fn known(name: &'static str, form: Form, description: &'static str) -> Known {
    Known {
        name,
        description,
        form,
    }
}

/// Every path knows this one.
pub(crate) const MIN_INDEX: Known = known(
    "min_index",
    Form::Number,
    "The answer must not be older than this log index; the node waits a moment for it, and answers \
     503 `index_not_reached` when it does not come.",
);
const AFTER: Known = known(
    "after",
    Form::Text,
    "Go on after this row: what `next_after` said.",
);
const AFTER_ENTRY: Known = known(
    "after",
    Form::Place,
    "Go on after this entry: what `next_after` said.",
);
const AFTER_NUMBER: Known = known(
    "after",
    Form::Number,
    "Go on after this row: what `next_after` said.",
);
const BEFORE: Known = known(
    "before",
    Form::Number,
    "Go on before this row: what `next_before` said.",
);
const LIMIT: Known = known("limit", Form::Limit, "Most rows of the page.");
const AMOUNT: Known = known(
    "amount_atomic",
    Form::Number,
    "The amount to reckon with, in atomic units.",
);
const STEP: Known = known(
    "step",
    Form::Step,
    "Length of the spans; `hour` if not given.",
);
const SINCE_MS: Known = known(
    "since_ms",
    Form::Number,
    "Nothing older, in milliseconds since the Unix epoch.",
);
const BEFORE_MS: Known = known(
    "before_ms",
    Form::Number,
    "Only what is older, in milliseconds since the Unix epoch.",
);

/// What miners are ordered by.
pub(crate) const RANKINGS: [&str; 3] = ["hashrate", "window", "paid"];

/// Declares what a path takes, as a type for the document and as constants for the handler.
macro_rules! takes {
    ($(#[doc = $doc:literal] $name:ident in $place:ident: $($known:expr),*;)*) => {$(
        #[doc = $doc]
        pub(crate) enum $name {}

        impl $name {
            const KNOWN: &[Known] = &[$($known),*];
            takes!(@names_in $place: $($known),*);
        }

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                Self::KNOWN.iter().map(|known| known.document(ParameterIn::$place)).collect()
            }
        }
    )*};
    (@names_in Path: $($known:expr),*) => {};
    (@names_in Query: $($known:expr),*) => {
        /// Names of what it takes.
        pub(crate) const NAMES: &[&str] = &[$($known.name),*];
    };
}

takes! {
    /// A page of a list by name.
    ByName in Query: AFTER, LIMIT;
    /// A page of a list back in time.
    BackInTime in Query: BEFORE, LIMIT;
    /// A page of blocks.
    BlocksPage in Query:
        known("status", Form::OneOf(BlockState::NAMES), "Only blocks that stand there."),
        known("miner", Form::Address, "Only blocks that this miner found."),
        BEFORE, LIMIT;
    /// A page of payouts.
    PayoutsPage in Query:
        known("status", Form::OneOf(PayoutStage::NAMES), "Only payouts that stand there."),
        BEFORE, LIMIT;
    /// A page of incidents.
    IncidentsPage in Query:
        known("what", Form::OneOf(IncidentKind::NAMES), "Only what is of this kind."),
        BEFORE, LIMIT;
    /// The first miners of an order.
    Ranking in Query:
        known("by", Form::OneOf(&RANKINGS), "What they are ordered by; `hashrate` if not given."),
        LIMIT;
    /// What a stream of events is about, and where it goes on.
    Stream in Query:
        known("topics", Form::Text, "One or more of `pool`, `blocks`, `payouts`, `nodes` and \
            `miner:<address>` (four miners at most), with commas between them; `pool,blocks,payouts` \
            if not given."),
        known("last_event_id", Form::Number, "Id of the newest event that was read, from any node; \
            the header `Last-Event-ID` counts more.");
    /// A page of the parts of a block, or of one that would be found now.
    Parts in Query: AMOUNT, AFTER_NUMBER, LIMIT;
    /// A page of the miners' parts of a block.
    Shares in Query: AMOUNT, AFTER, LIMIT;
    /// A stretch of a series.
    Stretch in Query: STEP, SINCE_MS, BEFORE_MS;
    /// A stretch of a miner's series.
    MinersStretch in Query: known("worker", Form::Name, "Only this worker."), STEP, SINCE_MS, BEFORE_MS;
    /// A page of the journal.
    JournalPage in Query:
        known("block", Form::Number, "Only entries about the block of this number."),
        known("payout", Form::Number, "Only entries about this payout."),
        known("account", Form::Account, "Only entries that change this account."),
        SINCE_MS, AFTER_ENTRY, LIMIT;
    /// One miner.
    OfMiner in Path: known("address", Form::Address, "The miner's address.");
    /// One block.
    OfBlock in Path: known("hash", Form::Hash, "The block's hash.");
    /// One worker.
    OfWorker in Path: known("address", Form::Address, "The miner's address."),
        known("worker", Form::Name, "The worker's name.");
    /// One token.
    OfToken in Path: known("address", Form::Address, "The miner's address."),
        known("id", Form::TokenId, "The token's id: 16 hex digits.");
    /// One payout.
    OfPayout in Path: known("id", Form::Number, "The payout's id.");
}

impl Known {
    /// What the document says of it.
    pub(crate) fn document(&self, place: ParameterIn) -> Parameter {
        let required = match place {
            ParameterIn::Path => Required::True,
            _ => Required::False,
        };
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(place)
            .required(required)
            .description(Some(self.description))
            .schema(Some(self.form.schema()))
            .build()
    }
}

impl Form {
    fn schema(self) -> Object {
        let number = || {
            ObjectBuilder::new()
                .schema_type(SchemaType::new(Type::Integer))
                // Without a sign, and more than the largest number that has one.
                .format(Some(SchemaFormat::Custom("uint64".into())))
        };
        let text = || ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        let schema = match self {
            Self::Number => number().minimum(Some(0)).maximum(Some(usize::MAX)),
            Self::Limit => number()
                .minimum(Some(1))
                .maximum(Some(LIMIT_MAX))
                .default(Some(LIMIT_DEFAULT.into())),
            Self::Text => text()
                .min_length(Some(1))
                .max_length(Some(CURSOR_LENGTH_MAX)),
            Self::Name => text().max_length(Some(CURSOR_LENGTH_MAX)),
            Self::Account => text().enum_values(Some(accounts().map(account_name))),
            Self::Step => text().enum_values(Some(Step::ALL.map(step_name))),
            Self::OneOf(words) => text().enum_values(Some(words.iter().copied())),
            Self::Address => text()
                .pattern(Some("^[0-9A-Za-z:]+$"))
                .max_length(Some(ADDRESS_BYTES_MAX)),
            Self::Hash => text().pattern(Some("^[0-9A-Fa-f]{64}$")),
            Self::TokenId => text().pattern(Some("^[0-9A-Fa-f]{16}$")),
            Self::Place => text()
                .pattern(Some("^[0-9]{1,19}-[0-9]{1,2}$"))
                .max_length(Some(CURSOR_LENGTH_MAX)),
        };
        schema.build()
    }
}
