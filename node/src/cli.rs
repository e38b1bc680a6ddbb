//! The command line. The texts here are what `--help` prints.

pub mod backup;
pub mod ban;
pub mod block;
pub mod cluster;
mod init;
mod ledger;
pub mod load;
pub mod node;
pub mod payout;
mod pool;
mod support;
pub mod token;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use backup::{BackupCommand, ReconcileArgs};
use ban::BanCommand;
use block::BlockCommand;
use cluster::ClusterCommand;
use load::LoadgenArgs;
use node::NodeCommand;
use payout::{AbandonArgs, DecideArgs, HistoryArgs, HoldArgs, MinerCommand};
use token::TokenCommand;

pub use init::{InitArgs, NodeKind};
pub use ledger::{ExportArgs, ExportFormat, LedgerCommand};
pub use pool::{ApplyArgs, ChangesArgs, MoveArgs, PoolCommand};
pub use support::SupportArgs;

/// A highly available mining pool for the XELIS blockchain.
///
/// To see it work, run `raftpool demo`: it needs nothing else. To run a pool, write a
/// configuration (`raftpool config example > raftpool.toml`), check it
/// (`raftpool config check raftpool.toml`) and start a node (`raftpool run raftpool.toml`).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a node of the pool
    ///
    /// The node keeps its ledger in the configured data directory, listens for miners, serves the
    /// API, settles found blocks and pays. On Ctrl-C and SIGTERM it lets its miners go to other
    /// nodes and stops cleanly, on a second one at once. Exit code 64 means that the configuration
    /// is wrong, 1 that the node failed.
    Run(RunArgs),
    /// Show a whole pool at work on a simulated XELIS network
    ///
    /// Starts a simulated network, a cluster of three nodes and three miners with real hashing, and
    /// shows the nodes, shares, blocks, maturity, balances and payouts on one screen. Kill a node
    /// with `raftpool demo kill 1` in another terminal and watch the others go on. Ctrl-C ends
    /// everything; the next run continues where this one stopped.
    Demo(DemoArgs),
    /// Mine with the CPU on a pool, or look at a miner of this one
    ///
    /// Works over stratum. Several pools may be given: the first that answers is used, and a better
    /// one is gone back to when it returns.
    ///
    /// `raftpool miner show` and `raftpool miner set` are for operators: they ask the running node
    /// that the configuration file describes, through the socket `admin.sock` in its data directory.
    Miner(MinerCommand),
    /// Measure a pool with thousands of emulated miners
    ///
    /// The miners of one process connect, get jobs and send shares without hashing: they ask for
    /// difficulty 1, which every hash meets, so that the pool does all the work. Shares may be made
    /// stale, duplicate, too low or malformed. When the time is over, or on Ctrl-C, it prints how
    /// long connections, answers and jobs took, what was refused and why, and what the load itself
    /// has cost. Only pools on this machine are loaded, unless you say that the pool is yours.
    Loadgen(Box<LoadgenArgs>),
    /// Run a simulated XELIS network: daemon, wallet and a control interface
    ///
    /// Serves the JSON-RPC, the events and the getwork WebSocket of the official daemon and the
    /// JSON-RPC of the official wallet, with real proof of work at a settable difficulty. For
    /// trying out and testing; its coins are worth nothing.
    Devnet(DevnetArgs),
    /// Form a cluster of several nodes, look at it, and change who they are
    ///
    /// Except for the making of certificates, these commands ask the running node that the
    /// configuration file describes, through the socket `admin.sock` in its data directory; only
    /// the node's user and root may. Every node takes every command, and each may be run again:
    /// what is done already is done. What would cost the cluster its majority is refused.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Take a node out of service and back, one node at a time
    ///
    /// Asks the running node that the configuration file describes, through the socket
    /// `admin.sock` in its data directory; only the node's user and root may.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Look at payouts, and decide about them
    ///
    /// Asks the running node that the configuration file describes, through the socket
    /// `admin.sock` in its data directory; only the node's user and root may. Every change is
    /// kept in the pool's books with who made it and why. Exit code 1 means that it was not made,
    /// or that this is not known; the message says which.
    #[command(subcommand)]
    Payout(PayoutCommand),
    /// Look at the pool's settings, and change them
    ///
    /// Fees, schemes, windows and thresholds are part of the pool's books, the same on all nodes.
    /// These commands ask the running node that the configuration file describes, through the
    /// socket `admin.sock` in its data directory; only the node's user and root may.
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Make, list and revoke the tokens that miners of an address authorize with
    ///
    /// Without tokens anybody can mine to any address. An address that requires one lets in only
    /// whoever gives one of its tokens as the password. Asks the running node that the
    /// configuration file describes, through the socket `admin.sock` in its data directory; only
    /// the node's user and root may. What is changed holds on every node, within a moment also for
    /// those who are connected.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Look at who is banned, and lift bans
    ///
    /// A worker most of whose shares are bad is banned for some time, on all nodes, by the node that
    /// sees it; an IP address that brings nothing but trouble is refused by that node alone. These
    /// commands ask the running node that the configuration file describes, through the socket
    /// `admin.sock` in its data directory; only the node's user and root may.
    #[command(subcommand)]
    Ban(BanCommand),
    /// Look at blocks that are not in the pool's books, and acknowledge them
    ///
    /// The leader looks through all stable blocks of the chain for those that pay the pool. One
    /// that the books do not have is reported and never booked; its alarm stands until somebody has
    /// looked. These commands ask the running node that the configuration file describes, through
    /// the socket `admin.sock` in its data directory; only the node's user and root may.
    #[command(subcommand)]
    Block(BlockCommand),
    /// Make, list, check and restore backups of the pool's books
    ///
    /// A node with a `[backup]` section also makes them by itself. A backup is restored into an
    /// empty data directory, as another cluster.
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Work with configuration files
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check the books, export them, and add an export up
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Examine a host before a node starts there, or a node that runs
    ///
    /// Looks at limits, disk, clock, ports, names, certificates, daemons, wallet, cluster and
    /// payouts, and says what is wrong, the worst first, and what to do. Changes nothing. Exit code
    /// 0 means that all is well, 1 that there are warnings, 2 that the node cannot work.
    Doctor(LookArgs),
    /// Write what somebody who helps needs to see into one archive, without secrets
    ///
    /// Configuration without credentials and comments, what `raftpool doctor` finds, what the node
    /// says of the cluster, itself, settings, accounts, changes and payouts, its metrics, the names
    /// and sizes of its files, and its log. A node that does not run, or hangs, can be told of as
    /// well; what cannot be had is named. Changes nothing.
    SupportDump(SupportArgs),
    /// Compute and measure the proof of work
    #[command(subcommand)]
    Pow(PowCommand),
    /// Print what completes this command line in a shell
    ///
    /// For example in ~/.bashrc: `source <(raftpool completions bash)`.
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages of all commands
    Man {
        /// Existing directory for them, such as /usr/local/share/man/man1
        directory: PathBuf,
    },
}

