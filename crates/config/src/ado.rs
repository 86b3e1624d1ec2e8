use zeroize::Zeroizing;

/// One `keyword=value`.
pub(crate) struct Pair {
    /// Trimmed, as it was spelled. May be part of a password that was not quoted, so it is shown only after a keyword
    /// list has recognised it.
    pub(crate) keyword: Zeroizing<String>,
    pub(crate) value: Zeroizing<String>,
}

impl Pair {
    pub(crate) fn is(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(&self.keyword))
    }
}

/// What breaks ADO.NET's grammar, and in which pair, counted from 1.
pub(crate) struct Syntax {
    pub(crate) pair: usize,
    pub(crate) what: &'static str,
}

/// Splits a connection string as `DbConnectionStringBuilder` does: pairs end at `;`, a value may stand in single or
/// double quotes with the quote doubled inside, and `==` in a keyword is one `=`.
pub(crate) fn parse(text: &str) -> Result<Vec<Pair>, Syntax> {
    let mut pairs = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| *c == ';' || c.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return Ok(pairs);
        }
        let syntax = |what| Syntax { pair: pairs.len() + 1, what };
        let mut keyword = Zeroizing::new(String::new());
        loop {
            match rest.next() {
                None => return Err(syntax("has no `=`; a value that holds `;` must be quoted")),
                Some('=') if rest.next_if_eq(&'=').is_some() => keyword.push('='),
                Some('=') => break,
                Some(c) if c.is_control() && !c.is_whitespace() => return Err(syntax("holds a control character")),
                Some(c) => keyword.push(c),
            }
        }
        let keyword = Zeroizing::new(keyword.trim().to_owned());
        if keyword.is_empty() {
            return Err(syntax("has no keyword before `=`"));
        }
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        let value = match rest.next_if(|c| matches!(c, '\'' | '"')) {
            Some(quote) => quoted(&mut rest, quote).map_err(syntax)?,
            None => {
                let mut value = Zeroizing::new(String::new());
                while let Some(c) = rest.next_if(|c| *c != ';') {
                    if c.is_control() && !c.is_whitespace() {
                        return Err(syntax("holds a control character"));
                    }
                    value.push(c);
                }
                Zeroizing::new(value.trim().to_owned())
            }
        };
        pairs.push(Pair { keyword, value });
    }
}

fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) -> Result<Zeroizing<String>, &'static str> {
    let mut value = Zeroizing::new(String::new());
    loop {
        match rest.next() {
            None => return Err("has a quote that is never closed"),
            Some(c) if c == quote && rest.next_if_eq(&quote).is_none() => break,
            Some(c) => value.push(c),
        }
    }
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    if rest.peek().is_some_and(|c| *c != ';') { Err("goes on after its closing quote") } else { Ok(value) }
}
