//! What the entries held: nothing is lost, nothing comes back.

use std::collections::HashMap;

use super::{Act, Content, Event, Violation};

/// # Errors
/// A version that was written twice, or read as something that was not written.
pub(super) fn versions(events: &[&Event]) -> Result<(), Violation> {
    let mut written = HashMap::new();
    for event in events {
        if let Act::Put { content, done: Some(version), .. } = &event.act
            && written.insert(version, content).is_some()
        {
            return Err(Violation::VersionReused(format!("{event:?}")));
        }
    }
    for event in events {
        if let Act::Get(Some((version, content))) = &event.act
            && written.get(version) != Some(&content)
        {
            return Err(Violation::VersionReused(format!("{event:?}")));
        }
    }
    Ok(())
}

/// # Errors
/// A write that changed more than one token, or one that began from nothing and holds more than its own.
pub(super) fn commits(events: &[&Event]) -> Result<(), Violation> {
    let mut written: HashMap<&str, &Content> = HashMap::new();
    for event in events {
        if let Act::Put { content, done: Some(version), .. } = &event.act {
            written.insert(version, content);
        }
    }
    for event in events {
        let Act::Put { over, content, done: Some(_) } = &event.act else { continue };
        let nothing = Content::default();
        let before = match over {
            None => &nothing,
            Some(over) => match written.get(over.as_str()) {
                Some(before) => before,
                None => return Err(Violation::Lost(format!("nobody wrote what was replaced: {event:?}"))),
            },
        };
        let gone = before.numbers.keys().any(|committer| !content.numbers.contains_key(committer));
        let mut changed = content
            .numbers
            .iter()
            .filter(|(committer, number)| before.numbers.get(*committer).is_none_or(|before| before != *number));
        let own = changed.next();
        let is_newer = own.is_some_and(|(committer, number)| before.numbers.get(committer) < Some(number));
        if gone || !is_newer || changed.next().is_some() {
            let what = if over.is_none() { Violation::Resurrected } else { Violation::Lost };
            return Err(what(format!("before was {before:?}: {event:?}")));
        }
        // Who is not signing in keeps the sign-in it found.
        let signs_in = own.is_some_and(|(committer, number)| content.sign_in == format!("{committer} {number}"));
        if !signs_in && (over.is_none() || content.sign_in != before.sign_in) {
            return Err(Violation::Resurrected(format!("before was {before:?}: {event:?}")));
        }
    }
    Ok(())
}

/// # Errors
/// A read after a sign-out that found a sign-in begun before it, although that had ended too.
pub(super) fn sign_outs(events: &[&Event]) -> Result<(), Violation> {
    let mut sign_ins: HashMap<&str, &Event> = HashMap::new();
    let mut sign_outs: Vec<&Event> = Vec::new();
    for event in events {
        match &event.act {
            Act::SignIn(name) => drop(sign_ins.insert(name, event)),
            Act::SignOut => sign_outs.push(event),
            _ => {}
        }
    }
    // The latest beginning of all sign-outs that ended by then.
    sign_outs.sort_unstable_by_key(|event| event.ended);
    let mut latest = 0;
    let latest: Vec<(u64, u64)> = sign_outs
        .iter()
        .map(|event| {
            latest = latest.max(event.began);
            (event.ended, latest)
        })
        .collect();
    let signed_out =
        |by: u64| latest.partition_point(|(ended, _)| *ended < by).checked_sub(1).map(|last| latest[last].1);
    for event in events {
        let Act::Get(Some((_, content))) = &event.act else { continue };
        let Some(sign_in) = sign_ins.get(content.sign_in.as_str()) else {
            return Err(Violation::Resurrected(format!("nobody signed in as {}: {event:?}", content.sign_in)));
        };
        let at = signed_out(event.began);
        if at.is_some_and(|at| sign_in.began < at) && sign_in.ended < event.began {
            return Err(Violation::Resurrected(format!("signed out at {at:?}, {sign_in:?}, but {event:?}")));
        }
    }
    // A sign-in that a sign-out ended must not replace one that came after that.
    let mut written: HashMap<&str, &Content> = HashMap::new();
    for event in events {
        if let Act::Put { content, done: Some(version), .. } = &event.act {
            written.insert(version, content);
        }
    }
    for event in events {
        let Act::Put { over: Some(over), content, done: Some(_) } = &event.act else { continue };
        let Some(there) = written.get(over.as_str()).filter(|there| there.sign_in != content.sign_in) else { continue };
        let (older, newer) = (sign_ins.get(content.sign_in.as_str()), sign_ins.get(there.sign_in.as_str()));
        if let (Some(older), Some(newer)) = (older, newer)
            && signed_out(newer.began).is_some_and(|at| older.began < at)
        {
            return Err(Violation::Lost(format!("{newer:?} came after a sign-out, and {older:?} before: {event:?}")));
        }
    }
    Ok(())
}
