//! Alertmanager's webhook document, version 4: what fires and what is over.

use serde::Deserialize;

use super::Draft;
use super::write::{Labels, Lines, Some20, Words, bold, one_line, or_null, uncalled};

/// Characters of one label, one annotation.
const VALUE: usize = 300;
/// Labels of one alert that are shown.
const LABELS: usize = 8;

/// What is posted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    pub(super) status: Words,
    pub(super) receiver: Words,
    pub(super) alerts: Some20<Alert>,
    #[serde(rename = "groupLabels")]
    pub(super) group_labels: Labels,
    #[serde(rename = "commonLabels")]
    pub(super) common_labels: Labels,
    #[serde(rename = "commonAnnotations")]
    common_annotations: Labels,
    #[serde(rename = "externalURL")]
    pub(super) external_url: Words,
    #[serde(rename = "truncatedAlerts", deserialize_with = "or_null")]
    truncated: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Alert {
    pub(super) status: Words,
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
    #[serde(rename = "generatorURL")]
    pub(super) generator_url: Words,
    #[serde(rename = "valueString")]
    pub(super) value_string: Words,
    #[serde(rename = "dashboardURL")]
    pub(super) dashboard_url: Words,
    #[serde(rename = "panelURL")]
    pub(super) panel_url: Words,
    #[serde(rename = "silenceURL")]
    pub(super) silence_url: Words,
}

/// The message of a document.
pub fn draft(payload: &Payload) -> Draft {
    let mut lines = Lines::default();
    if payload.status.is_empty() && payload.alerts.is_empty() {
        // Some other document: it says nothing, and so is refused.
        return Draft::plain(lines.text());
    }
    lines.push(head(payload));
    alerts(payload, &mut lines);
    let runbook = one_line(payload.common_annotations.get("runbook_url"), VALUE);
    lines.push(if runbook.is_empty() { runbook } else { format!("Runbook: {runbook}") });
    match payload.alerts.first.as_slice() {
        [only] if payload.alerts.more == 0 && !only.generator_url.is_empty() => lines.push(&*only.generator_url),
        _ => lines.push(&*payload.external_url),
    }
    Draft::plain(lines.text())
}

/// `**[FIRING:2] Name** (label=value …)`, with the labels that all alerts share.
pub(super) fn head(p: &Payload) -> String {
    let firing = p.alerts.first.iter().filter(|a| &*a.status == "firing").count();
    let status = one_line(&p.status, 20).to_uppercase();
    let mark = match status.as_str() {
        "FIRING" if p.alerts.more > 0 => format!("[FIRING:{}+] ", firing.max(1)),
        "FIRING" => format!("[FIRING:{}] ", firing.max(1)),
        "" => String::new(),
        other => format!("[{other}] "),
    };
    let names = [p.common_labels.get("alertname"), p.group_labels.get("alertname"), &*p.receiver];
    let name = names.into_iter().find(|n| !n.trim().is_empty()).unwrap_or("alerts");
    let shared = labels(&p.common_labels, &Labels::default());
    let shared = if shared.is_empty() { shared } else { format!(" ({shared})") };
    format!("{}{shared}", bold(&uncalled(&format!("{mark}{}", one_line(name, VALUE)))))
}

/// One line each, with what tells it apart from the others.
pub(super) fn alerts(p: &Payload, lines: &mut Lines) {
    for alert in &p.alerts.first {
        let what = said(alert);
        let own = labels(&alert.labels, &p.common_labels);
        let over = if &*alert.status == "resolved" { "resolved: " } else { "" };
        let between = if own.is_empty() || what.is_empty() { "" } else { ": " };
        let line = format!("{over}{own}{between}{what}");
        lines.push(if line.is_empty() { line } else { format!("- {line}") });
    }
    lines.more(p.alerts.more + p.truncated, "alerts");
}

/// What an alert says of itself.
fn said(alert: &Alert) -> String {
    let words = ["summary", "message", "title", "description"].map(|name| alert.annotations.get(name));
    let mut found = words.into_iter().filter(|w| !w.trim().is_empty()).map(|w| uncalled(&one_line(w, VALUE)));
    let first = found.next().unwrap_or_default();
    match found.next() {
        Some(second) if second != first => format!("{first} — {second}"),
        _ => first,
    }
}

/// `a=b c=d`, without the name and without what is in `but`.
fn labels(all: &Labels, but: &Labels) -> String {
    let own = all.0.iter().filter(|(k, _)| *k != "alertname" && !but.0.contains_key(*k));
    let mut shown: Vec<String> = own
        .clone()
        .take(LABELS)
        .map(|(k, v)| uncalled(&format!("{}={}", one_line(k, 60), one_line(v, VALUE))))
        .collect();
    if own.count() > LABELS {
        shown.push("…".to_owned());
    }
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(payload: Value) -> String {
        draft(&serde_json::from_value(payload).unwrap()).text
    }

    #[test]
    fn alerts_are_told_apart_by_their_own_labels() {
        let alert = |status: &str, instance: &str| {
            json!({"status": status, "labels": {"alertname": "Down", "job": "api", "instance": instance},
                "annotations": {"summary": format!("{instance} is down"), "description": "for 5 minutes"},
                "generatorURL": "http://prom.example/graph"})
        };
        let payload = json!({
            "version": "4", "status": "firing", "receiver": "chat", "groupKey": "{}:{}", "truncatedAlerts": 3,
            "groupLabels": {"alertname": "Down"}, "commonLabels": {"alertname": "Down", "job": "api"},
            "commonAnnotations": {"runbook_url": "https://run.example"}, "externalURL": "http://am.example",
            "alerts": [alert("firing", "a:1"), alert("resolved", "b:1")],
        });
        assert_eq!(
            text(payload),
            "**[FIRING:1] Down** (job=api)\n- instance=a:1: a:1 is down — for 5 minutes\n\
             - resolved: instance=b:1: b:1 is down — for 5 minutes\n… and 3 more alerts\nRunbook: https://run.example\n\
             http://am.example"
        );
    }

    #[test]
    fn one_alert_leads_to_where_it_comes_from() {
        let one = json!({"status": "resolved", "labels": {"alertname": "Disk"}, "annotations": {"message": "@ana: disk"},
            "generatorURL": "http://prom.example/g"});
        let payload = json!({"status": "resolved", "commonLabels": {"alertname": "Disk"}, "alerts": [one],
            "externalURL": "http://am.example", "truncatedAlerts": null});
        assert_eq!(text(payload), "**[RESOLVED] Disk**\n- resolved: ana: disk\nhttp://prom.example/g");
    }

    #[test]
    fn a_storm_is_counted() {
        let alerts: Vec<Value> = (0..100).map(|n| json!({"status": "firing", "labels": {"instance": n}})).collect();
        let shown = text(json!({"status": "firing", "receiver": "chat", "alerts": alerts}));
        assert!(shown.starts_with("**[FIRING:20+] chat**\n- instance=0\n"), "{shown}");
        assert!(shown.ends_with("… and 80 more alerts"), "{shown}");
    }
}
