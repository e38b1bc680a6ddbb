//! The reference of every key, made from the types that read the file and from their documentation.

use std::fmt::Write;

use schemars::schema_for;
use serde_json::Value;

use super::RawConfig;

const HEAD: &str = "\
# Configuration reference

Made by `raftpool config reference` from the program; do not edit it.
`raftpool config example` prints a whole commented file, `raftpool config init` writes one for a new node, and `raftpool config check FILE` says what is wrong with one.

The environment overrides each key: `RAFTPOOL__SECTION__KEY`, for example `RAFTPOOL__NODE__ID=2`.
Paths are relative to the file; unknown keys are refused.
";

/// The reference as Markdown: a table for each section.
pub fn reference() -> String {
    let schema = schema_for!(RawConfig).to_value();
    let schema = Schema { root: &schema };
    let mut text = HEAD.to_owned();
    for (name, field) in schema.fields(schema.root) {
        schema.write_section(&mut text, &name, field, false);
    }
    text
}

/// A JSON schema whose parts refer to each other.
struct Schema<'a> {
    root: &'a Value,
}

/// One key of a table.
struct Field<'a> {
    schema: &'a Value,
    is_required: bool,
}

impl<'a> Schema<'a> {
    /// Follows references, and what may be left out, to the type itself.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let pointer = reference.trim_start_matches('#');
            return self.root.pointer(pointer).unwrap_or(schema);
        }
        let is_null = |schema: &&Value| schema["type"] == "null";
        match schema.get("anyOf").and_then(Value::as_array) {
            Some(choices) => match choices.iter().find(|choice| !is_null(choice)) {
                Some(choice) => self.resolve(choice),
                None => schema,
            },
            None => schema,
        }
    }

    fn fields(&self, table: &'a Value) -> Vec<(String, Field<'a>)> {
        let required = table["required"].as_array();
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
        let properties = table["properties"].as_object();
        let fields = properties.into_iter().flatten().map(|(name, schema)| {
            let is_required = is_required(name);
            (
                name.clone(),
                Field {
                    schema,
                    is_required,
                },
            )
        });
        fields.collect()
    }

    /// A section, and those within it after it.
    fn write_section(&self, text: &mut String, name: &str, section: Field<'a>, is_list: bool) {
        let table = self.resolve(section.schema);
        let heading = match is_list {
            true => format!("[[{name}]]"),
            false => format!("[{name}]"),
        };
        let presence = match section.is_required {
            true => " Required.",
            false => "",
        };
        let about = meaning(section.schema);
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## `{heading}`\n\n{about}{presence}\n\n");
        text.push_str("| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
        let mut sections = Vec::new();
        for (key, field) in self.fields(table) {
            let kind = self.resolve(field.schema);
            let items = kind.get("items").map(|items| self.resolve(items));
            if is_table(kind) {
                sections.push((format!("{name}.{key}"), field, false));
            } else if let Some(items) = items.filter(|items| is_table(items)) {
                let schema = items;
                let about = meaning(field.schema);
                let _ = writeln!(text, "| `{key}` | list of tables | | {about} |");
                let is_required = false;
                sections.push((
                    format!("{name}.{key}"),
                    Field {
                        schema,
                        is_required,
                    },
                    true,
                ));
            } else {
                self.write_key(text, &key, &field);
            }
        }
        for (name, field, is_list) in sections {
            self.write_section(text, &name, field, is_list);
        }
    }

    fn write_key(&self, text: &mut String, key: &str, field: &Field<'a>) {
        let kind = self.kind(field.schema);
        let default = match field.schema.get("default") {
            _ if field.is_required => "required".to_owned(),
            None | Some(Value::Null) => String::new(),
            Some(value) => format!("`{value}`"),
        };
        let about = meaning(field.schema);
        let _ = writeln!(text, "| `{key}` | {kind} | {default} | {about} |");
    }

    /// What may be written, in words.
    fn kind(&self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        let names = schema["oneOf"].as_array().into_iter().flatten();
        let names: Vec<_> = names
            .filter_map(|choice| choice["const"].as_str())
            .chain(
                schema["enum"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str),
            )
            .map(|name| format!("`\"{name}\"`"))
            .collect();
        if !names.is_empty() {
            return names.join(", ");
        }
        match type_name(schema) {
            Some("integer") => "number".into(),
            Some("boolean") => "`true` or `false`".into(),
            Some("array") => format!("list of {}", self.plural(schema.get("items"))),
            Some("object") => {
                format!(
                    "table of {}",
                    self.plural(schema.get("additionalProperties"))
                )
            }
            _ => "text".into(),
        }
    }

    fn plural(&self, items: Option<&'a Value>) -> String {
        let items = items.map_or_else(|| "text".into(), |items| self.kind(items));
        match items.as_str() {
            "number" => "numbers".into(),
            "text" => "texts".into(),
            other => other.replacen("list", "lists", 1),
        }
    }
}

fn is_table(schema: &Value) -> bool {
    schema.get("properties").is_some_and(Value::is_object)
}

/// The type; that of what may be left out is a list with "null".
fn type_name(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(name) => Some(name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|n| *n != "null"),
        _ => None,
    }
}

/// The documentation as one line of a table.
fn meaning(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.replace('\n', " ").replace('|', "\\|")
}
