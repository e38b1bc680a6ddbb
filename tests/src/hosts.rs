//! Hosts of their own on one machine: network namespaces on one bridge, each with its own address
//! and its own ports, of which any can be cut off.
//!
//! A test that wants them is run a second time, inside the namespace that has the bridge: there it
//! reaches every host, and nothing of the machine's own network is touched.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};

/// Names the hosts to the test that runs among them: a prefix and how many there are.
const HOSTS_VARIABLE: &str = "RAFTPOOL_TEST_HOSTS_AMONG";

/// The hosts, seen from among them.
#[derive(Debug, Clone)]
pub struct Hosts {
    prefix: String,
    count: u8,
}

/// The program that makes namespaces; an ordinary user has it in no path.
pub const PROGRAM: &str = "/usr/sbin/ip";

/// Where a test finds itself.
enum Entry {
    /// Among the hosts: this is the place to do something.
    Among(Hosts),
    /// It has run among the hosts and passed there.
    Passed,
    /// This user may not make hosts.
    NotAllowed,
}

/// One host.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its network namespace.
    pub namespace: String,
    /// Its address.
    pub ip: IpAddr,
}

/// Makes `count` hosts, runs the test of this name again among them, and there the story. Where this
/// user may not make hosts, says so and tries nothing.
///
/// # Errors
/// When hosts cannot be made for another reason than missing rights, or the story fails.
pub fn among<Story, Told>(test: &str, count: u8, story: Story) -> Result<()>
where
    Story: FnOnce(Hosts) -> Told,
    Told: Future<Output = Result<()>>,
{
    match enter(test, count)? {
        Entry::Passed => Ok(()),
        Entry::NotAllowed => {
            println!("not tried: this user may not make network namespaces");
            Ok(())
        }
        Entry::Among(hosts) => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(story(hosts)),
    }
}

fn enter(test: &str, count: u8) -> Result<Entry> {
    if let Ok(told) = std::env::var(HOSTS_VARIABLE) {
        let (prefix, count) = told.rsplit_once(' ').context("a prefix and a count")?;
        return Ok(Entry::Among(Hosts {
            prefix: prefix.into(),
            count: count.parse()?,
        }));
    }
    let hosts = Hosts {
        prefix: format!("raftpool-{}", std::process::id()),
        count,
    };
    let Some(_made) = Made::new(&hosts)? else {
        return Ok(Entry::NotAllowed);
    };
    let status = Command::new(PROGRAM)
        .args(["netns", "exec", &hosts.street()])
        .arg(std::env::current_exe().context("this test's program")?)
        .args([test, "--exact", "--nocapture"])
        .env(HOSTS_VARIABLE, format!("{} {count}", hosts.prefix))
        .status()
        .context("run the test among the hosts")?;
    ensure!(status.success(), "{test} failed among the hosts: {status}");
    Ok(Entry::Passed)
}

impl Hosts {
    /// The host of this number, from 1.
    pub fn host(&self, number: u64) -> Host {
        let last = u8::try_from(number).unwrap_or(u8::MAX);
        Host {
            namespace: format!("{}-{number}", self.prefix),
            ip: Ipv4Addr::new(10, 77, 0, last).into(),
        }
    }

    /// The address among the hosts that is the test's own.
    pub fn own_ip(&self) -> IpAddr {
        Ipv4Addr::new(10, 77, 0, 254).into()
    }

    /// Cuts a host off from all others: nothing passes, and nobody is told.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn cut_off(&self, number: u64) -> Result<()> {
        ip(&["link", "set", &port(number), "down"]).map(drop)
    }

    /// Undoes [`Hosts::cut_off`].
    ///
    /// # Errors
    /// When the system refuses.
    pub fn connect(&self, number: u64) -> Result<()> {
        ip(&["link", "set", &port(number), "up"]).map(drop)
    }

    fn street(&self) -> String {
        format!("{}-street", self.prefix)
    }
}

/// The hosts while they exist; they are gone when this is dropped.
struct Made<'hosts>(&'hosts Hosts);

impl<'hosts> Made<'hosts> {
    fn new(hosts: &'hosts Hosts) -> Result<Option<Self>> {
        let street = hosts.street();
        let first = run_ip(&["netns", "add", &street])?;
        if !first.status.success() {
            println!("no hosts: {}", String::from_utf8_lossy(&first.stderr));
            return Ok(None);
        }
        // From here on they are removed whatever happens.
        let made = Self(hosts);
        let among = ["-n", &street];
        let own = format!("{}/24", hosts.own_ip());
        let street_has = |words: &[&str]| ip(&[&among, words].concat());
        street_has(&["link", "set", "lo", "up"])?;
        street_has(&["link", "add", "bridge", "type", "bridge"])?;
        street_has(&["addr", "add", &own, "dev", "bridge"])?;
        street_has(&["link", "set", "bridge", "up"])?;
        for number in 1..=u64::from(hosts.count) {
            let Host { namespace, ip: own } = hosts.host(number);
            let (port, own) = (port(number), format!("{own}/24"));
            ip(&["netns", "add", &namespace])?;
            let ends = ["link", "add", &port, "type", "veth", "peer", "name", "eth0"];
            street_has(&[&ends[..], &["netns", &namespace]].concat())?;
            street_has(&["link", "set", &port, "master", "bridge", "up"])?;
            ip(&["-n", &namespace, "addr", "add", &own, "dev", "eth0"])?;
            ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
            ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        }
        Ok(Some(made))
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        let hosts = (1..=u64::from(self.0.count)).map(|number| self.0.host(number).namespace);
        for namespace in hosts.chain([self.0.street()]) {
            // Not every one needs to be there when making them failed.
            let _ = run_ip(&["netns", "del", &namespace]);
        }
    }
}

/// The bridge's end of the cable to a host.
fn port(number: u64) -> String {
    format!("port{number}")
}

fn ip(words: &[&str]) -> Result<Output> {
    let output = run_ip(words)?;
    if output.status.success() {
        return Ok(output);
    }
    bail!("ip {words:?}: {}", String::from_utf8_lossy(&output.stderr))
}

fn run_ip(words: &[&str]) -> Result<Output> {
    let output = Command::new(PROGRAM).args(words).output();
    output.context("run ip, of Debian's package iproute2")
}
