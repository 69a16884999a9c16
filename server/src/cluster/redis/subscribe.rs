//! The connection that hears: keeps what is subscribed equal to what is wanted, and tells when that holds.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::link::{Message, Orders, Subscriber, Why};
use super::{Backoff, Heard, PING, Shared, Side, Topic, lock};

const WHAT: &str = "listening";
/// Channels in one command.
const AT_ONCE: usize = 256;

/// Runs until the wire is closed or nobody reads what is heard.
pub(super) async fn run(shared: Arc<Shared>, heard: mpsc::Sender<Heard>) {
    let mut ear = Ear { heard, lost: false };
    tokio::select! {
        () = connected(&shared, &mut ear) => {}
        () = shared.closing.cancelled() => {}
        () = shared.end.cancelled() => {}
    }
}

/// Hands on what was heard; never waits.
struct Ear {
    heard: mpsc::Sender<Heard>,
    /// Something was dropped, and its reader does not know yet.
    lost: bool,
}

impl Ear {
    fn tell(&mut self, heard: Heard) {
        if !self.lost && self.heard.try_send(heard).is_err() {
            self.lost = true;
        }
    }

    /// Waits for room to tell that something was lost; for ever when nothing was.
    async fn confess(&mut self) {
        if !self.lost {
            return std::future::pending().await;
        }
        match self.heard.reserve().await {
            Ok(room) => {
                room.send(Heard::Missed(None));
                self.lost = false;
            }
            Err(_closed) => std::future::pending().await,
        }
    }
}

async fn connected(shared: &Shared, ear: &mut Ear) {
    let mut backoff = Backoff::new();
    let mut again = false;
    loop {
        let why = match Subscriber::connect(&shared.place).await {
            Ok((subscriber, orders)) => {
                let mut session = Session { shared, ear, orders, held: HashSet::new(), again };
                let why = session.serve(subscriber).await;
                if matches!(*lock(&shared.subscriber), Side::Up) {
                    (again, backoff) = (true, Backoff::new());
                }
                why
            }
            Err(why) => why,
        };
        shared.note(&shared.subscriber, WHAT, Side::Down(why));
        tokio::time::sleep(backoff.next()).await;
    }
}

/// What is being asked of the server; one thing at a time, while messages go on being read.
enum Asked {
    Ping,
    /// Everything that is wanted, at the beginning.
    All(Vec<Topic>),
    Change {
        add: Vec<Topic>,
        remove: Vec<Topic>,
    },
}

type Asking = Pin<Box<dyn Future<Output = (Asked, Result<(), Why>)> + Send>>;

struct Session<'a> {
    shared: &'a Shared,
    ear: &'a mut Ear,
    orders: Orders,
    /// What is subscribed.
    held: HashSet<Topic>,
    /// It is not the first connection.
    again: bool,
}

impl Session<'_> {
    /// Until the connection fails; gives the reason.
    async fn serve(&mut self, mut subscriber: Subscriber) -> Why {
        let all = {
            let mut wanted = lock(&self.shared.wanted);
            wanted.changed.clear();
            wanted.topics.iter().copied().collect()
        };
        let mut asking = Some(self.ask(Asked::All(all)));
        let mut ping = tokio::time::interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = subscriber.next(&self.orders) => match message {
                    Ok(Some(message)) => self.hear(message),
                    Ok(None) => {}
                    Err(why) => return why,
                },
                (asked, answer) = answered(&mut asking) => {
                    if let Err(why) = answer {
                        return why;
                    }
                    asking = None;
                    self.done(asked);
                    if let Some(change) = self.change() {
                        asking = Some(self.ask(change));
                    }
                }
                () = self.shared.wake.notified(), if asking.is_none() => {
                    asking = self.change().map(|change| self.ask(change));
                }
                _ = ping.tick(), if asking.is_none() => asking = Some(self.ask(Asked::Ping)),
                () = self.ear.confess() => {}
            }
        }
    }

    fn hear(&mut self, message: Message) {
        if let Some(topic) = self.shared.topic(&message.channel) {
            self.ear.tell(Heard::Bytes(topic, message.bytes.into()));
        }
    }

    /// What is to be asked to have what is wanted.
    fn change(&self) -> Option<Asked> {
        let mut wanted = lock(&self.shared.wanted);
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        let changed = std::mem::take(&mut wanted.changed);
        for topic in changed {
            match (wanted.topics.contains(&topic), self.held.contains(&topic)) {
                (true, false) => add.push(topic),
                (false, true) => remove.push(topic),
                // Given up and taken back meanwhile: it was heard all the time.
                _ => {}
            }
        }
        (!add.is_empty() || !remove.is_empty()).then_some(Asked::Change { add, remove })
    }

    fn ask(&self, asked: Asked) -> Asking {
        let mut orders = self.orders.clone();
        let names = |topics: &[Topic]| topics.iter().map(|topic| self.shared.channel(*topic)).collect::<Vec<_>>();
        let (add, remove) = match &asked {
            Asked::Ping => (Vec::new(), Vec::new()),
            Asked::All(all) => (names(all), Vec::new()),
            Asked::Change { add, remove } => (names(add), names(remove)),
        };
        Box::pin(async move {
            let ask = async {
                if let Asked::Ping = asked {
                    return orders.ping().await;
                }
                for some in add.chunks(AT_ONCE) {
                    orders.subscribe(some).await?;
                }
                for some in remove.chunks(AT_ONCE) {
                    orders.unsubscribe(some).await?;
                }
                Ok(())
            };
            let answer = ask.await;
            (asked, answer)
        })
    }

    fn done(&mut self, asked: Asked) {
        match asked {
            Asked::Ping => {}
            Asked::All(all) => {
                self.held.extend(all);
                if self.again {
                    self.shared.reconnects.fetch_add(1, Ordering::Relaxed);
                }
                self.shared.note(&self.shared.subscriber, WHAT, Side::Up);
                self.ear.tell(Heard::Missed(None));
            }
            Asked::Change { add, remove } => {
                for topic in remove {
                    self.held.remove(&topic);
                }
                for topic in add {
                    self.held.insert(topic);
                    self.ear.tell(Heard::Missed(Some(topic)));
                }
            }
        }
    }
}

/// For ever while nothing is asked.
async fn answered(asking: &mut Option<Asking>) -> (Asked, Result<(), Why>) {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}
