//! The page at `/` and the one at `/docs`, as people meet them: in a real browser. The stories stand in
//! `dev/e2e/node/web.mjs`; what only the test can do (the server's death, a hostile member) they ask for.

use chat_e2e::foreign::{Foreign, left_out};
use chat_e2e::{Account, Options, Server, raw};
use serde_json::{Value, json};

/// Texts that a page may fall for, and how they are shown.
const HOSTILE: [(&str, &str); 8] = [
    ("<img src=x onerror=\"globalThis.pwned=1\">", "<img src=x onerror=\"globalThis.pwned=1\">"),
    ("<script>globalThis.pwned=1</script>", "<script>globalThis.pwned=1</script>"),
    ("javascript:globalThis.pwned=1", "javascript:globalThis.pwned=1"),
    ("data:text/html,<script>globalThis.pwned=1</script>", "data:text/html,<script>globalThis.pwned=1</script>"),
    ("https://evil.example/\"onmouseover=\"pwned=1", "https://evil.example/\"onmouseover=\"pwned=1"),
    ("zero\u{200b}width \u{feff}here", "zero⟨200b⟩width ⟨feff⟩here"),
    ("שלום <b>bold</b> مرحبا", "שלום <b>bold</b> مرحبا"),
    ("{{constructor.constructor('globalThis.pwned=1')()}}", "{{constructor.constructor('globalThis.pwned=1')()}}"),
];

/// Runs a story to its end.
async fn story(story: &str) {
    let mut server = Server::with(Options::roomy().limit("guests_per_minute", 1_000)).await;
    if !has_page(&server, story).await {
        return;
    }
    let Some(mut browser) = Foreign::browser(story, story, &server.url()).await else { return };
    let mut teller: Option<Account> = None;
    while let Some(asked) = browser.asked().await {
        let (verb, rest) = asked.split_once(' ').unwrap_or((&asked, ""));
        if teller.is_none() && !matches!(verb, "kill" | "start") {
            teller = Some(server.account("tester").await);
        }
        let answer = match verb {
            "kill" => {
                server.kill();
                Value::Null
            }
            "start" => {
                server.restart().await;
                Value::Null
            }
            _ => member(&server, teller.as_ref().expect("made above"), verb, rest).await,
        };
        browser.answer(answer).await;
    }
    browser.end().await;
}

/// What a story asks of another member.
async fn member(server: &Server, teller: &Account, verb: &str, rest: &str) -> Value {
    match verb {
        "say" => json!(teller.say("lobby", rest).await),
        "fill" => {
            for n in 1..=rest.parse::<u32>().expect("a number") {
                teller.say("lobby", &format!("line {n} of many")).await;
            }
            Value::Null
        }
        "answer" => {
            let (to, text) = rest.split_once(' ').expect("what is answered, and with what");
            let wanted = format!("line {to} of many");
            let read = async |around: u64| {
                let page = teller.api.get(&format!("/rooms/lobby/messages?limit=200&around={around}")).await.ok();
                page["messages"].as_array().expect("messages").clone()
            };
            let around = to.parse::<u64>().expect("a number");
            let found = read(around).await.into_iter().find(|m| m["text"] == json!(wanted)).expect("it was said");
            let answer = json!({"text": text, "reply_to": found["seq"]});
            teller.api.post("/rooms/lobby/messages", &answer).await.ok();
            Value::Null
        }
        "erase" => {
            commanded(server, &["user", "erase", teller.name(), "--texts"]).await;
            Value::Null
        }
        "ban" => {
            commanded(server, &["ban", "add", rest]).await;
            Value::Null
        }
        "token" => json!(teller.token),
        "hostile" => {
            teller.api.patch("/me", &json!({"display_name": "<b>bold</b><img src=x>"})).await.ok();
            let long = "W".repeat(8_000);
            let stack = format!("stacked a{}", "\u{301}".repeat(200));
            teller.say("lobby", &long).await;
            teller.say("lobby", &stack).await;
            let mut shown = vec![json!({"shown": long})];
            for (text, inert) in HOSTILE {
                teller.say("lobby", text).await;
                shown.push(json!({"shown": inert}));
            }
            json!(shown)
        }
        "scene" => scene(server, teller).await,
        other => panic!("the story asks for `{other}`"),
    }
}

