//! Goal: each mistake an operator can make in the file gets an answer that says where and what.
//! Method: parse small files with one mistake each and compare the message.

use std::path::Path;

use raftpool_stratum::{Encryption, Speaks};

use super::{Config, ConfigError, EXAMPLE, reference};

const MINIMAL: &str = r#"
[pool]
network = "mainnet"
address = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz"
[node]
data_directory = "data"
[daemon]
urls = ["http://127.0.0.1:8080"]
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::parse(Path::new("/etc/raftpool/pool.toml"), text, environment)
}

#[track_caller]
fn check_error(text: &str, environment: &[(&str, &str)], expected: &str) {
    let error = parse(text, environment).expect_err("the configuration is wrong");
    let message = match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    assert!(
        message.contains(expected),
        "`{message}` does not contain `{expected}`"
    );
}

#[test]
fn example_is_valid_and_paths_are_relative_to_the_file() {
    let config = parse(EXAMPLE, &[]).unwrap();
    assert_eq!(
        config.raw.node.data_directory,
        Path::new("/etc/raftpool/data")
    );
    assert_eq!(config.raw.stratum.grace_heights, 3);
}

#[test]
fn example_names_every_key_with_its_default() {
    // Uncommenting every `# key = value` line must give the same configuration.
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split(" = ")
                    .next()
                    .is_some_and(|key| !key.contains(' ')) =>
            {
                rest
            }
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n");
    let (plain, spelled) = (
        parse(EXAMPLE, &[]).unwrap(),
        parse(&uncommented, &[]).unwrap(),
    );
    assert!(uncommented.contains("\ngrace_heights = 3"));
    assert_eq!(format!("{:?}", plain.raw), format!("{:?}", spelled.raw));
}

#[test]
fn a_cluster_section_is_checked_and_its_paths_are_relative_to_the_file() {
    let section = |keys: &str| format!("{MINIMAL}\n[cluster]\n{keys}\n");
    let good = section("address = \"node-1:5078\"\ncertificates = \"certificates\"");
    let cluster = parse(&good, &[]).unwrap().raw.cluster.unwrap();
    assert_eq!(
        cluster.certificates,
        Path::new("/etc/raftpool/certificates")
    );
    assert_eq!(cluster.election_timeout_ms, 250);
    check_error(
        &section("certificates = \"c\""),
        &[],
        "missing field `address`",
    );
    for (keys, expected) in [
        (
            "address = \"node-1\"",
            "cluster.address: `node-1` is not a host and a port",
        ),
        (
            "address = \"a:1\"\npeers = [\"b\"]",
            "cluster.peers: `b` is not",
        ),
        (
            "address = \"a:1\"\nheartbeat_ms = 200",
            "cluster.election_timeout_ms: must be at least",
        ),
    ] {
        check_error(
            &section(&format!("certificates = \"c\"\n{keys}")),
            &[],
            expected,
        );
    }
    let storage = format!("{MINIMAL}\n[storage]\nsync_stall_ms = 1\n");
    check_error(&storage, &[], "storage.sync_stall_ms: must be 1000 or more");
}

