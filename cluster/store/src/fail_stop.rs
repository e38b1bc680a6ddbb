//! The switch that stops the store for good.

use std::sync::OnceLock;

use crate::error::StoreError;
use crate::options::OnFatal;

/// Trips on the first failure and stays so: whoever writes asks it first.
pub struct FailStop {
    reason: OnceLock<String>,
    on_fatal: OnFatal,
}

impl FailStop {
    pub(crate) fn new(on_fatal: OnFatal) -> Self {
        Self {
            reason: OnceLock::new(),
            on_fatal,
        }
    }

    /// Stops the store; only the first reason counts, and is told to the caller's `on_fatal`.
    pub fn trip(&self, reason: &str) {
        if self.reason.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the store stops for good");
            (self.on_fatal)(reason);
        }
    }

    /// The reason, once the store has stopped.
    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    /// # Errors
    /// [`StoreError::Stopped`] once the store has stopped.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.reason() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Stopped {
                reason: reason.to_owned(),
            }),
        }
    }

    /// Trips on an error, and hands it on.
    pub(crate) fn trip_on_error<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result {
            self.trip(&error.chain());
        }
        result
    }
}
