use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openraft::raft::VoteRequest;
use raftpool_store::{Checkpoint, Vote};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request};

use super::channels::{CallError, Channels, Purpose};
use super::dial::Dialer;
use super::{ANYBODY, convert, envelope, peer};
use crate::certificates::{CertificateStore, PeerName};
use crate::{CertificateAuthority, Identity, PeerSettings, RaftNode, RaftNodeConfig};

const CLUSTER: [u8; 16] = [0xc1; 16];
const DEADLINE: Duration = Duration::from_secs(10);

/// Node 1, and whoever wants to speak to it.
struct Place {
    root: TempDir,
    authority: CertificateAuthority,
    node: Arc<RaftNode>,
    address: String,
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() as u64
}

fn authority(path: PathBuf, cluster_id: [u8; 16]) -> CertificateAuthority {
    CertificateAuthority::create(&path, cluster_id, now_ms()).unwrap()
}

impl Place {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let authority = authority(root.path().join("ca"), CLUSTER);
        let certificates = root.path().join("certificates");
        authority.issue(&certificates, 1, &[], now_ms()).unwrap();
        let identity = Identity {
            cluster_id: CLUSTER,
            node_id: 1,
        };
        let data = root.path().join("data");
        let mut config = RaftNodeConfig::new(data, identity, Arc::new(|_: &str| {}));
        config.peers = Some(PeerSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address: "localhost:0".to_owned(),
            certificates,
            seeds: Vec::new(),
            connect_from: None,
        });
        let node = RaftNode::start(config).await.unwrap();
        node.found_cluster().await.unwrap();
        Self {
            address: node.peer_address().unwrap().to_string(),
            root,
            authority,
            node,
        }
    }

    /// The way of a node with a certificate of an authority.
    fn channels(&self, authority: &CertificateAuthority, node_id: u64) -> Channels {
        let cluster_id = authority.cluster_id();
        let name = format!("peer-{node_id}-{}", hex::encode(cluster_id));
        let directory = self.root.path().join(name);
        authority.issue(&directory, node_id, &[], now_ms()).unwrap();
        let identity = Identity {
            cluster_id,
            node_id,
        };
        let certificates = CertificateStore::open(&directory, identity).unwrap();
        let dialer = Dialer::new(None).unwrap();
        Channels::new(identity, Arc::new(certificates), dialer)
    }

    async fn status(&self, channels: &Channels, target: u64) -> Result<u64, CallError> {
        let status = channels
            .call(
                (target, &self.address),
                Purpose::Control,
                DEADLINE,
                peer::StatusRequest {},
                |mut client, request| async move { client.status(request).await },
            )
            .await;
        status.map(|status| status.node_id)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_with_a_certificate_of_the_cluster_is_answered() {
    let place = Place::new().await;
    let channels = place.channels(&place.authority, 2);
    assert_eq!(place.status(&channels, 1).await, Ok(1));
    place.node.shutdown().await;
    let gone = place.status(&channels, 1).await.unwrap_err();
    assert!(matches!(gone, CallError::NoAnswer { .. }), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_only_the_address_may_ask_for_the_status_and_nothing_else() {
    let place = Place::new().await;
    let channels = place.channels(&place.authority, 2);
    assert_eq!(place.status(&channels, ANYBODY).await, Ok(1));
    let other = authority(place.root.path().join("other"), CLUSTER);
    let strange = place.status(&place.channels(&other, 2), ANYBODY).await;
    assert!(
        strange.is_err(),
        "an authority of somebody else proves nothing"
    );
    let admitted = channels
        .call(
            (ANYBODY, &place.address),
            Purpose::Control,
            DEADLINE,
            peer::AdmitRequest {},
            |mut client, request| async move { client.admit(request).await },
        )
        .await;
    let refused = admitted.unwrap_err().to_string();
    assert!(refused.contains("may only ask for the status"), "{refused}");
    place.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_authority_and_other_target_are_refused_by_the_caller() {
    let place = Place::new().await;
    let other = authority(place.root.path().join("other"), CLUSTER);
    let strange = place.status(&place.channels(&other, 2), 1).await;
    let strange = strange.unwrap_err().to_string();
    assert!(strange.contains("certificate"), "{strange}");
    // The address of node 3 leads to node 1.
    let channels = place.channels(&place.authority, 2);
    let wrong = place.status(&channels, 3).await.unwrap_err().to_string();
    assert!(
        wrong.contains("node-3.") && wrong.contains("node-1."),
        "{wrong}"
    );
    place.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_of_another_authority_or_none_is_refused_by_the_listener() {
    let place = Place::new().await;
    let trusted = std::fs::read(place.root.path().join("certificates/ca.pem")).unwrap();
    let strangers = place.root.path().join("strangers");
    let other = authority(place.root.path().join("other"), CLUSTER);
    other.issue(&strangers, 2, &[], now_ms()).unwrap();
    for is_shown in [true, false] {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(&trusted).unwrap())
            .unwrap();
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match is_shown {
            true => {
                let chain = CertificateDer::from_pem_file(strangers.join("node.pem")).unwrap();
                let key = PemObject::from_pem_file(strangers.join("node.key")).unwrap();
                builder.with_client_auth_cert(vec![chain], key).unwrap()
            }
            false => builder.with_no_client_auth(),
        };
        let socket = TcpStream::connect(&place.address).await.unwrap();
        let name = PeerName {
            cluster_id: CLUSTER,
            node_id: 1,
        };
        let name = ServerName::try_from(name.to_string()).unwrap();
        let connect = TlsConnector::from(Arc::new(config)).connect(name, socket);
        // In TLS 1.3 the client learns of the refusal when it reads.
        let error = match connect.await {
            Ok(mut stream) => stream.read_u8().await.unwrap_err(),
            Err(error) => error,
        };
        let error = error.to_string();
        let expected = match is_shown {
            true => ["UnknownCA", "DecryptError"],
            false => ["CertificateRequired", "CertificateRequired"],
        };
        assert!(expected.iter().any(|text| error.contains(text)), "{error}");
    }
    place.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_for_another_node() {
    let place = Place::new().await;
    let channels = place.channels(&place.authority, 2);
    let request = VoteRequest::new(Vote::new(99, 3), None);
    let stolen = channels
        .call(
            (1, &place.address),
            Purpose::Control,
            DEADLINE,
            convert::vote_message(&request),
            |mut client, request| async move { client.vote(request).await },
        )
        .await;
    let stolen = stolen.unwrap_err().to_string();
    assert!(stolen.contains("node 2 speaks for node 3"), "{stolen}");

    // One that is no member takes part in no decision, though its certificate is good.
    let proposed = channels
        .call(
            (1, &place.address),
            Purpose::Forward,
            DEADLINE,
            peer::ProposeRequest::default(),
            |mut client, request| async move { client.propose(request).await },
        )
        .await;
    let proposed = proposed.unwrap_err().to_string();
    assert!(proposed.contains("node 2 is not a member"), "{proposed}");
    place.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_taken_up_while_the_node_runs() {
    let place = Place::new().await;
    let early = place.channels(&place.authority, 2);
    assert_eq!(place.status(&early, 1).await, Ok(1));
    let before = place.node.status().peer.unwrap();
    // All new, authority included.
    let next = authority(place.root.path().join("next"), CLUSTER);
    let certificates = place.root.path().join("certificates");
    next.issue(&certificates, 1, &[], now_ms() + 1_800_000)
        .unwrap();
    let followed = async {
        while place.node.status().peer.unwrap().certificate_generation == 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, followed).await.unwrap();
    let after = place.node.status().peer.unwrap();
    let longer_ms = after.certificate_expires_at_ms - before.certificate_expires_at_ms;
    assert!((1_799_000..1_900_000).contains(&longer_ms), "{longer_ms}");

    assert_eq!(place.status(&place.channels(&next, 3), 1).await, Ok(1));
    let late = place.channels(&place.authority, 4);
    let late = place.status(&late, 1).await.unwrap_err().to_string();
    assert!(late.contains("certificate"), "{late}");
    let kept = place.status(&early, 1).await;
    assert_eq!(kept, Ok(1), "connections go on with what they began with");
    place.node.shutdown().await;
}

#[test]
fn calls_that_do_not_fit_are_refused_in_one_clear_line() {
    let (me, other) = (
        Identity {
            cluster_id: CLUSTER,
            node_id: 1,
        },
        Identity {
            cluster_id: [0xc2; 16],
            node_id: 1,
        },
    );
    let shown = PeerName {
        cluster_id: CLUSTER,
        node_id: 2,
    };
    let call = |identity: Identity, from: u64, to: u64| {
        let identity = Identity {
            node_id: from,
            ..identity
        };
        let mut request = Request::new(());
        envelope::address(&mut request, identity, to);
        request.metadata().clone()
    };
    let refusal = |metadata: &MetadataMap, shown| {
        let status = envelope::check(metadata, shown, me).unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        status.message().to_owned()
    };
    let good = call(me, 2, 1);
    assert_eq!(envelope::check(&good, shown, me).unwrap().node_id, 2);
    let mut newer = good.clone();
    newer.insert("raftpool-protocol", 9.into());
    assert!(refusal(&newer, shown).contains("protocol version 9, node 1 version 1"));
    assert!(refusal(&call(other, 2, 1), shown).contains(&hex::encode([0xc2; 16])));
    assert!(refusal(&call(me, 3, 1), shown).contains("says it is node 3"));
    assert!(refusal(&call(me, 2, 4), shown).contains("for node 4, but this is node 1"));
    assert!(refusal(&MetadataMap::new(), shown).contains("no `raftpool-protocol`"));
    let foreign = PeerName {
        cluster_id: [0xc2; 16],
        node_id: 2,
    };
    assert!(refusal(&good, foreign).contains("certificate is of cluster"));
}

#[test]
fn newest_checkpoints_are_told_and_what_is_no_digest_is_left_out() {
    let checkpoints: Vec<_> = (0..100_u8)
        .map(|number| Checkpoint {
            index: u64::from(number) * 64,
            digest: [number; 32],
        })
        .collect();
    let mut status = peer::StatusResponse {
        checkpoints: convert::checkpoint_messages(&checkpoints),
        ..Default::default()
    };
    assert_eq!(convert::checkpoints_of(&status), checkpoints[36..]);
    status.checkpoints[0].digest = vec![1; 31].into();
    assert_eq!(convert::checkpoints_of(&status), checkpoints[37..]);
}
