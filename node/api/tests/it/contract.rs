//! Every path of the OpenAPI document against what it says: fields of answers, refusals, and what
//! comes of values that nobody should send. The cases come from the document itself, so that a new
//! path is tried without anybody thinking of it.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use serde_json::{Map, Value};

use crate::support::{ALICE, TestPool};

/// What strangers send: absurd numbers, pieces of other languages, bytes that are no text.
const HOSTILE: [&str; 30] = [
    "",
    "0",
    "-1",
    "1e9",
    "0x10",
    "1.5",
    "+1",
    "%20",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "NaN",
    "null",
    "true",
    "[]",
    "%00",
    "%ff%fe",
    "%",
    "%zz",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "'%20OR%201=1--",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "$%7Bjndi:ldap:%2F%2Fx%7D",
    "%F0%9F%92%A9",
    "%E2%80%AE",
    "xet:alice",
    "0101010101010101010101010101010101010101010101010101010101010101",
    "a;b|c&d",
    "\u{1}",
];

struct Contract {
    document: Value,
}

impl Contract {
    fn read() -> anyhow::Result<Self> {
        let document = serde_json::from_str(raftpool_api::openapi_json())?;
        Ok(Self { document })
    }

    /// Method, path template, operation.
    fn operations(&self) -> Vec<(&str, &str, &Value)> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        });
        operations.collect()
    }

    fn codes(&self) -> BTreeSet<&str> {
        let codes = &self.document["components"]["schemas"]["ProblemCode"]["enum"];
        codes
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix('#'))
        {
            Some(pointer) => self.document.pointer(pointer).unwrap_or(&Value::Null),
            None => schema,
        }
    }

    /// The fields of a schema with their own schemas, those of its parts included.
    fn fields<'a>(&'a self, schema: &'a Value, into: &mut Map<String, Value>) {
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.fields(part, into);
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            into.insert(name.clone(), field.clone());
        }
    }

    /// Checks that a value has the fields of its schema and no others, all the way down.
    fn check(&self, schema: &Value, value: &Value, place: &str) -> anyhow::Result<()> {
        let schema = self.resolve(schema);
        if let Some(forms) = schema["oneOf"].as_array() {
            let not_null = forms.iter().find(|form| form["type"] != "null");
            return match (value, not_null) {
                (Value::Null, _) => Ok(()),
                (value, Some(form)) => self.check(form, value, place),
                _ => anyhow::bail!("{place}: only null is documented, is {value}"),
            };
        }
        if let Some(words) = schema["enum"].as_array() {
            ensure!(
                words.contains(value),
                "{place}: {value} is none of {words:?}"
            );
        }
        match value {
            Value::Object(fields) => {
                let mut known = Map::new();
                self.fields(schema, &mut known);
                if known.is_empty() {
                    let of_entry = &schema["additionalProperties"];
                    ensure!(of_entry.is_object(), "{place}: no fields are documented");
                    return Ok(());
                }
                let names: BTreeSet<_> = fields.keys().collect();
                let documented: BTreeSet<_> = known.keys().collect();
                ensure!(
                    names == documented,
                    "{place}: has {names:?}, documented {documented:?}"
                );
                for (name, value) in fields {
                    self.check(&known[name], value, &format!("{place}.{name}"))?;
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.check(&schema["items"], item, &format!("{place}[]"))?;
                }
            }
            _ => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::String(_) => "string",
                    _ => "integer",
                };
                let kinds = &schema["type"];
                let is_documented = *kinds == kind
                    || kinds
                        .as_array()
                        .is_some_and(|kinds| kinds.iter().any(|each| each == kind));
                ensure!(is_documented, "{place}: {value} is no {kinds}");
            }
        }
        Ok(())
    }
}

/// A value that the filled pool has something for.
fn good_value(name: &str) -> String {
    match name {
        "address" => ALICE.into(),
        "worker" => "garage".into(),
        "hash" => "01".repeat(32),
        "id" => "1".into(),
        other => panic!("no value for the part {other} of a path; name one here"),
    }
}

fn parameters(operation: &Value, place: &str) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let names = parameters
        .filter(|parameter| parameter["in"] == place)
        .filter_map(|parameter| parameter["name"].as_str());
    names.map(str::to_owned).collect()
}

