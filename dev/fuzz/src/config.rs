//! The files of settings.

use std::path::Path;

use chat_common::text::is_unsafe;
use chat_server::config::{Config, File, Flags};
use chat_tui::keymap::Keymap;
use chat_tui::notify::Rules;

/// The file: understood or refused with its place; what was understood says the same when it is written.
pub(crate) fn server_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = Path::new("chat-server.toml");
    let file = match File::parse(path, text) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.to_string().starts_with("chat-server.toml:"), "{error}");
            return;
        }
    };
    let nothing = |_: &str| None;
    let Ok(config) = Config::merge(Flags::default(), file, None, &nothing) else { return };
    let written = config.to_toml().expect("what was read can be written");
    let again = File::parse(path, &written).unwrap_or_else(|e| panic!("{e}\n{written}"));
    let again = Config::merge(Flags::default(), again, None, &nothing).unwrap_or_else(|e| panic!("{e}\n{written}"));
    // Passwords are written as `***`, so only what is written can be the same.
    assert_eq!(again.to_toml().as_ref(), Ok(&written));
    drop(config.masked());
}

/// The client's file, its keys and its notifications; a refusal is harmless on a terminal and names its place.
pub(crate) fn client_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = match chat_tui::config::read(Path::new("config.toml"), text) {
        Ok(file) => file,
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with("config.toml:") && !said.chars().any(is_unsafe), "{said:?}");
            return;
        }
    };
    let mut keymap = Keymap::named(file.screen.keymap.as_deref().unwrap_or("default")).unwrap_or_default();
    let _misbound = keymap.rebind_all(file.screen.bindings());
    assert!(keymap.rows().count() > 0);
    let _bad_hours = Rules::read(&file.screen.notify);
}
