//! `chat-server`, the program: everything but the allocator's setting is in the library.

fn main() -> std::process::ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    share_heaps();
    chat_server::app::main()
}

/// One heap a core instead of glibc's eight, unless `MALLOC_ARENA_MAX` says otherwise. A thread that finds the heaps busy makes
/// another, and each keeps what was once freed in it: without a bound memory goes up for an hour while nothing more is held.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the setting has no other way")]
fn share_heaps() {
    if std::env::var_os("MALLOC_ARENA_MAX").is_some() {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let heaps = i32::try_from(cores).unwrap_or(i32::MAX).max(2);
    // SAFETY: it changes one number of the allocator, and there is no other thread yet.
    // Refused, memory is as it was.
    let _taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, heaps) };
}
