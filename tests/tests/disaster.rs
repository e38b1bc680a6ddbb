//! What is lost for good, and what comes back: backups, restores, and clusters founded anew (P3, P4).
//!
//! Method: real processes over a simulated chain, which executes by its own rules and is the judge
//! of who was paid what.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, Member};
use raftpool_tests::command::{holds, tell};
use raftpool_tests::configuration::{self, MemberSettings};
use raftpool_tests::node::NodeProcess;
use raftpool_tests::processes::{DEADLINE, Pool, executable};
use raftpool_tests::random::{rounds, seeded};
use raftpool_tests::story::{Through, audit_payouts, find_block, hashing_options};
use raftpool_tests::story::{mine_until, mine_until_quiet};
use raftpool_tests::wait;
use rand::Rng;
use serde_json::json;

/// How long everything of a story may take to heal.
const HEALING: Duration = Duration::from_secs(90);

/// Lets a node that does not run make backups.
fn keep_backups(node: &NodeProcess, directory: &Path, rest: &str) -> Result<()> {
    let file = node.config_file();
    let text = std::fs::read_to_string(&file)?;
    let section = format!("{text}\n[backup]\ndirectory = {directory:?}\n{rest}\n");
    std::fs::write(&file, section).context("write the configuration")
}

/// Names of the backups that count, oldest first.
fn complete_backups(node: &NodeProcess) -> Result<Vec<String>> {
    let listed = node.tell(&["backup", "list"], &[])?;
    let complete = listed.lines().filter(|line| line.contains(": complete, "));
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    Ok(complete.map(name).collect())
}

/// A node that will be the first of another cluster, with an authority of its own.
struct Fresh {
    node: NodeProcess,
    authority: PathBuf,
    address: std::net::SocketAddr,
}

impl Fresh {
    fn new(root: &Path, id: u64, through: Through<'_>, authority: &Path) -> Result<Self> {
        let directory = root.join(format!("fresh-{id}"));
        std::fs::create_dir_all(&directory)?;
        let address = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        if !authority.exists() {
            tell(&["cluster", "ca", "init", &authority.display().to_string()])?;
        }
        let (id_text, out) = (id.to_string(), directory.join("certificates"));
        let (ca, out) = (authority.display().to_string(), out.display().to_string());
        tell(&["cluster", "issue", &id_text, "--ca", &ca, "--out", &out])?;
        let options = ClusterOptions::default();
        let settings = MemberSettings {
            hosts: None,
            node_id: id,
            data_directory: "data".into(),
            listen: address,
            address,
            connect_from: [127, 0, 0, 1].into(),
            peers: Vec::new(),
            heartbeat_ms: options.heartbeat_ms,
            election_timeout_ms: options.election_timeout_ms,
            snapshot_entries: options.snapshot_entries,
            log_entries_kept: options.log_entries_kept,
        };
        let network = through.network;
        let (addresses, password) = (&network.addresses, network.password_file());
        let text = configuration::member(&hashing_options(), addresses, password, &settings);
        let node = NodeProcess::new(&format!("fresh-{id}"), &directory, Vec::new())?;
        std::fs::write(node.config_file(), text)?;
        Ok(Self {
            node,
            authority: authority.to_owned(),
            address,
        })
    }
}

async fn serves_miners(node: &NodeProcess) -> Result<()> {
    wait::until("the node serves miners", DEADLINE, || async {
        Ok(node.stratum().map(drop))
    })
    .await
}

