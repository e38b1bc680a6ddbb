//! Puts the built dashboard where the program takes it in.
//!
//! A program for production must have it; one for development may go without, and says so on its
//! page, so that nobody needs Node to work on the rest.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let (built, taken) = (here.join("../dashboard/dist"), out.join("dashboard"));
    println!("cargo::rerun-if-changed={}", built.display());
    if taken.exists() {
        fs::remove_dir_all(&taken)?;
    }
    fs::create_dir_all(&taken)?;
    if built.join("index.html").exists() {
        return copy(&built, &taken);
    }
    let what_to_do = "dashboard/dist has not been built: run `make dashboard`, then build again";
    if env::var("PROFILE").as_deref() == Ok("release") {
        return Err(io::Error::other(what_to_do));
    }
    println!("cargo::warning={what_to_do}; until then the program serves a small page instead");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
