//! Who did what when, and whether there is an order that explains it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use porcupine_rs::{CheckResult, Model, Operation, check_operations_timeout};

/// The search may take long for histories that have no explanation.
const CHECK_TIMEOUT: Duration = Duration::from_secs(60);

/// What a client did, with what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Set the register.
    Write(u32),
    /// Saw this value.
    Read(u32),
}

/// A single register, unknown until it is written.
#[derive(Debug, Clone)]
struct Register;

impl Model for Register {
    type State = Option<u32>;
    type Op = Action;
    type Metadata = ();

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, action: &Action) -> (bool, Self::State) {
        match action {
            Action::Write(value) => (true, Some(*value)),
            Action::Read(value) => (*state == Some(*value), *state),
        }
    }
}

/// What the checker found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains all answers.
    Linearizable,
    /// There is none; the history in words.
    Violated(String),
    /// The search took too long.
    Undecided,
}

/// What all clients did; every copy is the same.
#[derive(Debug, Clone)]
pub struct History {
    started: Instant,
    operations: Arc<Mutex<Vec<Operation<Register>>>>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            operations: Arc::default(),
        }
    }
}

impl History {
    /// The present moment.
    pub fn now(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }

    /// Takes note of something that a client began at `call_time` and that is known to have
    /// happened by now.
    pub fn done(&self, client_id: u32, call_time: i64, action: Action) {
        self.push(client_id, call_time, self.now(), action);
    }

    /// Takes note of something that may happen at any time from `call_time` on, or never.
    pub fn unknown(&self, client_id: u32, call_time: i64, action: Action) {
        self.push(client_id, call_time, i64::MAX, action);
    }

    fn push(&self, client_id: u32, call_time: i64, return_time: i64, op: Action) {
        self.lock().push(Operation {
            client_id: Some(client_id),
            call_time,
            return_time,
            op,
            metadata: None,
        });
    }

    /// How many operations there are: reads, writes, and writes with an unknown end.
    pub fn counts(&self) -> (usize, usize, usize) {
        let operations = self.lock();
        let count = |wanted: fn(&Operation<Register>) -> bool| {
            operations
                .iter()
                .filter(|operation| wanted(operation))
                .count()
        };
        (
            count(|operation| matches!(operation.op, Action::Read(_))),
            count(|operation| matches!(operation.op, Action::Write(_))),
            count(|operation| operation.return_time == i64::MAX),
        )
    }

    /// Looks for an order that explains everything. This takes a while: not for a runtime's
    /// threads.
    pub fn check(&self) -> Verdict {
        let operations = self.lock().clone();
        match check_operations_timeout(&operations, CHECK_TIMEOUT) {
            CheckResult::Ok => Verdict::Linearizable,
            CheckResult::Illegal => Verdict::Violated(self.in_words()),
            CheckResult::Unknown => Verdict::Undecided,
        }
    }

    fn in_words(&self) -> String {
        let mut operations = self.lock().clone();
        operations.sort_by_key(|operation| operation.call_time);
        let seconds = |time: i64| match time {
            i64::MAX => "?".to_owned(),
            time => format!("{:.6}", time as f64 / 1e9),
        };
        let line = |operation: &Operation<Register>| {
            let (call, end) = (seconds(operation.call_time), seconds(operation.return_time));
            let client = operation.client_id.unwrap_or_default();
            format!("{call} to {end} client {client} {:?}", operation.op)
        };
        operations.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Operation<Register>>> {
        self.operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(operations: &[(i64, i64, Action)]) -> History {
        let history = History::default();
        for (client, (call, end, action)) in (0..).zip(operations) {
            history.push(client, *call, *end, *action);
        }
        history
    }

    #[test]
    fn a_read_of_an_overwritten_value_is_a_violation() {
        let stale = history(&[
            (0, 1, Action::Write(1)),
            (2, 3, Action::Write(2)),
            (4, 5, Action::Read(1)),
        ]);
        assert!(matches!(stale.check(), Verdict::Violated(_)));
        let current = history(&[
            (0, 1, Action::Write(1)),
            (2, 5, Action::Write(2)),
            (4, 5, Action::Read(1)),
        ]);
        assert_eq!(current.check(), Verdict::Linearizable);
    }

    #[test]
    fn a_write_with_an_unknown_end_may_take_effect_late_or_never_but_not_twice() {
        let open = (2, i64::MAX, Action::Write(2));
        let late = history(&[
            (0, 1, Action::Write(1)),
            open,
            (4, 5, Action::Read(1)),
            (6, 7, Action::Read(2)),
        ]);
        assert_eq!(late.check(), Verdict::Linearizable);
        let never = history(&[(0, 1, Action::Write(1)), open, (4, 5, Action::Read(1))]);
        assert_eq!(never.check(), Verdict::Linearizable);
        let twice = history(&[
            (0, 1, Action::Write(1)),
            open,
            (4, 5, Action::Read(2)),
            (6, 7, Action::Write(3)),
            (8, 9, Action::Read(2)),
        ]);
        assert!(matches!(twice.check(), Verdict::Violated(_)));
    }

    #[test]
    fn a_value_that_nobody_wrote_is_a_violation() {
        let invented = history(&[(0, 1, Action::Write(1)), (2, 3, Action::Read(9))]);
        assert!(matches!(invented.check(), Verdict::Violated(_)));
    }

    #[test]
    fn hundreds_of_operations_with_many_unknown_ends_are_decided_soon() {
        let history = History::default();
        let mut time = 0;
        for value in 0..200_u32 {
            time += 10;
            match value % 8 {
                7 => history.push(1, time, i64::MAX, Action::Write(value)),
                _ => history.push(1, time, time + 5, Action::Write(value)),
            }
            let last = if value % 8 == 7 { value - 1 } else { value };
            history.push(2, time + 6, time + 8, Action::Read(last));
        }
        assert_eq!(history.counts(), (200, 200, 25));
        assert_eq!(history.check(), Verdict::Linearizable);
    }
}
