//! Where notices are posted (`notify.url`).

use std::fmt;

use axum::http::Uri;

/// A checked URL of the receiver. Its path and query may hold a secret and are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether the connection is encrypted.
    pub is_tls: bool,
    /// Name or address; an IPv6 address in brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query.
    pub target: String,
}

/// Why a text is no address of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Not a URL.
    #[error("is not a URL")]
    NotAUrl,
    /// Neither http nor https.
    #[error("is not a URL that starts with https:// or http://")]
    Scheme,
    /// A name and password before the host.
    #[error("holds a user or password before the host; put a token into the path or query instead")]
    UserInfo,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, without the URL itself.
    pub fn try_new(url: &str) -> Result<Self, InvalidAddress> {
        let uri: Uri = url.parse().map_err(|_| InvalidAddress::NotAUrl)?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(InvalidAddress::Scheme),
        };
        let authority = uri.authority().ok_or(InvalidAddress::NotAUrl)?;
        if authority.as_str().contains('@') {
            return Err(InvalidAddress::UserInfo);
        }
        let target = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
        let default_port = if is_tls { 443 } else { 80 };
        Ok(Self {
            is_tls,
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
            target: target.to_owned(),
        })
    }

    /// The host without the brackets of an IPv6 address, for resolving it.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}:{}/…", self.host, self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<(bool, &str, u16, &str), InvalidAddress>) {
        let found = Address::try_new(url);
        let found = found.as_ref().map(|found| (found.is_tls, found.bare_host(), found.port, found.target.as_str()));
        assert_eq!(found.map_err(|error| *error), expected);
    }

    #[test]
    fn scheme_host_port_and_target_are_read() {
        check("https://hooks.example/services/T0/B0?x=1", Ok((true, "hooks.example", 443, "/services/T0/B0?x=1")));
        check("http://localhost:8080", Ok((false, "localhost", 8080, "/")));
        check("http://[::1]:9/a", Ok((false, "::1", 9, "/a")));
    }

    #[test]
    fn what_is_no_receiver_is_refused() {
        check("ftp://host/", Err(InvalidAddress::Scheme));
        check("/path", Err(InvalidAddress::Scheme));
        check("https://user:secret@host/", Err(InvalidAddress::UserInfo));
        check("https://", Err(InvalidAddress::NotAUrl));
        check("http://host /x", Err(InvalidAddress::NotAUrl));
    }

    #[test]
    fn a_token_in_the_path_is_never_shown() {
        let address = Address::try_new("https://hooks.example/services/SECRET?token=SECRET").expect("good");
        assert!(!format!("{address} {address:?}").contains("SECRET"));
    }
}
