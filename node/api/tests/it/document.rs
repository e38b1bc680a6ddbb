//! The document of the API is the one that is committed, and is served. What it says is tried on
//! every path in `contract.rs`.

use std::path::Path;

use serde_json::Value;

use crate::support::TestPool;

/// The document is the dashboard's contract: a change of the API that is not in it would break a
/// page that shows people their money (P8).
#[test]
fn the_committed_document_is_the_one_the_program_makes() -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard/openapi.json");
    let present = raftpool_api::openapi_json();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, present)?;
        return Ok(());
    }
    let committed = std::fs::read_to_string(&path)?;
    let first_difference = committed
        .lines()
        .zip(present.lines())
        .zip(1..)
        .find(|((committed, present), _)| committed != present);
    assert!(
        committed == present,
        "dashboard/openapi.json is not what the program makes: run `make openapi` and commit it; \
         the first difference is {first_difference:?}"
    );
    Ok(())
}

#[tokio::test]
async fn the_document_is_served_and_names_each_operation_once() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let response = pool.get("/api/v1/openapi.json").await?;
    assert_eq!(response.status(), 200);
    let text = response.text().await?;
    assert_eq!(text, raftpool_api::openapi_json());
    let document: Value = serde_json::from_str(&text)?;
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().expect("operations") {
            let name = operation["operationId"].as_str().expect("an id");
            assert!(!names.contains(&name.to_owned()), "{name} twice");
            names.push(name.to_owned());
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(summary.ends_with('.'), "{method} {path}: {summary}");
        }
    }
    assert!(names.len() >= 21, "{names:?}");
    Ok(())
}

/// A reference that leads nowhere makes every generator of clients fail.
#[test]
fn every_reference_in_the_document_leads_somewhere() -> anyhow::Result<()> {
    let document: Value = serde_json::from_str(raftpool_api::openapi_json())?;
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50, "{}", references.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    Ok(())
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == "$ref" => references.push(text.to_owned()),
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
