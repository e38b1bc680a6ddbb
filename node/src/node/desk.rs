//! The other nodes: asking how they are, answering them, and changing who they are.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use prost::Message;
use raftpool_api::dto::Decimal;
use raftpool_api::dto::cluster::{
    ClusterNode, ClusterStatus, Endpoint, Health, MemberChange, PublicFacts,
};
use raftpool_api::{ChangeRefusal, ClusterControl, MemberChanged};
use raftpool_chain::{DaemonSet, Network};
use raftpool_ledger::cluster::BoxFuture;
use raftpool_ledger::{COMMAND_VERSION, Cluster};
use raftpool_proto::node::node_request::Request;
use raftpool_proto::node::node_response::Response;
use raftpool_proto::node::{
    MinerEndpoint, NodeReport, NodeRequest, NodeResponse, PublicFacts as PublicReport,
    ReportRequest,
};
use raftpool_raft::{ChangeError, Member, NodeStatus, PeerService, RaftNode};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::daemons::DaemonDesk;
use super::facts::{LAG_MAX, waiting_for};
use super::report::Reporter;

/// For one node's report.
const REPORT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// An answer about the cluster is good for so long: anybody may ask, and each answer costs a
/// round of questions to all nodes.
const STATUS_REUSE: Duration = Duration::from_secs(1);
/// Longest wait for nodes that were just added before they are refused a vote.
const NEWCOMER_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at them.
const NEWCOMER_INTERVAL: Duration = Duration::from_millis(100);

/// Speaks with the other nodes about everything but consensus.
pub(super) struct ClusterDesk {
    raft: Arc<RaftNode>,
    reporter: Arc<Reporter>,
    daemons: OnceLock<DaemonDesk>,
    newest: Mutex<Option<(Instant, ClusterStatus)>>,
}

impl ClusterDesk {
    /// Begins to answer the other nodes.
    pub(super) fn start(raft: Arc<RaftNode>, reporter: Arc<Reporter>) -> Arc<Self> {
        let desk = Arc::new(Self {
            raft: raft.clone(),
            reporter,
            daemons: OnceLock::new(),
            newest: Mutex::default(),
        });
        raft.serve_peers(Arc::new(Answers(Arc::downgrade(&desk))));
        desk
    }

    pub(super) fn set_api_address(&self, address: SocketAddr) {
        self.reporter.set_api_address(address);
    }

    /// Lets the other nodes use this node's daemons.
    pub(super) fn lend_daemons(&self, daemons: Arc<DaemonSet>, network: Network) {
        // They are the same while the process lives.
        let _ = self.daemons.set(DaemonDesk::new(daemons, network));
    }

    async fn answer(&self, from_node: u64, request: Bytes) -> Result<Bytes, String> {
        let request = NodeRequest::decode(request).map_err(|error| error.to_string())?;
        let response = match request.request {
            Some(Request::Report(ReportRequest {})) => Response::Report(self.reporter.report()),
            Some(Request::Daemon(request)) => {
                let daemons = self.daemons.get();
                let daemons = daemons.ok_or("this node has no daemons yet: it waits")?;
                Response::Daemon(daemons.answer(from_node, request).await?)
            }
            None => return Err("a question that this program does not know".into()),
        };
        let response = NodeResponse {
            response: Some(response),
        };
        Ok(response.encode_to_vec().into())
    }

    /// A member's report, or why there is none.
    async fn report_of(&self, member: &Member) -> Result<NodeReport, String> {
        if member.node_id == self.raft.leadership().node_id {
            return Ok(self.reporter.report());
        }
        let request = NodeRequest {
            request: Some(Request::Report(ReportRequest {})),
        };
        let request = Bytes::from(request.encode_to_vec());
        let answer = self.raft.ask(member.node_id, request, REPORT_TIMEOUT).await;
        let answer = answer.map_err(|error| error.to_string())?;
        match NodeResponse::decode(answer).map(|answer| answer.response) {
            Ok(Some(Response::Report(report))) => Ok(report),
            _ => Err("its report cannot be read: versions that do not fit?".into()),
        }
    }

