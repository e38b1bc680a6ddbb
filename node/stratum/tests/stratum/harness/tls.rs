//! Certificates for one test, and miners that use TLS.

use std::path::PathBuf;
use std::sync::Arc;

use raftpool_chain::Template;
use raftpool_pow::Algorithm;
use raftpool_stratum::{Encryption, Listener, ServerCertificate, StratumConfig};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{GatedCluster, Pool, Wire, config, template};

pub const NAME: &str = "pool.example";

/// A certificate in files, and what a miner must trust to accept it.
pub struct Files {
    pub directory: tempfile::TempDir,
    pub trusted: CertificateDer<'static>,
}

impl Files {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let trusted = write_certificate(&directory);
        Self { directory, trusted }
    }

    pub fn paths(&self) -> [PathBuf; 2] {
        paths(&self.directory)
    }

    pub fn open(&self) -> Arc<ServerCertificate> {
        let [certificate, key] = self.paths();
        ServerCertificate::open(&certificate, &key).unwrap()
    }

    pub fn replace(&mut self) {
        self.trusted = write_certificate(&self.directory);
    }
}

fn paths(directory: &tempfile::TempDir) -> [PathBuf; 2] {
    ["pool.crt", "pool.key"].map(|name| directory.path().join(name))
}

fn write_certificate(directory: &tempfile::TempDir) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NAME.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let [certificate_path, key_path] = paths(directory);
    std::fs::write(certificate_path, certificate.pem()).unwrap();
    std::fs::write(key_path, key.serialize_pem()).unwrap();
    certificate.der().clone()
}

pub fn listener(encryption: Encryption) -> Listener {
    Listener {
        encryption,
        ..Listener::plain(([127, 0, 0, 1], 0).into())
    }
}

pub fn over_tls(encryption: Encryption, files: &Files) -> StratumConfig {
    StratumConfig {
        listeners: vec![listener(encryption)],
        certificate: Some(files.open()),
        ..config()
    }
}

pub async fn handshake(
    stream: TcpStream,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(NAME).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// A pool with one port for plain text and TLS.
pub struct OnePort {
    pub pool: Pool,
    files: Files,
}

/// How a miner reaches it.
#[derive(Debug, Clone, Copy)]
pub enum Protection {
    Plain,
    Tls,
}

impl OnePort {
    pub async fn start() -> Self {
        Self::hashing(Algorithm::V3).await
    }

    /// One that mines this version of the proof of work.
    pub async fn hashing(algorithm: Algorithm) -> Self {
        let files = Files::new();
        let config = over_tls(Encryption::Both, &files);
        let pool = Pool::without_template(config, GatedCluster::new(), 1).await;
        pool.new_template(Template {
            algorithm,
            ..template(100)
        });
        Self { pool, files }
    }

    pub async fn wire(&self, protection: Protection) -> Box<dyn Wire> {
        let stream = TcpStream::connect(self.pool.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        match protection {
            Protection::Plain => Box::new(stream),
            Protection::Tls => Box::new(handshake(stream, &self.files.trusted).await.unwrap()),
        }
    }
}
