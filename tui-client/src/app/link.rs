//! The links of a text, and where one really leads.

/// Links of one message that are told apart.
const MOST: usize = 50;

/// The links of a text, each once, in order, without the punctuation of the sentence around them.
pub fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("https://").into_iter().chain(rest.find("http://")).min() {
        rest = &rest[at..];
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`')).unwrap_or(rest.len());
        let link = rest[..end].trim_end_matches(['.', ',', ')', ';', ':', '!', '?']);
        if !found.contains(&link) && found.len() < MOST {
            found.push(link);
        }
        rest = &rest[end..];
    }
    found
}

/// The host of an address that could be mistaken for another's: behind a name (`https://bank.example@evil.example`), or
/// written in other letters. Unfiltered.
pub fn real_host(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#', '\\']).next()?;
    if authority.is_ascii() && !authority.contains('@') {
        return None;
    }
    url::Url::parse(url).ok()?.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_without_the_sentence_around_them() {
        let text = "see (http://a.example/x), or https://b; http://a.example/x";
        assert_eq!(links(text), ["http://a.example/x", "https://b"]);
        assert!(links("no link").is_empty());
    }

    #[test]
    fn an_address_that_could_be_mistaken_has_a_host_to_show() {
        for (url, host) in [
            ("https://bank.example@evil.example/login", Some("evil.example")),
            ("https://b\u{430}nk.example", Some("xn--bnk-6cd.example")),
            ("https://bank.example\\@evil.example", None),
            ("https://bank.example/@ana?x=@", None),
        ] {
            assert_eq!(real_host(url).as_deref(), host, "{url}");
        }
    }
}
