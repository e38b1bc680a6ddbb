//! When to stop: Ctrl-C, SIGTERM, or the end of whoever started us.

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What can ask the process to stop.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    on_stdin_close: bool,
}

/// How it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// By a signal: there is time to let go of things.
    BySignal(&'static str),
    /// Whoever started it is gone, or wants it to end now.
    StdinClosed,
}

impl Stop {
    /// From now on no signal is lost, and none ends the process by itself.
    pub(super) fn listen(on_stdin_close: bool) -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listen for SIGINT")?,
            on_stdin_close,
        })
    }

    /// Waits until the process is asked to stop, once more with each call.
    pub(super) async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::BySignal("SIGTERM"),
            _ = self.interrupt.recv() => Asked::BySignal("interrupt"),
            () = stdin_closed(), if self.on_stdin_close => Asked::StdinClosed,
        }
    }
}

/// Waits until the process is asked to stop, and says by what.
pub(super) async fn requested(on_stdin_close: bool) -> anyhow::Result<&'static str> {
    Ok(match Stop::listen(on_stdin_close)?.asked().await {
        Asked::BySignal(name) => name,
        Asked::StdinClosed => "standard input closed",
    })
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 256];
    while matches!(stdin.read(&mut ignored).await, Ok(count) if count > 0) {}
}
