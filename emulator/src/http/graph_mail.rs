//! A user's mail as Microsoft Graph lists it.

use serde_json::{Map, Value, json};

use crate::directory::User;
use crate::random::derived_guid;

/// How many messages a page has, and how many at most.
const PAGE: usize = 10;
const LARGEST_PAGE: usize = 1000;
/// The properties of this slice, in Graph's order.
const PROPERTIES: [&str; 5] = ["id", "receivedDateTime", "subject", "bodyPreview", "from"];

/// The answer to `/me/messages`: the latest first, one page.
pub(super) fn messages(user: &User, beta: bool, select: Option<&str>, top: Option<&str>) -> Result<Value, String> {
    let top = match top.map(str::parse) {
        None => PAGE,
        Some(Ok(top)) if (1..=LARGEST_PAGE).contains(&top) => top,
        Some(_) => return Err("Invalid value for $top: it is 1 to 1000.".to_owned()),
    };
    let mut chosen = Vec::new();
    for asked in select.into_iter().flat_map(|select| select.split(',')).map(str::trim).filter(|s| !s.is_empty()) {
        let Some(name) = PROPERTIES.iter().find(|name| name.eq_ignore_ascii_case(asked)) else {
            return Err(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{asked}' on type \
                 'Microsoft.OutlookServices.Message'."
            ));
        };
        chosen.push(*name);
    }
    let mut sorted: Vec<_> = user.messages.iter().enumerate().collect();
    sorted.sort_by(|(_, a), (_, b)| b.received_date_time.cmp(&a.received_date_time));
    let list = sorted.into_iter().take(top).map(|(at, message)| {
        let id = derived_guid(&["message", &user.id, &at.to_string()]).to_string();
        let all = json!({
            "id": id,
            "receivedDateTime": message.received_date_time,
            "subject": message.subject,
            "bodyPreview": message.body_preview,
            "from": { "emailAddress": { "name": message.from.name, "address": message.from.address } },
        });
        let wanted = |name: &str| chosen.is_empty() || name == "id" || chosen.contains(&name);
        match all {
            Value::Object(members) => members.into_iter().filter(|(name, _)| wanted(name)).collect(),
            _ => Map::new(),
        }
    });
    let list: Vec<Map<String, Value>> = list.collect();
    let (version, selected) = (if beta { "beta" } else { "v1.0" }, chosen.join(","));
    let selected = if selected.is_empty() { selected } else { format!("({selected})") };
    Ok(json!({
        "@odata.context": format!("https://graph.microsoft.com/{version}/$metadata#users('{}')/messages{selected}", user.id),
        "value": list,
    }))
}
