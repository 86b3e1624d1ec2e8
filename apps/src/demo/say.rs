//! What the audience sees.

use anstream::println;
use anstyle::{AnsiColor, Style};

const TITLE: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// A chapter begins.
pub(crate) fn chapter(number: usize, title: &str) {
    println!("\n{TITLE}{number}. {title}{TITLE:#}");
}

/// Something happened.
pub(crate) fn step(text: impl std::fmt::Display) {
    println!("   {text}");
}

/// A remark.
pub(crate) fn aside(text: impl std::fmt::Display) {
    println!("   {FAINT}{text}{FAINT:#}");
}

/// A program said something.
pub(crate) fn by(name: &str, line: &str) {
    println!("{FAINT}{name}{FAINT:#}  {line}");
}

/// Something was checked.
pub(crate) fn checked(holds: bool, what: impl std::fmt::Display) {
    if holds {
        println!("   {GOOD}holds{GOOD:#}  {what}");
    } else {
        println!("   {BAD}FAILS{BAD:#}  {what}");
    }
}
