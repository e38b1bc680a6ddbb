//! A chain as several daemons see it, with the events of its changes.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};

use crate::chain::{Chain, Event};

/// Events a slow subscriber may lag behind before it loses some.
const EVENT_BACKLOG: usize = 16_384;

/// A chain that is shared and watched.
pub(crate) struct View {
    chain: Mutex<Chain>,
    events: broadcast::Sender<Arc<Event>>,
    changed: Arc<Notify>,
}

impl View {
    /// `changed` is told after every change.
    pub(crate) fn new(chain: Chain, changed: Arc<Notify>) -> Arc<Self> {
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        Arc::new(Self {
            chain: Mutex::new(chain),
            events,
            changed,
        })
    }

    /// Looks at the chain or changes it; events go out before anybody else can.
    pub(crate) fn with<T>(&self, action: impl FnOnce(&mut Chain) -> T) -> T {
        let mut chain = self.chain.lock();
        let result = action(&mut chain);
        let events = chain.take_events();
        if !events.is_empty() {
            self.changed.notify_one();
        }
        for event in events {
            // Nobody may be listening, which is fine.
            let _ = self.events.send(Arc::new(event));
        }
        result
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }
}