#[test]
fn listeners_have_their_own_terms_and_a_certificate_lets_all_speak_tls() {
    let listener = |keys: &str| format!("{MINIMAL}\n[[stratum.listener]]\n{keys}\n");
    let special = "address = \"127.0.0.1:0\"\nstarting_difficulty = 2000\n\
                   default_scheme = \"solo\"\nproxied_from = [\"10.0.0.0/8\"]";
    let encryptions = |text: &str| {
        let config = Config::parse(Path::new("/etc/raftpool/pool.toml"), text, []).unwrap();
        let listeners = config.raw.stratum.listeners().unwrap();
        (
            listeners
                .iter()
                .map(|one| one.encryption)
                .collect::<Vec<_>>(),
            config.raw.stratum.tls.map(|tls| tls.key),
        )
    };
    let plain = vec![Encryption::Plain, Encryption::Plain];
    assert_eq!(encryptions(&listener(special)), (plain, None));
    let tls = "[stratum.tls]\ncertificate = \"pool.crt\"\nkey = \"keys/pool.key\"";
    let text = listener(&format!("{special}\n{tls}"));
    let both = vec![Encryption::Both, Encryption::Both];
    assert_eq!(
        encryptions(&text),
        (both, Some("/etc/raftpool/keys/pool.key".into()))
    );
    let text = listener(&format!("{special}\nencryption = \"tls\"\n{tls}"));
    assert_eq!(encryptions(&text).0, [Encryption::Both, Encryption::Tls]);

    let speaks = |text: &str| {
        let config = Config::parse(Path::new("/etc/raftpool/pool.toml"), text, []).unwrap();
        config.raw.stratum.listeners().unwrap()[1].speaks
    };
    let one = |keys: &str| listener(&format!("address = \"127.0.0.1:0\"\n{keys}\n"));
    assert_eq!(speaks(&one("")), Speaks::Stratum);
    assert_eq!(speaks(&one("dialect = \"getwork\"")), Speaks::Getwork);
    let xatum = one("dialect = \"xatum\"");
    assert_eq!(speaks(&format!("{xatum}{tls}")), Speaks::Xatum);
    let proxied = one("dialect = \"xatum\"\nproxied_from = [\"10.0.0.0/8\"]");
    assert_eq!(speaks(&proxied), Speaks::Xatum);

    for (keys, expected) in [
        ("dialect = \"xatum\"", "which miners only speak over TLS"),
        (
            "dialect = \"xatun\"",
            "expected one of `stratum`, `xatum`, `getwork`",
        ),
        ("encryption = \"tls\"", "needs [stratum.tls]"),
        (
            "encryption = \"ssl\"",
            "expected one of `plain`, `tls`, `both`",
        ),
        ("default_scheme = \"prop\"", "scheme `prop` is unknown"),
        (
            "starting_difficulty = 1",
            "must lie between minimum_difficulty (1000)",
        ),
        (
            "proxied_from = [\"10.0.0.0/99\"]",
            "invalid IP address syntax",
        ),
    ] {
        let text = listener(&format!("address = \"127.0.0.1:0\"\n{keys}"));
        check_error(&text, &[], expected);
    }
    check_error(
        &format!("{MINIMAL}\n[stratum]\nlisten = []"),
        &[],
        "at least one address",
    );
}

#[test]
fn unknown_key_is_refused_with_the_nearest_name_and_its_place() {
    let text = format!("{MINIMAL}\n[stratum]\nlistn = []\n");
    check_error(
        &text,
        &[],
        "line 11, column 1: unknown key `listn`; did you mean `listen`?",
    );
    check_error(
        &format!("{MINIMAL}\n[startum]\n"),
        &[],
        "did you mean `stratum`?",
    );
    check_error(
        &format!("{MINIMAL}\n[zzz]\n"),
        &[],
        "unknown key `zzz`, expected one of",
    );
}

#[test]
fn wrong_values_say_what_would_be_right() {
    check_error(
        &MINIMAL.replace("mainnet", "mainet"),
        &[],
        "known are mainnet, testnet",
    );
    check_error(&MINIMAL.replace("mainnet", "testnet"), &[], "pool.address");
    check_error(
        &MINIMAL.replace("[\"http://127.0.0.1:8080\"]", "[]"),
        &[],
        "at least one daemon",
    );
    check_error(
        &format!("{MINIMAL}\n[stratum]\ngrace_heights = 9"),
        &[],
        "9 is above 8",
    );
    check_error(
        &format!("{MINIMAL}\n[stratum]\nstarting_difficulty = 1"),
        &[],
        "must hold",
    );
    check_error(
        &format!("{MINIMAL}\n[settings]\npplns_fee_bps = 10001"),
        &[],
        "pplns_fee_bps: must be at most 10000",
    );
    check_error(
        &format!("{MINIMAL}\n[settings]\nschemes = [\"prop\"]"),
        &[],
        "known are pplns, pps, fpps and solo",
    );
    check_error(
        &format!("{MINIMAL}\n[settings]\nschemes = [\"solo\"]"),
        &[],
        "default_scheme: must be one of the offered schemes",
    );
    check_error(
        &format!("{MINIMAL}\n[api]\nlisten = \"nowhere\""),
        &[],
        "line 11, column 10",
    );
    check_error("pool = ", &[], "line 1, column 8");
}

