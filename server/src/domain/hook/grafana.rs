//! Grafana's webhook document: of its alerting since version 9, which widens Alertmanager's, and of the earlier one.

use serde::Deserialize;

use super::Draft;
use super::alertmanager::{self, Alert};
use super::write::{Lines, Some20, Words, bold, labelled, one_line, uncalled};

/// Characters of one line.
const LINE: usize = 300;

/// What is posted, beside what Alertmanager has too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    title: Words,
    // Before version 9.
    state: Words,
    message: Words,
    #[serde(rename = "ruleName")]
    rule_name: Words,
    #[serde(rename = "ruleUrl")]
    rule_url: Words,
    #[serde(rename = "imageUrl")]
    image_url: Words,
    #[serde(rename = "evalMatches")]
    matches: Some20<Match>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Match {
    metric: Words,
    value: Words,
}

/// The message of a document, which was read as both.
pub fn draft(payload: &Payload, unified: &alertmanager::Payload) -> Draft {
    let mut lines = Lines::default();
    if unified.alerts.is_empty() {
        earlier(payload, &mut lines);
        return Draft::plain(lines.text());
    }
    lines.push(alertmanager::head(unified));
    alertmanager::alerts(unified, &mut lines);
    let only = unified.alerts.first.first().filter(|_| unified.alerts.len() == 1);
    match only {
        Some(alert) => {
            lines.push(values(alert));
            let source = [&alert.panel_url, &alert.dashboard_url, &alert.generator_url];
            lines.push(source.into_iter().find(|u| !u.is_empty()).map_or("", |u| u));
            if !alert.silence_url.is_empty() {
                lines.push(labelled("Silence", &alert.silence_url));
            }
        }
        None => lines.push(&*unified.external_url),
    }
    Draft::plain(lines.text())
}

/// `A=12.3 C=1`, as Grafana writes them: `[ var='A' labels={…} value=12.3 ]`.
fn values(alert: &Alert) -> String {
    let found = alert.value_string.split("var='").skip(1).filter_map(|part| {
        let (name, rest) = part.split_once('\'')?;
        let value = rest.split_once("value=")?.1.split([' ', ']', ',']).next()?;
        Some(format!("{}={}", one_line(name, 40), one_line(value, 40)))
    });
    let shown: Vec<String> = found.take(8).collect();
    if shown.is_empty() { String::new() } else { format!("Values: {}", shown.join(" ")) }
}

/// A document of Grafana before version 9, or one without alerts (its test button).
fn earlier(p: &Payload, lines: &mut Lines) {
    let names = [&p.title, &p.rule_name];
    let name = names.into_iter().find(|n| !n.is_empty()).map_or("", |n| n);
    let state = if p.title.is_empty() && !p.state.is_empty() {
        format!("[{}] ", one_line(&p.state, 20).to_uppercase())
    } else {
        String::new()
    };
    lines.push(bold(&uncalled(&format!("{state}{}", one_line(name, LINE)))));
    lines.push(uncalled(&p.message));
    for one in &p.matches.first {
        lines.push(format!("- {}: {}", uncalled(&one_line(&one.metric, LINE)), one_line(&one.value, 60)));
    }
    lines.more(p.matches.more, "values");
    lines.push(&*p.image_url);
    lines.push(&*p.rule_url);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(payload: Value) -> String {
        draft(&serde_json::from_value(payload.clone()).unwrap(), &serde_json::from_value(payload).unwrap()).text
    }

    #[test]
    fn an_alert_of_the_present_versions_is_shown_with_its_values() {
        let alert = json!({"status": "firing", "labels": {"alertname": "High load", "host": "a"},
            "annotations": {"summary": "Load is high"}, "valueString": "[ var='A' labels={host=a} value=12.5 ], [ var='C' labels={} value=1 ]",
            "panelURL": "https://g.example/d/x?viewPanel=1", "silenceURL": "https://g.example/silence"});
        let payload = json!({"receiver": "chat", "status": "firing", "orgId": 1, "alerts": [alert],
            "commonLabels": {"alertname": "High load", "host": "a"}, "externalURL": "https://g.example/", "version": "1",
            "title": "[FIRING:1] High load", "state": "alerting", "message": "**Firing** and so on"});
        assert_eq!(
            text(payload),
            "**[FIRING:1] High load** (host=a)\n- Load is high\nValues: A=12.5 C=1\nhttps://g.example/d/x?viewPanel=1\n\
             Silence (https://g.example/silence)"
        );
    }

    #[test]
    fn an_alert_of_the_earlier_versions_is_shown() {
        let payload = json!({"dashboardId": 1, "evalMatches": [{"value": 100, "metric": "Higher value", "tags": null}],
            "message": "Someone is testing the alert notification within Grafana.", "orgId": 0, "panelId": 1, "ruleId": 0,
            "ruleName": "Test notification", "ruleUrl": "http://localhost:3000/", "state": "alerting", "tags": {},
            "title": "[Alerting] Test notification"});
        assert_eq!(
            text(payload),
            "**[Alerting] Test notification**\nSomeone is testing the alert notification within Grafana.\n\
             - Higher value: 100\nhttp://localhost:3000/"
        );
    }
}