    /// The cluster as it is now, whatever was known before.
    pub(super) async fn look_again(&self) -> ClusterStatus {
        let mut newest = self.newest.lock().await;
        let status = self.survey().await;
        *newest = Some((Instant::now(), status.clone()));
        status
    }

    async fn survey(&self) -> ClusterStatus {
        let survey = self.raft.survey().await;
        let asked = survey.iter().map(|(member, _)| self.report_of(member));
        let reports = join_all(asked).await;
        let compared_index = newest_common_checkpoint(&survey);
        let nodes: Vec<_> = survey
            .into_iter()
            .zip(reports)
            .map(|((member, status), report)| describe(member, status, report, compared_index))
            .collect();
        let leadership = self.raft.leadership();
        let status = self.raft.status();
        let (health, problems) = diagnose(&nodes, leadership.leader_id);
        ClusterStatus {
            cluster_id: hex::encode(self.raft.identity().cluster_id),
            node_id: leadership.node_id,
            is_member: status.joined,
            waiting_for: (!status.joined).then(|| waiting_for(&self.raft)),
            health,
            leader_id: leadership.leader_id,
            term: leadership.term,
            next_node_id: self.raft.ids_up_to() + 1,
            finalized_version: Some(status.finalized_version).filter(|version| *version > 0),
            problems,
            nodes,
        }
    }

    async fn make(
        &self,
        change: MemberChange,
        author: String,
    ) -> Result<MemberChanged, ChangeError> {
        let done = |text: String| Ok(MemberChanged::Done(text));
        let id = self.raft.leadership().node_id;
        match change {
            MemberChange::Init => {
                self.raft.found_cluster().await?;
                done(format!("node {id} is a member of a cluster"))
            }
            MemberChange::Add { node_id, address } => {
                self.raft.add_learner(node_id, &address).await?;
                done(format!("node {node_id} is a member without a vote"))
            }
            MemberChange::Promote {
                node_ids,
                is_forced,
            } => {
                self.wait_for_newcomers(&node_ids).await;
                self.raft.promote(&node_ids, is_forced).await?;
                let ids: Vec<_> = node_ids.iter().map(ToString::to_string).collect();
                done(format!("node {} has a vote", ids.join(", ")))
            }
            MemberChange::Replace {
                old_node_id,
                new_node_id,
                address,
            } => self.replace(old_node_id, new_node_id, &address).await,
            MemberChange::Remove { node_id, is_forced } => {
                self.raft.remove(node_id, is_forced).await?;
                done(format!("node {node_id} is not a member"))
            }
            MemberChange::Transfer { node_id } => {
                self.raft.transfer(node_id).await?;
                done(format!("node {node_id} leads"))
            }
            MemberChange::Finalize { is_check, reason } => {
                self.finalize(is_check, &author, &reason).await
            }
        }
    }

    /// Lets commands up to the version of this program be used, or says whether that could be done.
    async fn finalize(
        &self,
        is_check: bool,
        author: &str,
        reason: &str,
    ) -> Result<MemberChanged, ChangeError> {
        let done = |text: String| Ok(MemberChanged::Done(text));
        let finalized = self.raft.finalized_version();
        let finalized = finalized.map_err(|error| ChangeError::NotLed(error.to_string()))?;
        if finalized.version >= COMMAND_VERSION {
            return done(format!("version {} is finalized", finalized.version));
        }
        if !is_check {
            self.raft.finalize(COMMAND_VERSION, author, reason).await?;
            return done(format!(
                "version {COMMAND_VERSION} is finalized; older programs cannot be used any more"
            ));
        }
        match self.raft.obstacle_to_finalizing(COMMAND_VERSION).await {
            Some(obstacle) => Err(ChangeError::Refused(obstacle)),
            None => done(format!(
                "version {COMMAND_VERSION} can be finalized: every member knows it"
            )),
        }
    }

