//! The slash commands: one table. To add one, write a row in [`TABLE`], a variant of [`Invocation`] and the arm in
//! `app::update::commands` that the compiler then asks for.

use chat_common::model::{Role, Status};
use chat_common::{RoomRef, UserName};

/// A command as understood: what to do, with its parts parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Enter a room (it is made if there is none), or open the list of rooms.
    Join(Option<RoomRef>),
    /// Leave this room or the named one.
    Leave(Option<RoomRef>),
    /// Show or set the topic.
    Topic(Option<String>),
    /// Let somebody into this room.
    Invite(UserName),
    /// Open the conversation with somebody, perhaps with a first text.
    Msg(UserName, Option<String>),
    /// Say what one does.
    Me(String),
    /// Take another name.
    Nick(String),
    /// Say how present one is.
    Presence(Status, Option<String>),
    /// Remove a member.
    Kick(UserName, Option<String>),
    /// Remove a user and keep it out.
    Ban(UserName, Option<String>),
    /// Lift a ban.
    Unban(UserName),
    /// Silence a member for so many seconds; 0 lifts it.
    Mute(UserName, u64),
    /// Give a member a role.
    Role(UserName, Role),
    /// Hide a user's texts, or show them again.
    Block(UserName, bool),
    /// Search messages.
    Search(String),
    /// Who is in this room.
    Who,
    /// To the oldest message, or so many days back.
    History,
    /// Show the settings, show one, or change it.
    Set(Option<(String, Option<String>)>),
    /// What of this room draws attention: one of [`LEVELS`]; none of them: they are named.
    Notify(Option<&'static str>),
    /// The room's webhooks.
    Hook(HookAsk),
    /// Leave the program.
    Quit,
    /// Keys and commands.
    Help,
}

/// What is done with a room's webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookAsk {
    /// Show them.
    List,
    /// Make one that posts here as a bot of this name.
    Add(UserName),
    /// Give the one of this name, or id, another address.
    Rotate(String),
    /// Delete the one of this name, or id.
    Delete(String),
    /// Send what happens here to this address.
    Out(String),
}

/// What of a room can draw attention; `default`: as for every room.
pub const LEVELS: [&str; 4] = ["all", "mentions", "none", "default"];

/// One command: how it is called and what it is for.
#[derive(Clone, Copy)]
pub struct Command {
    /// Without the slash.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// What follows the name.
    pub args: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Reads what follows the name; `None`: show how it is written.
    parse: fn(&str) -> Option<Invocation>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/{}", self.name)
    }
}

const fn command(
    name: &'static str,
    aliases: &'static [&'static str],
    args: &'static str,
    help: &'static str,
    parse: fn(&str) -> Option<Invocation>,
) -> Command {
    Command { name, aliases, args, help, parse }
}

use Invocation as I;

