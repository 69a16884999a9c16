//! Signals that end or suspend the program, as values of the loop.

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// End with this exit code, everything on disk.
    End(u8),
    /// Give the terminal back and stop.
    Suspend,
}

#[cfg(unix)]
mod imp {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Wish;

    /// SIGTSTP has no name in tokio; Linux, the BSDs and macOS number it differently.
    const TSTP: i32 = rustix::process::Signal::TSTP.as_raw();

    /// The signals watched.
    pub(in super::super) struct Signals {
        term: Signal,
        hup: Signal,
        int: Signal,
        tstp: Signal,
    }

    impl Signals {
        pub(in super::super) fn watch() -> io::Result<Self> {
            Ok(Self {
                term: signal(SignalKind::terminate())?,
                hup: signal(SignalKind::hangup())?,
                int: signal(SignalKind::interrupt())?,
                tstp: signal(SignalKind::from_raw(TSTP))?,
            })
        }

        /// The next one; safe to cancel.
        pub(in super::super) async fn next(&mut self) -> Wish {
            tokio::select! {
                _ = self.term.recv() => Wish::End(143),
                _ = self.hup.recv() => Wish::End(129),
                _ = self.int.recv() => Wish::End(130),
                _ = self.tstp.recv() => Wish::Suspend,
            }
        }
    }

    /// Stops this process until the shell wakes it.
    pub(in super::super) fn stop() -> io::Result<()> {
        Ok(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?)
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;

    use super::Wish;

    /// Only Ctrl+C exists here, which arrives as a key.
    pub(in super::super) struct Signals;

    impl Signals {
        pub(in super::super) fn watch() -> io::Result<Self> {
            Ok(Self)
        }

        pub(in super::super) async fn next(&mut self) -> Wish {
            std::future::pending().await
        }
    }

    pub(in super::super) fn stop() -> io::Result<()> {
        Ok(())
    }
}

pub(super) use imp::{Signals, stop};