/// What a node is started with.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file
    pub config: PathBuf,
    /// Write the addresses the node listens on to this file, as JSON, once it does
    #[arg(long, value_name = "FILE")]
    pub addresses_file: Option<PathBuf>,
    /// Stop when standard input is closed: ends the node with whoever started it
    #[arg(long)]
    pub exit_on_stdin_close: bool,
}

/// How the demo runs, or what to do to one that runs.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DemoArgs {
    /// What to do to a demo that runs
    #[command(subcommand)]
    pub action: Option<DemoAction>,
    /// How to run one
    #[command(flatten)]
    pub run: DemoRunArgs,
}

/// What to do to a demo that runs.
#[derive(Debug, Subcommand)]
pub enum DemoAction {
    /// Kill one of the nodes, as a crash would; the demo starts it again after 20 seconds
    Kill {
        /// Number of the node
        #[arg(value_parser = clap::value_parser!(u32).range(1..=3))]
        node: u32,
        /// Where the demo keeps its data and logs
        #[arg(long, value_name = "DIRECTORY", default_value = ".demo")]
        directory: PathBuf,
    },
}

/// How the demo runs.
#[derive(Debug, Args)]
pub struct DemoRunArgs {
    /// Where the demo keeps its data and logs
    #[arg(long, value_name = "DIRECTORY", default_value = ".demo")]
    pub directory: PathBuf,
    /// Begin anew: remove what earlier runs left in the directory
    #[arg(long)]
    pub fresh: bool,
    /// Share of a core that each of the three miners uses, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 40, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub load: u8,
    /// End by itself when this many payouts were confirmed since the start
    #[arg(long, value_name = "COUNT")]
    pub until_payouts: Option<u64>,
    /// Print lines as things happen instead of drawing a screen (default when not on a terminal)
    #[arg(long)]
    pub plain: bool,
}

