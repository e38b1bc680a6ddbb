use openraft::EntryPayload;
use openraft::alias::LeaderIdOf;
use openraft::vote::RaftLeaderId;

use super::tail::{Limits, Tail};
use crate::types::{Entry, LogId, TypeConfig};

fn entry(index: u64) -> Entry {
    let leader = LeaderIdOf::<TypeConfig>::new(1, 1).to_committed();
    Entry {
        log_id: LogId::new(leader, index),
        payload: EntryPayload::Blank,
    }
}

fn tail_of(count: u64, bytes_max: usize) -> Tail {
    let mut tail = Tail::new(0, bytes_max);
    (0..count).for_each(|index| tail.push(entry(index), 10));
    tail
}

fn indexes(tail: &Tail, range: std::ops::Range<u64>, limits: Limits) -> Vec<u64> {
    tail.copy(range, limits)
        .iter()
        .map(|entry| entry.log_id.index())
        .collect()
}

#[test]
fn tail_keeps_what_is_not_written_whatever_its_size() {
    let mut tail = tail_of(20, 50);
    assert_eq!((tail.first(), tail.bytes()), (0, 200));
    tail.written_below(10);
    assert_eq!((tail.first(), tail.bytes()), (10, 100));
    tail.written_below(20);
    assert_eq!((tail.first(), tail.bytes()), (15, 50));
    assert_eq!(indexes(&tail, 16..19, Limits::NONE), [16, 17, 18]);
}

#[test]
fn tail_truncated_pins_what_is_appended_instead() {
    let mut tail = tail_of(10, 0);
    tail.written_below(10);
    assert_eq!(tail.first(), 10);
    tail.truncate(4);
    tail.forget_written_from(4);
    tail.push(entry(4), 10);
    assert_eq!(
        (tail.first(), tail.bytes()),
        (4, 10),
        "not written yet in its new form"
    );
    tail.written_below(5);
    assert_eq!(tail.bytes(), 0);
}

#[test]
fn tail_purged_beyond_its_end_starts_anew() {
    let mut tail = tail_of(5, 1000);
    tail.purge_below(3);
    assert_eq!(indexes(&tail, 3..5, Limits::NONE), [3, 4]);
    tail.purge_below(30);
    assert_eq!((tail.first(), tail.bytes()), (30, 0));
    tail.push(entry(30), 10);
    assert_eq!(indexes(&tail, 30..31, Limits::NONE), [30]);
}

#[test]
fn tail_copies_up_to_the_limits_but_at_least_one() {
    let tail = tail_of(10, 1000);
    let limits = |entries_max, bytes_max| Limits {
        entries_max,
        bytes_max,
    };
    assert_eq!(indexes(&tail, 2..9, limits(3, 1000)), [2, 3, 4]);
    assert_eq!(indexes(&tail, 2..9, limits(100, 25)), [2, 3]);
    assert_eq!(indexes(&tail, 2..9, limits(0, 0)), [2]);
}