/// Every command, in the order of the help.
pub const TABLE: &[Command] = &[
    command("join", &["j", "create", "new"], "[ROOM]", "enter a room, make a new one, or choose one", |a| {
        if a.is_empty() { Some(I::Join(None)) } else { room(a).map(|r| I::Join(Some(r))) }
    }),
    command("rooms", &["list", "channels"], "", "choose a room from the list", |_| Some(I::Join(None))),
    command("leave", &["part", "close"], "[ROOM]", "leave this room", |a| {
        if a.is_empty() { Some(I::Leave(None)) } else { room(a).map(|r| I::Leave(Some(r))) }
    }),
    command("msg", &["dm", "query"], "NAME [TEXT]", "talk to one person", |a| {
        let (who, text) = head(a);
        Some(I::Msg(user(who)?, some(text)))
    }),
    command("me", &[], "TEXT", "say what you do: /me waves", |a| some(a).map(I::Me)),
    command("topic", &[], "[TEXT]", "show or set the room's topic", |a| Some(I::Topic(some(a)))),
    command("invite", &[], "NAME", "let somebody into this private room", |a| user(a).map(I::Invite)),
    command("who", &["members", "names"], "", "who is in this room", |_| Some(I::Who)),
    command("search", &["find", "s"], "[WORDS]", "search messages", |a| Some(I::Search(a.to_owned()))),
    command("history", &[], "", "go to the oldest message", |_| Some(I::History)),
    command("nick", &["name"], "NAME", "take another name", |a| some(a).map(I::Nick)),
    command("away", &["afk"], "[TEXT]", "say that you are away; /back to return", |a| {
        Some(I::Presence(Status::Away, some(a)))
    }),
    command("back", &["online"], "", "say that you are here", |_| Some(I::Presence(Status::Online, None))),
    command("dnd", &["busy"], "[TEXT]", "no bell until /back", |a| Some(I::Presence(Status::Dnd, some(a)))),
    command("notify", &[], "LEVEL", "what rings: all, mentions, none, default", |a| {
        Some(I::Notify(LEVELS.into_iter().find(|level| *level == a)))
    }),
    command("kick", &[], "NAME [REASON]", "remove a member", |a| {
        let (who, why) = head(a);
        Some(I::Kick(user(who)?, some(why)))
    }),
    command("ban", &[], "NAME [REASON]", "remove somebody for good", |a| {
        let (who, why) = head(a);
        Some(I::Ban(user(who)?, some(why)))
    }),
    command("unban", &[], "NAME", "lift a ban", |a| user(a).map(I::Unban)),
    command("mute", &[], "NAME [10m|2h|off]", "silence a member, for an hour unless said", |a| {
        let (who, long) = head(a);
        Some(I::Mute(user(who)?, if long.is_empty() { 3600 } else { seconds(long)? }))
    }),
    command("role", &[], "NAME moderator|member", "give a member a role", |a| {
        let (who, role) = head(a);
        let role = match role {
            "moderator" | "mod" => Role::Moderator,
            "member" => Role::Member,
            _ => return None,
        };
        Some(I::Role(user(who)?, role))
    }),
    command("block", &["ignore"], "NAME", "hide somebody's texts", |a| Some(I::Block(user(a)?, true))),
    command("unblock", &["unignore"], "NAME", "show somebody's texts again", |a| Some(I::Block(user(a)?, false))),
    command("hook", &["webhook"], "[add|out|delete|…]", "webhooks, in and out", |a| {
        let (what, rest) = head(a);
        Some(I::Hook(match (what, some(rest)) {
            ("" | "list", None) => HookAsk::List,
            ("add" | "new", Some(name)) => HookAsk::Add(user(&name)?),
            ("rotate", Some(hook)) => HookAsk::Rotate(hook),
            ("delete" | "remove", Some(hook)) => HookAsk::Delete(hook),
            ("out", Some(url)) => HookAsk::Out(url),
            _ => return None,
        }))
    }),
    command("set", &["settings"], "[NAME] [VALUE]", "settings: show them, or change one", |a| {
        let (name, value) = head(a);
        if name.is_empty() {
            return Some(I::Set(None));
        }
        Some(I::Set(Some((name.to_owned(), some(value)))))
    }),
    command("theme", &[], "[NAME]", "another look: dark, light, 16, mono, …", |a| {
        Some(I::Set(Some(("theme".to_owned(), some(a)))))
    }),
    command("help", &["h", "?"], "", "keys and commands", |_| Some(I::Help)),
    command("quit", &["exit", "q"], "", "leave the program", |_| Some(I::Quit)),
];

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCommand {
    /// No such command; perhaps one is near.
    #[error("there is no /{name}; {}", match near { Some(n) => format!("did you mean /{n}?"), None => "/help lists them, // sends it as text".to_owned() })]
    Unknown {
        /// What was typed.
        name: String,
        /// What may have been meant.
        near: Option<&'static str>,
    },
    /// The parts are wrong.
    #[error("write it as /{0}")]
    Usage(String),
}

/// Whether a text is meant as a command: one line that begins with `/` and a letter. `//` sends the rest as it is.
pub fn is_command(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('/')
        && chars.next().is_some_and(|c| c.is_alphabetic() || c == '?')
        && !text.trim_end().contains('\n')
        && !text.split_whitespace().next().unwrap_or_default()[1..].contains('/')
}

/// Reads a command line that begins with `/`.
pub fn parse(line: &str) -> Result<Invocation, BadCommand> {
    let (name, args) = head(line.trim().trim_start_matches('/'));
    let lower = name.to_lowercase();
    let found = TABLE.iter().find(|c| c.name == lower || c.aliases.contains(&lower.as_str()));
    let Some(command) = found else {
        return Err(BadCommand::Unknown { near: near(&lower), name: name.chars().take(40).collect() });
    };
    (command.parse)(args).ok_or_else(|| BadCommand::Usage(format!("{} {}", command.name, command.args)))
}

