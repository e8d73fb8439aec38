//! `lucarne init DIR`: a node that can be started, and the codes of its first two people.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::serve::lock;
use crate::clock::Clock;
use crate::config::Config;
use crate::node::open_desk;
use crate::tls;

const SETTINGS: &str = include_str!("lucarne.toml");

/// What somebody wants of a new node.
pub(super) struct Wishes<'a> {
    /// Where store and trace lie; in the node's directory, if not said.
    pub data: Option<&'a Path>,
    pub hosts: &'a [String],
    /// Who signs the certificates of workstations.
    pub workstations: Option<&'a Path>,
}

/// On a node that has settings, only the codes are given, for whichever of the first people is not there yet.
pub(super) async fn run(dir: &Path, wishes: &Wishes<'_>, clock: &Clock) -> Result<ExitCode> {
    let settings = dir.join("lucarne.toml");
    let is_new = !settings.exists();
    if is_new {
        begin(dir, &settings, wishes)?;
    } else if wishes.workstations.is_some() {
        bail!("{} is there already: write `ca` under its [workstations]", settings.display());
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

/// Certificates, settings and an empty place for data.
fn begin(dir: &Path, settings: &Path, wishes: &Wishes<'_>) -> Result<()> {
    let authority = wishes.workstations.map(tls::authority).transpose()?;
    let certs = dir.join("certs");
    std::fs::create_dir_all(&certs).with_context(|| format!("{} cannot be made", certs.display()))?;
    let here = ["localhost", "127.0.0.1"].map(str::to_owned);
    let others: Vec<String> = wishes.hosts.iter().filter(|host| !here.contains(host)).cloned().collect();
    tls::make_certificates(&certs, &[&others[..], &here].concat())?;
    let data = wishes.data.unwrap_or(Path::new("data"));
    private_dir(&dir.join(data))?;
    // Whoever names a host wants to be reached by it.
    let listen = if others.is_empty() { "127.0.0.1" } else { "0.0.0.0" };
    let mut text = replaced(SETTINGS, "\"127.0.0.1:5920\"", &format!("\"{listen}:5920\""))?;
    text = replaced(&text, "data = \"data\"", &format!("data = {data:?}"))?;
    if !others.is_empty() {
        // And people elsewhere have no other way to order.
        text = replaced(&text, "# [api]", "[api]")?;
        text = replaced(&text, "# listen = \"127.0.0.1:5943\"", "listen = \"0.0.0.0:5943\"")?;
    }
    if let Some(authority) = authority {
        authority.write(&certs.join("workstations-ca.pem"))?;
        text = replaced(&text, "# tls_first = \"127.0.0.1:5921\"", &format!("tls_first = \"{listen}:5921\""))?;
        text = replaced(&text, "# [workstations]", "[workstations]")?;
        text = replaced(&text, "# ca = \"certs/agency-ca.pem\"", "ca = \"certs/workstations-ca.pem\"")?;
    }
    std::fs::write(settings, text).with_context(|| format!("{} cannot be written", settings.display()))
}

/// A setting in place of the one that is shown; what is said beside it stays in its column.
fn replaced(text: &str, shown: &str, wanted: &str) -> Result<String> {
    if !text.contains(shown) {
        bail!("our own settings do not show {shown}");
    }
    let longer = shown.len().saturating_sub(wanted.len());
    let spaces = wanted.len().saturating_sub(shown.len());
    let shown_with_room = format!("{shown}{}", " ".repeat(spaces));
    if text.contains(&shown_with_room) {
        return Ok(text.replacen(&shown_with_room, &format!("{wanted}{}", " ".repeat(longer)), 1));
    }
    Ok(text.replacen(shown, wanted, 1))
}

pub(super) fn private_dir(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("{} cannot be made", dir.display()))
}
