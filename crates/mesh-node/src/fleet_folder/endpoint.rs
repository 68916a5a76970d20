//! Where a member is reached on the mesh plane.

use std::fmt;
use std::str::FromStr;

/// `tls/host:port`: where a member listens, and under which host the others dial it.
///
/// Port 0 means that whoever starts the fleet chooses a free one for each run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// An IPv4 address or a host name.
    host: String,
    port: u16,
}

impl Endpoint {
    /// On this machine only, at `port`.
    pub fn loopback(port: u16) -> Self {
        Self { host: LOOPBACK.to_owned(), port }
    }

    /// The same host at another port.
    pub fn with_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; `None` if it is chosen for each run.
    pub fn port(&self) -> Option<u16> {
        (self.port != 0).then_some(self.port)
    }

    /// Host and port as the operating system takes them.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}:{}", self.host, self.port)
    }
}

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Without the scheme or without a port.
    #[error("{0:?} is no endpoint: tls/host:port was expected, with port 0 for one that is free at each run")]
    Form(String),
    /// Nothing that can be dialled and named in a certificate.
    #[error("{0:?} is no host that others can dial: a name or an IPv4 address other than 0.0.0.0 was expected")]
    Host(String),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text == IN_PROCESS {
            return Ok(Self::loopback(0));
        }
        let form = || EndpointError::Form(text.to_owned());
        let (host, port) = text.strip_prefix(SCHEME).and_then(|rest| rest.rsplit_once(':')).ok_or_else(form)?;
        let port = port.parse().map_err(|_| form())?;
        if !is_host(host) {
            return Err(EndpointError::Host(host.to_owned()));
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Letters, digits, `-` and `.`: nothing else stands in a host name, and what else could follow an address in Zenoh's
/// notation (settings of the link) is not for a fleet file to say. No IPv6 address: Zenoh does not compare those with
/// certificates.
fn is_host(host: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let labels = host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    labels && host.len() <= HOST_LENGTH_MAX && host.bytes().all(known) && host != "0.0.0.0"
}

const SCHEME: &str = "tls/";
const LOOPBACK: &str = "127.0.0.1";
/// What fleet files of the first version say.
const IN_PROCESS: &str = "in-process";
const HOST_LENGTH_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_comes_back_as_it_was_written() {
        for text in ["tls/127.0.0.1:0", "tls/rover.lunar-base.internal:7461", "tls/10.0.0.7:65535"] {
            assert_eq!(text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("in-process".parse(), Ok(Endpoint::loopback(0)));
        assert_eq!(Endpoint::loopback(0).port(), None);
        assert_eq!(Endpoint::loopback(0).with_port(9).port(), Some(9));
    }

    #[test]
    fn what_cannot_be_dialled_under_a_certified_name_is_refused() {
        for text in ["127.0.0.1:0", "tcp/127.0.0.1:0", "tls/127.0.0.1", "tls/a:65536", "tls/a:1#enable_mtls=false"] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError::Form(text.to_owned())), "{text}");
        }
        for host in ["0.0.0.0", "[::]", "", "a b", "a/b", "-a", "a..b", "a#b"] {
            let parsed = format!("tls/{host}:1").parse::<Endpoint>();
            assert_eq!(parsed, Err(EndpointError::Host(host.to_owned())), "{host}");
        }
    }
}
