//! A bounded queue that is fair between lanes: whoever takes from it serves the lanes in turn, so
//! a connection that sends a thousand shares delays another one's only share by at most one share
//! per connection, a block candidate included.

use std::collections::{HashMap, VecDeque};

/// Items of many lanes, taken in turn.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    lanes: HashMap<u64, VecDeque<T>>,
    /// Lanes that have items, in the order they are served.
    turns: VecDeque<u64>,
    items: usize,
    items_max: usize,
}

/// What became of a push.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<T> {
    /// The item waits for its turn.
    Queued,
    /// The item waits, and this newest item of the longest lane had to make room.
    Displaced(T),
    /// The queue is full and this lane has the most in it: the item comes back.
    Full(T),
}

impl<T> FairQueue<T> {
    pub(crate) fn new(items_max: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            items: 0,
            items_max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items
    }

    pub(crate) fn push(&mut self, lane: u64, item: T) -> Pushed<T> {
        let mut displaced = None;
        if self.items >= self.items_max {
            let own = self.lanes.get(&lane).map_or(0, VecDeque::len);
            match self.longest_lane() {
                Some((longest, length)) if length > own + 1 => displaced = self.pop_newest(longest),
                _ => return Pushed::Full(item),
            }
        }
        let queue = self.lanes.entry(lane).or_default();
        if queue.is_empty() {
            self.turns.push_back(lane);
        }
        queue.push_back(item);
        self.items += 1;
        displaced.map_or(Pushed::Queued, Pushed::Displaced)
    }

    /// Takes the oldest item of the lane whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let lane = self.turns.pop_front()?;
        let queue = self.lanes.get_mut(&lane)?;
        let item = queue.pop_front()?;
        if queue.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        self.items -= 1;
        Some(item)
    }

    fn longest_lane(&self) -> Option<(u64, usize)> {
        self.lanes
            .iter()
            .map(|(lane, queue)| (*lane, queue.len()))
            .max_by_key(|(_, len)| *len)
    }

    /// Only for lanes of at least two items, so the lane keeps its turn.
    fn pop_newest(&mut self, lane: u64) -> Option<T> {
        let item = self.lanes.get_mut(&lane)?.pop_back()?;
        self.items -= 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_served_in_turn() {
        let mut queue = FairQueue::new(100);
        for item in 0..10 {
            assert_eq!(queue.push(1, (1, item)), Pushed::Queued);
        }
        queue.push(2, (2, 0));
        queue.push(3, (3, 0));
        queue.push(3, (3, 1));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).take(7).collect();
        assert_eq!(
            order,
            [(1, 0), (2, 0), (3, 0), (1, 1), (3, 1), (1, 2), (1, 3)]
        );
        assert_eq!(queue.len(), 6);
    }

    #[test]
    fn a_full_queue_makes_room_at_the_cost_of_whoever_filled_it() {
        let mut queue = FairQueue::new(4);
        for item in 0..4 {
            queue.push(1, (1, item));
        }
        assert_eq!(queue.push(1, (1, 4)), Pushed::Full((1, 4)));
        assert_eq!(queue.push(2, (2, 0)), Pushed::Displaced((1, 3)));
        assert_eq!(queue.push(2, (2, 1)), Pushed::Displaced((1, 2)));
        assert_eq!(
            queue.push(2, (2, 2)),
            Pushed::Full((2, 2)),
            "both have the same"
        );
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [(1, 0), (2, 0), (1, 1), (2, 1)]);
        assert!(queue.pop().is_none() && queue.lanes.is_empty() && queue.turns.is_empty());
    }
}
