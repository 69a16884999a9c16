//! The running server's own word, or where none runs, whether its brokers can be reached.

use chat_common::rest::Readiness;

use super::super::healthcheck::Answer;
use super::{Finding, PATIENCE};
use crate::cluster::redis::probe as probe_redis;
use crate::config::{BusUrl, Config, KafkaUrl};

/// What `/readyz` says.
pub(super) fn server(answer: Option<&Answer>) -> Vec<Finding> {
    const CHECK: &str = "server";
    let Some(answer) = answer else {
        return vec![Finding::warn(
            CHECK,
            "does not run",
            "systemctl start chat-server; if it ended by itself, journalctl -u chat-server says why",
        )];
    };
    let Ok(said) = serde_json::from_str::<Readiness>(&answer.body) else {
        return vec![Finding::fail(CHECK, "what answers there is no chat-server", "another port: --listen HOST:PORT")];
    };
    let mut found = Vec::new();
    found.push(match (said.ready, said.draining) {
        (true, _) => Finding::ok(CHECK, format!("ready; {} on this store", nodes(said.nodes))),
        (false, true) => Finding::warn(CHECK, "is stopping", "it ends within 30 s"),
        (false, false) => Finding::fail(CHECK, format!("not ready: {}", said.store), "see its log: the store is away"),
    });
    let goes_on = "messages are stored and acknowledged all the same; see the log for the reason";
    let named = [("bus", Some(said.bus)), ("cluster", Some(said.cluster)), ("feed", said.feed), ("relay", said.relay)];
    for (check, word) in named {
        match word {
            Some(word) if !matches!(word.as_str(), "ok" | "") => found.push(Finding::warn(check, word, goes_on)),
            Some(_) | None => {}
        }
    }
    found
}

fn nodes(number: usize) -> String {
    if number == 1 { "one node".to_owned() } else { format!("{number} nodes") }
}

/// Whether the bus and the feed take connections.
pub(super) async fn brokers(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    match &config.bus {
        BusUrl::Local => {}
        BusUrl::Redis(url) => {
            let place = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(6379));
            found.push(match probe_redis(url).await {
                Ok(()) => Finding::ok("bus", format!("Redis at {place} lets us in")),
                Err(why) => {
                    let hint = "is Redis up, are host, port and password right, and may its user publish? \
                                (docs/configuration.md has the line for its rights)";
                    Finding::fail("bus", format!("Redis at {place}: {why}"), hint)
                }
            });
        }
        BusUrl::Kafka(KafkaUrl { brokers, .. }) => found.push(reached("bus", brokers).await),
    }
    if let Some(feed) = &config.feed {
        found.push(reached("feed", &feed.brokers).await);
    }
    found
}

/// One of several is enough.
async fn reached(check: &'static str, places: &[String]) -> Finding {
    let mut why = String::new();
    for place in places {
        match tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(place)).await {
            Ok(Ok(_)) => return Finding::ok(check, format!("{place} takes connections")),
            Ok(Err(e)) => why = format!("{place}: {e}"),
            Err(_) => why = format!("{place} does not answer within {} s", PATIENCE.as_secs()),
        }
    }
    Finding::fail(check, why, "is the broker up, and are host and port right?")
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, body: body.to_owned() }
    }

    #[test]
    fn a_bus_that_is_down_is_told_and_rubbish_is_no_server() {
        let found = server(Some(&answer(
            r#"{"ready":true,"store":"ok","bus":"Redis is away","nodes":2,"cluster":"ok","draining":false}"#,
        )));
        let states: Vec<_> = found.iter().map(|f| (f.check, f.state)).collect();
        assert_eq!(states, [("server", State::Ok), ("bus", State::Warn)]);
        assert_eq!(server(Some(&answer("hello")))[0].state, State::Fail);
        assert_eq!(server(None)[0].state, State::Warn);
    }
}
