//! The form of the first start, settings that are written, and a file that is followed: in a terminal, as a person
//! meets them.

use std::path::{Path, PathBuf};

use chat_e2e::{Options, Server, Terminal, wait};

/// The screen at 80×24 with no arguments but these, on this home.
fn start(args: &[&str], home: tempfile::TempDir) -> Terminal {
    Terminal::chat_tui_sized(24, 80, args, Some(home))
}

fn home() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("chat-e2e-home-").tempdir().expect("a home for the client")
}

fn config_of(home: &Path) -> PathBuf {
    home.join(".config/chat-tui/config.toml")
}

/// Writes a configuration before the start.
fn configured(text: &str) -> (tempfile::TempDir, PathBuf) {
    let home = home();
    let path = config_of(home.path());
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder");
    std::fs::write(&path, text).expect("a file");
    (home, path)
}

/// Closes what shows this; a key that followed at once would be one with Alt.
async fn esc(terminal: &mut Terminal, shown: &str) {
    terminal.keys("\u{1b}");
    terminal.wait_until("it is closed", |s| !s.text.contains(shown)).await;
}

async fn file_has(path: &Path, what: &str) -> String {
    wait::until(&format!("{} has {what:?}", path.display()), || {
        std::fs::read_to_string(path).ok().filter(|text| text.contains(what))
    })
    .await
}

#[tokio::test]
async fn the_first_start_asks_and_the_second_does_not() {
    let server = Server::start().await;
    let home = home();
    let config = config_of(home.path());
    let mut terminal = start(&[], home);
    let form = terminal.wait_for("Where to, as whom").await;
    assert!(form.contains("http://127.0.0.1:6969") && form.contains("tester") && form.contains("lobby"), "{form}");
    // A slip is said before anything is sent; then a server that is not there, then the one that is.
    terminal.keys("\u{15}ftp://x\t\t\t\t\r");
    terminal.wait_for("not a server's address").await;
    terminal.keys("\u{15}http://127.0.0.1:1\t\t\u{15}kim\t\u{15}ops\r");
    terminal.wait_for("cannot reach http://127.0.0.1:1").await;
    assert!(!config.exists(), "nothing is written before it works");
    terminal.keys("\u{15}");
    terminal.keys(&server.url());
    terminal.keys("\t\t\t\r");
    // A room that is not there is offered to be made; the screen is the full one.
    terminal.wait_for("There is no room #ops").await;
    terminal.keys("\r");
    let text = file_has(&config, "rooms = [\"ops\"]").await;
    assert!(text.contains(&format!("server = \"{}\"", server.url())) && text.contains("name = \"kim\""), "{text}");
    assert!(text.contains("# theme = ") && text.contains("# timeout = \"10s\""), "{text}");
    terminal.wait_for("online").await;
    let home = terminal.into_home();
    let second = start(&[], home);
    let screen = second.wait_for("online").await;
    assert!(screen.contains("ops") && !screen.contains("as whom"), "{screen}");
    // Nor is it asked where anything was said on the command line.
    let told = Terminal::chat_tui(&["--server", &server.url()]);
    let screen = told.wait_for("online").await;
    assert!(!screen.contains("as whom"), "{screen}");
}

#[tokio::test]
async fn a_server_without_guests_is_entered_with_a_password_that_is_kept_nowhere() {
    let server = Server::with(Options::roomy().arg("--guests").arg("off").arg("--registration").arg("open")).await;
    server.account("ana").await;
    let password = "correct horse";
    let home = home();
    let at = home.path().to_owned();
    let mut terminal = start(&[], home);
    terminal.wait_for("Where to, as whom").await;
    terminal.keys("\u{15}");
    terminal.keys(&server.url());
    terminal.keys("\t\t\u{15}ana\t\r");
    let asked = terminal.wait_for("lets no guests in").await;
    assert!(asked.contains("Password") && asked.contains("register NAME --invite"), "{asked}");
    terminal.keys("\twrong password\t\r");
    terminal.wait_for("look at name and password").await;
    terminal.keys("\u{15}");
    terminal.keys(password);
    terminal.keys("\t\r");
    terminal.wait_for("online").await;
    file_has(&config_of(&at), "server = ").await;
    assert!(!String::from_utf8_lossy(&terminal.bytes()).contains(password), "the password was shown");
    for file in [".config/chat-tui/config.toml", ".local/share/chat-tui/credentials.json"] {
        let text = std::fs::read_to_string(at.join(file)).expect("it was written");
        assert!(!text.contains(password), "{file} has the password");
    }
}

