//! A certificate of one's own for trying: an authority that is made once, kept in the site's folder and trusted once, and a certificate from it.
//!
//! The authority can vouch for names of this machine and for private addresses only, so that whoever gets its key can't pretend to be the rest of
//! the world towards those who trust it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::OffsetDateTime;

use super::output::Failure;
use crate::clock::Moment;
use crate::net::tls::Certificate;
use crate::site::replace;

/// What the server shows.
const CERTIFICATE: &str = "try-certificate.pem";
/// Its key.
const KEY: &str = "try-key.pem";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The authority's time.
const AUTHORITY_DAYS: u32 = 3650;
/// The certificate's: no more than Apple's systems believe (825), and made anew at each start.
const CERTIFICATE_DAYS: u32 = 397;
/// Networks whose addresses are nobody's in particular (RFC 1918, 3927, 4193, 4291).
const PRIVATE_V4: [([u8; 4], u8); 5] =
    [([127, 0, 0, 0], 8), ([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16), ([169, 254, 0, 0], 16)];
const PRIVATE_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xFC00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, 0), 10),
];

/// What was made.
#[derive(Debug)]
pub(super) struct SelfMade {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The authority's certificate, to be trusted.
    pub authority: PathBuf,
    /// Its SHA-256.
    pub fingerprint: String,
    /// The name by which this machine is best asked for.
    pub host: String,
}

/// Makes a certificate for a server at this address, and its authority where there is none yet that knows the machine's name.
pub(super) fn certificate(folder: &Path, listen: SocketAddr, now: Moment) -> Result<SelfMade, Failure> {
    let machine = machine();
    let path = |name| folder.join(name);
    let authority = Authority::of(folder, &machine);
    let issuer = match authority.known(&machine, now) {
        Some(known) => known,
        None => authority.make(&machine, now)?,
    };
    let mut names = vec!["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()];
    names.extend([machine.clone(), format!("{machine}.local")]);
    names.extend(outward_address(listen).filter(|ip| is_private(*ip) && !ip.is_loopback()).map(|ip| ip.to_string()));
    let mut params = CertificateParams::new(names).map_err(|error| failure(&error))?;
    params.distinguished_name = named(&machine);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    (params.not_before, params.not_after) = valid(now, CERTIFICATE_DAYS);
    let key = KeyPair::generate().map_err(|error| failure(&error))?;
    let made = params.signed_by(&key, &issuer).map_err(|error| failure(&error))?;
    let trusted = std::fs::read_to_string(&authority.certificate)?;
    replace(&path(CERTIFICATE), &made.pem(), 0o644)?;
    replace(&path(KEY), &key.serialize_pem(), 0o600)?;
    let shown = Certificate::from_pem(&trusted, issuer.key().serialize_pem().as_str());
    let fingerprint = shown.map_err(|error| failure(&error))?.fingerprint.to_string();
    let host = if listen.ip().is_loopback() { "localhost".to_owned() } else { machine };
    Ok(SelfMade { certificate: path(CERTIFICATE), key: path(KEY), authority: authority.certificate, fingerprint, host })
}

/// The files of the authority of this machine. They have its name: under another one it is another authority.
struct Authority {
    /// What is trusted.
    certificate: PathBuf,
    key: PathBuf,
}

impl Authority {
    fn of(folder: &Path, machine: &str) -> Self {
        let file = |kind| folder.join(format!("try-ca-{machine}{kind}.pem"));
        Self { certificate: file(""), key: file("-key") }
    }

    /// That of an earlier start, as long as it is whole and its time isn't nearly over.
    fn known(&self, machine: &str, now: Moment) -> Option<Issuer<'static, KeyPair>> {
        let (pem, key) = (std::fs::read_to_string(&self.certificate).ok()?, std::fs::read_to_string(&self.key).ok()?);
        let known = Certificate::from_pem(&pem, &key).ok()?;
        let lasts = known.is_valid_at(now.plus(DAY * CERTIFICATE_DAYS));
        let key = KeyPair::from_pem(&key).ok().filter(|_| lasts)?;
        Some(Issuer::new(params_of_authority(machine), key))
    }

    fn make(&self, machine: &str, now: Moment) -> Result<Issuer<'static, KeyPair>, Failure> {
        let key = KeyPair::generate().map_err(|error| failure(&error))?;
        let mut params = params_of_authority(machine);
        (params.not_before, params.not_after) = valid(now, AUTHORITY_DAYS);
        let made = params.self_signed(&key).map_err(|error| failure(&error))?;
        replace(&self.key, &key.serialize_pem(), 0o600)?;
        replace(&self.certificate, &made.pem(), 0o644)?;
        Ok(Issuer::new(params, key))
    }
}

