//! One connection of the generator: from the TCP handshake to the rooms it is in, what it has still to write, and the
//! acknowledgements it waits for. It moves bytes and tells what they say; what is counted is the generator's.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use socket2::{Domain, Protocol, SockAddr, Type};

use super::frame::{self, Front};
use super::packet::{self, Packet};

/// What a connection says to get where it shall be.
pub struct Plan {
    /// `/chat,`, or nothing for the namespace `/`.
    pub space: &'static str,
    /// CONNECT's payload, JSON.
    pub auth: String,
    /// The event that joins a room.
    pub join: &'static str,
    /// Rooms to be in before it counts as ready.
    pub rooms: Vec<Rc<str>>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// TCP.
    Connecting,
    /// The HTTP upgrade is under way.
    Upgrading,
    /// The namespace is asked for.
    Entering,
    /// So many rooms are asked for and not granted.
    Joining(usize),
    /// All is granted.
    Ready,
    /// It has ended, by the server or by a fault.
    Gone,
}

/// A connection.
pub struct Socket {
    pub stream: TcpStream,
    pub stage: Stage,
    pub plan: Rc<Plan>,
    /// A frame's beginning whose end has not come.
    rest: Vec<u8>,
    out: Vec<u8>,
    /// Whether the kernel took less than was written.
    pub blocked: bool,
    acks: u64,
    /// Requests without an answer: number, and when they were due.
    pub waiting: VecDeque<(u64, u64)>,
    /// When it was begun.
    pub begun: u64,
}

impl Socket {
    /// Begins to connect.
    pub fn connect(to: SocketAddr, plan: Rc<Plan>, begun: u64) -> Result<Self> {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&SockAddr::from(to)) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error).context("connect"),
        }
        Ok(Self {
            stream: socket.into(),
            stage: Stage::Connecting,
            plan,
            rest: Vec::new(),
            out: Vec::new(),
            blocked: false,
            acks: 0,
            waiting: VecDeque::new(),
            begun,
        })
    }

    /// The TCP connection stands, or does not: asks for the upgrade.
    pub fn connected(&mut self, host: SocketAddr) -> Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error).context("connect");
        }
        self.stage = Stage::Upgrading;
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.out.extend_from_slice(request.as_bytes());
        self.flush()
    }

    /// Writes what waits, as far as the kernel takes it.
    pub fn flush(&mut self) -> Result<()> {
        let mut done = 0;
        self.blocked = false;
        while done < self.out.len() {
            match self.stream.write(&self.out[done..]) {
                Ok(0) => bail!("nothing is taken"),
                Ok(n) => done += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.out.drain(..done);
        Ok(())
    }

    /// Asks for `event` with the fields of `payload` (JSON); the answer's time counts from `due`.
    pub fn ask(&mut self, event: &str, payload: &str, due: u64) {
        self.acks += 1;
        let packet = format!("42{}{}[\"{event}\",{payload}]", self.plan.space, self.acks);
        frame::text(&mut self.out, packet.as_bytes());
        self.waiting.push_back((self.acks, due));
    }

    /// Reads what is there, once, and hands each packet that does not belong to getting ready to `told`.
    pub fn read(&mut self, buffer: &mut [u8], mut told: impl FnMut(&mut Self, Packet)) -> Result<()> {
        let kept = self.rest.len();
        if kept + 4_096 > buffer.len() {
            bail!("a frame greater than the buffer");
        }
        buffer[..kept].copy_from_slice(&self.rest);
        self.rest.clear();
        let read = match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => bail!("the server closed"),
            Ok(n) => n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(error) => return Err(error.into()),
        };
        let mut bytes = &buffer[..kept + read];
        if self.stage == Stage::Upgrading {
            match frame::after_upgrade(bytes)? {
                Some(head) => {
                    bytes = &bytes[head..];
                    self.stage = Stage::Entering;
                }
                None => {
                    self.rest.extend_from_slice(bytes);
                    return Ok(());
                }
            }
        }
        loop {
            let taken = match frame::front(bytes)? {
                Front::Partial => break,
                Front::Close => bail!("the server says goodbye"),
                Front::Other(taken) => taken,
                Front::Text(payload, taken) => {
                    let packet = packet::read(payload, self.plan.space.as_bytes());
                    self.advance(packet, &mut told)?;
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
        self.rest.extend_from_slice(bytes);
        if self.out.is_empty() || self.blocked { Ok(()) } else { self.flush() }
    }

    fn advance(&mut self, packet: Packet, told: &mut impl FnMut(&mut Self, Packet)) -> Result<()> {
        match (packet, self.stage) {
            (Packet::Ping, _) => frame::text(&mut self.out, b"3"),
            (Packet::Refused, _) => bail!("refused"),
            (Packet::Open, _) => {
                let packet = format!("40{}{}", self.plan.space, self.plan.auth);
                frame::text(&mut self.out, packet.as_bytes());
            }
            (Packet::Connected, Stage::Entering) => {
                let plan = Rc::clone(&self.plan);
                self.stage = Stage::Joining(plan.rooms.len());
                for room in &plan.rooms {
                    self.ask(plan.join, &format!("{{\"room\":\"{room}\"}}"), self.begun);
                }
                if plan.rooms.is_empty() {
                    self.stage = Stage::Ready;
                    told(self, Packet::Connected);
                }
            }
            (Packet::Ack(_, granted), Stage::Joining(left)) => {
                if !granted {
                    bail!("a room is refused");
                }
                self.waiting.pop_front();
                self.stage = Stage::Joining(left - 1);
                if left == 1 {
                    self.stage = Stage::Ready;
                    told(self, Packet::Connected);
                }
            }
            (Packet::Other | Packet::Connected, _) => {}
            (packet, _) => told(self, packet),
        }
        Ok(())
    }
}
