//! What the kernel says of this process and its disk. Elsewhere than on Linux most of it is not known.

use std::path::Path;

/// This process at one moment; what is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Processor time used so far, user and system, seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory, bytes.
    pub resident_bytes: Option<u64>,
    /// Virtual memory, bytes.
    pub virtual_bytes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// As many as it may open.
    pub max_fds: Option<u64>,
    /// When it started, seconds since 1970.
    pub started: Option<f64>,
}

impl Process {
    /// Of this process, now.
    pub fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").ok();
        // The name in brackets may hold anything; what follows the last bracket is numbers.
        let fields: Vec<u64> = stat
            .as_deref()
            .and_then(|s| s.rsplit_once(')'))
            .map(|(_, rest)| rest.split_whitespace().skip(1).map(|f| f.parse().unwrap_or(0)).collect())
            .unwrap_or_default();
        // Numbered as in proc(5), where the state is the third field.
        let field = |n: usize| n.checked_sub(4).and_then(|i| fields.get(i)).copied();
        let hertz = rustix::param::clock_ticks_per_second() as f64;
        let page = rustix::param::page_size() as u64;
        Self {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) as f64 / hertz),
            resident_bytes: field(24).map(|pages| pages * page),
            virtual_bytes: field(23),
            threads: field(20),
            // The folder is open while it is counted.
            open_fds: std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1) as u64),
            max_fds: max_fds(),
            started: field(22).zip(booted()).map(|(ticks, booted)| booted + ticks as f64 / hertz),
        }
    }
}

fn max_fds() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// When the machine started, seconds since 1970.
fn booted() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|l| l.strip_prefix("btime "))?.trim().parse().ok()
}

/// Bytes that this process may still write to the file system of `path`.
pub fn disk_free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_of_this_process() {
        let now = Process::now();
        assert!(now.resident_bytes.unwrap() > 100_000 && now.virtual_bytes >= now.resident_bytes, "{now:?}");
        assert!(now.open_fds.unwrap() >= 3 && now.max_fds >= now.open_fds && now.threads.unwrap() >= 1, "{now:?}");
        let age = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64() - now.started.unwrap();
        assert!((-5.0..86_400.0).contains(&age), "it started {age} s ago");
        assert!(now.cpu_seconds.unwrap() >= 0.0);
        assert!(disk_free(Path::new("/")).is_some());
        assert_eq!(disk_free(Path::new("/no/such/folder")), None);
    }
}
