//! What stands in `deploy/` is what the programs understand, as far as a machine without a container engine can tell.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::process::Command;

use chat_e2e::{balance, program, services};

/// Every `--flag` of a text.
fn flags(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '[' | ']' | ',' | '`'));
    let flag = |word: &str| word.starts_with("--").then(|| word.split('=').next().unwrap_or(word).to_owned());
    words.filter_map(flag).filter(|f| f.len() > 2).collect()
}

#[test]
fn every_flag_of_the_deployments_is_one_of_the_servers() {
    let help = Command::new(program::path("chat-server")).arg("--help").output().expect("chat-server starts");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let command = |line: &&str| !line.trim_start().starts_with('#');
    for (file, starts) in [
        ("systemd/chat-server.service", "ExecStart="),
        ("compose/Dockerfile", "CMD ["),
        ("kubernetes/chat.yaml", "- --"),
        ("compose/compose.yaml", "- --"),
    ] {
        let text = balance::deployed(file);
        let lines = text.lines().filter(command).filter(|l| l.trim_start().starts_with(starts));
        let lines: String = lines.map(|l| format!("{l}\n")).collect();
        let found = flags(&lines);
        for needed in ["--guests", "--registration"] {
            assert!(found.iter().any(|f| f == needed), "{file} leaves {needed} open: {found:?}");
        }
        for flag in found {
            assert!(help.contains(&flag), "{file}: chat-server has no {flag}");
        }
    }
}

#[test]
fn the_yaml_files_can_be_read_and_close_the_doors() {
    let test = "the_yaml_files_can_be_read_and_close_the_doors";
    if !Command::new("python3").args(["-c", "import yaml"]).output().is_ok_and(|o| o.status.success()) {
        // PyYAML is no package of the tests; the flags above are looked at in any case.
        return chat_e2e::foreign::note_left_out(&format!("{test}: no PyYAML"));
    }
    for (file, expected) in
        [("kubernetes/chat.yaml", "Deployment PodDisruptionBudget Service"), ("compose/compose.yaml", "")]
    {
        let script = "import sys, yaml\ndocs = list(yaml.safe_load_all(open(sys.argv[1])))\n\
                      print(' '.join(sorted(d.get('kind', '') for d in docs)))";
        let path = program::root().join("deploy").join(file);
        let output = Command::new("python3").args(["-c", script]).arg(path).output().expect("python3 starts");
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{file}");
    }
}

#[test]
fn the_unit_is_one_that_systemd_understands() {
    if chat_services::find("systemd-analyze").is_none() {
        return chat_e2e::foreign::note_left_out("the_unit_is_one_that_systemd_understands: no systemd-analyze");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("chat-server.service");
    // The program is not installed on this machine.
    std::fs::write(
        &unit,
        balance::deployed("systemd/chat-server.service").replace("/usr/local/bin/chat-server", "/bin/true"),
    )
    .expect("the folder is ours");
    let output = Command::new("systemd-analyze").arg("verify").arg(&unit).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let about_us: Vec<_> = said.lines().filter(|l| l.contains("chat-server.service")).collect();
    assert!(about_us.is_empty(), "{said}");
}

#[test]
fn the_balancers_themselves_find_their_files_right() {
    let test = "the_balancers_themselves_find_their_files_right";
    if !services::programs(test, &["haproxy", "openssl"]) {
        return;
    }
    let certificate = balance::certificate();
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["haproxy.cfg", "haproxy-websocket.cfg"] {
        // Names that this machine cannot look up, and the place of the certificate; nothing else.
        let text = balance::deployed(&format!("haproxy/{file}"))
            .replace("/etc/haproxy/", &format!("{}/", certificate.path().display()))
            .replace(":6969", ":1")
            .replace(" chat-1:1", " 127.0.0.1:1")
            .replace(" chat-2:1", " 127.0.0.1:2")
            .replace(" chat-3:1", " 127.0.0.1:3");
        let path = folder.path().join(file);
        std::fs::write(&path, text).expect("the folder is ours");
        chat_services::haproxy_accepts(&path).unwrap_or_else(|e| panic!("{file}: {e:#}"));
    }
}
