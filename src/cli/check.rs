//! `lucarne check`: the settings, the certificates, and each site by one ordinary handshake.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::clock::Clock;
use crate::config::{Config, Site};
use crate::node::{doors, target};
use crate::rfb::handshake::client::{Login, Transport};
use crate::source::probe;

/// What was found, and whether the node can do its work with it.
enum Finding {
    Good,
    /// It works, and could be safer.
    Lacking,
    Wrong,
}

pub(super) async fn run(config: &Config, clock: &Clock, json: bool) -> Result<ExitCode> {
    use Finding::{Good, Lacking, Wrong};
    let mut wrong = 0;
    let mut say = |what: &str, finding: Finding, words: String| {
        let (ok, sign) = match finding {
            Good => (true, "ok  "),
            Lacking => (true, "note"),
            Wrong => (false, "FAIL"),
        };
        wrong += u32::from(!ok);
        if json {
            println!("{}", json!({ "check": what, "ok": ok, "finding": sign.trim().to_lowercase(), "words": words }));
        } else {
            println!("{sign} {what:<24} {words}");
        }
    };
    say("settings", Good, format!("node {:?}, {} site(s)", config.node, config.sites.len()));
    match doors(config, clock) {
        Ok(_) => say("viewers' certificate", Good, config.viewers.certificate.display().to_string()),
        Err(error) => say("viewers' certificate", Wrong, format!("{error:#}")),
    }
    if config.sites.is_empty() {
        say("sites", Wrong, "none is configured; add a [[site]] block".to_owned());
    }
    for site in &config.sites {
        let name = format!("site {}", site.name);
        let reached = match target(site, clock) {
            Ok(target) => probe(&target, clock).await.map_err(|error| error.to_string()),
            Err(error) => Err(format!("{error:#}")),
        };
        match reached {
            Ok(opened) => {
                let tls = opened.tls.map_or_else(
                    || "no TLS".to_owned(),
                    |tls| format!("{} {}, certificate {}", tls.version, tls.suite, tls.fingerprint),
                );
                let entered = opened.entered;
                let words = format!("{}, RFB {}, {}, {tls}", entered.init.size, entered.version.name(), entered.security);
                say(&name, Good, words);
                say(&name, Good, format!("offers {}", entered.offered));
                if let Some(missing) = missing(site) {
                    say(&name, Lacking, missing);
                }
            }
            Err(words) => say(&name, Wrong, words),
        }
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a site that can be entered still lacks.
fn missing(site: &Site) -> Option<String> {
    let lacks = match (site.transport, &site.login) {
        (Transport::Bare, Login::Nothing) => {
            "neither TLS nor a password: who stands between sees the picture, and anybody who reaches the site can act on it"
        }
        (Transport::Bare, _) => "no TLS: who stands between sees the picture",
        (_, Login::Nothing) => "no password: anybody who reaches the site can act on it",
        _ => return None,
    };
    Some(lacks.to_owned())
}
