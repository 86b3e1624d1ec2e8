//! Authentication contexts of Conditional Access: what a request asks for in `acrs`, and how it is asked for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// So many contexts of one request are looked at; Entra has 99, `c1` to `c99`.
const MOST: usize = 99;

/// The contexts a `claims` parameter asks an access token to satisfy.
pub(crate) fn asked(claims: Option<&str>) -> BTreeSet<String> {
    let claims: Option<Value> = claims.and_then(|text| serde_json::from_str(text).ok());
    let acrs = claims.as_ref().and_then(|claims| claims.pointer("/access_token/acrs"));
    let one = acrs.and_then(|acrs| acrs.get("value")).and_then(Value::as_str);
    let several = acrs.and_then(|acrs| acrs.get("values")).and_then(Value::as_array);
    let several = several.into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(several).take(MOST).map(crate::grant::shortened).collect()
}

/// The claims that ask for a context.
pub(crate) fn claims_for(context: &str) -> String {
    json!({ "access_token": { "acrs": { "essential": true, "value": context } } }).to_string()
}
