//! `chat-server doctor`: looks at everything that has to be right, one line each, and says the way out where something
//! is not. It changes nothing but a file of its own in the data folder, which it removes.

mod access;
mod data;
mod machine;
mod rights;
mod running;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;

pub use rights::unreadable;

use super::healthcheck;
use crate::config::{Config, ConfigError};

/// How long anything on the network may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// `doctor …`
#[derive(Debug, Args)]
pub struct Options {
    /// A JSON object a line
    #[arg(long)]
    json: bool,
    /// Where the backups lie: a file, or a folder of them
    #[arg(long, value_name = "PATH")]
    backups: Option<PathBuf>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Right.
    Ok,
    /// It works, but.
    Warn,
    /// It does not work, or must not stay so.
    Fail,
}

/// One line of the report.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    said: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, said: impl Into<String>) -> Self {
        Self { check, state: State::Ok, said: said.into(), hint: None }
    }

    fn warn(check: &'static str, said: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, state: State::Warn, said: said.into(), hint: Some(hint.into()) }
    }

    fn fail(check: &'static str, said: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, state: State::Fail, said: said.into(), hint: Some(hint.into()) }
    }
}

/// What was found.
pub struct Report {
    /// For standard output.
    pub text: String,
    /// The process's exit code: 0, 1 where something does not work, 78 where the configuration is wrong.
    pub code: u8,
}

/// Looks at everything.
pub async fn run(options: &Options, config: Result<Config, ConfigError>) -> Report {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            let hint = "mend it; chat-server config default prints a file that is right";
            return report(options, &[Finding::fail("configuration", error.to_string(), hint)], 78);
        }
    };
    let mut found = vec![match &config.source {
        Some(file) => Finding::ok("configuration", file.display().to_string()),
        None => Finding::ok("configuration", "no file; flags, variables and defaults"),
    }];
    let answer = {
        let config = config.clone();
        let asked = tokio::task::spawn_blocking(move || healthcheck::ask(&config)).await;
        asked.ok().and_then(Result::ok)
    };
    found.extend(data::folder(&config));
    found.extend(rights::files(&config));
    found.extend(data::key(&config));
    found.push(data::database(&config).await);
    found.extend(data::backups(options.backups.as_deref(), &config));
    found.extend(machine::disk(&config));
    found.extend(machine::clock(&config));
    found.push(machine::files(&config, answer.is_some()));
    found.extend(machine::port(&config, answer.as_ref()));
    found.extend(running::server(answer.as_ref()));
    if answer.is_none() {
        found.extend(running::brokers(&config).await);
    }
    found.extend(access::tls(&config, now()));
    found.extend(access::doors(&config));
    let failed = found.iter().any(|f| f.state == State::Fail);
    report(options, &found, u8::from(failed))
}

/// Seconds of Unix time.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn report(options: &Options, found: &[Finding], code: u8) -> Report {
    let line = |finding: &Finding| {
        if options.json {
            return serde_json::to_string(finding).unwrap_or_default();
        }
        let mark = match finding.state {
            State::Ok => "ok  ",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        let hint = finding.hint.as_ref().map(|hint| format!("\n{:21}→ {hint}", "")).unwrap_or_default();
        format!("{mark}  {:<13}  {}{hint}", finding.check, finding.said)
    };
    Report { text: found.iter().map(line).collect::<Vec<_>>().join("\n"), code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_and_the_way_out() {
        let found = [Finding::ok("disk", "12 GiB free"), Finding::fail("key", "open to all", "chmod 600 it")];
        let plain = report(&Options { json: false, backups: None }, &found, 1);
        assert_eq!(
            plain.text,
            "ok    disk           12 GiB free\nFAIL  key            open to all\n                     → chmod 600 it"
        );
        let json = report(&Options { json: true, backups: None }, &found, 1);
        assert_eq!(
            json.text,
            "{\"check\":\"disk\",\"state\":\"ok\",\"said\":\"12 GiB free\"}\n\
             {\"check\":\"key\",\"state\":\"fail\",\"said\":\"open to all\",\"hint\":\"chmod 600 it\"}"
        );
    }
}
