//! What a token is asked for.

/// Scope words that belong to no resource (OpenID Connect). They are asked for with every user token and do not decide
/// whether a cached token fits.
pub const OIDC: [&str; 3] = ["openid", "profile", "offline_access"];

/// Entra's prefix for permissions of Microsoft Graph: a bare word such as `User.Read` means the same permission.
const GRAPH: &str = "https://graph.microsoft.com/";

/// The scopes of one call: borrowed, so that asking allocates nothing.
///
/// ```
/// use absentia_core::Scopes;
///
/// assert_eq!(Scopes::from("User.Read Mail.Read").words().count(), 2);
/// assert_eq!(Scopes::from(&["User.Read", "Mail.Read"]).words().count(), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Scopes<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Text(&'a str),
    Words(&'a [&'a str]),
    Strings(&'a [String]),
}

impl<'a> Scopes<'a> {
    /// The words, in the order given. A list element that holds blanks is several words.
    pub fn words(self) -> impl Iterator<Item = &'a str> {
        let (text, words, strings): (&'a str, &'a [&'a str], &'a [String]) = match self.0 {
            Form::Text(text) => (text, &[], &[]),
            Form::Words(words) => ("", words, &[]),
            Form::Strings(strings) => ("", &[], strings),
        };
        std::iter::once(text)
            .chain(words.iter().copied())
            .chain(strings.iter().map(String::as_str))
            .flat_map(str::split_ascii_whitespace)
    }

    /// The words that name a permission of a resource.
    pub fn resource_words(self) -> impl Iterator<Item = &'a str> {
        self.words().filter(|word| !is_oidc(word))
    }

    /// Whether a token granted `target` (words separated by blanks) can do all that is asked for.
    pub fn are_granted_by(self, target: &str) -> bool {
        self.resource_words().all(|asked| target.split_ascii_whitespace().any(|granted| same(asked, granted)))
    }

    /// The words joined by blanks, each once, in the order given.
    pub fn join(self) -> String {
        join(self.words())
    }
}

impl<'a> From<&'a str> for Scopes<'a> {
    fn from(text: &'a str) -> Self {
        Self(Form::Text(text))
    }
}

impl<'a> From<&'a String> for Scopes<'a> {
    fn from(text: &'a String) -> Self {
        Self(Form::Text(text))
    }
}

impl<'a> From<&'a [&'a str]> for Scopes<'a> {
    fn from(words: &'a [&'a str]) -> Self {
        Self(Form::Words(words))
    }
}

impl<'a, const N: usize> From<&'a [&'a str; N]> for Scopes<'a> {
    fn from(words: &'a [&'a str; N]) -> Self {
        Self(Form::Words(words))
    }
}

impl<'a> From<&'a [String]> for Scopes<'a> {
    fn from(words: &'a [String]) -> Self {
        Self(Form::Strings(words))
    }
}

impl<'a> From<&'a Vec<String>> for Scopes<'a> {
    fn from(words: &'a Vec<String>) -> Self {
        Self(Form::Strings(words))
    }
}

/// Whether `word` is one of [`OIDC`], ignoring case.
pub fn is_oidc(word: &str) -> bool {
    OIDC.iter().any(|oidc| oidc.eq_ignore_ascii_case(word))
}

/// Whether two scope words name the same permission: ignoring case, and `User.Read` is Graph's.
pub fn same(a: &str, b: &str) -> bool {
    bare(a).eq_ignore_ascii_case(bare(b))
}

fn bare(word: &str) -> &str {
    match word.get(..GRAPH.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(GRAPH) => match &word[GRAPH.len()..] {
            // `.default` is not a permission of its own: without its resource it would mean another thing.
            rest if rest.eq_ignore_ascii_case(".default") => word,
            rest => rest,
        },
        _ => word,
    }
}

/// Whether two sets of granted words share one, OpenID Connect words included: MSAL.NET then holds them to be one token.
pub fn overlap(a: &str, b: &str) -> bool {
    a.split_ascii_whitespace().any(|left| b.split_ascii_whitespace().any(|right| left.eq_ignore_ascii_case(right)))
}

/// Words joined by blanks, each once ignoring case, in the order given.
pub fn join<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for word in words {
        if !joined.split_ascii_whitespace().any(|seen| seen.eq_ignore_ascii_case(word)) {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(word);
        }
    }
    joined
}

/// Words as MSAL.NET stores them in `target`: each once, sorted ignoring case, casing kept.
pub fn sorted(text: &str) -> String {
    let joined = join(text.split_ascii_whitespace());
    let mut words: Vec<&str> = joined.split_ascii_whitespace().collect();
    // MSAL.NET sorts by ordinal-ignore-case, which compares upper-cased characters.
    words.sort_by(|a, b| {
        let upper = |word: &&str| word.chars().map(|c| c.to_ascii_uppercase()).collect::<String>();
        upper(a).cmp(&upper(b))
    });
    words.join(" ")
}

/// The resource of app-only scopes: what stands before `/.default`. `None` when a word is not of that form, when there is
/// no word, or when two words name different resources.
pub fn app_resource<'a>(scopes: Scopes<'a>) -> Option<&'a str> {
    let mut found: Option<&'a str> = None;
    for word in scopes.resource_words() {
        let resource = word.strip_suffix("/.default")?;
        match found {
            Some(other) if !other.eq_ignore_ascii_case(resource) => return None,
            _ => found = Some(resource),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_token_fits_when_it_grants_each_resource_word() {
        let granted = "email openid profile https://graph.microsoft.com/User.Read Mail.Read";
        assert!(Scopes::from("user.read openid OPENID").are_granted_by(granted));
        assert!(Scopes::from("https://graph.microsoft.com/Mail.Read").are_granted_by(granted));
        assert!(!Scopes::from("User.Read Files.Read").are_granted_by(granted));
        assert!(!Scopes::from("https://graph.microsoft.com/.default").are_granted_by("api://x/.default"));
        assert!(Scopes::from("").are_granted_by(granted));
        assert!(Scopes::from(&["openid", "profile"]).are_granted_by("User.Read"));
    }

    #[test]
    fn stored_scopes_are_sorted_as_msal_does() {
        assert_eq!(sorted("User.Read openid profile email openid"), "email openid profile User.Read");
    }

    #[test]
    fn an_app_asks_for_one_resource() {
        assert_eq!(app_resource("https://graph.microsoft.com/.default".into()), Some("https://graph.microsoft.com"));
        assert_eq!(app_resource("https://contoso.com//.default".into()), Some("https://contoso.com/"));
        assert_eq!(app_resource("https://a/.default https://b/.default".into()), None);
        assert_eq!(app_resource("User.Read".into()), None);
        assert_eq!(app_resource("".into()), None);
    }
}
