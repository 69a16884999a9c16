//! How answers are printed: plain lines a script can read, or one JSON object.

use std::fmt::{self, Write};

use chat_common::event::server::ServerRole;
use chat_common::model::{Role, RoomKind};
use chat_common::rest::{AuditLine, SessionInfo, TokenInfo, UserInfo};
use chat_common::text::visible_line;
use serde_json::Value;

use super::admin::Reply;
use crate::service::admin::{RoomBan, RoomDetail, RoomInfo, UserDetail};

/// The text for standard output. Names are parsed, so that no control character can be in them; all else is shown by
/// [`visible_line`].
pub fn show(reply: &Reply, json: bool) -> String {
    if json {
        return as_json(reply);
    }
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _never = write_reply(&mut out, reply);
    out
}

/// The answer's object, without the word that says which answer it is; audit lines are an object a line, as they are with
/// `--follow`.
fn as_json(reply: &Reply) -> String {
    if let Reply::Audit { lines, .. } = reply {
        return lines.iter().map(|line| audit_line(line, true)).collect::<Vec<_>>().join("\n");
    }
    let mut value = serde_json::to_value(reply).unwrap_or_default();
    if let Value::Object(object) = &mut value {
        object.remove("is");
    }
    value.to_string()
}

fn write_reply(out: &mut String, reply: &Reply) -> fmt::Result {
    match reply {
        Reply::Done => write!(out, "done"),
        Reply::Blanked { messages: 0 } => write!(out, "done"),
        Reply::Blanked { messages: 1 } => write!(out, "done; the text of one message was deleted"),
        Reply::Blanked { messages } => write!(out, "done; the texts of {messages} messages were deleted"),
        Reply::Added { user, password: None } => write!(out, "added {}", user.name),
        Reply::Added { user, password: Some(p) } => {
            write!(out, "added {}\npassword: {p}\n(it is shown only now)", user.name)
        }
        Reply::Password { password: None } => write!(out, "the password is set; all sessions have ended"),
        Reply::Password { password: Some(p) } => {
            write!(out, "password: {p}\n(it is shown only now; all sessions have ended)")
        }
        Reply::Users { users } => lines(out, users.iter().map(user_line)),
        Reply::User { user } => write_user(out, user),
        Reply::Sessions { sessions } => lines(out, sessions.iter().map(session_line)),
        Reply::Tokens { tokens } => lines(out, tokens.iter().map(token_line)),
        Reply::Rooms { rooms } => lines(out, rooms.iter().map(room_line)),
        Reply::Room { room } => write_room(out, room),
        Reply::RoomBans { bans } => lines(out, bans.iter().map(ban_line)),
        Reply::Audit { lines: all, .. } => lines(out, all.iter().map(|line| audit_line(line, false))),
        Reply::Invite { invite } => {
            write!(
                out,
                "invitation: {}\n(it is shown only now; for {} until {})",
                invite.code,
                if invite.uses == 1 { "one registration".to_owned() } else { format!("{} registrations", invite.uses) },
                invite.expires_at
            )
        }
        Reply::Hook { hook } => write!(
            out,
            "webhook: {}\naddress: {}\nsigning secret: {}\n(they are shown only now; behind a proxy the address \
             begins with the proxy's)",
            hook.name, hook.url, hook.signing_secret
        ),
        Reply::Hooks { hooks } => {
            lines(out, hooks.iter().map(|h| format!("{}  {:<33} since {}", h.id, h.name.as_str(), h.created_at)))
        }
        Reply::Outgoing { made } => write!(
            out,
            "outgoing webhook: {}\nsigning secret: {}\n(the secret is shown only now)",
            made.info.id, made.signing_secret
        ),
        Reply::Outgoings { outgoing } => lines(
            out,
            outgoing.iter().map(|o| {
                let events: Vec<_> = o.events.iter().map(|e| e.as_str()).collect();
                let state = match (&o.disabled_at, &o.failing_since, &o.fault) {
                    (Some(at), _, fault) => format!("DISABLED since {at}: {}", fault.as_deref().unwrap_or("-")),
                    (None, Some(at), fault) => format!("failing since {at}: {}", fault.as_deref().unwrap_or("-")),
                    _ => "well".to_owned(),
                };
                let (waiting, dead) = (o.waiting, o.dead);
                format!("{}  {}  {}  {waiting} waiting, {dead} dead  {state}", o.id, o.url, events.join(","))
            }),
        ),
        Reply::Signing { signing } => {
            write!(out, "signing secret: {}\n(it is shown only now)", signing.signing_secret)
        }
        Reply::Dead { dead } => lines(
            out,
            dead.iter().map(|d| {
                let again = if d.again { "  (is sent again)" } else { "" };
                format!("{}  {}  {}  {} tries  {}{again}", d.delivery, d.event.as_str(), d.at, d.attempts, d.fault)
            }),
        ),
        Reply::Resent { count } => write!(out, "{count} will be sent again"),
        Reply::Invites { invites } => {
            lines(out, invites.iter().map(|i| format!("{}  {} left  until {}", i.id, i.uses_left, i.expires_at)))
        }
    }
}

