//! The form of everything that is stored in the ledger or crosses to another node, field by field.
//!
//! `UPDATE_EXPECT=1` records it anew. A new line is a new field, which an older program ignores or
//! stops at; a line that changes or goes is a message that older programs and stored books read
//! wrongly, and takes a new version of what holds it.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};

const FILES: [&str; 4] = ["command.proto", "ledger.proto", "node.proto", "peer.proto"];

#[test]
fn every_field_keeps_its_number_and_its_type() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = protox::compile(FILES, [root.join("proto")]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(files).unwrap();
    let mut lines: Vec<String> = pool.all_messages().flat_map(|each| fields(&each)).collect();
    for kind in pool.all_enums() {
        let values = kind.values();
        let line = |value: &str, number| format!("{}.{value} = {number}", kind.full_name());
        lines.extend(values.map(|value| line(value.name(), value.number())));
    }
    for call in pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        let (input, output) = (call.input(), call.output());
        let streams = if call.is_client_streaming() {
            "stream of "
        } else {
            ""
        };
        lines.push(format!(
            "{}({streams}{}) -> {}",
            call.full_name(),
            input.full_name(),
            output.full_name()
        ));
    }
    lines.sort();
    let now = lines.join("\n") + "\n";
    let path = root.join("schema.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap();
    let gone = recorded
        .lines()
        .filter(|line| !lines.iter().any(|now| now == line));
    let gone: Vec<&str> = gone.collect();
    assert!(gone.is_empty(), "changed or gone: {gone:#?}");
    assert_eq!(now, recorded, "there are new lines: record them");
}

fn fields(message: &MessageDescriptor) -> Vec<String> {
    let line = |field: FieldDescriptor| {
        let label = match (field.is_list(), field.containing_oneof()) {
            (true, _) => "repeated ".to_owned(),
            (false, Some(choice)) => format!("{} of ", choice.name()),
            (false, None) => String::new(),
        };
        format!(
            "{} = {} {label}{:?}",
            field.full_name(),
            field.number(),
            field.kind()
        )
    };
    message.fields().map(line).collect()
}
