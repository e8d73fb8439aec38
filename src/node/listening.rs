//! The doors of a node: what listens where, and what is met there.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::{Addresses, Shared};
use crate::clock::Clock;
use crate::config::{Api, Config, Pages};
use crate::metrics::Metrics;
use crate::network::Networks;
use crate::tls::{ForViewers, Papers};
use crate::viewer::{Balancers, Entrance, Limits, Listener};
use crate::web::{self, Entry};

/// What viewers meet at the door in band, and behind tunnels.
pub fn doors(config: &Config, clock: &Clock) -> Result<[Arc<ForViewers>; 2]> {
    let viewers = &config.viewers;
    let in_band = Papers {
        certificate: viewers.certificate.clone(),
        key: viewers.key.clone(),
        workstations: None,
        revocations: Vec::new(),
        tls12: viewers.tls12,
    };
    let (workstations, revocations) = (config.workstations.ca.clone(), config.workstations.revocations.clone());
    let tunnel = Papers { workstations, revocations, ..in_band.clone() };
    Ok([Arc::new(ForViewers::load(in_band, clock)?), Arc::new(ForViewers::load(tunnel, clock)?)])
}

pub(super) async fn listen(
    config: &Config,
    shared: &Arc<Shared>,
    metrics: &Metrics,
    pixels: Handle,
    tasks: &mut JoinSet<()>,
) -> Result<Addresses> {
    let viewers = &config.viewers;
    let clock = &shared.clock;
    let [in_band_door, tunnel_door] = &shared.doors;
    let in_band = Listener {
        entrance: Entrance::InBand,
        networks: Arc::new(viewers.networks.clone()),
        balancers: Balancers::new(viewers.balancers.clone()),
        tls: Arc::clone(in_band_door),
        gate: Arc::clone(shared),
        limits: Arc::new(Limits::new(viewers.per_minute, viewers.handshakes, clock)),
        pixels,
        clock: clock.clone(),
        metrics: metrics.clone(),
    };
    let mut open = async |address: SocketAddr, entrance| -> Result<SocketAddr> {
        let socket = bind(address).await?;
        let bound = socket.local_addr()?;
        let tls = if matches!(entrance, Entrance::TlsFirst { .. }) { tunnel_door } else { in_band_door };
        // Who sits at this machine comes by no network.
        let (networks, balancers) = match entrance {
            Entrance::Local => (Arc::default(), Balancers::new(Networks::nowhere())),
            Entrance::InBand | Entrance::TlsFirst { .. } | Entrance::Browser => {
                (Arc::clone(&in_band.networks), in_band.balancers.clone())
            }
        };
        tasks.spawn(Listener { entrance, networks, balancers, tls: Arc::clone(tls), ..in_band.clone() }.run(socket));
        Ok(bound)
    };
    let bound = open(viewers.listen, Entrance::InBand).await?;
    let tls_first = match viewers.tls_first {
        Some(address) => Some(open(address, Entrance::TlsFirst { vnc_auth: viewers.tls_first_vnc_auth }).await?),
        None => None,
    };
    let local = match viewers.local {
        Some(address) => Some(open(address, Entrance::Local).await?),
        None => None,
    };
    let api = match &config.api {
        Some(written) => Some(api(written, shared, tasks).await?),
        None => None,
    };
    let pages = match &config.pages {
        Some(written) => Some(pages(written, shared, metrics, in_band.pixels.clone(), tasks).await?),
        None => None,
    };
    let monitor = match config.monitor {
        Some(address) => {
            let socket = bind(address).await?;
            let bound = socket.local_addr()?;
            serve("the monitor stopped", web::monitor(socket, metrics.registry(), shared.log.health()), tasks);
            Some(bound)
        }
        None => None,
    };
    Ok(Addresses { viewers: bound, tls_first, local, api, pages, monitor })
}

/// Orders by HTTP.
async fn api(api: &Api, shared: &Arc<Shared>, tasks: &mut JoinSet<()>) -> Result<SocketAddr> {
    let socket = bind(api.listen).await?;
    let bound = socket.local_addr()?;
    let [_, tunnel_door] = &shared.doors;
    let entry = Entry {
        name: "api",
        networks: api.networks.clone(),
        balancers: Balancers::new(api.balancers.clone()),
        tls: Arc::clone(tunnel_door),
    };
    let work = web::api(socket, entry, Arc::clone(shared), shared.clock.clone());
    serve("orders by HTTP are no longer taken", work, tasks);
    Ok(bound)
}

/// The pages, and their pixel of elsewhere.
async fn pages(
    pages: &Pages,
    shared: &Arc<Shared>,
    metrics: &Metrics,
    pixels: Handle,
    tasks: &mut JoinSet<()>,
) -> Result<SocketAddr> {
    let (socket, elsewhere) = (bind(pages.listen).await?, bind(pages.pixel).await?);
    let (bound, pixel) = (socket.local_addr()?, elsewhere.local_addr()?.port());
    let [_, tunnel_door] = &shared.doors;
    let entry = |name| Entry {
        name,
        networks: pages.networks.clone(),
        balancers: Balancers::new(pages.balancers.clone()),
        tls: Arc::clone(tunnel_door),
    };
    let clock = shared.clock.clone();
    let window = web::Window::new(Arc::clone(shared), pixels, clock.clone(), metrics.clone(), pixel, Arc::clone(tunnel_door));
    serve("the pages are no longer served", web::pages(socket, entry("pages"), window), tasks);
    let pixel = web::pixel(elsewhere, entry("pixel"), Arc::clone(shared), clock);
    serve("the pages' pixel is no longer served", pixel, tasks);
    Ok(bound)
}

/// For as long as the node runs; its end is said.
fn serve(end: &'static str, work: impl Future<Output = std::io::Result<()>> + Send + 'static, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        if let Err(error) = work.await {
            tracing::error!(%error, "{end}");
        }
    });
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; is the port taken, or below 1024?"))
}
