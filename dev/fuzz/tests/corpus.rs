//! Everything in the corpus is given to its target again: seeds, what the fuzzer found worth keeping, and what once
//! broke a promise.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder of the corpus").map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_target_takes_its_corpus() {
    for target in chat_fuzz::TARGETS {
        let files = files(&corpus().join(target.name));
        assert!(files.len() >= 5, "{}: a corpus begins with a few good inputs", target.name);
        for file in files {
            // Named first: a panic then says which file it was.
            println!("{}", file.display());
            (target.run)(&std::fs::read(&file).unwrap());
        }
    }
}

#[test]
fn the_corpus_is_small_and_belongs_to_targets() {
    let folders = files(&corpus());
    let names: Vec<String> = folders.iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.iter().all(|n| chat_fuzz::target(n).is_some()), "{names:?}");
    let bytes: u64 = folders.iter().flat_map(|f| files(f)).map(|f| f.metadata().unwrap().len()).sum();
    assert!(bytes < 500_000, "{bytes} bytes; `cargo xtask fuzz --minimise` makes it small");
}
