//! Taking out of a configuration what nobody else may see.

use reqwest::Url;
use toml::Value;

/// What stands in place of a secret.
pub(super) const REMOVED: &str = "(removed)";

/// Parts of a key's name that say that its value is a secret; the path of a secret's file is none.
const SECRET_WORDS: [&str; 4] = ["password", "secret", "token", "passphrase"];

/// A configuration file without comments, which may hold anything, and without secrets.
///
/// # Errors
/// When it is not TOML; the message quotes nothing of it.
pub(super) fn configuration(text: &str) -> anyhow::Result<String> {
    let parsed: Result<toml::Table, _> = toml::from_str(text);
    let mut table = parsed.map_err(|_| anyhow::anyhow!("it is not valid TOML"))?;
    for (key, value) in &mut table {
        clean(key, value);
    }
    Ok(toml::to_string(&table)?)
}

/// A variable of the environment that overrides a key, without a secret.
pub(super) fn variable(name: &str, text: &str) -> String {
    let key = name.rsplit("__").next().unwrap_or(name).to_lowercase();
    let mut value = Value::String(text.trim_matches('"').to_owned());
    clean(&key, &mut value);
    format!("{name}={}\n", value.as_str().unwrap_or(REMOVED))
}

fn clean(key: &str, value: &mut Value) {
    match value {
        Value::Table(table) => table.iter_mut().for_each(|(key, value)| clean(key, value)),
        Value::Array(values) => values.iter_mut().for_each(|value| clean(key, value)),
        Value::String(text) if is_secret(key) => *text = REMOVED.to_owned(),
        Value::String(text) => {
            if let Some(cleaned) = without_credentials(text) {
                *text = cleaned;
            }
        }
        _ => {}
    }
}

fn is_secret(key: &str) -> bool {
    let is_path = key.ends_with("_file");
    !is_path && SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// A URL without what may let its reader in: user, password and query. `None` when there is
/// nothing to take out.
fn without_credentials(text: &str) -> Option<String> {
    if !text.contains("://") {
        return None;
    }
    let Ok(mut url) = Url::parse(text) else {
        // It may be one all the same, for somebody else.
        return Some(REMOVED.to_owned());
    };
    let has_any = !url.username().is_empty() || url.password().is_some() || url.query().is_some();
    if !has_any {
        return None;
    }
    let are_removed = url.set_username("").and_then(|()| url.set_password(None));
    if are_removed.is_err() {
        return Some(REMOVED.to_owned());
    }
    url.set_query(None);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_lets_anybody_in_stays_in_a_configuration() {
        let text = r#"
# the password is hunter1
[wallet]
url = "http://pool:hunter2@127.0.0.1:8081/json_rpc?key=hunter3"
username = "pool"
password_file = "secrets/wallet-password"
[daemon]
urls = ["http://127.0.0.1:8080", "https://u:hunter4@daemon.example/rpc", "http://[hunter5"]
[later]
api_token = "hunter6"
webhooks = [{ url = "https://chat.example/send?secret=hunter7", password = "hunter8" }]
"#;
        let cleaned = configuration(text).expect("TOML");
        assert!(!cleaned.contains("hunter"), "{cleaned}");
        let kept = [
            "password_file = \"secrets/wallet-password\"",
            "username = \"pool\"",
            "127.0.0.1:8081/json_rpc",
            "http://127.0.0.1:8080",
            "https://daemon.example/rpc",
        ];
        for part in kept {
            assert!(cleaned.contains(part), "`{part}` is not in {cleaned}");
        }
    }

    #[test]
    fn what_is_no_configuration_is_not_quoted() {
        let error = configuration("password = hunter1").expect_err("no TOML");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }

    #[test]
    fn variables_are_cleaned_like_the_keys_they_override() {
        let shown = variable("RAFTPOOL__WALLET__URL", "\"http://a:hunter@host/\"");
        assert_eq!(shown, "RAFTPOOL__WALLET__URL=http://host/\n");
        let shown = variable("RAFTPOOL__X__API_TOKEN", "hunter");
        assert_eq!(shown, "RAFTPOOL__X__API_TOKEN=(removed)\n");
    }
}
