//! appsettings.json as .NET reads it, and what the environment changes.

#![allow(clippy::panic, reason = "the helpers of tests")]

use absentia_config::{Configuration, Kind};

fn configuration(json: &str, variables: &[(&str, &str)]) -> Configuration {
    parse(json.as_bytes(), variables).unwrap_or_else(|error| panic!("{error}"))
}

fn parse(json: &[u8], variables: &[(&str, &str)]) -> Result<Configuration, absentia_config::Error> {
    Configuration::parse("appsettings.json", json, variables.iter().map(|(n, v)| (n.to_string(), v.to_string())))
}

fn text<'a>(configuration: &'a Configuration, key: &str) -> Option<&'a str> {
    configuration.get(key).map(|value| value.text())
}

const LEFT_BY_VISUAL_STUDIO: &str = "\u{feff}{ // app\n  \"AzureAd\": { \"Instance\": \"https://login.microsoftonline.com/\", \
     /* prod */ \"TenantId\": \"TID\", \"clientid\": \"CID\", }, }";

#[test]
fn byte_order_mark_comments_and_trailing_commas() {
    let read = configuration(LEFT_BY_VISUAL_STUDIO, &[]);
    assert_eq!(text(&read, "AzureAd:Instance"), Some("https://login.microsoftonline.com/"));
    assert_eq!(text(&read, "azuread:TENANTID"), Some("TID"));
    assert_eq!(text(&read, "AzureAd:ClientId"), Some("CID"));
    assert_eq!(text(&read, "AzureAd:Nothing"), None);
}

