//! `[alerts]`: by which ways people and programs are told that something happened.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::store::is_this_machine;
use super::written::{self, At};
use super::{host_and_port, secret_of};
use crate::notify::{Hook, Relay, Security, Ways};

/// A shorter key could be tried out (Standard Webhooks asks for 24 bytes at least).
const SECRET: usize = 24;

pub(super) fn checked(written: written::Alerts, folder: &Path) -> Result<Ways, At> {
    Ok(Ways {
        relay: written.mail.map(|mail| relay(mail, folder)).transpose()?,
        hook: written.webhook.map(|hook| webhook(hook, folder)).transpose()?,
    })
}

fn relay(mail: written::Mail, folder: &Path) -> Result<Relay, At> {
    let example = "write host and port, such as \"smtp.example.org:587\"";
    let (host, port) = host_and_port(&mail.relay, "alerts.mail.relay", example)?;
    let ca = |ca: Option<PathBuf>| {
        let problem =
            "TLS needs to know whom to trust; add `ca = \"…\"` (public authorities: /etc/ssl/certs/ca-certificates.crt)";
        ca.map(|ca| folder.join(ca)).ok_or_else(|| At::new(mail.relay.span(), "alerts.mail", problem))
    };
    let security = match mail.security {
        written::MailSecurity::StartTls => Security::StartTls(ca(mail.ca)?),
        written::MailSecurity::Tls => Security::Tls(ca(mail.ca)?),
        written::MailSecurity::None if is_this_machine(&host) => Security::Bare,
        written::MailSecurity::None => {
            let problem = "only a relay on this machine goes without TLS; write security = \"starttls\" or \"tls\"";
            return Err(At::new(mail.relay.span(), "alerts.mail.relay", problem));
        }
    };
    let login = match mail.login {
        None => None,
        Some(login) => {
            let user = login.user.ok_or_else(|| {
                At::new(login.password_file.span(), "alerts.mail.login", "a relay asks for a name too; add `user = \"…\"`")
            })?;
            Some((user, secret_of(&login.password_file, folder, "alerts.mail.login.password_file")?))
        }
    };
    let from = mail.from.into_inner();
    Ok(Relay { host, port, security, domain: from.domain().to_owned(), from: from.as_str().to_owned(), login })
}

fn webhook(hook: written::Webhook, folder: &Path) -> Result<Hook, At> {
    let wrong = |problem: &str| At::new(hook.url.span(), "alerts.webhook.url", problem);
    let example = "write it as \"https://alerts.example.org/lucarne\"";
    let url: hyper::Uri = hook.url.as_ref().parse().map_err(|_| wrong(example))?;
    let host = url.host().ok_or_else(|| wrong(example))?.trim_start_matches('[').trim_end_matches(']').to_owned();
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("the URL holds no password: each request is signed with the secret of `secret_file`"));
    }
    let ca = match (url.scheme_str(), hook.ca) {
        (Some("https"), Some(ca)) => Some(folder.join(ca)),
        (Some("https"), None) => {
            return Err(wrong(
                "TLS needs to know whom to trust; add `ca = \"…\"` (public authorities: /etc/ssl/certs/ca-certificates.crt)",
            ));
        }
        (Some("http"), None) if is_this_machine(&host) => None,
        (Some("http"), None) => return Err(wrong("only a program on this machine is told without TLS; write https://")),
        (Some("http"), Some(_)) => return Err(wrong("`ca` is given but TLS is not used; write https://")),
        _ => return Err(wrong(example)),
    };
    let port = url.port_u16().unwrap_or(if ca.is_some() { 443 } else { 80 });
    let text = secret_of(&hook.secret_file, folder, "alerts.webhook.secret_file")?;
    let text = text.trim().trim_start_matches("whsec_");
    let secret = STANDARD.decode(text).map(Zeroizing::new).unwrap_or_default();
    if secret.len() < SECRET {
        let problem = "write 24 random bytes or more into it, in base 64: head -c 32 /dev/urandom | base64";
        return Err(At::new(hook.secret_file.span(), "alerts.webhook.secret_file", problem));
    }
    let path = url.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(Hook { host, port, path, ca, secret })
}

/// The files that are read at each try.
pub fn papers(ways: &Ways) -> impl Iterator<Item = &PathBuf> {
    let relay = ways.relay.iter().filter_map(|relay| match &relay.security {
        Security::StartTls(ca) | Security::Tls(ca) => Some(ca),
        Security::Bare => None,
    });
    relay.chain(ways.hook.iter().filter_map(|hook| hook.ca.as_ref()))
}

/// Servers that are reached, with what they are.
pub fn servers(ways: &Ways) -> impl Iterator<Item = (&'static str, &String, u16)> {
    let relay = ways.relay.iter().map(|relay| ("mail of alerts", &relay.host, relay.port));
    relay.chain(ways.hook.iter().map(|hook| ("webhook of alerts", &hook.host, hook.port)))
}
