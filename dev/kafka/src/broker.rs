//! One broker as a process: start, kill, freeze, start again on the same port with the same or with an empty log.

use std::fmt::Write;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// A broker that is not ready by then never will be.
const PATIENCE: Duration = Duration::from_secs(60);
/// A free port may be taken by somebody else before the broker has it.
const TRIES: u32 = 3;
/// Any 16 bytes do; one broker makes the whole cluster.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";
/// A small machine runs several of them, for seconds rather than for days.
const JAVA: [&str; 4] = ["-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// Whom the further listener lets in, for tests of logins.
pub const USER: &str = "chat";
/// Its password.
pub const PASSWORD: &str = "Pass w@rd";

/// What kind of broker.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Lines of `server.properties` in addition.
    pub properties: Vec<String>,
    /// A second listener that asks for a login ([`USER`], [`PASSWORD`]): PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.
    pub login: bool,
    /// The second listener speaks TLS, with a certificate of its own for `localhost`.
    pub tls: bool,
    /// A further listener each, which names itself to its clients by this `HOST:PORT` instead of its own: somebody who
    /// stands between. [`Broker::behind`] is what they pass on to.
    pub advertised: Vec<String>,
}

/// A broker that runs; dropped, it is killed and its folder removed.
#[derive(Debug)]
pub struct Broker {
    classpath: String,
    options: Options,
    dir: TempDir,
    port: u16,
    controller: u16,
    secure: u16,
    /// Of the listeners in `options.advertised`.
    behind: Vec<u16>,
    child: Option<Child>,
}

impl Broker {
    /// Starts one and waits until it serves.
    pub fn start(classpath: &str, options: &Options) -> Result<Self> {
        let mut last = None;
        for _ in 0..TRIES {
            let dir = tempfile::Builder::new().prefix("chat-kafka-").tempdir().context("no temporary folder")?;
            let [port, controller, secure] = free_ports(3)?[..] else { bail!("three ports were asked for") };
            let mut broker = Self {
                classpath: classpath.to_owned(),
                options: options.clone(),
                dir,
                port,
                controller,
                secure,
                behind: free_ports(options.advertised.len())?,
                child: None,
            };
            match broker.prepare().and_then(|()| broker.run()) {
                Ok(()) => return Ok(broker),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("not tried")))
    }

    /// Where clients connect: `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where clients connect with login or TLS: `localhost:PORT`.
    pub fn secure_address(&self) -> String {
        format!("localhost:{}", self.secure)
    }

    /// Where each of [`Options::advertised`] passes its connections on to: `127.0.0.1:PORT`.
    pub fn behind(&self) -> Vec<String> {
        self.behind.iter().map(|port| format!("127.0.0.1:{port}")).collect()
    }

