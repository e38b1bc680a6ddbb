//! A bounded queue that is fair: whoever floods it pays for it himself.
//!
//! Miners with work in the ledger and few bad shares are served before strangers, in turn by
//! connection, once a share was accepted on that connection. All others are served in turn by IP
//! address, and within an address by connection, because connections are free, and so are the
//! names of known workers. Strangers get every fourth turn at least, so that a new miner is
//! served also while the pool is busy. So a flood delays another one's only share by a few shares,
//! and not by the length of the flood; that holds for block candidates as well, which nobody can
//! know before they are hashed.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Turns of trusted miners in a row while others wait.
const TRUSTED_IN_A_ROW: u32 = 3;

/// Whom an item is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) connection: u64,
    /// The IP address, or the first one of its network.
    pub(crate) source: IpAddr,
    /// Whether the miner is known and well-behaved.
    pub(crate) is_trusted: bool,
    /// Whether its connection has had a share accepted.
    pub(crate) is_proven: bool,
}

/// Items of many lanes, taken in turn.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    trusted: Tier<T>,
    strangers: Tier<T>,
    by_source: HashMap<IpAddr, usize>,
    in_a_row: u32,
    items_max: usize,
    per_source_max: usize,
}

/// What became of a push.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<T> {
    /// The item waits for its turn.
    Queued,
    /// The item waits, and this newest item of whoever has most had to make room.
    Displaced(T),
    /// The queue is full and nobody has more in it: the item comes back.
    Full(T),
    /// The IP address has as many in it as it may: the item comes back.
    SourceFull(T),
}

impl<T> FairQueue<T> {
    pub(crate) fn new(items_max: usize, per_source_max: usize) -> Self {
        Self {
            trusted: Tier::new(),
            strangers: Tier::new(),
            by_source: HashMap::new(),
            in_a_row: 0,
            items_max,
            per_source_max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.trusted.items + self.strangers.items
    }

    pub(crate) fn push(&mut self, lane: Lane, item: T) -> Pushed<T> {
        let of_source = self.by_source.get(&lane.source).copied();
        if of_source.unwrap_or_default() >= self.per_source_max {
            return Pushed::SourceFull(item);
        }
        let mut displaced = None;
        if self.len() >= self.items_max {
            displaced = self.make_room(lane);
            if displaced.is_none() {
                return Pushed::Full(item);
            }
        }
        *self.by_source.entry(lane.source).or_default() += 1;
        let queued = Queued {
            source: lane.source,
            item,
        };
        let (tier, group) = self.place_of(lane);
        tier.push(group, lane.connection, queued);
        displaced.map_or(Pushed::Queued, Pushed::Displaced)
    }

    /// Takes the oldest item of the lane whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let is_strangers_turn = self.in_a_row >= TRUSTED_IN_A_ROW;
        let queued = match is_strangers_turn || self.trusted.items == 0 {
            true => self.strangers.pop().map(|queued| (queued, 0)),
            false => None,
        };
        let in_a_row = self.in_a_row.saturating_add(1);
        let queued = queued.or_else(|| self.trusted.pop().map(|queued| (queued, in_a_row)));
        let (queued, in_a_row) = queued?;
        self.in_a_row = in_a_row;
        Some(self.release(queued))
    }

    fn place_of(&mut self, lane: Lane) -> (&mut Tier<T>, Group) {
        match lane.is_trusted {
            // A name is free, also one that is known; work is not.
            true if lane.is_proven => (&mut self.trusted, Group::Connection(lane.connection)),
            true => (&mut self.trusted, Group::Source(lane.source)),
            false => (&mut self.strangers, Group::Source(lane.source)),
        }
    }

    /// Takes out what has to go so that an item of `lane` can come in.
    fn make_room(&mut self, lane: Lane) -> Option<T> {
        let victim = match lane.is_trusted && self.strangers.items > 0 {
            true => self.strangers.pop_newest_of_longest(),
            false => {
                let (tier, group) = self.place_of(lane);
                tier.pop_newest_unless_longest(group, lane.connection)
            }
        };
        victim.map(|queued| self.release(queued))
    }

    fn release(&mut self, Queued { source, item }: Queued<T>) -> T {
        if let Some(count) = self.by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
        item
    }
}

#[derive(Debug)]
struct Queued<T> {
    source: IpAddr,
    item: T,
}

/// Who takes turns with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Group {
    Connection(u64),
    Source(IpAddr),
}

/// Groups that take turns, and the connections that take turns within each.
#[derive(Debug)]
struct Tier<T> {
    groups: HashMap<Group, Lanes<T>>,
    turns: VecDeque<Group>,
    items: usize,
}

#[derive(Debug)]
struct Lanes<T> {
    lanes: HashMap<u64, VecDeque<Queued<T>>>,
    turns: VecDeque<u64>,
    items: usize,
}

