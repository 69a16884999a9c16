//! One file a mistake; its first line is the sentence it must print.

use std::path::Path;

use chat_server::config::{Config, Flags};

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
fn a_file_that_is_named_and_not_there_is_an_error() {
    let flags = Flags { config: Some("/nowhere/c.toml".into()), ..Flags::default() };
    let said = Config::load(flags, &|_| None).unwrap_err().to_string();
    assert!(said.starts_with("cannot read the configuration /nowhere/c.toml: "), "{said}");
}
