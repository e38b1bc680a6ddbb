//! Changing the membership: who does it, and what is refused.

mod checks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::raft::Precondition;
use openraft::type_config::async_runtime::watch::WatchReceiver;
use raftpool_ledger::COMMAND_FORMAT;
use raftpool_store::{PoolNode, StoredMembership, TypeConfig};
use tokio::time::Instant;

use self::checks::{check_caught_up, check_majority, check_two, has_own_log};
use crate::membership::{Change, ChangeError, Member};
use crate::network::{CallError, PeerAddress, Purpose, peer};
use crate::node::RaftNode;
use crate::propose::{HOPS_MAX, RETRY_PAUSE, reason_of};

/// For a whole change, tries included.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(15);
/// For a question to the node that is to be added.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);
/// For a new leader to take over.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3);

type Result = std::result::Result<(), ChangeError>;

fn refused<T>(reason: impl Into<String>) -> std::result::Result<T, ChangeError> {
    Err(ChangeError::Refused(reason.into()))
}

impl RaftNode {
    /// Has a change made, here or by the leader elsewhere.
    pub(crate) async fn change(&self, change: Change) -> Result {
        let deadline = Instant::now() + CHANGE_TIMEOUT;
        loop {
            match self.change_for_peer(change.clone(), 0).await {
                Err(ChangeError::NotLed(_)) if Instant::now() + RETRY_PAUSE < deadline => {
                    self.pause().await;
                }
                result => return result,
            }
        }
    }

    /// As `change`, but tried once.
    pub(crate) async fn change_for_peer(&self, change: Change, hops: u32) -> Result {
        if let Some(reason) = self.stopped() {
            return refused(format!("the node has stopped: {reason}"));
        }
        if self.leads() {
            let changed = tokio::time::timeout(CHANGE_TIMEOUT, self.change_here(change)).await;
            let late = || ChangeError::Unknown("not committed in time".to_owned());
            return changed.unwrap_or_else(|_| Err(late()));
        }
        match self.leader_elsewhere() {
            Some((leader, address)) if hops < HOPS_MAX => {
                self.pass_change_on(&change, (leader, &address), hops + 1)
                    .await
            }
            Some((leader, _)) => Err(ChangeError::NotLed(format!("node {leader} leads"))),
            None => Err(ChangeError::NotLed("no leader is known".to_owned())),
        }
    }

    /// Hands leadership over to the voter that has the most, when this node leads and there is
    /// one. Returns whether another node leads now; otherwise the others elect one in their time.
    pub async fn hand_over(&self) -> bool {
        if !self.leads() {
            return true;
        }
        match self.heir() {
            Some(heir) => self.transfer_here(heir).await.is_ok(),
            None => false,
        }
    }

    /// Whether this node may ask for votes when it hears of no leader. It votes for others either
    /// way, and takes over when it is told to.
    pub fn stand_for_election(&self, may_stand: bool) {
        self.raft.runtime_config().elect(may_stand);
    }

    async fn pass_change_on(&self, change: &Change, leader: (u64, &str), hops: u32) -> Result {
        use peer::change_members_response::Result as Changed;
        let Some(channels) = &self.channels else {
            return refused("this node has no peers");
        };
        let message = peer::ChangeMembersRequest {
            change: Some(change.message()),
            hops,
        };
        let answer = channels
            .call(
                leader,
                Purpose::Forward,
                CHANGE_TIMEOUT,
                message,
                |mut client, request| async move { client.change_members(request).await },
            )
            .await;
        match answer {
            Ok(answer) => match answer.result {
                Some(Changed::Done(_)) => Ok(()),
                Some(Changed::NotLeader(reason)) => Err(ChangeError::NotLed(reason)),
                Some(Changed::Refused(reason)) => Err(ChangeError::Refused(reason)),
                Some(Changed::Unknown(reason)) => Err(ChangeError::Unknown(reason)),
                None => Err(ChangeError::Unknown("the answer has no result".to_owned())),
            },
            Err(error @ CallError::NotSent { .. }) => Err(ChangeError::NotLed(error.to_string())),
            Err(error @ CallError::Refused { .. }) => refused(error.to_string()),
            Err(error @ CallError::NoAnswer { .. }) => Err(ChangeError::Unknown(error.to_string())),
        }
    }

