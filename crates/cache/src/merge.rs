//! The merge rule: what becomes of a partition when a flight or a sign-in adds what it got, and somebody else may have
//! written meanwhile. Pure: no store, no clock.

use absentia_core::scope;

use crate::{
    identity::Identity,
    partition::{Partition, Section, has_components, is_redeemable, item_key},
    record::{Entity, SIGN_IN},
};

/// What one token response adds.
#[derive(Clone, Debug)]
pub struct Change {
    /// Why.
    pub kind: ChangeKind,
    /// The access token, if it is kept.
    pub access_token: Option<Entity>,
    /// The refresh token, if one came and is kept.
    pub refresh_token: Option<Entity>,
    /// The ID token.
    pub id_token: Option<Entity>,
    /// The user.
    pub account: Option<Entity>,
    /// What is known of the app.
    pub app_metadata: Option<Entity>,
}

/// Why a partition changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeKind {
    /// A flight that began from what was stored: it replaces only what it saw.
    Refresh,
    /// A sign-in or a start: it wins over what it finds.
    SignIn,
}

/// What merging gave.
#[derive(Debug)]
pub enum Merged {
    /// Write this.
    Ready(Partition),
    /// The grant the flight began from is gone.
    Gone,
    /// Another sign-in happened meanwhile: begin again from what is there.
    StartAgain,
}

/// Applies `mine` to `theirs`, the partition as it is now. `base` is what the flight began from, when that is something
/// else; `None` when nothing happened in between. `now` is unix seconds.
///
/// * A flight replaces only what it saw: an entity that differs between base and theirs stays.
/// * The refresh token is replaced only if theirs equals base or comes from the same sign-in.
/// * Access tokens of one identity whose scopes overlap are one: the newest stays, or MSAL.NET would refuse the entry.
/// * A sign-in wins; what it finds of another user under the same key goes. Entities of other apps are never touched.
///   Expired access tokens of ours go.
pub fn merge(base: Option<&Partition>, mut theirs: Partition, mine: &Change, identity: &Identity, now: u64) -> Merged {
    let base = if mine.kind == ChangeKind::SignIn { None } else { base };

    if let Some(base) = base
        && let Some(began_from) = base.refresh_token(identity)
    {
        match theirs.refresh_token(identity) {
            None => return Merged::Gone,
            Some(there) if there != began_from => {
                let sign_in = there.text(SIGN_IN);
                if sign_in.is_empty() || sign_in != began_from.text(SIGN_IN) {
                    return Merged::StartAgain;
                }
            }
            Some(_) => {}
        }
    }

    let ours = |entity: &Entity| identity.is_ours(entity);
    if mine.kind == ChangeKind::SignIn
        && let Some(token) = mine.refresh_token.as_ref().or(mine.access_token.as_ref())
    {
        // A long-running key that another user starts again: the first one's tokens name the key as well as hers.
        let home = token.text("home_account_id");
        for section in [Section::AccessToken, Section::RefreshToken, Section::IdToken] {
            let of_another = |entity: &Entity| {
                ours(entity)
                    && !entity.text("home_account_id").eq_ignore_ascii_case(home)
                    && (section == Section::IdToken || identity.is_named_by(entity))
            };
            theirs.section_mut(section).retain(|entity| !of_another(entity));
        }
    }
    theirs.section_mut(Section::AccessToken).retain(|entity| !ours(entity) || entity.seconds("expires_on") > now);

    if let Some(token) = &mine.access_token {
        let tokens = theirs.section_mut(Section::AccessToken);
        let unseen = |entity: &Entity| base.is_some_and(|base| !base.section(Section::AccessToken).contains(entity));
        let beaten = tokens.iter().any(|entity| {
            same_identity(identity, entity, token)
                && unseen(entity)
                && entity.seconds("cached_at") >= token.seconds("cached_at")
        });
        if !beaten {
            tokens.retain(|entity| !same_identity(identity, entity, token));
            tokens.push(token.clone());
        }
    }
    if mine.refresh_token.is_some() {
        // Under whatever name of the cloud, whoever wrote it.
        theirs.section_mut(Section::RefreshToken).retain(|entity| !is_redeemable(identity, entity));
    }
    for (section, entity) in [
        (Section::RefreshToken, &mine.refresh_token),
        (Section::IdToken, &mine.id_token),
        (Section::Account, &mine.account),
        (Section::AppMetadata, &mine.app_metadata),
    ] {
        if let Some(entity) = entity {
            replace(base, &mut theirs, section, entity);
        }
    }
    Merged::Ready(theirs)
}

