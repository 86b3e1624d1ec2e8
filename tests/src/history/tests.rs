use super::*;

const USER: &str = "ada";

fn event(began: u64, ended: u64, act: Act) -> Event {
    Event { user: USER.to_owned(), began, ended, act }
}

/// What is `a 1`'s after a sign-in, with these numbers.
fn content(sign_in: &str, numbers: &[(&str, u64)]) -> Content {
    let numbers = numbers.iter().map(|(committer, number)| ((*committer).to_owned(), *number)).collect();
    Content { sign_in: sign_in.to_owned(), numbers }
}

fn put(over: Option<&str>, content: Content, done: Option<&str>) -> Act {
    Act::Put { over: over.map(str::to_owned), content, done: done.map(str::to_owned) }
}

fn get(found: Option<(&str, Content)>) -> Act {
    Act::Get(found.map(|(version, content)| (version.to_owned(), content)))
}

fn remove(only: Option<&str>, did: Did) -> Act {
    Act::Remove { only: only.map(str::to_owned), did }
}

/// `a` signed in, as version 1.
fn signed_in() -> Vec<Event> {
    vec![event(0, 10, Act::SignIn("a 1".into())), event(2, 4, put(None, content("a 1", &[("a", 1)]), Some("1")))]
}

fn after_sign_in(more: impl IntoIterator<Item = Event>) -> Vec<Violation> {
    let mut events = signed_in();
    events.extend(more);
    check(&events)
}

fn is_not_linearizable(found: &[Violation]) -> bool {
    matches!(found, [Violation::NotLinearizable(_), ..])
}

fn is_lost(found: &[Violation]) -> bool {
    matches!(found, [Violation::Lost(_)])
}

fn is_resurrected(found: &[Violation]) -> bool {
    matches!(found, [Violation::Resurrected(_)])
}

#[test]
fn what_can_have_happened_passes() {
    let both = || content("a 1", &[("a", 1), ("b", 1)]);
    let found = after_sign_in([
        event(20, 30, put(Some("1"), both(), Some("2"))),
        event(20, 30, put(Some("1"), content("a 1", &[("a", 2)]), None)),
        // Reads that overlap the write see either.
        event(20, 30, get(Some(("1", content("a 1", &[("a", 1)]))))),
        event(20, 30, get(Some(("2", both())))),
        event(40, 60, Act::SignOut),
        event(45, 50, remove(None, Did::Removed)),
        event(45, 55, remove(Some("2"), Did::Nothing)),
        event(70, 80, get(None)),
        event(70, 80, remove(None, Did::Nothing)),
        event(81, 99, Act::SignIn("b 2".into())),
        event(82, 84, put(None, content("b 2", &[("b", 2)]), Some("3"))),
        event(85, 86, remove(Some("1"), Did::Conflict)),
    ]);
    assert_eq!(found, []);
}

#[test]
fn two_writes_over_one_version_are_found() {
    let found = after_sign_in([
        event(20, 30, put(Some("1"), content("a 1", &[("a", 1), ("b", 1)]), Some("2"))),
        event(20, 30, put(Some("1"), content("a 1", &[("a", 1), ("c", 1)]), Some("3"))),
    ]);
    assert!(is_not_linearizable(&found), "{found:?}");
}

#[test]
fn a_conflict_without_a_reason_is_found() {
    let refused = put(Some("1"), content("a 1", &[("a", 2)]), None);
    assert!(is_not_linearizable(&after_sign_in([event(20, 30, refused)])));
    assert!(is_not_linearizable(&after_sign_in([event(20, 30, remove(Some("1"), Did::Conflict))])));
}

