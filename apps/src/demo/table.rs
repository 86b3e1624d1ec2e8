//! The worker's answer as a table.

use anstream::println;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use super::worker::{Pass, Row};

/// Prints a pass.
pub(crate) fn print(pass: &Pass) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["user", "grant", "token from", "scopes", "expires in", "Graph, or why not"]);
    for row in &pass.succeeded {
        table.add_row(cells(row, row.display_name.clone().unwrap_or_default()));
    }
    for row in &pass.failed {
        table.add_row(cells(row, format!("failed now: {}", why(row))));
    }
    for row in &pass.waiting {
        table.add_row(cells(row, format!("waiting, not tried: {}", why(row))));
    }
    for line in table.to_string().lines() {
        println!("   {line}");
    }
}

fn cells(row: &Row, last: String) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    // Graph's own words are what people look for; the sign-in scopes that come with every token are left out.
    let scopes: Vec<&str> = row
        .scopes
        .iter()
        .map(|scope| scope.rsplit('/').next().unwrap_or(scope))
        .filter(|scope| !["openid", "profile", "email", "offline_access"].contains(scope))
        .collect();
    vec![
        row.user.clone(),
        or_dash(&row.grant),
        or_dash(&row.token_source),
        if scopes.is_empty() { "-".to_owned() } else { scopes.join(" ") },
        row.expires_in.map_or_else(|| "-".to_owned(), |seconds| format!("{} min", seconds / 60)),
        last,
    ]
}

fn why(row: &Row) -> String {
    match (&row.kind, &row.reason) {
        (Some(kind), Some(reason)) if kind != reason => format!("{kind} ({reason})"),
        (_, Some(reason)) => reason.clone(),
        (Some(kind), None) => kind.clone(),
        (None, None) => "no reason was given".to_owned(),
    }
}
