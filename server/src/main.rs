//! `chat-server`, the program: everything is in the library.

fn main() -> std::process::ExitCode {
    chat_server::app::main()
}
