//! Shows what an address leads to: `$BROWSER`, or what the desktop opens addresses with.

use std::process::Stdio;

use tokio::process::Command;

/// Begins to open it. False where nothing can: over SSH, without a desktop.
pub(super) fn open(url: &str) -> bool {
    let Some(words) = program(url, |key| std::env::var(key).ok().filter(|v| !v.trim().is_empty())) else {
        return false;
    };
    let Some((program, args)) = words.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().inspect_err(|error| tracing::debug!(%error, "nothing opened the link")).is_ok()
}

/// The program and its arguments. No shell reads them, and an address cannot pass for an option.
fn program(url: &str, var: impl Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return None;
    }
    if let Some(set) = var("BROWSER") {
        let first = set.split(':').next().unwrap_or_default();
        let mut words: Vec<String> = first.split_whitespace().map(|w| w.replace("%s", url)).collect();
        if !first.contains("%s") {
            words.push(url.to_owned());
        }
        return Some(words);
    }
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if var("WAYLAND_DISPLAY").or_else(|| var("DISPLAY")).is_some() {
        "xdg-open"
    } else {
        return None;
    };
    Some(vec![opener.to_owned(), url.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(url: &str, vars: &[(&str, &str)]) -> Option<String> {
        let var = |key: &str| vars.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned());
        program(url, var).map(|w| w.join("|"))
    }

    #[test]
    fn the_users_browser_goes_before_the_desktops_and_without_either_nothing_opens() {
        let url = "https://a.example/x;y z";
        let with = |vars| words(url, vars);
        assert_eq!(with(&[("BROWSER", "firefox --new-tab:w3m")]).unwrap(), format!("firefox|--new-tab|{url}"));
        assert_eq!(with(&[("BROWSER", "x -u=%s")]).unwrap(), format!("x|-u={url}"));
        if cfg!(not(target_os = "macos")) {
            assert_eq!(with(&[("DISPLAY", ":0")]).unwrap(), format!("xdg-open|{url}"));
            assert_eq!(with(&[]), None);
        }
        assert_eq!(words("--help", &[("BROWSER", "firefox")]), None);
    }
}
