//! The plan of faults, shortened: `cargo xtask chaos` plays it at length.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use chat_chaos::run::{Script, play};
use chat_chaos::schedule;
use chat_chaos::stage::{Backing, Stage};

/// Plays each of these kinds once.
async fn each_once(nodes: usize, backing: Backing, test: &str, seed: u64, kinds: &[&'static str]) {
    let Some(mut stage) = Stage::set(nodes, backing, test).await else { return };
    let mut breakable = stage.breakable();
    breakable.kinds.retain(|kind| kinds.contains(kind));
    let mut plan = schedule::plan(seed, &breakable, Duration::from_secs(3_600));
    plan.truncate(breakable.kinds.len());
    let faults: BTreeSet<_> = plan.iter().map(|step| step.fault.kind().to_owned()).collect();
    let script = Script { seed, ours: 32, node: 3, python: 2, rooms: 4, rate: 15, plan };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.jsonl");
    let summary = play(&mut stage, &script, &path, test).await;
    println!("{summary}");
    if !summary.violations.is_empty() {
        panic!("the history is {}: {summary}", folder.keep().join("history.jsonl").display());
    }
    assert_eq!(summary.faults.keys().cloned().collect::<BTreeSet<_>>(), faults);
    assert!(summary.sends > 100 && summary.receipts > summary.sends && summary.tries > 10, "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_on_redis_keep_their_promises_under_faults_of_all_parts() {
    let kinds = ["kill", "bus-kill", "database-crash", "drops", "half-open"];
    each_once(3, Backing::Redis, "chaos on Redis", 1, &kinds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_on_sqlite_keeps_its_promises_under_faults_of_all_parts() {
    let kinds = ["kill", "disk-full", "clock", "drops", "cut"];
    each_once(1, Backing::Sqlite, "chaos on SQLite", 2, &kinds).await;
}
