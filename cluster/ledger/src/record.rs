//! Reading and writing typed records of a key-value state.

use std::ops::ControlFlow;

use prost::Message;
use raftpool_proto::ledger as row;

use crate::command::Settings;
use crate::key::KeyRange;
use crate::state::Direction;
use crate::{StateError, StateRead};

/// A message that is kept under a key.
pub(crate) trait Record: Message + Default {
    /// What errors call it.
    const NAME: &'static str;
}

macro_rules! records {
    ($($record:ty => $name:literal,)*) => {
        $(impl Record for $record { const NAME: &'static str = $name; })*
    };
}

records! {
    Settings => "settings",
    row::Head => "head",
    row::Accounts => "accounts",
    row::Totals => "totals",
    row::Window => "window",
    row::WindowEntry => "window entry",
    row::Score => "score",
    row::Weights => "weights",
    row::MinerNumber => "miner number",
    row::JournalEntry => "journal entry",
    row::JournalLine => "journal line",
    row::PaidHour => "paid hour",
    row::Reserve => "reserve",
    row::ReserveIncomes => "reserve incomes",
    row::Node => "node",
    row::Miner => "miner",
    row::Worker => "worker",
    row::Span => "span",
    row::Block => "block",
    row::NetworkFees => "network fees",
    row::NetworkSample => "network sample",
    row::StrayBlocks => "stray blocks",
    row::StrayBlock => "stray block",
    row::PayoutHead => "payout head",
    row::Payout => "payout",
    row::Variant => "variant",
    row::Pause => "pause",
    row::Reference => "reference",
    row::Audit => "audit",
    row::FinalizedVersion => "finalized version",
    row::Token => "token",
    row::TokenRule => "token rule",
    row::TokensHead => "tokens head",
    row::Bans => "bans",
    row::Ban => "ban",
    row::Hold => "hold",
    row::MinerPreferences => "miner preferences",
    row::Owner => "owner",
    row::OwnLabel => "label",
}

pub(crate) fn decode<R: Record>(bytes: &[u8]) -> Result<R, StateError> {
    R::decode(bytes).map_err(|source| StateError::Decode {
        record: R::NAME,
        source: source.into(),
    })
}

pub(crate) fn load<R: Record>(state: &dyn StateRead, key: &[u8]) -> Result<Option<R>, StateError> {
    state.get(key)?.map(|bytes| decode(&bytes)).transpose()
}

/// Visits the records of a range until `visit` fails or breaks.
pub(crate) fn each<R: Record>(
    state: &dyn StateRead,
    (start, end): KeyRange,
    direction: Direction,
    mut visit: impl FnMut(&[u8], R) -> Result<ControlFlow<()>, StateError>,
) -> Result<(), StateError> {
    let mut failure = None;
    state.scan(
        &start,
        &end,
        direction,
        &mut |key, value| match decode(value).and_then(|record| visit(key, record)) {
            Ok(flow) => flow,
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    failure.map_or(Ok(()), Err)
}

/// How many keys a range has.
pub(crate) fn count(state: &dyn StateRead, (start, end): KeyRange) -> Result<u64, StateError> {
    let mut count = 0;
    state.scan(&start, &end, Direction::Ascending, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}

/// Collects up to `limit` results of a range.
pub(crate) fn page<R: Record, T>(
    state: &dyn StateRead,
    range: KeyRange,
    direction: Direction,
    limit: usize,
    mut read: impl FnMut(&[u8], R) -> Result<T, StateError>,
) -> Result<Vec<T>, StateError> {
    let mut page = Vec::new();
    if limit == 0 {
        return Ok(page);
    }
    each(state, range, direction, |key, record| {
        page.push(read(key, record)?);
        Ok(if page.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })?;
    Ok(page)
}

/// A 128-bit number out of a record.
pub(crate) fn wide(bytes: &[u8]) -> Result<u128, StateError> {
    match bytes {
        [] => Ok(0),
        bytes => bytes
            .try_into()
            .map(u128::from_be_bytes)
            .map_err(|_| damaged("128-bit number")),
    }
}

/// A 128-bit number for a record.
pub(crate) fn wide_bytes(number: u128) -> Vec<u8> {
    if number == 0 {
        Vec::new()
    } else {
        number.to_be_bytes().to_vec()
    }
}

/// A hash out of a record.
pub(crate) fn hash(bytes: &[u8]) -> Result<[u8; 32], StateError> {
    bytes.try_into().map_err(|_| damaged("hash"))
}

/// A name out of a key.
pub(crate) fn text(bytes: &[u8]) -> Result<String, StateError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(source) => Err(StateError::Decode {
            record: "name",
            source: source.into(),
        }),
    }
}

/// A record or key that this program cannot have written.
pub(crate) fn damaged(record: &'static str) -> StateError {
    StateError::Decode {
        record,
        source: "not in the form this program writes".into(),
    }
}
