//! Whether a page on another site is asking. Browsers send `Origin`, and neither CORS nor the library stops a foreign
//! WebSocket; so this is looked at before the handshake. The REST edge may use it for the same question.

use http::header::{HOST, ORIGIN};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Uri};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No page, or one of our own.
    Own,
    /// A foreign page that is on the list; its origin as sent.
    Allowed(HeaderValue),
    /// A foreign page.
    Foreign,
}

/// Judges a request by its `Origin` against its own `Host`. `tls`: our listener speaks TLS itself; otherwise a page of
/// the same host and port may be `http` or, with a proxy in front that ends TLS, `https`.
pub fn judge(headers: &HeaderMap, uri: &Uri, tls: bool, allowed: &[String]) -> Verdict {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Verdict::Own };
    if origins.next().is_some() {
        return Verdict::Foreign;
    }
    let Ok(text) = origin.to_str() else { return Verdict::Foreign };
    if allowed.iter().any(|a| a.trim_end_matches('/').eq_ignore_ascii_case(text)) {
        return Verdict::Allowed(origin.clone());
    }
    let own = headers.get(HOST).and_then(|h| h.to_str().ok()).map(str::parse::<Authority>);
    let own = match own {
        Some(Ok(host)) => Some(host),
        Some(Err(_)) => None,
        None => uri.authority().cloned(),
    };
    match (own, text.parse::<Uri>()) {
        (Some(own), Ok(page)) if is_same(&own, &page, tls) => Verdict::Own,
        _ => Verdict::Foreign,
    }
}

fn is_same(own: &Authority, page: &Uri, tls: bool) -> bool {
    let (Some(scheme), Some(host)) = (page.scheme(), page.host()) else { return false };
    let default = match scheme {
        s if *s == Scheme::HTTPS => 443,
        s if *s == Scheme::HTTP && !tls => 80,
        _ => return false,
    };
    own.host().eq_ignore_ascii_case(host) && own.port_u16().unwrap_or(default) == page.port_u16().unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(host: &str, origin: &str, tls: bool, allowed: &[&str]) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        headers.insert(ORIGIN, origin.parse().unwrap());
        let allowed: Vec<String> = allowed.iter().map(|a| (*a).to_owned()).collect();
        judge(&headers, &Uri::from_static("/socket.io/"), tls, &allowed)
    }

    #[test]
    fn a_foreign_page_is_told_from_our_own() {
        let own = |host, origin| verdict(host, origin, false, &[]) == Verdict::Own;
        assert!(own("127.0.0.1:8080", "http://127.0.0.1:8080"));
        assert!(own("chat.example", "https://chat.example"));
        assert!(own("chat.example:443", "https://CHAT.example"));
        assert!(own("[::1]:8080", "http://[::1]:8080"));
        for (host, origin) in [
            ("chat.example", "https://evil.example"),
            ("chat.example", "null"),
            ("chat.example", "https://chat.example:8443"),
            ("127.0.0.1:8080", "http://127.0.0.1:8081"),
            ("127.0.0.1:8080", "http://localhost:8080"),
            ("chat.example", "https://chat.example.evil.example"),
            ("chat.example", "chat.example"),
            ("chat.example", "file://chat.example"),
            ("chat.example", "https://user@evil.example"),
        ] {
            assert_eq!(verdict(host, origin, false, &[]), Verdict::Foreign, "{host} {origin}");
        }
        assert_eq!(verdict("chat.example", "http://chat.example", true, &[]), Verdict::Foreign);
    }

    #[test]
    fn no_origin_passes_and_two_do_not() {
        let mut headers = HeaderMap::new();
        assert_eq!(judge(&headers, &Uri::from_static("/"), false, &[]), Verdict::Own);
        headers.insert(HOST, HeaderValue::from_static("a"));
        headers.append(ORIGIN, HeaderValue::from_static("http://a"));
        headers.append(ORIGIN, HeaderValue::from_static("http://b"));
        assert_eq!(judge(&headers, &Uri::from_static("/"), false, &[]), Verdict::Foreign);
    }

    #[test]
    fn the_list_allows() {
        let listed = ["https://app.example/"];
        assert!(matches!(verdict("chat.example", "https://app.example", true, &listed), Verdict::Allowed(_)));
        assert_eq!(verdict("chat.example", "https://app.example.evil", true, &listed), Verdict::Foreign);
    }
}
