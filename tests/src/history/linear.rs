//! Linearizability of one partition, decided call by call: of all orders that agree with time so far, only what they lead
//! to is kept (Lowe, "Testing for linearizability", 2017). Versions are never used twice, so there are few.

use std::collections::HashSet;

use super::{Act, Did, Event, Violation};

/// What is stored, and which of the calls under way have taken effect, a bit each.
type Possible<'a> = (Option<&'a str>, u128);

/// Calls that may be under way at once.
const SLOTS: usize = u128::BITS as usize;

/// # Errors
/// The first call, by the end of it, whose answer no order explains.
pub(super) fn check(events: &[&Event]) -> Result<(), Violation> {
    let calls: Vec<&Event> =
        events.iter().filter(|event| !matches!(event.act, Act::SignIn(_) | Act::SignOut)).copied().collect();
    // Where one ends as another begins, they may have overlapped: beginnings first.
    let mut moments: Vec<(u64, bool, usize)> = Vec::with_capacity(calls.len() * 2);
    for (index, call) in calls.iter().enumerate() {
        moments.extend([(call.began, false, index), (call.ended, true, index)]);
    }
    moments.sort_unstable();

    let mut under_way: Vec<Option<usize>> = Vec::new();
    let mut possible: HashSet<Possible<'_>> = HashSet::from([(None, 0)]);
    for (_, ends, index) in moments {
        if !ends {
            let free = under_way.iter().position(Option::is_none).unwrap_or(under_way.len());
            assert!(free < SLOTS, "more than {SLOTS} calls at once");
            under_way.resize(under_way.len().max(free + 1), None);
            under_way[free] = Some(index);
            possible = possible.into_iter().map(|state| looked(state, &under_way, &calls)).collect();
            continue;
        }
        let slot = under_way.iter().position(|there| *there == Some(index)).unwrap_or_default();
        let bit = 1 << slot;
        let mut after = HashSet::new();
        let (mut seen, mut open) = (possible.clone(), possible.into_iter().collect::<Vec<_>>());
        while let Some(state) = open.pop() {
            if state.1 & bit != 0 {
                after.insert((state.0, state.1 & !bit));
                continue;
            }
            for (slot, call) in under_way.iter().enumerate().filter_map(|(slot, call)| Some((slot, calls[(*call)?]))) {
                if state.1 & (1 << slot) != 0 {
                    continue;
                }
                if let Some(Some(next)) = changes(state.0, &call.act) {
                    let next = looked((next, state.1 | (1 << slot)), &under_way, &calls);
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            }
        }
        if after.is_empty() {
            return Err(Violation::NotLinearizable(format!("{:?}", calls[index])));
        }
        under_way[slot] = None;
        possible = after;
    }
    Ok(())
}

/// With all calls that only look, and see what they did see, having taken effect: earlier is never worse for them.
fn looked<'a>((stored, mut done): Possible<'a>, under_way: &[Option<usize>], calls: &[&Event]) -> Possible<'a> {
    for (slot, call) in under_way.iter().enumerate() {
        if let Some(call) = call
            && looks_at(stored, &calls[*call].act)
        {
            done |= 1 << slot;
        }
    }
    (stored, done)
}

/// Whether a call that changes nothing answered as it would where this is stored.
fn looks_at(stored: Option<&str>, act: &Act) -> bool {
    match act {
        Act::Get(found) => stored == found.as_ref().map(|(version, _)| version.as_str()),
        Act::Put { over, done: None, .. } => stored != over.as_deref(),
        Act::Remove { did: Did::Nothing, .. } => stored.is_none(),
        Act::Remove { only: Some(only), did: Did::Conflict } => stored.is_some_and(|stored| stored != only),
        _ => false,
    }
}

/// What a call that changes something left: `None` for one that changes nothing, `Some(None)` where it cannot have.
#[expect(clippy::option_option, reason = "three answers, of which the innermost is what is stored")]
fn changes<'a>(stored: Option<&'a str>, act: &'a Act) -> Option<Option<Option<&'a str>>> {
    match act {
        Act::Put { over, done: Some(done), .. } => Some((stored == over.as_deref()).then_some(Some(done.as_str()))),
        Act::Remove { only, did: Did::Removed } => {
            Some((stored.is_some() && (only.is_none() || only.as_deref() == stored)).then_some(None))
        }
        _ => None,
    }
}