    /// The certificate of the TLS listener, as PEM.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("certificate.pem")
    }

    /// What the broker has written to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Ends it as a power cut would (`kill -9`).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A process that has ended already is as good.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }

    /// Starts it again on the same port; `empty`: with nothing of what it had.
    pub fn restart(&mut self, empty: bool) -> Result<()> {
        self.kill();
        if empty {
            let _gone = std::fs::remove_dir_all(self.dir.path().join("data"));
            self.format()?;
        }
        self.run()
    }

    /// Stops it where it stands (`SIGSTOP`): connections stay open, nothing is answered.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on.
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<()> {
        let Some(child) = &self.child else { bail!("the broker does not run") };
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", child.id())).status()?;
        if status.success() { Ok(()) } else { bail!("the broker could not be sent {name}") }
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("broker.log")
    }

    fn prepare(&self) -> Result<()> {
        if self.options.tls {
            certificate(self.dir.path())?;
        }
        std::fs::write(self.dir.path().join("server.properties"), self.properties())?;
        self.format()
    }

    fn properties(&self) -> String {
        let Self { port, controller, secure, .. } = self;
        let dir = self.dir.path().display();
        let protocol = match (self.options.login, self.options.tls) {
            (true, true) => "SASL_SSL",
            (true, false) => "SASL_PLAINTEXT",
            (false, true) => "SSL",
            (false, false) => "PLAINTEXT",
        };
        let (mut listeners, mut advertised, mut protocols) = (String::new(), String::new(), String::new());
        for (n, (port, told)) in self.behind.iter().zip(&self.options.advertised).enumerate() {
            // A `String` takes everything that is written to it.
            let _infallible = write!(listeners, ",LINE{n}://127.0.0.1:{port}");
            let _infallible = write!(advertised, ",LINE{n}://{told}");
            let _infallible = write!(protocols, ",LINE{n}:PLAINTEXT");
        }
        let mut text = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=OPEN\n\
             listeners=OPEN://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SECURE://localhost:{secure}{listeners}\n\
             advertised.listeners=OPEN://127.0.0.1:{port},SECURE://localhost:{secure}{advertised}\n\
             listener.security.protocol.map=OPEN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:{protocol}{protocols}\n\
             log.dirs={dir}/data\nauto.create.topics.enable=false\noffsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\nnum.network.threads=2\nnum.io.threads=3\n\
             log.cleaner.dedupe.buffer.size=4194304\ngroup.initial.rebalance.delay.ms=0\n"
        );
        if self.options.login {
            let user = format!("username=\"{USER}\" password=\"{PASSWORD}\"");
            let _infallible = write!(
                text,
                "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
                 listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
                 required {user} user_{USER}=\"{PASSWORD}\";\n\
                 listener.name.secure.scram-sha-256.sasl.jaas.config=\
                 org.apache.kafka.common.security.scram.ScramLoginModule required {user};\n\
                 listener.name.secure.scram-sha-512.sasl.jaas.config=\
                 org.apache.kafka.common.security.scram.ScramLoginModule required {user};\n"
            );
        }
        if self.options.tls {
            let _infallible = write!(
                text,
                "listener.name.secure.ssl.keystore.location={dir}/store.p12\n\
                 listener.name.secure.ssl.keystore.type=PKCS12\n\
                 listener.name.secure.ssl.keystore.password=for-tests\n\
                 listener.name.secure.ssl.key.password=for-tests\n"
            );
        }
        for line in &self.options.properties {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn java(&self, main: &str) -> Command {
        let mut java = Command::new("java");
        java.args(JAVA).arg("-Dlog4j2.level=INFO").arg("-cp").arg(&self.classpath).arg(main);
        java.stdin(Stdio::null());
        java
    }

    fn format(&self) -> Result<()> {
        let mut tool = self.java("kafka.tools.StorageTool");
        tool.args(["format", "--cluster-id", CLUSTER, "--config"]).arg(self.dir.path().join("server.properties"));
        if self.options.login {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                tool.arg("--add-scram").arg(format!("{mechanism}=[name=\"{USER}\",password=\"{PASSWORD}\"]"));
            }
        }
        let out = tool.output().context("cannot start java; install a Java runtime (17 or later)")?;
        if !out.status.success() {
            bail!("the broker's folder could not be made: {}", String::from_utf8_lossy(&out.stderr));
        }
        Ok(())
    }

    /// Starts the process and waits until it says that it serves.
    #[expect(clippy::disallowed_methods, reason = "a process is waited for in a program without a runtime")]
    fn run(&mut self) -> Result<()> {
        let log = File::create(self.log_file())?;
        let config = self.dir.path().join("server.properties");
        let mut child =
            self.java("kafka.Kafka").arg(config).stdout(log.try_clone()?).stderr(log).spawn().context("no java")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.log();
            if said.contains("Kafka Server started") {
                self.child = Some(child);
                return Ok(());
            }
            let ended = child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let _ended = child.kill();
                let _reaped = child.wait();
                let tail: Vec<&str> = said.lines().rev().take(12).collect();
                bail!("the broker did not come up ({ended:?}); its last lines, newest first:\n{}", tail.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// So many ports that nobody listens on now.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    // All held until the last one is found, so that they differ.
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0)).context("no free port")).collect::<Result<_>>()?;
    held.iter().map(|l| Ok(l.local_addr()?.port())).collect()
}

/// A key and a certificate for `localhost`, by the tool that comes with Java.
fn certificate(dir: &Path) -> Result<()> {
    let store = dir.join("store.p12");
    let keytool = |args: &[&str]| -> Result<()> {
        let out = Command::new("keytool")
            .args(args)
            .arg("-keystore")
            .arg(&store)
            .args(["-storetype", "PKCS12", "-storepass", "for-tests", "-alias", "broker"])
            .stdin(Stdio::null())
            .output()
            .context("cannot start keytool, which comes with Java")?;
        if out.status.success() { Ok(()) } else { bail!("keytool: {}", String::from_utf8_lossy(&out.stdout)) }
    };
    let days = ["-validity", "30"];
    let name = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1", "-ext", "BC=ca:false"];
    let key = ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-keypass", "for-tests"];
    keytool(&[&key[..], &days, &name].concat())?;
    keytool(&["-exportcert", "-rfc", "-file", &dir.join("certificate.pem").display().to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ() {
        let ports = free_ports(5).unwrap();
        let different: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!((ports.len(), different.len()), (5, 5));
    }
}
