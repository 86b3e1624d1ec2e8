//! Users, with the profile Microsoft Graph shows of them.

use serde::{Deserialize, Serialize};

/// A user of a tenant (Graph `user`), a member or a guest.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Short name for the emulator's own interfaces; not part of Graph.
    pub name: String,
    /// Object id in this tenant, a GUID in lower case.
    pub id: String,
    /// What the user signs in with.
    pub user_principal_name: String,
    /// The password; a guest has none here, only at home.
    #[serde(default, skip_serializing)]
    pub password: String,
    /// Whether the user may grant permissions that only administrators may.
    #[serde(default)]
    pub is_admin: bool,
    /// Of a guest: the account in its own tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// Whether sign-in is allowed at the start.
    #[serde(default = "yes")]
    pub account_enabled: bool,
    /// Full name.
    pub display_name: String,
    /// First name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub surname: Option<String>,
    /// Mail address.
    #[serde(default)]
    pub mail: Option<String>,
    /// Job title.
    #[serde(default)]
    pub job_title: Option<String>,
    /// Department.
    #[serde(default)]
    pub department: Option<String>,
    /// Company.
    #[serde(default)]
    pub company_name: Option<String>,
    /// Number in the company's personnel files.
    #[serde(default)]
    pub employee_id: Option<String>,
    /// Kind of employment.
    #[serde(default)]
    pub employee_type: Option<String>,
    /// Office.
    #[serde(default)]
    pub office_location: Option<String>,
    /// Street and number.
    #[serde(default)]
    pub street_address: Option<String>,
    /// City.
    #[serde(default)]
    pub city: Option<String>,
    /// State or province.
    #[serde(default)]
    pub state: Option<String>,
    /// Postal code.
    #[serde(default)]
    pub postal_code: Option<String>,
    /// Country.
    #[serde(default)]
    pub country: Option<String>,
    /// Two letters (ISO 3166-1): where services are used.
    #[serde(default)]
    pub usage_location: Option<String>,
    /// Business telephone numbers.
    #[serde(default)]
    pub business_phones: Vec<String>,
    /// Mobile telephone number.
    #[serde(default)]
    pub mobile_phone: Option<String>,
    /// Language tag.
    #[serde(default)]
    pub preferred_language: Option<String>,
    /// RFC 3339 time the account was made.
    #[serde(default)]
    pub created_date_time: Option<String>,
    /// The mail in the mailbox.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// A piece of mail (Graph `message`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Message {
    /// RFC 3339 time in UTC.
    pub received_date_time: String,
    /// What it is about.
    pub subject: String,
    /// Its first words.
    #[serde(default)]
    pub body_preview: String,
    /// Who sent it.
    pub from: EmailAddress,
}

/// A mail address with a name (Graph `emailAddress`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailAddress {
    /// The name.
    pub name: String,
    /// The address.
    pub address: String,
}

/// Where a guest comes from.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Home {
    /// GUID of the home tenant.
    pub tenant_id: String,
    /// Object id of the user there.
    pub id: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("user_principal_name", &self.user_principal_name)
            .finish_non_exhaustive()
    }
}

impl User {
    /// Whether `name` is the short name, the principal name or the object id.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        [&self.name, &self.user_principal_name, &self.id].into_iter().any(|n| n.eq_ignore_ascii_case(name))
    }
}

fn yes() -> bool {
    true
}
