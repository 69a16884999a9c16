//! The whole edge over real sockets: the real listener, services and store; a raw client on the other side.

mod client;
mod ends;
mod following;
mod nodes;
mod polling;
mod server;
mod wire;

use super::routes;

/// Every request of the protocol's table.
const REQUESTS: &[&str] = &[
    "room:list",
    "room:create",
    "room:delete",
    "room:join",
    "session:resume",
    "room:leave",
    "room:subscribe",
    "room:unsubscribe",
    "room:sync",
    "room:update",
    "room:invite",
    "room:transfer",
    "message:send",
    "message:edit",
    "message:delete",
    "reaction:set",
    "history:get",
    "search",
    "thread:get",
    "read:mark",
    "typing",
    "presence:set",
    "presence:get",
    "member:list",
    "member:kick",
    "member:ban",
    "member:unban",
    "member:mute",
    "member:role",
    "user:get",
    "profile:set",
    "user:block",
    "event:send",
    "session:refresh",
    "ping",
];

#[test]
fn every_request_is_served() {
    let table = routes();
    for name in REQUESTS {
        assert!(table.contains_key(name), "{name}");
    }
    assert_eq!(table.len(), REQUESTS.len());
}