/// The command whose name is nearest, if it is near enough to be meant.
fn near(name: &str) -> Option<&'static str> {
    let names = TABLE.iter().flat_map(|c| std::iter::once(c.name).chain(c.aliases.iter().copied()));
    names
        .filter(|n| n.len() > 1)
        .map(|n| (distance(name, n), n))
        .filter(|(d, n)| *d <= 2 && *d < n.chars().count())
        .min_by_key(|(d, _)| *d)
        .map(|(_, n)| n)
}

/// How many edits (insert, delete, replace, swap of neighbours) lie between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// The first word and the rest.
fn head(s: &str) -> (&str, &str) {
    let s = s.trim();
    s.split_once(char::is_whitespace).map_or((s, ""), |(a, b)| (a, b.trim()))
}

fn some(s: &str) -> Option<String> {
    (!s.is_empty()).then(|| s.to_owned())
}

fn user(s: &str) -> Option<UserName> {
    UserName::parse(s.strip_prefix('@').unwrap_or(s)).ok()
}

fn room(s: &str) -> Option<RoomRef> {
    RoomRef::parse(s.strip_prefix('#').unwrap_or(s)).ok()
}

/// `90s`, `10m`, `2h`, `3d`, `off`.
fn seconds(s: &str) -> Option<u64> {
    if s == "off" {
        return Some(0);
    }
    let unit = match s.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    s[..s.len() - 1].parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single_and_in_lower_case() {
        let mut seen = std::collections::HashSet::new();
        for c in TABLE {
            for n in std::iter::once(&c.name).chain(c.aliases) {
                assert!(seen.insert(*n), "/{n} stands twice");
                assert_eq!(n.to_lowercase(), **n);
            }
        }
    }

    #[test]
    fn parts_are_parsed() {
        assert_eq!(parse("/join #ops"), Ok(I::Join(Some(RoomRef::parse("ops").unwrap()))));
        assert_eq!(parse("/j"), Ok(I::Join(None)));
        assert_eq!(parse("/msg @Bob hello  you"), Ok(I::Msg(user("bob").unwrap(), Some("hello  you".to_owned()))));
        assert_eq!(parse("/mute bob 10m"), Ok(I::Mute(user("bob").unwrap(), 600)));
        assert_eq!(parse("/mute bob off"), Ok(I::Mute(user("bob").unwrap(), 0)));
        assert_eq!(parse("/hook"), Ok(I::Hook(HookAsk::List)));
        assert_eq!(parse("/hook add ci"), Ok(I::Hook(HookAsk::Add(user("ci").unwrap()))));
        assert_eq!(parse("/webhook rotate ci"), Ok(I::Hook(HookAsk::Rotate("ci".to_owned()))));
        assert_eq!(parse("/hook out https://x.example/"), Ok(I::Hook(HookAsk::Out("https://x.example/".to_owned()))));
        assert_eq!(parse("/role bob mod"), Ok(I::Role(user("bob").unwrap(), Role::Moderator)));
    }

    #[test]
    fn a_slip_gets_a_proposal_and_wrong_parts_the_usage() {
        assert_eq!(parse("/jion ops").unwrap_err().to_string(), "there is no /jion; did you mean /join?");
        assert_eq!(parse("/kcik").unwrap_err().to_string(), "there is no /kcik; did you mean /kick?");
        assert!(parse("/xyzzy").unwrap_err().to_string().contains("/help"));
        assert_eq!(parse("/kick").unwrap_err().to_string(), "write it as /kick NAME [REASON]");
        assert_eq!(parse("/role bob king").unwrap_err().to_string(), "write it as /role NAME moderator|member");
        let hook = "write it as /hook [add|out|delete|…]";
        for wrong in ["/hook add", "/hook add a b", "/hook ci", "/hook out", "/hook list x"] {
            assert_eq!(parse(wrong).unwrap_err().to_string(), hook, "{wrong}");
        }
        assert_eq!(parse("/join a/b").unwrap_err().to_string(), "write it as /join [ROOM]");
    }

    #[test]
    fn paths_and_escaped_lines_are_no_commands() {
        for (text, yes) in
            [("/join", true), ("/?", true), ("//join", false), ("/usr/bin", false), ("/", false), ("/me\nx", false)]
        {
            assert_eq!(is_command(text), yes, "{text:?}");
        }
    }
}
