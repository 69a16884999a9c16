//! Thousands of Socket.IO connections in one thread: epoll, frames looked at where they lie in one buffer, latencies by the
//! stamp that each text bears. What it costs itself is measured beside what it measures ([`Own`]).

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};

use super::histogram::Histogram;
use super::machine::nanos;
use super::packet::{Packet, Stamp};
use super::socket::{Plan, Socket, Stage};

/// The timer's token; the others are places in the list of sockets.
const TIMER: u64 = u64::MAX;
/// Events taken at once: few enough that what is due in between is not late.
const EVENTS: usize = 128;

/// What was seen since the last [`Generator::count_from_here`].
#[derive(Clone, Default)]
pub struct Tally {
    /// Messages that came, each at each socket.
    pub deliveries: u64,
    /// Their numbers' sum: tells a message that came twice from one that is missing.
    pub numbers: u64,
    /// From when a message was due to its arrival.
    pub latency: Histogram,
    /// Sends that were granted.
    pub acked: u64,
    /// Sends that were refused.
    pub refused: u64,
    /// From when a send was due to its acknowledgement.
    pub acks: Histogram,
    /// Connections that became ready.
    pub ready: u64,
    /// From the first SYN to being ready.
    pub connects: Histogram,
    /// Connections that ended.
    pub gone: u64,
    /// How late messages were sent.
    pub late: Histogram,
    /// Why the first one ended.
    pub fault: Option<String>,
}

/// What the generator's thread took.
#[derive(Clone, Copy)]
pub struct Own {
    wall: Instant,
    cpu: Duration,
}

impl Own {
    /// From now on.
    pub fn begin() -> Self {
        Self { wall: Instant::now(), cpu: Self::cpu() }
    }

    /// The share of its core since then: near 1, the generator is what is measured.
    pub fn share(self) -> f64 {
        Self::cpu().saturating_sub(self.cpu).as_secs_f64() / self.wall.elapsed().as_secs_f64()
    }

    fn cpu() -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        #[expect(clippy::cast_sign_loss, reason = "a thread's time is not negative")]
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    }
}

/// The connections of one server under load.
pub struct Generator {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// What the timer is set to.
    armed: u64,
    begun: Instant,
    host: SocketAddr,
    pub sockets: Vec<Socket>,
    buffer: Vec<u8>,
    /// Since when messages count, by their number.
    from: u64,
    /// The next message's number.
    pub number: u64,
    pub tally: Tally,
    /// Sockets whose send was answered in this turn.
    pub answered: Vec<usize>,
}

impl Generator {
    /// For the server at `url`.
    pub fn new(url: &str) -> Result<Self> {
        let host = url.strip_prefix("http://").context("no http:// address")?.parse()?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        Ok(Self {
            epoll,
            timer,
            armed: 0,
            begun: Instant::now(),
            host,
            sockets: Vec::new(),
            buffer: vec![0; 256 * 1024],
            from: 0,
            number: 0,
            tally: Tally::default(),
            answered: Vec::new(),
        })
    }

    /// Nanoseconds on the clock of the stamps (monotonic).
    pub fn now(&self) -> u64 {
        nanos(self.begun.elapsed())
    }

    /// Connects one socket for each plan, `at_once` at a time, and waits until all are ready.
    pub fn connect(&mut self, plans: Vec<Rc<Plan>>, at_once: usize, patience: Duration) -> Result<()> {
        let (wanted, end) = (plans.len() as u64, self.now() + nanos(patience));
        let (mut plans, mut begun) = (plans.into_iter(), 0);
        let (ready, gone) = (self.tally.ready, self.tally.gone);
        loop {
            let ended = self.tally.gone - gone;
            if ended > 0 {
                let fault = self.tally.fault.as_deref().unwrap_or("no reason");
                bail!("{ended} of {begun} connections ended while they were made: {fault}");
            }
            let done = self.tally.ready - ready;
            while begun - done < at_once as u64 {
                let Some(plan) = plans.next() else { break };
                self.open(plan)?;
                begun += 1;
            }
            if done == wanted {
                return Ok(());
            }
            if self.now() > end {
                bail!("only {done} of {wanted} connections were ready within {patience:?}");
            }
            self.turn(Some(self.now() + 50_000_000))?;
        }
    }

    fn open(&mut self, plan: Rc<Plan>) -> Result<()> {
        let socket = Socket::connect(self.host, plan, self.now())?;
        let token = EventData::new_u64(self.sockets.len() as u64);
        epoll::add(&self.epoll, &socket.stream, token, EventFlags::IN | EventFlags::OUT)?;
        self.sockets.push(socket);
        Ok(())
    }

