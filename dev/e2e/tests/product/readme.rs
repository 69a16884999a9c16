//! The README's commands, copied from the README and run: every block marked `sh` in a shell, the one marked `js` in
//! Node.js. Only the address is another.

use chat_e2e::{Server, foreign, program};

/// The blocks of a language, in order.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(program::root().join("README.md")).expect("the README");
    let mut found = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix("```") == Some(language) {
            found.push(lines.by_ref().take_while(|l| *l != "```").collect::<Vec<_>>().join("\n"));
        }
    }
    found
}

#[tokio::test]
async fn the_shell_commands_of_the_readme_work_as_they_stand() {
    let server = Server::start().await;
    let home = tempfile::tempdir().expect("a home");
    let bin = program::path("chat-tui");
    let bin = bin.parent().expect("a folder");
    let blocks = blocks("sh");
    assert!(blocks.len() >= 4, "the README has lost its examples");
    let mut said = String::new();
    for block in blocks {
        let block = block.replace("127.0.0.1:6969", &server.address());
        let mut command = program::isolated("bash", home.path());
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("CHAT_SERVER", server.url()).args(["-euo", "pipefail", "-c", &block]);
        let output = program::finish(command, b"").await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{block}\n{}{}", text(&output.stdout), text(&output.stderr));
        said += &text(&output.stdout);
    }
    let log = server.guest("reader").await.api.history("lobby").await;
    let texts: Vec<&str> = log.iter().filter_map(|m| m["text"].as_str()).collect();
    assert_eq!((texts[0], texts[2], texts[3]), ("hello", "backup done", "hello from curl"));
    assert!(texts[1].starts_with("```\nFilesystem"), "{}", texts[1]);
    assert!(said.contains("\"type\":\"message\"") && said.contains("backup-2026-11-22"), "{said}");
}

#[tokio::test]
async fn the_javascript_of_the_readme_works_as_it_stands() {
    let Some(modules) = foreign::node_modules("the_javascript_of_the_readme_works_as_it_stands") else { return };
    let server = Server::start().await;
    let [script] = blocks("js").try_into().expect("one block of JavaScript");
    // Beside the installed packages, where an import finds them.
    let file = modules.join(format!("readme-{}.mjs", server.port()));
    std::fs::write(&file, script.replace("127.0.0.1:6969", &server.address())).expect("a script");
    let mut command = program::isolated("node", server.folder());
    command.arg(&file);
    let output = program::finish(command, b"").await;
    std::fs::remove_file(&file).expect("our own file");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("stored as 1") && said.contains("~node hello from JavaScript"), "{said}");
}
