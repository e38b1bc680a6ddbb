//! The finalized version of the commands.

use raftpool_proto::ledger as row;

use super::Scan;
use crate::record::load;
use crate::version::{COMMAND_VERSION, FIRST_COMMAND_VERSION};
use crate::{StateError, key};

pub(super) fn check(scan: &mut Scan<'_>) -> Result<(), StateError> {
    let record: Option<row::FinalizedVersion> = load(scan.state, &key::finalized_version())?;
    let head: row::Head = scan.load(key::head())?;
    let Some(record) = record else {
        return Ok(());
    };
    let (version, index) = (record.version, record.index);
    if version <= FIRST_COMMAND_VERSION || version > COMMAND_VERSION || index > head.index {
        scan.report(
            "L12",
            format!("version {version} was finalized at index {index}"),
        );
    }
    Ok(())
}
