//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use jiff::{Span, SpanRelativeTo};

const EXIT_CODES: &str = "\
Exit codes:
  0  everybody was acted for, or there was nobody to act for
  1  some failed now (with --once); whoever waits for a sign-in does not count
  2  the settings or the arguments are wrong
  3  the store did not answer, or could not take an outcome
  4  stopped for safety: too many accounts failed at once
Ctrl-C finishes the accounts in hand and ends with 0; a second one ends at once with 130.

Variables override settings: AzureAd__ClientId=…; ABSENTIA_LOG sets the level of the log on standard error.";

/// Acts for users who are not there: calls Microsoft Graph for each with delegated permissions, through the token cache that
/// the web app and the web API filled.
#[derive(Debug, Parser)]
#[command(name = "background-worker", version, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The settings, as ASP.NET Core's apps have them.
    #[arg(long, value_name = "FILE", default_value = "appsettings.json")]
    pub(super) settings: PathBuf,
    /// Act once for each idle user, whether due or not, and end.
    #[arg(long)]
    pub(super) once: bool,
    /// How long after a success a user is due again, give or take a tenth.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time)]
    pub(super) interval: Duration,
    /// How long a user must not have been active to count as absent: 0s, 30s, 5m, 1h, 1d.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(super) idle: Duration,
    /// Only this user.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// One JSON document per pass, on one line, instead of text.
    #[arg(long)]
    pub(super) json: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|_| "a time looks like 30s, 5m, 1h or 1d".to_owned())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|error| error.to_string())?;
    Duration::try_from(duration).map_err(|_| "a time cannot be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("0s", 0), ("30s", 30), ("5m", 300), ("1h", 3_600), ("1h30m", 5_400), ("2d", 172_800)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert!(time("soon").is_err() && time("-5m").is_err() && time("30").is_err());
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
