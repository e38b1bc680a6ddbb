//! Books that are wrong without a word, as after a flipped bit.

use prost::Message;
use raftpool_proto::ledger as row;

use crate::record::load;
use crate::state::Overlay;
use crate::{StateError, key};

/// Changes the books so that their digest differs from now on, whatever is applied afterwards and
/// however often this is done; every record stays readable.
///
/// # Errors
/// When the state cannot be read.
pub fn spoil(state: &mut Overlay<'_>) -> Result<(), StateError> {
    let mut head: row::Head = load(&*state, &key::head())?.unwrap_or_default();
    // A hash of it, because two flips of the same bit would undo each other.
    head.digest = blake3::hash(&head.digest).as_bytes().to_vec();
    state.put(key::head(), head.encode_to_vec());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::state::MemoryState;
    use crate::testing::{change_settings, sample_settings};
    use crate::view::LedgerView;
    use crate::{EntryContext, apply, compose};

    fn digest(state: &Overlay<'_>) -> [u8; 32] {
        LedgerView::new(state).digest().unwrap()
    }

    #[test]
    fn spoiled_books_never_have_the_right_digest_again() {
        let base = MemoryState::default();
        let (mut right, mut wrong) = (Overlay::new(&base), Overlay::new(&base));
        for index in 1..10 {
            let command: Command = compose("test", index, change_settings(sample_settings()));
            let entry = EntryContext { index, term: 1 };
            apply(&mut right, entry, &command).unwrap();
            apply(&mut wrong, entry, &command).unwrap();
            if index % 3 == 0 {
                spoil(&mut wrong).unwrap();
            }
            assert_eq!(digest(&right) == digest(&wrong), index < 3, "entry {index}");
        }
    }
}