fn good_path(template: &str, operation: &Value) -> String {
    let names = parameters(operation, "path");
    names.iter().fold(template.to_owned(), |path, name| {
        path.replace(&format!("{{{name}}}"), &good_value(name))
    })
}

/// P8: what a page shows is what the document says, nothing more and nothing less.
#[tokio::test]
async fn answers_have_exactly_the_fields_that_are_documented() -> anyhow::Result<()> {
    let contract = Contract::read()?;
    let pool = TestPool::filled().await?;
    pool.record_block_worth(9, 1_000_000)?;
    let mut tried = 0;
    for (method, template, operation) in contract.operations() {
        // What only owners may do is tried in `owners.rs`.
        if method != "get" || !operation["security"].is_null() {
            continue;
        }
        let content = &operation["responses"]["200"]["content"]["application/json"];
        if content.is_null() {
            continue;
        }
        let path = good_path(template, operation);
        let response = pool.get(&path).await?;
        ensure!(response.status() == 200, "{path}: {}", response.status());
        let is_indexed = response.headers().contains_key("x-raftpool-index");
        let headers = &operation["responses"]["200"]["headers"];
        ensure!(
            is_indexed == headers.is_object(),
            "{path}: the index is documented wrongly"
        );
        let body: Value = response.json().await?;
        contract.check(&content["schema"], &body, template)?;
        tried += 1;
    }
    assert!(tried >= 25, "only {tried}");
    Ok(())
}

/// P9: no value of any parameter of any path makes a node fail; each is answered, or refused with a
/// code.
#[tokio::test]
async fn hostile_parameters_are_refused_with_a_code_and_never_fail() -> anyhow::Result<()> {
    let contract = Contract::read()?;
    let codes = contract.codes();
    let pool = TestPool::with(|config| {
        config.min_index_timeout_ms = 1;
        config.event_streams_per_ip_max = usize::MAX;
        config.event_streams_max = usize::MAX;
    });
    let pool = pool.await?;
    pool.set_up()?;
    pool.credit(ALICE, "garage", 300)?;
    pool.record_block_worth(1, 1_000_000)?;
    let mut tried = 0;
    for (method, template, operation) in contract.operations() {
        let path = good_path(template, operation);
        let mut paths = Vec::new();
        for value in HOSTILE {
            for name in parameters(operation, "query") {
                paths.push(format!("{path}?{name}={value}"));
                paths.push(format!("{path}?{name}={value}&{name}={value}"));
            }
            for name in parameters(operation, "path") {
                let hostile = template.replace(&format!("{{{name}}}"), value);
                paths.push(good_path(&hostile, operation));
            }
            paths.push(format!("{path}?{value}"));
        }
        let long = "9".repeat(4_000);
        let names = parameters(operation, "query");
        paths.extend(names.iter().map(|name| format!("{path}?{name}={long}")));
        for path in paths {
            let status = raw_status(&pool, method, &path, &codes).await?;
            let is_fine = matches!(status, 200 | 400 | 401 | 404 | 503);
            ensure!(is_fine, "{method} {path}: {status}");
            tried += 1;
        }
        let unknown = format!("{path}?unknown_parameter=1");
        ensure!(
            matches!(
                raw_status(&pool, method, &unknown, &codes).await?,
                400 | 401
            ),
            "{unknown}"
        );
    }
    assert!(tried > 2_000, "only {tried}");
    assert_eq!(pool.get("/livez").await?.status(), 200);
    Ok(())
}

/// Asks with exactly these bytes; a refusal must be a problem with a documented code.
async fn raw_status(
    pool: &TestPool,
    method: &str,
    path: &str,
    codes: &BTreeSet<&str>,
) -> anyhow::Result<u16> {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let stream = tokio::net::TcpStream::connect(pool.server.local_addr()).await?;
    let mut stream = BufReader::new(stream);
    let method = method.to_uppercase();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line
        .get(9..12)
        .with_context(|| format!("{path}: {line:?}"))?;
    let status: u16 = status.parse()?;
    if status == 200 {
        // A stream of events would not end.
        return Ok(status);
    }
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await?;
    let body = rest.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if body.is_empty() {
        // The HTTP library refuses what is no request at all.
        return Ok(status);
    }
    let problem: Value = serde_json::from_str(body).with_context(|| format!("{path}: {rest}"))?;
    let code = problem["code"].as_str().unwrap_or_default();
    ensure!(codes.contains(code), "{path}: {problem}");
    Ok(status)
}
