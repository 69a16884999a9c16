//! Load balancers in front of nodes under test, with the very files of `deploy/`: only names, ports and certificates
//! are put in the place of the examples.

use std::path::Path;
use std::process::Command;

use chat_services::{HaProxy, Nginx, free_port};
use tempfile::TempDir;

use crate::program;

/// A file of `deploy/`.
pub fn deployed(path: &str) -> String {
    let path = program::root().join("deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A certificate for `localhost` that nobody has signed: `chat.crt`, `chat.key`, and `chat.pem` with both.
pub fn certificate() -> TempDir {
    let folder = tempfile::Builder::new().prefix("chat-e2e-").tempdir().expect("a folder for a certificate");
    let at = |name: &str| folder.path().join(name);
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    let output = openssl.arg("-keyout").arg(at("chat.key")).arg("-out").arg(at("chat.crt")).output();
    let output = output.expect("openssl of the package openssl starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(at(name)).expect("openssl wrote it");
    std::fs::write(at("chat.pem"), read("chat.crt") + &read("chat.key")).expect("the folder is ours");
    folder
}

/// An authority of our own, `ca.crt`, and a certificate for `localhost` and 127.0.0.1 that it has signed: `chat.crt`,
/// `chat.key`. [`signed`] makes further ones.
pub fn authority() -> TempDir {
    let folder = tempfile::Builder::new().prefix("chat-e2e-").tempdir().expect("a folder for an authority");
    let subject = ["-subj", "/CN=our own authority", "-keyout", "ca.key", "-out", "ca.crt"];
    openssl(folder.path(), &[&["-days", "2"][..], &subject[..]].concat());
    signed(folder.path(), "chat");
    folder
}

/// `NAME.crt` and `NAME.key` in the folder of [`authority`].
pub fn signed(folder: &Path, name: &str) {
    let (cert, key) = (format!("{name}.crt"), format!("{name}.key"));
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
    let what = ["-days", "2", "-subj", "/CN=localhost", "-addext", names, "-keyout", &key, "-out", &cert];
    openssl(folder, &[&by[..], &what[..]].concat());
}

/// `openssl req` for a new key and a certificate.
fn openssl(folder: &Path, arguments: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    let output = openssl.args(arguments).current_dir(folder).output().expect("openssl of the package openssl starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Puts the nodes' addresses in the place of `chat-1:6969` …; servers beyond the nodes there are go.
fn with_nodes(text: &str, nodes: &[String]) -> String {
    let mut text = text.to_owned();
    for (n, address) in (1..).zip(nodes) {
        text = text.replace(&format!("chat-{n}:6969"), address);
    }
    let keep = |line: &&str| !line.contains(":6969");
    text.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

/// nginx with a file of `deploy/nginx`, over plain HTTP or with a certificate.
pub async fn nginx(file: &str, nodes: &[String], certificate: Option<&Path>) -> Nginx {
    let port = free_port().expect("a port");
    let mut text = with_nodes(&deployed(&format!("nginx/{file}")), nodes);
    match certificate {
        Some(folder) => {
            text = text.replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"));
            text = text.replace("/etc/nginx/chat.", &format!("{}/chat.", folder.display()));
        }
        None => {
            text = text.replace("listen 443 ssl", &format!("listen 127.0.0.1:{port}"));
            text = text.lines().filter(|l| !l.contains("ssl_certificate")).map(|l| format!("{l}\n")).collect();
        }
    }
    start_nginx(text, port).await
}

/// nginx with a text of one's own that listens on `port`.
pub async fn start_nginx(text: String, port: u16) -> Nginx {
    let started = crate::services::blocking(move || Nginx::start(&text, port)).await;
    started.unwrap_or_else(|e| panic!("nginx: {e:#}"))
}

/// HAProxy with a file of `deploy/haproxy`, over plain HTTP or with a certificate.
pub async fn haproxy(file: &str, nodes: &[String], certificate: Option<&Path>) -> HaProxy {
    let port = free_port().expect("a port");
    let mut text = with_nodes(&deployed(&format!("haproxy/{file}")), nodes);
    let tls = match certificate {
        Some(folder) => format!("bind 127.0.0.1:{port} ssl crt {}/chat.pem", folder.display()),
        None => format!("bind 127.0.0.1:{port}"),
    };
    text = text.replace("bind :443 ssl crt /etc/haproxy/chat.pem", &tls);
    // It wants two files a connection, and a test may not open so many.
    text = text.replace("maxconn 20000", "maxconn 2000");
    if certificate.is_none() {
        text = text.replace(" alpn http/1.1", "");
    }
    let started = crate::services::blocking(move || HaProxy::start(&text, port)).await;
    started.unwrap_or_else(|e| panic!("HAProxy: {e:#}"))
}
