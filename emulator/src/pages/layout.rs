//! What all pages have in common.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// A page inside another, which loads itself anew every so many seconds.
pub(super) fn frame(title: &str, again: Option<u32>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html.frame lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(seconds) = again { meta http-equiv="refresh" content=(seconds); }
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    }
}

/// A page with one card.
pub(super) fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.brand { span.mark aria-hidden="true" {} "Entra emulator" }
                    (content)
                }
                footer { "A local emulator. Not Microsoft, and no place for real passwords." }
            }
        }
    }
}