    /// From here on messages count, and nothing that came before does.
    pub fn count_from_here(&mut self) {
        self.from = self.number;
        self.tally = Tally::default();
    }

    /// Sends a message of `bytes` bytes from `socket` into `room`.
    pub fn say(&mut self, socket: usize, event: &str, room: &str, bytes: usize, due: u64) -> Result<()> {
        let number = self.number;
        self.number += 1;
        let text = Stamp { due, number }.text(bytes);
        let payload = format!("{{\"room\":\"{room}\",\"text\":\"{text}\",\"client_id\":\"k{number}\"}}");
        self.tally.late.record(self.now().saturating_sub(due));
        let sender = &mut self.sockets[socket];
        if sender.stage == Stage::Gone {
            return Ok(());
        }
        sender.ask(event, &payload, due);
        // A blocked one is written when the kernel says so.
        if !sender.blocked {
            let sent = sender.flush();
            self.settle(socket, sent)?;
        }
        Ok(())
    }

    /// Waits for events, at most until `until` (nanoseconds; `None`: looks once), and handles them.
    pub fn turn(&mut self, until: Option<u64>) -> Result<()> {
        let now = self.now();
        let wait = until.map_or(0, |until| until.saturating_sub(now));
        if let Some(until) = until.filter(|until| wait > 0 && *until != self.armed) {
            let value = Timespec {
                tv_sec: (wait / 1_000_000_000).cast_signed(),
                tv_nsec: (wait % 1_000_000_000).cast_signed(),
            };
            let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            self.armed = until;
        }
        let none = Timespec::default();
        let mut events = Vec::with_capacity(EVENTS);
        let timeout = if wait == 0 { Some(&none) } else { None };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events {
            let token = event.data.u64();
            if token == TIMER {
                self.armed = 0;
            } else {
                self.handle(token as usize, event.flags)?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, place: usize, flags: EventFlags) -> Result<()> {
        let now = nanos(self.begun.elapsed());
        let (from, tally, answered) = (self.from, &mut self.tally, &mut self.answered);
        let Some(socket) = self.sockets.get_mut(place).filter(|s| s.stage != Stage::Gone) else { return Ok(()) };
        let mut done = Ok(());
        if socket.stage == Stage::Connecting {
            done = socket.connected(self.host);
        } else if flags.contains(EventFlags::OUT) {
            done = socket.flush();
        }
        if done.is_ok() && flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            done = socket.read(&mut self.buffer, |socket, packet| match packet {
                Packet::Message(stamp) if stamp.number >= from => {
                    tally.deliveries += 1;
                    tally.numbers = tally.numbers.wrapping_add(stamp.number);
                    tally.latency.record(now.saturating_sub(stamp.due));
                }
                Packet::Ack(id, granted) => {
                    while let Some((asked, due)) = socket.waiting.pop_front() {
                        if asked == id {
                            tally.acks.record(now.saturating_sub(due));
                            break;
                        }
                    }
                    *(if granted { &mut tally.acked } else { &mut tally.refused }) += 1;
                    answered.push(place);
                }
                Packet::Connected => {
                    tally.ready += 1;
                    tally.connects.record(now.saturating_sub(socket.begun));
                }
                _ => {}
            });
        }
        self.settle(place, done)?;
        if flags.contains(EventFlags::OUT) {
            self.watch(place)?;
        }
        Ok(())
    }

    /// After reading or writing: ends a connection that failed, and asks for word when a blocked one may go on.
    fn settle(&mut self, place: usize, done: Result<()>) -> Result<()> {
        let socket = &mut self.sockets[place];
        match done {
            Ok(()) if socket.blocked => self.watch(place),
            Ok(()) => Ok(()),
            Err(error) => {
                self.tally.gone += 1;
                self.tally.fault.get_or_insert_with(|| format!("{error:#}"));
                socket.stage = Stage::Gone;
                epoll::delete(&self.epoll, &socket.stream)?;
                Ok(())
            }
        }
    }

    fn watch(&mut self, place: usize) -> Result<()> {
        let socket = &self.sockets[place];
        if socket.stage == Stage::Gone {
            return Ok(());
        }
        let flags = if socket.blocked { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        epoll::modify(&self.epoll, &socket.stream, EventData::new_u64(place as u64), flags)?;
        Ok(())
    }
}