/// What an administrator does at the shell.
async fn commanded(server: &Server, args: &[&str]) {
    let output = server.command(args).await;
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A room as it may look, for the pictures; gives who is to be shown.
async fn scene(server: &Server, ana: &Account) -> Value {
    let (bob, kim, raj) = (server.account("bob").await, server.account("kim").await, server.account("raj").await);
    ana.api.patch("/me", &json!({"display_name": "Ana"})).await.ok();
    kim.api.patch("/me", &json!({"display_name": "Kim Nguyễn"})).await.ok();
    ana.api.post("/rooms", &json!({"room": "ops", "topic": "what runs and what does not"})).await.ok();
    ana.api.post("/rooms", &json!({"room": "dev"})).await.ok();
    for who in [&bob, &kim, &raj, ana] {
        for room in ["lobby", "dev", "ops"] {
            who.api.post(&format!("/rooms/{room}/join"), &json!({})).await.ok();
        }
    }
    raj.say("dev", "mended in !318, who reads it?").await;
    kim.say("dev", "@tester it is yours").await;
    bob.say("@tester", "lunch?").await;
    let first = kim.say("lobby", "Good morning! The release goes out at ten.").await;
    raj.say("lobby", "Notes are at https://example.org/releases/1.2 (draft).").await;
    let plan = ana.say("lobby", "I drain the nodes one by one:\n1. node 1\n2. node 2, after ten minutes").await;
    let answer =
        json!({"text": "Sounds right. `chat-server doctor` finds nothing, I watch the alerts.", "reply_to": plan});
    bob.api.post("/rooms/lobby/messages", &answer).await.ok();
    kim.say("lobby", "xin chào, I take the second one").await;
    ana.say("lobby", "thanks!").await;
    for (who, seq, emoji) in [(&kim, plan, "%F0%9F%91%8D"), (&raj, plan, "%F0%9F%91%8D"), (ana, first, "%F0%9F%8E%89")]
    {
        who.api.put(&format!("/rooms/lobby/messages/{seq}/reactions/{emoji}"), &json!({})).await.ok();
    }
    raj.say("lobby", "@tester node 1 is empty").await;
    json!({"name": "tester", "password": "correct horse"})
}

/// Whether the server was built with its pages; without them there is nothing to test here.
async fn has_page(server: &Server, test: &str) -> bool {
    let page = raw::get(&server.address(), "/", "").await;
    let has = page.contains("<!doctype html>");
    if !has {
        left_out(&format!("{test}: the server was built without its page (cargo xtask web builds it)"));
    }
    has
}

#[tokio::test]
async fn two_people_at_the_page_talk() {
    story("talk").await;
}

#[tokio::test]
async fn rooms_are_made_found_counted_and_left_at_the_page() {
    story("rooms").await;
}

#[tokio::test]
async fn the_page_reads_back_to_the_beginning_and_holds_still() {
    story("history").await;
}

#[tokio::test]
async fn hostile_texts_and_names_are_inert_at_the_page() {
    story("hostile").await;
}

#[tokio::test]
async fn the_page_comes_back_after_the_server_and_loses_and_doubles_nothing() {
    story("restart").await;
}

#[tokio::test]
async fn a_reload_neither_loses_nor_doubles_what_waits_to_be_sent() {
    story("reload").await;
}

#[tokio::test]
async fn the_page_is_used_by_keys_alone() {
    story("keyboard").await;
}

#[tokio::test]
async fn the_pages_are_accessible_on_phone_and_desktop_dark_and_light() {
    story("access").await;
}

#[tokio::test]
async fn accounts_tabs_and_ended_sessions_at_the_page() {
    story("account").await;
}

#[tokio::test]
async fn an_erased_users_texts_leave_the_page_while_it_is_watched() {
    story("erased").await;
}

#[tokio::test]
async fn the_page_keeps_little_of_a_long_past_and_reaches_all_of_it() {
    story("far").await;
}

#[tokio::test]
async fn a_private_room_says_who_lets_one_in() {
    story("invitation").await;
}

#[tokio::test]
async fn who_is_banned_at_the_page_is_told_so() {
    story("banned").await;
}

#[tokio::test]
async fn who_is_in_no_room_is_shown_those_there_are() {
    story("welcome").await;
}

#[tokio::test]
async fn code_and_emphasis_are_shown_and_no_markup_is_read() {
    story("markdown").await;
}

#[tokio::test]
async fn the_interface_is_tried_at_docs() {
    story("docs").await;
}

/// `CHAT_E2E_SHOTS` says where the pictures go (those of `docs/`).
#[tokio::test]
async fn the_pages_have_their_pictures_taken() {
    story("shots").await;
}

#[tokio::test]
async fn the_pages_come_compressed_cached_by_name_and_under_a_strict_policy() {
    let server = Server::start().await;
    if !has_page(&server, "the_pages_come_compressed").await {
        return;
    }
    let page = raw::get(&server.address(), "/", "").await;
    let head = page.to_ascii_lowercase();
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"] {
        assert!(head.contains(part), "{page}");
    }
    assert!(!head.contains("unsafe"), "{page}");
    assert!(head.contains("cache-control: no-cache") && head.contains("x-content-type-options: nosniff"), "{page}");
    let tag = page.lines().find_map(|l| l.strip_prefix("etag: ")).expect("a tag").to_owned();
    let again = raw::get(&server.address(), "/", &format!("if-none-match: {tag}\r\n")).await;
    assert!(again.starts_with("HTTP/1.1 304"), "{again}");
    let script = page.split("src=\"").nth(1).and_then(|s| s.split('"').next()).expect("a script").to_owned();
    let asset = raw::get(&server.address(), &script, "accept-encoding: gzip, br\r\n").await;
    assert!(
        asset.contains("content-encoding: br") && asset.contains("immutable"),
        "{}",
        asset.lines().take(20).collect::<String>()
    );
    for stranger in ["/web/../Cargo.toml", "/web/app.js", "/web/index.html", "/web/%2e%2e%2fx"] {
        let answer = raw::get(&server.address(), stranger, "").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{stranger}: {answer}");
    }
}
