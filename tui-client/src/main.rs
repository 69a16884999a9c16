//! The program `chat-tui`: hands the command line to the library and ends with its exit code.

fn main() -> std::process::ExitCode {
    chat_tui::cli::main()
}
