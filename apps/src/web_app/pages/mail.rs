//! The signed-in user's mail.

use absentia::UserAccount;
use maud::{Markup, html};

use super::page;
use crate::graph::Message;

/// Her latest messages.
pub(in crate::web_app) fn mail(account: &UserAccount, messages: &[Message]) -> Markup {
    page(
        "Mail",
        Some(&account.username),
        &html! {
            h1 { "Mail" }
            @if messages.is_empty() {
                p.lead { "There is no mail." }
            } @else {
                section aria-label="Messages" {
                    dl {
                        @for message in messages {
                            div {
                                dt { (message.sender().unwrap_or("Nobody")) }
                                dd {
                                    (message.subject.as_deref().unwrap_or("No subject")) " "
                                    span.quiet { (day(&message.received_date_time)) }
                                }
                            }
                        }
                    }
                }
            }
            p.quiet { "You were asked for this permission when you first came here, and not when you signed in." }
            p { a href="/" { "Back to your profile" } }
        },
    )
}

/// The day of a time in RFC 3339.
fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or_default()
}
