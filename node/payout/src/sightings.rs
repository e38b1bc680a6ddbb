//! Counting the same observation over time, for conclusions one look must not decide.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// How often in a row each thing was seen, looks that follow too closely counting once.
///
/// Derived state: a new leader begins to count again.
#[derive(Debug)]
pub(crate) struct Sightings<K> {
    seen: HashMap<K, (u32, Instant)>,
    gap: Duration,
}

impl<K: Eq + Hash + Clone> Sightings<K> {
    pub(crate) fn new(gap: Duration) -> Self {
        Self {
            seen: HashMap::new(),
            gap,
        }
    }

    /// Notes one more sighting and returns how many there are in a row.
    pub(crate) fn add(&mut self, key: &K) -> u32 {
        let now = Instant::now();
        match self.seen.get_mut(key) {
            Some((count, last)) => {
                if now.duration_since(*last) >= self.gap {
                    *count = count.saturating_add(1);
                    *last = now;
                }
                *count
            }
            None => {
                self.seen.insert(key.clone(), (1, now));
                1
            }
        }
    }

    /// How many there are in a row.
    pub(crate) fn count(&self, key: &K) -> u32 {
        self.seen.get(key).map_or(0, |(count, _)| *count)
    }

    /// The opposite was seen: counting starts anew.
    pub(crate) fn forget(&mut self, key: &K) {
        self.seen.remove(key);
    }

    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.seen.retain(|key, _| keep(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sightings_too_close_together_count_once() {
        let mut sightings = Sightings::new(Duration::from_secs(3600));
        assert_eq!(sightings.add(&1), 1);
        assert_eq!(sightings.add(&1), 1);
    }

    #[test]
    fn sightings_in_a_row_count_until_a_contradiction() {
        let mut sightings = Sightings::new(Duration::ZERO);
        assert_eq!(sightings.add(&1), 1);
        assert_eq!(sightings.add(&1), 2);
        assert_eq!(sightings.add(&2), 1);
        sightings.forget(&1);
        assert_eq!(sightings.add(&1), 1);
    }
}
