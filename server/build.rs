//! Puts the pages of `web/dist` into the binary where `cargo xtask web` has made them. Without them the server builds
//! and runs all the same: `rest/web.rs` says so on `/`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    // Asked when it runs: a folder of build results may outlive the clone in which this was compiled.
    let dist = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../web/dist");
    // The folder is in the repository, empty: one that is not there would make every build look for it again.
    if dist.is_dir() {
        println!("cargo:rerun-if-changed={}", dist.display());
    }
    let mut list = String::from("&[\n");
    for path in files(&dist)? {
        let compressed = |kind: &str| {
            let name = format!("{}.{kind}", path.display());
            if Path::new(&name).is_file() { format!("Some(include_bytes!({name:?}))") } else { "None".to_owned() }
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Writing into a String cannot fail.
        let _never = writeln!(
            list,
            "    File {{ name: {name:?}, plain: include_bytes!({:?}), br: {}, gz: {} }},",
            path.display().to_string(),
            compressed("br"),
            compressed("gz")
        );
    }
    list.push(']');
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("web.rs"), list)
}

/// What is served, by name: neither the compressed twins nor what belongs to the repository.
fn files(dist: &Path) -> io::Result<Vec<PathBuf>> {
    if !dist.is_dir() {
        return Ok(Vec::new());
    }
    let dist = dist.canonicalize()?;
    let mut found = Vec::new();
    for entry in fs::read_dir(dist)? {
        let path = entry?.path();
        let served = path.extension().is_some_and(|e| e == "html" || e == "js" || e == "css" || e == "svg");
        if served && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
