//! Figures for Prometheus, for this machine only: what a proxy forwards, or another address asks, is not answered.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use super::Rest;
use super::error::{Failure, Result};
use super::extract::Nearby;
use crate::service::feed::Status;

/// The text format of Prometheus; each figure says what it counts.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Prometheus text format", body = String),
        (status = 404, description = "Asked from another machine")))]
pub async fn metrics(State(rest): State<Rest>, Nearby(nearby): Nearby) -> Result<impl IntoResponse> {
    if !nearby {
        return Err(Failure::new(
            chat_common::ErrorCode::NotFound,
            "/metrics answers this machine only; ask it on loopback, without a proxy",
        ));
    }
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text(&rest).await))
}

async fn text(rest: &Rest) -> String {
    let counters = &rest.services.counters;
    let up = |ok: bool| u64::from(ok);
    let mut out = String::new();
    let mut figure = |name: &str, kind: &str, help: &str, value: u64| {
        // A `String` takes everything that is written to it.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    };
    figure("chat_connections", "gauge", "Socket.IO connections to /chat.", (rest.connections)() as u64);
    if let Some(relay) = &rest.relay {
        let help = "Connections of the relay's clients, counted for each namespace.";
        figure("chat_relay_connections", "gauge", help, (relay.connections)() as u64);
        figure("chat_relay_up", "gauge", "1 while what the relay's nodes share works.", up((relay.health)().is_ok()));
    }
    figure(
        "chat_messages_total",
        "counter",
        "Messages stored since the start.",
        counters.messages.load(Ordering::Relaxed),
    );
    figure(
        "chat_duplicates_total",
        "counter",
        "Repeated sends answered from the log since the start.",
        counters.duplicates.load(Ordering::Relaxed),
    );
    figure(
        "chat_rate_limited_total",
        "counter",
        "Sends refused for their rate since the start.",
        counters.rate_limited.load(Ordering::Relaxed),
    );
    figure("chat_store_up", "gauge", "1 while the store can write.", up(rest.services.store.health().await.is_ok()));
    figure("chat_bus_up", "gauge", "1 while the wire between nodes works.", up(rest.services.bus.health().is_ok()));
    let standing = rest.services.node.standing();
    figure("chat_nodes", "gauge", "Nodes on the same store that live, this one included.", standing.nodes as u64);
    figure("chat_cluster_split", "gauge", "1 while another node does not hear this one.", up(standing.split.is_some()));
    if let Some(age) = standing.lease_age {
        let help = "Time since this node's lease was renewed; it runs for 10 s.";
        figure("chat_lease_age_milliseconds", "gauge", help, u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    }
    figure("chat_present_users", "gauge", "Users present on any node.", rest.services.presence.present() as u64);
    for (name, help, value) in of_bus(rest) {
        figure(name, "counter", help, value);
    }
    if let Some(feed) = rest.feed.as_ref().map(Status::figures) {
        figure("chat_feed_leading", "gauge", "1 while this node is at the feed for other systems.", up(feed.leading));
        figure("chat_feed_lag", "gauge", "Entries of public rooms that the feed does not have yet.", feed.lag);
        figure("chat_feed_sent_total", "counter", "Entries handed on by this node since its start.", feed.sent);
    }
    figure("chat_draining", "gauge", "1 while the node is going away.", up(rest.drain.is_cancelled()));
    if let Some(bytes) = resident() {
        figure("process_resident_memory_bytes", "gauge", "Resident memory.", bytes);
    }
    out
}

/// What went between nodes; all 0 where there is one.
fn of_bus(rest: &Rest) -> [(&'static str, &'static str, u64); 6] {
    let bus = rest.services.bus.figures().unwrap_or_default();
    let repaired = rest.services.counters.repaired.load(Ordering::Relaxed);
    [
        ("chat_bus_published_total", "Frames sent to the other nodes.", bus.published),
        ("chat_bus_heard_total", "Frames heard from other nodes.", bus.heard),
        ("chat_bus_dropped_total", "Frames not sent: the broker was away or slow.", bus.dropped),
        ("chat_bus_unreadable_total", "Frames heard that could not be read.", bus.unreadable),
        ("chat_bus_reconnects_total", "Times the broker was connected to again.", bus.reconnects),
        ("chat_repaired_total", "Entries read from the store that no signal brought.", repaired),
    ]
}

/// `VmRSS` of `/proc/self/status`; `None` where there is no such file.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
