//! Every act of an admin stands in the audit: of each command of the program, and of each admin route, somebody has said
//! here what line it leaves, or that it changes nothing.

use std::collections::BTreeSet;

use chat_server::cli::admin::{OutgoingRequest, Reply, Request, ask};
use chat_server::cli::{Cli, Job};
use chat_server::config::{Config, Flags};
use chat_server::rest;
use clap::{CommandFactory, Parser};
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{PASSWORD, Someone, World, answer};

/// Commands that change something, in an order in which they go well, and the action in the audit.
const ACTS: &[(&str, &str)] = &[
    ("user add ana --password-file {password}", "user:create"),
    ("user password ana --password-file {password}", "user:password"),
    ("user role ana admin", "user:role"),
    ("user ban bob --reason spam", "user:ban"),
    ("user unban bob", "user:unban"),
    ("user revoke eve {session}", "user:revoke"),
    ("user revoke eve", "user:revoke"),
    ("invite create", "invite:create"),
    ("invite delete {invite}", "invite:delete"),
    ("token revoke carl {token}", "token:revoke"),
    ("room create hall --owner carl --kind private", "room:create"),
    ("room set hall --kind public", "room:kind"),
    ("ban add bob --room hall", "member:ban"),
    ("ban remove bob --room hall", "member:unban"),
    ("ban add bob", "user:ban"),
    ("ban remove bob", "user:unban"),
    ("room transfer lobby carl", "room:transfer"),
    ("room delete hall", "room:delete"),
    ("room retention lobby 30", "room:retention"),
    ("hook add lobby alarms", "hook:create"),
    ("hook rotate lobby alarms", "hook:rotate"),
    ("hook delete lobby alarms", "hook:delete"),
    ("outgoing add lobby https://8.8.8.8/hook", "outgoing:create"),
    ("outgoing rotate lobby {outgoing}", "outgoing:rotate"),
    ("outgoing enable lobby {outgoing}", "outgoing:enable"),
    ("outgoing resend lobby {outgoing}", "outgoing:resend"),
    ("outgoing delete lobby {outgoing}", "outgoing:delete"),
    ("user erase bob --texts", "user:erase"),
    ("backup {file}", "backup:create"),
    ("export --room lobby --format md", "room:export"),
    ("verify --repair", "index:repair"),
];

/// Commands that change nothing on a server: they look, print, run it, or work on files that no server uses.
const LOOKS: &[&str] = &[
    "serve",
    "top",
    "audit",
    "openapi",
    "healthcheck",
    "doctor",
    "man",
    "completions",
    "user list",
    "user show",
    "user sessions",
    "invite list",
    "room list",
    "room show",
    "token list",
    "hook list",
    "outgoing list",
    "outgoing dead",
    "ban list",
    "config check",
    "config show",
    "config default",
    "db copy",
    "restore",
];