    async fn change_here(&self, change: Change) -> Result {
        let _changing = self.changing.lock().await;
        self.confirm_members().await?;
        self.finish_joint().await?;
        match change {
            Change::AddLearner { node_id, address } => self.add_here(node_id, address).await,
            Change::Promote {
                node_ids,
                is_forced,
            } => self.promote_here(&node_ids, is_forced).await,
            Change::Remove { node_id, is_forced } => self.remove_here(node_id, is_forced).await,
            Change::Transfer { node_id } => self.transfer_here(node_id).await,
            Change::Swap { old, new } => self.swap_here(old, new).await,
            Change::Finalize {
                version,
                author,
                reason,
            } => self.finalize_here(version, author, reason).await,
        }
    }

    /// Makes sure that this node leads, and that the members it knows are committed. One that was
    /// cut off would otherwise take for done what it only began and the next leader discards. All that
    /// is committed is applied then, so that the finalized version is known as well.
    async fn confirm_members(&self) -> Result {
        let confirmed = self.read_index_here().await;
        let confirmed = confirmed.map_err(ChangeError::NotLed)?;
        let members = self.stored_membership();
        let members = members.log_id().map_or(0, |log_id| log_id.index());
        let index = confirmed.max(members);
        let deadline = Instant::now() + CHANGE_TIMEOUT;
        match self.wait_applied(index, deadline).await {
            true => Ok(()),
            false => Err(ChangeError::NotLed(format!(
                "the change before this one is not committed: entry {index} is not applied yet"
            ))),
        }
    }

    /// Completes a change whose leader died in the middle of it.
    async fn finish_joint(&self) -> Result {
        let stored = self.stored_membership();
        let configs = stored.membership().get_joint_config();
        match configs.last() {
            Some(last) if configs.len() > 1 => {
                let change = ChangeMembers::ReplaceAllVoters(last.clone());
                self.write_membership(&stored, change, true).await
            }
            _ => Ok(()),
        }
    }

    async fn add_here(&self, node_id: u64, address: String) -> Result {
        if let Err(error) = address.parse::<PeerAddress>() {
            return refused(error.to_string());
        }
        if self.channels.is_none() {
            return refused(
                "this node runs alone: give it a [cluster] section and restart it first",
            );
        }
        let stored = self.stored_membership();
        let members = self.members_here();
        if let Some(known) = members.iter().find(|member| member.node_id == node_id) {
            return self.add_again(known, &address).await;
        }
        if let Some(other) = members.iter().find(|member| member.address == address) {
            let other = other.node_id;
            return refused(format!("node {other} is at {address} already"));
        }
        let ids_up_to = self.ids_up_to();
        if node_id <= ids_up_to {
            return refused(format!(
                "node ids are never used again, and the cluster has seen ids up to {ids_up_to}: \
                 use {} or a larger one",
                ids_up_to + 1
            ));
        }
        let status = self.ask_status((node_id, &address)).await?;
        if has_own_log(node_id, &status) {
            return refused(format!(
                "node {node_id} has a log of its own: start it in an empty data directory"
            ));
        }
        self.ask_admit((node_id, &address)).await?;
        let node = PoolNode {
            peer_address: address,
            ids_up_to: 0,
        };
        let change = ChangeMembers::AddNodes(BTreeMap::from([(node_id, node)]));
        self.write_membership(&stored, change, true).await
    }

    /// The node is a member; perhaps the one who added it died before it was told.
    async fn add_again(&self, known: &Member, address: &str) -> Result {
        let node_id = known.node_id;
        if known.address != address {
            let known = &known.address;
            return refused(format!("node {node_id} is a member already, at {known}"));
        }
        let status = self.ask_status((node_id, address)).await?;
        match (status.is_initialized, known.is_voter, known.matched_index) {
            (true, _, _) => Ok(()),
            // It never had a vote, and nobody knows of anything it stored.
            (false, false, None) => self.ask_admit((node_id, address)).await,
            (false, _, _) => refused(format!(
                "node {node_id} is a member that has lost its disk, and with it what it voted \
                 and stored: remove node {node_id} and add the machine under a new id"
            )),
        }
    }

