//! Which lines are wanted.

use chat_common::{Timestamp, UserId, UserName};

use super::super::args::TailArgs;
use super::super::message::{Line, Pattern, Type};

/// The filters of the command line. Gaps are always wanted: silence about them would be a lie.
#[derive(Debug)]
pub struct Filter {
    types: Vec<Type>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    from: Vec<UserName>,
    grep: Option<Pattern>,
    mentions: bool,
    no_self: bool,
    me: Option<UserId>,
}

impl Filter {
    /// From the options and, where they ask for it, who one is.
    pub fn new(args: &TailArgs, me: Option<UserId>) -> Self {
        Self {
            types: args.types.clone(),
            since: args.since,
            until: args.until,
            from: args.from.clone(),
            grep: args.grep.clone(),
            mentions: args.mentions,
            no_self: args.no_self,
            me,
        }
    }

    /// Who one is, once that is known.
    pub fn identify(&mut self, me: UserId) {
        self.me = Some(me);
    }

    /// Whether a line is wanted.
    pub fn wants(&self, line: &Line) -> bool {
        if line.kind == Type::Gap {
            return true;
        }
        if !self.types.is_empty() && !self.types.contains(&line.kind) {
            return false;
        }
        if line.kind == Type::Connection {
            return !self.content();
        }
        let from = line.from.as_ref();
        // A guest is meant by `ana` as well as by `~ana`.
        let named = |u: &UserName| from.is_some_and(|f| f.name == *u || f.name == u.clone().guest());
        self.since.is_none_or(|t| line.at.is_some_and(|at| at >= t))
            && self.until.is_none_or(|t| line.at.is_some_and(|at| at < t))
            && (self.from.is_empty() || self.from.iter().any(named))
            && self.grep.as_ref().is_none_or(|p| line.text.as_deref().is_some_and(|t| p.0.is_match(t)))
            && (!self.mentions || self.me.is_some_and(|me| line.mentions.contains(&me)))
            && !(self.no_self && from.is_some_and(|f| Some(f.id) == self.me))
    }

    /// Whether it leaves any message out that is young enough.
    pub fn is_active(&self) -> bool {
        self.content() || self.no_self || self.until.is_some() || !self.types.is_empty()
    }

    /// Whether only some messages are wanted, so that other things would disturb.
    fn content(&self) -> bool {
        self.grep.is_some() || self.mentions || !self.from.is_empty()
    }
}
