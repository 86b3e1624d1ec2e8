//! What the token endpoint answered.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Deserializer};

use crate::{Error, ErrorKind, Secret, error::Entra};

/// Longest answer that is looked at, in bytes.
pub const MAX_LENGTH: usize = 1024 * 1024;
/// How long to wait after a 429 that says nothing, as MSAL does.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
/// The longest life that is believed, seconds; as a time it is in the year 2106.
const LONGEST_LIFE: u64 = u32::MAX as u64;
/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// A successful token response (RFC 6749 section 5.1 with Entra's members).
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// `Bearer`; compared ignoring case.
    pub token_type: String,
    /// Granted scopes, if said.
    pub scope: Option<String>,
    /// Life in seconds; 0 when it cannot be known, and then the token is used once and not kept.
    pub expires_in: u64,
    /// Life in seconds while Entra is out of order.
    pub ext_expires_in: Option<u64>,
    /// Seconds after which to refresh ahead.
    pub refresh_in: Option<u64>,
    /// The refresh token, if granted.
    pub refresh_token: Option<Secret>,
    /// The ID token, if asked for.
    pub id_token: Option<Secret>,
    /// The user at home, raw.
    pub client_info: Option<String>,
}

/// What came over HTTP.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// `Retry-After`, each line.
    pub retry_after: &'a [&'a str],
    /// The body.
    pub body: &'a [u8],
    /// Unix seconds, for a `Retry-After` that is a date and an `expires_on`.
    pub now: u64,
}

#[derive(Deserialize)]
struct Success {
    access_token: Option<String>,
    token_type: Option<String>,
    scope: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "instant")]
    expires_on: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    ext_expires_in: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    refresh_in: Option<u64>,
    refresh_token: Option<String>,
    id_token: Option<String>,
    client_info: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
    error_description: Option<String>,
    #[serde(default, deserialize_with = "numbers")]
    error_codes: Vec<u32>,
    suberror: Option<String>,
    claims: Option<String>,
    correlation_id: Option<String>,
    trace_id: Option<String>,
    timestamp: Option<String>,
}

/// Reads an answer of the token endpoint. `secrets` are those of the request: none of them gets into an error, even when
/// the answer repeats it.
///
/// # Errors
/// By Entra's guidance on `error` and `suberror`; an answer that is no JSON of that kind is `Throttled` (429) or
/// `Unavailable`, never a reason to sign in again.
pub fn read<'a>(answer: &Answer<'_>, secrets: impl Iterator<Item = &'a Secret>) -> Result<TokenResponse, Error> {
    let body = if answer.body.len() <= MAX_LENGTH { answer.body } else { &[] };
    if (200..300).contains(&answer.status)
        && let Ok(success) = serde_json::from_slice::<Success>(body)
        && let Some(access_token) = success.access_token.filter(|token| !token.is_empty())
    {
        return Ok(TokenResponse {
            access_token: Secret::new(access_token),
            token_type: success.token_type.unwrap_or_else(|| "Bearer".to_owned()),
            scope: success.scope,
            expires_in: success
                .expires_in
                .or_else(|| success.expires_on.map(|at| at.saturating_sub(answer.now).min(LONGEST_LIFE)))
                .unwrap_or(0),
            ext_expires_in: success.ext_expires_in,
            refresh_in: success.refresh_in.filter(|seconds| *seconds > 0),
            refresh_token: success.refresh_token.filter(|token| !token.is_empty()).map(Secret::new),
            id_token: success.id_token.filter(|token| !token.is_empty()).map(Secret::new),
            client_info: success.client_info,
        });
    }
    match serde_json::from_slice::<Failure>(body) {
        Ok(failure) => Err(refused(failure, answer, secrets)),
        Err(_) => Err(not_entra(answer)),
    }
}

