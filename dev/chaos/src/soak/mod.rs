//! The soak: half an hour of everything at once against one server, and what the server holds meanwhile.
//!
//! [`crowd`] and [`web`] make the load, [`mod@line`] is a connection of theirs and [`work`] counts what they did.
//! [`sample`] looks at the process once a second, [`trend`] says from that (pure) whether it was flat, [`plot`] draws it.
//! Whether everything that was sent arrived is the chaos' to say.

pub mod crowd;
pub mod line;
pub mod plot;
pub mod sample;
pub mod trend;
pub mod web;
pub mod work;

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_e2e::{Options, Server, program};
use tokio::task::JoinSet;

use crate::schedule::Dice;
use sample::Sample;
use trend::{Trend, WINDOW};
use work::{Kind, Work};

/// Between two looks at the process.
const EVERY: Duration = Duration::from_secs(1);
/// Runs go on for longer than an access token lives by default.
const TOKEN_SECONDS: u64 = 86_400;
/// Of a hundred things that are tried at most so many may fail: beyond that the load was not what it says it was.
const REFUSED_PERCENT: u64 = 1;

/// What the load is made from.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// How long it goes on.
    pub length: Duration,
    /// Messages that are there before: more than the store keeps in memory, since a cache that fills looks like a leak.
    pub before: usize,
    /// Makes the choices of all who take part.
    pub seed: u64,
    /// Connections that stay and talk.
    pub talkers: usize,
    /// Connections that come and go, at any time.
    pub visitors: usize,
    /// Connections that ask and do not read.
    pub slow: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// What was done, in sentences.
    pub work: String,
    /// Whether the load was what it should be, else what it lacks.
    pub lacks: Vec<String>,
    /// What the server held.
    pub trends: Vec<Trend>,
}

impl Report {
    /// Judges the samples alone, as of a run that is over.
    pub fn of(samples: &[Sample]) -> Self {
        Self { work: String::new(), lacks: Vec::new(), trends: trend::all(samples) }
    }

    /// Nothing grows, and the load was whole.
    pub fn is_flat(&self) -> bool {
        self.lacks.is_empty() && !self.trends.is_empty() && self.trends.iter().all(Trend::is_flat)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.work.is_empty() {
            writeln!(f, "{}", self.work)?;
        }
        for trend in &self.trends {
            writeln!(f, "{trend}")?;
        }
        for lack in &self.lacks {
            writeln!(f, "LACKS: {lack}")?;
        }
        let minutes = WINDOW.as_secs() / 60;
        match self.is_flat() {
            true => write!(f, "FLAT: nothing grew by 1 % in the last {minutes} minutes"),
            false => write!(f, "NOT FLAT, or not the load it should be"),
        }
    }
}

/// Plays the script on a server of its own and writes a sample a second to `csv`.
pub async fn play(script: Script, csv: &Path) -> std::io::Result<(Report, Vec<Sample>)> {
    program::open_many_files();
    let options = Options::roomy()
        .access_token_seconds(TOKEN_SECONDS)
        .limit("connections_per_address", 100_000)
        .limit("guests_per_minute", 100_000)
        .limit("logins_per_minute", 100_000)
        .limit("rooms_per_user", 10_000);
    let server = Server::with(options).await;
    let mut file = std::fs::File::create(csv)?;
    writeln!(file, "{}", sample::HEADER)?;
    let work = Arc::new(Work::default());
    let place = crowd::Place::furnish(&server, &work).await;
    let began = Instant::now();
    crowd::fill(&place, script.before).await;
    println!("{:.0?}: {} messages are there, the load begins", began.elapsed(), script.before);
    let began = Instant::now();
    let mut load = start(&place, script);
    let (mut samples, mut tick) = (Vec::new(), tokio::time::interval(EVERY));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while began.elapsed() < script.length {
        tick.tick().await;
        let sample = Sample::take(&server, began.elapsed()).await;
        writeln!(file, "{sample}")?;
        if samples.len() % 60 == 0 {
            println!("{:.0?}: {sample}", began.elapsed());
        }
        samples.push(sample);
        // Those who make the load do not end by themselves.
        if let Some(ended) = load.try_join_next() {
            ended.unwrap_or_else(|e| panic!("somebody who makes the load ended: {e}"));
        }
    }
    load.shutdown().await;
    let panics = server.said().lines().filter(|l| l.contains("panicked")).count();
    let mut report = Report { work: work.to_string(), lacks: lacks(&work, script), ..Report::of(&samples) };
    if panics > 0 {
        report.lacks.push(format!("a server without panics: there were {panics}"));
    }
    Ok((report, samples))
}

/// Everybody who takes part.
fn start(place: &crowd::Place, script: Script) -> JoinSet<()> {
    let mut dice = Dice::new(script.seed);
    let mut load = JoinSet::new();
    for n in 0..script.talkers {
        load.spawn(crowd::talk(place.clone(), n, Dice::new(dice.any())));
    }
    for n in 0..script.visitors {
        load.spawn(crowd::visit(place.clone(), n, Dice::new(dice.any())));
    }
    for n in 0..script.slow {
        load.spawn(crowd::dawdle(place.clone(), n));
    }
    for _ in 0..web::READERS {
        load.spawn(web::read(place.clone(), Dice::new(dice.any())));
    }
    for _ in 0..web::FOLLOWERS {
        load.spawn(web::follow(place.clone(), Dice::new(dice.any())));
    }
    load.spawn(web::post(place.clone()));
    load.spawn(web::log_in(place.clone()));
    load
}

/// Each kind of work must have been done at least every ten seconds on average, and little of it refused.
fn lacks(work: &Work, script: Script) -> Vec<String> {
    let least = script.length.as_secs() / 10;
    let mut lacks: Vec<String> = Kind::ALL
        .iter()
        .filter(|kind| work.done(**kind) < least)
        .map(|kind| format!("{kind}: {} in all, fewer than {least}", work.done(*kind)))
        .collect();
    let (all, refused) = (work.all(), work.refused());
    if refused * 100 > all * REFUSED_PERCENT {
        lacks.push(format!("{refused} of {all} were refused: {}", work.reasons()));
    }
    lacks
}
