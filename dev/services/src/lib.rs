//! Private instances of real services, each on a free port of 127.0.0.1 and in a temporary folder of its own:
//! [`Postgres`], [`Redis`], [`Nginx`], [`HaProxy`], [`Alertmanager`], [`Prometheus`]. They end with the process that started them, however that ends
//! ([`Guarded`]), and can be killed, stopped and started again on the same port, which is what tests of faults are
//! about.
//!
//! Blocking and small on purpose: `cargo xtask` must compile in seconds. Installing packages is xtask's.

mod alertmanager;
mod guard;
mod postgres;
mod prometheus;
mod proxy;
mod redis;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub use alertmanager::Alertmanager;
pub use guard::Guarded;
pub use postgres::{Postgres, Safety, create_database, has_postgres};
pub use prometheus::Prometheus;
pub use proxy::{HaProxy, Nginx, haproxy_accepts, nginx_accepts};
pub use redis::{Mode, Redis};

/// How long a service may take to answer. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port of 127.0.0.1 that nobody uses at this moment.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Where a program stands: in the path, or in the folders where Debian keeps those for administrators.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|p| p.is_file())
}

/// The library of the package faketime, which gives one process another clock.
pub fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    folders.chain([PathBuf::from("/usr/lib")]).map(|f| f.join("faketime/libfaketime.so.1")).find(|p| p.is_file())
}

/// As [`find`]; the error says what to install.
fn needed(program: &str, package: &str) -> Result<PathBuf> {
    find(program).with_context(|| format!("no {program}: install the package {package} (`cargo xtask setup --tests`)"))
}

/// A temporary folder that other users of this machine may enter, since some services give up root.
fn folder(name: &str) -> Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new().prefix(&format!("chat-{name}-")).tempdir().context("no temporary folder")?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// Waits until `ready` says yes; an error with the log's end if the process ends first or takes too long.
fn wait_for(what: &str, process: &mut Guarded, ready: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        if let Some(status) = process.ended()? {
            bail!("{what} ended with {status}:\n{}", process.log_end());
        }
        if Instant::now() > deadline {
            bail!("{what} did not answer within {PATIENCE:?}:\n{}", process.log_end());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// Whether somebody accepts connections there.
fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Runs a command to its end; an error holds what it said.
fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} ended with {}: {}", output.status, said.trim());
    }
    Ok(())
}

/// The last lines of a file, for error messages.
fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
