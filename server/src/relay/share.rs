//! Where what concerns other nodes goes: nowhere on a single node, over the bus to nodes of ours, or over the Redis
//! shared with Node servers, which then carries it between nodes of ours too. Never waits: the queue is bounded, and
//! when it is full (the bus or Redis is away) what would go out is lost, while this node's own sockets are told.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::cluster::local::Listener;
use crate::cluster::{Bus, Interest, Signal};

use super::Core;
use super::events::{self, roster};
use super::redis::Line;
use super::wire::{self, Broadcast};

/// Messages waiting for the bus.
const QUEUE: usize = 1_024;

/// See the module.
pub(super) enum Share {
    /// One node.
    Alone,
    /// Nodes of ours, over their bus.
    Nodes(mpsc::Sender<Bytes>),
    /// Node servers and nodes of ours.
    Redis(Line),
}

impl Share {
    /// Whether there may be others.
    pub(super) fn is_shared(&self) -> bool {
        !matches!(self, Self::Alone)
    }

    /// Tells the others' sockets.
    pub(super) fn broadcast(&self, uid: &str, broadcast: &Broadcast) {
        match self {
            Self::Alone => {}
            Self::Nodes(queue) => send(queue, wire::encode_broadcast(uid, broadcast).into()),
            Self::Redis(line) => line.broadcast(broadcast.nsp, &broadcast.to, wire::encode_broadcast(uid, broadcast)),
        }
    }

    /// Tells nodes of ours about our users.
    pub(super) fn say(&self, uid: &str, say: roster::Say) {
        let text = || serde_json::to_vec(&roster::Note { node: uid.to_owned(), say });
        match self {
            Self::Alone => {}
            Self::Nodes(queue) => {
                if let Ok(text) = text() {
                    send(queue, text.into());
                }
            }
            Self::Redis(line) => {
                if let Ok(text) = text() {
                    line.note(text);
                }
            }
        }
    }
}

fn send(queue: &mpsc::Sender<Bytes>, bytes: Bytes) {
    if queue.try_send(bytes).is_err() {
        tracing::debug!("the relay's queue for the bus is full; other nodes miss an event");
    }
}

/// The bus as the relay's share, with the task that feeds it.
pub(super) fn over_bus(bus: Arc<dyn Bus>) -> (Share, impl Future<Output = ()> + Send) {
    let (queue, mut waiting) = mpsc::channel::<Bytes>(QUEUE);
    let feed = async move {
        while let Some(bytes) = waiting.recv().await {
            bus.publish(Signal::Relay(bytes)).await;
        }
    };
    (Share::Nodes(queue), feed)
}

/// Takes what nodes of ours say over the bus, until it ends.
pub(super) async fn hear(core: Arc<Core>, mut signals: Listener, _while_followed: Interest) {
    while let Some(signal) = signals.recv().await {
        match signal {
            Signal::Relay(bytes) => heard(&core, &bytes),
            // What the bus lost is not told again; but who is registered can be asked for.
            Signal::Missed { .. } => core.share.say(&core.uid, roster::Say::Hello),
            _ => {}
        }
    }
}

/// A note about users is JSON, a broadcast is MessagePack.
pub(super) fn heard(core: &Arc<Core>, bytes: &[u8]) {
    if bytes.first() == Some(&b'{') {
        match serde_json::from_slice(bytes) {
            Ok(note) => events::heard(core, note),
            Err(error) => core.dropped.note(&format!("a note about users: {error}")),
        }
        return;
    }
    match wire::decode_broadcast(bytes) {
        Ok(Some((uid, broadcast))) if uid != core.uid => core.deliver(&broadcast),
        Ok(_) => {}
        Err(error) => core.dropped.note(&format!("a broadcast: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use chat_common::{Limits, SystemClock};
    use serde_json::json;

    use super::super::peer::{Next, Out, Peer};
    use super::super::value::Args;
    use super::super::wire::{Nsp, To};
    use super::*;
    use crate::cluster::Lane;
    use crate::cluster::local::LocalBus;
    use crate::listen::{ConnHandle, Line, Lines};

    struct NoLines;
    impl Lines for NoLines {
        fn of(&self, _: &str, _: Option<&ConnHandle>) -> Option<Arc<dyn Line>> {
            None
        }
    }

    /// Two nodes that hear all that either says.
    struct Both([Arc<LocalBus>; 2]);
    #[async_trait]
    impl Bus for Both {
        async fn publish(&self, signal: Signal) {
            for node in &self.0 {
                node.publish(signal.clone()).await;
            }
        }
        async fn tell_here(&self, _: Signal) {}
        fn health(&self) -> Result<(), String> {
            Ok(())
        }
    }

    fn node(bus: &Arc<Both>, local: &LocalBus) -> Arc<Core> {
        let signals = local.listen(Lane::Relay).unwrap();
        let (share, feed) = over_bus(Arc::clone(bus) as Arc<dyn Bus>);
        let core = Arc::new(Core::new(share, Arc::new(NoLines), Arc::new(SystemClock), Limits::default().into()));
        tokio::spawn(feed);
        tokio::spawn(hear(Arc::clone(&core), signals, Interest::none()));
        core
    }

    #[tokio::test]
    async fn what_one_node_tells_the_other_tells_once_and_names_are_known_on_both() {
        let (a, b) = (Arc::new(LocalBus::new().0), Arc::new(LocalBus::new().0));
        let bus = Arc::new(Both([Arc::clone(&a), Arc::clone(&b)]));
        let (one, two) = (node(&bus, &a), node(&bus, &b));
        let (here, there) = (Peer::for_tests(Nsp::Events, "here"), Peer::for_tests(Nsp::Events, "there"));
        one.hub.add(&here);
        two.hub.add(&there);
        here.open();
        there.open();
        let say = one.roster().claim("here", "ana", vec![], one.clock.now()).unwrap();
        one.share.say(&one.uid, say);
        let args = Arc::new(Args::from_tree(vec![rmpv::Value::Binary(vec![1]), "x".into()]));
        one.tell(&Broadcast { nsp: Nsp::Events, to: To::default(), volatile: false, event: "e".into(), args });
        for peer in [&here, &there] {
            let next = tokio::time::timeout(Duration::from_secs(5), peer.next()).await;
            let Ok(Next::Packets(packets)) = next else { panic!("told") };
            let [Out::Event(name, args)] = packets.as_slice() else { panic!("once") };
            assert_eq!((&**name, args.to_tree().len()), ("e", 2));
        }
        // The note went out before the broadcast.
        assert!(two.roster().claim("there", "ana", vec![], two.clock.now()).is_none());
        assert_eq!(json!(two.roster().users()), json!([["ana", null]]));
        for garbage in [&b""[..], b"{", b"\xc1", b"{\"node\":1}"] {
            heard(&two, garbage);
        }
    }
}