#[tokio::test]
async fn esc_goes_on_without_the_form_and_writes_nothing() {
    let home = home();
    let config = config_of(home.path());
    let mut terminal = start(&[], home);
    terminal.wait_for("skip this, write nothing").await;
    terminal.keys("\u{1b}");
    terminal.wait_for("#lobby › ").await;
    assert!(!config.exists());
    terminal.keys("\u{11}");
    assert_eq!(terminal.ended().await, 0);
}

#[tokio::test]
async fn what_is_set_in_the_view_is_written_between_the_users_own_lines() {
    let server = Server::start().await;
    let before = "# mine, and mine alone\n[screen]  # how it looks\nkeymap = 'vim'   # of course\n";
    let (home, config) = configured(before);
    let mut terminal = start(&["--server", &server.url(), "--name", "ana"], home);
    terminal.wait_for("online").await;
    terminal.keys("/set\r");
    let view = terminal.wait_for("keys and mouse").await;
    assert!(view.contains("‹") && view.contains("vim") && view.contains("file"), "{view}");
    // Theme is the first, and → its first value.
    terminal.keys("\u{1b}[C");
    let text = file_has(&config, "theme = \"dark\"").await;
    assert!(text.starts_with(before), "{text}");
    terminal.keys("\u{1b}[3~");
    wait::until("the default is back", || {
        let text = std::fs::read_to_string(&config).ok()?;
        (!text.contains("\ntheme = ")).then_some(())
    })
    .await;
    esc(&mut terminal, "keys and mouse").await;
    terminal.keys("/set quiet 25:00\r");
    terminal.wait_for("quiet: \"25:00\"").await;
    terminal.keys("\u{3}/set quiet 22:00-07:00\r");
    let text = file_has(&config, "quiet = \"22:00-07:00\"").await;
    assert!(text.contains("keymap = 'vim'   # of course"), "{text}");
    terminal.keys("\u{11}");
    assert_eq!(terminal.ended().await, 0);
}

#[tokio::test]
async fn a_file_that_changes_is_obeyed_at_once_and_a_wrong_one_is_said_with_its_place() {
    let server = Server::start().await;
    let (home, config) = configured("[screen]\nmouse = true\n");
    let mut terminal = start(&["--server", &server.url(), "--name", "ana"], home);
    terminal.wait_for("online").await;
    let modes = |terminal: &Terminal| String::from_utf8_lossy(&terminal.bytes()).matches("\u{1b}[?1000l").count();
    assert_eq!(modes(&terminal), 0, "the mouse is taken");
    // As editors do it: a new file in the place of the old one.
    let replace = |text: &str| {
        let new = config.with_extension("toml~");
        std::fs::write(&new, text).expect("a file");
        std::fs::rename(&new, &config).expect("its new name");
    };
    replace("[screen]\nmouse = false\n[keys]\nhelp = \"F8\"\n");
    terminal.wait_for("the configuration was read anew").await;
    wait::until("the mouse is given back", || (modes(&terminal) > 0).then_some(())).await;
    terminal.keys("\u{1b}[19~");
    terminal.wait_for("this help").await;
    esc(&mut terminal, "this help").await;
    replace("[screen]\n  thema = \"dark\"\n");
    terminal.wait_for("config.toml:2:3: unknown field `thema`").await;
    terminal.keys("\u{1b}[24~");
    let view = terminal.wait_for("What held before holds on").await;
    assert!(view.contains("mouse"), "{view}");
    esc(&mut terminal, "What held before").await;
    terminal.keys("\u{1b}[19~");
    terminal.wait_for("this help").await;
    esc(&mut terminal, "this help").await;
    replace("server = \"http://127.0.0.1:2\"\n");
    terminal.wait_for("from the next start on: server").await;
    terminal.keys("still here");
    terminal.wait_for("still here").await;
}
