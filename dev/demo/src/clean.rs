//! Keeps this machine out of the pictures: no path, user or host name of it may be written.

use anyhow::{Result, bail};

/// Refuses a text that names something of this machine.
pub fn check(what: &str, text: &str) -> Result<()> {
    match found(text, &own()) {
        Some(name) => bail!("{what} names {name:?}, which is of this machine; it is not written"),
        None => Ok(()),
    }
}

/// What must not be found: folders, and the names of host and user where they are telling.
fn own() -> Vec<String> {
    let mut all = vec![std::env::temp_dir().display().to_string(), chat_e2e::program::root().display().to_string()];
    all.extend(std::env::var("HOME").ok());
    all.extend(std::env::var("USER").ok());
    all.extend(std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    // `/` or `me` would be found in any text.
    all.into_iter().map(|s| s.trim().to_owned()).filter(|s| s.len() > 3 && s != "kim").collect()
}

fn found(text: &str, own: &[String]) -> Option<String> {
    own.iter().find(|name| text.contains(name.as_str())).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_and_a_message_is_not() {
        let own = ["/tmp".to_owned(), "buildhost7".to_owned()];
        assert_eq!(found("see /tmp/x", &own).as_deref(), Some("/tmp"));
        assert_eq!(found("rolling restart now", &own), None);
    }
}
