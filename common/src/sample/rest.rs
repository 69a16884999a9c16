//! Samples of every body of the REST interface that is not a reply of `/chat`.

use super::{Sample, ana, at, cursor, key, later, lobby, name, sample};
use crate::event::server::ServerRole;
use crate::model::{Role, RoomKind};
use crate::rest::{
    Audit, AuditLine, CreateHook, CreateInvite, CreateOutgoing, CreateToken, DeadLetter, DeadLetters, ErrorReply,
    Guest, HookInfo, Hooks, Login, Logout, Me, NewHook, NewInvite, NewOutgoing, NewSigning, NewToken, OutgoingInfo,
    Outgoings, PatchMe, PatchMessage, PatchRoom, PostMessage, Posted, PutBan, PutMember, Readiness, Refresh, Register,
    Registration, Resend, Resent, Scope, ServerAccess, Session, SessionInfo, Sessions, TokenInfo, Tokens, Told,
    UserInfo, Users,
};
use crate::{ErrorBody, Seq};

pub(super) fn all() -> Vec<Sample> {
    [sessions(), own(), rooms(), outgoing(), admin()].into_iter().flatten().collect()
}

fn sessions() -> Vec<Sample> {
    let (who, password) = ("ana".to_owned(), "correct horse".to_owned());
    vec![
        sample(
            "GET /server",
            &ServerAccess { version: "0.1.0".into(), guests: true, registration: Registration::Invite },
        ),
        sample(
            "REST error",
            &ErrorReply {
                error: ErrorBody::invalid("text", "the text is empty"),
                request_id: Some("4f1c7d9a2b3e5f60".to_owned()),
            },
        ),
        sample(
            "POST /auth/register",
            &Register { name: who.clone(), password: password.clone(), invite: Some("c0de".into()) },
        ),
        sample("POST /auth/login", &Login { name: who.clone(), password }),
        sample("POST /auth/guest", &Guest { name: who }),
        sample("POST /auth/refresh", &Refresh { refresh_token: "r1".into() }),
        sample("POST /auth/logout", &Logout { refresh_token: Some("r1".into()) }),
        sample(
            "POST /auth/… → 200",
            &Session { access_token: "eyJ…".into(), expires_at: later(), refresh_token: "r2".into(), user: ana() },
        ),
    ]
}

fn own() -> Vec<Sample> {
    let token = || TokenInfo {
        id: "t1".into(),
        name: name("ci"),
        scopes: vec![Scope::Read, Scope::Send],
        rooms: Some(vec![lobby()]),
        created_at: at(),
        expires_at: Some(later()),
    };
    let session = SessionInfo {
        id: "s1".into(),
        created_at: at(),
        used_at: later(),
        agent: Some("chat-tui/0.1.0".into()),
        current: true,
    };
    vec![
        sample("GET /me", &Me { user: ana(), role: ServerRole::Admin, scopes: Some(vec![Scope::Admin]) }),
        sample(
            "PATCH /me",
            &PatchMe {
                display_name: Some("Ana".into()),
                name: Some("ana".into()),
                password: Some("battery staple".into()),
                current_password: Some("correct horse".into()),
            },
        ),
        sample(
            "POST /tokens",
            &CreateToken {
                name: name("ci"),
                scopes: vec![Scope::Send],
                rooms: Some(vec![lobby()]),
                expires_at: Some(later()),
            },
        ),
        sample("POST /tokens → 201", &NewToken { info: token(), token: "chat_…".into() }),
        sample("GET /tokens", &Tokens { tokens: vec![token()] }),
        sample("GET /sessions", &Sessions { sessions: vec![session] }),
    ]
}

