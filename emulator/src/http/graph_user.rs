//! A user as Microsoft Graph shows it.

use serde_json::{Map, Value, json};

use crate::clock::rfc3339;
use crate::directory::User;
use crate::entra::Entra;

/// What version 1.0 answers without `$select`, in its order.
const DEFAULT: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

/// What beta answers without `$select`: all properties of this slice, in Graph's order.
const ALL: [&str; 41] = [
    "id",
    "deletedDateTime",
    "accountEnabled",
    "ageGroup",
    "businessPhones",
    "city",
    "companyName",
    "consentProvidedForMinor",
    "country",
    "createdDateTime",
    "creationType",
    "department",
    "displayName",
    "employeeHireDate",
    "employeeId",
    "employeeType",
    "externalUserState",
    "faxNumber",
    "givenName",
    "imAddresses",
    "isResourceAccount",
    "jobTitle",
    "legalAgeGroupClassification",
    "mail",
    "mailNickname",
    "mobilePhone",
    "officeLocation",
    "onPremisesSyncEnabled",
    "otherMails",
    "passwordPolicies",
    "postalCode",
    "preferredLanguage",
    "proxyAddresses",
    "showInAddressList",
    "signInSessionsValidFromDateTime",
    "state",
    "streetAddress",
    "surname",
    "usageLocation",
    "userPrincipalName",
    "userType",
];

/// The answer to `/me`; a property that does not exist is refused with Graph's sentence.
pub(super) fn me(entra: &Entra, user: &User, beta: bool, select: Option<&str>) -> Result<Value, String> {
    let mut body = Map::new();
    let version = if beta { "beta" } else { "v1.0" };
    let metadata = format!("https://graph.microsoft.com/{version}/$metadata#users");
    let Some(select) = select else {
        body.insert("@odata.context".to_owned(), json!(format!("{metadata}/$entity")));
        let names: &[&str] = if beta { &ALL } else { &DEFAULT };
        body.extend(names.iter().map(|name| ((*name).to_owned(), property(entra, user, name))));
        return Ok(Value::Object(body));
    };
    let mut chosen = Vec::new();
    for asked in select.split(',').map(str::trim).filter(|s| !s.is_empty()) {
        let Some(name) = ALL.iter().find(|name| name.eq_ignore_ascii_case(asked)) else {
            return Err(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{asked}' on type \
                 'microsoft.graph.user'."
            ));
        };
        chosen.push(*name);
    }
    body.insert("@odata.context".to_owned(), json!(format!("{metadata}({})/$entity", chosen.join(","))));
    body.extend(chosen.iter().map(|name| ((*name).to_owned(), property(entra, user, name))));
    Ok(Value::Object(body))
}

fn property(entra: &Entra, user: &User, name: &str) -> Value {
    match name {
        "id" => json!(user.id),
        "accountEnabled" => json!(entra.accounts.enabled(&user.id).unwrap_or(user.account_enabled)),
        "businessPhones" => json!(user.business_phones),
        "city" => json!(user.city),
        "companyName" => json!(user.company_name),
        "country" => json!(user.country),
        "createdDateTime" => json!(user.created_date_time),
        "creationType" => json!(user.home.as_ref().map(|_| "Invitation")),
        "department" => json!(user.department),
        "displayName" => json!(user.display_name),
        "employeeId" => json!(user.employee_id),
        "employeeType" => json!(user.employee_type),
        "externalUserState" => json!(user.home.as_ref().map(|_| "Accepted")),
        "givenName" => json!(user.given_name),
        "jobTitle" => json!(user.job_title),
        "mail" => json!(user.mail),
        "mailNickname" => json!(user.name),
        "mobilePhone" => json!(user.mobile_phone),
        "officeLocation" => json!(user.office_location),
        "postalCode" => json!(user.postal_code),
        "preferredLanguage" => json!(user.preferred_language),
        "proxyAddresses" => json!(user.mail.as_ref().map(|m| format!("SMTP:{m}")).into_iter().collect::<Vec<_>>()),
        "imAddresses" | "otherMails" => json!([]),
        "signInSessionsValidFromDateTime" => match entra.accounts.valid_from_millis(&user.id) {
            0 => json!(user.created_date_time),
            at => json!(rfc3339(at.div_euclid(1000))),
        },
        "state" => json!(user.state),
        "streetAddress" => json!(user.street_address),
        "surname" => json!(user.surname),
        "usageLocation" => json!(user.usage_location),
        "userPrincipalName" => json!(user.user_principal_name),
        "userType" => json!(if user.home.is_some() { "Guest" } else { "Member" }),
        _ => Value::Null,
    }
}