#[test]
fn comment_marks_inside_text_are_text() {
    let read = configuration(r#"{"A": "/* no */ // \" ,} comment", "B": "x" /* " */ }"#, &[]);
    assert_eq!(text(&read, "A"), Some("/* no */ // \" ,} comment"));
    assert_eq!(text(&read, "B"), Some("x"));
}

#[test]
fn values_are_flattened_to_text() {
    let read = configuration(r#"{"A": [1.50, true, null, {"X": "é\n"}], "E": {}, "S:T": false, "L": []}"#, &[]);
    for (key, value, kind) in [
        ("A:0", "1.50", Kind::Number),
        ("A:1", "True", Kind::Boolean),
        ("A:2", "", Kind::Empty),
        ("A:3:X", "é\n", Kind::Text),
        ("E", "", Kind::Empty),
        ("S:T", "False", Kind::Boolean),
        ("L", "", Kind::Empty),
    ] {
        let read = read.get(key).unwrap_or_else(|| panic!("{key}"));
        assert_eq!((read.text(), read.kind()), (value, kind), "{key}");
    }
}

#[test]
fn both_spellings_of_a_key_are_an_error_that_names_it() {
    for json in [
        r#"{"AzureAd": {"ClientId": "hidden1", "clientid": "hidden2"}}"#,
        r#"{"AzureAd": {"ClientId": "hidden1"}, "azuread": {"clientid": "hidden2"}}"#,
        r#"{"AzureAd:ClientId": "hidden1", "AzureAd": {"clientid": null}}"#,
    ] {
        let error = parse(json.as_bytes(), &[]).expect_err(json);
        let shown = error.to_string();
        assert!(shown.contains(":clientid is there twice"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(error.problems()[0].key().is_some_and(|key| key.eq_ignore_ascii_case("AzureAd:ClientId")));
    }
    configuration(r#"{"AzureAd": {"ClientId": "a"}, "azuread": {"TenantId": "b"}}"#, &[]);
}

#[test]
fn syntax_errors_say_where_and_never_what() {
    let cases: &[(&str, &str)] = &[
        ("{\n  \"A\": hidden\n}", "line 2, column 8"),
        ("{\n  \"A\": \"hidden\n}", "line 2, column 8"),
        ("{\n  \"A\": \"hid\\den\"\n}", "line 2, column 8"),
        ("{\"A\": \"hid\tden\"}", "line 1, column 7"),
        ("{\"A\": \"ü\" \"hidden\"}", "line 1, column 11"),
        ("{\"A\": [1 2]}", "line 1, column 10"),
        ("{\"A\": 01}", "line 1, column 7"),
        ("{\"A\": [,]}", "line 1, column 8"),
        ("{\"A\": 1", "line 1, column 1"),
        ("{\"A\" \"hidden\"}", "line 1, column 6"),
        ("{'A': 'hidden'}", "line 1, column 2"),
        ("{} hidden", "line 1, column 4"),
        ("{ /* hidden }", "line 1, column 3"),
        ("[\"hidden\"]", "line 1, column 1"),
        ("", "line 1, column 1"),
    ];
    for (json, place) in cases {
        let shown = parse(json.as_bytes(), &[]).expect_err(json).to_string();
        assert!(shown.starts_with(&format!("appsettings.json, {place}: ")), "{json}: {shown}");
        assert!(!shown.contains("hid"), "{json}: {shown}");
    }
}

#[test]
fn nesting_and_size_are_bounded() {
    let nested = |levels: usize| format!("{{\"A\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    configuration(&nested(63), &[]);
    for levels in [64, 100_000] {
        let error = parse(nested(levels).as_bytes(), &[]).expect_err("deep").to_string();
        assert!(error.contains("64 levels"), "{error}");
    }
    let large = format!("{{}}{}", " ".repeat(1024 * 1024));
    assert!(parse(large.as_bytes(), &[]).expect_err("large").to_string().contains("1 MB"));
}

#[test]
fn other_encodings_are_named() {
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [&[0xff, 0xfe][..], &utf16].concat();
    for bytes in [utf16, with_mark] {
        let shown = parse(&bytes, &[]).expect_err("UTF-16").to_string();
        assert!(shown.contains("appsettings.json") && shown.contains("UTF-8"), "{shown}");
    }
    let shown = parse(b"{\n\"A\": \"\xfchidden\"}", &[]).expect_err("latin-1").to_string();
    assert!(shown.contains("line 2, column 7: not UTF-8") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn the_environment_wins_in_any_case() {
    let json = r#"{"AzureAd": {"TenantId": "TID", "ClientSecret": "file"}, "D": {"Scopes": ["a", "b"]}}"#;
    let read = configuration(
        json,
        &[("AzureAd__ClientSecret", "x"), ("AZUREAD__TENANTID", "RTID"), ("D__Scopes__0", "c"), ("Colon:Key", "d")],
    );
    assert_eq!(text(&read, "AzureAd:ClientSecret"), Some("x"));
    assert_eq!(text(&read, "AzureAd:TenantId"), Some("RTID"));
    assert_eq!(read.get("AzureAd:TenantId").unwrap().source(), "environment variable AZUREAD__TENANTID");
    assert_eq!(read.words("D:Scopes").unwrap().unwrap(), ["c", "b"]);
    assert_eq!(text(&read, "colon:key"), Some("d"));
    assert_eq!(configuration(json, &[]).get("AzureAd:TenantId").unwrap().source(), "appsettings.json");
}

#[test]
fn connection_strings_of_app_service() {
    let read = configuration("{}", &[("SQLCONNSTR_TokenCacheDbConnStr", "s"), ("customconnstr_Other", "o")]);
    assert_eq!(text(&read, "ConnectionStrings:TokenCacheDbConnStr"), Some("s"));
    assert_eq!(text(&read, "ConnectionStrings:Other"), Some("o"));
}

#[test]
fn children_come_in_order() {
    let read =
        configuration(r#"{"A": {"b": 1, "10": 1, "2": {"x": 1}, "C": 1}, "AB": 1}"#, &[("a__D", "1"), ("A__B", "2")]);
    assert_eq!(read.children("a"), ["2", "10", "b", "C", "D"]);
    assert!(read.children("None").is_empty());
}

#[test]
fn words_in_four_ways_and_not_otherwise() {
    let scopes = |json: &str, variables: &[(&str, &str)]| configuration(json, variables).words("DownstreamApi:Scopes");
    let good = Some(vec!["User.Read".to_owned(), "Mail.Read".to_owned()]);
    let from_environment = [("DownstreamApi__Scopes__0", "User.Read"), ("DownstreamApi__Scopes__1", "Mail.Read")];
    for json in [
        r#"{"DownstreamApi": {"Scopes": "User.Read Mail.Read"}}"#,
        r#"{"DownstreamApi": {"Scopes": ["User.Read", "Mail.Read"]}}"#,
        r#"{"DownstreamApi": {"Scopes": ["User.Read Mail.Read"]}}"#,
    ] {
        assert_eq!(scopes(json, &[]), Ok(good.clone()), "{json}");
    }
    assert_eq!(scopes("{}", &from_environment), Ok(good.clone()));
    let over_object = [("downstreamapi__scopes", "User.Read Mail.Read")];
    assert_eq!(scopes(r#"{"DownstreamApi": {"Scopes": {"0": "a"}}}"#, &over_object), Ok(good.clone()));
    assert_eq!(scopes(r#"{"DownstreamApi": {"Scopes": "Other"}}"#, &from_environment), Ok(good));
    for json in [r#"{"DownstreamApi": {"Scopes": {"0": "User.Read"}}}"#, r#"{"DownstreamApi": {"Scopes": 7}}"#] {
        let error = scopes(json, &[]).expect_err(json);
        assert!(error.to_string().starts_with("DownstreamApi:Scopes (appsettings.json) holds "), "{error}");
    }
    for json in ["{}", r#"{"DownstreamApi": {"Scopes": []}}"#, r#"{"DownstreamApi": {"Scopes": " "}}"#] {
        assert_eq!(scopes(json, &[]), Ok(None), "{json}");
    }
}

#[test]
fn the_file_of_the_environment_lies_over_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    std::fs::write(file("appsettings.json"), r#"{"A": "base", "B": "base"}"#).unwrap();
    std::fs::write(file("appsettings.Staging.json"), r#"{"a": "staging"}"#).unwrap();
    std::fs::write(file("appsettings.Production.json"), r#"{"A": "production"}"#).unwrap();
    let load = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(n, v)| (n.to_string(), v.to_string()));
        Configuration::load(file("appsettings.json"), variables).unwrap()
    };
    assert_eq!(text(&load(&[]), "A"), Some("production"));
    assert_eq!(text(&load(&[("ASPNETCORE_ENVIRONMENT", "Staging")]), "A"), Some("staging"));
    assert_eq!(text(&load(&[("ASPNETCORE_ENVIRONMENT", "Staging")]), "B"), Some("base"));
    assert_eq!(
        text(&load(&[("ASPNETCORE_ENVIRONMENT", "X"), ("DOTNET_ENVIRONMENT", "Staging")]), "A"),
        Some("staging")
    );
    assert_eq!(text(&load(&[("DOTNET_ENVIRONMENT", "Staging"), ("A", "env")]), "A"), Some("env"));
    assert!(load(&[("DOTNET_ENVIRONMENT", "X")]).looked_in().contains("appsettings.X.json (no such file)"));
    let outside = [("DOTNET_ENVIRONMENT".to_owned(), "/../x".to_owned())];
    assert!(Configuration::load(file("appsettings.json"), outside).is_err());
}

#[test]
fn a_directory_is_named_and_a_missing_file_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("appsettings.json");
    let missing = Configuration::load(&path, [("A".to_owned(), "x".to_owned())]).unwrap();
    assert_eq!(text(&missing, "A"), Some("x"));
    std::fs::create_dir(&path).unwrap();
    let shown = Configuration::load(&path, []).expect_err("directory").to_string();
    assert!(shown.contains("appsettings.json") && shown.contains("directory"), "{shown}");
}

#[test]
fn debug_shows_keys_only() {
    let read = configuration(r#"{"Key": "hidden"}"#, &[("Key", "hidden too")]);
    let shown = format!("{read:?} {:?}", read.get("key"));
    assert!(shown.contains("Key") && shown.contains("appsettings.json") && !shown.contains("hidden"), "{shown}");
}
