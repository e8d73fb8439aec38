//! `lucarne init DIR`: a node that can be started.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::tls;

const SETTINGS: &str = include_str!("lucarne.toml");

pub(super) fn run(dir: &Path, hosts: &[String]) -> Result<ExitCode> {
    let settings = dir.join("lucarne.toml");
    if settings.exists() {
        bail!("{} exists: this directory is a node already; give another", settings.display());
    }
    let certs = dir.join("certs");
    std::fs::create_dir_all(&certs).with_context(|| format!("{} cannot be made", certs.display()))?;
    tls::make_certificates(&certs, hosts)?;
    let data = dir.join("data");
    private_dir(&data)?;
    std::fs::write(&settings, SETTINGS).with_context(|| format!("{} cannot be written", settings.display()))?;
    let shown = settings.display();
    println!("A node was begun in {}.\n", dir.display());
    println!("  {shown}          its settings: write your site there");
    println!("  {}       what viewers must trust", certs.join("ca.pem").display());
    println!("\nNext:");
    println!("  lucarne -c {shown} check");
    println!("  lucarne -c {shown} serve");
    println!("  lucarne -c {shown} account add claire.martin --name \"Claire Martin\"");
    println!("  lucarne -c {shown} site show my-site");
    println!("  lucarne -c {shown} ticket claire.martin my-site");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn private_dir(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("{} cannot be made", dir.display()))
}
