//! One HTTP POST with a deadline: connect, send, read the status line, close.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::time::{Duration, Instant};

use openssl::ssl::{SslConnector, SslMethod};

use super::notice::Notice;
use crate::config::webhook::Address;

/// All of one attempt. A chat system answers within a second; ten times that is away.
const DEADLINE: Duration = Duration::from_secs(10);
/// Most of an answer that is read: its status line is all that matters.
const ANSWER_BYTES_MAX: usize = 4096;
/// Where systems keep the certificates they trust: our own build of OpenSSL knows no place of its own.
const TRUSTED: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A status of 2xx.
    Taken,
    /// Another attempt would end the same way.
    Refused(String),
    /// Another attempt may succeed.
    Away(String),
}

pub(super) struct Poster {
    address: Address,
}

impl Poster {
    pub(super) const fn new(address: Address) -> Self {
        Self { address }
    }

    /// Where it posts, without what may be secret.
    pub(super) fn receiver(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn post(&self, notice: &Notice) -> Outcome {
        let answer = self.exchange(&self.request(&notice.to_json()));
        match answer {
            Ok(answer) => of_status(&answer),
            Err(error) => Outcome::Away(error.to_string()),
        }
    }

    fn request(&self, body: &[u8]) -> Vec<u8> {
        let Address { host, port, target, is_tls } = &self.address;
        let is_usual = *port == if *is_tls { 443 } else { 80 };
        let host = if is_usual { host.clone() } else { format!("{host}:{port}") };
        let mut request = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: noctriage/{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            env!("CARGO_PKG_VERSION"),
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        request
    }

    fn exchange(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + DEADLINE;
        let stream = Timed { stream: self.connect(deadline)?, deadline };
        if !self.address.is_tls {
            return talk(stream, request);
        }
        let connector = connector().map_err(io::Error::other)?;
        let stream = connector
            .connect(self.address.bare_host(), stream)
            .map_err(|error| io::Error::other(format!("TLS: {error}")))?;
        talk(stream, request)
    }

    fn connect(&self, deadline: Instant) -> io::Result<TcpStream> {
        let (host, port) = (self.address.bare_host(), self.address.port);
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, left(deadline)?) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn connector() -> Result<SslConnector, openssl::error::ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(file) = TRUSTED.iter().find(|file| Path::new(file).exists()) {
        builder.set_ca_file(file)?;
    }
    Ok(builder.build())
}

fn talk(mut stream: impl Read + Write, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut part = [0; 512];
    while answer.len() < ANSWER_BYTES_MAX && !answer.contains(&b'\n') {
        match stream.read(&mut part)? {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    Ok(answer)
}

/// Reads `HTTP/1.1 204 …`. 408, 425, 429 and 5xx may go away by themselves.
fn of_status(answer: &[u8]) -> Outcome {
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let status = words.next().filter(|word| word.starts_with("HTTP/")).and_then(|_| words.next()?.parse::<u16>().ok());
    match status {
        Some(200..=299) => Outcome::Taken,
        Some(status @ (408 | 425 | 429 | 500..=599)) => Outcome::Away(format!("the receiver answers {status}")),
        Some(status @ 300..=399) => Outcome::Refused(format!(
            "the receiver answers {status}, a redirect, which is not followed: set notify.url to where it points"
        )),
        Some(status) => Outcome::Refused(format!("the receiver answers {status}")),
        None if answer.is_empty() => Outcome::Away("the receiver closed the connection without an answer".to_owned()),
        None => Outcome::Refused("what answers is no HTTP server".to_owned()),
    }
}

/// What is left until a deadline.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        let what = format!("no answer within {} s", DEADLINE.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, what));
    }
    Ok(left)
}

/// A stream whose every call ends by one deadline: a receiver that sends a byte a second does not hold the thread.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_another_attempt_makes_sense() {
        assert_eq!(of_status(b"HTTP/1.1 204 No Content\r\n\r\n"), Outcome::Taken);
        assert!(matches!(of_status(b"HTTP/1.1 429 Slow down\r\n"), Outcome::Away(_)));
        assert!(matches!(of_status(b"HTTP/1.0 503\r\n"), Outcome::Away(_)));
        assert!(matches!(of_status(b""), Outcome::Away(_)));
        for refused in
            [&b"HTTP/1.1 404 Not Found\r\n"[..], b"HTTP/1.1 302 Found\r\n", b"SSH-2.0-OpenSSH\r\n", b"\xff\xfe"]
        {
            assert!(matches!(of_status(refused), Outcome::Refused(_)), "{refused:?}");
        }
    }
}
