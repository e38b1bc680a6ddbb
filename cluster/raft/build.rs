//! Generates the node-to-node service from `peer.proto`.
//!
//! It is generated here and not in the crate of the `.proto` files, because what is generated
//! needs tokio, which must not reach the ledger.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const PROTO: &str = "../../proto/proto";
    let files = protox::compile(["peer.proto"], [PROTO])?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(files)?;
    println!("cargo:rerun-if-changed={PROTO}/peer.proto");
    Ok(())
}
