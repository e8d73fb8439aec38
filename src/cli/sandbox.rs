//! What the process gives up before it meets anybody: core dumps, new privileges, swap where it may; and, where the
//! kernel has Landlock, every file but its own and every outbound port but its sites'.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

use crate::config::{Config, alerts};
use crate::tls::Trust;

/// The Landlock that is asked for: files, TCP ports, and a scope for signals and abstract sockets. Older kernels give
/// what they have.
const LANDLOCK: ABI = ABI::V6;
/// What resolving a host's name reads, and the language's own look at the machine.
const SYSTEM: [&str; 6] = ["/etc", "/lib", "/lib64", "/usr/lib", "/proc", "/sys/fs/cgroup"];
/// Files among them that are often links to elsewhere.
const NAMES: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];
/// Names are asked for by TCP where an answer is long.
const DNS: u16 = 53;

/// No core dump, no new privileges, and no swap where the system lets us lock all memory without a limit.
pub(super) fn harden() -> Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("core dumps could not be switched off")?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).context("core dumps could not be limited")?;
    rustix::thread::set_no_new_privs(true).context("new privileges could not be given up")?;
    if getrlimit(Resource::Memlock).current.is_some() {
        tracing::info!(
            "memory is not locked: pixels could be swapped out; allow it with LimitMEMLOCK=infinity, or run without swap"
        );
        return Ok(());
    }
    if let Err(error) = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        tracing::info!(%error, "memory is not locked: pixels could be swapped out");
    }
    Ok(())
}

/// Keeps the process, and all threads that it will start, to the node's own files and ports.
pub(super) fn confine(config: &Config) -> Result<()> {
    let all = AccessFs::from_all(LANDLOCK);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let listens = [
        Some(config.viewers.listen),
        config.viewers.tls_first,
        config.viewers.local,
        config.api.as_ref().map(|api| api.listen),
        config.pages.as_ref().map(|pages| pages.listen),
        config.pages.as_ref().map(|pages| pages.pixel),
        config.monitor,
    ];
    let bind = listens.iter().flatten().map(|address: &SocketAddr| Ok(NetPort::new(address.port(), AccessNet::BindTcp)));
    let store = config.postgres.iter().map(|server| server.port);
    let told = alerts::servers(&config.alerts).map(|(_, _, port)| port);
    let reach = config.sites.iter().map(|site| site.port).chain(store).chain(told).chain([DNS]);
    let reach = reach.map(|port| Ok(NetPort::new(port, AccessNet::ConnectTcp)));
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(readable(config), read))?
        .add_rules(path_beneath_rules(own(config)?, all))?
        .add_rules(bind.chain(reach).collect::<Vec<Result<NetPort, landlock::RulesetError>>>())?
        .restrict_self()
        .context("the process could not be confined by Landlock")?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => tracing::info!("confined by Landlock to the node's files and ports"),
        RulesetStatus::PartiallyEnforced => {
            tracing::info!("confined by Landlock to the node's files; this kernel does not confine ports or signals");
        }
        RulesetStatus::NotEnforced => tracing::warn!("this kernel has no Landlock: confine the node by its service manager"),
    }
    Ok(())
}

/// The data folder and the trace's, which may be a link to another disk. Without them nothing could run.
fn own(config: &Config) -> Result<Vec<PathBuf>> {
    let trace = config.data.join("trace");
    std::fs::create_dir_all(&trace).with_context(|| format!("{} cannot be made", trace.display()))?;
    [&config.data, &trace]
        .map(|path| path.canonicalize().with_context(|| format!("{} cannot be found", path.display())))
        .into_iter()
        .collect()
}

/// The system's own and the folders of certificates, and where links lead from there: whole folders, since files are
/// renewed by replacing them.
fn readable(config: &Config) -> Vec<PathBuf> {
    let viewers = &config.viewers;
    let workstations = config.workstations.ca.iter().chain(&config.workstations.revocations);
    let papers = [&viewers.certificate, &viewers.key].into_iter().chain(workstations);
    let trust = config.sites.iter().filter_map(|site| match &site.trust {
        Some(Trust::Ca(path)) => Some(path),
        Some(Trust::Pinned(_)) | None => None,
    });
    let store = config.postgres.iter().filter_map(|server| server.ca.as_ref());
    let files =
        papers.chain(trust).chain(store).chain(alerts::papers(&config.alerts)).cloned().chain(NAMES.iter().map(PathBuf::from));
    let folders = files.flat_map(|file| [Some(folder_of(&file)), file.canonicalize().ok().map(|real| folder_of(&real))]);
    SYSTEM.iter().map(PathBuf::from).chain(folders.flatten()).filter(|path| path.exists()).collect()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// R43: a thread that is confined reaches its sites' ports and no other, and listens at its own alone. (Landlock binds
    /// the thread that asks for it: the rest of this process stays free.)
    #[test]
    fn r43_only_registered_ports_are_reached() -> Result<()> {
        let (site, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let folder = tempfile::TempDir::new()?;
        let text = format!(
            "[node]\nname = \"n\"\ndata = \"data\"\n[viewers]\nlisten = \"127.0.0.1:5920\"\ncertificate = \"c\"\nkey = \"k\"\n\
             [[site]]\nname = \"a\"\nlabel = \"A\"\nkind = \"demo\"\naddress = \"{}\"\nsecurity = \"none\"\n",
            site.local_addr()?
        );
        let config = Config::parse(&folder.path().join("lucarne.toml"), &text)?;
        let (reached, stranger, listening) = std::thread::spawn(move || {
            rustix::thread::set_no_new_privs(true)?;
            confine(&config)?;
            let stranger = TcpStream::connect(other.local_addr()?).map_err(|error| error.kind());
            anyhow::Ok((TcpStream::connect(site.local_addr()?), stranger, TcpListener::bind("127.0.0.1:0")))
        })
        .join()
        .map_err(|_| anyhow::anyhow!("the confined thread failed"))??;
        assert!(reached.is_ok(), "{reached:?}");
        assert_eq!(stranger.err(), Some(ErrorKind::PermissionDenied));
        assert_eq!(listening.err().map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
        Ok(())
    }
}