fn user_line(u: &UserInfo) -> String {
    let role = if u.role == ServerRole::Admin { "admin" } else { "user" };
    let banned = u.banned_until.map(|t| format!("  banned until {t}")).unwrap_or_default();
    format!("{:<33} {role:<5}  since {}{banned}", u.user.name.as_str(), u.created_at)
}

fn session_line(s: &SessionInfo) -> String {
    let agent = s.agent.as_deref().map(visible_line).unwrap_or_default();
    format!("{}  since {}  used {}  {agent}", s.id, s.created_at, s.used_at)
}

fn token_line(t: &TokenInfo) -> String {
    let scopes: Vec<&str> = t.scopes.iter().map(|scope| scope.name()).collect();
    let ends = t.expires_at.map(|t| format!("  until {t}")).unwrap_or_default();
    format!("{}  {:<20} {:<15}  since {}{ends}", t.id, t.name.as_str(), scopes.join(","), t.created_at)
}

fn room_line(r: &RoomInfo) -> String {
    let topic = visible_line(&r.topic);
    format!("{:<33} {:<7}  {:>5} members  at {}  {topic}", r.room.as_str(), kind(r.kind), r.members, r.head)
}

fn kind(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Public => "public",
        RoomKind::Private => "private",
        RoomKind::Direct => "direct",
    }
}

fn ban_line(b: &RoomBan) -> String {
    let until = b.until.map_or("for good".to_owned(), |t| format!("until {t}"));
    format!("{:<33} {until}", b.user.name.as_str())
}

fn write_user(out: &mut String, user: &UserDetail) -> fmt::Result {
    let name = visible_line(&user.info.user.display_name);
    writeln!(out, "{}\nshown as {name}", user_line(&user.info))?;
    part(out, "sessions", user.sessions.iter().map(session_line))?;
    part(out, "tokens", user.tokens.iter().map(token_line))?;
    part(out, "rooms", user.rooms.iter().map(ToString::to_string))
}

fn write_room(out: &mut String, room: &RoomDetail) -> fmt::Result {
    writeln!(out, "{}", room_line(&room.info).trim_end())?;
    if let Some(owner) = &room.owner {
        writeln!(out, "owner {owner}")?;
    }
    if let Some(at) = room.latest_at {
        writeln!(out, "latest entry {at}")?;
    }
    let people = room.people.iter().map(|member| {
        let role = match member.role {
            Role::Owner => "owner",
            Role::Moderator => "moderator",
            Role::Member => "member",
        };
        format!("{:<33} {role:<9}  since {}", member.user.name.as_str(), member.joined_at)
    });
    part(out, "members", people)?;
    part(out, "banned", room.bans.iter().map(ban_line))
}

/// A line of the audit.
pub fn audit_line(line: &AuditLine, json: bool) -> String {
    if json {
        return serde_json::to_string(line).unwrap_or_default();
    }
    let actor = line.actor.as_ref().map_or("(command line)".to_owned(), |user| user.name.to_string());
    let detail = line.detail.as_deref().map(visible_line).unwrap_or_default();
    let (action, subject) = (visible_line(&line.action), visible_line(&line.subject));
    format!("{}  {actor:<16} {action:<16} {subject}  {detail}", line.at).trim_end().to_owned()
}

fn part(out: &mut String, title: &str, all: impl Iterator<Item = String>) -> fmt::Result {
    let all: Vec<String> = all.collect();
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title}:")?;
    all.iter().try_for_each(|line| writeln!(out, "  {}", line.trim_end()))
}

fn lines(out: &mut String, lines: impl Iterator<Item = String>) -> fmt::Result {
    for (i, line) in lines.enumerate() {
        if i > 0 {
            out.push('\n');
        }
        out.write_str(line.trim_end())?;
    }
    Ok(())
}