fn rooms() -> Vec<Sample> {
    let hook = || HookInfo { id: "h1".into(), name: name("ci"), created_at: at() };
    vec![
        sample(
            "PATCH /rooms/{room}",
            &PatchRoom { topic: Some("New".into()), kind: Some(RoomKind::Private), retention_days: Some(30) },
        ),
        sample(
            "PUT /rooms/{room}/members/{name}",
            &PutMember { role: Some(Role::Moderator), muted_until: Some(later()), reason: Some("noise".into()) },
        ),
        sample("PUT /rooms/{room}/bans/{name}", &PutBan { until: Some(later()), reason: Some("noise".into()) }),
        sample(
            "POST /rooms/{room}/messages",
            &PostMessage { text: "hello".into(), client_id: Some(key()), reply_to: Some(Seq(40)) },
        ),
        sample(
            "POST /rooms/{room}/messages → 201",
            &Posted { room: lobby(), seq: Seq(41), at: at(), duplicate: false },
        ),
        sample("PATCH /rooms/{room}/messages/{seq}", &PatchMessage { text: "hello!".into() }),
        sample("POST /rooms/{room}/hooks", &CreateHook { name: name("ci") }),
        sample(
            "POST /rooms/{room}/hooks → 201",
            &NewHook {
                id: "h1".into(),
                name: name("ci"),
                url: "https://chat.example/hooks/h1/s".into(),
                signing_secret: "s3".into(),
            },
        ),
        sample("GET /rooms/{room}/hooks", &Hooks { hooks: vec![hook()] }),
    ]
}

fn outgoing() -> Vec<Sample> {
    let info = || OutgoingInfo {
        id: "o1".into(),
        url: "https://bot.example/chat".into(),
        events: vec![Told::MessageCreated, Told::MemberJoined],
        bots: false,
        created_at: at(),
        seq: Seq(40),
        waiting: 1,
        dead: 1,
        failing_since: Some(at()),
        fault: Some("it answered 500".into()),
        disabled_at: Some(later()),
    };
    let letter = DeadLetter {
        delivery: "msg_e1_o1_40".into(),
        event: Told::MessageCreated,
        seq: Some(Seq(40)),
        at: at(),
        attempts: 12,
        fault: "it answered 500".into(),
        again: false,
    };
    let create = CreateOutgoing {
        url: "https://bot.example/chat".into(),
        events: Some(vec![Told::MessageCreated, Told::MemberJoined]),
        bots: false,
    };
    let secret = || "whsec_…".to_owned();
    vec![
        sample("POST /rooms/{room}/outgoing", &create),
        sample("POST /rooms/{room}/outgoing → 201", &NewOutgoing { info: info(), signing_secret: secret() }),
        sample("POST /rooms/{room}/outgoing/{id}/rotate → 200", &NewSigning { signing_secret: secret() }),
        sample("GET /rooms/{room}/outgoing", &Outgoings { outgoing: vec![info()] }),
        sample("GET /rooms/{room}/outgoing/{id}/dead", &DeadLetters { dead: vec![letter] }),
        sample("POST /rooms/{room}/outgoing/{id}/resend", &Resend { delivery: Some("msg_e1_o1_40".into()) }),
        sample("POST /rooms/{room}/outgoing/{id}/resend → 202", &Resent { count: 1 }),
    ]
}

fn admin() -> Vec<Sample> {
    let line = AuditLine {
        at: at(),
        actor: Some(ana()),
        action: "member:ban".into(),
        subject: "~bob".into(),
        detail: Some("noise".into()),
    };
    let user = UserInfo { user: ana(), role: ServerRole::Admin, created_at: at(), banned_until: Some(later()) };
    vec![
        sample("POST /admin/invites", &CreateInvite { uses: Some(3), expires_at: Some(later()) }),
        sample("POST /admin/invites → 201", &NewInvite { code: "c0de".into(), uses: 3, expires_at: later() }),
        sample("GET /admin/users", &Users { users: vec![user], next: cursor() }),
        sample("GET /admin/audit", &Audit { lines: vec![line], next: cursor() }),
        sample(
            "GET /readyz",
            &Readiness {
                ready: true,
                store: "ok".into(),
                bus: "ok".into(),
                nodes: 1,
                cluster: "ok".into(),
                feed: Some("ok".into()),
                relay: Some("ok".into()),
                draining: false,
            },
        ),
    ]
}