    async fn promote_here(&self, node_ids: &[u64], is_forced: bool) -> Result {
        let stored = self.stored_membership();
        let members = self.members_here();
        let mut voters = voters(&members);
        let mut new = BTreeSet::new();
        for node_id in node_ids {
            let Some(member) = members.iter().find(|member| member.node_id == *node_id) else {
                return refused(format!("node {node_id} is not a member: add it first"));
            };
            if voters.contains(node_id) {
                continue;
            }
            check_caught_up(member)?;
            new.insert(*node_id);
        }
        if new.is_empty() {
            return Ok(());
        }
        voters.extend(&new);
        check_two(&voters, is_forced)?;
        check_majority(&members, &voters)?;
        self.write_membership(&stored, ChangeMembers::AddVoterIds(new), true)
            .await
    }

    async fn remove_here(&self, node_id: u64, is_forced: bool) -> Result {
        let members = self.members_here();
        let Some(member) = members.iter().find(|member| member.node_id == node_id) else {
            return Ok(());
        };
        let ids = BTreeSet::from([node_id]);
        let change = match member.is_voter {
            true => {
                let mut voters = voters(&members);
                voters.remove(&node_id);
                if voters.is_empty() {
                    return refused(format!("node {node_id} is the only voter"));
                }
                check_two(&voters, is_forced)?;
                check_majority(&members, &voters)?;
                ChangeMembers::RemoveVoters(ids)
            }
            false => ChangeMembers::RemoveNodes(ids),
        };
        self.hand_over_before_leaving(node_id).await?;
        self.keep_ids(node_id).await?;
        let stored = self.stored_membership();
        self.write_membership(&stored, change, false).await
    }

    /// Gives the place of `old` to `new`, which has caught up.
    async fn swap_here(&self, old: u64, new: u64) -> Result {
        let members = self.members_here();
        let find = |node_id| members.iter().find(|member| member.node_id == node_id);
        let Some(newcomer) = find(new) else {
            return refused(format!("node {new} is not a member: add it first"));
        };
        let Some(leaving) = find(old) else {
            return match newcomer.is_voter {
                true => Ok(()),
                false => refused(format!("node {old} is not a member")),
            };
        };
        if !leaving.is_voter {
            return refused(format!("node {old} has no vote to give: remove it instead"));
        }
        check_caught_up(newcomer)?;
        let mut voters = voters(&members);
        voters.remove(&old);
        voters.insert(new);
        check_majority(&members, &voters)?;
        self.hand_over_before_leaving(old).await?;
        self.keep_ids(old).await?;
        let stored = self.stored_membership();
        self.write_membership(&stored, ChangeMembers::ReplaceAllVoters(voters), false)
            .await
    }

    /// When this node is the one to leave, has another one lead, which will do the rest.
    async fn hand_over_before_leaving(&self, leaving: u64) -> Result {
        if leaving != self.config.identity.node_id {
            return Ok(());
        }
        let Some(heir) = self.heir() else {
            return refused("no other voter can take over");
        };
        self.transfer_here(heir).await?;
        let reason = format!("leadership was handed over to node {heir}");
        Err(ChangeError::NotLed(reason))
    }

    /// Makes sure that the largest id ever seen is still known when a node is gone.
    async fn keep_ids(&self, leaving: u64) -> Result {
        let stored = self.stored_membership();
        let all = ids_up_to(stored.membership().nodes());
        let staying = stored.membership().nodes();
        let kept = ids_up_to(staying.filter(|(node_id, _)| **node_id != leaving));
        let own_id = self.config.identity.node_id;
        let Some(own) = stored.membership().get_node(&own_id) else {
            return refused("the leader is not a member");
        };
        if kept >= all {
            return Ok(());
        }
        let node = PoolNode {
            ids_up_to: all,
            ..own.clone()
        };
        let change = ChangeMembers::SetNodes(BTreeMap::from([(own_id, node)]));
        self.write_membership(&stored, change, true).await
    }

