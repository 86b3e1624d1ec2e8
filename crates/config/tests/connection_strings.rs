//! Which engine a connection string means, and that no message shows a password.

#![allow(clippy::panic, reason = "the helpers of tests")]

use std::{path::Path, time::Duration};

use absentia_config::{Configuration, Need, Settings, SqliteMode, SqliteTarget, Target, database_target, redis_target};

fn engine(text: &str) -> &'static str {
    database_target(text).unwrap_or_else(|error| panic!("{text}: {error}")).engine()
}

fn refused(text: &str) -> String {
    match database_target(text) {
        Ok(target) => panic!("{text} was read as {}", target.engine()),
        Err(error) => error.to_string(),
    }
}

fn sqlite(text: &str) -> SqliteTarget {
    match database_target(text) {
        Ok(Target::Sqlite(target)) => target,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_string_for_one_engine_is_not_handed_to_another() {
    assert_eq!(engine(r"Server=LAPTOP-5628\SQLEXPRESS;Database=Tokens;Trusted_Connection=True"), "SQL Server");
    let slashes = refused("Server=LAPTOP-5628//SQLSERVER2019;Database=Tokens;Trusted_Connection=True");
    assert!(slashes.contains("SQL Server") && slashes.contains("server name"), "{slashes}");
    assert_eq!(
        engine("Data Source=tcp:db1.example.net,1433;Initial Catalog=Tokens;User ID=app;Password=x"),
        "SQL Server"
    );
    for text in ["Data Source=tokens.db", "DataSource=tokens.db;Mode=ReadWriteCreate;Cache=Shared", "Filename=./t.db"] {
        assert_eq!(engine(text), "SQLite", "{text}");
    }
    let bare = refused("tokens.db");
    for form in ["sqlite:", "postgres://", "mysql://", "mssql://", "redis://", "rediss://", "Data Source=tokens.db"] {
        assert!(bare.contains(form), "{form}: {bare}");
    }
    // The sample's own.
    assert_eq!(
        engine(r"Data Source=(LocalDb)\MSSQLLocalDB;Database=MsalTokenCacheDatabase;Integrated Security=True;"),
        "SQL Server"
    );
}

#[test]
fn schemes_decide_first() {
    for (text, name) in [
        ("sqlite:tokens.db", "SQLite"),
        ("SQLite:tokens.db", "SQLite"),
        ("redis://h", "Redis"),
        ("rediss://u:p@h:6380", "Redis"),
        ("postgres://u:p@h/db", "PostgreSQL"),
        ("postgresql://u:p@h/db", "PostgreSQL"),
        ("mssql://u:p@h/db", "SQL Server"),
        ("MySQL://u:p@h/db?Mode=x", "MySQL"),
    ] {
        assert_eq!(engine(text), name, "{text}");
    }
    for text in ["jdbc:sqlserver://h:1433;password=hidden", "https://hidden@h/", "postgres://", "sqlserver://hidden@h"]
    {
        let shown = refused(text);
        assert!(!shown.contains("hidden"), "{shown}");
    }
}

#[test]
fn only_words_that_do_not_fit_decide() {
    assert_eq!(engine("Host=h;Username=u;Password=p;Search Path=s"), "PostgreSQL");
    assert_eq!(engine("Server=h;Database=d;UserId=u;Password=p;Root Certificate=c"), "PostgreSQL");
    assert_eq!(engine("Server=h;Port=3306;Database=d;Uid=u;Pwd=p;CharSet=utf8mb4"), "MySQL");
    assert_eq!(engine("Server=h;Database=d;User ID=u;Password=p"), "SQL Server");
    assert_eq!(
        engine("SERVER=h;initial catalog=d;ApplicationIntent=ReadOnly;Application Intent=ReadOnly"),
        "SQL Server"
    );
}

#[test]
fn several_or_none_name_the_deciding_words() {
    let several = refused("Host=h;Port=1;Database=d;Username=u;Password=hidden");
    for word in ["several", "PostgreSQL", "MySQL", "Host", "Port", "Username", "postgres://", "mysql://"] {
        assert!(several.contains(word), "{word}: {several}");
    }
    let none = refused("Host=h;Trusted_Connection=True;Search Path=s;Password=hidden");
    for word in ["no engine", "Trusted_Connection", "Search Path", "scheme"] {
        assert!(none.contains(word), "{word}: {none}");
    }
    let unknown = refused("Server=h;Hidden=x;Password=y");
    assert!(unknown.contains("keyword 2") && !unknown.contains("Hidden"), "{unknown}");
    for text in [&several, &none] {
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[test]
fn both_spellings_of_a_switch() {
    for switch in [
        "TrustServerCertificate=True",
        "Trust Server Certificate=true",
        "TRUSTSERVERCERTIFICATE=yes",
        "Encrypt=Strict",
        "Integrated Security=SSPI",
    ] {
        assert_eq!(engine(&format!("Server=h;Database=d;Encrypt=True;{switch}")), "SQL Server", "{switch}");
    }
    let maybe = refused("Server=h;Database=d;Password=hidden;trust server certificate=maybe");
    assert!(maybe.contains("Trust Server Certificate") && !maybe.contains("hidden"), "{maybe}");
}

#[test]
fn the_grammar_of_ado_net() {
    assert_eq!(sqlite("Data Source=\"a;b\"\"c.db\"").path, Path::new("a;b\"c.db"));
    assert_eq!(sqlite(" ; Data Source = 'it''s.db' ;; ").path, Path::new("it's.db"));
    assert_eq!(sqlite("Data Source=a=b.db").path, Path::new("a=b.db"));
    assert_eq!(sqlite("data source=first.db;FILENAME=last.db").path, Path::new("last.db"));
    assert_eq!(sqlite("Data Source= a 'b'.db ").path, Path::new("a 'b'.db"));
    for text in [
        "Data Source='x",
        "Data Source='x'y",
        "=x",
        "Data Source=x;oops",
        "Data==Source=x",
        "Data Source==x.db",
        "Data Source=a\u{1}b",
    ] {
        refused(text);
    }
}

#[test]
fn sqlite_targets() {
    let target = sqlite("Data Source=dir/tokens.db;Mode=readonly;Default Timeout=7");
    assert_eq!(target.mode, SqliteMode::ReadOnly);
    assert_eq!(target.busy_timeout, Some(Duration::from_secs(7)));
    assert_eq!(target.key_ring().as_deref(), Some(Path::new("dir/tokens.db.keys")));
    for (text, path) in [
        ("sqlite:tokens.db", "tokens.db"),
        ("sqlite://tokens.db", "tokens.db"),
        ("sqlite:///var/tokens.db", "/var/tokens.db"),
        ("sqlite:/var/tokens.db?mode=rwc", "/var/tokens.db"),
    ] {
        assert_eq!(
            sqlite(text),
            SqliteTarget { path: path.into(), mode: SqliteMode::ReadWriteCreate, busy_timeout: None }
        );
    }
    assert_eq!(sqlite("sqlite:t.db?mode=ro").mode, SqliteMode::ReadOnly);
    for text in ["sqlite::memory:", "Data Source=:memory:", "Data Source=x;Mode=Memory", "sqlite:x?mode=memory"] {
        assert_eq!((sqlite(text).mode, sqlite(text).key_ring()), (SqliteMode::Memory, None), "{text}");
    }
    for text in [
        "sqlite:",
        "sqlite:t.db?mode=x",
        "Mode=ReadOnly",
        "Data Source=",
        "Data Source=x;Mode=Sometimes",
        "Data Source=x;Cache=Big",
        "Data Source=x;Default Timeout=-1",
        "Data Source=tcp:db1,1433",
        "Data Source=file:x",
        r"Data Source=(localdb)\MSSQLLocalDB",
        "Data Source=|DataDirectory|x.db",
        "Data Source=x;Vfs=unix-none",
    ] {
        refused(text);
    }
    let password = refused("Data Source=tokens.db;Password=hidden");
    assert!(password.contains("Password") && !password.contains("hidden"), "{password}");
}

#[test]
fn redis_text_is_stack_exchanges() {
    for text in
        ["cache1.example.net:6380,password=ab+/cd==,ssl=True", ",,cache1.example.net , PASSWORD = x ,Ssl=on", "h"]
    {
        let target = redis_target(text).unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(&target, Target::Redis(redis) if redis.connection.expose() == text), "{target:?}");
        assert_eq!(
            format!("{target:?}"),
            r#"Redis(RedisTarget { connection: [connection string], instance_name: "" })"#
        );
    }
    assert!(redis_target("\"cache1.example.net:6380,password=hidden\"").is_err());
    assert!(redis_target("").is_err());
    let other = redis_target("postgres://u:hidden@h").expect_err("not Redis").to_string();
    assert!(other.contains("PostgreSQL") && !other.contains("hidden"), "{other}");
}

#[test]
fn no_message_shows_a_piece_of_a_password() {
    let strings = [
        "Server=h;Database=d;User ID=u;Password=Sw0rdf;ish=9;Trusted_Connection=no",
        "Server=h;Database=d;User ID=u;Password=Sw0rdf;ish",
        "Server=h;Password='Sw0rdf;ish",
        "Server=h;Password=\"Sw0rdf\"ish;Database=d",
        "Host=h;Username=u;Password=Sw0rdf;Port=ish",
        "Host=h;Username=u;Password=Sw0rdfish;Trusted_Connection=True",
        "Server=h/i;Password=Sw0rdfish",
        "Server=h;Encrypt=Sw0rdfish",
        "Data Source=x.db;Password=Sw0rdfish",
        "Data Source=x.db;Mode=Sw0rdfish",
        "sqlite:x.db?key=Sw0rdfish",
        "Sw0rdfish",
        "Sw0rdfish://x",
        "cache1.example.net:6380,password=Sw0rdf,ish=,ssl=True",
        "\"cache1.example.net:6380,password=Sw0rdf,ish,ssl=True\"",
        "Server=h;Password=\u{1}Sw0rdfish",
        "postgres://u:Sw0rdfish@h/db",
        "Server=h;Database=d;User ID=u;Password=Sw0rdfish",
        "Server=h;Port=1;Uid=u;Pwd=Sw0rdfish;CharSet=x",
    ];
    let mut refused = 0;
    for text in strings {
        for (key, read) in
            [("TokenCacheDbConnStr", database_target(text)), ("TokenCacheRedisConnStr", redis_target(text))]
        {
            let variables = [(format!("ConnectionStrings__{key}"), text.to_owned())];
            let configuration = Configuration::parse("appsettings.json", b"{}", variables).unwrap();
            let settings = Settings::from_configuration(&configuration, &[Need::Store]);
            assert_eq!(settings.is_err(), read.is_err(), "{text}");
            refused += usize::from(read.is_err());
            let shown = match &read {
                Ok(target) => format!("{target:?} {settings:?} {configuration:?}"),
                Err(error) => format!("{error} {error:?} {settings:?} {}", settings.as_ref().unwrap_err()),
            };
            for piece in ["Sw0rdf", "ish"] {
                assert!(!shown.contains(piece), "{text}: {shown}");
            }
        }
    }
    assert!(refused > strings.len() / 2, "the cases no longer reach the messages");
}
