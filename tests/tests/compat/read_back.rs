//! Documents that were changed in one way, and what real MSAL.NET then did: what it uses we use, and what it does not use we
//! do not, but for what is listed with its reason.

use absentia::{LongRunningKey, UserAssertion};
use absentia_cache::Partition;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::support::{CLIENT, GRAPH, HOME, NOW, Node, READ, TENANT, assert_shapes, home, recorded};

/// What MSAL.NET serves, and we do not.
const STRICTER: [(&str, &str); 7] = [
    ("cached-at-future", "cached nine years ahead: written under a wrong clock, so that its end is not to be trusted"),
    ("missing-at-secret", "a token without text is none"),
    ("bad-utf8", "no writer makes it"),
    ("ext-cache-key", "bound by Go or Python to what is not known here"),
    ("environment-alias-login.windows.net", "localhost is no alias of the public cloud: the witness was told so"),
    ("environment-alias-login.microsoftonline.com", "the same"),
    ("environment-both", "the same"),
];

/// What MSAL.NET does not serve, though it can read it, and we do: the same token in another spelling.
const MORE_LIBERAL: [(&str, &str); 5] = [
    ("upper-home", "the key of the entry names her; ids are GUIDs, in whose case libraries differ"),
    ("app-client-upper", "client ids are GUIDs"),
    ("app-realm-upper", "tenants are GUIDs or host names"),
    ("text-time-fraction", "a time is a time"),
    ("obo-node-name", "Node's spelling of `user_assertion_hash`"),
];

struct Case {
    name: String,
    kind: String,
    dotnet: String,
    bytes: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_slice(&recorded("read-back.json")).unwrap();
    let case = |case: Value| {
        let text = |name: &str| case[name].as_str().map(str::to_owned);
        let at = |name: &str| usize::try_from(case[name].as_u64().unwrap()).unwrap();
        let kind = text("kind").unwrap();
        let whole = recorded(&format!("dotnet/long-lived-{kind}.json"));
        let new = match text("base64") {
            Some(bytes) => BASE64_STANDARD.decode(bytes).unwrap(),
            None => text("text").unwrap().into_bytes(),
        };
        let bytes = [&whole[..at("from")], &new, &whole[at("to")..]].concat();
        Case { name: text("case").unwrap(), dotnet: text("dotnet").unwrap(), kind, bytes }
    };
    cases.into_iter().map(case).collect()
}

/// Whether our client answers from it, without asking Entra.
async fn is_served(case: &Case) -> bool {
    let node = Node::at(NOW);
    let captured: Value = serde_json::from_slice(&recorded("captured.json")).unwrap();
    let assertion = UserAssertion::unverified(captured["long-lived-obo"]["assertion"].as_str().unwrap());
    let session = LongRunningKey::new("session-1").unwrap();
    let (key, acquirer, scopes) = match case.kind.as_str() {
        "user" => (HOME.to_owned(), node.app().account(&home()), READ),
        "app" => (format!("{CLIENT}_{TENANT}_AppTokenCache"), node.app().app(), GRAPH),
        "obo" => (assertion.hash().to_string(), node.app().on_behalf_of(&assertion), READ),
        "long-running" => ("session-1".to_owned(), node.app().long_running(&session), READ),
        other => panic!("{other}"),
    };
    node.put(&key, case.bytes.clone()).await;
    let served = acquirer.token(scopes).await.is_ok();
    assert!(!served || node.asked().is_empty(), "{}", case.name);
    served
}

#[tokio::test]
async fn what_dotnet_uses_is_used_and_what_it_leaves_is_left() {
    let (mut stricter, mut more_liberal) = (Vec::new(), Vec::new());
    let cases = cases();
    assert!(cases.len() >= 128, "only {} cases", cases.len());
    for case in cases {
        match (case.dotnet.as_str(), is_served(&case).await) {
            ("hit", false) => stricter.push(case.name),
            ("would ask the authority", true) => more_liberal.push(case.name),
            // Where .NET fails before it looks for a token there is nothing to do alike.
            ("hit", true) | ("would ask the authority", false) | ("error", _) => {}
            (other, _) => panic!("{other}"),
        }
    }
    let names = |listed: &[(&str, &str)]| -> Vec<String> {
        let mut names: Vec<_> = listed.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        names
    };
    stricter.sort();
    more_liberal.sort();
    assert_eq!((stricter, more_liberal), (names(&STRICTER), names(&MORE_LIBERAL)));
}

/// What we read and write again, .NET can read, whatever it was.
#[test]
fn what_is_written_again_has_the_shapes_that_dotnet_demands() {
    let mut healed = Vec::new();
    for case in cases() {
        let Some(partition) = Partition::parse(&case.bytes) else { continue };
        let again: Value = serde_json::from_slice(&partition.to_json()).unwrap();
        assert_shapes(&again);
        assert!(!again.to_string().contains(r#""home_account_id":null"#), "{}", case.name);
        if case.dotnet == "error" {
            healed.push(case.name);
        }
    }
    for name in
        ["number-expires-on", "bool-known-field", "null-home-at", "ext-null", "ext-text", "null-section-Account"]
    {
        assert!(healed.iter().any(|there| there == name), "{name}");
    }
    for name in ["duplicate-root", "duplicate-member"] {
        assert!(healed.iter().any(|there| there == name), "{name}");
    }
}
