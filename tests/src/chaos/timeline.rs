//! What happened when, printed as it happens: a failed test shows it, a passed one hides it.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The account of one run; every copy is the same.
#[derive(Debug, Clone)]
pub struct Timeline {
    started: Instant,
    violations: Arc<Mutex<Vec<String>>>,
}

impl Timeline {
    /// Begins now.
    pub fn begin() -> Self {
        Self {
            started: Instant::now(),
            violations: Arc::default(),
        }
    }

    /// Takes note of an event.
    pub fn note(&self, event: impl Display) {
        println!("[{:8.3}] {event}", self.started.elapsed().as_secs_f64());
    }

    /// Takes note of something that must not happen.
    pub fn violation(&self, what: impl Display) {
        self.note(format_args!("VIOLATION: {what}"));
        self.lock().push(what.to_string());
    }

    /// Everything that must not happen and did.
    pub fn violations(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
