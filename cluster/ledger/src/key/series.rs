//! Keys of work over time: by owner, length of the span, and its number since the Unix epoch.

use super::{Key, KeyRange, SPAN, kind, number_at, under, with_measured_text, with_number};
use crate::series::{Owner, Step};

fn spans_of(owner: Owner<'_>, step: Step) -> Key {
    let mut key = kind(SPAN);
    let mut key = match owner {
        Owner::Pool => {
            key.push(0);
            key
        }
        Owner::Miner(number) => {
            key.push(1);
            with_number(key, number)
        }
        Owner::Worker(number, name) => {
            key.push(2);
            with_measured_text(with_number(key, number), name)
        }
    };
    key.push(match step {
        Step::TenMinutes => 0,
        Step::Hour => 1,
        Step::Day => 2,
    });
    key
}

pub(crate) fn span(owner: Owner<'_>, step: Step, number: u64) -> Key {
    with_number(spans_of(owner, step), number)
}

/// Spans of an owner from the one of this number on.
pub(crate) fn spans_from(owner: Owner<'_>, step: Step, number: u64) -> KeyRange {
    (span(owner, step, number), under(spans_of(owner, step)).1)
}

/// Spans of an owner before the one of this number.
pub(crate) fn spans_before(owner: Owner<'_>, step: Step, number: u64) -> KeyRange {
    (spans_of(owner, step), span(owner, step, number))
}

/// Spans of everybody.
pub(crate) fn spans() -> KeyRange {
    under(kind(SPAN))
}

/// The number in a span's key.
pub(crate) fn number_of_span(key: &[u8]) -> Option<u64> {
    number_at(key, key.len().checked_sub(8)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_one_owner_are_no_other_ones() {
        let owners = [
            Owner::Pool,
            Owner::Miner(1),
            Owner::Miner(256),
            Owner::Worker(1, ""),
            Owner::Worker(1, "a"),
            Owner::Worker(1, "ab"),
        ];
        for (place, owner) in owners.into_iter().enumerate() {
            for step in Step::ALL {
                let key = span(owner, step, 7);
                assert_eq!(number_of_span(&key), Some(7));
                for (other_place, other) in owners.into_iter().enumerate() {
                    for other_step in Step::ALL {
                        let (start, end) = spans_from(other, other_step, 7);
                        let is_same = place == other_place && step == other_step;
                        assert_eq!((start..end).contains(&key), is_same);
                        let (start, end) = spans_before(other, other_step, 7);
                        assert!(!(start..end).contains(&key));
                    }
                }
            }
        }
    }
}
