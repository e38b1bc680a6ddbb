//! A certificate for the nodes of a test, and miners that trust it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// The name in the certificate.
pub const NAME: &str = "pool.example";

/// Where the certificate and its key lie in a directory.
pub fn paths(directory: &Path) -> [PathBuf; 2] {
    ["pool.crt", "pool.key"].map(|name| directory.join(name))
}

/// Makes a certificate for [`NAME`] that is its own authority.
///
/// # Errors
/// When it cannot be made or written.
pub fn write_certificate(directory: &Path) -> Result<()> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?;
    let [certificate_path, key_path] = paths(directory);
    std::fs::write(certificate_path, certificate.pem()).context("write the certificate")?;
    std::fs::write(key_path, key.serialize_pem()).context("write the certificate's key")
}

/// Speaks TLS over a connection to a node that has the certificate in `directory`.
///
/// # Errors
/// When the node shows another one, or the connection ends.
pub async fn handshake(stream: TcpStream, directory: &Path) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let [certificate, _] = paths(directory);
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(NAME)?;
    connector.connect(name, stream).await.context("TLS")
}
