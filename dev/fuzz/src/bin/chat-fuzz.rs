//! libFuzzer around one target, named by `CHAT_FUZZ_TARGET`. Started by `cargo xtask fuzz`.
#![no_main]
#![allow(unsafe_code, reason = "the engine's entry points are C functions")]

use std::sync::LazyLock;

static TARGET: LazyLock<chat_fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("CHAT_FUZZ_TARGET").unwrap_or_default();
    match chat_fuzz::target(&name) {
        Some(target) => target,
        None => {
            eprintln!("CHAT_FUZZ_TARGET is `{name}`; the targets are {}", chat_fuzz::names().join(", "));
            std::process::exit(2);
        }
    }
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