    /// Gives nodes that were added a moment ago the time to be heard for the first time, so that a
    /// vote may be asked for right behind. Whether they get it is not decided here.
    async fn wait_for_newcomers(&self, node_ids: &[u64]) {
        let deadline = Instant::now() + NEWCOMER_PATIENCE;
        while Instant::now() < deadline {
            let members = self.raft.members().await;
            let mut asked = members
                .iter()
                .filter(|member| node_ids.contains(&member.node_id));
            if asked.all(|member| member.has_caught_up() && member.is_heard()) {
                return;
            }
            tokio::time::sleep(NEWCOMER_INTERVAL).await;
        }
    }

    /// Adds the new node, and swaps the two once it has caught up.
    async fn replace(
        &self,
        old: u64,
        new: u64,
        address: &str,
    ) -> Result<MemberChanged, ChangeError> {
        let members = self.raft.members().await;
        let find = |node_id| members.iter().find(|member| member.node_id == node_id);
        match find(new) {
            None => {
                self.raft.add_learner(new, address).await?;
                let text = format!("node {new} is added and catches up");
                return Ok(MemberChanged::UnderWay(text));
            }
            Some(member)
                if find(old).is_some() && !(member.has_caught_up() && member.is_heard()) =>
            {
                let lag = member
                    .lag
                    .map_or("an unknown number of".into(), |lag| lag.to_string());
                let text = format!("node {new} is {lag} entries behind");
                return Ok(MemberChanged::UnderWay(text));
            }
            Some(_) => {}
        }
        self.raft.swap(old, new).await?;
        let text = format!("node {new} has the place of node {old}");
        Ok(MemberChanged::Done(text))
    }
}

impl ClusterControl for ClusterDesk {
    fn status(&self) -> BoxFuture<'_, ClusterStatus> {
        Box::pin(async {
            let mut newest = self.newest.lock().await;
            if let Some((at, status)) = &*newest
                && at.elapsed() < STATUS_REUSE
            {
                return status.clone();
            }
            let status = self.survey().await;
            *newest = Some((Instant::now(), status.clone()));
            status
        })
    }

    fn change(
        &self,
        change: MemberChange,
        author: String,
    ) -> BoxFuture<'_, Result<MemberChanged, ChangeRefusal>> {
        Box::pin(async {
            let made = self.make(change, author).await;
            *self.newest.lock().await = None;
            made.map_err(|error| match error {
                ChangeError::NotLed(reason) => ChangeRefusal::NotLed(reason),
                ChangeError::Refused(reason) => ChangeRefusal::Refused(reason),
                ChangeError::Unknown(reason) => ChangeRefusal::Unknown(reason),
            })
        })
    }
}

/// What answers other nodes. It does not keep the desk, which holds the node, alive.
struct Answers(std::sync::Weak<ClusterDesk>);

impl PeerService for Answers {
    fn answer(&self, from_node: u64, request: Bytes) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move {
            let desk = self.0.upgrade().ok_or("the node is stopping")?;
            desk.answer(from_node, request).await
        })
    }
}

/// The newest index at which every node that answers has a digest of its ledger.
fn newest_common_checkpoint(survey: &[(Member, Result<NodeStatus, String>)]) -> Option<u64> {
    let mut answers = survey.iter().filter_map(|(_, status)| status.as_ref().ok());
    let indexes = |status: &NodeStatus| -> BTreeSet<u64> {
        let checkpoints = status.checkpoints.iter();
        checkpoints.map(|checkpoint| checkpoint.index).collect()
    };
    let first = indexes(answers.next()?);
    let common = answers.fold(first, |common, status| &common & &indexes(status));
    common.last().copied()
}

