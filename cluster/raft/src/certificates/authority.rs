//! Making certificates.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use super::error::CertificateError;
use super::name::PeerName;
use super::{AUTHORITY_CERTIFICATE, AUTHORITY_KEY, NODE_CERTIFICATE, NODE_KEY};

/// Certificates are valid a little before they are made: clocks differ.
const BACKDATED: Duration = Duration::hours(1);
const AUTHORITY_VALID: Duration = Duration::days(3_650);
const NODE_VALID: Duration = Duration::days(398);
const COMMON_NAME: &str = "raftpool cluster ";

/// Signs the certificates of one cluster's nodes. Whoever has its key can be any node.
pub struct CertificateAuthority {
    cluster_id: [u8; 16],
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// Makes the authority of a cluster: `ca.pem`, and `ca.key`, which only its owner can read.
    ///
    /// # Errors
    /// When there is one already, or the files cannot be written.
    pub fn create(
        directory: &Path,
        cluster_id: [u8; 16],
        now_ms: u64,
    ) -> Result<Self, CertificateError> {
        let (certificate_path, key_path) = (
            directory.join(AUTHORITY_CERTIFICATE),
            directory.join(AUTHORITY_KEY),
        );
        for path in [&certificate_path, &key_path] {
            if path.exists() {
                return Err(CertificateError::AuthorityExists { path: path.clone() });
            }
        }
        let key = KeyPair::generate().map_err(CertificateError::make("the authority's key"))?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cluster = hex::encode(cluster_id);
        params.distinguished_name = common_name(format!("{COMMON_NAME}{cluster}"));
        (params.not_before, params.not_after) = validity(now_ms, AUTHORITY_VALID);
        let made = params
            .self_signed(&key)
            .map_err(CertificateError::make("the authority's certificate"))?;
        create_directory(directory)?;
        write(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
        write(&certificate_path, made.pem().as_bytes(), 0o644)?;
        Self::load(directory)
    }

    /// Opens an authority that was made before.
    ///
    /// # Errors
    /// When its files cannot be read, or are not those of a cluster's authority.
    pub fn load(directory: &Path) -> Result<Self, CertificateError> {
        let path = directory.join(AUTHORITY_CERTIFICATE);
        let certificate =
            fs::read_to_string(&path).map_err(CertificateError::file("read", &path))?;
        let key_path = directory.join(AUTHORITY_KEY);
        let key =
            fs::read_to_string(&key_path).map_err(CertificateError::file("read", &key_path))?;
        let key = KeyPair::from_pem(&key).map_err(CertificateError::make("the authority's key"))?;
        let cluster_id = cluster_of(&certificate).ok_or_else(|| CertificateError::Unusable {
            path: path.clone(),
            problem: "not the certificate of a cluster's authority".to_owned(),
        })?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)
            .map_err(CertificateError::make("the authority"))?;
        Ok(Self {
            cluster_id,
            certificate,
            issuer,
        })
    }

    /// The cluster whose nodes it names.
    pub fn cluster_id(&self) -> [u8; 16] {
        self.cluster_id
    }

    /// Makes a node's certificate and key, and puts them into `directory` with the authority's
    /// certificate: `node.pem`, `node.key` (which only its owner can read) and `ca.pem`. What was
    /// there before is replaced; running nodes take it up by themselves. `dns_names` are further
    /// names for the node, for other programs; the cluster itself asks for none of them.
    ///
    /// # Errors
    /// When a name is no DNS name, or a file cannot be written.
    pub fn issue(
        &self,
        directory: &Path,
        node_id: u64,
        dns_names: &[String],
        now_ms: u64,
    ) -> Result<(), CertificateError> {
        let name = PeerName {
            cluster_id: self.cluster_id,
            node_id,
        }
        .to_string();
        let mut names = vec![name.clone(), PeerName::of_anybody(self.cluster_id)];
        let further = dns_names.iter().filter(|other| !names.contains(other));
        let further: Vec<_> = further.cloned().collect();
        names.extend(further);
        let mut params = CertificateParams::new(names)
            .map_err(CertificateError::make("the node's certificate"))?;
        params.distinguished_name = common_name(format!("raftpool node {node_id}"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(now_ms, NODE_VALID);
        let key = KeyPair::generate().map_err(CertificateError::make("the node's key"))?;
        let made = params
            .signed_by(&key, &self.issuer)
            .map_err(CertificateError::make("the node's certificate"))?;
        create_directory(directory)?;
        write(
            &directory.join(NODE_KEY),
            key.serialize_pem().as_bytes(),
            0o600,
        )?;
        write(
            &directory.join(NODE_CERTIFICATE),
            made.pem().as_bytes(),
            0o644,
        )?;
        write(
            &directory.join(AUTHORITY_CERTIFICATE),
            self.certificate.as_bytes(),
            0o644,
        )
    }
}

fn common_name(name: String) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn validity(now_ms: u64, valid: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let now = i64::try_from(now_ms / 1_000).unwrap_or(i64::MAX);
    let now = OffsetDateTime::from_unix_timestamp(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    (now.saturating_sub(BACKDATED), now.saturating_add(valid))
}

/// The cluster in an authority's name.
fn cluster_of(certificate: &str) -> Option<[u8; 16]> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?;
    let cluster = hex::decode(name.strip_prefix(COMMON_NAME)?).ok()?;
    cluster.try_into().ok()
}

fn create_directory(path: &Path) -> Result<(), CertificateError> {
    fs::create_dir_all(path).map_err(CertificateError::file("create directory", path))
}

/// Makes `path` hold `content`, all or nothing, and never readable by more than `mode` says.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), CertificateError> {
    let temporary = path.with_extension("tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(CertificateError::file("remove", &temporary)(error));
        }
        _ => {}
    }
    let file: Result<File, _> = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary);
    let mut file = file.map_err(CertificateError::file("create", &temporary))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(CertificateError::file("write", &temporary))?;
    fs::rename(&temporary, path).map_err(CertificateError::file("rename to", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    #[test]
    fn authority_is_made_once_and_keys_are_their_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let made = CertificateAuthority::create(path, [3; 16], NOW_MS).unwrap();
        assert_eq!(made.cluster_id(), [3; 16]);
        let again = CertificateAuthority::create(path, [3; 16], NOW_MS)
            .err()
            .unwrap();
        assert!(matches!(again, CertificateError::AuthorityExists { .. }));
        let loaded = CertificateAuthority::load(path).unwrap();
        assert_eq!(loaded.cluster_id(), [3; 16]);
        let node = path.join("node");
        loaded
            .issue(&node, 7, &["pool.example".into()], NOW_MS)
            .unwrap();
        for key in [path.join(AUTHORITY_KEY), node.join(NODE_KEY)] {
            let mode = fs::metadata(&key).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", key.display());
        }
        assert!(!node.join(AUTHORITY_KEY).exists());
    }
}
