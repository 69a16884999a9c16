//! `wait`: blocks until a message matches, prints it and ends. It is `tail` from now on with a count of one.

use std::process::ExitCode;

use super::args::{TailArgs, WaitArgs};
use super::context::Context;
use super::error::CliError;
use super::message::Type;
use super::tail;

/// Waits; exit 1 when `--timeout` is over.
pub fn run(context: &Context, args: WaitArgs) -> Result<ExitCode, CliError> {
    tail::run(context, &as_tail(args, context.quiet))
}

/// What `tail` is to do. With `--since`, what has been said since then counts too: who began something before waiting
/// for its end does not miss a quick answer.
fn as_tail(args: WaitArgs, silent: bool) -> TailArgs {
    TailArgs {
        number: if args.since.is_some() { None } else { Some(0) },
        follow: true,
        since: args.since,
        from: args.from,
        grep: args.grep,
        mentions: args.mentions,
        types: vec![Type::Message],
        no_self: args.no_self,
        count: Some(1),
        silent,
        name: args.name.name,
        ..TailArgs::default()
    }
}
