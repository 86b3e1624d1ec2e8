//! A user's mail.

use serde::Deserialize;

use super::Error;

/// A piece of mail, as a list shows it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Message {
    /// When it came, as Graph writes it: RFC 3339 in UTC.
    pub received_date_time: String,
    /// What it is about; Graph has none for a message without a subject.
    pub subject: Option<String>,
    /// Who sent it; a draft has nobody.
    from: Option<Sender>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", default)]
struct Sender {
    email_address: EmailAddress,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
struct EmailAddress {
    name: Option<String>,
    address: Option<String>,
}

impl Message {
    /// The sender's name, or the address where there is no name.
    pub fn sender(&self) -> Option<&str> {
        let EmailAddress { name, address } = &self.from.as_ref()?.email_address;
        name.as_deref().filter(|name| !name.is_empty()).or(address.as_deref())
    }
}

#[derive(Deserialize)]
struct Page {
    value: Vec<Message>,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Message>, Error> {
    let page: Page = serde_json::from_slice(body)
        .map_err(|_| Error::unavailable("Graph answered 200 without a list of messages"))?;
    Ok(page.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_graph_leaves_out_is_left_out() {
        let body = br#"{"@odata.context":"x","value":[
            {"id":"1","receivedDateTime":"2026-11-02T08:15:00Z","subject":"A","from":{"emailAddress":{"name":"Ada","address":"a@b"}}},
            {"id":"2","from":{"emailAddress":{"name":"","address":"a@b"}},"subject":null},
            {"id":"3","from":null}]}"#;
        let messages = read(body).unwrap();
        assert_eq!(messages.iter().map(Message::sender).collect::<Vec<_>>(), [Some("Ada"), Some("a@b"), None]);
        assert_eq!(messages[0].subject.as_deref(), Some("A"));
        for bad in [&b"{}"[..], b"[]", b"", br#"{"value":{}}"#] {
            assert!(matches!(read(bad), Err(Error::Unavailable { .. })));
        }
    }
}
