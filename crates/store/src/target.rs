use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Which store a connection string means. What may hold a password is a [`ConnectionText`] that only its backend reads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Target {
    /// A SQLite database.
    Sqlite(SqliteTarget),
    /// Redis: a `redis://` or `rediss://` URL, or StackExchange.Redis' text.
    Redis(RedisTarget),
    /// SQL Server: a `mssql://` URL, or SqlClient's text.
    SqlServer(ConnectionText),
    /// PostgreSQL: a `postgres://` or `postgresql://` URL, or Npgsql's text.
    Postgres(ConnectionText),
    /// MySQL: a `mysql://` URL, or MySqlConnector's text.
    MySql(ConnectionText),
}

impl Target {
    /// The engine, for people.
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Redis(_) => "Redis",
            Self::SqlServer(_) => "SQL Server",
            Self::Postgres(_) => "PostgreSQL",
            Self::MySql(_) => "MySQL",
        }
    }

    /// The crate whose opener opens it.
    pub fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "absentia-sqlite",
            Self::Redis(_) => "absentia-redis",
            Self::SqlServer(_) => "absentia-mssql",
            Self::Postgres(_) => "absentia-postgres",
            Self::MySql(_) => "absentia-mysql",
        }
    }
}

/// A Redis server and what its keys begin with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisTarget {
    /// The connection string.
    pub connection: ConnectionText,
    /// Put before the key of each entry: .NET's `InstanceName`. May be empty.
    pub instance_name: String,
}

/// A SQLite database and how to open it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SqliteTarget {
    /// The file; empty for [`SqliteMode::Memory`]. Relative to where the process runs, as in .NET.
    pub path: PathBuf,
    /// How to open it.
    pub mode: SqliteMode,
    /// How long to wait for a lock, if the text says so.
    pub busy_timeout: Option<Duration>,
}

impl SqliteTarget {
    /// The file of the key ring: the database's name with `.keys` added. `None` in memory.
    pub fn key_ring(&self) -> Option<PathBuf> {
        (self.mode != SqliteMode::Memory).then(|| with_suffix(&self.path, ".keys"))
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// How a SQLite database is opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SqliteMode {
    /// Read and write; make the file if there is none.
    #[default]
    ReadWriteCreate,
    /// Read and write; the file must be there.
    ReadWrite,
    /// Read only.
    ReadOnly,
    /// In memory, gone with the process.
    Memory,
}

/// A connection string that may hold a password: shown by no `Debug`, read by its backend alone.
#[derive(Clone, Eq, PartialEq)]
pub struct ConnectionText(String);

impl ConnectionText {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConnectionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[connection string]")
    }
}
