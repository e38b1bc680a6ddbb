//! User names and passwords as miners type them.
//!
//! A user name is `address`, then in any order `.worker` (or `/worker`) and `+difficulty`. A
//! password is a list of `key=value` parts and bare tokens; whatever means nothing, such as the customary `x`, is
//! skipped. What would change how a miner is paid is never skipped: an unknown scheme is an error.

use raftpool_ledger::command::Scheme;
use raftpool_ledger::settings::scheme_of_name;
use raftpool_ledger::tokens::{TOKEN_PREFIX, token_hash};

use crate::why::Why;

/// Name of a worker whose miner gave none.
pub(crate) const DEFAULT_WORKER: &str = "default";

/// Longest worker name kept.
const WORKER_CHARS_MAX: usize = 32;

/// What a miner said about itself, before any of it is checked against the chain or the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// Not yet checked.
    pub(crate) address: String,
    pub(crate) worker: String,
    /// The worker's difficulty, never adjusted.
    pub(crate) fixed_difficulty: Option<u64>,
    /// Where adjusting starts.
    pub(crate) starting_difficulty: Option<u64>,
    pub(crate) scheme: Option<Scheme>,
    /// The hash of its token; the token itself is not kept anywhere.
    pub(crate) token_hash: Option<[u8; 32]>,
}

/// Reads the parameters of an authorize request.
///
/// # Errors
/// A sentence for the miner, and what it is about.
pub(crate) fn parse(
    user: &str,
    worker: Option<&str>,
    password: Option<&str>,
) -> Result<Login, (Why, String)> {
    let user = user.trim();
    let end = user.find(['.', '/', '+']).unwrap_or(user.len());
    let mut login = Login {
        address: user[..end].to_owned(),
        worker: String::new(),
        fixed_difficulty: None,
        starting_difficulty: None,
        scheme: None,
        token_hash: None,
    };
    if login.address.is_empty() {
        let problem = "the user name must begin with the address to pay";
        return Err((Why::Address, problem.to_owned()));
    }
    read_suffixes(&user[end..], &mut login);
    if let Some(password) = password {
        read_password(password, &mut login).map_err(|problem| (Why::Scheme, problem))?;
    }
    if login.worker.is_empty() {
        login.worker = clean_worker(worker.unwrap_or_default());
    }
    if login.worker.is_empty() {
        login.worker = DEFAULT_WORKER.to_owned();
    }
    // Names are shown to everybody.
    if login.worker.starts_with(TOKEN_PREFIX) {
        let problem = "a token is not a worker's name: give it as the password";
        return Err((Why::Login, problem.to_owned()));
    }
    Ok(login)
}

fn read_suffixes(mut rest: &str, login: &mut Login) {
    while let Some(mark) = rest.chars().next() {
        let body = &rest[1..];
        // A worker's name may contain dots and slashes; only a plus ends it.
        let end = match mark {
            '+' => body.find(['.', '/', '+']),
            _ => body.find('+'),
        }
        .unwrap_or(body.len());
        let (part, next) = body.split_at(end);
        if mark == '+' {
            login.fixed_difficulty = part.parse().ok().filter(|value| *value > 0);
        } else if login.worker.is_empty() {
            login.worker = clean_worker(part);
        }
        rest = next;
    }
}

fn read_password(password: &str, login: &mut Login) -> Result<(), String> {
    for part in password.split([',', ';', ' ']) {
        let Some((key, value)) = part.split_once('=') else {
            if part.starts_with(TOKEN_PREFIX) {
                login.token_hash = Some(token_hash(part));
            }
            continue;
        };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        match key.as_str() {
            "d" | "diff" => {
                login.fixed_difficulty = login.fixed_difficulty.or(read_difficulty(value));
            }
            "sd" => login.starting_difficulty = read_difficulty(value),
            "scheme" => login.scheme = Some(read_scheme(value)?),
            "token" if !value.is_empty() => login.token_hash = Some(token_hash(value)),
            _ => {}
        }
    }
    Ok(())
}

/// The whole part of a positive number; anything else asks for nothing.
fn read_difficulty(text: &str) -> Option<u64> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    whole.parse().ok().filter(|value| *value > 0)
}

fn read_scheme(text: &str) -> Result<Scheme, String> {
    scheme_of_name(text).ok_or_else(|| {
        let shown: String = text
            .chars()
            .take(WORKER_CHARS_MAX)
            .filter(char::is_ascii_graphic)
            .collect();
        format!("unknown scheme `{shown}`; known are pplns, pps, fpps and solo")
    })
}

