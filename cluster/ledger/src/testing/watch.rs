//! A stream of events in which the newest of each kind replaces older ones nobody has read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::cluster::{ClusterEvent, Leadership};

/// Everything that watches one cluster.
pub(super) struct Watchers {
    present: Mutex<Present>,
}

struct Present {
    index: u64,
    leadership: Leadership,
    wakers: Vec<Waker>,
}

/// One watcher: what it was told last.
pub(super) struct Watch {
    watchers: Arc<Watchers>,
    index: Option<u64>,
    leadership: Option<Leadership>,
}

impl Watchers {
    pub(super) fn new(index: u64, leadership: Leadership) -> Self {
        Self {
            present: Mutex::new(Present {
                index,
                leadership,
                wakers: Vec::new(),
            }),
        }
    }

    pub(super) fn applied(&self, index: u64) {
        let mut present = self.lock();
        present.index = present.index.max(index);
        wake(present);
    }

    pub(super) fn leadership(&self, leadership: Leadership) {
        let mut present = self.lock();
        present.leadership = leadership;
        wake(present);
    }

    pub(super) fn subscribe(self: &Arc<Self>) -> Watch {
        Watch {
            watchers: Arc::clone(self),
            index: None,
            leadership: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut present: MutexGuard<'_, Present>) {
    let wakers = std::mem::take(&mut present.wakers);
    drop(present);
    for waker in wakers {
        waker.wake();
    }
}

impl Stream for Watch {
    type Item = ClusterEvent;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<ClusterEvent>> {
        let watchers = Arc::clone(&self.watchers);
        let mut present = watchers.lock();
        if self.leadership != Some(present.leadership) {
            self.leadership = Some(present.leadership);
            return Poll::Ready(Some(ClusterEvent::Leadership(present.leadership)));
        }
        if self.index != Some(present.index) {
            self.index = Some(present.index);
            return Poll::Ready(Some(ClusterEvent::Applied {
                index: present.index,
            }));
        }
        if !present
            .wakers
            .iter()
            .any(|waker| waker.will_wake(context.waker()))
        {
            present.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}
