//! How answers are printed: plain lines a script can read.

use std::fmt::Write;

use chat_common::event::server::ServerRole;

use super::admin::Reply;

/// The text for standard output. Names are parsed, so that no control character can be in them.
pub fn show(reply: &Reply) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _never = match reply {
        Reply::Done => write!(out, "done"),
        Reply::Added { user, password: None } => write!(out, "added {}", user.name),
        Reply::Added { user, password: Some(p) } => {
            write!(out, "added {}\npassword: {p}\n(it is shown only now)", user.name)
        }
        Reply::Password { password: None } => write!(out, "the password is set; all sessions have ended"),
        Reply::Password { password: Some(p) } => {
            write!(out, "password: {p}\n(it is shown only now; all sessions have ended)")
        }
        Reply::Users { users } => lines(
            &mut out,
            users.iter().map(|u| {
                let role = if u.role == ServerRole::Admin { "admin" } else { "user" };
                let banned = u.banned_until.map(|t| format!("  banned until {t}")).unwrap_or_default();
                format!("{:<33} {role:<5}  since {}{banned}", u.user.name.as_str(), u.created_at)
            }),
        ),
        Reply::Invite { invite } => {
            write!(
                out,
                "invitation: {}\n(it is shown only now; for {} until {})",
                invite.code,
                if invite.uses == 1 { "one registration".to_owned() } else { format!("{} registrations", invite.uses) },
                invite.expires_at
            )
        }
        Reply::Invites { invites } => {
            lines(&mut out, invites.iter().map(|i| format!("{}  {} left  until {}", i.id, i.uses_left, i.expires_at)))
        }
    };
    out
}

fn lines(out: &mut String, lines: impl Iterator<Item = String>) -> std::fmt::Result {
    for (i, line) in lines.enumerate() {
        if i > 0 {
            out.push('\n');
        }
        out.write_str(line.trim_end())?;
    }
    Ok(())
}
