//! A node's certificates as it uses them, followed when the files change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tonic::transport::{Certificate, ClientTlsConfig, Identity as TlsIdentity};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::CertificateError;
use super::name::PeerName;
use super::{AUTHORITY_CERTIFICATE, NODE_CERTIFICATE, NODE_KEY};
use crate::Identity;

/// How often the files are looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The certificates of one node. Connections made before a change keep what they began with.
pub struct CertificateStore {
    directory: PathBuf,
    identity: Identity,
    current: ArcSwap<Material>,
}

/// One set of certificates.
pub(crate) struct Material {
    /// Rises with every change.
    pub(crate) generation: u64,
    /// For the listener.
    pub(crate) server: Arc<ServerConfig>,
    certificates: Vec<u8>,
    key: Vec<u8>,
    authorities: Vec<u8>,
    node_expires_at_ms: u64,
    authority_expires_at_ms: u64,
    stamp: Stamp,
}

/// What tells that a file was replaced.
type Stamp = [Option<(SystemTime, u64)>; 3];

/// Whom the certificate in a directory is for.
///
/// # Errors
/// When there is none, or it names no node of a cluster.
pub fn certified_name(directory: &Path) -> Result<PeerName, CertificateError> {
    let path = directory.join(NODE_CERTIFICATE);
    let pem = fs::read(&path).map_err(CertificateError::file("read", &path))?;
    let chain = parse_all(&path, &pem)?;
    name_of(&path, &x509(&path, &chain[0])?)
}

impl CertificateStore {
    /// Reads the certificates in a directory: `node.pem`, `node.key` and `ca.pem`.
    ///
    /// # Errors
    /// When one is missing or unusable, or they are those of another node or cluster.
    pub fn open(directory: &Path, identity: Identity) -> Result<Self, CertificateError> {
        let material = Material::read(directory, identity, 1)?;
        Ok(Self {
            directory: directory.into(),
            identity,
            current: ArcSwap::from_pointee(material),
        })
    }

    /// When this node's certificate expires, in milliseconds since the Unix epoch.
    pub fn node_expires_at_ms(&self) -> u64 {
        self.current.load().node_expires_at_ms
    }

    /// When the first of the trusted authorities expires, in milliseconds since the Unix epoch.
    pub fn authority_expires_at_ms(&self) -> u64 {
        self.current.load().authority_expires_at_ms
    }

    /// How often certificates were taken up, the start included.
    pub fn generation(&self) -> u64 {
        self.current.load().generation
    }

    pub(crate) fn current(&self) -> Arc<Material> {
        self.current.load_full()
    }

    /// Takes up files that have changed. Returns whether it did.
    ///
    /// # Errors
    /// As [`CertificateStore::open`]; the certificates in use stay in use then.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let current = self.current.load();
        if stamp(&self.directory) == current.stamp {
            return Ok(false);
        }
        let next = Material::read(&self.directory, self.identity, current.generation + 1)?;
        self.current.store(Arc::new(next));
        Ok(true)
    }

    /// Looks at the files for ever.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut interval = tokio::time::interval(POLL_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_told = false;
        loop {
            interval.tick().await;
            let store = self.clone();
            let Ok(reloaded) = tokio::task::spawn_blocking(move || store.reload()).await else {
                continue;
            };
            match reloaded {
                Ok(true) => {
                    is_told = false;
                    let expires_at_ms = self.node_expires_at_ms();
                    tracing::info!(expires_at_ms, "took up new certificates");
                }
                Ok(false) => {}
                // Once, because files are replaced one by one and soon fit again.
                Err(error) if !is_told => {
                    is_told = true;
                    let error = crate::error::chain(&error);
                    tracing::warn!(error, "new certificates are not used");
                }
                Err(_) => {}
            }
        }
    }
}

impl Material {
    fn read(
        directory: &Path,
        identity: Identity,
        generation: u64,
    ) -> Result<Self, CertificateError> {
        // Before the files are read: a change in between is then seen by the next look.
        let stamp = stamp(directory);
        let read = |name: &str| {
            let path = directory.join(name);
            let bytes = fs::read(&path).map_err(CertificateError::file("read", &path))?;
            Ok::<_, CertificateError>((path, bytes))
        };
        let (certificate_path, certificates) = read(NODE_CERTIFICATE)?;
        let (key_path, key) = read(NODE_KEY)?;
        let (authority_path, authorities) = read(AUTHORITY_CERTIFICATE)?;

        let chain = parse_all(&certificate_path, &certificates)?;
        let trusted = parse_all(&authority_path, &authorities)?;
        let node = x509(&certificate_path, &chain[0])?;
        check_name(&certificate_path, &node, identity)?;
        let mut authority_expires_at_ms = u64::MAX;
        for authority in &trusted {
            let expires = expires_at_ms(&x509(&authority_path, authority)?);
            authority_expires_at_ms = authority_expires_at_ms.min(expires);
        }
        let node_expires_at_ms = expires_at_ms(&node);
        let private_key =
            PrivateKeyDer::from_pem_slice(&key).map_err(|error| CertificateError::Unusable {
                path: key_path,
                problem: error.to_string(),
            })?;
        let server = server_config(chain.clone(), private_key, trusted).map_err(|source| {
            CertificateError::Mismatch {
                directory: directory.into(),
                source,
            }
        })?;
        Ok(Self {
            generation,
            server: Arc::new(server),
            certificates,
            key,
            authorities,
            node_expires_at_ms,
            authority_expires_at_ms,
            stamp,
        })
    }

