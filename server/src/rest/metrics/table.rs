//! THE table of metrics. A new one is a row here and its line in `docs/metrics.md`, which a test compares.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::cluster::Figures;
use crate::measure::Spread;
use crate::measure::process::{Process, disk_free};
use crate::rest::Rest;
use crate::service::counters::{Census, Counters, Edge};
use crate::service::feed;
use crate::service::node::Standing;

/// A store that does not answer within this is away.
const STORE_TIME: Duration = Duration::from_secs(2);

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How values are spread over buckets.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Its name; a counter's ends with `_total`.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What it counts, in one sentence.
    pub help: &'static str,
    /// Names of its labels, in order. The values come from our own enumerations, never from users.
    pub labels: &'static [&'static str],
    pub(super) read: fn(&Scene<'_>) -> Reading,
}

/// Values of a metric at one moment.
pub(super) enum Reading {
    /// It does not exist here: no relay, no feed, no such thing in this system.
    Absent,
    /// One without labels.
    One(f64),
    /// One for each set of labels' values.
    Each(Vec<(Vec<&'static str>, f64)>),
    /// A histogram for each set of labels' values.
    Spread(Vec<(Vec<&'static str>, Spread)>),
}

/// What is looked at once for all metrics.
pub(super) struct Scene<'a> {
    rest: &'a Rest,
    census: Census,
    store_up: bool,
    standing: Standing,
    bus: Figures,
    feed: Option<feed::Figures>,
    process: Process,
}

impl<'a> Scene<'a> {
    /// Looks.
    pub(super) async fn look(rest: &'a Rest) -> Self {
        Self {
            rest,
            census: rest.edge.census(),
            store_up: matches!(tokio::time::timeout(STORE_TIME, rest.services.store.health()).await, Ok(Ok(()))),
            standing: rest.services.node.standing(),
            bus: rest.services.bus.figures().unwrap_or_default(),
            feed: rest.feed.as_ref().map(feed::Status::figures),
            process: Process::now(),
        }
    }

    fn counters(&self) -> &Counters {
        &self.rest.services.counters
    }
}

fn one(value: u64) -> Reading {
    Reading::One(value as f64)
}

fn yes(value: bool) -> Reading {
    Reading::One(f64::from(u8::from(value)))
}

fn count(counter: &AtomicU64) -> Reading {
    one(counter.load(Ordering::Relaxed))
}

fn maybe(value: Option<f64>) -> Reading {
    value.map_or(Reading::Absent, Reading::One)
}

fn maybe_count(value: Option<u64>) -> Reading {
    value.map_or(Reading::Absent, one)
}

fn alone(spread: Spread) -> Reading {
    Reading::Spread(vec![(Vec::new(), spread)])
}

const fn counter(name: &'static str, help: &'static str, read: fn(&Scene<'_>) -> Reading) -> Metric {
    Metric { name, kind: Kind::Counter, help, labels: &[], read }
}

const fn gauge(name: &'static str, help: &'static str, read: fn(&Scene<'_>) -> Reading) -> Metric {
    Metric { name, kind: Kind::Gauge, help, labels: &[], read }
}

const fn histogram(name: &'static str, help: &'static str, read: fn(&Scene<'_>) -> Reading) -> Metric {
    Metric { name, kind: Kind::Histogram, help, labels: &[], read }
}

const fn by(labels: &'static [&'static str], metric: Metric) -> Metric {
    Metric { labels, ..metric }
}

/// Every metric, in the order in which it is shown.
pub const TABLE: &[Metric] = &[
    by(
        &["version"],
        gauge("chat_build_info", "Always 1; says which version runs.", |_| {
            Reading::Each(vec![(vec![env!("CARGO_PKG_VERSION")], 1.0)])
        }),
    ),
    // People.
    by(
        &["transport"],
        gauge("chat_connections", "Socket.IO connections to /chat.", |s| {
            let Census { websocket, polling, .. } = s.census;
            Reading::Each(vec![(vec!["websocket"], websocket as f64), (vec!["polling"], polling as f64)])
        }),
    ),
    gauge("chat_sessions", "Socket.IO sessions, those on no namespace included.", |s| one(s.census.sessions)),
    gauge("chat_present_users", "Users present on any node.", |s| one(s.rest.services.presence.present() as u64)),
    gauge("chat_rooms_followed", "Rooms that somebody on this node follows.", |s| one(s.census.rooms)),
    gauge("chat_followers", "Connections that follow a room, counted for each room.", |s| one(s.census.followers)),
    gauge("chat_relay_connections", "Connections of the relay's clients, counted for each namespace.", |s| {
        maybe_count(s.rest.relay.as_ref().map(|relay| (relay.connections)() as u64))
    }),
    // Messages.
    counter("chat_messages_total", "Messages stored.", |s| count(&s.counters().messages)),
    counter("chat_deliveries_total", "Entries handed to sockets, counted for each socket.", |s| {
        one(s.census.deliveries)
    }),
    counter("chat_duplicates_total", "Repeated sends answered from the log.", |s| count(&s.counters().duplicates)),
    counter("chat_rate_limited_total", "Sends refused for their rate.", |s| count(&s.counters().rate_limited)),
    counter("chat_repaired_total", "Entries read from the store that no signal brought.", |s| {
        count(&s.counters().repaired)
    }),
    histogram("chat_delivery_lag_seconds", "From taking a message to its being handed to this node's sockets.", |s| {
        alone(s.counters().lag.spread())
    }),
    // The store.
    gauge("chat_store_up", "1 while the store can write.", |s| yes(s.store_up)),
    histogram("chat_commit_seconds", "How long a commit takes until it is on stable storage.", |s| {
        alone(s.rest.services.store.commits().took.spread())
    }),
    histogram("chat_commit_writes", "Writes of one commit.", |s| {
        alone(s.rest.services.store.commits().writes.spread())
    }),
    gauge("chat_disk_free_bytes", "Room on the data folder's disk for this process.", |s| {
        maybe_count(disk_free(&s.rest.data_dir))
    }),
    // Requests.
    by(
        &["edge"],
        histogram("chat_request_seconds", "How long a request takes until it is answered.", |s| {
            Reading::Spread(Edge::ALL.map(|edge| (vec![edge.as_str()], s.counters().took(edge).spread())).into())
        }),
    ),
    by(
        &["edge", "code"],
        counter("chat_refusals_total", "Requests answered with an error, by its code.", |s| {
            let of = |edge: Edge| {
                s.counters().refused(edge).map(move |(code, n)| (vec![edge.as_str(), code.as_str()], n as f64))
            };
            Reading::Each(Edge::ALL.into_iter().flat_map(of).collect())
        }),
    ),
    by(
        &["reason"],
        counter("chat_auth_failures_total", "Proofs of who somebody is that were not good.", |s| {
            Reading::Each(s.counters().refused_proofs().map(|(why, n)| (vec![why.as_str()], n as f64)).collect())
        }),
    ),
    // What waits.
    gauge("chat_queue_packets", "Packets that wait for their sockets.", |s| one(s.census.queue_packets)),
    gauge("chat_queue_bytes", "Bytes that wait for their sockets.", |s| one(s.census.queue_bytes)),
    counter("chat_slow_readers_total", "Connections cut because they read too slowly.", |s| {
        count(&s.counters().slow_readers)
    }),
    // Between nodes.
    gauge("chat_nodes", "Nodes on the same store that live, this one included.", |s| one(s.standing.nodes as u64)),
    gauge("chat_cluster_split", "1 while another node does not hear this one.", |s| yes(s.standing.split.is_some())),
    gauge("chat_lease_age_milliseconds", "Time since this node's lease was renewed; it runs for 10 s.", |s| {
        maybe(s.standing.lease_age.map(|age| age.as_millis() as f64))
    }),
    gauge("chat_bus_up", "1 while the wire between nodes works.", |s| yes(s.rest.services.bus.health().is_ok())),
    counter("chat_bus_published_total", "Frames sent to the other nodes.", |s| one(s.bus.published)),
    counter("chat_bus_heard_total", "Frames heard from other nodes.", |s| one(s.bus.heard)),
    counter("chat_bus_dropped_total", "Frames not sent: the broker was away or slow.", |s| one(s.bus.dropped)),
    counter("chat_bus_unreadable_total", "Frames heard that could not be read.", |s| one(s.bus.unreadable)),
    counter("chat_bus_reconnects_total", "Times the broker was connected to again.", |s| one(s.bus.reconnects)),
    gauge("chat_relay_up", "1 while what the relay's nodes share works.", |s| {
        s.rest.relay.as_ref().map_or(Reading::Absent, |relay| yes((relay.health)().is_ok()))
    }),
    gauge("chat_feed_leading", "1 while this node is at the feed for other systems.", |s| {
        s.feed.as_ref().map_or(Reading::Absent, |feed| yes(feed.leading))
    }),
    gauge("chat_feed_lag", "Entries of public rooms that the feed does not have yet.", |s| {
        maybe_count(s.feed.as_ref().map(|feed| feed.lag))
    }),
    counter("chat_feed_sent_total", "Entries handed on by this node.", |s| {
        maybe_count(s.feed.as_ref().map(|feed| feed.sent))
    }),
    // Webhooks that tell.
    by(
        &["outcome"],
        counter(
            "chat_outgoing_total",
            "Tries to tell an outgoing webhook something, and events put aside (dead).",
            |s| Reading::Each(s.counters().outgoing.all().map(|(told, n)| (vec![told.as_str()], n as f64)).collect()),
        ),
    ),
    histogram("chat_outgoing_seconds", "How long receivers of outgoing webhooks take to answer.", |s| {
        alone(s.counters().outgoing.took.spread())
    }),
    gauge(
        "chat_outgoing_waiting",
        "Events that outgoing webhooks were not told yet; 0 where another node tells.",
        |s| count(&s.counters().outgoing.waiting),
    ),
    // The process.
    gauge("chat_draining", "1 while the node is going away.", |s| yes(s.rest.drain.is_cancelled())),
    gauge("chat_tasks_alive", "Tasks of the runtime that have not ended.", |_| {
        one(tokio::runtime::Handle::current().metrics().num_alive_tasks() as u64)
    }),
    counter("process_cpu_seconds_total", "Processor time used, user and system.", |s| maybe(s.process.cpu_seconds)),
    gauge("process_resident_memory_bytes", "Resident memory.", |s| maybe_count(s.process.resident_bytes)),
    gauge("process_virtual_memory_bytes", "Virtual memory.", |s| maybe_count(s.process.virtual_bytes)),
    gauge("process_threads", "Threads.", |s| maybe_count(s.process.threads)),
    gauge("process_open_fds", "Open file descriptors.", |s| maybe_count(s.process.open_fds)),
    gauge("process_max_fds", "File descriptors that the process may open.", |s| maybe_count(s.process.max_fds)),
    gauge("process_start_time_seconds", "When the process started, seconds since 1970.", |s| maybe(s.process.started)),
];
