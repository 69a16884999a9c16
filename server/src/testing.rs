//! Services that tests need and find by an environment variable, which `cargo xtask test` sets.

use std::io::Write;

/// The address of a service; `None` after noting that `test` is left out. Panics under CI, where nothing may be.
pub fn service(variable: &str, test: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|address| !address.is_empty());
    if found.is_none() {
        left_out(&format!("{test}: no service at {variable} (cargo xtask test starts one)"));
    }
    found
}

/// Notes that something could not be tested here; panics under CI.
pub fn left_out(what: &str) {
    assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1"), "CI must not leave out: {what}");
    eprintln!("LEFT OUT: {what}");
    if let Some(list) = std::env::var_os("CHAT_E2E_LEFT_OUT") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(list);
        file.and_then(|mut f| writeln!(f, "{what}")).expect("the list of what was left out can be written");
    }
}
