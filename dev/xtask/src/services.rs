//! The real services that `cargo xtask test` starts for all tests together: one private instance each, named to the
//! tests by an environment variable. A test keeps to a database, or a prefix, of its own; one that kills its service
//! starts another (`chat-services`).
//!
//! A variable that is already set is left alone: whoever sets it has a service running.

use std::any::Any;

use anyhow::{Result, bail};
use chat_services::{Mode, Postgres, Redis, Safety};

use crate::kafka;

/// What one starter gives: variables, and what must be kept for as long as they are used.
type Started = (Vec<(&'static str, String)>, Box<dyn Any + Send>);

/// One service.
struct Service {
    /// For people.
    what: &'static str,
    /// Names it to the tests.
    variable: &'static str,
    /// Starts it; returns when it answers.
    start: fn() -> Result<Started>,
}

/// All of them. A new one is a row here, a file in `dev/services`, and its packages in `setup.rs`.
const ALL: &[Service] = &[
    Service { what: "PostgreSQL", variable: "CHAT_TEST_POSTGRES", start: postgres },
    Service { what: "Redis", variable: "CHAT_TEST_REDIS", start: || redis("CHAT_TEST_REDIS", Mode::Alone) },
    Service {
        what: "a Redis cluster",
        variable: "CHAT_TEST_REDIS_CLUSTER",
        start: || redis("CHAT_TEST_REDIS_CLUSTER", Mode::Cluster),
    },
    Service { what: "Apache Kafka", variable: chat_kafka::SHARED, start: kafka },
];

/// The services that run. Dropped: they end. Should this process end otherwise, they end as well (`chat_services`).
#[derive(Default)]
pub struct Services {
    /// For the tests.
    pub variables: Vec<(&'static str, String)>,
    /// What did not start, and why.
    pub missing: Vec<String>,
    /// Kept for their end.
    kept: Vec<Box<dyn Any + Send>>,
}

impl Services {
    /// Starts all, side by side.
    pub fn start() -> Self {
        let mut services = Self::default();
        let wanted = ALL.iter().filter(|s| std::env::var_os(s.variable).is_none());
        let starting: Vec<_> = wanted.map(|service| (service, std::thread::spawn(service.start))).collect();
        for (service, thread) in starting {
            match thread.join().unwrap_or_else(|_| bail!("its start panicked")) {
                Ok((variables, kept)) => {
                    services.variables.extend(variables);
                    services.kept.push(kept);
                }
                Err(error) => services.missing.push(format!("{}: {error:#}", service.what)),
            }
        }
        services
    }

    /// Ends all of them.
    pub fn stop(self) {
        drop(self.kept);
    }
}

fn postgres() -> Result<Started> {
    // Many small databases are made and thrown away; what a power cut does is tested on instances of their own.
    let server = Postgres::start(Safety::Fast)?;
    Ok((vec![("CHAT_TEST_POSTGRES", server.url())], Box::new(server)))
}

fn redis(variable: &'static str, mode: Mode) -> Result<Started> {
    let server = Redis::start(mode)?;
    Ok((vec![(variable, server.url())], Box::new(server)))
}

fn kafka() -> Result<Started> {
    let service = kafka::start()?;
    Ok((service.environment(), Box::new(service)))
}
