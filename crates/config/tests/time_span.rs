//! Time spans as `TimeSpan.Parse` of .NET reads them under the invariant culture.

use std::time::Duration;

use absentia_config::parse_time_span;

const DAY: u64 = 86_400;

#[test]
fn what_dotnet_accepts() {
    for (text, seconds, nanoseconds) in [
        ("0", 0, 0),
        ("14", 14 * DAY, 0),
        (" 2 ", 2 * DAY, 0),
        ("1:2:3", 3723, 0),
        ("02:00:00", 7200, 0),
        ("10:20", 37_200, 0),
        ("90.00:00:00", 90 * DAY, 0),
        ("1.2:3", DAY + 7380, 0),
        ("0:0:0.250", 0, 250_000_000),
        ("10.20:30:40.50", 10 * DAY + 73_840, 500_000_000),
        ("99.23:59:59.9999999", 100 * DAY - 1, 999_999_900),
        ("0023:0059:0059.0099", DAY - 1, 9_900_000),
        ("0:0:0.0000001", 0, 100),
        ("0:0:0.00000005", 0, 100),
        ("0:0:0.00000004", 0, 0),
        ("1:2:3:4", DAY + 7384, 0),
        ("1:2:3:4.5", DAY + 7384, 500_000_000),
        ("1:2:.5", 3720, 500_000_000),
        // 24 is no hour, and the invariant culture parts days by `:` too.
        ("24:00:00", 24 * DAY, 0),
        ("24:0:0", 24 * DAY, 0),
        ("30:12:15", 30 * DAY + 12 * 3600 + 15 * 60, 0),
        ("10675199.02:48:05.4775807", 922_337_203_685, 477_580_700),
        ("-00:00:00", 0, 0),
    ] {
        assert_eq!(parse_time_span(text), Ok(Duration::new(seconds, nanoseconds)), "{text}");
    }
}

#[test]
fn what_dotnet_refuses() {
    for text in [
        "",
        " ",
        "x",
        "10:",
        ":10",
        "10:20:",
        ".123",
        "10.",
        "10.12",
        "1.2",
        "0:60:0",
        "0:0:60",
        "24:00",
        "24:60:00",
        "1.24:00:00",
        "1.00:60:00",
        "10675200",
        "10675199.02:48:05.4775808",
        "1:2:3:4:5",
        "1 00:00:00",
        "1d",
        "2h",
        "0:0:0.12345678",
        "99999999999999999999",
        "1:2:3,5",
        "--1",
        "1::2",
        "+1",
    ] {
        assert!(parse_time_span(text).is_err(), "{text}");
    }
    assert!(parse_time_span("-1").expect_err("negative").to_string().contains("negative"));
    assert!(parse_time_span("24:00").expect_err("range").to_string().contains("1.00:00:00 is 24 hours"));
}
