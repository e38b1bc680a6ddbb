//! What a supervisor such as systemd is told (`sd_notify(3)`). Without one, nothing.

use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// A supervisor that hears that the process lives, until this is dropped.
pub(super) struct Watched {
    beating: Option<JoinHandle<()>>,
}

/// Tells that the node serves, or waits to be added to a cluster, and from now on that it lives.
/// The beats come from the runtime that serves miners: when that hangs, they stop, and the
/// supervisor restarts the process.
pub(super) fn tell_ready() -> Watched {
    tell(&[NotifyState::Ready]);
    let beating = watchdog_enabled().map(|timeout| tokio::spawn(beat(timeout / 3)));
    Watched { beating }
}

/// Tells that the process has begun to stop.
pub(super) fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

async fn beat(interval: Duration) {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = notify(state) {
        tracing::warn!(%error, "the supervisor cannot be told how the node is");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(beating) = &self.beating {
            beating.abort();
        }
    }
}
