//! The running network: its servers, its background work and how it ends.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as AsyncMutex, Notify, watch},
    task::JoinHandle,
};

use crate::{
    chain::{Chain, Production, Rules},
    config::DevnetConfig,
    control::{self, Control},
    daemon::{self, Daemon},
    faults::Faults,
    key::wallet_key,
    net::Server,
    persistence::{self, Loaded, StateFileError},
    view::View,
    wallet::{self, Wallet},
};

/// Least time between two writes of the state file.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// The network cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// The state file is unusable.
    #[error(transparent)]
    State(#[from] StateFileError),
    /// A listener cannot be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The configuration asks for no daemon or no wallet.
    #[error("a network needs at least one daemon and one wallet")]
    Empty,
}

/// Everything the servers and the control interface share.
pub(crate) struct Network {
    pub(crate) config: DevnetConfig,
    pub(crate) shared: Arc<View>,
    pub(crate) changed: Arc<Notify>,
    pub(crate) daemons: Vec<Hosted<Daemon>>,
    pub(crate) wallets: Vec<Hosted<Wallet>>,
    pub(crate) faults: Arc<Faults>,
    /// Milliseconds between foreign blocks; none while there are none.
    pub(crate) auto_mine_every_ms: watch::Sender<Option<u64>>,
    pub(crate) foreign_miner: [u8; 32],
    starts: u64,
}

/// A daemon or wallet with its server, which may be stopped for a while.
pub(crate) struct Hosted<T> {
    pub(crate) service: Arc<T>,
    pub(crate) address: SocketAddr,
    pub(crate) server: AsyncMutex<Option<Server>>,
}

/// A running simulated network; it ends when this is shut down or dropped.
pub struct Devnet {
    network: Arc<Network>,
    control_server: Server,
    tasks: Vec<JoinHandle<()>>,
    state_error: Arc<Mutex<Option<StateFileError>>>,
}

impl Devnet {
    /// Starts a network.
    ///
    /// # Errors
    /// When the state file is unusable or a port is taken.
    pub async fn start(config: DevnetConfig) -> Result<Self, DevnetError> {
        if config.daemons == 0 || config.wallets == 0 {
            return Err(DevnetError::Empty);
        }
        let rules = Rules::new(&config);
        let Loaded { chain, starts } = match &config.state_file {
            Some(path) => persistence::load(path, rules, config.seed)?,
            None => Loaded {
                chain: Chain::new(rules, config.seed),
                starts: 1,
            },
        };
        let changed = Arc::new(Notify::new());
        let shared = View::new(chain, Arc::clone(&changed));
        let faults = Arc::new(Faults::default());
        let (daemons, wallets) = host(&config, &shared, &faults).await?;
        let network = Arc::new(Network {
            foreign_miner: wallet_key(&format!("foreign miner {}", config.seed)),
            auto_mine_every_ms: watch::channel(config.auto_mine_every_ms).0,
            config,
            shared,
            changed,
            daemons,
            wallets,
            faults,
            starts,
        });
        let control = Control::new(Arc::clone(&network));
        let address = SocketAddr::new(
            network.config.listen.host,
            network.config.listen.control_port,
        );
        let control_server = listen(address, control::router(control)).await?;
        let state_error = Arc::new(Mutex::new(None));
        let mut tasks = vec![tokio::spawn(auto_mine(Arc::clone(&network)))];
        if let Some(path) = network.config.state_file.clone() {
            tasks.push(tokio::spawn(keep_saved(
                Arc::clone(&network),
                path,
                Arc::clone(&state_error),
            )));
        }
        Ok(Self {
            network,
            control_server,
            tasks,
            state_error,
        })
    }

