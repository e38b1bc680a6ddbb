//! What the daemon tells its subscribers.

use serde_json::{Map, Value, json};

use super::{Chain, Hash};
use crate::transaction::Transaction;

/// Every event name the official daemon knows, in its order; not all of them happen here.
pub const EVENT_NAMES: [&str; 20] = [
    "new_topo_height",
    "new_block",
    "block_ordered",
    "block_orphaned",
    "stable_height_changed",
    "stable_topo_height_changed",
    "transaction_orphaned",
    "transaction_added_in_mempool",
    "transaction_executed",
    "contract_invoke",
    "contract_transfers",
    "contract_event",
    "contract_deploy",
    "new_asset",
    "peer_connected",
    "peer_disconnected",
    "peer_peer_list_updated",
    "peer_state_updated",
    "peer_peer_disconnected",
    "new_block_template",
];

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Name to subscribe to.
    pub name: &'static str,
    /// The notification's `result`: the fields and the name.
    pub body: Value,
}

impl Event {
    pub(super) fn new(name: &'static str, fields: Value) -> Self {
        let mut body = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        body.insert("event".to_owned(), Value::from(name));
        Self {
            name,
            body: Value::Object(body),
        }
    }
}

/// The figures whose changes are told.
pub(super) struct Marks {
    height: u64,
    topoheight: u64,
    top: Hash,
    stable_height: u64,
    stable_topoheight: u64,
}

impl Chain {
    pub(super) fn marks(&self) -> Marks {
        Marks {
            height: self.height(),
            topoheight: self.topoheight(),
            top: self.top_hash(),
            stable_height: self.stable_height(),
            stable_topoheight: self.stable_topoheight(),
        }
    }

    pub(super) fn tell(&mut self, name: &'static str, fields: Value) {
        self.events.push(Event::new(name, fields));
    }

    pub(super) fn tell_new_block(&mut self, hash: &Hash) {
        let Some(mut fields) = self.block_json(hash, false) else {
            return;
        };
        fields["transactions"] = json!([]);
        self.tell("new_block", fields);
    }

    /// Tells subscribers that what to mine on has changed.
    pub fn announce_template(&mut self) {
        self.tell_new_template();
    }

    pub(super) fn tell_new_template(&mut self) {
        let work = self.next_work(super::DEV_KEY);
        self.tell("new_block_template", work.to_json());
    }

    pub(super) fn tell_changes_since(&mut self, before: &Marks) {
        let now = self.marks();
        if now.topoheight != before.topoheight
            || now.top != before.top
            || now.height != before.height
        {
            self.tell(
                "new_topo_height",
                json!({ "new_topoheight": now.topoheight }),
            );
        }
        if now.stable_height != before.stable_height {
            self.tell(
                "stable_height_changed",
                json!({
                    "new_stable_height": now.stable_height,
                    "previous_stable_height": before.stable_height,
                }),
            );
        }
        if now.stable_topoheight != before.stable_topoheight {
            self.tell(
                "stable_topo_height_changed",
                json!({
                    "new_stable_topoheight": now.stable_topoheight,
                    "previous_stable_topoheight": before.stable_topoheight,
                }),
            );
        }
    }

    pub(super) fn tell_added_to_mempool(&mut self, transaction: &Transaction, first_seen_s: u64) {
        let size = transaction.bytes.len();
        let kib = (size as u64).div_ceil(1_024);
        let fields = json!({
            "fee": transaction.draft.fee_atomic,
            "fee_per_kb": crate::fees::FEE_PER_KIB_ATOMIC.min(transaction.draft.fee_atomic / kib),
            "first_seen": first_seen_s,
            "hash": transaction.hash.to_string(),
            "size": size,
            "source": crate::transaction::address_text(&transaction.draft.source, self.rules.network),
        });
        self.tell("transaction_added_in_mempool", fields);
    }
}
