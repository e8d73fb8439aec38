//! `[store]`: a PostgreSQL server in place of the file beside the trace.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::written::{self, At};

/// A PostgreSQL server.
#[derive(Clone)]
pub struct Postgres {
    /// With the password and the trust.
    pub url: Zeroizing<String>,
    /// A name, an address, or a folder of this machine.
    pub host: String,
    pub port: u16,
    /// Who signed its certificate: read at each connection.
    pub ca: Option<PathBuf>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("port", &self.port).field("ca", &self.ca).finish_non_exhaustive()
    }
}

// Writing to a string cannot fail: such results are let go.

/// Percent-encoded, as a parameter of a URL.
fn encoded(text: &str) -> Zeroizing<String> {
    let mut to = Zeroizing::new(String::new());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            to.push(char::from(b));
        } else {
            let _ = write!(to, "%{b:02X}");
        }
    }
    to
}

/// The host and the port of a URL without its scheme.
fn host_and_port(rest: &str) -> Option<(String, u16)> {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
        _ => (place, 5432),
    };
    // Without one the environment would say where to go.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

pub(super) fn is_this_machine(host: &str) -> bool {
    host.starts_with("%2F") || host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

pub(super) fn checked(store: written::Store, folder: &Path) -> Result<Option<Postgres>, At> {
    let key = "store.postgres";
    let Some(written) = store.postgres else {
        return match store.ca.map(|ca| ca.span()).or(store.password_file.map(|file| file.span())) {
            Some(span) => Err(At::new(span, "store", "only a server has these; add `postgres = \"postgres://…\"`")),
            None => Ok(None),
        };
    };
    let wrong = |problem: &str| At::new(written.span(), key, problem);
    let example = "write it as \"postgres://lucarne@db.example.org:5432/lucarne\"";
    let rest = written.as_ref().strip_prefix("postgres://").ok_or_else(|| wrong(example))?;
    let (host, port) = host_and_port(rest).ok_or_else(|| wrong(example))?;
    let parameters = rest.split_once('?').map_or("", |(_, parameters)| parameters);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
        return Err(wrong("settings hold no password; write it into a file and name that by `password_file`"));
    }
    // Others could name another host, a password or a weaker TLS; a fragment would hide what is added below.
    let plain = |parameter: &str| ["options=", "application_name="].iter().any(|allowed| parameter.starts_with(allowed));
    if rest.contains('#') || !parameters.split('&').all(|parameter| parameter.is_empty() || plain(parameter)) {
        return Err(wrong(
            "only the parameters `options` and `application_name` are taken; write the host before the path, the password into `password_file`, whom to trust into `ca`",
        ));
    }
    if store.ca.is_none() && !is_this_machine(&host) {
        return Err(wrong("a server on another machine is reached by TLS alone; name whom to trust by `ca = \"…\"`"));
    }
    let mut url = Zeroizing::new(written.as_ref().clone());
    url.push(if parameters.is_empty() && !rest.contains('?') { '?' } else { '&' });
    let ca = store.ca.map(|ca| folder.join(ca.into_inner()));
    match &ca {
        Some(ca) => {
            let path = ca.to_str().ok_or_else(|| wrong("the path of `ca` is no UTF-8; move it"))?;
            let _ = write!(url, "port={port}&sslmode=verify-full&sslrootcert=");
            url.push_str(&encoded(path));
        }
        None => {
            let _ = write!(url, "port={port}&sslmode=disable");
        }
    }
    if let Some(file) = store.password_file {
        let path = folder.join(file.as_ref());
        let text = std::fs::read_to_string(&path).map(Zeroizing::new).map_err(|error| {
            At::new(file.span(), "store.password_file", &format!("{} cannot be read ({error})", path.display()))
        })?;
        url.push_str("&password=");
        url.push_str(&encoded(text.trim_end_matches(['\r', '\n'])));
    }
    Ok(Some(Postgres { url, host, port, ca }))
}
