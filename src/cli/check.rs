//! `lucarne check`: the settings, the certificates, and each site by one ordinary handshake.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::clock::Clock;
use crate::config::Config;
use crate::node::target;
use crate::source::probe;
use crate::tls;

pub(super) async fn run(config: &Config, clock: &Clock, json: bool) -> Result<ExitCode> {
    let mut wrong = 0;
    let mut say = |what: &str, ok: bool, words: String| {
        wrong += u32::from(!ok);
        if json {
            println!("{}", json!({ "check": what, "ok": ok, "words": words }));
        } else {
            println!("{} {what:<24} {words}", if ok { "ok  " } else { "FAIL" });
        }
    };
    say("settings", true, format!("node {:?}, {} site(s)", config.node, config.sites.len()));
    match tls::for_viewers(
        &config.viewers.certificate,
        &config.viewers.key,
        config.viewers.workstations.as_deref(),
        config.viewers.tls12,
        clock,
    ) {
        Ok(_) => say("viewers' certificate", true, config.viewers.certificate.display().to_string()),
        Err(error) => say("viewers' certificate", false, error.to_string()),
    }
    if config.sites.is_empty() {
        say("sites", false, "none is configured; add a [[site]] block".to_owned());
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
                say(&name, true, words);
            }
            Err(words) => say(&name, false, words),
        }
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
