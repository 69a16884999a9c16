//! Logs, to stderr. Never a token, a password or the text of a message: our own code logs ids and codes, and the
//! libraries that see packets may not speak below `info`, whatever the filter says. What is logged for a request carries
//! its id (`line`).

mod line;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

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

/// Exchanges what is logged while the program runs.
#[derive(Clone, Debug)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

impl Filter {
    /// From now on by this filter; one that cannot be read changes nothing.
    pub fn set(&self, filter: &str) {
        let Ok(filter) = EnvFilter::try_new(filter) else { return };
        if let Err(error) = self.0.reload(filter) {
            tracing::debug!(%error, "logging was started elsewhere");
        }
    }
}

/// Starts logging; called once by the program, never by a library user. A second call changes nothing.
pub fn start(log: &Log) -> Filter {
    let color = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let (subscriber, filter) = subscriber(log, color, std::io::stderr);
    if let Err(error) = subscriber.try_init() {
        tracing::debug!(%error, "logging was started before");
    }
    filter
}

fn subscriber<W>(log: &Log, color: bool, to: W) -> (impl Subscriber + Send + Sync + use<W>, Filter)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new(config::DEFAULT_FILTER));
    let (filter, handle) = reload::Layer::new(filter);
    let base = tracing_subscriber::fmt::layer().with_writer(to).with_ansi(color);
    let lines = match log.format {
        LogFormat::Text => base.event_format(line::Text::new(color)).boxed(),
        LogFormat::Json => base.event_format(line::Json).boxed(),
    };
    // Without the hint no level is ruled out beforehand, and every line a library might log costs time.
    let discreet = filter_fn(is_discreet).with_max_level_hint(LevelFilter::TRACE);
    (tracing_subscriber::registry().with(lines.with_filter(filter.and(discreet))), Filter(handle))
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
    use crate::trail::Trail;

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
        tracing::subscriber::with_default(subscriber(&log, false, move || writer.clone()).0, || {
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
    fn the_filter_can_be_exchanged_and_stays_discreet() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = Log { filter: "error".to_owned(), format: LogFormat::Text };
        let (subscriber, filter) = subscriber(&log, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let tell = |what: &str| {
                tracing::debug!("{what}");
                tracing::debug!(target: "engineioxide::socket", "packet: secret");
            };
            tell("before");
            filter.set("no=such=filter");
            filter.set("trace");
            tell("after");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("after") && !text.contains("before") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn json_is_an_object_a_line() {
        let text = logged("debug", LogFormat::Json);
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!((&lines[1]["message"], &lines[1]["room"]), (&"ours".into(), &"lobby".into()));
        assert_eq!((&lines[1]["level"], &lines[1]["target"]), (&"DEBUG".into(), &module_path!().into()));
        let at: chat_common::Timestamp = lines[1]["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(at.as_millis() > 1_700_000_000_000);
    }

    async fn logged_for(trail: Trail, format: LogFormat) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = Log { filter: "info".to_owned(), format };
        let _here = tracing::subscriber::set_default(subscriber(&log, false, move || writer.clone()).0);
        crate::trail::follow(trail, async {
            let (n, yes, error) = (7, true, std::io::Error::other("a\nb"));
            tracing::warn!(n, yes, %error, what = "x", "it failed");
        })
        .await;
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[tokio::test]
    async fn a_line_of_a_request_carries_its_id() {
        let http = Trail::Http("abc-1".into());
        let text = logged_for(http.clone(), LogFormat::Text).await;
        assert!(text.ends_with(" request_id=\"abc-1\"\n") && text.contains("it failed n=7 yes=true"), "{text}");
        let json = logged_for(http, LogFormat::Json).await;
        let line: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&line["request_id"], &line["n"], &line["yes"]), (&"abc-1".into(), &7.into(), &true.into()));
        assert_eq!(line["error"], "a\nb");
    }

    #[tokio::test]
    async fn what_a_client_chose_breaks_no_line() {
        let trail = Trail::Socket { conn: 3, req_id: Some("x\n\u{1b}[2J level=ERROR".into()) };
        let text = logged_for(trail.clone(), LogFormat::Text).await;
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("conn=\"3\" req_id=\"x\\n"), "{text}");
        let json = logged_for(trail, LogFormat::Json).await;
        assert_eq!(json.lines().count(), 1, "{json}");
    }
}