/// Puts `entity` where its item key says, unless somebody changed what stands there since base.
fn replace(base: Option<&Partition>, theirs: &mut Partition, section: Section, entity: &Entity) {
    let key = item_key(section, entity);
    // A key is members joined by dashes: another app's entity can be made to have ours. An account is of no app.
    let is_it = |there: &Entity| {
        let client = |entity: &Entity| entity.text("client_id").to_ascii_lowercase();
        item_key(section, there) == key && (section == Section::Account || client(there) == client(entity))
    };
    let at = |partition: &Partition| partition.section(section).iter().rfind(|there| is_it(there)).cloned();
    let there = at(theirs);
    // Which refresh token may be replaced was decided before.
    if section != Section::RefreshToken && base.is_some_and(|base| at(base) != there) {
        return;
    }
    let mut new = entity.clone();
    if let Some(there) = there.filter(|_| matches!(section, Section::Account | Section::AppMetadata)) {
        new.keep_unknown_of(&there); // what other libraries say about the same user or app
    }
    let entities = theirs.section_mut(section);
    entities.retain(|there| !is_it(there));
    entities.push(new);
}

/// Whether two access tokens are one to MSAL.NET: same user or assertion, app, cloud, tenant and kind, overlapping scopes.
fn same_identity(identity: &Identity, there: &Entity, mine: &Entity) -> bool {
    let same = |name: &str| there.text(name).eq_ignore_ascii_case(mine.text(name));
    let kind = |entity: &Entity| match entity.text("token_type").to_ascii_lowercase().as_str() {
        "" | "bearer" => String::new(),
        other => other.to_owned(),
    };
    identity.is_ours(there)
        && same("home_account_id")
        && same("user_assertion_hash")
        && same("realm")
        && kind(there) == kind(mine)
        && has_components(there) == has_components(mine)
        && scope::overlap(there.text("target"), mine.text("target"))
}

#[cfg(test)]
mod tests {
    use absentia_core::{AccountId, Authority};

    use super::*;
    use crate::identity::Subject;

    const HOME: &str = "o.t";

    fn ada() -> Identity {
        Identity {
            client_id: "cid".into(),
            authority: Authority::new("https://login.microsoftonline.com", "t").unwrap(),
            subject: Subject::Account(AccountId::parse(HOME).unwrap()),
            layout: Default::default(),
        }
    }

    fn common(secret: &str) -> Entity {
        Entity::new()
            .with("home_account_id", HOME)
            .with("environment", "login.windows.net")
            .with("client_id", "cid")
            .with("realm", "t")
            .with("secret", secret)
    }

    fn token(secret: &str, target: &str, cached_at: u64) -> Entity {
        common(secret).with("target", target).with("cached_at", cached_at.to_string()).with("expires_on", "1000")
    }

    fn refresh(secret: &str, sign_in: &str) -> Entity {
        common(secret).with(SIGN_IN, sign_in)
    }

    fn partition(tokens: &[Entity], refresh_token: Option<Entity>) -> Partition {
        let mut partition = Partition::default();
        partition.section_mut(Section::AccessToken).extend_from_slice(tokens);
        partition.section_mut(Section::RefreshToken).extend(refresh_token);
        partition
    }

    fn change(kind: ChangeKind, access_token: Entity, refresh_token: Option<Entity>) -> Change {
        Change {
            kind,
            access_token: Some(access_token),
            refresh_token,
            id_token: None,
            account: None,
            app_metadata: None,
        }
    }

    fn secrets(partition: &Partition, section: Section) -> Vec<&str> {
        partition.section(section).iter().map(|entity| entity.text("secret")).collect()
    }

