//! One HTTP request to the daemon: HTTP/1.0, so that the answer comes whole and ends with the connection. Bounded in time
//! and size.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;

/// Longest wait for a connection, and for each piece of the answer.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Greatest answer: ten times one with 64 slices, each with all its gates, would not fill it.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// Where the daemon listens: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url(String);

impl Url {
    /// Of an address of the configuration. A daemon that listens everywhere is asked on loopback.
    pub(super) fn of(mut listen: SocketAddr) -> Self {
        if listen.ip().is_unspecified() {
            listen.set_ip(if listen.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
        }
        Self(listen.to_string())
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "http://HOST:PORT is expected, as http://127.0.0.1:9464";
        let address = text.strip_prefix("http://").ok_or(expected)?;
        let address = address.strip_suffix('/').unwrap_or(address);
        let (host, port) = address.rsplit_once(':').ok_or(expected)?;
        let is_host =
            !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) && !host.chars().any(char::is_control);
        if !is_host || port.parse::<u16>().is_err() {
            return Err(expected.to_owned());
        }
        Ok(Self(address.to_owned()))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.0)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody listens.
    #[error(
        "no daemon answers at {url}. hint: `noctriage run` starts one (`systemctl start noctriage`); --url or admin.listen \
         say where it listens"
    )]
    Connect {
        /// Where it was asked.
        url: Url,
        /// What the system says.
        source: io::Error,
    },
    /// The answer breaks off.
    #[error("the answer of {url} breaks off. hint: ask again; the log of the daemon says more")]
    Broken {
        /// Where it was asked.
        url: Url,
        /// What the system says.
        source: io::Error,
    },
    /// Something else listens there.
    #[error("{url} answers, but not as noctriage of this version does: {said}")]
    NotTheDaemon {
        /// Where it was asked.
        url: Url,
        /// The first line of the answer.
        said: String,
    },
}

/// The body of a path.
pub(super) fn get(url: &Url, path: &str) -> Result<String, AskError> {
    let connect = |source| AskError::Connect { url: url.clone(), source };
    let broken = |source| AskError::Broken { url: url.clone(), source };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut connected = None;
    for address in url.0.to_socket_addrs().map_err(connect)? {
        match TcpStream::connect_timeout(&address, WAIT_MAX) {
            Ok(stream) => {
                connected = Some(stream);
                break;
            }
            Err(error) => last = error,
        }
    }
    let Some(mut stream) = connected else { return Err(connect(last)) };
    stream.set_read_timeout(Some(WAIT_MAX)).and_then(|()| stream.set_write_timeout(Some(WAIT_MAX))).map_err(broken)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", url.0).as_bytes()).map_err(broken)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(broken)?;
    body(&answer).map_err(|said| AskError::NotTheDaemon { url: url.clone(), said })
}

/// The body of a good answer; the first line of another one.
fn body(answer: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(answer);
    let first = text.lines().next().unwrap_or_default();
    let is_good = first.starts_with("HTTP/1.") && first.split(' ').nth(1) == Some("200");
    match text.split_once("\r\n\r\n") {
        Some((_, body)) if is_good => Ok(body.to_owned()),
        Some(_) | None => Err(first.chars().filter(|letter| !letter.is_control()).take(100).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let url = |text: &str| Url::from_str(text).map(|url| url.to_string());
        assert_eq!(url("http://noc-1:9464/"), Ok("http://noc-1:9464".into()));
        assert_eq!(url("http://[::1]:9464"), Ok("http://[::1]:9464".into()));
        for wrong in
            ["", "noc-1:9464", "https://noc-1:9464", "http://noc-1", "http://:9464", "http://a/b:1", "http://a:99999"]
        {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Url::of(SocketAddr::from(([0, 0, 0, 0], 9464))).to_string(), "http://127.0.0.1:9464");
    }

    #[test]
    fn only_a_good_answer_has_a_body() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\na: b\r\n\r\n{}"), Ok("{}".into()));
        assert_eq!(body(b"HTTP/1.1 404 Not Found\r\n\r\nno"), Err("HTTP/1.1 404 Not Found".into()));
        assert_eq!(body(b"SSH-2.0-x\x07\r\n"), Err("SSH-2.0-x".into()));
        assert_eq!(body(b""), Err(String::new()));
    }

    #[test]
    fn where_nobody_listens_it_is_said_how_to_start_one() {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let error = get(&Url::of(free), "/").unwrap_err();
        assert!(matches!(error, AskError::Connect { .. }) && error.to_string().contains("noctriage run"), "{error}");
    }
}
