//! The daemon's events over WebSocket, used as hints that the chain moved.
//!
//! Events get lost when a connection breaks, and a daemon may be slow to send them. So nothing is
//! decided by them: they only say when it is worth asking.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{sync::Notify, time};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};
use tracing::{debug, info};

/// Events after which there is something new to mine on.
const EVENTS: [&str; 2] = ["new_block_template", "new_block"];
/// Far above any event.
const MESSAGE_SIZE_MAX: usize = 4 * 1024 * 1024;
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// The daemon pings every 5 seconds; so much silence means that the connection is dead.
const SILENCE_MAX: Duration = Duration::from_secs(20);
const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(250);
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(10);

/// What the connections tell.
#[derive(Default)]
pub(crate) struct Hints {
    /// Something may have changed.
    pub(crate) changed: Notify,
    connected: AtomicUsize,
}

impl Hints {
    /// Whether a change would be noticed without asking for it.
    pub(crate) fn is_any_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed) > 0
    }
}

/// Counts a connection for as long as it lives, also when its task is cut off.
struct Connected<'a>(&'a Hints);

impl<'a> Connected<'a> {
    fn new(hints: &'a Hints) -> Self {
        hints.connected.fetch_add(1, Ordering::Relaxed);
        // What happened before the connection is worth asking for, too.
        hints.changed.notify_one();
        Self(hints)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Follows one daemon's events, connecting again and again.
pub(crate) async fn follow(url: String, hints: Arc<Hints>) {
    let mut delay = RECONNECT_DELAY_MIN;
    loop {
        match listen(&url, &hints, &mut delay).await {
            Ok(()) => info!(%url, "the daemon closed the event connection"),
            Err(error) => debug!(%url, %error, "no event connection to the daemon"),
        }
        time::sleep(delay).await;
        delay = (delay * 2).min(RECONNECT_DELAY_MAX);
    }
}

/// Why a connection ended or never was.
#[derive(Debug, thiserror::Error)]
enum EventsError {
    #[error("no connection within {} seconds", CONNECT_DEADLINE.as_secs())]
    ConnectTimedOut,
    #[error("nothing was received for {} seconds", SILENCE_MAX.as_secs())]
    Silence,
    #[error(transparent)]
    WebSocket(#[from] tungstenite::Error),
}

async fn listen(url: &str, hints: &Hints, delay: &mut Duration) -> Result<(), EventsError> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_SIZE_MAX))
        .max_frame_size(Some(MESSAGE_SIZE_MAX));
    let connecting = connect_async_with_config(url, Some(config), true);
    let (mut socket, _) = time::timeout(CONNECT_DEADLINE, connecting)
        .await
        .map_err(|_| EventsError::ConnectTimedOut)??;
    for (id, event) in EVENTS.iter().enumerate() {
        let params = json!({"notify": event});
        let request =
            json!({"jsonrpc": "2.0", "id": id + 1, "method": "subscribe", "params": params});
        socket.send(Message::text(request.to_string())).await?;
    }
    info!(%url, "following the daemon's events");
    let _connected = Connected::new(hints);
    loop {
        // Reading also answers the daemon's pings.
        let next = time::timeout(SILENCE_MAX, socket.next()).await;
        match next.map_err(|_| EventsError::Silence)? {
            None => return Ok(()),
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(Message::Close(_))) => return Ok(()),
            Some(Ok(Message::Text(text))) => {
                *delay = RECONNECT_DELAY_MIN;
                if is_event(&text) {
                    hints.changed.notify_one();
                }
            }
            Some(Ok(_)) => {}
        }
    }
}

/// Notifications carry the name of their event; answers to the subscriptions do not.
fn is_event(text: &str) -> bool {
    let message: Result<Value, _> = serde_json::from_str(text);
    message.is_ok_and(|message| {
        message["result"]["event"]
            .as_str()
            .is_some_and(|event| EVENTS.contains(&event))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_events_are_hints_and_answers_are_not() -> anyhow::Result<()> {
        let mut hints = 0;
        for line in include_str!("../testdata/daemon-events.jsonl").lines() {
            let recorded: Value = serde_json::from_str(line)?;
            if recorded["dir"] != "server->client" {
                continue;
            }
            let expected = recorded["msg"]["result"]["event"] == "new_block_template"
                || recorded["msg"]["result"]["event"] == "new_block";
            assert_eq!(is_event(&recorded["msg"].to_string()), expected);
            hints += usize::from(expected);
        }
        assert!(hints > 10);
        for text in [
            "",
            "{}",
            "[]",
            "null",
            "{\"result\":{\"event\":7}}",
            "{\"result\":true}",
        ] {
            assert!(!is_event(text), "{text}");
        }
        Ok(())
    }
}