    /// For a connection to whoever can prove to have the name `target`.
    pub(crate) fn client(&self, target: &str) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.authorities))
            .identity(TlsIdentity::from_pem(&self.certificates, &self.key))
            .domain_name(target)
    }
}

/// TLS 1.3 with a client certificate of one of the authorities, or no connection.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    trusted: Vec<CertificateDer<'static>>,
) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in trusted {
        roots.add(authority)?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn check_name(
    path: &Path,
    certificate: &X509Certificate<'_>,
    identity: Identity,
) -> Result<(), CertificateError> {
    let name = name_of(path, certificate)?;
    if (name.cluster_id, name.node_id) == (identity.cluster_id, identity.node_id) {
        return Ok(());
    }
    Err(CertificateError::WrongName {
        path: path.into(),
        found_node: name.node_id,
        found_cluster: hex::encode(name.cluster_id),
        node: identity.node_id,
        cluster: hex::encode(identity.cluster_id),
    })
}

fn name_of(path: &Path, certificate: &X509Certificate<'_>) -> Result<PeerName, CertificateError> {
    PeerName::of(certificate).ok_or_else(|| CertificateError::Unusable {
        path: path.into(),
        problem: "names no node of a cluster".to_owned(),
    })
}

fn parse_all(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let unusable = |problem: String| CertificateError::Unusable {
        path: path.into(),
        problem,
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| unusable(error.to_string()))?;
    match certificates.is_empty() {
        true => Err(unusable("holds no certificate".to_owned())),
        false => Ok(certificates),
    }
}

fn x509<'a>(path: &Path, der: &'a [u8]) -> Result<X509Certificate<'a>, CertificateError> {
    let parsed = X509Certificate::from_der(der);
    let (_, certificate) = parsed.map_err(|error| CertificateError::Unusable {
        path: path.into(),
        problem: error.to_string(),
    })?;
    Ok(certificate)
}

fn expires_at_ms(certificate: &X509Certificate<'_>) -> u64 {
    let seconds = certificate.validity().not_after.timestamp();
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
}

fn stamp(directory: &Path) -> Stamp {
    [NODE_CERTIFICATE, NODE_KEY, AUTHORITY_CERTIFICATE].map(|name| {
        let metadata = fs::metadata(directory.join(name)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CertificateAuthority;

    const NOW_MS: u64 = 1_800_000_000_000;
    const IDENTITY: Identity = Identity {
        cluster_id: [3; 16],
        node_id: 7,
    };

    fn issue(path: &Path, cluster_id: [u8; 16], node_id: u64) {
        let authority = tempfile::tempdir().unwrap();
        let authority = CertificateAuthority::create(authority.path(), cluster_id, NOW_MS).unwrap();
        authority.issue(path, node_id, &[], NOW_MS).unwrap();
    }

    #[test]
    fn certificates_of_another_node_or_cluster_are_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let missing = CertificateStore::open(path, IDENTITY).err().unwrap();
        assert!(missing.to_string().contains("node.pem"), "{missing}");
        issue(path, [3; 16], 8);
        let other = CertificateStore::open(path, IDENTITY).err().unwrap();
        assert!(other.to_string().contains("is for node 8"), "{other}");
        issue(path, [4; 16], 7);
        let other = CertificateStore::open(path, IDENTITY).err().unwrap();
        assert!(other.to_string().contains(&hex::encode([4; 16])), "{other}");
        issue(path, [3; 16], 7);
        let store = CertificateStore::open(path, IDENTITY).unwrap();
        let days = (store.node_expires_at_ms() - NOW_MS) / 86_400_000;
        assert_eq!(days, 398);
        assert!(store.authority_expires_at_ms() > store.node_expires_at_ms());
    }

    #[test]
    fn files_that_do_not_fit_leave_the_old_ones_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        issue(path, [3; 16], 7);
        let store = CertificateStore::open(path, IDENTITY).unwrap();
        assert!(!store.reload().unwrap());
        let other = tempfile::tempdir().unwrap();
        issue(other.path(), [3; 16], 7);
        fs::copy(other.path().join(NODE_KEY), path.join(NODE_KEY)).unwrap();
        let mismatch = store.reload().err().unwrap();
        assert!(
            matches!(mismatch, CertificateError::Mismatch { .. }),
            "{mismatch}"
        );
        assert_eq!(store.generation(), 1);
        fs::copy(
            other.path().join(NODE_CERTIFICATE),
            path.join(NODE_CERTIFICATE),
        )
        .unwrap();
        assert!(store.reload().unwrap());
        assert_eq!(store.generation(), 2);
    }
}