/// Keeps what can be shown anywhere without escaping.
fn clean_worker(name: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "-_.:@".contains(*c);
    name.trim()
        .chars()
        .filter(allowed)
        .take(WORKER_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(
        user: &str,
        worker: Option<&str>,
        password: Option<&str>,
    ) -> (String, String, Option<u64>) {
        let login = parse(user, worker, password).unwrap();
        (login.address, login.worker, login.fixed_difficulty)
    }

    #[test]
    fn user_names_in_every_spelling() {
        let is = |user: &str, worker: &str, difficulty: Option<u64>| {
            assert_eq!(
                login(user, None, None),
                ("xel:abc".into(), worker.into(), difficulty),
                "{user}"
            );
        };
        is("xel:abc", "default", None);
        is("  xel:abc ", "default", None);
        is("xel:abc.rig1", "rig1", None);
        is("xel:abc/rig1", "rig1", None);
        is("xel:abc+5000", "default", Some(5000));
        is("xel:abc.rig1+5000", "rig1", Some(5000));
        is("xel:abc+5000.rig1", "rig1", Some(5000));
        is("xel:abc+5000/rig1", "rig1", Some(5000));
        is("xel:abc.rig.1+7", "rig.1", Some(7));
        is("xel:abc.", "default", None);
        is("xel:abc+", "default", None);
        is("xel:abc+junk.rig1", "rig1", None);
        is("xel:abc+0", "default", None);
        is("xel:abc.räch\u{7}ner\"1", "rchner1", None);
    }

    #[test]
    fn worker_of_the_user_name_goes_before_the_parameter() {
        assert_eq!(login("xel:abc.a", Some("b"), None).1, "a");
        assert_eq!(login("xel:abc", Some("b"), None).1, "b");
        assert_eq!(login("xel:abc", Some(" "), None).1, "default");
        assert_eq!(
            login("xel:abc", Some(&"w".repeat(500)), None).1.len(),
            WORKER_CHARS_MAX
        );
    }

    #[test]
    fn passwords() {
        let difficulty = |password| login("xel:abc", None, Some(password)).2;
        assert_eq!(difficulty("x"), None);
        assert_eq!(difficulty(""), None);
        assert_eq!(difficulty("d=500"), Some(500));
        assert_eq!(difficulty("x,diff=500.5"), Some(500));
        assert_eq!(difficulty("D=500;scheme=solo"), Some(500));
        assert_eq!(difficulty("d=-1"), None);
        assert_eq!(difficulty("d=99999999999999999999999"), None);
        assert_eq!(login("xel:abc+7", None, Some("d=500")).2, Some(7));

        let parsed = parse("xel:abc", None, Some("sd=300,scheme=SOLO")).unwrap();
        assert_eq!(parsed.starting_difficulty, Some(300));
        assert_eq!(parsed.fixed_difficulty, None);
        assert_eq!(parsed.scheme, Some(Scheme::Solo));
        let (why, error) = parse("xel:abc", None, Some("scheme=prop")).unwrap_err();
        assert_eq!(why, Why::Scheme);
        assert!(error.contains("prop") && error.contains("fpps and solo"));
    }

    #[test]
    fn tokens_are_found_bare_or_named_among_other_parts() {
        let hash = |password| parse("xel:abc", None, Some(password)).unwrap().token_hash;
        let expected = Some(token_hash("rpt_aB-_9"));
        assert_eq!(hash("rpt_aB-_9"), expected);
        assert_eq!(hash("token=rpt_aB-_9"), expected);
        assert_eq!(hash("d=5, Token=rpt_aB-_9;scheme=solo"), expected);
        assert_eq!(hash("x rpt_aB-_9"), expected);
        assert_ne!(hash("token=RPT_aB-_9"), expected);
        assert_eq!(hash("token=other"), Some(token_hash("other")));
        for none in ["x", "", "token=", "token", "rpt", "worker=rpt_aB-_9"] {
            assert_eq!(hash(none), None, "{none}");
        }
        for (user, worker) in [("xel:abc.rpt_aB-_9", None), ("xel:abc", Some("rpt_aB-_9"))] {
            let (_, error) = parse(user, worker, Some("x")).unwrap_err();
            assert!(
                error.contains("password") && !error.contains("aB"),
                "{error}"
            );
        }
    }

    #[test]
    fn without_an_address() {
        assert!(parse(".rig", None, None).is_err());
        assert!(parse("", None, None).is_err());
    }
}
