//! What a run asks of the machine: a core for the server and one for the generator, enough file descriptors, and what a sync
//! of its disk takes.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::histogram::Histogram;

/// Who runs where. A child takes over the cores of the thread that starts it.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    all: CpuSet,
    server: CpuSet,
    generator: CpuSet,
    /// Whether they are two different ones.
    pub apart: bool,
}

impl Cores {
    /// The first core for the server, the second for the generator, as far as this process may choose.
    pub fn choose() -> Result<Self> {
        let all = sched_getaffinity(None)?;
        let mut there = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
        let (first, second) = (there.next(), there.next());
        let one = |cpu: Option<usize>| {
            let mut set = CpuSet::new();
            set.set(cpu.or(first).unwrap_or_default());
            set
        };
        let cores = Self { all, server: one(first), generator: one(second), apart: second.is_some() };
        sched_setaffinity(None, &cores.generator)?;
        Ok(cores)
    }

    /// Runs `start` on the server's core, so that a process begun there stays there.
    pub fn on_servers<T>(&self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        sched_setaffinity(None, &self.server)?;
        let started = start();
        sched_setaffinity(None, &self.generator)?;
        started
    }

    /// Runs `work` on all cores: what is prepared and not measured.
    pub async fn on_all<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        sched_setaffinity(None, &self.all)?;
        let done = work.await;
        sched_setaffinity(None, &self.generator)?;
        done
    }
}

/// Takes as many file descriptors as may be had; children inherit it. How many that are.
pub fn descriptors() -> u64 {
    let have = getrlimit(Resource::Nofile);
    let most = Rlimit { current: have.maximum, maximum: have.maximum };
    // Without more the scenes that need them say so when they connect.
    let _ = setrlimit(Resource::Nofile, most);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// What it takes to append a page to a file of `folder` and sync it, 300 times.
pub fn syncs(folder: &Path) -> Result<Histogram> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Histogram::default();
    for _ in 0..300 {
        let begun = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        times.record(nanos(begun.elapsed()));
    }
    Ok(times)
}

/// A span as nanoseconds.
pub fn nanos(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
