use std::fmt;

use zeroize::Zeroizing;

use absentia_store::{ConnectionText, RedisTarget, Target};

use crate::{
    ado::{self, Pair},
    keywords::Grammar,
    sql_server, sqlite,
};

/// Why a connection string cannot be read. Names keywords that a library knows, and places; never a value, and no word
/// that might be a piece of a password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectionStringError(String);

impl ConnectionStringError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for ConnectionStringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConnectionStringError {}

const FORMS: &str = "accepted are sqlite:tokens.db, postgres://, mysql://, mssql://, redis:// and rediss:// URLs, and \
                     ADO.NET text such as Data Source=tokens.db";

/// Reads the text of `TokenCacheDbConnStr`.
///
/// A scheme decides first. Other text is ADO.NET's: only words of Microsoft.Data.Sqlite → SQLite; all words
/// SqlClient's → SQL Server; else the one of Npgsql and MySqlConnector that knows all words.
///
/// # Errors
/// When several readings fit or none does; the message names the words that decided and asks for a scheme.
///
/// ```
/// use absentia_config::database_target;
///
/// assert_eq!(database_target("Data Source=tokens.db")?.engine(), "SQLite");
/// assert_eq!(database_target("Server=db1;Database=Tokens;User ID=app;Password=x")?.engine(), "SQL Server");
/// # Ok::<(), absentia_config::ConnectionStringError>(())
/// ```
pub fn database_target(text: &str) -> Result<Target, ConnectionStringError> {
    let text = text.trim();
    match by_scheme(text)? {
        Some(target) => Ok(target),
        None => by_words(text),
    }
}

/// Reads the text of `TokenCacheRedisConnStr`: a `redis://` or `rediss://` URL, else StackExchange.Redis' text,
/// which the Redis backend reads.
///
/// # Errors
/// When the text is for another engine, or stands in quotes, which StackExchange.Redis does not have.
pub fn redis_target(text: &str) -> Result<Target, ConnectionStringError> {
    let text = text.trim();
    match by_scheme(text)? {
        Some(redis @ Target::Redis(_)) => Ok(redis),
        Some(other) => Err(ConnectionStringError::new(format!(
            "this is for {}, not for Redis; it belongs in ConnectionStrings:TokenCacheDbConnStr",
            other.engine()
        ))),
        None if text.starts_with(['"', '\'']) => Err(ConnectionStringError::new(
            "it begins with a quote; StackExchange.Redis has no quoting, so write host:port,password=… without \
             quotes, or a redis:// URL with the password percent-encoded",
        )),
        None if text.is_empty() => Err(ConnectionStringError::new("it is empty")),
        None => Ok(redis(ConnectionText::new(text))),
    }
}

/// The instance name is a setting of its own, which the plan of the stores adds.
fn redis(connection: ConnectionText) -> Target {
    Target::Redis(RedisTarget { connection, instance_name: String::new() })
}

fn by_scheme(text: &str) -> Result<Option<Target>, ConnectionStringError> {
    let after = |scheme: &str| {
        text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme)).map(|_| &text[scheme.len()..])
    };
    if let Some(rest) = after("sqlite:") {
        return sqlite::of_url(rest).map(|target| Some(Target::Sqlite(target)));
    }
    type Make = fn(ConnectionText) -> Target;
    let schemes: [(&str, Make); 6] = [
        ("redis://", redis),
        ("rediss://", redis),
        ("postgres://", Target::Postgres),
        ("postgresql://", Target::Postgres),
        ("mssql://", Target::SqlServer),
        ("mysql://", Target::MySql),
    ];
    for (scheme, target) in schemes {
        match after(scheme) {
            None => {}
            Some("") => return Err(ConnectionStringError::new(format!("nothing follows {scheme}"))),
            Some(_) => return Ok(Some(target(ConnectionText::new(text)))),
        }
    }
    let before_words = text.split('=').next().unwrap_or_default();
    if before_words.contains("://") {
        return Err(ConnectionStringError::new(format!("it begins with a scheme that is not known here; {FORMS}")));
    }
    Ok(None)
}

fn by_words(text: &str) -> Result<Target, ConnectionStringError> {
    if !text.contains('=') {
        return Err(ConnectionStringError::new(format!(
            "it is neither a URL nor text of the form keyword=value; {FORMS}"
        )));
    }
    let pairs = ado::parse(text)
        .map_err(|error| ConnectionStringError::new(format!("keyword {} of it {}; {FORMS}", error.pair, error.what)))?;
    let fits = |grammar: &Grammar| pairs.iter().all(|pair| grammar.keyword(&pair.keyword).is_some());
    let fitting: Vec<_> = Grammar::ALL.into_iter().filter(fits).collect();
    let secret = || ConnectionText::new(text);
    match fitting.as_slice() {
        [Grammar::Sqlite, ..] => sqlite::of_pairs(&pairs).map(Target::Sqlite),
        [Grammar::SqlClient, ..] => sql_server::check(&pairs).map(|()| Target::SqlServer(secret())),
        [Grammar::Npgsql] => Ok(Target::Postgres(secret())),
        [Grammar::MySqlConnector] => Ok(Target::MySql(secret())),
        _ => Err(undecided(&pairs, &fitting)),
    }
}

fn undecided(pairs: &[Pair], fitting: &[Grammar]) -> ConnectionStringError {
    let known = |pair: &Pair| Grammar::ALL.into_iter().find_map(|grammar| grammar.keyword(&pair.keyword));
    let mut reasons = Vec::new();
    for grammar in Grammar::ALL {
        let strange: Vec<_> =
            pairs.iter().filter(|pair| grammar.keyword(&pair.keyword).is_none()).filter_map(known).collect();
        if !strange.is_empty() {
            reasons.push(format!("{} does not know {}", grammar.name(), strange.join(", ")));
        }
    }
    for (index, _) in pairs.iter().enumerate().filter(|(_, pair)| known(pair).is_none()) {
        reasons.push(format!("none knows keyword {} of it", index + 1));
    }
    let verdict = if fitting.is_empty() { "no engine fits" } else { "several engines fit" };
    let fitting: Vec<_> = fitting.iter().map(|grammar| grammar.name()).collect();
    if !fitting.is_empty() {
        reasons.push(format!("{} know all of it", fitting.join(" and ")));
    }
    ConnectionStringError(format!(
        "{verdict}: {}. Say which it is with a scheme: postgres://, mysql://, mssql:// or sqlite:; a value that holds `;` \
         must be quoted",
        reasons.join("; ")
    ))
}

/// For messages and later parsers: the last of several spellings of a keyword counts, as in ADO.NET.
pub(crate) fn last<'a>(pairs: &'a [Pair], keywords: &[&str]) -> Option<&'a Zeroizing<String>> {
    pairs.iter().rev().find(|pair| pair.is(keywords)).map(|pair| &pair.value)
}
