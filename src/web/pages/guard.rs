//! Who may talk to the pages: our own pages alone. And what every answer forbids.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::super::api::{not_done, told};

/// Where a request says that it goes, and whence it comes.
pub(super) struct Visitor<'a> {
    /// Host and port, as typed.
    pub host: &'a str,
    origin: Option<&'a str>,
}

impl<'a> Visitor<'a> {
    /// `None`: it names no host, or one that is no name or address.
    pub fn of(headers: &'a HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let host = text(header::HOST)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        let is_host = !host.is_empty() && host.len() <= 255 && host.chars().all(is_name);
        is_host.then(|| Self { host, origin: text(header::ORIGIN) })
    }

    /// The host without its port.
    pub fn name(&self) -> &'a str {
        match self.host.rsplit_once(':') {
            // A colon of an address in brackets is none of a port.
            Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
            _ => self.host,
        }
    }

    /// Whether a page of ours asks: browsers say so with everything that is no plain visit.
    pub fn is_at_home(&self) -> bool {
        self.origin.and_then(|origin| origin.strip_prefix("https://")) == Some(self.host)
    }
}

pub(super) fn stranger() -> Response {
    told(StatusCode::FORBIDDEN, &not_done("this is ordered by our own page alone"))
}

/// What the browser kept.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

/// For the browser to keep and for nobody else to see; without an age, until it is closed.
pub(super) fn keep(name: &str, value: &str, seconds: Option<u32>) -> Option<HeaderValue> {
    let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let mut cookie = HeaderValue::try_from(format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{age}")).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

pub(super) fn take_back(name: &str) -> HeaderValue {
    keep(name, "", Some(0)).unwrap_or(HeaderValue::from_static(""))
}

/// Nothing is cached, framed, guessed at, or told to others; and no page of ours may see the screen or the clipboard.
pub(super) async fn closed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "display-capture=(), clipboard-read=(), clipboard-write=(), camera=(), microphone=(), geolocation=(), usb=(), \
             picture-in-picture=(), screen-wake-lock=(self), fullscreen=(self)",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_a_page_of_ours_is_at_home() {
        let at_home = |host, origin| {
            let headers = headers(&[("host", host), ("origin", origin)]);
            Visitor::of(&headers).is_some_and(|visitor| visitor.is_at_home())
        };
        assert!(at_home("proxy.example.org:5944", "https://proxy.example.org:5944"));
        for (host, origin) in [
            ("proxy.example.org:5944", "http://proxy.example.org:5944"),
            ("proxy.example.org:5944", "https://proxy.example.org"),
            ("proxy.example.org:5944", "https://evil.example"),
            ("proxy.example.org:5944", "null"),
            ("a\"b", "https://a\"b"),
        ] {
            assert!(!at_home(host, origin), "{host} {origin}");
        }
        assert!(Visitor::of(&headers(&[("host", "a")])).is_some_and(|visitor| !visitor.is_at_home()), "it does not say");
    }

    #[test]
    fn a_host_is_named_without_its_port() {
        let name = |host| Visitor::of(&headers(&[("host", host)])).map(|visitor| visitor.name().to_owned());
        assert_eq!(name("a.example:5944").as_deref(), Some("a.example"));
        assert_eq!(name("[fd00::7]:5944").as_deref(), Some("[fd00::7]"));
        assert_eq!(name("[fd00::7]").as_deref(), Some("[fd00::7]"));
        assert_eq!(name("a.example").as_deref(), Some("a.example"));
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = headers(&[("cookie", "x__Host-login=1; __Host-login=2; other=3")]);
        assert_eq!(cookie(&headers, "__Host-login"), Some("2"));
        assert_eq!(cookie(&headers, "login"), None);
    }
}