/// Where and how to mine.
#[derive(Debug, Args)]
pub struct MinerArgs {
    /// Pool to mine on, HOST:PORT; may be given several times, the preferred one first
    #[arg(long = "pool", short = 'o', value_name = "HOST:PORT", required = true)]
    pub pools: Vec<String>,
    /// Your XELIS address
    #[arg(long, short = 'a')]
    pub address: String,
    /// Name of this worker
    #[arg(long, short = 'w', default_value = "default")]
    pub worker: String,
    /// Password: `x`, a token, or options such as `d=1000` and `scheme=solo`
    #[arg(long, short = 'p', default_value = "x")]
    pub password: String,
    /// Threads to mine with; all cores when not given
    #[arg(long, short = 't')]
    pub threads: Option<usize>,
    /// Share of each thread's time to use, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub load: u8,
    /// Stop when standard input is closed
    #[arg(long)]
    pub exit_on_stdin_close: bool,
}

/// What network to simulate, and where.
#[derive(Debug, Args)]
pub struct DevnetArgs {
    /// Interface every server listens on
    #[arg(long, default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// Port of the daemon's RPC server; 0 takes a free one, as for the other ports
    #[arg(long, default_value_t = 18080)]
    pub daemon_port: u16,
    /// Port of the wallet's RPC server
    #[arg(long, default_value_t = 18081)]
    pub wallet_port: u16,
    /// Port of the control interface
    #[arg(long, default_value_t = 18082)]
    pub control_port: u16,
    /// Network difficulty
    #[arg(long, default_value_t = 10_000)]
    pub difficulty: u64,
    /// Version of the proof of work
    #[arg(long, value_enum, default_value_t = AlgorithmName::V3)]
    pub algorithm: AlgorithmName,
    /// Make a block of somebody else's every so many milliseconds; 0 makes none
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    pub foreign_block_every_ms: u64,
    /// Heights after which a block is stable
    #[arg(long, default_value_t = 24)]
    pub stable_depth: u64,
    /// User name of the wallet's RPC server
    #[arg(long, default_value = "pool")]
    pub wallet_username: String,
    /// File with the password of the wallet's RPC server; the password is `pool` when not given
    #[arg(long, value_name = "FILE")]
    pub wallet_password_file: Option<PathBuf>,
    /// Keep the network in this file, and continue from it
    #[arg(long, value_name = "FILE")]
    pub state_file: Option<PathBuf>,
    /// Write the addresses it listens on, and the wallet's own, to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub addresses_file: Option<PathBuf>,
    /// Stop when standard input is closed
    #[arg(long)]
    pub exit_on_stdin_close: bool,
}

