//! From the command line to an exit code.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;

use super::{Running, node, notify, open, start};
use crate::cli::admin::{self, Desk, Reply, Request};
use crate::cli::{Cli, Command, Job, doctor, healthcheck, show};
use crate::cluster::local::LocalBus;
use crate::config::{Config, ConfigError, Flags};
use crate::lifecycle::{Asked, Signals};
use crate::service::Services;
use crate::{rest, telemetry};

/// sysexits: the command line is wrong.
const EX_USAGE: u8 = 64;
/// sysexits: the configuration is wrong.
const EX_CONFIG: u8 = 78;

/// Threads for work that blocks: the few readers of the embedded store, passwords, names that are looked up. Without a
/// bound a machine that has no core to spare gets another one whenever work comes before the last thread has gone to rest,
/// and keeps all that are used now and then. What waits for one of these would else wait for a core.
const BLOCKING: usize = 32;

/// The program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { EX_USAGE } else { 0 };
            // Nobody reads what cannot be printed.
            let _unread = error.print();
            return ExitCode::from(code);
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chat-server: {error:#}");
            ExitCode::from(if error.is::<ConfigError>() { EX_CONFIG } else { 1 })
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let load = |flags: Flags| Config::load(flags, &|name| std::env::var(name).ok());
    match cli.command.unwrap_or(Command::Serve).job()? {
        Job::Config(command) => print(&command.run(|| load(cli.flags))?),
        Job::Db(command) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            print(&runtime.block_on(command.run())?)
        }
        Job::Doctor(options) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let report = runtime.block_on(doctor(&options, load(cli.flags)));
            print(&report.text)?;
            Ok(ExitCode::from(report.code))
        }
        Job::Print(text) => print(&text),
        Job::Healthcheck => print(&healthcheck(&load(cli.flags)?)?),
        Job::Openapi => print(&serde_json::to_string_pretty(&rest::document())?),
        Job::Ask { request, json } => {
            let config = load(cli.flags)?;
            telemetry::start(&config.log);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let reply = runtime.block_on(ask(&config, request))?;
            print(&show(&reply, json))
        }
        Job::Follow(audit) => {
            let config = load(cli.flags)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(audit.follow(&config.data_dir))?;
            Ok(ExitCode::SUCCESS)
        }
        Job::Top(top) => {
            let config = load(cli.flags)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let code = runtime.block_on(top.run(&config.data_dir))?;
            // A key that is still waited for must not hold the process.
            runtime.shutdown_background();
            Ok(ExitCode::from(code))
        }
        Job::Backup(backup) => {
            let config = load(cli.flags)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let made = backup.run(&config)?;
            // A database that nobody serves is left as it is.
            let note = admin::ask(&config.data_dir, Request::NoteBackup { file: made.file });
            if let Err(error) = runtime.block_on(note) {
                eprintln!("chat-server: the backup is whole, but does not stand in the audit: {error:#}");
            }
            print(&made.text)
        }
        Job::Restore(restore) => print(&restore.run(&load(cli.flags)?)?),
        Job::Verify(verify) => {
            let config = load(cli.flags)?;
            telemetry::start(&config.log);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (text, well) = runtime.block_on(async {
                if verify.repair {
                    ask(&config, Request::RepairIndex).await?;
                }
                verify.run(&config).await
            })?;
            let printed = print(&text)?;
            Ok(if well { printed } else { ExitCode::from(1) })
        }
        Job::Export(export) => {
            let config = load(cli.flags)?;
            telemetry::start(&config.log);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let said = runtime.block_on(async {
                let found = export.find(&config).await?;
                let note = Request::NoteExport { room: found.room().clone(), detail: export.detail() };
                ask(&config, note).await?;
                export.run(found).await
            })?;
            if !said.is_empty() {
                eprintln!("{said}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Job::Serve => {
            let flags = cli.flags;
            let config = load(flags.clone())?;
            let log = telemetry::start(&config.log);
            let runtime =
                tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(BLOCKING).build()?;
            let code = runtime.block_on(serve(config, log, &|| load(flags.clone())))?;
            // What still hangs after the time of a stop must not hold the process.
            runtime.shutdown_background();
            Ok(code)
        }
    }
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    let text = text.trim_end_matches('\n');
    match writeln!(std::io::stdout(), "{text}") {
        // A closed pipe ends quietly.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e).context("cannot print"),
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn serve(
    config: Config,
    log: telemetry::Filter,
    load: &dyn Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<ExitCode> {
    // Before anybody can know that there is a server to stop.
    let mut signals = Signals::take()?;
    let mut running = tokio::select! {
        running = start(config) => running?,
        name = signals.end() => anyhow::bail!("{name} before the start was done"),
    };
    print(&running.greeting())?;
    let supervisor = notify::Supervisor::from_environment();
    supervisor.ready(&format!("answers on {}", running.url()));
    let watched = supervisor.watch();
    attend(&mut running, &mut signals, &supervisor, &log, load).await;
    supervisor.stopping();
    let failure = running.failure();
    tokio::select! {
        () = running.stop() => {}
        name = signals.end() => {
            tracing::warn!("{name} again: ending at once");
            return Ok(ExitCode::from(if name == "SIGTERM" { 143 } else { 130 }));
        }
    }
    drop(watched);
    match failure {
        Some(why) => anyhow::bail!(why),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Until the server has to end: reads the configuration again as often as it is asked to.
async fn attend(
    running: &mut Running,
    signals: &mut Signals,
    supervisor: &notify::Supervisor,
    log: &telemetry::Filter,
    load: &dyn Fn() -> Result<Config, ConfigError>,
) {
    loop {
        let asked = tokio::select! {
            asked = signals.next() => asked,
            () = running.failed() => return,
        };
        match asked {
            Asked::End(name) => {
                tracing::info!("{name}: draining; once more ends at once");
                return;
            }
            Asked::Reload => {
                supervisor.reloading();
                running.reload(load, log);
                supervisor.ready(&format!("answers on {}", running.url()));
            }
        }
    }
}

/// Through the running server, or straight on the database when none runs.
async fn ask(config: &Config, request: Request) -> anyhow::Result<Reply> {
    let request = match admin::ask(&config.data_dir, request).await? {
        Ok(reply) => return Ok(reply),
        Err(request) => request,
    };
    open::data_dir(&config.data_dir)?;
    let open::Opened { store, .. } = open::store(config).await?;
    // Nobody is connected, so nobody has to be told: the signals are dropped with their end.
    let (bus, _signals) = LocalBus::new();
    let services = Arc::new(Services::new(open::parts(config, store, Arc::new(bus), node::new_id()?)?));
    let reply = admin::execute(&Desk { services: services.clone(), overview: None, base: None }, request).await;
    services.drain().await;
    services.store.close().await;
    Ok(reply?)
}
