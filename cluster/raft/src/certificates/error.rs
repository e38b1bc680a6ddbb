//! What can be wrong with certificates.

use std::io;
use std::path::PathBuf;

/// Certificates could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file operation failed.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is an authority already; another one would lock out every node.
    #[error("{} exists: the cluster has an authority already", path.display())]
    AuthorityExists {
        /// The file that exists.
        path: PathBuf,
    },
    /// A certificate could not be made.
    #[error("make {what}")]
    Make {
        /// Which certificate.
        what: &'static str,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The node's certificate is for somebody else.
    #[error(
        "{} is for node {found_node} of cluster {found_cluster}, but this is node {node} of \
         cluster {cluster}: correct the id of the node, or issue a certificate for it", path.display()
    )]
    WrongName {
        /// The certificate.
        path: PathBuf,
        /// The node it names.
        found_node: u64,
        /// The cluster it names, in hexadecimal.
        found_cluster: String,
        /// This node.
        node: u64,
        /// This cluster, in hexadecimal.
        cluster: String,
    },
    /// Certificate, key and authorities do not fit together.
    #[error("certificates in {} do not fit together", directory.display())]
    Mismatch {
        /// Where they lie.
        directory: PathBuf,
        /// What the library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl CertificateError {
    /// For `map_err` on file operations.
    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// For `map_err` on the making of certificates.
    pub(super) fn make(what: &'static str) -> impl FnOnce(rcgen::Error) -> Self {
        move |source| Self::Make { what, source }
    }
}
