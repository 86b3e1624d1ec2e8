use std::{fs::File, io::Read, path::Path};

use zeroize::Zeroizing;

use crate::{
    error::Problem,
    layer::{Kind, Layer, Source},
};

/// More than any settings file has; a log file named by mistake must not fill the memory.
const MAX_BYTES: u64 = 1024 * 1024;
/// What System.Text.Json allows.
const MAX_DEPTH: usize = 64;

/// Reads a settings file. `None` when there is none.
pub(crate) fn read_file(path: &Path) -> Result<Option<Layer>, Problem> {
    let name = path.display();
    let unreadable = |error: std::io::Error| Problem::new(format!("{name} cannot be read: {error}"));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(Problem::new(format!("{name} is a directory; a JSON file belongs there")));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    parse(&name.to_string(), &bytes).map(Some)
}

/// Reads JSON as ASP.NET Core reads it: with a byte order mark, comments and trailing commas.
pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Layer, Problem> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::new(format!("{name} is larger than 1 MB; that is no settings file")));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || bytes.iter().take(4).any(|b| *b == 0) {
        return Err(Problem::new(format!("{name} is UTF-16 or UTF-32 text; save it as UTF-8")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = position(&String::from_utf8_lossy(&bytes[..error.valid_up_to()]));
        Problem::new(format!("{name}, line {line}, column {column}: not UTF-8; save the file as UTF-8"))
    })?;
    let mut parser = Parser { name, text, at: 0, path: Vec::new(), layer: Layer::new(Source::File(name.to_owned())) };
    parser.document()?;
    Ok(parser.layer)
}

fn position(before: &str) -> (usize, usize) {
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

struct Parser<'a> {
    name: &'a str,
    text: &'a str,
    at: usize,
    path: Vec<String>,
    layer: Layer,
}

impl Parser<'_> {
    /// What was expected is ours to say; what stands there instead may be a secret.
    fn wrong<T>(&self, at: usize, expected: &str) -> Result<T, Problem> {
        let (line, column) = position(&self.text[..at]);
        Err(Problem::new(format!("{}, line {line}, column {column}: {expected}", self.name)))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn document(&mut self) -> Result<(), Problem> {
        self.skip_blanks()?;
        if self.peek() != Some(b'{') {
            return self.wrong(self.at, "a settings file is one object, so `{` belongs here");
        }
        self.object()?;
        self.skip_blanks()?;
        if self.at < self.text.len() { self.wrong(self.at, "nothing may follow the last `}`") } else { Ok(()) }
    }

    fn skip_blanks(&mut self) -> Result<(), Problem> {
        loop {
            let rest = &self.text[self.at..];
            if rest.starts_with([' ', '\t', '\r', '\n']) {
                self.at += 1;
            } else if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => return self.wrong(self.at, "this comment has no `*/`"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn object(&mut self) -> Result<(), Problem> {
        self.layer.add_object(&self.path.join(":"));
        self.members(b'}', |parser, _| {
            if parser.peek() != Some(b'"') {
                return parser.wrong(parser.at, "a name in double quotes or `}` belongs here");
            }
            let name = parser.string()?;
            parser.skip_blanks()?;
            if parser.peek() != Some(b':') {
                return parser.wrong(parser.at, "`:` belongs after a name");
            }
            parser.at += 1;
            Ok(name)
        })
    }

    fn array(&mut self) -> Result<(), Problem> {
        self.members(b']', |_, index| Ok(index.to_string()))
    }

    fn members(
        &mut self,
        close: u8,
        name: impl Fn(&mut Self, usize) -> Result<String, Problem>,
    ) -> Result<(), Problem> {
        let open = self.at;
        if self.path.len() >= MAX_DEPTH {
            return self.wrong(open, "nested deeper than 64 levels");
        }
        self.at += 1;
        for index in 0.. {
            self.skip_blanks()?;
            match self.peek() {
                None => return self.wrong(open, "this is never closed"),
                Some(byte) if byte == close => {
                    self.at += 1;
                    if index == 0 && !self.path.is_empty() {
                        // `"A": {}` beside `"A": {"B": 1}` is no second value.
                        self.layer.add(&self.path.join(":"), "", Kind::Empty);
                    }
                    break;
                }
                Some(_) => {}
            }
            let name = name(self, index)?;
            self.path.push(name);
            self.value()?;
            self.path.pop();
            self.skip_blanks()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {}
                None => return self.wrong(open, "this is never closed"),
                Some(_) => return self.wrong(self.at, "`,` or the closing bracket belongs here"),
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<(), Problem> {
        self.skip_blanks()?;
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                let text = self.string()?;
                self.put(start, &text, Kind::Text)
            }
            _ => {
                let rest = &self.text[start..];
                let word = &rest
                    [..rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len())];
                self.at += word.len();
                match word {
                    // As .NET's configuration writes booleans.
                    "true" => self.put(start, "True", Kind::Boolean),
                    "false" => self.put(start, "False", Kind::Boolean),
                    "null" => self.put(start, "", Kind::Empty),
                    number if serde_json::from_str::<serde_json::Number>(number).is_ok() => {
                        self.put(start, number, Kind::Number)
                    }
                    _ => {
                        self.wrong(start, "a value belongs here: text in double quotes, a number, true, false or null")
                    }
                }
            }
        }
    }

    fn put(&mut self, at: usize, text: &str, kind: Kind) -> Result<(), Problem> {
        let key = self.path.join(":");
        if self.layer.add(&key, text, kind) {
            return Ok(());
        }
        let (line, column) = position(&self.text[..at]);
        let message = format!(
            "{}, line {line}, column {column}: {key} is there twice; names are compared ignoring case, keep one",
            self.name
        );
        Err(Problem::of_key(key, message))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let start = self.at;
        let mut escaped = false;
        for (offset, byte) in self.text.bytes().enumerate().skip(start + 1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.at = offset + 1;
                    return serde_json::from_str(&self.text[start..self.at])
                        .or_else(|_| self.wrong(start, "this text holds a bad escape: `\\` is written `\\\\`"));
                }
                0..0x20 => break,
                _ => {}
            }
        }
        self.wrong(start, "this text has no closing `\"` on its line, or holds a tab that is not written `\\t`")
    }
}
