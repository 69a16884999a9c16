//! What the server holds at one moment: memory, files and threads as the kernel tells them, tasks and connections as the
//! server tells them itself. A line of a CSV each.

use std::fmt;
use std::time::Duration;

use chat_e2e::{Server, raw};

/// The first line of the file.
pub const HEADER: &str = "seconds,resident_kib,anonymous_kib,files,threads,tasks,connections,messages";

/// One look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Since the load was put on.
    pub seconds: f64,
    /// Resident memory in KiB.
    pub resident_kib: u64,
    /// Of it what no file backs.
    pub anonymous_kib: u64,
    /// Open file descriptors.
    pub files: u64,
    /// Threads of the process.
    pub threads: u64,
    /// Tasks of its runtime that live.
    pub tasks: u64,
    /// Connections on `/chat`.
    pub connections: u64,
    /// Messages stored since its start.
    pub messages: u64,
}

impl Sample {
    /// Looks at a server of ours.
    pub async fn take(server: &Server, at: Duration) -> Self {
        let pid = server.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_else(|e| panic!("{pid}: {e}"));
        let metrics = raw::get(&server.address(), "/metrics", "").await;
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count) as u64;
        let of = |text: &str, name: &str| number(text, name).unwrap_or_else(|| panic!("no {name} in {text}"));
        let told = |name: &str| figure(&metrics, name).unwrap_or_else(|| panic!("no {name} in {metrics}"));
        Self {
            seconds: at.as_secs_f64(),
            resident_kib: of(&status, "VmRSS:"),
            anonymous_kib: of(&status, "RssAnon:"),
            // Without the one by which it was asked for its metrics: that is closed by now.
            files,
            threads: of(&status, "Threads:"),
            tasks: told("chat_tasks_alive"),
            connections: told("chat_connections"),
            messages: told("chat_messages_total"),
        }
    }
}

/// The number behind a name that begins a line.
fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|l| l.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// A figure of Prometheus' text format, added up over its labels.
fn figure(metrics: &str, name: &str) -> Option<u64> {
    let one = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let value = if rest.starts_with('{') { rest.split_once("} ")?.1 } else { rest.strip_prefix(' ')? };
        value.trim().parse::<f64>().ok()
    };
    let all: Vec<f64> = metrics.lines().filter_map(one).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() as u64)
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, resident_kib, anonymous_kib, files, threads, tasks, connections, messages } = self;
        write!(f, "{seconds:.1},{resident_kib},{anonymous_kib},{files},{threads},{tasks},{connections},{messages}")
    }
}

/// Reads a file back; the error names the line.
pub fn read(text: &str) -> Result<Vec<Sample>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("line 1: not {HEADER}"));
    }
    let one = |(n, line): (usize, &str)| {
        let wrong = || format!("line {}: not a sample: {line}", n + 2);
        let (seconds, rest) = line.split_once(',').ok_or_else(wrong)?;
        let seconds = seconds.parse().map_err(|_| wrong())?;
        let rest: Vec<u64> = rest.split(',').map(|n| n.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        let [resident_kib, anonymous_kib, files, threads, tasks, connections, messages] = rest[..] else {
            return Err(wrong());
        };
        Ok(Sample { seconds, resident_kib, anonymous_kib, files, threads, tasks, connections, messages })
    };
    lines.enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_a_bad_line_is_named() {
        let sample = Sample {
            seconds: 1.5,
            resident_kib: 2,
            anonymous_kib: 3,
            files: 4,
            threads: 5,
            tasks: 6,
            connections: 7,
            messages: 8,
        };
        assert_eq!(read(&format!("{HEADER}\n{sample}\n{sample}")).unwrap(), [sample, sample]);
        assert!(read(&format!("{HEADER}\n{sample}\n1.0,2")).unwrap_err().starts_with("line 3: "));
        assert!(read("x").is_err());
    }

    #[test]
    fn a_number_is_the_one_behind_its_name() {
        let text = "VmRSS:\t  77 kB\nRssAnon:\t 5 kB\n";
        assert_eq!((number(text, "VmRSS:"), number(text, "RssAnon:"), number(text, "x")), (Some(77), Some(5), None));
    }

    #[test]
    fn a_figure_is_added_up_over_its_labels() {
        let metrics = "# HELP a A.\na{by=\"x\"} 12\na{by=\"y\"} 3\na_more 7\nb 4\n";
        assert_eq!((figure(metrics, "a"), figure(metrics, "b"), figure(metrics, "c")), (Some(15), Some(4), None));
    }
}
