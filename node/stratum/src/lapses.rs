//! How many lines or messages that mean nothing are borne from one connection.
//!
//! Rare ones are forgiven with time: a connection may live for weeks, and a proxy that sends a
//! broken line now and then is not worth closing with all its miners.

use std::time::Duration;

use tokio::time::Instant;

/// How long it takes until one is forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// What one connection has sent that means nothing.
#[derive(Debug, Default)]
pub(crate) struct Lapses {
    /// When all are forgiven; `None`: there was none.
    forgiven_at: Option<Instant>,
}

impl Lapses {
    /// Notes one more; whether they are `max` now, so that it is the last.
    pub(crate) fn note(&mut self, max: u32) -> bool {
        let now = Instant::now();
        let since = self.forgiven_at.map_or(now, |at| at.max(now));
        let forgiven_at = since + FORGIVEN_AFTER;
        self.forgiven_at = Some(forgiven_at);
        forgiven_at > now + FORGIVEN_AFTER * max.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_lapses_at_once_are_too_many_and_rare_ones_are_forgiven() {
        let mut lapses = Lapses::default();
        let noted: Vec<_> = (0..8).map(|_| lapses.note(8)).collect();
        assert_eq!(noted, [[false; 7].as_slice(), &[true]].concat());

        let mut lapses = Lapses::default();
        for number in 0..100 {
            assert!(!lapses.note(8), "{number}");
            tokio::time::advance(FORGIVEN_AFTER).await;
        }
        for _ in 0..7 {
            assert!(!lapses.note(8));
        }
        tokio::time::advance(FORGIVEN_AFTER / 2).await;
        assert!(lapses.note(8), "half of one is not forgiven yet");
        assert!(Lapses::default().note(1) && Lapses::default().note(0));
    }
}
