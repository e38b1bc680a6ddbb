//! The closed sets of names in answers, for the document of the API. Each set comes from where the
//! names are made, so that the document cannot differ from the answers.

use raftpool_ledger::command::NetworkFeePayer;
use raftpool_ledger::reserve::ReserveLevel;
use raftpool_ledger::series::Step;
use raftpool_ledger::settings::SCHEMES;
use raftpool_ledger::view::{BlockStatus, EntryKind, PayoutStatus, entry_kind_name, scheme_name};
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, schema::SchemaType};
use utoipa::{PartialSchema, ToSchema};

use super::admin::payer_name;
use super::journal::level_name;
use super::series::step_name;
use super::worker::WorkerState;

/// Declares states that answers name and parameters ask for.
macro_rules! states {
    ($($(#[doc = $doc:literal])+ $set:ident {
        $($(#[doc = $about:literal])+ $state:ident = $name:literal,)+
    })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $set {
            $($(#[doc = $about])+ $state,)+
        }

        impl $set {
            /// The names of all.
            pub(crate) const NAMES: &[&'static str] = &[$($name),+];

            /// Its name, as answers spell it.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$state => $name,)+
                }
            }
        }
    )+};
}

states! {
    /// Where a found block stands.
    BlockState {
        /// Found; the chain may still drop it.
        Maturing = "maturing",
        /// Paid by the chain for good.
        Settled = "settled",
        /// Given up.
        Orphaned = "orphaned",
    }
    /// Where a payout stands.
    PayoutStage {
        /// Taken from balances; nothing is signed.
        Reserved = "reserved",
        /// Signed; it is being sent, or waits to be final.
        Signed = "signed",
        /// Executed by the chain for good.
        Confirmed = "confirmed",
        /// Given back before anything was signed.
        Released = "released",
        /// Given up after it was signed.
        Abandoned = "abandoned",
    }
    /// What happened to the pool that visitors should know.
    IncidentKind {
        /// Nobody is paid until payouts are resumed.
        PayoutsPaused = "payouts_paused",
        /// Payouts go on.
        PayoutsResumed = "payouts_resumed",
        /// Restored books were compared with the chain, so that payouts may be resumed.
        PayoutsReconciled = "payouts_reconciled",
        /// A payout was undone before it was signed, and its balances given back.
        PayoutRejected = "payout_rejected",
        /// A payout was given up although it was signed.
        PayoutAbandoned = "payout_abandoned",
        /// The rules of the pool were changed.
        SettingsChanged = "settings_changed",
    }
}

impl From<&BlockStatus> for BlockState {
    fn from(status: &BlockStatus) -> Self {
        match status {
            BlockStatus::Maturing => Self::Maturing,
            BlockStatus::Settled { .. } => Self::Settled,
            BlockStatus::Orphaned { .. } => Self::Orphaned,
        }
    }
}

impl From<&PayoutStatus> for PayoutStage {
    fn from(status: &PayoutStatus) -> Self {
        match status {
            PayoutStatus::Reserved => Self::Reserved,
            PayoutStatus::Signed => Self::Signed,
            PayoutStatus::Confirmed { .. } => Self::Confirmed,
            PayoutStatus::Released { .. } => Self::Released,
            PayoutStatus::Abandoned { .. } => Self::Abandoned,
        }
    }
}

/// Declares names that only the document knows as a type; answers carry them as text.
macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident: $names:expr;)*) => {$(
        $(#[doc = $doc])+
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of(concat!($($doc),+), $names)
            }
        }

        impl ToSchema for $name {}
    )*};
}

names! {
    /// A way of sharing rewards.
    SchemeName: SCHEMES.map(scheme_name);
    /// Who bears the network fee of payouts.
    FeePayer: [NetworkFeePayer::Miners, NetworkFeePayer::Pool].map(payer_name);
    /// How full the reserve is.
    ReserveLevelName: [
        ReserveLevel::Safe,
        ReserveLevel::Low,
        ReserveLevel::Exhausted,
        ReserveLevel::Stopped,
    ]
    .map(level_name);
    /// What an entry of the journal is about.
    EntryKindName: ENTRY_KINDS.map(entry_kind_name);
    /// Length of a span of time.
    StepName: Step::ALL.map(step_name);
    /// How far a node is that lets go of its work: it asks whether it may; it waits for balancers and
    /// resolvers; its miners go; or it is drained.
    DrainPhaseName: ["asking", "waiting", "leaving", "drained"];
    /// What miners speak.
    ProtocolName: ["stratum", "xatum", "getwork"];
    /// Whether miners use TLS.
    EncryptionName: ["plain", "tls", "both"];
    /// How a worker is: it works; it works at less than half of its usual speed; nothing has come of
    /// it for a quarter of an hour; or the pool takes none of its shares for the time being.
    WorkerStateName: WorkerState::ALL.map(WorkerState::name);
    /// What a node does in the cluster.
    RoleName: ["leader", "follower", "candidate", "learner", "stopped", "unreachable"];
}

const ENTRY_KINDS: [EntryKind; 12] = [
    EntryKind::BlockFound,
    EntryKind::BlockSettled,
    EntryKind::BlockDistributed,
    EntryKind::BlockOrphaned,
    EntryKind::BlockReopened,
    EntryKind::WorkPaid,
    EntryKind::PayoutReserved,
    EntryKind::PayoutConfirmed,
    EntryKind::PayoutReleased,
    EntryKind::PayoutAbandoned,
    EntryKind::PayoutReconciled,
    EntryKind::FundsMoved,
];

/// Text that is one of these.
pub(crate) fn one_of(doc: &str, names: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    let text = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .description(Some(doc.trim()))
        .enum_values(Some(names));
    RefOr::T(Schema::Object(text.build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be asked for is what answers say.
    #[test]
    fn states_have_one_name() {
        for state in [
            BlockState::Maturing,
            BlockState::Settled,
            BlockState::Orphaned,
        ] {
            assert_eq!(serde_json::json!(state), state.name());
        }
        for stage in [
            PayoutStage::Reserved,
            PayoutStage::Signed,
            PayoutStage::Confirmed,
            PayoutStage::Released,
            PayoutStage::Abandoned,
        ] {
            assert_eq!(serde_json::json!(stage), stage.name());
        }
    }
}