/// Admin routes that change something, with a body, and the action in the audit.
const ROUTES: &[(&str, &str, &str, &str)] = &[
    ("PUT", "/admin/users/{name}", r#"{"role":"admin"}"#, "user:role"),
    ("DELETE", "/admin/users/{name}", "", "user:erase"),
    ("PUT", "/admin/bans/{name}", "{}", "user:ban"),
    ("DELETE", "/admin/bans/{name}", "", "user:unban"),
    ("POST", "/admin/invites", "{}", "invite:create"),
    ("DELETE", "/admin/invites/{id}", "", "invite:delete"),
];

fn leaves(command: &clap::Command, path: &str) -> Vec<String> {
    let below: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
    if below.is_empty() {
        return vec![path.to_owned()];
    }
    let name =
        |c: &clap::Command| if path.is_empty() { c.get_name().to_owned() } else { format!("{path} {}", c.get_name()) };
    below.into_iter().flat_map(|c| leaves(c, &name(c))).collect()
}

async fn told(w: &World, request: Request) -> Reply {
    match ask(&w.data_dir(), request).await.unwrap() {
        Ok(reply) => reply,
        Err(_) => panic!("the server runs, and is not found"),
    }
}

/// `(actor, action)` of the lines after `after`, and the number of the newest.
async fn lines_after(w: &World, after: i64) -> (Vec<(bool, String)>, i64) {
    let Reply::Audit { lines, newest } = told(w, Request::AuditAfter { after }).await else { panic!() };
    (lines.into_iter().map(|line| (line.actor.is_some(), line.action)).collect(), newest)
}

async fn id_of(someone: &Someone, path: &str, list: &str, fits: impl Fn(&Value) -> bool) -> String {
    let (_, all) = someone.get(path).await;
    let found = all[list].as_array().unwrap().iter().find(|one| fits(one)).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_command_that_changes_something_stands_in_the_audit() {
    let leaves: BTreeSet<String> = leaves(&Cli::command(), "").into_iter().collect();
    let acting =
        ACTS.iter().map(|(line, _)| leaves.iter().filter(|leaf| line.starts_with(leaf.as_str())).max().unwrap());
    let known: BTreeSet<String> = acting.cloned().chain(LOOKS.iter().map(|l| (*l).to_owned())).collect();
    assert_eq!(known, leaves, "each command must stand in ACTS or in LOOKS, and nowhere else");

    let w = World::start().await;
    let (bob, carl, eve) = (w.user("bob").await, w.user("carl").await, w.user("eve").await);
    bob.say("lobby", "hi").await;
    carl.say("lobby", "hi").await;
    carl.post("/tokens", json!({"name": "crier", "scopes": ["send"]})).await;
    let token = id_of(&carl, "/tokens", "tokens", |_| true).await;
    let session = id_of(&eve, "/sessions", "sessions", |s| s["current"] == true).await;
    let (file, password) = (w.data_dir().join("copy.db"), w.data_dir().join("password"));
    std::fs::write(&password, PASSWORD).unwrap();
    let flags = Flags { data_dir: Some(w.data_dir()), ..Flags::default() };
    let config = Config::load(flags, &|_| None).unwrap();
    let mut newest = lines_after(&w, 0).await.1;
    for (line, action) in ACTS {
        let invite = match told(&w, Request::InviteList).await {
            Reply::Invites { invites } => invites.first().map(|i| i.id.clone()).unwrap_or_default(),
            _ => panic!(),
        };
        let listed = Request::Outgoing { room: "lobby".parse().unwrap(), ask: OutgoingRequest::List };
        let outgoing = match told(&w, listed).await {
            Reply::Outgoings { outgoing } => outgoing.first().map(|o| o.id.clone()).unwrap_or_default(),
            _ => panic!(),
        };
        let line = line
            .replace("{token}", &token)
            .replace("{session}", &session)
            .replace("{invite}", &invite)
            .replace("{outgoing}", &outgoing)
            .replace("{password}", &password.display().to_string())
            .replace("{file}", &file.display().to_string());
        let words = std::iter::once("chat-server").chain(line.split(' '));
        let request = match Cli::try_parse_from(words).unwrap().command.unwrap().job().unwrap() {
            Job::Ask { request, .. } => request,
            // What works on the file itself tells the server of it.
            Job::Backup(backup) => Request::NoteBackup { file: backup.run(&config).unwrap().file },
            Job::Verify(verify) if verify.repair => Request::RepairIndex,
            Job::Export(export) => {
                let found = export.find(&config).await.unwrap();
                Request::NoteExport { room: found.room().clone(), detail: export.detail() }
            }
            _ => panic!("{line}"),
        };
        told(&w, request).await;
        let (lines, now) = lines_after(&w, newest).await;
        assert!(lines.contains(&(false, (*action).to_owned())), "{line}: {lines:?}");
        newest = now;
    }
    w.stop().await;
}

#[tokio::test]
async fn every_admin_route_that_changes_something_stands_in_the_audit() {
    let document = serde_json::to_value(rest::document()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1").filter(|p| p.starts_with("/admin/")) else { continue };
        let methods = methods.as_object().unwrap().keys().map(|m| m.to_uppercase());
        routes.extend(methods.filter(|m| m != "GET").map(|m| (m, path.to_owned())));
    }
    let known: BTreeSet<_> = ROUTES.iter().map(|(m, path, ..)| ((*m).to_owned(), (*path).to_owned())).collect();
    assert_eq!(known, routes, "each route must stand in ROUTES");

    let w = World::start().await;
    let root = w.admin("root").await;
    w.user("bob").await;
    w.user("eve").await;
    w.user("dora").await;
    let mut newest = lines_after(&w, 0).await.1;
    for (method, path, body, action) in ROUTES {
        let invite = match root.get("/admin/invites").await.1["invites"].get(0) {
            Some(invite) => invite["id"].as_str().unwrap().to_owned(),
            None => String::new(),
        };
        let name = match *method {
            _ if path.contains("bans") => "eve",
            "DELETE" => "dora",
            _ => "bob",
        };
        let request = root.request(
            Method::from_bytes(method.as_bytes()).unwrap(),
            &path.replace("{name}", name).replace("{id}", &invite),
        );
        let request = if body.is_empty() {
            request
        } else {
            request.header("content-type", "application/json").body((*body).to_owned())
        };
        let (status, said) = answer(request).await;
        assert!(status.is_success(), "{method} {path}: {said}");
        let (lines, now) = lines_after(&w, newest).await;
        assert_eq!(lines, [(true, (*action).to_owned())], "{method} {path}");
        newest = now;
    }
    w.stop().await;
}

#[tokio::test]
async fn lists_of_admins_turn_pages() {
    let w = World::start().await;
    let root = w.admin("root").await;
    for name in ["ana", "bob", "carl"] {
        w.user(name).await;
        root.put(&format!("/admin/bans/{name}"), json!({})).await;
        root.post("/admin/invites", json!({})).await;
    }
    for (path, list, all) in
        [("users", "users", 4), ("bans", "users", 3), ("invites", "invites", 3), ("audit", "lines", 7)]
    {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let (status, page) = root.get(&format!("/admin/{path}?limit=2{after}")).await;
            assert_eq!(status, 200, "{page}");
            let items = page[list].as_array().unwrap();
            assert!(items.len() <= 2, "{path}: {page}");
            seen.extend(items.iter().map(Value::to_string));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        seen.sort();
        let found = seen.len();
        seen.dedup();
        assert_eq!((found, seen.len()), (all, all), "{path}: {seen:?}");
    }
    w.stop().await;
}
