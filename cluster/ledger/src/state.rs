//! The ordered key-value state the ledger is folded into.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Reading the state failed below the ledger; the process must stop rather than guess.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The store could not be read.
    #[error("read the ledger state")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored record does not decode: the database is damaged or newer than this program.
    #[error("decode ledger record `{record}`")]
    Decode {
        /// Which kind of record.
        record: &'static str,
        /// What the decoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Direction of a [`StateRead::scan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key up.
    Ascending,
    /// From the largest key down.
    Descending,
}

/// What a scan calls with each key and value.
pub type Visit<'v> = &'v mut (dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'v);

/// A consistent view of the state.
pub trait StateRead {
    /// The value under `key`.
    ///
    /// # Errors
    /// When the store below fails.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError>;

    /// Visits every pair with `start <= key < end` in order, until `visit` breaks.
    ///
    /// # Errors
    /// When the store below fails.
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StateError>;
}

/// Changes by key, in key order; `None` is a deletion.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// One of them, borrowed.
type Change<'a> = (&'a Vec<u8>, &'a Option<Vec<u8>>);

/// Uncommitted changes on top of a base state: reads see them, the base does not.
///
/// The store applies a chunk of entries to one overlay and writes its changes as one batch.
pub struct Overlay<'a> {
    base: &'a dyn StateRead,
    changes: Changes,
}

impl<'a> Overlay<'a> {
    /// An overlay without changes.
    pub fn new(base: &'a dyn StateRead) -> Self {
        Self {
            base,
            changes: BTreeMap::new(),
        }
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    /// Removes `key`.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// The changes in key order; `None` is a deletion.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Takes the changes out, to be written in one atomic batch.
    pub fn into_changes(self) -> Changes {
        self.changes
    }
}

impl StateRead for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StateError> {
        if start >= end {
            return Ok(());
        }
        let range = self.changes.range::<[u8], _>((
            std::ops::Bound::Included(start),
            std::ops::Bound::Excluded(end),
        ));
        let mut changes: Box<dyn Iterator<Item = Change<'_>>> = match direction {
            Direction::Ascending => Box::new(range),
            Direction::Descending => Box::new(range.rev()),
        };
        let before = |a: &[u8], b: &[u8]| match direction {
            Direction::Ascending => a < b,
            Direction::Descending => b < a,
        };
        let mut next = changes.next();
        let mut flow = ControlFlow::Continue(());
        self.base.scan(start, end, direction, &mut |key, value| {
            // Changes that come before the base's key are new keys; one at the key replaces it.
            while let Some((changed, new)) = next
                && before(changed, key)
            {
                if let Some(new) = new {
                    flow = visit(changed, new);
                }
                next = changes.next();
                if flow.is_break() {
                    return flow;
                }
            }
            match next {
                Some((changed, new)) if changed.as_slice() == key => {
                    next = changes.next();
                    if let Some(new) = new {
                        flow = visit(key, new);
                    }
                }
                _ => flow = visit(key, value),
            }
            flow
        })?;
        while let Some((changed, new)) = next
            && flow.is_continue()
        {
            if let Some(new) = new {
                flow = visit(changed, new);
            }
            next = changes.next();
        }
        Ok(())
    }
}

/// A state held in memory: the base of tests and of offline replays.
#[derive(Debug, Clone, Default)]
pub struct MemoryState {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl MemoryState {
    /// Writes the changes of an overlay.
    pub fn commit(&mut self, changes: Changes) {
        for (key, change) in changes {
            match change {
                Some(value) => self.pairs.insert(key, value),
                None => self.pairs.remove(&key),
            };
        }
    }

    /// Every pair in key order.
    pub fn pairs(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.pairs
    }
}

impl StateRead for MemoryState {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.pairs.get(key).cloned())
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StateError> {
        if start >= end {
            return Ok(());
        }
        let mut range = self.pairs.range::<[u8], _>((
            std::ops::Bound::Included(start),
            std::ops::Bound::Excluded(end),
        ));
        loop {
            let pair = match direction {
                Direction::Ascending => range.next(),
                Direction::Descending => range.next_back(),
            };
            match pair {
                Some((key, value)) if visit(key, value).is_continue() => {}
                _ => return Ok(()),
            }
        }
    }
}
