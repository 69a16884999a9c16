//! The OpenAPI document: what it lists is what is served, and it holds together.

use std::fmt::Write;

use serde_json::Value;

use super::world::World;

fn document() -> Value {
    serde_json::to_value(chat_server::rest::document()).unwrap()
}

/// A line an operation: what a change of the interface changes.
#[test]
fn the_routes() {
    let document = document();
    let mut lines = String::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters: Vec<_> = parameters.map(|p| p["name"].as_str().unwrap()).collect();
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let responses: Vec<_> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            let open =
                if operation.get("security").is_some_and(|s| s[0].get("bearer").is_some()) { "" } else { " open" };
            writeln!(
                lines,
                "{} {path} ({}){} -> {}{open}",
                method.to_uppercase(),
                parameters.join(" "),
                if body.is_null() { String::new() } else { format!(" {}", name_of(body)) },
                responses.join(" ")
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(lines);
}

fn name_of(schema: &Value) -> String {
    let text = schema.to_string();
    let name = text.split("#/components/schemas/").nth(1).and_then(|s| s.split('"').next());
    name.unwrap_or("?").to_owned()
}

#[test]
fn every_reference_leads_somewhere_and_every_parameter_is_declared() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is not in the document");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let declared: Vec<_> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|p| p["in"] == "path")
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            let wanted: Vec<_> = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(declared, wanted, "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path} says what it does");
        }
    }
}

/// Every answer is described: no route leaves one to a catch-all, and each failure has its shape.
#[test]
fn every_answer_is_named() {
    let document = document();
    let shared = document["components"]["responses"].as_object().unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(!responses.contains_key("default"), "{at}");
            assert!(responses.keys().any(|s| s.starts_with('2')), "{at}");
            for (status, response) in responses {
                if status.starts_with('2') {
                    continue;
                }
                let name = response["$ref"].as_str().and_then(|r| r.strip_prefix("#/components/responses/"));
                let described = name.map_or(response, |name| &shared[name]);
                assert!(described["description"].as_str().is_some_and(|d| !d.is_empty()), "{at}: {status}");
            }
            let secured = operation["security"].as_array().is_some_and(|s| s.iter().all(|s| s.get("bearer").is_some()));
            assert_eq!(path.starts_with("/api/") && secured, responses.contains_key("403") && secured, "{at}");
        }
    }
}

#[tokio::test]
async fn it_is_served_and_so_are_the_pages_for_people() {
    let w = World::start().await;
    let served: Value =
        w.request(reqwest::Method::GET, "/api/v1/openapi.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(served, document());
    let page = w.request(reqwest::Method::GET, "/docs").send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let page = page.text().await.unwrap();
    // With the pages of `web/` in the binary it is one that tries the interface, else a plain list; see `rest/web.rs`.
    let built = page.contains("<script type=\"module\" src=\"/web/");
    for path in served["paths"].as_object().unwrap().keys() {
        assert!(built || page.contains(&path.replace('"', "&quot;")), "{path} is not on the page");
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    let root = w.request(reqwest::Method::GET, "/").send().await.unwrap();
    assert_eq!(root.status(), 200);
    let said = root.text().await.unwrap();
    assert_eq!(said.contains("cargo xtask web"), !built, "{said}");
    w.stop().await;
}
