//! TLS of emulated miners: which certificates they take, with every connection a full handshake.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

/// Which certificates are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// All of them, as most miners do.
    Anything,
    /// Those that one of the certificates in this PEM text has signed, or that are among them.
    Pem(Vec<u8>),
}

/// How emulated miners use TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadTls {
    /// Which certificates they take.
    pub trust: Trust,
    /// The name they ask for, and that the certificate must have: a DNS name or an IP address.
    pub server_name: String,
}

/// What a connection needs to use TLS.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl LoadTls {
    pub(super) fn open(&self) -> Result<Tls, Error> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let mut config = match &self.trust {
            Trust::Anything => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TakesAnything(provider)))
                .with_no_client_auth(),
            Trust::Pem(text) => builder
                .with_root_certificates(read_roots(text)?)
                .with_no_client_auth(),
        };
        // Miners that come after a fail-over have no session to resume either.
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(self.server_name.clone())
            .map_err(|error| Error::Other(OtherError(Arc::new(error))))?;
        Ok(Tls {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        })
    }
}

fn read_roots(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| Error::Other(OtherError(Arc::new(error))))?;
        roots.add(certificate)?;
    }
    match roots.is_empty() {
        true => Err(Error::General("no certificate in the PEM text".into())),
        false => Ok(roots),
    }
}

/// Checks that the other side has the key of its certificate, and nothing about the certificate.
#[derive(Debug)]
struct TakesAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for TakesAnything {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_before_the_first_connection() {
        let tls = |trust, name: &str| LoadTls {
            trust,
            server_name: name.into(),
        };
        assert!(tls(Trust::Anything, "127.0.0.1").open().is_ok());
        assert!(tls(Trust::Anything, "no name").open().is_err());
        assert!(tls(Trust::Pem(b"nothing".to_vec()), "a.b").open().is_err());
    }
}