    fn ready(merged: Merged) -> Partition {
        match merged {
            Merged::Ready(partition) => partition,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refresh_replaces_what_it_saw() {
        let base = partition(&[token("old", "A openid", 10), token("kept", "B", 10)], Some(refresh("r1", "s")));
        let mine = change(ChangeKind::Refresh, token("new", "A openid", 20), Some(refresh("r2", "s")));
        let merged = ready(merge(None, base, &mine, &ada(), 20));
        assert_eq!(secrets(&merged, Section::AccessToken), ["kept", "new"]);
        assert_eq!(secrets(&merged, Section::RefreshToken), ["r2"]);
    }

    #[test]
    fn oidc_words_count_as_overlap() {
        let base = partition(&[token("old", "A openid", 10)], None);
        let mine = change(ChangeKind::Refresh, token("new", "B openid", 20), None);
        assert_eq!(secrets(&ready(merge(None, base, &mine, &ada(), 20)), Section::AccessToken), ["new"]);
    }

    #[test]
    fn of_two_flights_the_newest_token_stays_and_one_refresh_token() {
        let base = partition(&[], Some(refresh("r1", "s")));
        let theirs = partition(&[token("theirs", "A B", 30)], Some(refresh("r2", "s")));
        let mine = change(ChangeKind::Refresh, token("mine", "A C", 20), Some(refresh("r3", "s")));
        let merged = ready(merge(Some(&base), theirs.clone(), &mine, &ada(), 20));
        assert_eq!(secrets(&merged, Section::AccessToken), ["theirs"]);
        assert_eq!(secrets(&merged, Section::RefreshToken), ["r3"]);
        let mine = change(ChangeKind::Refresh, token("mine", "A C", 40), None);
        let merged = ready(merge(Some(&base), theirs, &mine, &ada(), 40));
        assert_eq!(secrets(&merged, Section::AccessToken), ["mine"]);
    }

    #[test]
    fn another_sign_in_makes_a_flight_start_again() {
        let base = partition(&[], Some(refresh("r1", "s1")));
        let mine = change(ChangeKind::Refresh, token("mine", "A", 20), Some(refresh("r2", "s1")));
        for other in [refresh("r9", "s2"), refresh("r9", "")] {
            let theirs = partition(&[], Some(other));
            assert!(matches!(merge(Some(&base), theirs, &mine, &ada(), 20), Merged::StartAgain));
        }
        assert!(matches!(merge(Some(&base), partition(&[], None), &mine, &ada(), 20), Merged::Gone));
    }

    #[test]
    fn a_sign_in_wins_over_what_it_finds() {
        let theirs = partition(&[token("theirs", "A", 90)], Some(refresh("r9", "s9")));
        let mine = change(ChangeKind::SignIn, token("mine", "A", 20), Some(refresh("r1", "s1")));
        let merged = ready(merge(Some(&Partition::default()), theirs, &mine, &ada(), 20));
        assert_eq!(secrets(&merged, Section::AccessToken), ["mine"]);
        assert_eq!(secrets(&merged, Section::RefreshToken), ["r1"]);
    }

    #[test]
    fn other_apps_are_never_touched_and_our_expired_tokens_go() {
        let foreign = |entity: Entity| entity.with("client_id", "other");
        let mut theirs = partition(
            &[foreign(token("foreign", "A", 1)), token("expired", "C", 1).with("expires_on", "20")],
            Some(foreign(refresh("foreign rt", "x"))),
        );
        theirs.section_mut(Section::RefreshToken).push(refresh("r1", "s"));
        let mine = change(ChangeKind::SignIn, token("mine", "A", 20), Some(refresh("r2", "s2")));
        let merged = ready(merge(None, theirs, &mine, &ada(), 20));
        assert_eq!(secrets(&merged, Section::AccessToken), ["foreign", "mine"]);
        assert_eq!(secrets(&merged, Section::RefreshToken), ["foreign rt", "r2"]);
    }

    #[test]
    fn a_new_refresh_token_replaces_those_under_other_names_of_the_cloud() {
        let alias = refresh("of python", "").with("environment", "login.microsoftonline.com");
        let family = refresh("of the family", "").with("family_id", "1");
        let mut theirs = partition(&[], Some(alias));
        theirs.section_mut(Section::RefreshToken).push(family);
        let mine = change(ChangeKind::Refresh, token("t", "A", 20), Some(refresh("r2", "s")));
        let merged = ready(merge(None, theirs, &mine, &ada(), 20));
        assert_eq!(secrets(&merged, Section::RefreshToken), ["of the family", "r2"]);
    }

    /// Its members joined by dashes are our key.
    #[test]
    fn an_entity_of_another_app_that_has_our_item_key_stays() {
        let foreign = refresh("foreign", "").with("client_id", "other").with("family_id", "cid");
        let mine = change(ChangeKind::SignIn, token("t", "A", 20), Some(refresh("r2", "s")));
        let merged = ready(merge(None, partition(&[], Some(foreign)), &mine, &ada(), 20));
        assert_eq!(secrets(&merged, Section::RefreshToken), ["foreign", "r2"]);
    }

    #[test]
    fn what_others_say_of_a_user_survives_and_what_they_changed_stays() {
        let account = |name: &str| common("").with("username", name);
        let mut node = Entity::parse(r#"{"tenantProfiles":["x"]}"#);
        for (name, value) in [("home_account_id", HOME), ("environment", "login.windows.net"), ("realm", "t")] {
            node.set(name, value);
        }
        node.set("username", "old");
        let mut base = Partition::default();
        base.section_mut(Section::Account).push(node.clone());
        let mut mine = change(ChangeKind::Refresh, token("t", "A", 1), None);
        mine.account = Some(account("new"));
        let merged = ready(merge(None, base.clone(), &mine, &ada(), 1));
        let merged = &merged.section(Section::Account)[0];
        assert_eq!(merged.text("username"), "new");
        assert!(merged.has("tenantProfiles"));
        // Somebody renamed her since base: theirs stays.
        let mut theirs = base.clone();
        theirs.section_mut(Section::Account)[0].set("username", "theirs");
        let merged = ready(merge(Some(&base), theirs, &mine, &ada(), 1));
        assert_eq!(merged.section(Section::Account)[0].text("username"), "theirs");
    }
}
