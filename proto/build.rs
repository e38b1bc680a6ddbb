//! Compiles the `.proto` files with a compiler written in Rust, so that no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sources = [
        "proto/command.proto",
        "proto/ledger.proto",
        "proto/node.proto",
    ];
    let files = protox::compile(sources, ["proto"])?;
    prost_build::Config::new()
        .btree_map(["."])
        // Rare and large: every command would be as large as this one.
        .boxed(".raftpool.command.v1.ChangeByOwner.token")
        .compile_fds(files)?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}