impl<T> Tier<T> {
    fn new() -> Self {
        Self {
            groups: HashMap::new(),
            turns: VecDeque::new(),
            items: 0,
        }
    }

    fn push(&mut self, group: Group, connection: u64, queued: Queued<T>) {
        let lanes = self.groups.entry(group).or_insert_with(Lanes::new);
        if lanes.items == 0 {
            self.turns.push_back(group);
        }
        lanes.push(connection, queued);
        self.items += 1;
    }

    fn pop(&mut self) -> Option<Queued<T>> {
        let group = self.turns.pop_front()?;
        let lanes = self.groups.get_mut(&group)?;
        let queued = lanes.pop()?;
        if lanes.items == 0 {
            self.groups.remove(&group);
        } else {
            self.turns.push_back(group);
        }
        self.items -= 1;
        Some(queued)
    }

    fn longest(&self) -> Option<Group> {
        let longest = self.groups.iter().max_by_key(|(_, lanes)| lanes.items);
        longest.map(|(group, _)| *group)
    }

    fn pop_newest_of_longest(&mut self) -> Option<Queued<T>> {
        let group = self.longest()?;
        self.pop_newest(group, |lanes| {
            lanes.longest().map(|(connection, _)| connection)
        })
    }

    /// Takes from whoever has at least two more than this lane, so that it has more also after the
    /// exchange.
    fn pop_newest_unless_longest(&mut self, own: Group, connection: u64) -> Option<Queued<T>> {
        let longest = self.longest()?;
        let items = |group: &Group| self.groups.get(group).map_or(0, |lanes| lanes.items);
        if longest != own && items(&longest) > items(&own) + 1 {
            return self.pop_newest_of_longest();
        }
        self.pop_newest(own, |lanes| {
            let present = lanes.lanes.get(&connection).map_or(0, VecDeque::len);
            let (longest, length) = lanes.longest()?;
            (length > present + 1).then_some(longest)
        })
    }

    fn pop_newest(
        &mut self,
        group: Group,
        choose: impl FnOnce(&Lanes<T>) -> Option<u64>,
    ) -> Option<Queued<T>> {
        let lanes = self.groups.get_mut(&group)?;
        let connection = choose(lanes)?;
        let queued = lanes.pop_newest(connection)?;
        if lanes.items == 0 {
            self.groups.remove(&group);
            self.turns.retain(|other| *other != group);
        }
        self.items -= 1;
        Some(queued)
    }
}

impl<T> Lanes<T> {
    fn new() -> Self {
        Self {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            items: 0,
        }
    }

    fn push(&mut self, connection: u64, queued: Queued<T>) {
        let lane = self.lanes.entry(connection).or_default();
        if lane.is_empty() {
            self.turns.push_back(connection);
        }
        lane.push_back(queued);
        self.items += 1;
    }

