//! Pages that say something.

use maud::{Markup, PreEscaped, html};

use super::layout::page;
use crate::aadsts::{Refusal, Trace};
use crate::clock::error_timestamp;

/// An error that cannot be sent to an app.
pub(crate) fn error(refusal: &Refusal, trace: &Trace, uri: &str) -> Markup {
    page(
        "Sign-in failed",
        &html! {
            h1 { "Sorry, but we’re having trouble signing you in" }
            p.wrong role="alert" { "AADSTS" (refusal.code) ": " (refusal.message) }
            dl {
                dt { "Error" } dd { a href=(uri) { (refusal.code) } }
                dt { "Request Id" } dd { code { (trace.trace_id) } }
                dt { "Correlation Id" } dd { code { (trace.correlation_id) } }
                dt { "Timestamp" } dd { (error_timestamp(trace.at)) }
            }
        },
    )
}

/// What `error_uri` points to.
pub(crate) fn about_error(code: &str) -> Markup {
    page(
        "Error",
        &html! {
            h1 { "AADSTS" (code) }
            p {
            "Microsoft documents its error numbers under the title “Microsoft Entra authentication & "
            "authorization error codes”."
        }
        },
    )
}

/// After signing out: tells the apps in hidden frames, and goes on when they answered.
pub(crate) fn signed_out(frames: &[String], back: Option<&str>) -> Markup {
    page(
        "Signed out",
        &html! {
            h1 { "You signed out" }
            @if let Some(back) = back {
                p.quiet { "Taking you back to the app." }
                div.actions { a #back.button href=(back) { "Continue" } }
            } @else {
                p.quiet { "It’s a good idea to close all browser windows." }
            }
            @for frame in frames {
                iframe src=(frame) hidden title="Signing out of an app" {}
            }
            @if back.is_some() { script { (PreEscaped(GO_BACK)) } }
        },
    )
}

/// Goes on when all frames have loaded, or when one takes too long.
const GO_BACK: &str = "{const go=()=>location.replace(document.getElementById('back').href);\
addEventListener('load',go);setTimeout(go,5000)}";

/// Where installed apps without a page of their own read the code from the address.
pub(crate) fn native_client() -> Markup {
    page("Signed in", &html! { h1 { "You can close this window" } })
}

/// The page that hands the answer to the app; by itself where scripts run, by a button where not.
pub(crate) fn form_post(to: &str, pairs: &[(&str, String)]) -> Markup {
    page(
        "Working…",
        &html! {
            h1 { "Taking you back to the app" }
            form method="post" action=(to) {
                @for (name, value) in pairs { input type="hidden" name=(name) value=(value); }
                div.actions { button.main type="submit" { "Continue" } }
            }
            script { (PreEscaped("document.forms[0].submit()")) }
        },
    )
}
