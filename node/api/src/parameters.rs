//! Query parameters: known ones only, each at most once, with errors that name the way out.

pub(crate) mod known;

use axum::extract::Query;
use axum::http::Uri;
use raftpool_ledger::command::Account;
use raftpool_ledger::view::account_of_name;

use crate::problem::Problem;
use crate::routes::is_address;

/// Rows of a page when the request does not say.
pub(crate) const LIMIT_DEFAULT: usize = 50;
/// Most rows of a page.
pub(crate) const LIMIT_MAX: usize = 100;
/// Longest text of a cursor; addresses and worker names are far shorter.
const CURSOR_LENGTH_MAX: usize = 256;

/// The query parameters of one request.
#[derive(Debug)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
}

impl Parameters {
    /// Reads the parameters of `uri`; every path knows `min_index` besides the `known` ones.
    pub(crate) fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| {
            Problem::parameter("", "the query is not of the form name=value&name=value")
        })?;
        let is_known = |name: &str| name == "min_index" || known.contains(&name);
        for (place, (name, _)) in pairs.iter().enumerate() {
            if !is_known(name) {
                let known: String = known.iter().map(|name| format!("{name}, ")).collect();
                return Err(Problem::parameter(
                    &shorten(name),
                    format!("unknown parameter; this path knows {known}min_index"),
                ));
            }
            if pairs[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::parameter(
                    name,
                    "given more than once; give it once",
                ));
            }
        }
        let parameters = Self { pairs };
        // Every path knows it, also one that has no use for it.
        parameters.min_index()?;
        Ok(parameters)
    }

    /// The index the answer must contain at least.
    pub(crate) fn min_index(&self) -> Result<Option<u64>, Problem> {
        self.number("min_index")
    }

    /// How many rows the page may have.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let limit = match self.number("limit")? {
            None => return Ok(LIMIT_DEFAULT),
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        if (1..=LIMIT_MAX).contains(&limit) {
            return Ok(limit);
        }
        Err(Problem::parameter(
            "limit",
            format!("must be from 1 to {LIMIT_MAX}, is {limit}"),
        ))
    }

    /// Whether there is such a parameter.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.text_of(name).is_some()
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text_of(name) else {
            return Ok(None);
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(Some(number)),
            _ => Err(Problem::parameter(
                name,
                format!(
                    "must be a whole number from 0 to {}, is \"{}\"",
                    u64::MAX,
                    shorten(text)
                ),
            )),
        }
    }

    /// A text to continue after.
    pub(crate) fn cursor(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.text_of(name) {
            None => Ok(None),
            Some(text) if text.is_empty() || length(text) > CURSOR_LENGTH_MAX => {
                Err(Problem::parameter(
                    name,
                    format!(
                        "must have 1 to {CURSOR_LENGTH_MAX} characters, has {}",
                        length(text)
                    ),
                ))
            }
            Some(text) => Ok(Some(text.to_owned())),
        }
    }

    /// An account of the books.
    pub(crate) fn account(&self, name: &str) -> Result<Option<Account>, Problem> {
        let Some(text) = self.text_of(name) else {
            return Ok(None);
        };
        let account = account_of_name(text);
        account.map(Some).ok_or_else(|| {
            let problem = format!("there is no account \"{}\"", shorten(text));
            Problem::parameter(name, problem)
        })
    }

    /// An address.
    pub(crate) fn address(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.text_of(name) {
            Some(text) if !is_address(text) => {
                let given = shorten(text);
                let problem = format!("must be an address, such as xel:…, is \"{given}\"");
                Err(Problem::parameter(name, problem))
            }
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// One of a few words.
    pub(crate) fn word(
        &self,
        name: &str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, Problem> {
        let Some(text) = self.text_of(name) else {
            return Ok(None);
        };
        let word = words.iter().find(|word| **word == text).copied();
        let known = words.join(", ");
        let problem = || format!("must be one of {known}, is \"{}\"", shorten(text));
        word.map(Some)
            .ok_or_else(|| Problem::parameter(name, problem()))
    }

    /// A name in the ledger.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.text_of(name) {
            Some(text) if length(text) > CURSOR_LENGTH_MAX => {
                let has = length(text);
                let problem = format!("has {has} characters, {CURSOR_LENGTH_MAX} at most");
                Err(Problem::parameter(name, problem))
            }
            text => Ok(text.map(str::to_owned)),
        }
    }

    fn text_of(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// In characters, as the document says it.
fn length(text: &str) -> usize {
    text.chars().count()
}

/// What a requester wrote, short enough to be repeated to him.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        format!("{shown}…")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Parameters, Problem> {
        let uri = format!("/x?{query}").parse().unwrap();
        Parameters::of(&uri, &["before", "limit"])
    }

    #[test]
    fn numbers_are_plain_digits() {
        assert_eq!(of("before=12").unwrap().number("before").unwrap(), Some(12));
        assert_eq!(of("").unwrap().number("before").unwrap(), None);
        for wrong in [
            "",
            "-1",
            "%2B1",
            "1.0",
            "0x1",
            "18446744073709551616",
            "1%20",
        ] {
            assert!(
                of(&format!("before={wrong}"))
                    .unwrap()
                    .number("before")
                    .is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn limits_have_bounds_and_a_default() {
        assert_eq!(of("").unwrap().limit().unwrap(), LIMIT_DEFAULT);
        assert_eq!(of("limit=1").unwrap().limit().unwrap(), 1);
        assert_eq!(of("limit=100").unwrap().limit().unwrap(), 100);
        for wrong in ["0", "101", "18446744073709551615"] {
            assert!(
                of(&format!("limit={wrong}")).unwrap().limit().is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn unknown_and_repeated_names_are_refused() {
        assert!(of("befor=1").is_err());
        assert!(of("before=1&before=2").is_err());
        assert!(of("min_index=1&before=1&limit=2").is_ok());
    }
}
