//! `GET /api/profile`

use absentia::Error;
use absentia_axum::{Api, Caller, CallerRejection};
use axum::{
    Json,
    extract::State,
    http::header::{CACHE_CONTROL, HeaderName},
};
use serde_json::{Map, Value};

use crate::graph::{self, Graph, Me};

/// What is asked of Graph, and answered: the sample's six.
const FIELDS: [&str; 6] = ["country", "city", "employeeId", "displayName", "givenName", "department"];
/// The permission that takes.
const GRAPH_SCOPES: &str = "User.Read";
/// What the long-running grant is for: one per user and purpose.
const PURPOSE: &str = "profile";

pub(super) async fn profile(
    caller: Caller,
    State(api): State<Api>,
    State(graph): State<Graph>,
) -> Result<([(HeaderName, &'static str); 1], Json<Map<String, Value>>), CallerRejection> {
    let me = fetch(&caller, &api, &graph).await.map_err(|error| caller.reject(error))?;
    let value = |name: &str| me.get(name).map_or(Value::Null, |text| Value::String(text.to_owned()));
    let six = FIELDS.iter().map(|&name| (name.to_owned(), value(name))).collect();
    Ok(([(CACHE_CONTROL, "no-store")], Json(six)))
}

/// Her profile, with the grant that outlives this request. Where Graph wants other claims, a token with them is asked for
/// once; what then is refused only her app can help with, which is told so.
async fn fetch(caller: &Caller, api: &Api, graph: &Graph) -> Result<Me, Error> {
    let key = caller.long_running_key(PURPOSE);
    let hers = api.client().long_running_of(caller.account_id(), &key).or_start(&caller.assertion());
    let token = hers.token(GRAPH_SCOPES).await?;
    match graph.me(&token, &FIELDS).await {
        Err(graph::Error::Challenge { claims }) => {
            let token = hers.token(GRAPH_SCOPES).claims(claims.as_str()).await?;
            Ok(graph.me(&token, &FIELDS).await?)
        }
        answer => Ok(answer?),
    }
}