    async fn transfer_here(&self, to: u64) -> Result {
        let own_id = self.config.identity.node_id;
        if to == own_id && self.leads() {
            return Ok(());
        }
        let members = self.members_here();
        match members.iter().find(|member| member.node_id == to) {
            Some(member) if !member.is_voter => {
                return refused(format!("node {to} has no vote: promote it first"));
            }
            Some(member) if !member.is_heard() => {
                return refused(format!("node {to} does not answer"));
            }
            Some(_) => {}
            None => return refused(format!("node {to} is not a member")),
        }
        let triggered = self.raft.trigger().transfer_leader(to).await;
        triggered.map_err(|fatal| ChangeError::Unknown(fatal.to_string()))?;
        let mut leadership = self.leadership.clone();
        let taken = leadership.wait_for(|known| known.leader_id == Some(to));
        match tokio::time::timeout(TRANSFER_TIMEOUT, taken).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(ChangeError::Unknown(format!(
                "node {to} was asked to lead and does not yet"
            ))),
        }
    }

    /// The voter that could take over best.
    fn heir(&self) -> Option<u64> {
        let own_id = self.config.identity.node_id;
        let members = self.members_here().into_iter();
        members
            .filter(|member| member.is_voter && member.node_id != own_id && member.is_heard())
            .max_by_key(|member| member.matched_index)
            .map(|member| member.node_id)
    }

    pub(crate) fn stored_membership(&self) -> StoredMembership {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.as_ref().clone()
    }

    /// Writes a change that was decided upon `seen`, unless that has changed meanwhile.
    pub(crate) async fn write_membership(
        &self,
        seen: &StoredMembership,
        change: ChangeMembers<u64, PoolNode>,
        retain: bool,
    ) -> Result {
        let unchanged = Precondition::LastMembershipLogId {
            last_membership_log_id: *seen.log_id(),
        };
        let written = self
            .raft
            .change_membership_if(change, retain, [unchanged])
            .await;
        written.map(drop).map_err(meaning_of)
    }

    /// The status of the node that is to be added.
    async fn ask_status(
        &self,
        peer: (u64, &str),
    ) -> std::result::Result<peer::StatusResponse, ChangeError> {
        let status = self.ask_node(peer).await;
        let status = status.or_else(|error| refused(error.to_string()))?;
        if status.command_format != COMMAND_FORMAT {
            return refused(format!(
                "node {} knows commands of format {}, the cluster writes {COMMAND_FORMAT}: run \
                 versions of the program that fit together",
                peer.0, status.command_format
            ));
        }
        self.check_newcomer(&status)?;
        Ok(status)
    }

    async fn ask_admit(&self, peer: (u64, &str)) -> Result {
        let Some(channels) = &self.channels else {
            return refused("this node runs alone");
        };
        let call = channels.call(
            peer,
            Purpose::Forward,
            ASK_TIMEOUT,
            peer::AdmitRequest {},
            |mut client, request| async move { client.admit(request).await },
        );
        call.await
            .map(drop)
            .or_else(|error| refused(error.to_string()))
    }

    /// The largest node id the cluster has ever seen, as far as this node knows.
    pub fn ids_up_to(&self) -> u64 {
        ids_up_to(self.stored_membership().membership().nodes())
    }
}

/// The largest node id ever seen, as far as these members know.
pub(crate) fn ids_up_to<'a>(nodes: impl Iterator<Item = (&'a u64, &'a PoolNode)>) -> u64 {
    nodes
        .map(|(node_id, node)| node.ids_up_to.max(*node_id))
        .max()
        .unwrap_or(0)
}

fn voters(members: &[Member]) -> BTreeSet<u64> {
    let voters = members.iter().filter(|member| member.is_voter);
    voters.map(|member| member.node_id).collect()
}

fn meaning_of(error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> ChangeError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
            ChangeError::NotLed(reason_of(&forward))
        }
        RaftError::APIError(ClientWriteError::PreconditionFailed(_)) => {
            ChangeError::NotLed("the membership was changed meanwhile".to_owned())
        }
        RaftError::APIError(error @ ClientWriteError::ChangeMembershipError(_)) => {
            ChangeError::Refused(error.to_string())
        }
        RaftError::APIError(error @ ClientWriteError::LogEntryDiscarded(_)) => {
            ChangeError::Unknown(error.to_string())
        }
        RaftError::Fatal(fatal) => ChangeError::Unknown(format!("the node has stopped: {fatal}")),
    }
}