/// Look at payouts, pause, resume or release them.
#[derive(Debug, Subcommand)]
pub enum PayoutCommand {
    /// Show whether payouts run, which one is open, and what was changed by hand
    Status(LookArgs),
    /// Make no further payout and send nothing new
    ///
    /// What was sent before may still execute; it is followed to its end. The reason is public.
    Pause(ChangeArgs),
    /// Let payouts go on
    ///
    /// A pool that has paused itself has a reason, which `raftpool payout status` shows: find out
    /// where the money went before you resume. If the cause is still there it pauses again.
    Resume(ChangeArgs),
    /// Give the amounts of the open payout back to its payees
    ///
    /// Refused once a transaction is signed, because that may have been sent. Pause first, or the
    /// next payout may be made at once. The reason is public.
    Release(ChangeArgs),
    /// Let a payout be signed that waits for it
    ///
    /// Above `settings.payout_approval_above_atomic` a payout is signed only then. Who approved it
    /// is kept with the payout.
    Approve(DecideArgs),
    /// Undo a payout that is not signed, and pause payouts
    ///
    /// The amounts go back into the balances. Payouts are paused, because the next one would take
    /// the same balances: hold an address or change the settings first, then resume. The reason is
    /// public.
    Reject(DecideArgs),
    /// Keep an address from being paid; it goes on to earn
    ///
    /// A payout that is reserved for it and not signed yet is undone and planned without it.
    Hold(HoldArgs),
    /// Let an address be paid again
    Unhold(HoldArgs),
    /// Show the addresses that are held
    Holds(LookArgs),
    /// Give up a signed payout whose nonce another transaction has used up for good
    ///
    /// Only while payouts are paused, and only when the leader has seen so on the chain; ask it, or
    /// take the answer on yourself with --force. The amounts go back into the balances. Should one
    /// of its transactions execute after all, payouts stop with an alarm and nothing is booked.
    Abandon(AbandonArgs),
    /// Compare restored books with the chain and the wallet, and book the payouts they lack
    ///
    /// After `raftpool backup restore` and `raftpool cluster force-new` payouts are paused until
    /// this has booked what was paid out and is not in the books: it is taken from the balances of
    /// its payees, so that nobody is paid twice. Shows what it finds; changes nothing without
    /// --apply. Needs the wallet with its whole history.
    Reconcile(ReconcileArgs),
    /// Show payouts with transaction, fee and confirmations, newest first
    History(HistoryArgs),
    /// Show what a payout run would do now: who would be paid, who not, and why
    ///
    /// Planned by the code that plans real ones; nothing is proposed. The wallet of the node that
    /// is asked estimates the fee.
    Simulate(LookArgs),
}

/// Which node to ask, and how to show the answer.
#[derive(Debug, Args)]
pub struct LookArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Which node to ask, and why.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A few lines for people
    Text,
    /// The node's answer, for programs
    Json,
}

/// Work with configuration files.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a file, with the environment's overrides, and say what is wrong with it
    Check {
        /// Configuration file
        file: PathBuf,
    },
    /// Print a commented example with every key and its default
    Example,
    /// Print the reference of every key, as Markdown
    Reference,
    /// Write a commented configuration for a new node
    ///
    /// The file has every key, with what you give here filled in. Nothing is ever overwritten.
    /// Afterwards it tells what is left to do.
    Init(Box<InitArgs>),
}

/// Compute and measure the proof of work.
#[derive(Debug, Subcommand)]
pub enum PowCommand {
    /// Print the hash of 112 bytes of work
    Hash {
        /// Which version
        #[arg(long, value_enum, default_value_t = AlgorithmName::V3)]
        algorithm: AlgorithmName,
        /// The work: 224 hexadecimal digits
        hex: String,
    },
    /// Measure hashes per second, for one core and for all
    Bench {
        /// Which version; v2 and v3 when not given
        #[arg(long, value_enum)]
        algorithm: Option<AlgorithmName>,
        /// How long to measure each figure
        #[arg(long, value_name = "SECONDS", default_value_t = 6)]
        seconds: u64,
    },
}

/// A version of XelisHash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AlgorithmName {
    /// The first blocks of older test networks
    V1,
    /// Until the 5-second blocks
    V2,
    /// Today's
    V3,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_its_main_commands_are_explained() {
        Cli::command().debug_assert();
        for name in [
            "run", "demo", "miner", "loadgen", "devnet", "cluster", "payout", "pool", "ban",
            "block", "token",
        ] {
            let command = Cli::command();
            let command = command.find_subcommand(name).unwrap();
            assert!(
                command.get_long_about().is_some(),
                "`raftpool {name} --help` says no more than the list of commands"
            );
        }
    }
}