#[test]
fn an_answer_that_is_out_of_date_is_found() {
    // The write had ended before the read began.
    let found = after_sign_in([
        event(20, 30, put(Some("1"), content("a 1", &[("a", 2)]), Some("2"))),
        event(31, 40, get(Some(("1", content("a 1", &[("a", 1)]))))),
    ]);
    assert!(is_not_linearizable(&found), "{found:?}");
    assert!(is_not_linearizable(&after_sign_in([event(20, 30, get(None))])));
    assert!(is_not_linearizable(&after_sign_in([event(20, 30, remove(None, Did::Nothing))])));
    // Two reads, one after the other, must not see time go back while a write is under way.
    let found = after_sign_in([
        event(20, 90, put(Some("1"), content("a 1", &[("a", 2)]), Some("2"))),
        event(30, 40, get(Some(("2", content("a 1", &[("a", 2)]))))),
        event(50, 60, get(Some(("1", content("a 1", &[("a", 1)]))))),
    ]);
    assert!(is_not_linearizable(&found), "{found:?}");
}

#[test]
fn a_removal_of_another_version_is_found() {
    let found = after_sign_in([
        event(20, 30, put(Some("1"), content("a 1", &[("a", 2)]), Some("2"))),
        event(31, 40, remove(Some("1"), Did::Removed)),
    ]);
    assert!(is_not_linearizable(&found), "{found:?}");
}

#[test]
fn partitions_do_not_disturb_each_other() {
    let mut events = signed_in();
    let elsewhere = signed_in().into_iter().map(|event| Event { user: "grace".into(), ..event });
    events.extend(elsewhere);
    assert_eq!(check(&events), []);
}

#[test]
fn a_version_that_was_read_otherwise_than_written_is_found() {
    let found = after_sign_in([event(20, 30, get(Some(("1", content("a 1", &[("a", 9)])))))]);
    assert!(matches!(found[..], [Violation::VersionReused(_)]), "{found:?}");
}

#[test]
fn a_commit_that_drops_or_changes_anothers_token_is_found() {
    let with_b = || event(20, 30, put(Some("1"), content("a 1", &[("a", 1), ("b", 5)]), Some("2")));
    for next in [&[("a", 2)][..], &[("a", 2), ("b", 4)], &[("a", 1), ("b", 4)]] {
        let found = after_sign_in([with_b(), event(31, 40, put(Some("2"), content("a 1", next), Some("3")))]);
        assert!(is_lost(&found), "{next:?}: {found:?}");
    }
}

#[test]
fn a_commit_that_brings_back_what_had_been_is_found() {
    let signed_out = || [event(20, 40, Act::SignOut), event(25, 30, remove(None, Did::Removed))];
    // A refresh that writes where nothing is.
    let refresh = event(50, 60, put(None, content("a 1", &[("a", 2)]), Some("2")));
    assert!(is_resurrected(&after_sign_in(signed_out().into_iter().chain([refresh]))));
    // A sign-in that still holds what was there before.
    let sign_in = [
        event(45, 70, Act::SignIn("b 1".into())),
        event(50, 60, put(None, content("b 1", &[("a", 1), ("b", 1)]), Some("2"))),
    ];
    assert!(is_resurrected(&after_sign_in(signed_out().into_iter().chain(sign_in))));
}

#[test]
fn what_an_ended_sign_in_left_is_found_by_who_reads_it() {
    let left = |ended: u64| {
        vec![
            event(0, ended, Act::SignIn("a 1".into())),
            event(10, 20, Act::SignOut),
            event(15, 16, remove(None, Did::Nothing)),
            event(30, 31, put(None, content("a 1", &[("a", 1)]), Some("1"))),
            event(40, 41, get(Some(("1", content("a 1", &[("a", 1)]))))),
        ]
    };
    assert!(is_resurrected(&check(&left(35))), "it had ended");
    assert_eq!(check(&left(45)), [], "it may still take it back");
}

#[test]
fn an_ended_sign_in_that_replaces_a_newer_one_is_found() {
    let found = check(&[
        event(0, 60, Act::SignIn("a 1".into())),
        event(10, 20, Act::SignOut),
        event(15, 16, remove(None, Did::Nothing)),
        event(25, 40, Act::SignIn("b 1".into())),
        event(30, 31, put(None, content("b 1", &[("b", 1)]), Some("1"))),
        event(50, 51, put(Some("1"), content("a 1", &[("a", 1), ("b", 1)]), Some("2"))),
    ]);
    assert!(is_lost(&found), "{found:?}");
}