fn params_of_authority(machine: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("Commonhold to try on {machine}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted(machine), excluded_subtrees: Vec::new() });
    params
}

/// What the authority may vouch for.
fn permitted(machine: &str) -> Vec<GeneralSubtree> {
    let names = ["localhost".to_owned(), machine.to_owned(), format!("{machine}.local")].map(GeneralSubtree::DnsName);
    let v4 = PRIVATE_V4.map(|(address, prefix)| CidrSubnet::from_v4_prefix(address, prefix));
    let v6 = PRIVATE_V6.map(|(address, prefix)| CidrSubnet::from_v6_prefix(address.octets(), prefix));
    names.into_iter().chain(v4.into_iter().chain(v6).map(GeneralSubtree::IpAddress)).collect()
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// From a day ago, for clocks that are behind.
fn valid(now: Moment, days: u32) -> (OffsetDateTime, OffsetDateTime) {
    (now.minus(DAY).system().into(), now.plus(DAY * (days - 1)).system().into())
}

/// What this machine is called, without a domain.
fn machine() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let name = name.split('.').next().unwrap_or_default();
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_plain { name.to_owned() } else { "commonhold".to_owned() }
}

/// The address by which others reach this machine: the one that is listened on, or, if that is all of them, the one that packets leave from.
fn outward_address(listen: SocketAddr) -> impl Iterator<Item = IpAddr> {
    let found = if listen.ip().is_unspecified() {
        // Nothing is sent: a datagram socket that is connected only says which way it would take (192.0.2.0/24 is for documents, RFC 5737).
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
        socket.and_then(|socket| socket.connect(("192.0.2.1", 9)).and_then(|()| socket.local_addr())).ok()
    } else {
        Some(listen)
    };
    found.map(|address| address.ip()).into_iter()
}

fn failure(error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("no certificate could be made: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn make(folder: &Path, listen: &str, now: Moment) -> SelfMade {
        certificate(folder, listen.parse().unwrap(), now).map_err(|failure| failure.to_string()).unwrap()
    }

    #[test]
    fn the_authority_stays_and_the_certificate_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let make = || make(folder.path(), "127.0.0.1:8443", Moment::now());
        let first = make();
        let (authority, shown) = (std::fs::read(&first.authority).unwrap(), std::fs::read(&first.certificate).unwrap());
        let second = make();
        assert_eq!(std::fs::read(&second.authority).unwrap(), authority);
        assert_eq!(first.fingerprint, second.fingerprint);
        assert_ne!(std::fs::read(&second.certificate).unwrap(), shown);
        assert_eq!(second.host, "localhost");
        for key in [&second.key, &Authority::of(folder.path(), &machine()).key] {
            let mode = std::fs::metadata(key).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{key:?}");
        }
    }

    #[test]
    fn an_authority_whose_time_is_nearly_over_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |now| make(folder.path(), "0.0.0.0:8443", now).fingerprint;
        let now = Moment::now();
        let first = at(now);
        assert_eq!(at(now.plus(DAY * 3000)), first);
        assert_ne!(at(now.plus(DAY * 3400)), first);
    }
}
