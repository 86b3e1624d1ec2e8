//! Asking what the app may do.

use maud::{Markup, html};

use super::Form;
use super::layout::page;
use crate::authorize::Part;
use crate::directory::{Tenant, User};

/// The permissions still to be granted, by API; several apps at once when the API's own are asked for too.
/// `for_everybody`: an administrator is asked for the whole organization.
pub(crate) fn consent(
    app: &str,
    tenant: &Tenant,
    user: &User,
    parts: &[Part<'_>],
    for_everybody: bool,
    form: &Form,
) -> Markup {
    page(
        "Permissions requested",
        &html! {
            p.quiet.small { (user.user_principal_name) " · " (tenant.display_name) }
            h1 { "Permissions requested" }
            @if for_everybody { p.quiet { "Review for your organization" } }
            p { strong { (app) } " would like to:" }
            @for part in parts {
                h2 {
                    (part.resource.display_name)
                    @if part.client.display_name != app {
                        " " span.quiet { "used by " (part.client.display_name) }
                    }
                }
                ul.permissions {
                    @for line in part.lines() {
                        li {
                            span {
                                (line.text)
                                @if line.as_itself { " " span.quiet { "(without a user)" } }
                                @else if line.admin { " " span.quiet { "(administrators)" } }
                            }
                            code { (line.name) }
                        }
                    }
                }
            }
            p.quiet.small style="margin-top: 1rem" {
                @if for_everybody {
                    "Accepting lets the app act for everybody in " (tenant.display_name) ", who will not be asked, until an "
                    "administrator takes it back."
                } @else {
                    "Accepting lets the app act for you, also when you are away, until you or an administrator "
                    "take it back."
                }
            }
            form method="post" action=(form.action) {
                input type="hidden" name="flow" value=(form.flow);
                div.actions {
                    button type="submit" name="decision" value="cancel" { "Cancel" }
                    button.main type="submit" name="decision" value="accept" { "Accept" }
                }
            }
        },
    )
}
