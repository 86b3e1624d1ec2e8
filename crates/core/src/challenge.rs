//! `WWW-Authenticate: Bearer …` (RFC 6750, RFC 9110 section 11.6.1): what a resource wants before it serves.

use crate::encoding::from_any_base64;

/// Longest header that is looked at, in bytes.
const MAX_LENGTH: usize = 32 * 1024;

/// One Bearer challenge.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Challenge {
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The first Bearer challenge of a header value. Other schemes before it are passed over.
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > MAX_LENGTH {
            return None;
        }
        let mut scanner = Scanner(header);
        loop {
            scanner.skip_separators();
            let scheme = scanner.token()?;
            let parameters = scanner.parameters();
            if scheme.eq_ignore_ascii_case("bearer") {
                return Some(Self { parameters });
            }
        }
    }

    /// A parameter's value; names are compared ignoring case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The claims to ask for, as JSON text: decoded when they are base64 (either alphabet), else as they are. `None` when
    /// there are none or they are no JSON object.
    pub fn claims(&self) -> Option<String> {
        let raw = self.get("claims")?;
        let text = match from_any_base64(raw).and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(decoded) if decoded.trim_start().starts_with('{') => decoded,
            _ => raw.to_owned(),
        };
        crate::claims::check(&text).is_ok().then_some(text)
    }
}

struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    fn skip_separators(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', ',']);
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self
            .0
            .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c)))
            .unwrap_or(self.0.len());
        if end == 0 {
            return None;
        }
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(token)
    }

    /// `name=value` pairs up to the next scheme or the end.
    fn parameters(&mut self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        loop {
            self.skip_separators();
            let before = self.0;
            let Some(name) = self.token() else { return found };
            let rest = self.0.trim_start();
            let Some(rest) = rest.strip_prefix('=') else {
                self.0 = before; // no `=`: the next scheme begins here
                return found;
            };
            self.0 = rest.trim_start();
            let Some(value) = self.value() else { return found };
            found.push((name.to_owned(), value));
        }
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            let end = self.0.find([',', ' ', '\t']).unwrap_or(self.0.len());
            let (value, rest) = self.0.split_at(end);
            self.0 = rest;
            return Some(value.to_owned());
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None // the quote was never closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: &str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTc5MDAwMzU5MCJ9fX0=";

    #[test]
    fn claims_are_found_wherever_they_stand() {
        let tail = r#"client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims""#;
        for header in [
            format!(r#"Bearer realm="", {tail}, claims="{CLAIMS}", cc_type="authcontext""#),
            format!(r#"Bearer claims="{CLAIMS}", realm="", {tail}, cc_type="authcontext""#),
            format!(r#"Bearer realm="", xclaims="AAAA", {tail},claims="{CLAIMS}""#),
            format!(r#"Basic realm="x", bearer realm="", claims="{CLAIMS}""#),
        ] {
            let challenge = Challenge::parse(&header).unwrap();
            let claims: serde_json::Value = serde_json::from_str(&challenge.claims().unwrap()).unwrap();
            assert_eq!(
                claims,
                serde_json::json!({"access_token": {"nbf": {"essential": true, "value": "1790003590"}}}),
                "{header}"
            );
        }
    }

    #[test]
    fn raw_json_with_escaped_quotes_is_read_and_nonsense_is_not() {
        let raw = Challenge::parse(r#"Bearer claims="{\"access_token\":{}}""#).unwrap();
        assert_eq!(raw.claims().as_deref(), Some(r#"{"access_token":{}}"#));
        assert_eq!(Challenge::parse(r#"Bearer claims="nonsense""#).unwrap().claims(), None);
        assert_eq!(Challenge::parse("Bearer").unwrap(), Challenge::default());
        assert_eq!(Challenge::parse(r#"Basic realm="x""#), None);
        assert_eq!(Challenge::parse(r#"Bearer claims="never closed"#).unwrap().claims(), None);
    }
}
