//! What a server allows. The defaults are the protocol's; `ready` tells a client the ones in force.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The limits in force, as `ready` sends them and as the server's configuration sets them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// A message's text, bytes of UTF-8.
    pub text_bytes: usize,
    /// A request's payload, bytes of JSON.
    pub payload_bytes: usize,
    /// A reply or an event, bytes of JSON; lists end early with `next`.
    pub reply_bytes: usize,
    /// The data of a custom event, bytes of JSON.
    pub custom_bytes: usize,
    /// A room's topic, bytes.
    pub topic_bytes: usize,
    /// A presence text or a display name, bytes.
    pub label_bytes: usize,
    /// Connections of one user at once.
    pub connections_per_user: u32,
    /// Connections of one address at once; loopback is exempt.
    pub connections_per_address: u32,
    /// Rooms one user may be a member of.
    pub rooms_per_user: u32,
    /// Messages a second of one user, in the long run.
    pub messages_per_second: u32,
    /// Messages one user may send at once after a pause.
    pub message_burst: u32,
    /// Requests a second of one connection other than messages, in the long run.
    pub requests_per_second: u32,
    /// Requests one connection may send at once after a pause.
    pub request_burst: u32,
    /// Wrong passwords a minute for one address and one name.
    pub logins_per_minute: u32,
    /// Registrations an hour from one address; loopback is exempt.
    pub registrations_per_hour: u32,
    /// Guests a minute from one address; loopback is exempt.
    pub guests_per_minute: u32,
    /// Rooms one user may create an hour.
    pub rooms_created_per_hour: u32,
    /// Messages in one page of history.
    pub history_page: u32,
    /// Missing entries up to which `room:sync` sends them one by one; beyond, it resets.
    pub sync_entries: u64,
    /// Packets waiting for one connection before it is cut.
    pub queue_packets: usize,
    /// Bytes waiting for one connection before it is cut.
    pub queue_bytes: usize,
    /// Members up to which a room tells every presence change; larger rooms tell counts.
    pub presence_room: u32,
    /// Days for which rooms keep texts that say nothing else; 0: for ever.
    pub retention_days: u32,
}

impl Limits {
    /// Reads limits that another version wrote: what is not known here is left aside, what is missing is the default.
    pub(crate) fn of_any_version<'de, D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut told = serde_json::Map::<String, Value>::deserialize(d)?;
        let known = serde_json::to_value(Self::default()).map_err(serde::de::Error::custom)?;
        told.retain(|name, _| known.get(name).is_some());
        serde_json::from_value(Value::Object(told)).map_err(serde::de::Error::custom)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_bytes: 8_000,
            payload_bytes: 64 * 1024,
            reply_bytes: 48 * 1024,
            custom_bytes: 16 * 1024,
            topic_bytes: 500,
            label_bytes: 100,
            connections_per_user: 20,
            connections_per_address: 200,
            rooms_per_user: 200,
            messages_per_second: 10,
            message_burst: 30,
            requests_per_second: 50,
            request_burst: 200,
            logins_per_minute: 5,
            registrations_per_hour: 3,
            guests_per_minute: 10,
            rooms_created_per_hour: 10,
            history_page: 200,
            sync_entries: 1_000,
            queue_packets: 1_024,
            queue_bytes: 1024 * 1024,
            presence_room: 200,
            retention_days: 0,
        }
    }
}
