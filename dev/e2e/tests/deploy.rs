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
    for (file, starts) in [("kubernetes/chat.yaml", "- --"), ("compose/compose.yaml", "- --")] {
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

/// The commands that need no flags because a file or the environment says it.
#[test]
fn the_unit_and_the_image_start_what_there_is_with_closed_doors() {
    let server = || Command::new(program::path("chat-server"));
    let unit = balance::deployed("systemd/chat-server.service");
    let command = unit.lines().find_map(|l| l.strip_prefix("ExecStart=/usr/bin/chat-server ")).expect("an ExecStart");
    assert_eq!(command, "--config /etc/chat-server/chat-server.toml");
    for needed in
        ["Type=notify", "ExecReload=/bin/sh -c \"kill -HUP $MAINPID\"", "WatchdogSec=", "StateDirectory=chat-server"]
    {
        assert!(unit.lines().any(|l| l.starts_with(needed)), "{needed}");
    }
    let image = balance::deployed("compose/Dockerfile");
    let set = image.lines().find_map(|l| l.strip_prefix("ENV ")).expect("variables");
    let variables: Vec<(&str, &str)> = set.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
    let shown = server().env_clear().envs(variables.clone()).args(["config", "show"]).output().expect("it starts");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for needed in ["guests = \"off\"", "registration = \"invite\"", "listen = \"0.0.0.0:6969\""] {
        assert!(shown.contains(needed), "{needed} is not in force by {variables:?}:\n{shown}");
    }
    let health = image.lines().find_map(|l| l.strip_prefix("HEALTHCHECK ")).expect("a health check");
    assert!(health.ends_with("CMD [\"/usr/bin/chat-server\", \"healthcheck\"]"), "{health}");
    assert!(image.contains("\nUSER 10001:10001\n") && image.contains("\nFROM scratch\n"), "{image}");
    let asked = server().args(["healthcheck", "--help"]).output().expect("it starts");
    assert!(asked.status.success());
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
        balance::deployed("systemd/chat-server.service")
            .replace("/usr/bin/chat-server", "/bin/true")
            .replace("Documentation=man:chat-server(1)\n", ""),
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

/// Names of metrics in a text, with what Prometheus appends to those of histograms taken off.
fn metrics(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|w| w.starts_with("chat_") || (w.starts_with("process_") && w.len() > 8));
    let mut names: Vec<String> = ours
        .map(|w| {
            let whole = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| w.strip_suffix(suffix)).unwrap_or(w);
            whole.to_owned()
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The table of `docs/metrics.md`, which the server's own test compares with what is served: name and labels.
fn table() -> Vec<(String, String)> {
    let document = std::fs::read_to_string(program::root().join("docs/metrics.md")).expect("the document");
    let rows = document.lines().filter_map(|l| l.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim);
        (cells.next().unwrap_or_default().trim_matches('`').to_owned(), cells.nth(1).unwrap_or_default().to_owned())
    })
    .collect()
}

#[test]
fn dashboard_and_alerts_name_what_is_there() {
    let table = table();
    assert!(table.len() > 40, "docs/metrics.md has lost its table");
    for file in ["grafana/chat.json", "prometheus/alerts.yml", "prometheus/alerts.test.yml"] {
        let text = balance::deployed(file);
        let found = metrics(&text);
        assert!(found.len() > 10, "{file} names next to nothing: {found:?}");
        for name in found {
            assert!(
                table.iter().any(|(known, _)| *known == name),
                "{file} names {name}, which docs/metrics.md does not"
            );
        }
    }
    let dashboard: serde_json::Value = serde_json::from_str(&balance::deployed("grafana/chat.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids: Vec<_> = panels.iter().map(|p| p["id"].as_u64().expect("an id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), panels.len(), "two panels of one id");
    let drawn = panels.iter().filter(|p| p["type"] != "row");
    for panel in drawn {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(targets.iter().all(|t| t["expr"].as_str().is_some_and(|e| !metrics(e).is_empty())), "{panel}");
    }
}

#[test]
fn the_alerts_fire_where_they_must() {
    let test = "the_alerts_fire_where_they_must";
    if !services::programs(test, &["promtool"]) {
        return;
    }
    let folder = program::root().join("deploy/prometheus");
    let run = |folder: &std::path::Path, args: &[&str]| {
        let output = Command::new("promtool").args(args).current_dir(folder).output().expect("promtool starts");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    for args in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let (good, said) = run(&folder, &args);
        assert!(good, "promtool {args:?}:\n{said}");
    }
    // Every alert has its test, and the tests notice one that does not fire any more.
    let (rules, tests) = (balance::deployed("prometheus/alerts.yml"), balance::deployed("prometheus/alerts.test.yml"));
    for name in rules.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "no test says that {name} fires");
        assert!(tests.contains(&format!("alertname: {name}}}")), "no test says that {name} is silent");
    }
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::write(copy.path().join("alerts.test.yml"), tests).expect("written");
    std::fs::write(copy.path().join("alerts.yml"), rules.replace("chat_bus_up == 0", "chat_bus_up == 7"))
        .expect("written");
    let (good, said) = run(copy.path(), &["test", "rules", "alerts.test.yml"]);
    assert!(!good && said.contains("ChatBusDown"), "{said}");
}
