//! Overrides from the environment: `RAFTPOOL__SECTION__KEY=value`.

use super::ConfigError;

/// What an override's variable begins with.
const PREFIX: &str = "RAFTPOOL__";

/// One variable that stands for a key.
pub(super) struct Override {
    pub(super) variable: String,
    section: String,
    key: String,
    value: String,
}

/// The variables of the environment that are meant for the configuration, in order of name.
pub(super) fn overrides(environment: impl IntoIterator<Item = (String, String)>) -> Vec<Override> {
    let mut overrides: Vec<Override> = environment
        .into_iter()
        .filter_map(|(variable, value)| {
            let path = variable.strip_prefix(PREFIX)?.to_lowercase();
            let (section, key) = path.split_once("__").unwrap_or((path.as_str(), ""));
            Some(Override {
                section: section.into(),
                key: key.into(),
                variable,
                value,
            })
        })
        .collect();
    overrides.sort_by(|a, b| a.variable.cmp(&b.variable));
    overrides
}

impl Override {
    /// Sets the key in the file's table.
    pub(super) fn apply(&self, table: &mut toml::Table) -> Result<(), ConfigError> {
        if self.key.is_empty() {
            return Err(ConfigError::Environment {
                variable: self.variable.clone(),
                message: format!("names no key; the form is {PREFIX}SECTION__KEY"),
            });
        }
        let section = table
            .entry(self.section.clone())
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let Some(section) = section.as_table_mut() else {
            return Err(ConfigError::Environment {
                variable: self.variable.clone(),
                message: format!("`{}` is not a section", self.section),
            });
        };
        section.insert(self.key.clone(), self.typed_value());
        Ok(())
    }

    /// The value as TOML reads it (number, boolean, list), or as plain text.
    fn typed_value(&self) -> toml::Value {
        let as_toml = format!("value = {}", self.value);
        toml::from_str::<toml::Table>(&as_toml)
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(self.value.clone()))
    }

    pub(super) fn is_named_in(&self, message: &str) -> bool {
        message.contains(&format!("`{}`", self.key))
            || message.contains(&format!("`{}`", self.section))
    }
}
