//! The wire format of Node's classic Redis adapter, pure: broadcasts (also what nodes of ours tell each other over
//! their bus), requests, and the answers to them. What comes in is bounded in size and depth before it is believed.

use std::sync::Arc;
use std::time::Duration;

use rmpv::Value;

use super::value::{self, Args};

/// A message beyond this is dropped; Node's own limit for one event is 1 MB.
pub(super) const LARGEST: usize = 4 * 1024 * 1024;
/// Rooms, or sockets, that one message may name.
const NAMES: usize = 10_000;
/// A room's name as other servers make them, bytes.
const NAME_BYTES: usize = 1_024;
/// An event's name, bytes.
const EVENT_BYTES: usize = 1_024;

/// The namespaces of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Nsp {
    /// Everybody hears what is pushed.
    Root,
    /// The first-generation protocol.
    Events,
}

impl Nsp {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Root, Self::Events];

    /// As in Socket.IO.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Events => "/events",
        }
    }

    fn parse(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|n| n.path() == path)
    }
}

/// Whom something is for. A room may be a socket's id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct To {
    /// Whoever is in one of them; none: everybody.
    pub rooms: Vec<String>,
    /// But nobody in one of these.
    pub except: Vec<String>,
}

/// An event for many.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    /// Where.
    pub nsp: Nsp,
    /// Whom for.
    pub to: To,
    /// May be left out for who lags behind.
    pub volatile: bool,
    /// Its name.
    pub event: Arc<str>,
    /// What it carries.
    pub args: Arc<Args>,
}

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Bad {
    /// See the name.
    #[error("it is larger than 4 MiB")]
    TooLarge,
    /// Not MessagePack or JSON, or too deep.
    #[error("it cannot be decoded")]
    Encoding,
    /// Decoded, but something else.
    #[error("it has not the shape of the classic adapter: {0}")]
    Shape(&'static str),
}

/// As the classic adapter puts it on Redis.
pub(super) fn encode_broadcast(uid: &str, b: &Broadcast) -> Vec<u8> {
    let mut data = vec![Value::from(&*b.event)];
    data.extend(b.args.to_tree());
    let packet = map([("type", 2.into()), ("data", Value::Array(data)), ("nsp", b.nsp.path().into())]);
    let flags = if b.volatile { map([("volatile", true.into())]) } else { Value::Map(vec![]) };
    let opts = map([("rooms", names(&b.to.rooms)), ("except", names(&b.to.except)), ("flags", flags)]);
    pack(&Value::Array(vec![uid.into(), packet, opts]))
}

/// From Redis: who sent it, and what. `Ok(None)`: of a namespace that is not ours.
pub(super) fn decode_broadcast(bytes: &[u8]) -> Result<Option<(String, Broadcast)>, Bad> {
    let Value::Array(parts) = unpack(bytes)? else { return Err(Bad::Shape("a broadcast is a list")) };
    let mut parts = parts.into_iter();
    let uid = parts.next().as_ref().and_then(value::text).ok_or(Bad::Shape("it names no sender"))?;
    let packet = parts.next().ok_or(Bad::Shape("there is no packet"))?;
    let opts = parts.next().unwrap_or(Value::Nil);
    let (to, flags) = read_opts(&opts)?;
    let volatile = flags.as_ref().and_then(|f| get(f, "volatile")).and_then(Value::as_bool).unwrap_or_default();
    let Some((nsp, event, args)) = read_packet(packet)? else { return Ok(None) };
    Ok(Some((uid, Broadcast { nsp, to, volatile, event, args: Arc::new(args) })))
}

/// `None`: of another namespace.
fn read_packet(packet: Value) -> Result<Option<(Nsp, Arc<str>, Args)>, Bad> {
    let nsp = match get(&packet, "nsp") {
        None | Some(Value::Nil) => Some(Nsp::Root),
        Some(path) => Nsp::parse(&value::text(path).ok_or(Bad::Shape("the namespace is no text"))?),
    };
    let Some(nsp) = nsp else { return Ok(None) };
    // 2 is EVENT, 5 BINARY_EVENT; whatever else there may be is nothing that sockets are told.
    if !matches!(get(&packet, "type").and_then(Value::as_u64), Some(2 | 5)) {
        return Err(Bad::Shape("the packet is no event"));
    }
    let Value::Map(fields) = packet else { return Err(Bad::Shape("the packet is no object")) };
    let data = fields.into_iter().find(|(k, _)| k.as_str() == Some("data")).map(|(_, v)| v);
    let Some(Value::Array(data)) = data else { return Err(Bad::Shape("the packet has no data")) };
    let mut data = data.into_iter();
    let event = data.next().as_ref().and_then(value::text).ok_or(Bad::Shape("the event has no name"))?;
    if event.len() > EVENT_BYTES {
        return Err(Bad::Shape("the event's name is too long"));
    }
    Ok(Some((nsp, event.into(), Args::from_tree(data.collect()))))
}

fn read_opts(opts: &Value) -> Result<(To, Option<Value>), Bad> {
    let to = To { rooms: read_names(get(opts, "rooms"))?, except: read_names(get(opts, "except"))? };
    Ok((to, get(opts, "flags").cloned()))
}

/// What a server asks or tells the others.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// 0: which sockets are in these rooms.
    Sockets { id: String, rooms: Vec<String> },
    /// 1: which rooms there are.
    AllRooms { id: String },
    /// 2: whoever is meant joins.
    Join { to: To, rooms: Vec<String>, reply: Option<String> },
    /// 3: or leaves.
    Leave { to: To, rooms: Vec<String>, reply: Option<String> },
    /// 4: or goes; `close`: its whole connection.
    Disconnect { to: To, close: bool, reply: Option<String> },
    /// 5: tell about whoever is meant.
    Fetch { id: String, to: To },
    /// 6, where an answer is waited for.
    ServerSide { id: String },
    /// 7: an event that each socket acknowledges.
    Ask { id: String, broadcast: Broadcast, timeout: Duration },
    /// For servers that serve another way than ours; nobody waits for us.
    Nothing,
}

