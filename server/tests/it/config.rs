//! One file a mistake; its first line is the sentence it must print.

use std::path::Path;

use chat_server::config::{Config, DEFAULT_FILE, Flags, LIVE};

#[test]
fn each_mistake_is_named_with_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 15, "the fixtures are gone");
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let expected = text.lines().next().unwrap().strip_prefix("# ").unwrap();
        let flags = Flags { config: Some(file.clone()), data_dir: Some("/nowhere".into()), ..Flags::default() };
        let said = match Config::load(flags, &|_| None) {
            Ok(_) => "(nothing)".to_owned(),
            Err(error) => error.to_string().replace(&file.display().to_string(), "chat-server.toml"),
        };
        if said != expected {
            wrong.push(format!("{}:\n  must say: {expected}\n  says:     {said}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_that_names_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("latin.toml"), b"name = \"x\"\n# caf\xe9\n").unwrap();
    for (path, said) in [
        ("nowhere.toml", "; name the right one with --config, or write one: chat-server config default"),
        ("", "; name the file within it"),
        ("latin.toml", "latin.toml:2:6: this is no UTF-8; save the file as UTF-8"),
    ] {
        let flags = Flags { config: Some(at(path)), ..Flags::default() };
        let error = Config::load(flags, &|_| None).unwrap_err().to_string();
        assert!(error.contains(&at(path).display().to_string()) && error.ends_with(said), "{error}");
    }
}

/// The keys of the commented file, sections left out.
fn keys() -> Vec<&'static str> {
    let lines = DEFAULT_FILE.lines().map(|l| l.strip_prefix("#: ").unwrap_or(l));
    lines.filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once(" = ")).map(|(key, _)| key).collect()
}

#[test]
fn the_commented_file_and_the_document_name_the_same_settings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (server, _) = text.split_once("\n## `chat-tui`").unwrap();
    for key in keys() {
        assert!(server.contains(&format!("`{key}`")), "docs/configuration.md says nothing of `{key}`");
    }
    // The third column of the table of flags.
    let rows = server.lines().filter(|l| l.starts_with("| `--")).map(|l| l.replace("\\|", "/"));
    for row in rows {
        let cell = row.split('|').map(str::trim).filter(|c| !c.is_empty()).nth(2).unwrap_or_default();
        for key in cell.split('`').filter(|k| !k.is_empty() && k.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')) {
            assert!(keys().contains(&key), "`chat-server config default` says nothing of `{key}`");
        }
    }
    let (_, live) = server.split_once("## Changing it while the server runs").unwrap();
    let (live, _) = live.split_once("\n## ").unwrap();
    for key in LIVE {
        assert!(live.contains(&format!("`{key}`")), "`{key}` may change while the server runs, which is not said");
    }
}

/// Every setting but the limits with another value than its default.
const OTHERWISE: &str = "name = \"other\"\nlisten = \"127.0.0.1:1\"\nmetrics_listen = \"127.0.0.1:2\"\ndata_dir = \"/y\"\n\
    key_file = \"/k\"\ntls_cert = \"b\"\ntls_key = \"b\"\ndatabase = \"postgres://db/two\"\ndatabase_connections = 9\n\
    durability = \"normal\"\nno_migration_backup = true\nbus = \"redis://h\"\nfeed = \"kafka://h:9092/feed\"\nrelay = true\n\
    relay_token = \"0123456789abcdef\"\nrelay_open = true\nrelay_redis = \"redis://h\"\nguests = \"on\"\n\
    registration = \"open\"\nallow_origin = [\"https://a.example\"]\ntrusted_proxy = [\"10.0.0.0/8\"]\n\
    outgoing_allow = [\"10.0.0.0/8\"]\ntransports = \"websocket\"\nlog = \"warn\"\nlog_format = \"json\"\n\
    [auth]\naccess_token_seconds = 60\n";

#[test]
fn every_setting_takes_hold_at_a_reload_or_is_named_as_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        Config::load(Flags { config: Some(file), ..Flags::default() }, &|_| None).unwrap()
    };
    let all: String = DEFAULT_FILE.lines().map(|l| format!("{}\n", l.strip_prefix("#: ").unwrap_or(l))).collect();
    let all: toml::Table = all.parse().unwrap();
    let limits = all["limits"].as_table().unwrap();
    let other = |value: &toml::Value| value.as_integer().map(|n| if n == 0 { 1 } else { n - 1 }).unwrap();
    let changed: String = limits.iter().map(|(name, value)| format!("{name} = {}\n", other(value))).collect();
    let old =
        read("old.toml", "data_dir = \"/x\"\ndatabase = \"postgres://db/one\"\ntls_cert = \"a\"\ntls_key = \"a\"\n");
    let new = read("new.toml", &format!("{OTHERWISE}[limits]\n{changed}"));
    let (_, changes) = old.reloaded(new).unwrap();

    let mut named: Vec<&str> = changes.now.iter().chain(&changes.later).map(String::as_str).collect();
    let of_limits = limits.keys().map(|name| format!("limits.{name}"));
    let mut expected: Vec<String> = all.keys().filter(|key| *key != "limits").cloned().chain(of_limits).collect();
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected, "each key is named once; a new one stands in OTHERWISE with another value");
    let mut live: Vec<&str> = changes.now.iter().filter_map(|key| key.split('.').next()).collect();
    live.sort_unstable();
    live.dedup();
    assert_eq!(live, LIVE);
}

#[test]
fn what_a_flag_says_is_not_looked_for_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    std::fs::write(&file, "bus = \"local\"\n").unwrap();
    let bus = Some("redis://127.0.0.1".parse().unwrap());
    let flags = Flags { config: Some(file), data_dir: Some("/nowhere".into()), bus, ..Flags::default() };
    let error = Config::load(flags, &|_| None).unwrap_err().to_string();
    assert!(error.starts_with("--bus connects nodes"), "{error}");
}
