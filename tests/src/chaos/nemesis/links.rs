//! Faults of the links.

use std::time::Duration;

use anyhow::Result;

use super::Nemesis;
use crate::chaos::fault::Who;
use crate::proxy::{Passage, Way};

impl Nemesis {
    pub(super) async fn cut_off(&self, who: Who, passage: Passage, hold: Duration) -> Result<()> {
        let chosen = self.resolve(who).await?.id;
        let mut ids = self.ids();
        // The chosen one first, so that it belongs to the minority.
        ids.sort_by_key(|id| *id != chosen);
        let (minority, majority) = ids.split_at(ids.len().saturating_sub(1) / 2);
        self.part(minority, majority, passage);
        self.timeline
            .note(format_args!("{minority:?} is cut off from {majority:?}"));
        self.hold_and_join(hold).await
    }

    pub(super) async fn cut_all(&self, passage: Passage, hold: Duration) -> Result<()> {
        let ids = self.ids();
        for (position, id) in ids.iter().enumerate() {
            self.part(&[*id], &ids[position + 1..], passage);
        }
        self.hold_and_join(hold).await
    }

    pub(super) async fn cut_one_way(&self, from: Who, to: Who, hold: Duration) -> Result<()> {
        let (from, to) = (self.resolve(from).await?.id, self.resolve(to).await?.id);
        self.pool.ways.set(from, to, Way::HELD);
        self.hold_and_join(hold).await
    }

    pub(super) async fn leave_bridge(&self, who: Who, hold: Duration) -> Result<()> {
        let bridge = self.resolve(who).await?.id;
        let mut ids = self.ids();
        ids.retain(|id| *id != bridge);
        let (left, right) = ids.split_at(ids.len() / 2);
        self.part(left, right, Passage::Held);
        self.timeline.note(format_args!(
            "{left:?} and {right:?} see only node {bridge}"
        ));
        self.hold_and_join(hold).await
    }

    pub(super) async fn slow_links(&self, way: Way, hold: Duration) -> Result<()> {
        let ids = self.ids();
        for from in &ids {
            for to in ids.iter().filter(|to| *to != from) {
                self.pool.ways.set(*from, *to, way);
            }
        }
        self.hold_and_join(hold).await
    }

    async fn hold_and_join(&self, hold: Duration) -> Result<()> {
        tokio::time::sleep(hold).await;
        self.note_leader().await;
        self.pool.ways.heal();
        self.timeline.note("all links are open");
        Ok(())
    }

    fn part(&self, one: &[u64], other: &[u64], passage: Passage) {
        let way = Way {
            passage,
            ..Way::default()
        };
        for one in one {
            for other in other {
                self.pool.ways.set_both(*one, *other, way);
            }
        }
    }

    fn ids(&self) -> Vec<u64> {
        let members = self.pool.members();
        members.iter().map(|member| member.id).collect()
    }
}
