//! The signed-in user's page.

use std::time::{Duration, SystemTime};

use absentia::{AccessToken, CacheLevel, CacheRefreshReason, TokenSource, UserAccount};
use maud::{Markup, html};

use super::page;
use crate::graph::Me;

/// Her profile, and how the token for it was come by. Never the token.
pub(in crate::web_app) fn profile(
    account: &UserAccount,
    me: &Me,
    fields: &[&str],
    token: &AccessToken,
    now: SystemTime,
) -> Markup {
    let name = me.display_name().unwrap_or(&account.username);
    let metadata = token.metadata();
    page(
        name,
        Some(&account.username),
        &html! {
            h1 { (name) }
            p { a href="/mail" { "Your mail" } }
            div.columns {
                section aria-labelledby="profile" {
                    h2 #profile { "Profile" }
                    dl {
                        @for (field, value) in fields.iter().filter_map(|field| Some((field, me.get(field)?))) {
                            div { dt { (words(field)) } dd { (value) } }
                        }
                    }
                }
                section aria-labelledby="token" {
                    h2 #token { "Token" }
                    dl {
                        div { dt { "Source" } dd { (source(metadata.token_source, metadata.cache_level)) } }
                        div { dt { "Entra asked" } dd { (reason(metadata.cache_refresh_reason)) } }
                        div { dt { "Expires" } dd { (expires(token.expires_on(), now)) } }
                        div { dt { "Scopes" } dd { @for scope in token.scopes() { code { (scope) } " " } } }
                        div { dt { "Time it took" } dd { (short(metadata.duration_total)) } }
                        div { dt { "of it in the store" } dd { (short(metadata.duration_in_cache)) } }
                        div { dt { "of it at Entra" } dd { (short(metadata.duration_in_http)) } }
                    }
                }
            }
        },
    )
}

/// `displayName` as a person writes it.
fn words(field: &str) -> String {
    let mut words = String::new();
    for (at, c) in field.chars().enumerate() {
        match c {
            c if at == 0 => words.extend(c.to_uppercase()),
            c if c.is_uppercase() => {
                words.push(' ');
                words.extend(c.to_lowercase());
            }
            c => words.push(c),
        }
    }
    words
}

fn source(source: TokenSource, level: CacheLevel) -> &'static str {
    match (source, level) {
        (TokenSource::IdentityProvider, _) => "Entra",
        (_, CacheLevel::L1) => "Cache, in memory",
        (_, CacheLevel::L2) => "Cache, in the store",
        (_, CacheLevel::None) => "Cache",
    }
}

fn reason(reason: CacheRefreshReason) -> &'static str {
    match reason {
        CacheRefreshReason::NotApplicable => "No",
        CacheRefreshReason::Expired => "Yes: the cached token was too old",
        CacheRefreshReason::ForceRefreshOrClaims => "Yes: a token with other claims was needed",
        CacheRefreshReason::NoCachedAccessToken => "Yes: no token was cached",
        CacheRefreshReason::ProactivelyRefreshed => "In the background, to refresh ahead",
    }
}

fn expires(at: SystemTime, now: SystemTime) -> Markup {
    let left = at.duration_since(now).unwrap_or_default().as_secs();
    let left = if left >= 120 { format!("in {} minutes", left / 60) } else { format!("in {left} seconds") };
    let at = jiff::Timestamp::try_from(at).map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    html! { (left) @if let Ok(at) = at { " " span.quiet { "(" (at) ")" } } }
}

fn short(duration: Duration) -> String {
    match duration.as_micros() {
        0 => "none".to_owned(),
        micros @ 1..1000 => format!("{micros} µs"),
        _ => format!("{:.1} ms", duration.as_secs_f64() * 1000.0),
    }
}
