//! The dashboard's files, which are part of the program.

use include_dir::{Dir, include_dir};
use raftpool_api::SiteFile;

/// What `make dashboard` built, as the build script found it; empty when it was not built.
static DASHBOARD: Dir<'_> = include_dir!("$OUT_DIR/dashboard");

/// Every file with its path.
pub(super) fn files() -> Vec<SiteFile> {
    let mut files = Vec::new();
    let mut open = vec![&DASHBOARD];
    while let Some(directory) = open.pop() {
        open.extend(directory.dirs());
        let found = directory.files().filter_map(|file| {
            Some(SiteFile {
                path: file.path().to_str()?,
                bytes: file.contents(),
            })
        });
        files.extend(found);
    }
    files
}