/// An acknowledgement is waited for so long where nothing is said, and never longer.
const ASK: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));

/// From the request channel. `nsp` is the channel's.
pub(super) fn decode_request(nsp: Nsp, bytes: &[u8]) -> Result<Request, Bad> {
    let request = match bytes.first() {
        Some(b'{') if bytes.len() > LARGEST => return Err(Bad::TooLarge),
        Some(b'{') => {
            let json = std::str::from_utf8(bytes).map_err(|_| Bad::Encoding)?;
            value::tree(json).map_err(|_| Bad::Encoding)?
        }
        _ => unpack(bytes)?,
    };
    let id = || get(&request, "requestId").and_then(value::text).filter(|id| id.len() <= NAME_BYTES);
    let need = || id().ok_or(Bad::Shape("the request has no id"));
    let opts = || read_opts(get(&request, "opts").unwrap_or(&Value::Nil)).map(|(to, _)| to);
    Ok(match get(&request, "type").and_then(Value::as_u64).ok_or(Bad::Shape("the request has no type"))? {
        0 => Request::Sockets { id: need()?, rooms: read_names(get(&request, "rooms"))? },
        1 => Request::AllRooms { id: need()? },
        kind @ 2..=4 => read_action(kind, &request)?,
        5 => Request::Fetch { id: need()?, to: opts()? },
        6 => id().map_or(Request::Nothing, |id| Request::ServerSide { id }),
        7 => {
            let (to, flags) = read_opts(get(&request, "opts").unwrap_or(&Value::Nil))?;
            let millis = flags.as_ref().and_then(|f| get(f, "timeout")).and_then(Value::as_f64);
            let asked = millis.and_then(|ms| Duration::try_from_secs_f64(ms / 1_000.0).ok());
            let timeout = asked.unwrap_or(ASK.0).min(ASK.1);
            let packet = get(&request, "packet").cloned().ok_or(Bad::Shape("there is no packet"))?;
            match read_packet(packet)? {
                Some((at, event, args)) if at == nsp => {
                    let broadcast = Broadcast { nsp, to, volatile: false, event, args: Arc::new(args) };
                    Request::Ask { id: need()?, broadcast, timeout }
                }
                _ => Request::Nothing,
            }
        }
        _ => Request::Nothing,
    })
}

/// Join, leave, disconnect: for many by `opts`, or in the older form for one socket by `sid`, which is answered.
fn read_action(kind: u64, request: &Value) -> Result<Request, Bad> {
    let field = |name: &str| get(request, name).filter(|v| !v.is_nil());
    let (to, rooms, reply) = match field("opts") {
        Some(opts) => (read_opts(opts)?.0, read_names(field("rooms"))?, None),
        None => {
            let sid = field("sid").and_then(value::text).ok_or(Bad::Shape("it says not for whom"))?;
            let to = To { rooms: vec![sid], except: vec![] };
            let room = field("room").and_then(name_of).into_iter().collect();
            (to, room, field("requestId").and_then(value::text))
        }
    };
    Ok(match kind {
        2 => Request::Join { to, rooms, reply },
        3 => Request::Leave { to, rooms, reply },
        _ => {
            let close = field("close").and_then(Value::as_bool).unwrap_or_default();
            Request::Disconnect { to, close, reply }
        }
    })
}

/// The answer of one socket to an event that asked for it: MessagePack, since bytes may be in it.
pub(super) fn encode_ack(id: &str, value: Value) -> Vec<u8> {
    pack(&map([("type", 9.into()), ("requestId", id.into()), ("packet", value)]))
}

fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Map(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())
}

fn names(names: &[String]) -> Value {
    Value::Array(names.iter().map(|n| n.as_str().into()).collect())
}

fn pack(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    // A vector takes everything.
    let written = rmpv::encode::write_value(&mut out, value);
    debug_assert!(written.is_ok());
    out
}

fn unpack(bytes: &[u8]) -> Result<Value, Bad> {
    if bytes.len() > LARGEST {
        return Err(Bad::TooLarge);
    }
    rmpv::decode::read_value_with_max_depth(&mut &*bytes, value::DEPTH).map_err(|_| Bad::Encoding)
}

fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_map()?.iter().find(|(k, _)| k.as_str() == Some(name)).map(|(_, v)| v)
}

/// JavaScript turns names that look like numbers into numbers.
fn name_of(value: &Value) -> Option<String> {
    let name = match value {
        Value::Integer(i) => i.to_string(),
        other => value::text(other)?,
    };
    (name.len() <= NAME_BYTES).then_some(name)
}

fn read_names(list: Option<&Value>) -> Result<Vec<String>, Bad> {
    match list {
        None | Some(Value::Nil) => Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() > NAMES => Err(Bad::Shape("it names too many rooms")),
        Some(Value::Array(items)) => {
            items.iter().map(|v| name_of(v).ok_or(Bad::Shape("a room's name is no text"))).collect()
        }
        Some(one) => name_of(one).map(|n| vec![n]).ok_or(Bad::Shape("the rooms are no list")),
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
