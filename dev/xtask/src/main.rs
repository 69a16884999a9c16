//! Set-up, tests and benches of this repository: `cargo xtask …`. Depends on little, so that it compiles in seconds;
//! whatever needs the programs themselves is started as a process.

mod bench;
mod chaos;
mod deb;
mod debian;
mod demo;
mod fuzz;
mod http;
mod kafka;
mod services;
mod setup;
mod sh;
mod soak;
mod test;
mod try_deb;
mod up;
mod web;

use clap::{Parser, Subcommand};

/// Set-up, tests and benches of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build both programs, start a server if none runs, and open the full screen in the room `lobby`.
    Up(up::Options),
    /// Install what the build (and with --tests: the tests) needs, as far as this user may.
    Setup(setup::Options),
    /// Set up everything that the tests need, run all of them, and say what had to be left out.
    Test(test::Options),
    /// Make the pages at / and /docs from `web/`; the next build puts them into the server.
    Web,
    /// Break nodes, services, networks, disks and clocks by a plan that one number makes, and check every promise.
    Chaos(chaos::Options),
    /// Put half an hour of mixed load on one server, and check that it holds no more in the end than before.
    Soak(soak::Options),
    /// Record the README's demo and screens anew from the real programs.
    Demo(demo::Options),
    /// Make the Debian packages of both programs.
    Deb(deb::Options),
    /// Install the Debian packages in a fresh Debian below /tmp, and go the README's way from there to a message.
    TryDeb(try_deb::Options),
    /// Look for inputs that break a promise: every fuzz target, one after the other, for a bounded time.
    Fuzz(fuzz::Options),
    /// Measure, in release mode: figures and ratios, no verdict.
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    if let Some(status) = fuzz::as_compiler() {
        return status;
    }
    match Cli::parse().task {
        Task::Up(options) => up::run(&options),
        Task::Setup(options) => setup::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Web => web::run(),
        Task::Chaos(options) => chaos::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Demo(options) => demo::run(&options),
        Task::Deb(options) => deb::run(&options).map(|_| ()),
        Task::TryDeb(options) => try_deb::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Bench(options) => bench::run(&options),
    }
}
