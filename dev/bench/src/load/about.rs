//! Under what a run was made, for a person.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use chat_common::{Clock, SystemClock};

use super::peer::Setup;

/// Date, machine and versions, as far as they can be told.
pub fn about(setup: &Setup) -> BTreeMap<String, String> {
    let version = |package: &str| {
        let file = setup.node.as_ref()?.join("node_modules").join(package).join("package.json");
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        Some(json["version"].as_str()?.to_owned())
    };
    let first_line = |program: &Path, arg: &str| {
        let out = Command::new(program).arg(arg).output().ok()?.stdout;
        Some(String::from_utf8_lossy(&out).lines().next()?.to_owned())
    };
    let node = first_line("node".as_ref(), "--version");
    let both = |package: &str| Some(format!("{} on Node {}", version(package)?, node.clone()?));
    let facts = [
        ("measured", Some(SystemClock.now().to_string()[..16].replace('T', " ") + " UTC")),
        ("machine", machine()),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("chat-server", first_line(&setup.bin.join("chat-server"), "--version").map(|v| v.replace("chat-server ", ""))),
        ("socket.io", both("socket.io")),
        ("NestJS", both("@nestjs/core")),
        (
            "cores",
            Some(
                if setup.cores.apart { "one for the server, another for the generator" } else { "one for both" }
                    .to_owned(),
            ),
        ),
    ];
    facts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn read(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}

fn machine() -> Option<String> {
    let cpus = read("/proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(": "))
        .map_or("a CPU without a name", |m| m.1);
    let kib: f64 = read("/proc/meminfo")?.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
    let cores = cpus.lines().filter(|l| l.starts_with("processor")).count();
    Some(format!("{cores} cores of {model}, {:.0} GiB of memory", kib / 1_048_576.0))
}