fn refused<'a>(failure: Failure, answer: &Answer<'_>, secrets: impl Iterator<Item = &'a Secret>) -> Error {
    let mut codes = failure.error_codes;
    codes.truncate(8);
    let description = failure.error_description.unwrap_or_default();
    if codes.is_empty() {
        codes.extend(aadsts_in(&description));
    }
    // Before anything is cut or cleaned: what is left of a secret then would not be found any more.
    let secrets: Vec<&Secret> = secrets.filter(|secret| secret.len() >= 4).collect();
    let without_secrets =
        |text: String| secrets.iter().fold(text, |text, secret| text.replace(secret.expose(), "[secret]"));
    let mut message = first_sentence(&without_secrets(description));
    if message.is_empty() {
        message = "Entra refused the request".to_owned();
    }
    let code = codes.first().copied();
    let kind = kind_of(&failure.error, failure.suberror.as_deref(), code, answer.status);
    let clean = |text: Option<String>| text.map(|text| clean(&without_secrets(text), 100));
    let entra = Entra {
        error: clean(Some(failure.error)),
        codes,
        suberror: clean(failure.suberror),
        claims: failure.claims.filter(|claims| crate::claims::check(claims).is_ok()),
        correlation_id: clean(failure.correlation_id),
        trace_id: clean(failure.trace_id),
        timestamp: clean(failure.timestamp),
        status: Some(answer.status),
    };
    let wait = retry_after(answer).or((kind == ErrorKind::Throttled).then_some(DEFAULT_WAIT));
    let error = Error::new(kind, message).said(entra).retry_in(wait);
    match advice(code, kind) {
        Some(advice) => error.advise(advice),
        None => error,
    }
}

/// Entra's guidance: `error` and `suberror` decide. Numbers decide only where the word alone misleads.
fn kind_of(error: &str, suberror: Option<&str>, code: Option<u32>, status: u16) -> ErrorKind {
    match (error, code) {
        (_, Some(50196 | 90055)) => ErrorKind::Throttled, // asked in a loop; the tenant is throttled
        _ if status == 429 => ErrorKind::Throttled,
        ("temporarily_unavailable" | "server_error", _) => ErrorKind::Unavailable,
        _ if status >= 500 => ErrorKind::Unavailable,
        ("invalid_grant", _) if matches!(suberror, Some("client_mismatch" | "protection_policy_required")) => {
            ErrorKind::Rejected
        }
        ("invalid_grant" | "interaction_required" | "consent_required" | "login_required", _) => {
            ErrorKind::InteractionRequired
        }
        ("invalid_client" | "unauthorized_client" | "invalid_resource" | "invalid_scope", _) => ErrorKind::Config,
        (_, Some(90002 | 900_023 | 90009 | 9_002_326 | 9_002_327 | 28000 | 50194)) => ErrorKind::Config,
        _ => ErrorKind::Rejected,
    }
}

fn advice(code: Option<u32>, kind: ErrorKind) -> Option<&'static str> {
    Some(match code {
        Some(7_000_215) => {
            "The client secret is wrong: set AzureAd:ClientSecret to the secret's value, not its id, of this client id"
        }
        Some(7_000_222) => {
            "The client secret has expired: add a new one to the app registration and set AzureAd:ClientSecret"
        }
        Some(7_000_218) => "The app registration expects a credential: set AzureAd:ClientSecret",
        Some(700_016 | 70001) => "Check AzureAd:ClientId and AzureAd:TenantId: this tenant has no such app",
        Some(90002 | 900_023) => "Check AzureAd:TenantId",
        Some(90009) => {
            "An app that asks for a token to itself must name itself by its client id: use {client id}/{scope}, not api://"
        }
        Some(65001) => "The user or an administrator must consent to these scopes",
        Some(50057) => "The user's account is disabled: an administrator must enable it",
        Some(50034) => "The user is not in this directory any more",
        Some(50173 | 70008 | 700_082 | 700_084 | 70043) => "The user must sign in again",
        Some(500_133) => "The caller's token has expired: it must call again with a new one",
        Some(500_131 | 50013) => "The caller's token is not for this API: its audience must be this app",
        Some(53003) => "Conditional access blocks this: an administrator must allow it",
        _ => match kind {
            ErrorKind::InteractionRequired => "The user must sign in again",
            ErrorKind::Throttled => "Wait before asking again",
            ErrorKind::Unavailable => "Try again later",
            ErrorKind::Config | ErrorKind::Rejected => return None,
        },
    })
}

