//! Asking who it is.

use maud::{Markup, html};

use super::Form;
use super::layout::page;
use crate::directory::User;

/// Name and password, with what was wrong last time. `domain` is what the name probably ends in.
pub(crate) fn login(app: &str, form: &Form, name: &str, domain: Option<&str>, wrong: Option<&str>) -> Markup {
    let example = format!("name@{}", domain.unwrap_or("contoso.example"));
    page(
        "Sign in",
        &html! {
            h1 { "Sign in" }
            p.quiet { "to continue to " strong { (app) } }
            form method="post" action=(form.action) {
                input type="hidden" name="flow" value=(form.flow);
                label for="username" { "User name" }
                input #username type="email" name="username" value=(name) placeholder=(example) required
                    autocomplete="username" autofocus[name.is_empty()] spellcheck="false";
                label for="password" { "Password" }
                input #password type="password" name="password" required autocomplete="current-password"
                    autofocus[!name.is_empty()] aria-describedby=[wrong.map(|_| "wrong")];
                @if let Some(wrong) = wrong {
                    p #wrong.wrong role="alert" { (wrong) }
                }
                div.actions { button.main type="submit" { "Sign in" } }
            }
        },
    )
}

/// Choosing who of the session is to be signed out.
pub(crate) fn pick_sign_out(form: &Form, accounts: &[(&str, &User)]) -> Markup {
    page(
        "Sign out",
        &html! {
            h1 { "Which account do you want to sign out of?" }
            form method="post" action=(form.action) {
                input type="hidden" name="flow" value=(form.flow);
                @for (sid, user) in accounts {
                    button.account type="submit" name="account" value=(sid) {
                        (user.display_name)
                        span { (user.user_principal_name) }
                    }
                }
                button.account type="submit" name="account" value="" { "All of them" }
            }
        },
    )
}

/// Choosing among the accounts of the session.
pub(crate) fn pick(app: &str, form: &Form, users: &[&User]) -> Markup {
    page(
        "Pick an account",
        &html! {
            h1 { "Pick an account" }
            p.quiet { "to continue to " strong { (app) } }
            form method="post" action=(form.action) {
                input type="hidden" name="flow" value=(form.flow);
                @for user in users {
                    button.account type="submit" name="account" value=(user.id) {
                        (user.display_name)
                        span { (user.user_principal_name) }
                    }
                }
                button.account type="submit" name="account" value="" { "Use another account" }
            }
        },
    )
}
