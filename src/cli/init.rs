//! `lucarne init DIR`: a node that can be started, and the codes of its first two people.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::serve::lock;
use crate::clock::Clock;
use crate::config::Config;
use crate::node::open_desk;
use crate::tls;

const SETTINGS: &str = include_str!("lucarne.toml");

/// On a node that has settings, only the codes are given, for whichever of the first people is not there yet.
pub(super) async fn run(dir: &Path, data: Option<&Path>, hosts: &[String], clock: &Clock) -> Result<ExitCode> {
    let settings = dir.join("lucarne.toml");
    let is_new = !settings.exists();
    if is_new {
        let certs = dir.join("certs");
        std::fs::create_dir_all(&certs).with_context(|| format!("{} cannot be made", certs.display()))?;
        let here = ["localhost", "127.0.0.1"].map(str::to_owned);
        let others: Vec<String> = hosts.iter().filter(|host| !here.contains(host)).cloned().collect();
        tls::make_certificates(&certs, &[&others[..], &here].concat())?;
        let data = data.unwrap_or(Path::new("data"));
        private_dir(&dir.join(data))?;
        // Whoever names a host wants to be reached by it.
        let listen = if others.is_empty() { "\"127.0.0.1:5920\"" } else { "\"0.0.0.0:5920\"  " };
        let text = SETTINGS.replacen("\"127.0.0.1:5920\"", listen, 1);
        let text = text.replacen("data = \"data\"   ", &format!("data = {data:?}"), 1);
        std::fs::write(&settings, text).with_context(|| format!("{} cannot be written", settings.display()))?;
    }
    let config = Config::load(&settings)?;
    let _lock = lock(&config)?;
    let links = open_desk(&config, clock).await?.begin_and_close().await?;
    let shown = settings.display();
    if links.is_empty() {
        println!("The node in {} has its first people: they let others in (lucarne account add).", dir.display());
        return Ok(ExitCode::SUCCESS);
    }
    if is_new {
        println!("A node was begun in {}.\n", dir.display());
        println!("  {shown}          its settings: write your site there");
        println!("  {}       what viewers must trust\n", dir.join("certs/ca.pem").display());
    }
    println!("One-time codes, for different people, 24 hours (until then `lucarne init {}` gives others):\n", dir.display());
    for link in &links {
        println!("  first {:<6} {}", link.role.name(), *link.code);
    }
    println!("\nNext:");
    println!("  lucarne -c {shown} check");
    println!("  lucarne -c {shown} serve");
    println!("  lucarne -c {shown} enrol LOGIN --name \"First Last\"      (each of the two, with their own code)");
    println!("  lucarne -c {shown} login LOGIN");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn private_dir(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("{} cannot be made", dir.display()))
}
