//! Certificates: the bridge's own, those it asks of clients, and what a client believes.

use crate::io_error;
pub use rustls::ServerConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The one protocol that is spoken inside.
const HTTP: &[u8] = b"http/1.1";

/// The cryptography, chosen here: what else is linked makes no difference.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}

/// A bridge's TLS, from PEM files.
///
/// Clients may show a certificate of `client_ca`, where that is given; whoever shows none has to prove itself otherwise.
///
/// # Errors
/// Where a file cannot be read, has nothing of what it should, or certificate and key do not belong together.
pub fn server(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> io::Result<Arc<ServerConfig>> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|why| file(key, "a private key", why))?;
    let provider = provider();
    let versions = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = versions.map_err(io_error)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider);
            builder
                .with_client_cert_verifier(verifier.allow_unauthenticated().build().map_err(|why| file(ca, "authorities", why))?)
        }
    };
    let mut config =
        builder.with_single_cert(chain, secret).map_err(|why| file(certificate, "a certificate of that key", why))?;
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(Arc::new(config))
}

/// Where a bridge's own certificate is.
#[derive(Debug, Clone)]
pub struct SelfSigned {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM, readable by its owner alone.
    pub key: PathBuf,
    /// What a client pins, as `sha256=` has it: hexadecimal.
    pub fingerprint: String,
}

/// A certificate that the bridge made for itself, kept in `folder` so that its fingerprint stays what clients have pinned.
///
/// # Errors
/// Where it can be neither read nor made.
pub fn self_signed(folder: &Path, names: &[String]) -> io::Result<SelfSigned> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if !certificate.exists() || !key.exists() {
        let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
        let made = rcgen::generate_simple_self_signed(all).map_err(io_error)?;
        std::fs::create_dir_all(folder)?;
        // The key first: a certificate without one would look like both.
        write(&key, &made.signing_key.serialize_pem())?;
        write(&certificate, &made.cert.pem())?;
    }
    let first = certificates(&certificate)?.into_iter().next().ok_or_else(|| io::Error::other("an empty certificate"))?;
    Ok(SelfSigned { fingerprint: fingerprint(&first), certificate, key })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(certificate))
}

/// Whom a client believes to be the bridge.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// Whoever this system's authorities vouch for.
    #[default]
    System,
    /// Whoever the authorities of this PEM file vouch for, and no others.
    Authorities(PathBuf),
    /// Whoever has the certificate with this SHA-256, whatever name is in it.
    Pinned([u8; 32]),
}

/// Reads a fingerprint: hexadecimal, with or without colons.
#[must_use]
pub fn pin(text: &str) -> Option<[u8; 32]> {
    let bare: String = text.chars().filter(|c| *c != ':').map(|c| c.to_ascii_lowercase()).collect();
    data_encoding::HEXLOWER.decode(bare.as_bytes()).ok()?.try_into().ok()
}

/// A client's TLS. The files are read anew for each connection: certificates are renewed.
pub(crate) fn client(trust: &Trust, own: Option<&(PathBuf, PathBuf)>) -> io::Result<Arc<ClientConfig>> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(io_error)?;
    let builder = match trust {
        Trust::System => builder.with_root_certificates(system()?),
        Trust::Authorities(path) => builder.with_root_certificates(roots(path)?),
        Trust::Pinned(pin) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned { pin: *pin, provider })),
    };
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|why| file(key, "a private key", why))?;
            let with = builder.with_client_auth_cert(certificates(certificate)?, secret);
            with.map_err(|why| file(certificate, "a certificate of that key", why))?
        }
    };
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(Arc::new(config))
}

/// The system's authorities. Read once: there are hundreds of them.
fn system() -> io::Result<Arc<RootCertStore>> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        let text = "this system has no authorities to believe; name some with --tls-ca, or pin the certificate with #sha256=";
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    Ok(Arc::clone(roots))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|why| file(path, "certificates", why))?;
    if found.is_empty() {
        return Err(file(path, "certificates", "there is none in it"));
    }
    Ok(found)
}

fn roots(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|why| file(path, "an authority", why))?;
    }
    Ok(roots)
}

fn file(path: &Path, what: &str, why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("cannot read {what} from {}: {why}", path.display()))
}

/// Believes one certificate. What it is signed by, its names and its dates say nothing more than that it is this one.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Sha256::digest(certificate)[..] == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let text = format!("another certificate than the pinned one: its SHA-256 is {}", fingerprint(certificate));
        Err(rustls::Error::General(text))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let tls = folder.path().join("tls");
        let first = self_signed(&tls, &["bridge.example".to_owned()]).unwrap();
        let again = self_signed(&tls, &[]).unwrap();
        assert_eq!(first.fingerprint, again.fingerprint);
        assert_eq!(std::fs::metadata(&first.key).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(server(&first.certificate, &first.key, None).is_ok());
        let why = server(&first.key, &first.key, None).unwrap_err().to_string();
        assert!(why.contains("certificates from") && why.contains("key.pem"), "{why}");
    }

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(pin(&plain), Some([0xab; 32]));
        assert_eq!(pin(&colons), pin(&plain));
        assert!(pin("abcd").is_none() && pin("").is_none() && pin(&"zz".repeat(32)).is_none());
    }
}
