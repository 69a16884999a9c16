//! `/docs`: the interface for people, made from the document. One page, nothing from elsewhere, no script.

use std::fmt::Write;

use serde_json::Value;

/// The page.
pub fn page(document: &Value) -> String {
    let mut rows = String::new();
    let paths = document["paths"].as_object();
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            row(&mut rows, path, method, operation);
        }
    }
    let version = escape(document["info"]["version"].as_str().unwrap_or_default());
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>chat-server: interface</title><style>body{{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;\
         padding:0 1em;color:#222;background:#fff}}table{{border-collapse:collapse;width:100%}}td{{padding:.35em .6em;\
         border-top:1px solid #ddd;vertical-align:top}}code{{font:13px ui-monospace,monospace}}@media(prefers-color-scheme:dark)\
         {{body{{color:#ddd;background:#181818}}td{{border-color:#333}}a{{color:#8bf}}}}</style>\
         <h1>chat-server {version}</h1><p>JSON in and out, <code>Authorization: Bearer TOKEN</code>, errors as \
         <code>{{\"error\":{{\"code\",\"message\"}}}}</code>. Everything else stands in the \
         <a href=/api/v1/openapi.json>OpenAPI document</a>. Live events: Socket.IO at <code>/socket.io/</code>, namespace \
         <code>/chat</code>.</p><table>{rows}</table></html>"
    )
}

fn row(rows: &mut String, path: &str, method: &str, operation: &Value) {
    let text = ["summary", "description"].iter().filter_map(|k| operation[*k].as_str()).collect::<Vec<_>>().join(" ");
    let names = operation["parameters"].as_array().into_iter().flatten();
    let query: Vec<_> = names.filter(|p| p["in"] == "query").filter_map(|p| p["name"].as_str()).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let cells = [method.to_uppercase(), format!("{path}{query}"), text];
    let [method, path, text] = cells.map(|c| escape(&c));
    // Writing into a String cannot fail.
    let _never = write!(rows, "<tr><td><code>{method}</code><td><code>{path}</code><td>{text}");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