fn describe(
    member: Member,
    status: Result<NodeStatus, String>,
    report: Result<NodeReport, String>,
    compared_index: Option<u64>,
) -> ClusterNode {
    let mut node = ClusterNode {
        id: member.node_id,
        address: member.address,
        reachable: status.is_ok(),
        serving: false,
        version: None,
        command_version: None,
        role: "unreachable".into(),
        is_voter: member.is_voter,
        term: None,
        applied_index: None,
        lag: member.lag,
        digest: None,
        digest_index: None,
        database_bytes: None,
        daemon_height: None,
        connections: None,
        shares_per_second: None,
        hashrate: None,
        payout_status: None,
        api: None,
        started_at_ms: None,
        drain_phase: None,
        public: None,
        errors: Vec::new(),
    };
    match status {
        Ok(status) => {
            let mut checkpoints = status.checkpoints.iter();
            let compared = checkpoints.find(|known| Some(known.index) == compared_index);
            node.digest = compared.map(|known| hex::encode(&known.digest[..4]));
            node.digest_index = compared.map(|known| known.index);
            node.command_version = Some(status.command_version);
            node.role = status.role;
            node.term = Some(status.term);
            node.applied_index = Some(status.applied_index);
        }
        Err(reason) => {
            node.errors.push(reason);
            return node;
        }
    }
    match report {
        Ok(report) => add_report(&mut node, report),
        Err(reason) => node.errors.push(reason),
    }
    node
}

fn add_report(node: &mut ClusterNode, report: NodeReport) {
    let thousandths = report.shares_per_second_thousandths;
    node.version = Some(report.version);
    node.serving = report.serving;
    node.database_bytes = Some(report.database_bytes);
    node.daemon_height = report
        .daemons
        .iter()
        .filter_map(|daemon| daemon.height)
        .max();
    node.connections = Some(report.connections);
    node.shares_per_second = Some(format!(
        "{}.{:03}",
        thousandths / 1_000,
        thousandths % 1_000
    ));
    node.hashrate = Some(Decimal::from(report.work_per_second_hashes));
    node.payout_status = Some(report.payout_status).filter(|status| !status.is_empty());
    node.api = Some(report.api_address).filter(|address| !address.is_empty());
    node.started_at_ms = Some(report.started_at_ms);
    node.drain_phase = Some(report.drain_phase).filter(|phase| !phase.is_empty());
    node.public = report.public.map(public_facts);
    if !report.serving {
        node.errors.push(report.waiting_reason);
    }
    node.errors.extend(report.errors);
}

fn public_facts(public: PublicReport) -> PublicFacts {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let endpoint = |endpoint: MinerEndpoint| {
        Some(Endpoint {
            protocol: endpoint.protocol,
            host: given(endpoint.host),
            // A port that is none is of a program that this one does not understand.
            port: u16::try_from(endpoint.port).ok()?,
            encryption: endpoint.encryption,
            starting_difficulty: endpoint.starting_difficulty.into(),
            default_scheme: given(endpoint.default_scheme),
        })
    };
    PublicFacts {
        name: given(public.name),
        region: given(public.region),
        api_url: given(public.api_url),
        endpoints: public.endpoints.into_iter().filter_map(endpoint).collect(),
    }
}

/// How a cluster of these nodes is, and what is wrong with it.
fn diagnose(nodes: &[ClusterNode], leader_id: Option<u64>) -> (Health, Vec<String>) {
    let voters = nodes.iter().filter(|node| node.is_voter);
    let (reachable, voters) = voters.fold((0, 0), |(reachable, all), node| {
        (reachable + usize::from(node.reachable), all + 1)
    });
    let mut problems = Vec::new();
    if leader_id.is_none() {
        problems.push("no leader is known".to_owned());
    }
    if reachable * 2 <= voters {
        problems.push(format!("only {reachable} of {voters} voters answer"));
    }
    let has_quorum = problems.is_empty();
    if voters == 2 {
        problems.push("two voters: the loss of either one stops the cluster".to_owned());
    }
    for node in nodes {
        let id = node.id;
        let lag = node.lag.filter(|lag| *lag > LAG_MAX);
        problems.extend(lag.map(|lag| format!("node {id}: {lag} entries behind")));
        let errors = node.errors.iter();
        problems.extend(errors.map(|error| format!("node {id}: {error}")));
    }
    let health = match (has_quorum, problems.is_empty()) {
        (false, _) => Health::NoQuorum,
        (true, true) => Health::Healthy,
        (true, false) => Health::Degraded,
    };
    (health, problems)
}
