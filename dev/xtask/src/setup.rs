//! What a build needs of the machine, and installing it as far as this user may: by apt-get as root or with a
//! password-less sudo. Where that is not so, the line to type is printed instead.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::sh;

/// What to set up.
#[derive(clap::Args)]
pub struct Options {
    /// Also what the tests need: Node.js, Python 3, Chromium, PostgreSQL, Redis, nginx, HAProxy, Prometheus, Alertmanager, Java with Maven.
    #[arg(long)]
    tests: bool,
}

/// One thing a build or a test needs.
struct Need {
    /// For people.
    what: &'static str,
    /// Debian's packages that bring it.
    packages: &'static [&'static str],
    /// Whether it is there.
    present: fn() -> bool,
}

const BUILD: &[Need] = &[
    Need { what: "a C compiler", packages: &["gcc", "libc6-dev"], present: || sh::succeeds("cc", &["--version"]) },
    Need { what: "pkg-config", packages: &["pkg-config"], present: || sh::succeeds("pkg-config", &["--version"]) },
    Need {
        what: "OpenSSL's headers",
        packages: &["libssl-dev"],
        present: || std::env::var_os("OPENSSL_DIR").is_some() || sh::succeeds("pkg-config", &["--exists", "openssl"]),
    },
];

const TESTS: &[Need] = &[
    Need { what: "curl", packages: &["curl"], present: || sh::succeeds("curl", &["--version"]) },
    Need { what: "OpenSSL", packages: &["openssl"], present: || sh::succeeds("openssl", &["version"]) },
    Need { what: "Node.js", packages: &["nodejs"], present: || sh::succeeds("node", &["--version"]) },
    Need { what: "npm", packages: &["npm"], present: || sh::succeeds("npm", &["--version"]) },
    Need {
        what: "Python 3 with venv",
        packages: &["python3", "python3-venv"],
        present: || sh::succeeds("python3", &["-c", "import venv, ensurepip"]),
    },
    Need {
        what: "Chromium",
        packages: &["chromium", "fonts-dejavu-core"],
        present: || chat_services::find("chromium").is_some(),
    },
    Need { what: "PostgreSQL", packages: &["postgresql"], present: chat_services::has_postgres },
    Need { what: "Redis", packages: &["redis-server"], present: || chat_services::find("redis-server").is_some() },
    Need { what: "nginx", packages: &["nginx"], present: || chat_services::find("nginx").is_some() },
    Need {
        what: "Prometheus",
        packages: &["prometheus"],
        present: || chat_services::find("promtool").is_some() && chat_services::find("prometheus").is_some(),
    },
    Need { what: "libfaketime", packages: &["libfaketime"], present: || chat_services::faketime().is_some() },
    Need {
        what: "Alertmanager",
        packages: &["prometheus-alertmanager"],
        present: || chat_services::find("prometheus-alertmanager").is_some(),
    },
    Need { what: "HAProxy", packages: &["haproxy"], present: || chat_services::find("haproxy").is_some() },
    Need {
        what: "a Java runtime",
        packages: &["default-jre-headless"],
        present: || sh::succeeds("java", &["-version"]) && sh::succeeds("keytool", &["-help"]),
    },
    Need { what: "Maven", packages: &["maven"], present: || sh::succeeds("mvn", &["--version"]) },
];

/// For `cargo xtask try-deb`.
const TRIAL: &[Need] = &[
    Need { what: "debootstrap", packages: &["debootstrap"], present: || sh::succeeds("debootstrap", &["--version"]) },
    Need {
        what: "systemd-nspawn",
        packages: &["systemd-container"],
        present: || sh::succeeds("systemd-nspawn", &["--version"]),
    },
];

/// Sets up what was asked for.
pub fn run(options: &Options) -> Result<()> {
    build()?;
    if options.tests {
        let missing = tests();
        if !missing.is_empty() && sh::ci() {
            bail!("still missing: {}", missing.join(", "));
        }
    }
    Ok(())
}

/// Makes sure that both programs can be built.
pub fn build() -> Result<()> {
    let missing = provide(BUILD);
    if !missing.is_empty() {
        bail!("the build needs {}; install it as said above, then try again", missing.join(", "));
    }
    Ok(())
}

/// Makes sure that a fresh Debian can be made and booted.
pub fn trial() -> Result<()> {
    let missing = provide(TRIAL);
    if !missing.is_empty() {
        bail!("a fresh Debian needs {}; install it as said above, then try again as root", missing.join(", "));
    }
    Ok(())
}

/// Makes sure of what the tests need; gives what is still missing.
pub fn tests() -> Vec<&'static str> {
    provide(TESTS)
}

/// Installs what is missing, and gives what is missing still.
fn provide(needs: &'static [Need]) -> Vec<&'static str> {
    let missing: Vec<&Need> = needs.iter().filter(|n| !(n.present)()).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let packages: Vec<&str> = missing.iter().flat_map(|n| n.packages).copied().collect();
    let whats: Vec<&str> = missing.iter().map(|n| n.what).collect();
    println!("missing: {}", whats.join(", "));
    if !install(&packages) {
        println!("install it with:  sudo apt-get update && sudo apt-get install -y {}", packages.join(" "));
        println!("(or what your system calls these packages)");
    }
    missing.into_iter().filter(|n| !(n.present)()).map(|n| n.what).collect()
}

/// What installs as root. Databases and balancers come with services that Debian starts at once and at every boot;
/// the tests start their own, so a policy says no for the time of the installation, and what is new is not enabled.
const INSTALL: &str = r#"
export DEBIAN_FRONTEND=noninteractive
units() { systemctl list-unit-files --state=enabled --no-legend 2>/dev/null | cut -d" " -f1 | sort; }
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
fi
apt-get update -qq || exit
before=$(units)
apt-get install -y -qq --no-install-recommends "$@" || exit
for unit in $(units); do
  printf '%s\n' "$before" | grep -qxF "$unit" && continue
  case $unit in postgresql*|redis*|nginx*|haproxy*|prometheus*) systemctl disable --quiet "$unit" ;; esac
done
exit 0
"#;

/// Whether apt-get installed them.
fn install(packages: &[&str]) -> bool {
    let Some(prefix) = privilege() else { return false };
    println!("installing {} …", packages.join(" "));
    let mut words = prefix.to_vec();
    words.extend(["sh", "-c", INSTALL, "install"]);
    words.extend(packages);
    Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// How to become root without being asked; `None`: not at all, or there is no apt-get.
fn privilege() -> Option<&'static [&'static str]> {
    if !sh::succeeds("apt-get", &["--version"]) {
        return None;
    }
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout == b"0\n" {
        return Some(&[]);
    }
    sh::succeeds("sudo", &["-n", "true"]).then_some(&["sudo", "-n"])
}
