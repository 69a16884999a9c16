//! What waits for the writer. While it gathers a batch it sleeps until enough has come, instead of being woken by each job:
//! at thousands a second the waking costs more than the job.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::job::Message;

/// Both ends.
pub(super) fn queue() -> (Inlet, Outlet) {
    let (jobs, queue) = mpsc::channel();
    let bell = Arc::new(Bell::default());
    (Inlet { jobs, bell: Arc::clone(&bell) }, Outlet { queue, bell })
}

/// Wakes a sleeper when enough has come.
#[derive(Debug, Default)]
struct Bell {
    /// What is still to come before it rings; 0: nobody sleeps.
    left: AtomicUsize,
    sleeper: OnceLock<Thread>,
}

impl Bell {
    fn one_came(&self) {
        let counted = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if counted == Ok(1) {
            self.ring();
        }
    }

    fn ring(&self) {
        self.left.store(0, Ordering::Release);
        if let Some(sleeper) = self.sleeper.get() {
            sleeper.unpark();
        }
    }

    fn sleep(&self, most: Duration) {
        let until = Instant::now() + most;
        while self.left.load(Ordering::Acquire) > 0
            && let Some(rest) = until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
        {
            std::thread::park_timeout(rest);
        }
    }
}

/// Where jobs are put in.
pub(super) struct Inlet {
    jobs: Sender<Message>,
    bell: Arc<Bell>,
}

impl Inlet {
    /// `Err`: the writer has ended.
    pub fn send(&self, message: Message) -> Result<(), mpsc::SendError<Message>> {
        let job = matches!(message, Message::Job(_));
        self.jobs.send(message)?;
        if job {
            self.bell.one_came();
        } else {
            self.bell.ring();
        }
        Ok(())
    }
}

/// Where the writer takes them out.
pub(super) struct Outlet {
    queue: Receiver<Message>,
    bell: Arc<Bell>,
}

impl Outlet {
    /// The next one, however long it takes.
    pub fn next(&self) -> Result<Message, RecvTimeoutError> {
        self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
    }

    /// The next one within `most`.
    pub fn next_within(&self, most: Duration) -> Result<Message, RecvTimeoutError> {
        self.queue.recv_timeout(most)
    }

    /// What is there already.
    pub fn waiting(&self) -> Result<Message, TryRecvError> {
        self.queue.try_recv()
    }

    /// Sleeps until `jobs` have come, but not longer than `most`; the first of them.
    pub fn gather(&self, jobs: usize, most: Duration) -> Option<Message> {
        self.bell.sleeper.get_or_init(std::thread::current);
        self.bell.left.store(jobs, Ordering::SeqCst);
        // What came just before was not counted.
        let first = self.queue.try_recv().ok();
        if first.is_none() {
            self.bell.sleep(most);
        }
        self.bell.left.store(0, Ordering::Release);
        first.or_else(|| self.queue.try_recv().ok())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::super::job::{Kind, Task, Work};
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn job() -> Message {
        let permit = Arc::new(tokio::sync::Semaphore::new(1)).try_acquire_owned().expect("one is free");
        Message::Job(Task::boxed(Kind::Guarded, |_: &mut Work<'_>| Ok(()), oneshot::channel().0, permit))
    }

    /// Until somebody sleeps who wants so many.
    fn asleep(bell: &Bell, jobs: usize) {
        while bell.left.load(Ordering::SeqCst) != jobs {
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_bell_rings_when_enough_has_come() {
        let bell = Arc::new(Bell::default());
        let of_sleeper = Arc::clone(&bell);
        let sleeper = std::thread::spawn(move || {
            of_sleeper.sleeper.get_or_init(std::thread::current);
            of_sleeper.left.store(3, Ordering::SeqCst);
            let begun = Instant::now();
            of_sleeper.sleep(LONG);
            begun.elapsed()
        });
        asleep(&bell, 3);
        bell.one_came();
        bell.one_came();
        assert_eq!(bell.left.load(Ordering::SeqCst), 1, "it is not woken by the first");
        bell.one_came();
        assert!(sleeper.join().expect("it does not fail") < LONG);
        bell.one_came();
        assert_eq!(bell.left.load(Ordering::SeqCst), 0, "nobody sleeps");
    }

    #[test]
    fn what_is_there_or_is_no_job_is_not_waited_for() {
        let (inlet, outlet) = queue();
        inlet.send(job()).expect("it is there");
        let begun = Instant::now();
        assert!(outlet.gather(5, LONG).is_some());
        assert!(outlet.gather(5, Duration::from_millis(5)).is_none(), "nothing came");
        let bell = Arc::clone(&outlet.bell);
        let stop = std::thread::spawn(move || {
            asleep(&bell, 5);
            inlet.send(Message::Stop(oneshot::channel().0)).is_ok()
        });
        assert!(matches!(outlet.gather(5, LONG), Some(Message::Stop(_))));
        assert!(stop.join().expect("it does not fail"));
        assert!(begun.elapsed() < LONG);
    }
}