fn not_entra(answer: &Answer<'_>) -> Error {
    let status = answer.status;
    let entra = Entra { status: Some(status), ..Entra::default() };
    if status == 429 {
        return Error::new(ErrorKind::Throttled, "Entra answered 429: asked too often")
            .said(entra)
            .retry_in(Some(retry_after(answer).unwrap_or(DEFAULT_WAIT)))
            .advise("Wait before asking again");
    }
    let what = match status {
        200..=299 => format!("The token endpoint answered {status} without a token"),
        300..=399 => {
            format!("The token endpoint answered {status}, a redirect, which is not followed with credentials")
        }
        _ => format!("The token endpoint answered {status} without an error of Entra's"),
    };
    Error::unavailable(what)
        .said(entra)
        .retry_in(retry_after(answer))
        .advise("Try again later; if it stays, check AzureAd:Instance and what stands between")
}

/// `Retry-After` (RFC 9110 section 10.2.3): whole seconds or a date; services also send fractions. Several lines: the
/// longest. What cannot be read counts as absent.
fn retry_after(answer: &Answer<'_>) -> Option<Duration> {
    answer.retry_after.iter().filter_map(|line| wait(line, answer.now)).max()
}

/// One `Retry-After` value as a wait between 1 s and an hour. Shared with every HTTP client of the project: one rule.
pub fn wait(value: &str, now: u64) -> Option<Duration> {
    let value = value.trim();
    let seconds = if let Ok(seconds) = value.parse::<f64>() {
        (seconds.is_finite() && seconds >= 0.0).then_some(seconds)?.ceil() as u64
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs().checked_sub(now)?
    };
    Some(Duration::from_secs(seconds.max(1)).min(LONGEST_WAIT))
}

/// The text up to Entra's `Trace ID:`, cleaned and bounded, without the code that stands in front.
fn first_sentence(description: &str) -> String {
    let end = description.find("Trace ID:").unwrap_or(description.len());
    let text = &description[..end];
    let text = match text.strip_prefix("AADSTS").and_then(|rest| rest.split_once(": ")) {
        Some((digits, rest)) if digits.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => text,
    };
    clean(text.trim().trim_end_matches('.'), 400)
}

fn clean(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect::<String>().trim().to_owned()
}

fn aadsts_in(description: &str) -> Option<u32> {
    let digits = description.split("AADSTS").nth(1)?;
    digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
}

/// A number of seconds as a JSON number or as text, bounded; anything else counts as absent.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seconds = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
        }
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Ok(seconds.map(|seconds: u64| seconds.min(LONGEST_LIFE)))
}

/// AADSTS numbers, as numbers or as text; what is neither is left out, so that the rest of the error is still heard.
fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let serde_json::Value::Array(values) = serde_json::Value::deserialize(deserializer)? else { return Ok(Vec::new()) };
    let number = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    Ok(values.iter().filter_map(number).collect())
}

/// `expires_on`: seconds as above, or the date that App Service sent, `9/14/2026 10:11:12 PM +00:00`.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let date = value.as_str().and_then(us_date);
    Ok(date.or(seconds(value).unwrap_or_default()))
}

