//! Pages that say something.

use maud::{Markup, PreEscaped, html};

use super::layout::page;
use crate::aadsts::{Refusal, Trace};
use crate::clock::error_timestamp;
use crate::entra::Entra;

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

/// After signing out.
pub(crate) fn signed_out() -> Markup {
    page(
        "Signed out",
        &html! {
            h1 { "You signed out" }
            p.quiet { "It’s a good idea to close all browser windows." }
        },
    )
}

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

/// What is here: for people who open the emulator's address.
pub(crate) fn home(entra: &Entra) -> Markup {
    page(
        "Entra emulator",
        &html! {
            div.wide {
                h1 { "Entra emulator" }
                p.quiet { "It is running at " code { (entra.base) } "." }
                @for tenant in &entra.directory.tenants {
                    h2 { (tenant.display_name) }
                    dl {
                        dt { "Authority" } dd { code { (entra.base) "/" (tenant.id) } }
                        dt { "Domains" } dd { (tenant.domains.join(", ")) }
                    }
                    h2 { "Users" }
                    table {
                        tr { th { "Name" } th { "User name" } th { "Country" } }
                        @for user in &tenant.users {
                            tr {
                            td { (user.display_name) }
                            td { (user.user_principal_name) }
                            td { (user.country.as_deref().unwrap_or_default()) }
                        }
                        }
                    }
                    h2 { "Applications" }
                    table {
                        tr { th { "Name" } th { "Client id" } }
                        @for app in &tenant.applications {
                            tr { td { (app.display_name) } td { code { (app.app_id) } } }
                        }
                    }
                }
            }
        },
    )
}
