//! The authority: one key for the fleet, whose certificate every member trusts and nobody else does.
//!
//! Ed25519, like the members' signing keys: the same crate that verifies envelopes verifies certificates here, signing
//! draws no random number, and what Zenoh speaks TLS with (rustls on ring) takes it.

use super::names::{self, Name};
use super::{AUTHORITY_NAME, BACKDATED, authority_path, leaf, malformed};
use crate::durable;
use crate::error::{Fault, NodeError};
use crate::fleet_folder::{self, file_exists};
use ed25519_dalek::{Signature, VerifyingKey};
use mesh_model::{AssetId, FleetId};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;

/// The public half, as it stands in a member's folder.
pub(super) struct Authority {
    subject: Vec<u8>,
    key: VerifyingKey,
}

impl Authority {
    /// Reads the authority of `fleet` from the fleet folder at `path`.
    pub(super) fn read(path: &Path, fleet: &FleetId, now: OffsetDateTime) -> Result<Self, NodeError> {
        let file = authority_path(path);
        if !file_exists(&file)? {
            return Err(NodeError::unfit(&file, Fault::Missing { what: AUTHORITY }));
        }
        let der = leaf::read_pem(&file)?;
        let certificate = leaf::parse(&file, &der)?;
        let found = leaf::common_name(&certificate);
        if found != fleet.as_str() {
            let expected = fleet.to_string();
            return Err(NodeError::unfit(&file, Fault::OtherFleet { found, expected }));
        }
        leaf::check_validity(&file, AUTHORITY, &certificate, now)?;
        let key = leaf::ed25519(&certificate).ok_or_else(|| malformed(&file, AUTHORITY, "its key is not Ed25519"))?;
        Ok(Self { subject: certificate.subject().as_raw().to_vec(), key })
    }

    /// Whether it has signed `certificate`.
    pub(super) fn has_issued(&self, certificate: &X509Certificate<'_>) -> bool {
        let signature = Signature::from_slice(&certificate.signature_value.data);
        let signed = signature
            .is_ok_and(|signature| self.key.verify_strict(certificate.tbs_certificate.as_ref(), &signature).is_ok());
        signed && certificate.issuer().as_raw() == self.subject
    }
}

/// The private half.
pub(super) struct Issuing {
    issuer: Issuer<'static, KeyPair>,
}

/// Opens the authority of `fleet` in the fleet folder at `path` for issuing; makes it if there is none. An authority whose
/// certificate ended, or was not finished, gets a new one for its key.
pub(super) fn open_or_create(path: &Path, fleet: &FleetId, now: OffsetDateTime) -> Result<Issuing, NodeError> {
    let key_file = private_path(path);
    let certificate_file = authority_path(path);
    if file_exists(&certificate_file)? && !file_exists(&key_file)? {
        return Err(NodeError::unfit(&key_file, Fault::Missing { what: "private key of the certificate authority" }));
    }
    fleet_folder::create_private_folder(&path.join(AUTHORITY_NAME))?;
    let key = leaf::open_or_create_key(&key_file)?;
    let params = parameters(fleet, now);
    match Authority::read(path, fleet, now) {
        Ok(authority) if authority.key.as_bytes()[..] == *key.public_key_raw() => {}
        Ok(_) => return Err(NodeError::unfit(&key_file, Fault::OtherKeyThanCertified)),
        Err(NodeError::Unfit {
            fault: Fault::Missing { .. } | Fault::Expired { .. } | Fault::NotYetValid { .. },
            ..
        }) => {
            let certificate = params.self_signed(&key).map_err(|why| malformed(&key_file, "a signing key", why))?;
            durable::replace_file(&certificate_file, certificate.pem().as_bytes())?;
        }
        Err(other) => return Err(other),
    }
    Ok(Issuing { issuer: Issuer::new(params, key) })
}

impl Issuing {
    /// A certificate, in PEM, that says that `key` is the one of `asset`.
    pub(super) fn issue(
        &self,
        asset: &AssetId,
        fleet: &FleetId,
        host: Option<&str>,
        key: &KeyPair,
        now: OffsetDateTime,
        lifetime: Duration,
    ) -> Result<String, NodeError> {
        let refused = |why: rcgen::Error| NodeError::NotIssued { asset: asset.clone(), why: why.to_string() };
        let mut params = CertificateParams::default();
        params.distinguished_name = named(asset.as_str());
        params.not_before = now - BACKDATED;
        params.not_after = now + lifetime;
        for name in names::of(asset, fleet, host) {
            params.subject_alt_names.push(match name {
                Name::Address(address) => SanType::IpAddress(address),
                Name::Dns(name) => SanType::DnsName(name.try_into().map_err(refused)?),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // A peer both answers and dials.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.signed_by(key, &self.issuer).map(|certificate| certificate.pem()).map_err(refused)
    }
}

fn parameters(fleet: &FleetId, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(fleet.as_str());
    params.not_before = now - AUTHORITY_BACKDATED;
    params.not_after = now + AUTHORITY_LIFETIME;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::OrganizationName, "CosmosMesh");
    names.push(DnType::CommonName, name);
    names
}

pub(super) fn private_path(fleet: &Path) -> PathBuf {
    fleet.join(AUTHORITY_NAME).join("ca.key")
}

pub(super) const AUTHORITY: &str = "certificate authority";
/// Ten years: it is replaced with the fleet, not by date.
const AUTHORITY_LIFETIME: time::Duration = time::Duration::days(3650);
/// A machine whose clock is set back by hours still trusts its fleet.
const AUTHORITY_BACKDATED: time::Duration = time::Duration::days(1);
