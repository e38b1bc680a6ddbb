//! When to stop: Ctrl-C, SIGTERM, or the end of whoever started us.

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// Waits until the process is asked to stop, and says by what.
pub(super) async fn requested(on_stdin_close: bool) -> anyhow::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "interrupt",
        () = stdin_closed(), if on_stdin_close => "standard input closed",
    })
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 256];
    while matches!(stdin.read(&mut ignored).await, Ok(count) if count > 0) {}
}
