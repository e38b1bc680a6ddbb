//! Handing out what settled blocks owe to miners who have not got their part yet.
//!
//! The settlement itself hands out to as many as one command may; what is left is proposed step by
//! step, and whoever leads goes on from the ledger's row.

use raftpool_ledger::command::{DistributeBlock, command::Body};
use raftpool_ledger::view::Block;

use super::Follower;
use crate::PayoutPoint;
use crate::context::Proposal;
use crate::obstacle::Obstacle;
use crate::status::BlockStep;

impl Follower {
    /// The next step of the oldest block that is not handed out; nothing when all are.
    pub(super) async fn hand_out(&mut self) -> Result<Option<BlockStep>, Obstacle> {
        let waiting = self.ctx.read(|view| view.blocks_undistributed())?;
        let Some(Block { hash, .. }) = waiting.first() else {
            return Ok(None);
        };
        let body = Body::DistributeBlock(DistributeBlock {
            hash: hash.to_vec(),
        });
        let (before, after) = (PayoutPoint::BeforeHandOut, PayoutPoint::AfterHandOut);
        self.ctx
            .propose(Proposal {
                step: "distribute_block",
                before,
                after,
                body,
            })
            .await?;
        let hash = hex::encode(hash);
        tracing::debug!(block = hash, "a part of a block is handed out");
        Ok(Some(BlockStep::HandedOut { hash }))
    }
}