#[test]
fn the_committed_reference_is_what_the_program_prints() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/config/reference.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, reference()).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        reference(),
        "a key has changed: run `make reference`"
    );
}

#[test]
fn every_key_of_the_reference_has_a_meaning_and_is_in_the_example() {
    for line in reference().lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let key = cells[0].trim_matches('`');
        assert!(cells.last().is_some_and(|about| about.len() > 5), "{line}");
        let is_shown = EXAMPLE.contains(key);
        assert!(is_shown, "the example lacks {key}");
    }
}

#[test]
fn environment_overrides_the_file() {
    let config = parse(
        MINIMAL,
        &[
            ("RAFTPOOL__NODE__ID", "7"),
            ("RAFTPOOL__STRATUM__LISTEN", "[\"127.0.0.1:0\"]"),
            ("RAFTPOOL__LOG__FILTER", "debug"),
            ("PATH", "/usr/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.raw.node.id, 7);
    assert_eq!(config.raw.stratum.listen, ["127.0.0.1:0".parse().unwrap()]);
    assert_eq!(config.raw.log.filter, "debug");
}

#[test]
fn environment_mistakes_name_the_variable() {
    check_error(
        MINIMAL,
        &[("RAFTPOOL__NODE__IDD", "7")],
        "variable RAFTPOOL__NODE__IDD: unknown key",
    );
    check_error(MINIMAL, &[("RAFTPOOL__NODE", "7")], "names no key");
}

#[test]
fn missing_secret_file_is_named() {
    let wallet =
        "[wallet]\nurl = \"http://127.0.0.1:1\"\nusername = \"u\"\npassword_file = \"nope\"";
    check_error(
        &format!("{MINIMAL}\n{wallet}"),
        &[],
        "wallet.password_file: read /etc/raftpool/nope",
    );
}

#[test]
fn the_listener_for_probes_has_an_address_or_is_off() {
    let listen = |line: &str| {
        let config = parse(&format!("{MINIMAL}[health]\n{line}\n"), &[]);
        config.map(|config| config.raw.health.listen)
    };
    let default = "127.0.0.1:8001".parse().ok();
    assert_eq!(parse(MINIMAL, &[]).unwrap().raw.health.listen, default);
    assert_eq!(listen("").unwrap(), default);
    assert_eq!(listen("listen = \"off\"").unwrap(), None);
    let other = "10.0.0.1:81".parse().ok();
    assert_eq!(listen("listen = \"10.0.0.1:81\"").unwrap(), other);
    let wrong = listen("listen = \"no\"").unwrap_err().to_string();
    assert!(wrong.contains("`no` is neither an address"), "{wrong}");
}

#[test]
fn the_name_server_is_off_unless_it_is_configured_and_its_names_are_checked() {
    assert!(parse(MINIMAL, &[]).unwrap().raw.dns.is_none());
    let section = |lines: &str| format!("{MINIMAL}[dns]\n{lines}");
    let good = "zone = \"pool.example\"\nname_servers = [\"node-1.pool.example\"]\n\
                [dns.nodes]\n1 = [\"192.0.2.1\", \"2001:db8::1\"]\n";
    let dns = parse(&section(good), &[]).unwrap().raw.dns.unwrap();
    assert_eq!((dns.ttl_s, dns.listen.port()), (20, 53));
    assert_eq!(dns.addresses_of(1).map(<[_]>::len), Some(2));
    let wrong = [
        ("pool.example", "po ol..example", "dns.zone: "),
        ("[\"node-1.pool.example\"]", "[]", "dns.name_servers: "),
        ("1 = [", "01 = [", "`01` is no node's id"),
        ("192.0.2.1", "192.0.2.300", "invalid IP address"),
    ];
    for (from, to, expected) in wrong {
        check_error(&section(&good.replacen(from, to, 1)), &[], expected);
    }
}