/// Compares the books with the chain and books what they lack, as soon as nothing is in the way.
async fn reconcile(through: Through<'_>) -> Result<String> {
    let Through { network, node } = through;
    wait::until("the books are reconciled", HEALING, || async {
        network
            .control("produce_blocks", json!({"count": 1}))
            .await?;
        let words = ["--apply", "--reason", "restore drill"];
        node.tell(&["payout", "reconcile"], &words).map(Some)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_sent_after_the_backup_is_not_paid_again_when_all_nodes_are_lost() -> Result<()> {
    let options = ClusterOptions {
        pool: hashing_options(),
        is_plain: true,
        ..ClusterOptions::default()
    };
    let pool = ClusterPool::start(options).await?;
    let story = restore_drill(&pool).await;
    if story.is_err() {
        pool.keep_files();
    }
    story
}

async fn restore_drill(pool: &Arc<ClusterPool>) -> Result<()> {
    let (network, backups) = (&pool.network, pool.root().join("backups"));
    let first = pool.member(1)?;
    first.process.stop().await;
    keep_backups(&first.process, &backups, "after_payouts = false")?;
    first.process.start(&[]).await?;
    serves_miners(&first.process).await?;
    let through = Through {
        network,
        node: &first.process,
    };
    network
        .control("produce_blocks", json!({"count": 2}))
        .await?;
    find_block(through).await?;
    mine_until_quiet(through).await?;
    ensure!(audit_payouts(through).await? == 1, "the first payout");

    let path = back_up_before_a_payout(through, &backups).await?;
    lose_all(pool).await?;
    let authority = pool.root().join("authority-2");
    let used = Fresh::new(pool.root(), 3, through, &authority)?;
    let refused = used.node.refusal(&["backup", "restore"], &[&path])?;
    holds(&refused, "set node.id")?;
    let fresh = Fresh::new(pool.root(), 4, through, &authority)?;
    let told = fresh.node.tell(&["backup", "restore"], &[&path])?;
    holds(&told, "payouts are paused")?;
    let refused = fresh.node.refusal(&["backup", "restore"], &[&path])?;
    holds(&refused, "is not empty")?;

    fresh.node.start(&[]).await?;
    serves_miners(&fresh.node).await?;
    let through = Through {
        network,
        node: &fresh.node,
    };
    let refused = fresh
        .node
        .refusal(&["payout", "resume"], &["--reason", "drill"])?;
    holds(&refused, "reconcile them with the chain first")?;
    let dry = fresh.node.tell(&["payout", "reconcile"], &[])?;
    holds(&dry, "nothing is changed")?;
    holds(&dry, "not in the books")?;
    reconcile(through).await?;
    ensure!(
        audit_payouts(through).await? == 2,
        "after the reconciliation"
    );
    fresh
        .node
        .tell(&["payout", "resume"], &["--reason", "drill"])?;
    // The next block is paid, and nothing of what was paid before.
    find_block(through).await?;
    mine_until_quiet(through).await?;
    ensure!(audit_payouts(through).await? == 3, "after the restore");

    let joining = Fresh::new(pool.root(), 5, through, &fresh.authority)?;
    joining.node.start(&[]).await?;
    let address = joining.address.to_string();
    fresh.node.tell(&["cluster", "add"], &["5", &address])?;
    serves_miners(&joining.node).await?;
    joining.node.stop().await;
    fresh.node.stop().await;
    fresh.node.verify_books()?;
    joining.node.verify_books()
}

/// A backup of books that owe what a payout pays afterwards; returns its path.
async fn back_up_before_a_payout(through: Through<'_>, backups: &Path) -> Result<String> {
    let node = through.node;
    // The balances are in the backup, the payout that empties them is not.
    node.tell(&["payout", "pause"], &["--reason", "drill"])?;
    find_block(through).await?;
    mine_until(through, "the block is settled", "/api/v1/pool", |answer| {
        (answer["totals"]["blocks_settled"] == json!(2)).then_some(())
    })
    .await?;
    node.tell(&["backup", "create"], &[])?;
    let made = complete_backups(node)?;
    let backup = made.last().context("a backup")?.clone();
    node.tell(&["payout", "resume"], &["--reason", "drill"])?;
    mine_until_quiet(through).await?;
    ensure!(audit_payouts(through).await? == 2, "the second payout");

    Ok(backups.join(&backup).display().to_string())
}

async fn lose_all(pool: &ClusterPool) -> Result<()> {
    for member in pool.members() {
        member.process.kill().await;
        member.wipe()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survivor_of_a_lost_majority_goes_on_as_another_cluster() -> Result<()> {
    let options = ClusterOptions {
        pool: hashing_options(),
        is_plain: true,
        ..ClusterOptions::default()
    };
    let pool = ClusterPool::start(options).await?;
    let story = force_new(&pool).await;
    if story.is_err() {
        pool.keep_files();
    }
    story
}

async fn force_new(pool: &Arc<ClusterPool>) -> Result<()> {
    let survivor: Arc<Member> = pool.member(2)?;
    let through = Through {
        network: &pool.network,
        node: &survivor.process,
    };
    through
        .network
        .control("produce_blocks", json!({"count": 2}))
        .await?;
    find_block(through).await?;
    mine_until_quiet(through).await?;
    for id in [1, 3] {
        let lost = pool.member(id)?;
        lost.process.kill().await;
        lost.wipe()?;
    }
    survivor.process.stop().await;
    let node = &survivor.process;
    let refused = node.refusal(&["cluster", "force-new"], &[])?;
    holds(&refused, "two pools with one wallet")?;
    let rest = refused.split("--confirm ").nth(1).context("the id")?;
    let cluster = rest.split_whitespace().next().context("the id")?;
    let confirm = ["--confirm", cluster];
    let refused = node.refusal(&["cluster", "force-new"], &confirm)?;
    holds(&refused, "are of the old cluster")?;

    let authority = pool.root().join("authority-2").display().to_string();
    let out = survivor.certificates().display().to_string();
    tell(&["cluster", "ca", "init", &authority])?;
    std::fs::remove_dir_all(&out)?;
    tell(&["cluster", "issue", "2", "--ca", &authority, "--out", &out])?;
    node.tell(&["cluster", "force-new"], &confirm)?;
    node.start(&[]).await?;
    serves_miners(node).await?;
    let refused = node.refusal(&["payout", "resume"], &["--reason", "drill"])?;
    holds(&refused, "reconcile them with the chain first")?;
    reconcile(through).await?;
    node.tell(&["payout", "resume"], &["--reason", "drill"])?;
    find_block(through).await?;
    mine_until_quiet(through).await?;
    ensure!(audit_payouts(through).await? == 2, "two payouts, each once");
    node.stop().await;
    node.verify_books()
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_made_by_the_clock_and_after_payouts_and_old_ones_go() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    let backups = pool.directory().join("backups");
    pool.stop_node().await;
    // It brings a backup elsewhere only once there is a place.
    let elsewhere = pool.directory().join("elsewhere");
    let copy = format!(
        "interval_ms = 3600000\nkeep = 2\n\
         copy_command = [\"cp\", \"-r\", \"{{path}}\", \"{}/{{name}}\"]",
        elsewhere.display()
    );
    keep_backups(&pool.node, &backups, &copy)?;
    pool.start_node(&[]).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let newest = || async { pool.node.metric("raftpool_backup_newest_bytes").await };
    wait::until("the first backup, which was due", DEADLINE, || async {
        Ok((newest().await? > 0.0).then_some(()))
    })
    .await?;
    let node = &pool.node;
    wait::until("it was not brought elsewhere", DEADLINE, || async {
        let failures = node.metric("raftpool_backup_copy_failures_total");
        Ok((failures.await? > 0.0).then_some(()))
    })
    .await?;
    std::fs::create_dir(&elsewhere)?;
    let before = complete_backups(&pool.node)?;
    find_block(&pool).await?;
    mine_until_quiet(&pool).await?;
    wait::until("a backup after the payout", DEADLINE, || async {
        let after = complete_backups(&pool.node)?;
        Ok((after.last() != before.last()).then_some(()))
    })
    .await?;
    wait::until("it was brought elsewhere", DEADLINE, || async {
        let copied = node.metric("raftpool_backup_copied_timestamp_seconds");
        Ok((copied.await? > 0.0).then_some(()))
    })
    .await?;
    let newest = complete_backups(node)?.pop().context("no backup")?;
    let copied = elsewhere.join(newest).display().to_string();
    node.tell(&["backup", "verify"], &[&copied])?;
    for _ in 0..3 {
        pool.control("produce_blocks", json!({"count": 1})).await?;
        pool.node.tell(&["backup", "create"], &[])?;
    }
    let kept = complete_backups(&pool.node)?;
    ensure!(kept.len() == 2, "keep = 2, but there are {kept:?}");
    for backup in &kept {
        let verified = pool.node.tell(&["backup", "verify"], &[backup])?;
        holds(&verified, "every invariant holds")?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cut_or_newer_backup_is_refused_by_name() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    let backups = pool.directory().join("backups");
    pool.stop_node().await;
    keep_backups(&pool.node, &backups, "")?;
    // Also a stopped node's books can be backed up.
    pool.node.tell(&["backup", "create"], &[])?;
    let name = complete_backups(&pool.node)?.pop().context("a backup")?;
    let path = backups.join(&name);
    let files = std::fs::read_dir(&path)?.collect::<Result<Vec<_>, _>>()?;
    for file in files.iter().map(std::fs::DirEntry::path) {
        let good = std::fs::read(&file)?;
        if good.is_empty() {
            continue;
        }
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 0x10;
        for bad in [&flipped[..], &good[..good.len() / 2]] {
            std::fs::write(&file, bad)?;
            let refused = pool.node.refusal(&["backup", "verify"], &[&name])?;
            holds(&refused, &name).with_context(|| format!("{} is bad", file.display()))?;
        }
        std::fs::write(&file, good)?;
    }
    let about = path.join("backup.json");
    let text = std::fs::read_to_string(&about)?;
    std::fs::write(&about, text.replace("\"version\": 1", "\"version\": 9"))?;
    let refused = pool.node.refusal(&["backup", "verify"], &[&name])?;
    holds(&refused, "use the newer program")?;
    ensure!(
        complete_backups(&pool.node)?.is_empty(),
        "it is listed as usable"
    );
    std::fs::write(&about, text)?;
    pool.node.tell(&["backup", "verify"], &[&name]).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_backup_leaves_none_that_counts() -> Result<()> {
    let mut random = seeded();
    let mut pool = Pool::start(hashing_options()).await?;
    let backups = pool.directory().join("backups");
    pool.stop_node().await;
    keep_backups(&pool.node, &backups, "keep = 3\nafter_payouts = false")?;
    for _ in 0..rounds(6) {
        pool.start_node(&[]).await?;
        pool.control("produce_blocks", json!({"count": 2})).await?;
        let config = pool.config_file();
        let mut create = tokio::process::Command::new(executable()?)
            .args(["backup", "create"])
            .arg(&config)
            .kill_on_drop(true)
            .spawn()?;
        let patience = Duration::from_millis(random.random_range(0..120));
        // A deadline and not a pause: the kill comes at a moment nobody has chosen.
        let _ = tokio::time::timeout(patience, create.wait()).await;
        pool.kill_node().await;
        create.wait().await?;
        for backup in complete_backups(&pool.node)? {
            pool.node.tell(&["backup", "verify"], &[&backup])?;
        }
    }
    pool.start_node(&[]).await?;
    pool.node.tell(&["backup", "create"], &[])?;
    let names = std::fs::read_dir(&backups)?.collect::<Result<Vec<_>, _>>()?;
    let is_left = |name: &str| !name.starts_with("backup-");
    let left: Vec<String> = names
        .iter()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| is_left(name))
        .collect();
    ensure!(left.is_empty(), "left over: {left:?}");
    Ok(())
}
