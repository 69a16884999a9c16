//! A broker to try things on: brings the jars, starts it, says what to set, and ends it at the end of its input.

use std::io::Read;

use anyhow::Result;
use chat_kafka::{Broker, Options, jars};

fn main() -> Result<()> {
    let place = std::env::args().nth(1).unwrap_or_else(|| "target/e2e/kafka".to_owned());
    let classpath = jars::install(&std::path::absolute(place)?)?;
    let options = Options { login: true, tls: true, ..Options::default() };
    let broker = Broker::start(&classpath, &options)?;
    println!("export {}={} {}='{classpath}'", chat_kafka::SHARED, broker.address(), chat_kafka::CLASSPATH);
    println!("with login and TLS: {} ({})", broker.secure_address(), broker.certificate().display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
