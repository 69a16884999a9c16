//! The page at `/` for people without a terminal, the page at `/docs` that tries the interface, and what they are made
//! of (`web/`), from within the binary. Whoever built the server without them gets a sentence at `/` and a plain list
//! at `/docs`.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chat_common::ErrorCode;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::Failure;
use super::{Rest, docs};

/// A file of `web/dist`.
struct File {
    /// Names of all but the pages change with their contents.
    name: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

/// In the order of their names; empty where the pages were not built.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/web.rs"));

const ABSENT: &str = "This chat server was built without its page: `cargo xtask web`, then building it again, puts it \
                      in. Until then chat-tui is the client, and /docs lists the interface.\n";

/// What a page may load, and where from: itself. No script that is not a file of ours, no text that becomes markup
/// (Trusted Types without a policy), no frame around it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);
/// A page without a script.
const PLAIN_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The routes of the pages; `document` is the interface's.
pub(super) fn routes(document: &Value) -> Router<Rest> {
    let list: Arc<str> = docs::page(document).into();
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { page("index.html", &headers, absent) }))
        .route("/docs", get(|headers: HeaderMap| async move { page("docs.html", &headers, || plain_docs(&list)) }))
        .route("/web/{name}", get(asset))
}

fn absent() -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], ABSENT).into_response()
}

fn plain_docs(list: &str) -> Response {
    let mut response = list.to_owned().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, PLAIN_POLICY);
    response
}

fn page(name: &str, headers: &HeaderMap, otherwise: impl FnOnce() -> Response) -> Response {
    let Some(file) = find(name) else { return otherwise() };
    let mut response = serve(file, headers);
    let told = response.headers_mut();
    // Asked for again each time, answered with 304 while it is the same.
    told.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    told.insert(CONTENT_SECURITY_POLICY, POLICY);
    told.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    told.insert(OPENER, HeaderValue::from_static("same-origin"));
    response
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(file) = find(&name).filter(|f| !f.name.ends_with(".html")) else {
        let said = "this file belongs to another version of the page; load the page again";
        return Failure::new(ErrorCode::NotFound, said).into_response();
    };
    let mut response = serve(file, &headers);
    let told = response.headers_mut();
    told.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|f| f.name == name)
}

/// The file in the smallest form that the asker takes, or 304 where it has it.
fn serve(file: &File, headers: &HeaderMap) -> Response {
    let tag = tag(file.plain);
    let has = headers.get_all(IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    let has = has.flat_map(|v| v.split(',')).any(|v| v.trim() == tag || v.trim() == "*");
    let (coding, bytes) = match (file.br, file.gz) {
        (Some(br), _) if takes(headers, "br") => (Some("br"), br),
        (_, Some(gz)) if takes(headers, "gzip") => (Some("gzip"), gz),
        _ => (None, file.plain),
    };
    let mut response = if has {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, kind(file.name))], bytes).into_response()
    };
    let told = response.headers_mut();
    if let (Some(coding), false) = (coding, has) {
        told.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        told.insert(ETAG, tag);
    }
    told.append(VARY, HeaderValue::from_static("accept-encoding"));
    told.insert(RESOURCE, HeaderValue::from_static("same-origin"));
    response
}

/// Weak: the same for every coding.
fn tag(bytes: &[u8]) -> String {
    let hash: String = Sha256::digest(bytes).iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("W/\"{hash}\"")
}

/// Whether `Accept-Encoding` names a coding, and not with `q=0`.
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    let said = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    said.flat_map(|v| v.split(',')).any(|v| {
        let mut parts = v.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let never = |q: &str| q.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q == 0.0);
        named && !parts.any(never)
    })
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FILE: File = File { name: "a.js", plain: b"plain", br: Some(b"br"), gz: Some(b"gz") };

    fn asked(headers: &[(HeaderName, &str)]) -> Response {
        serve(&FILE, &headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect())
    }

    fn coding(accepted: &str) -> String {
        let response = asked(&[(ACCEPT_ENCODING, accepted)]);
        response.headers().get(CONTENT_ENCODING).map_or("", |v| v.to_str().unwrap()).to_owned()
    }

    #[test]
    fn the_smallest_form_that_is_taken() {
        assert_eq!(coding("gzip, deflate, br;q=0.5"), "br");
        assert_eq!(coding("GZIP, br;q=0"), "gzip");
        assert_eq!(coding("deflate, brotli"), "");
    }

    #[test]
    fn what_the_asker_has_is_not_sent_again() {
        let tag = tag(b"plain");
        let response = asked(&[(IF_NONE_MATCH, &format!("\"other\", {tag}")), (ACCEPT_ENCODING, "br")]);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(response.headers()[ETAG].to_str().unwrap(), tag);
        assert!(!response.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(asked(&[(IF_NONE_MATCH, "W/\"other\"")]).status(), StatusCode::OK);
    }
}
