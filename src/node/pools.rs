//! The runtimes of pixel work. Sites decode on one, viewers stamp and encode on the other, whose threads give way: when
//! there is more to do than the machine can, viewers lose frames and sources do not.

use tokio::runtime::{Builder, Handle, Runtime};

/// How far viewers' threads step back (Linux: the nice value of one thread).
const GIVE_WAY: i32 = 5;

pub(super) struct Pools {
    sites: Option<Runtime>,
    viewers: Option<Runtime>,
    handles: (Handle, Handle),
}

impl Pools {
    /// As many threads as there are cores, for each.
    pub fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let pool = |name| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(cores).thread_name(name).enable_all();
            builder
        };
        let sites = pool("sites").build()?;
        let viewers = pool("viewers").on_thread_start(give_way).build()?;
        let handles = (sites.handle().clone(), viewers.handle().clone());
        Ok(Self { sites: Some(sites), viewers: Some(viewers), handles })
    }

    pub fn sites(&self) -> Handle {
        self.handles.0.clone()
    }

    pub fn viewers(&self) -> Handle {
        self.handles.1.clone()
    }
}

impl Drop for Pools {
    /// A runtime may not be waited for inside another.
    fn drop(&mut self) {
        for pool in [self.sites.take(), self.viewers.take()].into_iter().flatten() {
            pool.shutdown_background();
        }
    }
}

fn give_way() {
    // `None` is the calling thread.
    if let Err(error) = rustix::process::setpriority_process(None, GIVE_WAY) {
        tracing::debug!(%error, "viewers' threads keep their priority");
    }
}
