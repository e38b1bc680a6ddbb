//! Makes the document as plain as the answers are.
//!
//! The generator writes the fields of a generic type out wherever it is used, and takes a field that
//! may be null for one that may be missing. Here what has a name is referred to by it, and every
//! field of an answer is required, because answers leave nothing out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Schemas whose optional fields may really be left out: a refusal, and what is sent to the pool.
const WITH_OPTIONAL_FIELDS: [&str; 3] = ["Problem", "ChangeSettings", "MakeOwnToken"];

/// What is sent to change something, and must change something.
const CHANGE: &str = "ChangeSettings";

/// Rewrites the schemas of a document.
pub(super) fn tidy(document: &mut Value) {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else {
        return;
    };
    let named = named(schemas);
    for (name, schema) in schemas {
        let is_answer = !WITH_OPTIONAL_FIELDS.contains(&name.as_str());
        if let Value::Object(fields) = schema {
            for value in fields.values_mut() {
                refer(value, &named);
            }
        }
        rewrite(schema, is_answer);
        if let (CHANGE, Value::Object(fields)) = (name.as_str(), schema) {
            // The generator has no word for it: a change of nothing is refused.
            fields.insert("minProperties".into(), 1.into());
        }
    }
}

/// Names of the schemas with fields, by what they say.
fn named(schemas: &Map<String, Value>) -> BTreeMap<String, String> {
    let with_fields = schemas
        .iter()
        .filter(|(_, schema)| schema.get("properties").is_some());
    with_fields
        .map(|(name, schema)| (schema.to_string(), name.clone()))
        .collect()
}

/// Puts a reference wherever a named schema is written out.
fn refer(value: &mut Value, named: &BTreeMap<String, String>) {
    if value.get("properties").is_some()
        && let Some(name) = named.get(&value.to_string())
    {
        *value = json!({ "$ref": format!("#/components/schemas/{name}") });
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| refer(value, named)),
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, named)),
        _ => {}
    }
}

fn rewrite(value: &mut Value, is_answer: bool) {
    match value {
        Value::Object(fields) => {
            if is_answer && let Some(Value::Object(properties)) = fields.get("properties") {
                let names: Vec<_> = properties.keys().cloned().collect();
                fields.insert("required".into(), names.into());
            }
            take_sign_off(fields, is_answer);
            raise_description(fields);
            let values = fields.values_mut();
            values.for_each(|value| rewrite(value, is_answer));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, is_answer)),
        _ => {}
    }
}

/// The generator calls every number of 64 bits `int64`; those of the pool have no sign, and the largest
/// ones that may be sent to it are above those that have one.
fn take_sign_off(fields: &mut Map<String, Value>, is_answer: bool) {
    let is_unsigned = fields.get("minimum") == Some(&json!(0));
    if is_unsigned && fields.get("format") == Some(&json!("int64")) {
        fields.insert("format".into(), "uint64".into());
        if !is_answer {
            fields.insert("maximum".into(), u64::MAX.into());
        }
    }
}

/// What is said of a field that may be null belongs to the field and not to one of its forms.
fn raise_description(fields: &mut Map<String, Value>) {
    let Some(Value::Array(forms)) = fields.get_mut("oneOf") else {
        return;
    };
    let is_nullable = forms.iter().any(|form| form["type"] == "null");
    let described = forms
        .iter_mut()
        .filter_map(Value::as_object_mut)
        .find(|form| form.contains_key("$ref"));
    let description = described.and_then(|form| form.remove("description"));
    if is_nullable && let Some(description) = description {
        fields.insert("description".into(), description);
    }
}
