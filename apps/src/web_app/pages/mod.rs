//! The pages, without a script. All text is escaped by maud.

mod mail;
mod profile;

use absentia_axum::{Notice, sign_in};
use maud::{DOCTYPE, Markup, html};

pub(super) use self::{mail::mail, profile::profile};

/// What every page has around it.
fn page(title: &str, user: Option<&str>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Contoso web app" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/style.css";
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header {
                    a.brand href="/" { "Contoso web app" }
                    @if let Some(user) = user {
                        span.user title=(user) { (user) }
                        form method="post" action=(sign_in::SIGN_OUT_PATH) {
                            button type="submit" { "Sign out" }
                        }
                    }
                }
                main #content { (content) }
                footer { "A sample of absentia: it acts for you while you are here, and its worker while you are not." }
            }
        }
    }
}

/// Nobody is signed in.
pub(super) fn welcome() -> Markup {
    page(
        "Welcome",
        None,
        &html! {
            h1 { "Welcome" }
            p.lead { "Sign in to see your profile, as Microsoft Graph has it." }
            p { a.button href=(sign_in::SIGN_IN_PATH) { "Sign in" } }
            p.quiet {
                "You sign in once. A background worker can then act for you, with what you allow and nothing more, until you "
                "sign out."
            }
        },
    )
}

/// A message instead of a page.
pub(super) fn notice(notice: &Notice) -> Markup {
    message(
        notice.status.as_u16(),
        &notice.title,
        &notice.text,
        notice.next.as_ref().map(|next| (&*next.href, next.label)),
    )
}

/// There is no such page.
pub(super) fn not_found() -> Markup {
    message(404, "There is no such page", "The address may be mistyped, or the page is gone.", Some(("/", "Home")))
}

fn message(status: u16, title: &str, text: &str, next: Option<(&str, &str)>) -> Markup {
    page(
        title,
        None,
        &html! {
            section.notice.error[status >= 400] role=[(status >= 400).then_some("alert")] {
                h1 { (title) }
                p.lead { (text) }
                @if let Some((href, label)) = next {
                    p { a.button href=(href) { (label) } }
                }
            }
        },
    )
}