    fn pop(&mut self) -> Option<Queued<T>> {
        let connection = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&connection)?;
        let queued = lane.pop_front()?;
        if lane.is_empty() {
            self.lanes.remove(&connection);
        } else {
            self.turns.push_back(connection);
        }
        self.items -= 1;
        Some(queued)
    }

    fn longest(&self) -> Option<(u64, usize)> {
        let lengths = self.lanes.iter().map(|(lane, queue)| (*lane, queue.len()));
        lengths.max_by_key(|(_, length)| *length)
    }

    fn pop_newest(&mut self, connection: u64) -> Option<Queued<T>> {
        let lane = self.lanes.get_mut(&connection)?;
        let queued = lane.pop_back()?;
        if lane.is_empty() {
            self.lanes.remove(&connection);
            self.turns.retain(|other| *other != connection);
        }
        self.items -= 1;
        Some(queued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(connection: u64, host: u8) -> Lane {
        Lane {
            connection,
            source: IpAddr::from([203, 0, 113, host]),
            is_trusted: false,
            is_proven: false,
        }
    }

    fn trusted(connection: u64) -> Lane {
        Lane {
            is_trusted: true,
            is_proven: true,
            ..stranger(connection, 200)
        }
    }

    fn all<T>(queue: &mut FairQueue<T>) -> Vec<T> {
        let items: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let is_empty = |tier: &Tier<T>| tier.groups.is_empty() && tier.turns.is_empty();
        assert!(is_empty(&queue.trusted) && is_empty(&queue.strangers));
        assert!(queue.len() == 0 && queue.by_source.is_empty());
        items
    }

    #[test]
    fn connections_of_trusted_miners_are_served_in_turn() {
        let mut queue = FairQueue::new(100, 100);
        for item in 0..4 {
            assert_eq!(queue.push(trusted(1), (1, item)), Pushed::Queued);
        }
        queue.push(trusted(2), (2, 0));
        queue.push(trusted(3), (3, 0));
        queue.push(trusted(3), (3, 1));
        assert_eq!(queue.len(), 7);
        let order = [(1, 0), (2, 0), (3, 0), (1, 1), (3, 1), (1, 2), (1, 3)];
        assert_eq!(all(&mut queue), order);
    }

    #[test]
    fn many_connections_of_one_address_are_worth_one_turn() {
        let mut queue = FairQueue::new(1_000, 1_000);
        for connection in 0..100 {
            queue.push(stranger(connection, 1), 1);
            queue.push(stranger(connection, 1), 1);
        }
        queue.push(stranger(500, 2), 2);
        queue.push(stranger(600, 3), 3);
        queue.push(stranger(601, 3), 3);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).take(7).collect();
        assert_eq!(order, [1, 2, 3, 1, 3, 1, 1]);
    }

    #[test]
    fn names_of_known_workers_are_worth_one_turn_for_each_address_until_they_work() {
        let mut queue = FairQueue::new(1_000, 1_000);
        let named = |connection, host| Lane {
            is_trusted: true,
            ..stranger(connection, host)
        };
        for connection in 0..100 {
            queue.push(named(connection, 1), 'e');
        }
        for connection in 200..203 {
            queue.push(trusted(connection), 't');
        }
        queue.push(named(300, 2), 'n');
        let order: String = std::iter::from_fn(|| queue.pop()).take(8).collect();
        assert_eq!(order, "etttneee");
    }

    #[test]
    fn trusted_miners_go_first_and_strangers_are_not_starved() {
        let mut queue = FairQueue::new(1_000, 1_000);
        for item in 0..40 {
            queue.push(stranger(item, item as u8), 's');
        }
        for item in 0..6 {
            queue.push(trusted(item), 't');
        }
        let order: String = std::iter::from_fn(|| queue.pop()).take(12).collect();
        assert_eq!(order, "tttstttsssss");
    }

    #[test]
    fn an_address_has_a_bound_of_its_own() {
        let mut queue = FairQueue::new(100, 3);
        for connection in 0..3 {
            assert_eq!(queue.push(stranger(connection, 1), 1), Pushed::Queued);
        }
        assert_eq!(queue.push(stranger(9, 1), 2), Pushed::SourceFull(2));
        assert_eq!(queue.push(stranger(9, 2), 3), Pushed::Queued);
        queue.pop();
        assert_eq!(queue.push(stranger(9, 1), 4), Pushed::Queued);
        assert_eq!(all(&mut queue), [3, 1, 1, 4]);
    }

    #[test]
    fn a_full_queue_makes_room_at_the_cost_of_whoever_filled_it() {
        let mut queue = FairQueue::new(4, 4);
        for item in 0..4 {
            queue.push(stranger(1, 1), (1, item));
        }
        assert_eq!(
            queue.push(stranger(2, 2), (2, 0)),
            Pushed::Displaced((1, 3))
        );
        assert_eq!(
            queue.push(stranger(2, 2), (2, 1)),
            Pushed::Displaced((1, 2))
        );
        let refused = queue.push(stranger(2, 2), (2, 2));
        assert_eq!(refused, Pushed::Full((2, 2)), "both have the same");
        assert_eq!(all(&mut queue), [(1, 0), (2, 0), (1, 1), (2, 1)]);
    }

    #[test]
    fn within_an_address_whoever_has_most_makes_room() {
        let mut queue = FairQueue::new(4, 10);
        for item in 0..3 {
            queue.push(stranger(1, 1), (1, item));
        }
        queue.push(stranger(2, 2), (2, 0));
        assert_eq!(
            queue.push(stranger(3, 1), (3, 0)),
            Pushed::Displaced((1, 2))
        );
        assert_eq!(queue.push(stranger(3, 1), (3, 1)), Pushed::Full((3, 1)));
        assert_eq!(all(&mut queue), [(1, 0), (2, 0), (3, 0), (1, 1)]);
    }

    #[test]
    fn strangers_make_room_for_trusted_miners_and_never_the_other_way_round() {
        let mut queue = FairQueue::new(2, 10);
        queue.push(stranger(1, 1), (1, 0));
        queue.push(stranger(2, 2), (2, 0));
        assert!(matches!(
            queue.push(trusted(3), (3, 0)),
            Pushed::Displaced(_)
        ));
        assert!(matches!(
            queue.push(trusted(3), (3, 1)),
            Pushed::Displaced(_)
        ));
        assert_eq!(queue.push(stranger(4, 4), (4, 0)), Pushed::Full((4, 0)));
        assert_eq!(queue.push(trusted(3), (3, 2)), Pushed::Full((3, 2)));
        let displaced = Pushed::Displaced((3, 1));
        assert_eq!(queue.push(trusted(5), (5, 0)), displaced, "who has most");
        assert_eq!(all(&mut queue), [(3, 0), (5, 0)]);
    }
}
