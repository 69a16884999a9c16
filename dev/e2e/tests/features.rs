//! `docs/features.md` names for each feature of the client the tests that hold it, `docs/reliability.md` for each kind of
//! bad input and fault; here it is held that those tests are there, so that the tables cannot rot.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::PathBuf;

use chat_e2e::program::root;

/// Where the table's files stand, tried in this order.
const BASES: [&str; 5] = ["tui-client/src", "dev/e2e/tests", "dev/chaos/tests", "server/src", "server/tests"];

fn document() -> String {
    read("docs/features.md")
}

fn read(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap()
}

fn file(name: &str) -> Option<PathBuf> {
    BASES.iter().map(|base| root().join(base).join(name)).find(|path| path.is_file())
}

/// Whether a source has a test of this name.
fn holds(source: &str, test: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(i, line)| {
        let named = line.trim_start_matches("async ").strip_prefix("fn ").and_then(|l| l.strip_prefix(test));
        let above = lines[..i].iter().rev().take_while(|l| l.starts_with("#[") || l.starts_with("//"));
        named.is_some_and(|rest| rest.starts_with('('))
            && above.into_iter().any(|l| l.starts_with("#[") && l.contains("test"))
    })
}

/// `file.rs::name` in the backticks of a text.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::"))
}

/// Stories that every back end of the store tells: `every_story` makes tests of them.
fn is_story(file: &str, test: &str) -> bool {
    let stories = read("server/src/storage/contract/mod.rs");
    file.starts_with("storage/contract/") && stories.split([',', ';', ' ', '\n']).any(|word| word == test)
}

/// What is not there of the tests that a document names.
fn faults(document: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, test) in named(document) {
        let name = format!("{name}.rs");
        match file(&name).map(|path| std::fs::read_to_string(path).unwrap()) {
            None => faults.push(format!("{name}: no such file")),
            Some(source) if !holds(&source, test) && !is_story(&name, test) => {
                faults.push(format!("{name}: no test {test}"));
            }
            Some(_) => {}
        }
    }
    faults
}

#[test]
fn each_test_that_the_table_names_is_there() {
    let document = document();
    let faults = faults(&document);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(named(&document).count() > 100, "the table is read");
}

#[test]
fn each_test_that_holds_off_bad_input_and_faults_is_there() {
    let document = read("docs/reliability.md");
    let faults = faults(&document);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(named(&document).count() > 60, "the tables are read");
    assert_eq!(self::faults("`storage/contract/rooms.rs::nothing` `app/mod.rs::nothing` `no/file.rs::x`").len(), 3);
}

#[test]
fn each_row_of_the_table_has_a_test() {
    let rows = document();
    let rows = rows.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| feature"));
    let without: Vec<&str> = rows.filter(|row| named(row).next().is_none()).collect();
    assert!(without.is_empty(), "{}", without.join("\n"));
}

#[test]
fn each_slash_command_stands_in_the_table() {
    let source = std::fs::read_to_string(root().join("tui-client/src/command/mod.rs")).unwrap();
    let names: Vec<&str> =
        source.lines().filter_map(|l| l.trim().strip_prefix("command(\"")?.split('"').next()).collect();
    assert!(names.len() > 20, "the commands are read: {names:?}");
    let document = document();
    let has = |name: &&str| document.split(|c: char| !c.is_alphanumeric() && c != '/').any(|w| w == format!("/{name}"));
    let missing: Vec<&&str> = names.iter().filter(|n| !has(n)).collect();
    assert!(missing.is_empty(), "not in docs/features.md: {missing:?}");
}

#[test]
fn a_test_that_is_not_one_is_not_taken_for_one() {
    let source = "#[test]\nfn one() {}\nfn two() {}\n#[tokio::test]\n#[cfg(unix)]\nasync fn three() {}\n";
    assert!(holds(source, "one") && holds(source, "three"));
    assert!(!holds(source, "two") && !holds(source, "on") && !holds(source, "four"));
}