    /// The control interface.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.network))
    }

    /// HTTP address of the first daemon, without a path.
    #[must_use]
    pub fn daemon_url(&self) -> String {
        url("http", self.network.daemons[0].address)
    }

    /// HTTP addresses of all daemons.
    #[must_use]
    pub fn daemon_urls(&self) -> Vec<String> {
        self.network
            .daemons
            .iter()
            .map(|daemon| url("http", daemon.address))
            .collect()
    }

    /// WebSocket address of the first daemon, without a path.
    #[must_use]
    pub fn daemon_ws_url(&self) -> String {
        url("ws", self.network.daemons[0].address)
    }

    /// WebSocket addresses of all daemons.
    #[must_use]
    pub fn daemon_ws_urls(&self) -> Vec<String> {
        self.network
            .daemons
            .iter()
            .map(|daemon| url("ws", daemon.address))
            .collect()
    }

    /// HTTP address of the first wallet, without a path.
    #[must_use]
    pub fn wallet_url(&self) -> String {
        url("http", self.network.wallets[0].address)
    }

    /// HTTP addresses of all wallets.
    #[must_use]
    pub fn wallet_urls(&self) -> Vec<String> {
        self.network
            .wallets
            .iter()
            .map(|wallet| url("http", wallet.address))
            .collect()
    }

    /// HTTP address of the control interface, without a path.
    #[must_use]
    pub fn control_url(&self) -> String {
        url("http", self.control_server.address())
    }

    /// Stops every server and writes the state file.
    ///
    /// # Errors
    /// When the state file could not be written, now or before.
    pub async fn shutdown(mut self) -> Result<(), StateFileError> {
        for task in self.tasks.drain(..) {
            task.abort();
            // An aborted task ends with an error that says only that.
            let _ = task.await;
        }
        for daemon in &self.network.daemons {
            stop(daemon).await;
        }
        for wallet in &self.network.wallets {
            stop(wallet).await;
        }
        if let Some(path) = &self.network.config.state_file {
            self.network.save(path)?;
        }
        self.state_error.lock().take().map_or(Ok(()), Err)
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Network {
    pub(crate) async fn start_daemon(&self, index: usize) -> Result<(), DevnetError> {
        let Some(daemon) = self.daemons.get(index) else {
            return Ok(());
        };
        let mut server = daemon.server.lock().await;
        if server.is_none() {
            let router = daemon::router(Arc::clone(&daemon.service));
            *server = Some(listen(daemon.address, router).await?);
            daemon.service.set_running(true);
        }
        Ok(())
    }

    pub(crate) async fn stop_daemon(&self, index: usize) {
        if let Some(daemon) = self.daemons.get(index) {
            daemon.service.set_running(false);
            stop(daemon).await;
        }
    }

    pub(crate) async fn start_wallet(&self, index: usize) -> Result<(), DevnetError> {
        let Some(wallet) = self.wallets.get(index) else {
            return Ok(());
        };
        let mut server = wallet.server.lock().await;
        if server.is_none() {
            *server =
                Some(listen(wallet.address, wallet::router(Arc::clone(&wallet.service))).await?);
        }
        Ok(())
    }

    pub(crate) async fn stop_wallet(&self, index: usize) {
        if let Some(wallet) = self.wallets.get(index) {
            stop(wallet).await;
            // The memory of a wallet does not outlive its process.
            wallet.service.clear_cache();
        }
    }

    /// Breaks the connections of a daemon; clients may come back at once.
    pub(crate) async fn restart_daemon(&self, index: usize) -> Result<(), DevnetError> {
        if self
            .daemons
            .get(index)
            .is_some_and(|daemon| daemon.service.is_running())
        {
            self.stop_daemon(index).await;
            self.start_daemon(index).await?;
        }
        Ok(())
    }

    fn save(&self, path: &std::path::Path) -> Result<(), StateFileError> {
        let saved = self.shared.with(|chain| chain.save());
        persistence::save(path, self.starts, saved)
    }
}

async fn stop<T>(hosted: &Hosted<T>) {
    if let Some(server) = hosted.server.lock().await.take() {
        server.stop().await;
    }
}

type HostedServices = (Vec<Hosted<Daemon>>, Vec<Hosted<Wallet>>);

async fn host(
    config: &DevnetConfig,
    shared: &Arc<View>,
    faults: &Arc<Faults>,
) -> Result<HostedServices, DevnetError> {
    let mut daemons = Vec::new();
    for index in 0..config.daemons {
        let service = Daemon::new(index, config, Arc::clone(shared), Arc::clone(faults));
        let address = nth_address(config, config.listen.daemon_port, index);
        let server = listen(address, daemon::router(Arc::clone(&service))).await?;
        service.set_running(true);
        daemons.push(hosted(service, server));
    }
    let mut wallets = Vec::new();
    for index in 0..config.wallets {
        let daemon = Arc::clone(&daemons[index % daemons.len()].service);
        let service = Wallet::new(index, config, daemon, Arc::clone(faults));
        let address = nth_address(config, config.listen.wallet_port, index);
        let server = listen(address, wallet::router(Arc::clone(&service))).await?;
        wallets.push(hosted(service, server));
    }
    Ok((daemons, wallets))
}

fn hosted<T>(service: Arc<T>, server: Server) -> Hosted<T> {
    Hosted {
        service,
        address: server.address(),
        server: AsyncMutex::new(Some(server)),
    }
}

fn nth_address(config: &DevnetConfig, first_port: u16, index: usize) -> SocketAddr {
    let port = if first_port == 0 {
        0
    } else {
        first_port.saturating_add(index as u16)
    };
    SocketAddr::new(config.listen.host, port)
}

async fn listen(address: SocketAddr, router: axum::Router) -> Result<Server, DevnetError> {
    Server::start(address, router)
        .await
        .map_err(|source| DevnetError::Listen { address, source })
}

fn url(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{address}")
}

/// Produces blocks of a foreign miner at the interval that is set.
async fn auto_mine(network: Arc<Network>) {
    let mut interval = network.auto_mine_every_ms.subscribe();
    loop {
        let every_ms = *interval.borrow_and_update();
        let elapsed = async {
            match every_ms {
                Some(every_ms) => tokio::time::sleep(Duration::from_millis(every_ms.max(1))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = elapsed => {
                let production =
                    Production { count: 1, miner_key: network.foreign_miner, with_transactions: true };
                if let Err(error) = network.shared.with(|chain| chain.produce(production)) {
                    tracing::warn!(%error, "could not produce a foreign block");
                }
            }
            changed = interval.changed() => if changed.is_err() { return },
        }
    }
}

async fn keep_saved(
    network: Arc<Network>,
    path: PathBuf,
    failure: Arc<Mutex<Option<StateFileError>>>,
) {
    loop {
        network.changed.notified().await;
        let (saving, target) = (Arc::clone(&network), path.clone());
        let saved = tokio::task::spawn_blocking(move || saving.save(&target)).await;
        if let Ok(result) = saved {
            if let Err(error) = &result {
                tracing::error!(%error, "could not write the state file");
            }
            *failure.lock() = result.err();
        }
        tokio::time::sleep(SAVE_INTERVAL).await;
    }
}
