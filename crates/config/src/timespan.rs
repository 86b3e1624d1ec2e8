use std::{fmt, time::Duration};

/// Why a text is no time span. Does not hold the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TimeSpanError(&'static str);

impl fmt::Display for TimeSpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TimeSpanError {}

const NO_SPAN: TimeSpanError =
    TimeSpanError("not a time span: write hh:mm:ss, d.hh:mm:ss or days as a bare number; 90.00:00:00 is 90 days");
const RANGE: TimeSpanError =
    TimeSpanError("out of range: hours go to 23, minutes and seconds to 59; 1.00:00:00 is 24 hours");
const NEGATIVE: TimeSpanError = TimeSpanError("a negative time span; it must not be below zero");

const TICKS_PER_SECOND: u128 = 10_000_000;

/// Reads a time span exactly as .NET's `TimeSpan.Parse` does under the invariant culture, which is how its
/// configuration reads one, so that a file shared with a .NET process means the same to both.
///
/// That includes what surprises: a bare number is days, and `24:00:00` is 24 **days**, because 24 is no hour and the
/// invariant culture also parts days by `:`
/// (<https://learn.microsoft.com/dotnet/fundamentals/runtime-libraries/system-timespan-parse>). 24 hours are
/// `1.00:00:00`.
///
/// # Errors
/// When the text is no time span, is out of .NET's range, or is negative.
///
/// ```
/// # use std::time::Duration;
/// use absentia_config::parse_time_span;
///
/// assert_eq!(parse_time_span("02:00:00"), Ok(Duration::from_secs(2 * 3600)));
/// assert_eq!(parse_time_span("90.00:00:00"), Ok(Duration::from_secs(90 * 86_400)));
/// ```
pub fn parse_time_span(text: &str) -> Result<Duration, TimeSpanError> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (numbers, separators) = tokens(text)?;
    // Each reading says which numbers are days, hours, minutes, seconds and fraction. All that fit the separators are
    // tried in .NET's order; the first in range wins.
    let readings: &[[Option<usize>; 5]] = match separators.as_slice() {
        [] => &[[Some(0), None, None, None, None]],
        [":"] => &[[None, Some(0), Some(1), None, None]],
        [":", ":"] => &[[None, Some(0), Some(1), Some(2), None], [Some(0), Some(1), Some(2), None, None]],
        [".", ":"] => &[[Some(0), Some(1), Some(2), None, None]],
        [":", ":."] => &[[None, Some(0), Some(1), None, Some(2)]],
        [":", ":", "."] => &[[None, Some(0), Some(1), Some(2), Some(3)]],
        [".", ":", ":"] | [":", ":", ":"] => &[[Some(0), Some(1), Some(2), Some(3), None]],
        [".", ":", ":."] | [":", ":", ":."] => &[[Some(0), Some(1), Some(2), None, Some(3)]],
        [".", ":", ":", "."] | [":", ":", ":", "."] => &[[Some(0), Some(1), Some(2), Some(3), Some(4)]],
        _ => return Err(NO_SPAN),
    };
    let span = readings.iter().find_map(|reading| span(&numbers, reading)).ok_or(RANGE)?;
    if negative && !span.is_zero() { Err(NEGATIVE) } else { Ok(span) }
}

/// Runs of digits and what stands between them.
fn tokens(text: &str) -> Result<(Vec<&str>, Vec<&str>), TimeSpanError> {
    let is_digit = |c: char| c.is_ascii_digit();
    if !text.starts_with(is_digit) || !text.ends_with(is_digit) {
        return Err(NO_SPAN);
    }
    let numbers = text.split(|c: char| !is_digit(c)).filter(|run| !run.is_empty()).collect();
    let separators = text.split(is_digit).filter(|run| !run.is_empty()).collect();
    Ok((numbers, separators))
}

fn span(numbers: &[&str], [days, hours, minutes, seconds, fraction]: &[Option<usize>; 5]) -> Option<Duration> {
    let number = |index: &Option<usize>, max: u64| match index {
        None => Some(0),
        Some(index) => numbers.get(*index)?.parse::<u64>().ok().filter(|number| *number <= max),
    };
    let days = number(days, 10_675_199)?;
    let whole = ((days * 24 + number(hours, 23)?) * 60 + number(minutes, 59)?) * 60 + number(seconds, 59)?;
    let ticks = match fraction {
        None => 0,
        Some(index) => fraction_ticks(numbers.get(*index)?)?,
    };
    let all = u128::from(whole) * TICKS_PER_SECOND + u128::from(ticks);
    i64::try_from(all).ok()?;
    Some(Duration::from_secs(whole) + Duration::from_nanos(ticks * 100))
}

/// Seven digits are ticks. More are rounded if the first is a zero and refused otherwise, as .NET does.
fn fraction_ticks(digits: &str) -> Option<u64> {
    let zeroes = digits.len() - digits.trim_start_matches('0').len();
    let number = digits.parse::<u64>().ok().filter(|number| *number <= 0x0fff_ffff)?;
    if zeroes == 0 && number > 9_999_999 {
        return None;
    }
    if number == 0 {
        return Some(0);
    }
    match u32::try_from(digits.len()).ok()? {
        length @ 0..=7 => Some(number * 10_u64.pow(7 - length)),
        length => Some((number + 10_u64.checked_pow(length - 7)? / 2) / 10_u64.checked_pow(length - 7)?),
    }
}
