//! The `claims` request parameter (OpenID Connect Core 5.5), as challenges use it.

use serde_json::{Map, Value};

use crate::Error;

/// Longest claims text that is looked at, in bytes.
const MAX_LENGTH: usize = 16 * 1024;

/// Checks that `claims` is a JSON object of bounded size.
///
/// # Errors
/// `Config` when it is not.
pub fn check(claims: &str) -> Result<(), Error> {
    object(claims).map(drop)
}

/// Merges two claims texts: members of objects are united, and what `challenge` says wins.
///
/// # Errors
/// `Config` when one of them is not a JSON object.
pub fn merge(base: &str, challenge: &str) -> Result<String, Error> {
    let mut merged = object(base)?;
    unite(&mut merged, object(challenge)?);
    Ok(Value::Object(merged).to_string())
}

fn object(claims: &str) -> Result<Map<String, Value>, Error> {
    if claims.len() <= MAX_LENGTH
        && let Ok(Value::Object(object)) = serde_json::from_str(claims)
    {
        return Ok(object);
    }
    Err(Error::config("The claims are not a JSON object").advise("Pass the claims of the challenge, decoded"))
}

fn unite(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(there)), Value::Object(more)) => unite(there, more),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_and_a_challenge_go_together() {
        let merged = merge(
            r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#,
            r#"{"access_token":{"nbf":{"essential":true, "value":"1635527790"}}}"#,
        )
        .unwrap();
        let merged: Value = serde_json::from_str(&merged).unwrap();
        assert_eq!(merged["access_token"]["xms_cc"]["values"][0], "cp1");
        assert_eq!(merged["access_token"]["nbf"]["value"], "1635527790");
        assert!(merge("{}", "[]").is_err());
    }
}
