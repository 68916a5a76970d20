//! A member's certificate and key, read and checked.

use super::authority::Authority;
use super::names::Name;
use super::{certificate_path, key_path, malformed};
use crate::durable;
use crate::error::{Fault, NodeError};
use crate::fleet_folder::{check_private, file_exists};
use ed25519_dalek::VerifyingKey;
use mesh_model::AssetId;
use rcgen::{KeyPair, PKCS_ED25519};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// A certificate that was read and is a certificate; whether it is a good one is asked of it.
pub(super) struct Leaf {
    path: PathBuf,
    key_path: PathBuf,
    /// Parses as a certificate.
    der: Vec<u8>,
}

impl Leaf {
    /// Reads the certificate of `asset` in the fleet folder at `fleet`.
    pub(super) fn read(fleet: &Path, asset: &AssetId) -> Result<Self, NodeError> {
        let path = certificate_path(fleet, asset);
        if !file_exists(&path)? {
            return Err(NodeError::unfit(&path, Fault::Missing { what: CERTIFICATE }));
        }
        let der = read_pem(&path)?;
        parse(&path, &der)?;
        Ok(Self { path, key_path: key_path(fleet, asset), der })
    }

    /// Whether `authority` gave it to `asset`.
    pub(super) fn check(&self, asset: &AssetId, authority: &Authority) -> Result<(), NodeError> {
        let certificate = self.certificate();
        if !authority.has_issued(&certificate) {
            return Err(NodeError::unfit(&self.path, Fault::ForeignIssuer { found: certificate.issuer().to_string() }));
        }
        let found = common_name(&certificate);
        if found != asset.as_str() {
            return Err(NodeError::unfit(&self.path, Fault::OtherSubject { found, expected: asset.clone() }));
        }
        Ok(())
    }

    /// Whether the private key beside it belongs to it, and is private.
    pub(super) fn check_key(&self) -> Result<(), NodeError> {
        if !file_exists(&self.key_path)? {
            return Err(NodeError::unfit(&self.key_path, Fault::Missing { what: TLS_KEY }));
        }
        let key = read_key(&self.key_path)?;
        if ed25519(&self.certificate()).is_some_and(|public| public.as_bytes()[..] == *key.public_key_raw()) {
            return Ok(());
        }
        Err(NodeError::unfit(&self.key_path, Fault::OtherKeyThanCertified))
    }

    /// Whether it is valid at `now`.
    pub(super) fn check_validity(&self, now: OffsetDateTime) -> Result<(), NodeError> {
        check_validity(&self.path, CERTIFICATE, &self.certificate(), now)
    }

    /// When it ends.
    pub(super) fn ends(&self) -> OffsetDateTime {
        self.certificate().validity().not_after.to_datetime()
    }

    /// Whether it says exactly these names.
    pub(super) fn is_for(&self, names: &BTreeSet<Name>) -> bool {
        let certificate = self.certificate();
        let Ok(Some(extension)) = certificate.subject_alternative_name() else {
            return false;
        };
        let found: Option<BTreeSet<_>> = extension.value.general_names.iter().map(name).collect();
        found.is_some_and(|found| found == *names)
    }

    fn certificate(&self) -> X509Certificate<'_> {
        let (_, certificate) = X509Certificate::from_der(&self.der).expect("it was parsed when it was read");
        certificate
    }
}

/// The private key at `path`; made if there is none.
pub(super) fn open_or_create_key(path: &Path) -> Result<KeyPair, NodeError> {
    if !file_exists(path)? {
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(|why| NodeError::NoEntropy { why: why.to_string() })?;
        // When another program makes the same key at this moment, the first stays and both read it back.
        durable::create_private_file(path, key.serialize_pem().as_bytes())?;
    }
    read_key(path)
}

/// The bytes of the first certificate in the PEM file at `path`.
pub(super) fn read_pem(path: &Path) -> Result<Vec<u8>, NodeError> {
    let text = durable::read_text(path)?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes()).map_err(|why| malformed(path, PEM, why))?;
    if pem.label != "CERTIFICATE" {
        return Err(malformed(path, PEM, format!("it holds a {}", pem.label)));
    }
    Ok(pem.contents)
}

/// The certificate in `der`, which is from the file at `path`.
pub(super) fn parse<'a>(path: &Path, der: &'a [u8]) -> Result<X509Certificate<'a>, NodeError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(malformed(path, PEM, "more follows after the certificate")),
        Err(why) => Err(malformed(path, PEM, why)),
    }
}

/// Whom it is for; empty if it does not say.
pub(super) fn common_name(certificate: &X509Certificate<'_>) -> String {
    let mut names = certificate.subject().iter_common_name();
    names.next().and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned()
}

/// Its public key; `None` if that is of another kind.
pub(super) fn ed25519(certificate: &X509Certificate<'_>) -> Option<VerifyingKey> {
    VerifyingKey::try_from(&certificate.public_key().subject_public_key.data[..]).ok()
}

/// Whether it is valid at `now`.
pub(super) fn check_validity(
    path: &Path,
    what: &'static str,
    certificate: &X509Certificate<'_>,
    now: OffsetDateTime,
) -> Result<(), NodeError> {
    let from = certificate.validity().not_before.to_datetime();
    let since = certificate.validity().not_after.to_datetime();
    if now < from {
        return Err(NodeError::unfit(path, Fault::NotYetValid { what, from }));
    }
    if now > since {
        return Err(NodeError::unfit(path, Fault::Expired { what, since }));
    }
    Ok(())
}

fn read_key(path: &Path) -> Result<KeyPair, NodeError> {
    check_private(path, 0o600)?;
    let expected = "an Ed25519 private key in PKCS#8 PEM";
    let text = durable::read_text(path)?;
    let key = KeyPair::from_pem(&text).map_err(|why| malformed(path, expected, why))?;
    if !key.is_compatible(&PKCS_ED25519) {
        return Err(malformed(path, expected, "it is of another kind"));
    }
    Ok(key)
}

fn name(general: &GeneralName<'_>) -> Option<Name> {
    match general {
        GeneralName::DNSName(name) => Some(Name::Dns((*name).to_owned())),
        GeneralName::IPAddress(bytes) => address(bytes).map(Name::Address),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|four| IpAddr::from(Ipv4Addr::from(four)));
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|sixteen| IpAddr::from(Ipv6Addr::from(sixteen)))).ok()
}

const CERTIFICATE: &str = "certificate";
const TLS_KEY: &str = "private key of the certificate";
const PEM: &str = "a certificate in PEM";
