//! What Linux tells of a process: resident memory, CPU time, and how often each of its threads was put on a core.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Resident memory, bytes: all of it, and what is not a file's (code, fonts, libraries).
pub fn resident(pid: u32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    Ok((field(&status, "VmRSS:") * 1024, field(&status, "RssAnon:") * 1024))
}

/// Resident memory in words.
pub fn memory(pid: u32) -> Result<String> {
    let (all, own) = resident(pid)?;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    Ok(format!("{:.1} MB ({:.1} without files' pages)", mb(all), mb(own)))
}

/// CPU time so far.
pub fn cpu(pid: u32) -> Result<Duration> {
    crate::process::cpu_of(pid).context("the process has ended")
}

/// How often each thread was put on a core so far: by number, with its name.
pub fn switches(pid: u32) -> Result<BTreeMap<u32, (String, u64)>> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
        let task = task?;
        let Some(id) = task.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        // It may have ended since the folder was read.
        let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
        let name = status.lines().next().and_then(|l| l.strip_prefix("Name:")).unwrap_or_default().trim().to_owned();
        let times = field(&status, "voluntary_ctxt_switches:") + field(&status, "nonvoluntary_ctxt_switches:");
        threads.insert(id, (name, times));
    }
    Ok(threads)
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|l| l.strip_prefix(name));
    line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(0)
}
