//! Where to go after signing in: a page of this app, or its home.

/// The longest page address that is kept. It travels inside `state`, and URLs have bounds.
const LONGEST: usize = 1024;

/// `url` when it is a path of this app (it begins with one slash), else `/`. Nothing a browser could read as another host
/// passes: no second slash or backslash after the first, no control character.
///
/// ```
/// use absentia_axum::local_path;
///
/// assert_eq!(local_path("/inbox?page=2"), "/inbox?page=2");
/// assert_eq!(local_path("//evil.example"), "/");
/// assert_eq!(local_path("https://evil.example"), "/");
/// ```
pub fn local_path(url: &str) -> &str {
    let mut bytes = url.bytes();
    let local = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    // It becomes a header: ASCII without blanks, as every URL is once it is encoded.
    let clean = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if local && clean && url.len() <= LONGEST { url } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_pages_of_this_app_pass() {
        for good in ["/", "/inbox", "/a/b?c=d&e=%2F%2Fx", "/a//b", "/@x"] {
            assert_eq!(local_path(good), good);
        }
        let long = format!("/{}", "a".repeat(1100));
        for bad in [
            "",
            "inbox",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/\n",
            "/a\\b",
            "/ü",
            "/a b",
            " /",
            "javascript:alert(1)",
            &long,
        ] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }
}