fn us_date(text: &str) -> Option<u64> {
    let mut words = text.split_ascii_whitespace();
    let (date, time, half, offset) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let numbers = |text: &str, by: char| -> Option<[u64; 3]> {
        let numbers: Vec<u64> = text.split(by).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        numbers.try_into().ok()
    };
    let ([month, day, year], [hour, minute, second]) = (numbers(date, '/')?, numbers(time, ':')?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && (1970..=9999).contains(&year);
    if !in_range || !(1..=12).contains(&hour) || minute > 59 || second > 60 || offset != "+00:00" {
        return None;
    }
    let hour = hour % 12 + if half.eq_ignore_ascii_case("PM") { 12 } else { 0 };
    // Days since the epoch, years beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((days.checked_sub(719_468)?) * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<TokenResponse, Error> {
        read(&Answer { status, retry_after: &[], body: body.as_bytes(), now: 1_790_000_000 }, std::iter::empty())
    }

    #[test]
    fn numbers_may_be_text() {
        let life = |body: &str| answer(200, body).unwrap().expires_in;
        assert_eq!(
            life(r#"{"token_type":"Bearer","expires_in":"3599","ext_expires_in":"0","access_token":"t"}"#),
            3599
        );
        assert_eq!(life(r#"{"expires_in":3599,"access_token":"t"}"#), 3599);
        assert_eq!(life(r#"{"expires_on":1790003599,"access_token":"t"}"#), 3599);
        assert_eq!(us_date("9/14/2026 10:11:12 PM +00:00"), Some(1_789_423_872));
        assert_eq!(us_date("2/29/2028 12:00:00 AM +00:00"), Some(1_835_395_200));
        for bad in ["", "tomorrow", "14/9/2026 10:11:12 PM +00:00", "9/14/2026", "9/14/2026 10:11:12 PM +02:00"] {
            assert_eq!(us_date(bad), None, "{bad}");
        }
        // Lives beyond reason do not overflow what is added to them.
        for huge in ["18446744073709551615", "\"18446744073709551615\"", "1e300"] {
            assert_eq!(life(&format!(r#"{{"expires_in":{huge},"access_token":"t"}}"#)), LONGEST_LIFE);
        }
        // A life nobody can read: the token is handed out and not kept.
        assert_eq!(life(r#"{"expires_on":"tomorrow","access_token":"t"}"#), 0);
    }

    #[test]
    fn what_is_not_entra_never_asks_for_a_sign_in() {
        for (status, body, kind) in [
            (200, "<html>sign in</html>", ErrorKind::Unavailable),
            (429, "Too Many Requests", ErrorKind::Throttled),
            (503, "<html>", ErrorKind::Unavailable),
            (404, "<html>", ErrorKind::Unavailable),
            (200, "", ErrorKind::Unavailable),
            (400, "[]", ErrorKind::Unavailable),
            (200, r#"{"token_type":"Bearer"}"#, ErrorKind::Unavailable),
            (302, "", ErrorKind::Unavailable),
        ] {
            assert_eq!(answer(status, body).unwrap_err().kind(), kind, "{status} {body}");
        }
        assert_eq!(answer(429, "Too Many Requests").unwrap_err().retry_after(), Some(Duration::from_secs(60)));
    }

    #[test]
    fn entras_words_become_instructions() {
        let kind = |status, error: &str, code: u32, suberror: &str| {
            answer(
                status,
                &format!(
                    r#"{{"error":"{error}","error_codes":[{code}],"suberror":"{suberror}",
                    "error_description":"AADSTS{code}: Something. Trace ID: a Correlation ID: b"}}"#
                ),
            )
            .unwrap_err()
            .kind()
        };
        assert_eq!(kind(400, "invalid_grant", 50173, "bad_token"), ErrorKind::InteractionRequired);
        assert_eq!(kind(400, "interaction_required", 50079, ""), ErrorKind::InteractionRequired);
        assert_eq!(kind(400, "invalid_grant", 53005, "protection_policy_required"), ErrorKind::Rejected);
        assert_eq!(kind(400, "invalid_grant", 50196, ""), ErrorKind::Throttled);
        assert_eq!(kind(401, "invalid_client", 7_000_215, ""), ErrorKind::Config);
        assert_eq!(kind(400, "invalid_request", 90009, ""), ErrorKind::Config);
        assert_eq!(kind(400, "temporarily_unavailable", 90033, ""), ErrorKind::Unavailable);
        assert_eq!(kind(400, "invalid_request", 9_002_313, ""), ErrorKind::Rejected);
        assert_eq!(kind(503, "x", 1, ""), ErrorKind::Unavailable);
    }

    #[test]
    fn an_error_carries_what_support_asks_for_and_no_secret() {
        let secret = Secret::new("hunter2hunter2");
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret 'hunter2hunter2' provided. Trace ID: 47a2 Correlation ID: 14bf Timestamp: 2021-10-29 17:16:31Z",
            "error_codes":[7000215],"timestamp":"2021-10-29 17:16:31Z","trace_id":"47a2","correlation_id":"14bf"}"#;
        let error = read(&Answer { status: 401, retry_after: &[], body, now: 0 }, [&secret].into_iter()).unwrap_err();
        assert_eq!((error.kind(), error.aadsts()), (ErrorKind::Config, Some(7_000_215)));
        assert_eq!(error.entra().trace_id.as_deref(), Some("47a2"));
        assert_eq!(
            error.to_string(),
            "Invalid client secret '[secret]' provided (AADSTS7000215, invalid_client, correlation id 14bf). The client secret \
             is wrong: set AzureAd:ClientSecret to the secret's value, not its id, of this client id"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn codes_of_another_shape_do_not_hide_the_error() {
        for codes in [r#"["50173"]"#, "[50173]", "null", "7", "[4294967296, true]", "[[1]]"] {
            let body = format!(
                r#"{{"error":"invalid_grant","error_codes":{codes},"error_description":"AADSTS50173: Revoked. Trace ID: a"}}"#
            );
            let error = answer(400, &body).unwrap_err();
            assert_eq!((error.kind(), error.aadsts()), (ErrorKind::InteractionRequired, Some(50173)), "{codes}");
        }
    }

    #[test]
    fn no_part_of_a_secret_that_an_answer_repeats_is_left() {
        let secret = Secret::new("hunter2\nhunter2");
        for before in [0, 385, 395] {
            let description = format!("{}hunter2\nhunter2 was wrong", "x".repeat(before));
            let body = serde_json::json!({
                "error": "hunter2\nhunter2", "error_description": description, "trace_id": "hunter2\nhunter2",
            });
            let body = body.to_string();
            let answer = Answer { status: 400, retry_after: &[], body: body.as_bytes(), now: 0 };
            let error = read(&answer, [&secret].into_iter()).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunt"), "{shown}");
        }
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        let now = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT
        let secs = |value| wait(value, now).map(|wait| wait.as_secs());
        assert_eq!(secs("0.249"), Some(1));
        assert_eq!(secs("120"), Some(120));
        assert_eq!(secs("Sun, 06 Nov 1994 08:51:07 GMT"), Some(90));
        assert_eq!(secs("Sun, 06 Nov 1994 08:00:00 GMT"), None);
        assert_eq!(secs("-1"), None);
        assert_eq!(secs("99999999"), Some(3600));
        assert_eq!(secs("abc"), None);
        let lines = Answer { status: 429, retry_after: &["5", "60"], body: b"", now };
        assert_eq!(retry_after(&lines), Some(Duration::from_secs(60)));
    }

    #[test]
    fn only_sound_claims_are_passed_on() {
        let claims = |claims: &str| {
            let claims = serde_json::to_string(claims).unwrap();
            answer(400, &format!(r#"{{"error":"interaction_required","claims":{claims}}}"#))
                .unwrap_err()
                .claims()
                .map(str::to_owned)
        };
        assert_eq!(claims(r#"{"access_token":{}}"#).as_deref(), Some(r#"{"access_token":{}}"#));
        assert_eq!(claims("nonsense"), None);
    }
}
