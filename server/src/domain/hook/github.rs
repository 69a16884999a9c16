//! GitHub's webhook events, as Gitea and Forgejo send them too: what people want to read of each, and which are left out.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Draft;
use super::write::{Lines, Some20, Words, bold, excerpt, one_line, or_null, uncalled};

/// Characters of a title.
const TITLE: usize = 200;
/// Characters of a text that is begun.
const EXCERPT: usize = 400;

/// The document of an event; which fields are there depends on the event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    action: Words,
    #[serde(deserialize_with = "or_null")]
    repository: Repository,
    #[serde(deserialize_with = "or_null")]
    organization: Person,
    #[serde(deserialize_with = "or_null")]
    sender: Person,
    // push
    #[serde(rename = "ref")]
    reference: Words,
    #[serde(deserialize_with = "or_null")]
    created: bool,
    #[serde(deserialize_with = "or_null")]
    deleted: bool,
    #[serde(deserialize_with = "or_null")]
    forced: bool,
    compare: Words,
    compare_url: Words,
    commits: Some20<Commit>,
    #[serde(deserialize_with = "or_null")]
    pusher: Person,
    // pull_request, issues, issue_comment
    #[serde(deserialize_with = "or_null")]
    pull_request: Thread,
    #[serde(deserialize_with = "or_null")]
    issue: Thread,
    #[serde(deserialize_with = "or_null")]
    comment: Comment,
    // release
    #[serde(deserialize_with = "or_null")]
    release: Release,
    // workflow_run
    #[serde(deserialize_with = "or_null")]
    workflow_run: Run,
    // ping
    zen: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Repository {
    full_name: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Person {
    login: Words,
    name: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Commit {
    id: Words,
    message: Words,
    #[serde(deserialize_with = "or_null")]
    author: Person,
}

/// An issue or a pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Thread {
    number: Words,
    title: Words,
    body: Words,
    html_url: Words,
    state_reason: Words,
    #[serde(deserialize_with = "or_null")]
    draft: bool,
    #[serde(deserialize_with = "or_null")]
    merged: bool,
    #[serde(deserialize_with = "or_null")]
    head: Branch,
    #[serde(deserialize_with = "or_null")]
    base: Branch,
    /// Of an issue that is a pull request.
    pull_request: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Branch {
    #[serde(rename = "ref")]
    reference: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Comment {
    body: Words,
    html_url: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Release {
    tag_name: Words,
    name: Words,
    body: Words,
    html_url: Words,
    #[serde(deserialize_with = "or_null")]
    prerelease: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Run {
    name: Words,
    head_branch: Words,
    display_title: Words,
    run_number: Words,
    run_attempt: Words,
    conclusion: Words,
    html_url: Words,
}

/// The message of an event; `None` where nothing is posted about it.
pub fn draft(event: &str, payload: &Payload) -> Option<Draft> {
    let mut lines = Lines::default();
    match event {
        "ping" => ping(payload, &mut lines),
        "push" => push(payload, &mut lines),
        "pull_request" => pull_request(payload, &mut lines)?,
        "issues" => issue(payload, &mut lines)?,
        "issue_comment" => comment(payload, &mut lines)?,
        "release" => release(payload, &mut lines)?,
        "workflow_run" => run(payload, &mut lines)?,
        _ => return None,
    }
    Some(Draft::plain(lines.text()))
}

/// `**[octo/repo]** ana` and what was done.
fn head(p: &Payload, did: &str) -> String {
    let who = name(&p.sender, &p.pusher);
    format!("{}{who}{}{did}", place(p), if who.is_empty() { "" } else { " " })
}

fn place(p: &Payload) -> String {
    let place = [&p.repository.full_name, &p.organization.login].into_iter().find(|n| !n.is_empty());
    place.map(|n| format!("**[{}]** ", one_line(n, TITLE))).unwrap_or_default()
}

fn name(sender: &Person, other: &Person) -> String {
    let names = [&sender.login, &sender.name, &other.login, &other.name];
    uncalled(&one_line(names.into_iter().find(|n| !n.is_empty()).map_or("", |n| n), 60))
}

fn title(text: &str) -> String {
    uncalled(&one_line(text, TITLE))
}

fn ping(p: &Payload, lines: &mut Lines) {
    let place = place(p);
    lines.push(format!("{place}the webhook is connected{}", if place.is_empty() { " to GitHub" } else { "" }));
    lines.push(if p.zen.is_empty() { String::new() } else { format!("> {}", title(&p.zen)) });
}

fn push(p: &Payload, lines: &mut Lines) {
    let (kind, name) = match p.reference.strip_prefix("refs/tags/") {
        Some(tag) => ("tag", tag),
        None => ("branch", p.reference.strip_prefix("refs/heads/").unwrap_or(&p.reference)),
    };
    let name = one_line(name, TITLE);
    let count = p.commits.len();
    let commits = if count == 1 { "1 commit".to_owned() } else { format!("{count} commits") };
    let did = match (p.deleted, p.created, p.forced) {
        (true, ..) => format!("deleted the {kind} `{name}`"),
        (_, true, _) if count == 0 => format!("created the {kind} `{name}`"),
        (_, true, _) => format!("created the {kind} `{name}` with {commits}"),
        (_, _, true) => format!("force-pushed {commits} to `{name}`"),
        _ => format!("pushed {commits} to `{name}`"),
    };
    lines.push(head(p, &did));
    for commit in &p.commits.first {
        let short: String = commit.id.chars().take(7).collect();
        let who = uncalled(&one_line(&commit.author.name, 60));
        let by = if who.is_empty() { String::new() } else { format!(" — {who}") };
        lines.push(format!("- `{short}` {}{by}", title(commit.message.lines().next().unwrap_or_default())));
    }
    lines.more(p.commits.more, "commits");
    if !p.deleted {
        let compare = [&p.compare, &p.compare_url].into_iter().find(|u| !u.is_empty());
        lines.push(compare.map_or("", |u| u));
    }
}

fn pull_request(p: &Payload, lines: &mut Lines) -> Option<()> {
    let pull = &p.pull_request;
    let (did, begun) = match &*p.action {
        "opened" if pull.draft => ("opened a draft", true),
        "opened" => ("opened", true),
        "reopened" => ("reopened", false),
        "ready_for_review" => ("marked as ready", false),
        "closed" if pull.merged => ("merged", false),
        "closed" => ("closed", false),
        _ => return None,
    };
    lines.push(head(p, &format!("{did} pull request #{}: {}", &*pull.number, bold(&title(&pull.title)))));
    if begun {
        let (from, to) = (one_line(&pull.head.reference, TITLE), one_line(&pull.base.reference, TITLE));
        lines.push(if from.is_empty() { String::new() } else { format!("`{from}` → `{to}`") });
        lines.push(excerpt(&pull.body, EXCERPT));
    }
    lines.push(&*pull.html_url);
    Some(())
}

fn issue(p: &Payload, lines: &mut Lines) -> Option<()> {
    let issue = &p.issue;
    let did = match &*p.action {
        "opened" => "opened".to_owned(),
        "reopened" => "reopened".to_owned(),
        "closed" if &*issue.state_reason == "not_planned" => "closed (not planned)".to_owned(),
        "closed" => "closed".to_owned(),
        _ => return None,
    };
    lines.push(head(p, &format!("{did} issue #{}: {}", &*issue.number, bold(&title(&issue.title)))));
    if &*p.action == "opened" {
        lines.push(excerpt(&issue.body, EXCERPT));
    }
    lines.push(&*issue.html_url);
    Some(())
}

fn comment(p: &Payload, lines: &mut Lines) -> Option<()> {
    if &*p.action != "created" {
        return None;
    }
    let what = if p.issue.pull_request.is_some() { "pull request" } else { "issue" };
    lines.push(head(p, &format!("commented on {what} #{}: {}", &*p.issue.number, bold(&title(&p.issue.title)))));
    lines.push(excerpt(&p.comment.body, EXCERPT));
    lines.push(&*p.comment.html_url);
    Some(())
}

fn release(p: &Payload, lines: &mut Lines) -> Option<()> {
    // Gitea says `published` too; `created`, `released` and `prereleased` come beside it.
    if &*p.action != "published" {
        return None;
    }
    let (tag, called) = (title(&p.release.tag_name), title(&p.release.name));
    let called = if called.is_empty() || called == tag { String::new() } else { format!(" ({called})") };
    let kind = if p.release.prerelease { "pre-release" } else { "release" };
    lines.push(head(p, &format!("published {kind} {}{called}", bold(&tag))));
    lines.push(excerpt(&p.release.body, EXCERPT));
    lines.push(&*p.release.html_url);
    Some(())
}

fn run(p: &Payload, lines: &mut Lines) -> Option<()> {
    if &*p.action != "completed" {
        return None;
    }
    let run = &p.workflow_run;
    let came = match &*run.conclusion {
        "success" => "passed",
        "failure" => "FAILED",
        "timed_out" => "TIMED OUT",
        "cancelled" => "was cancelled",
        "action_required" => "needs somebody",
        // Nothing ran.
        "skipped" | "neutral" | "stale" => return None,
        other => other,
    };
    let again =
        if matches!(&*run.run_attempt, "" | "1") { String::new() } else { format!(", try {}", &*run.run_attempt) };
    lines.push(format!(
        "{}workflow {} {} on `{}` (run {}{again})",
        place(p),
        bold(&title(&run.name)),
        one_line(came, 40),
        one_line(&run.head_branch, TITLE),
        &*run.run_number
    ));
    let about = title(&run.display_title);
    lines.push(if about.is_empty() { String::new() } else { format!("> {about}") });
    lines.push(&*run.html_url);
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(event: &str, payload: Value) -> Option<String> {
        draft(event, &serde_json::from_value(payload).unwrap()).map(|d| d.text)
    }

    fn with(more: Value) -> Value {
        let mut all = json!({"repository": {"full_name": "octo/repo"}, "sender": {"login": "@ana"}});
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
        all
    }

    #[test]
    fn pushes_of_every_kind_are_told() {
        let commits: Vec<Value> = (0..25)
            .map(|n| json!({"id": format!("{n:040}"), "message": format!("Change {n}\n\nmore"), "author": {"name": "Ana"}}))
            .collect();
        let shown =
            text("push", with(json!({"ref": "refs/heads/main", "commits": commits, "compare": "https://c.example"})));
        let shown = shown.unwrap();
        assert!(
            shown.starts_with("**[octo/repo]** ana pushed 25 commits to `main`\n- `0000000` Change 0 — Ana\n"),
            "{shown}"
        );
        assert!(shown.ends_with("… and 5 more commits\nhttps://c.example"), "{shown}");
        for (more, did) in [
            (json!({"ref": "refs/heads/x/y", "deleted": true}), "deleted the branch `x/y`"),
            (json!({"ref": "refs/tags/v1", "created": true}), "created the tag `v1`"),
            (json!({"ref": "refs/heads/x", "created": true, "commits": [{}]}), "created the branch `x` with 1 commit"),
            (json!({"ref": "refs/heads/x", "forced": true, "commits": [{}, {}]}), "force-pushed 2 commits to `x`"),
        ] {
            assert!(text("push", with(more)).unwrap().starts_with(&format!("**[octo/repo]** ana {did}")));
        }
    }

    #[test]
    fn what_nobody_reads_is_left_out() {
        for (event, more) in [
            ("pull_request", json!({"action": "synchronize"})),
            ("issues", json!({"action": "labeled"})),
            ("issue_comment", json!({"action": "edited"})),
            ("release", json!({"action": "created"})),
            ("workflow_run", json!({"action": "requested"})),
            ("workflow_run", json!({"action": "completed", "workflow_run": {"conclusion": "skipped"}})),
            ("star", json!({"action": "created"})),
            ("", json!({})),
        ] {
            assert_eq!(text(event, with(more)), None, "{event}");
        }
    }

    #[test]
    fn pull_requests_say_what_became_of_them() {
        let pull = |action: &str, merged: bool| {
            let pull = json!({"number": 7, "title": "Fix @bob's bug", "body": "Because.\n<!-- x -->", "merged": merged,
                "html_url": "https://g.example/7", "head": {"ref": "fix"}, "base": {"ref": "main"}});
            text("pull_request", with(json!({"action": action, "pull_request": pull}))).unwrap()
        };
        assert_eq!(
            pull("opened", false),
            "**[octo/repo]** ana opened pull request #7: **Fix bob's bug**\n`fix` → `main`\n> Because.\nhttps://g.example/7"
        );
        assert!(pull("closed", true).starts_with("**[octo/repo]** ana merged pull request #7"));
        assert!(pull("closed", false).starts_with("**[octo/repo]** ana closed pull request #7"));
    }

    #[test]
    fn a_hostile_document_is_a_short_text_or_an_error() {
        let long = "x".repeat(60_000);
        let shown = text("issues", with(json!({"action": "opened", "issue": {"title": long, "body": long}}))).unwrap();
        assert!(shown.chars().count() < 800, "{}", shown.len());
        for bad in [json!({"commits": 5}), json!({"repository": "x"}), json!({"created": "yes"}), json!({"issue": 5})] {
            assert!(serde_json::from_value::<Payload>(bad.clone()).is_err(), "{bad}");
        }
    }
}
