//! Waiting for a condition with a deadline: tests never sleep for a guessed time.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks `probe` until it answers `Ok(Some(value))`; its last answer is part of the time-out error.
///
/// # Errors
/// When the deadline passes.
pub async fn until<T, F>(what: &str, deadline: Duration, mut probe: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        let answer = probe().await;
        match answer {
            Ok(Some(value)) => return Ok(value),
            other if start.elapsed() > deadline => {
                bail!(
                    "{what}: not within {deadline:?}; last answer: {}",
                    describe(&other)
                )
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn describe<T>(answer: &Result<Option<T>>) -> String {
    match answer {
        Ok(_) => "not yet".into(),
        Err(error) => describe_error(error),
    }
}

fn describe_error(error: &(impl Debug + ?Sized)) -> String {
    format!("{error:?}")
}
