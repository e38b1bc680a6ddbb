//! The certificate miners see, followed when its files change. Connections made before a change
//! keep what they began with.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

/// How often the files are looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file could not be read.
    #[error("read {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no usable {what}: {problem}", path.display())]
    Unusable {
        /// Which one.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What was found instead.
        problem: String,
    },
    /// The key is not the certificate's.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What the library said.
        #[source]
        source: rustls::Error,
    },
}

/// A certificate and its key, in files that may be replaced at any time.
#[derive(Debug)]
pub struct ServerCertificate {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<Material>,
}

#[derive(Debug)]
struct Material {
    certified: Arc<CertifiedKey>,
    expires_at_ms: u64,
    stamp: Stamp,
}

/// What tells that a file was replaced.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl ServerCertificate {
    /// Reads a chain of certificates, the server's own first, and its key, both in PEM. Blocks.
    ///
    /// # Errors
    /// When a file is missing or unusable, or they do not belong together.
    pub fn open(certificate: &Path, key: &Path) -> Result<Arc<Self>, CertificateError> {
        let material = Material::read(certificate, key)?;
        Ok(Arc::new(Self {
            certificate: certificate.into(),
            key: key.into(),
            current: ArcSwap::from_pointee(material),
        }))
    }

    /// When the certificate expires, in milliseconds since the Unix epoch.
    pub fn expires_at_ms(&self) -> u64 {
        self.current.load().expires_at_ms
    }

    /// Takes up files that have changed; returns whether it did. Blocks.
    ///
    /// # Errors
    /// As [`ServerCertificate::open`]; the certificate in use stays in use then.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        if stamp(&self.certificate, &self.key) == self.current.load().stamp {
            return Ok(false);
        }
        let next = Material::read(&self.certificate, &self.key)?;
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
            let certificate = self.clone();
            let reloading = tokio::task::spawn_blocking(move || certificate.reload());
            match reloading.await {
                Ok(Ok(true)) => {
                    is_told = false;
                    let expires_at_ms = self.expires_at_ms();
                    tracing::info!(expires_at_ms, "took up a new certificate for miners");
                }
                // Once, because files are replaced one by one and soon fit again.
                Ok(Err(error)) if !is_told => {
                    is_told = true;
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the new certificate for miners is not used");
                }
                _ => {}
            }
        }
    }

    /// What a TLS listener needs: TLS 1.2 or newer, no certificate asked of the miner.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load().certified.clone())
    }
}

impl Material {
    fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        // Before the files are read: a change in between is then seen by the next look.
        let stamp = stamp(certificate, key);
        let unusable = |path: &Path, what: &'static str, problem: String| {
            Err(CertificateError::Unusable {
                path: path.into(),
                what,
                problem,
            })
        };
        let chain_pem = read(certificate)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain_pem).collect();
        let chain = match chain {
            Err(error) => return unusable(certificate, "certificate", error.to_string()),
            Ok(chain) if chain.is_empty() => {
                let problem = "no PEM block of a certificate".to_owned();
                return unusable(certificate, "certificate", problem);
            }
            Ok(chain) => chain,
        };
        let expires_at_ms = match X509Certificate::from_der(&chain[0]) {
            Err(error) => return unusable(certificate, "certificate", error.to_string()),
            Ok((_, parsed)) => {
                let seconds = parsed.validity().not_after.timestamp();
                u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
            }
        };
        let private = match PrivateKeyDer::from_pem_slice(&read(key)?) {
            Err(error) => return unusable(key, "private key", error.to_string()),
            Ok(private) => private,
        };
        let certified = CertifiedKey::from_der(chain, private, &ring::default_provider());
        let certified = certified.map_err(|source| CertificateError::Mismatch {
            certificate: certificate.into(),
            key: key.into(),
            source,
        })?;
        Ok(Self {
            certified: Arc::new(certified),
            expires_at_ms,
            stamp,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Read {
        path: path.into(),
        source,
    })
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}
