//! Logs, to stderr. Never a token, a password or the text of a message: our own code logs ids and codes, and the
//! libraries that see packets may not speak below `info`, whatever the filter says.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{self, Log, LogFormat};

/// Libraries whose finer levels hold packets, frames or headers.
const DISCREET: [&str; 7] = [
    "socketioxide",
    "socketioxide_core",
    "engineioxide",
    "engineioxide_core",
    "tungstenite",
    "tokio_tungstenite",
    "hyper",
];

/// Libraries whose lines are noise: what they meet, our own code says once and in plain words.
const SILENT: [&str; 2] = ["rskafka", "rsasl"];

/// Starts logging; called once by the program, never by a library user. A second call changes nothing.
pub fn start(log: &Log) {
    let color = std::io::IsTerminal::is_terminal(&std::io::stderr());
    if let Err(error) = subscriber(log, color, std::io::stderr).try_init() {
        tracing::debug!(%error, "logging was started before");
    }
}

fn subscriber<W>(log: &Log, color: bool, to: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new(config::DEFAULT_FILTER));
    let base = tracing_subscriber::fmt::layer().with_writer(to).with_ansi(color);
    let lines = match log.format {
        LogFormat::Text => base.boxed(),
        LogFormat::Json => base.json().flatten_event(true).boxed(),
    };
    // Without the hint no level is ruled out beforehand, and every line a library might log costs time.
    let discreet = filter_fn(is_discreet).with_max_level_hint(LevelFilter::TRACE);
    tracing_subscriber::registry().with(lines.with_filter(filter.and(discreet)))
}

fn is_discreet(event: &Metadata<'_>) -> bool {
    let source = event.target().split("::").next().unwrap_or_default();
    !SILENT.contains(&source) && (*event.level() <= Level::INFO || !DISCREET.contains(&source))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = Log { filter: filter.to_owned(), format };
        tracing::subscriber::with_default(subscriber(&log, false, move || writer.clone()), || {
            tracing::debug!(target: "engineioxide::socket", "packet: secret");
            tracing::trace!(target: "hyper::proto", "header: secret");
            tracing::warn!(target: "engineioxide::socket", "closed");
            tracing::error!(target: "rskafka::client", "noise: secret");
            tracing::debug!(room = "lobby", "ours");
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn libraries_that_see_packets_stay_discreet_whatever_the_filter_says() {
        for filter in ["trace", "engineioxide=trace,engineioxide::socket=trace,chat_server=debug"] {
            let text = logged(filter, LogFormat::Text);
            assert!(!text.contains("secret"), "{text}");
            assert!(text.contains("closed") && text.contains("ours"), "{text}");
        }
        assert!(!logged("info", LogFormat::Text).contains("ours"));
    }

    #[test]
    fn json_is_an_object_a_line() {
        let text = logged("debug", LogFormat::Json);
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!((&lines[1]["message"], &lines[1]["room"]), (&"ours".into(), &"lobby".into()));
    }
}
