//! Refusals about the user: password, account state, session, consent.

use super::Refusal;

impl Refusal {
    pub(crate) fn wrong_password() -> Refusal {
        Refusal::new(400, "invalid_grant", 50126, "Error validating credentials due to invalid username or password.")
    }

    pub(crate) fn user_not_found(upn: &str, tenant: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            50034,
            format!(
                "The user account {upn} does not exist in the {tenant} directory. To sign into this application, the \
            account \
             must be added to the directory."
            ),
        )
        .with_suberror("bad_token")
    }

    pub(crate) fn foreign_user(upn: &str, tenant: &str, client_id: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            50020,
            format!(
                "User account '{upn}' from another identity provider does not exist in tenant '{tenant}' and cannot \
                access the \
             application '{client_id}' in that tenant. The account needs to be added as an external user in the tenant \
             first."
            ),
        )
    }

    pub(crate) fn user_disabled() -> Refusal {
        Refusal::new(400, "invalid_grant", 50057, "The user account is disabled.")
    }

    pub(crate) fn no_session() -> Refusal {
        Refusal::new(
            400,
            "login_required",
            50058,
            "A silent sign-in request was sent but no user is signed in. The cookies used to represent the user's \
            session \
             were not sent in the request to Azure AD.",
        )
    }

    pub(crate) fn several_sessions() -> Refusal {
        Refusal::new(
            400,
            "interaction_required",
            16000,
            "Either multiple user identities are available for the current request or selected account is not \
            supported \
             for the scenario.",
        )
    }

    /// A stronger sign-in is needed. Named `interaction_required` on behalf of and for `prompt=none`.
    pub(crate) fn context_required(resource: &str, claims: String) -> Refusal {
        let refusal = Refusal::new(
            400,
            "invalid_grant",
            50076,
            format!(
                "Due to a configuration change made by your administrator, or because you moved to a new location, you must use \
            multi-factor authentication to access '{resource}'."
            ),
        );
        Refusal { claims: Some(claims), ..refusal.with_suberror("basic_action") }
    }

    pub(crate) fn consent_required(client_id: &str, name: &str) -> Refusal {
        Refusal::new(400, "invalid_grant", 65001, format!(
            "The user or administrator has not consented to use the application with ID '{client_id}' named '{name}'. \
            Send \
             an interactive authorization request for this user and resource."
        )).with_suberror("consent_required")
    }

    pub(crate) fn consent_declined() -> Refusal {
        Refusal::new(400, "access_denied", 65004, "User declined to consent to access the app.")
    }

    pub(crate) fn admin_consent_required(name: &str) -> Refusal {
        Refusal::new(
            400,
            "consent_required",
            90094,
            format!("Admin consent is required for the permissions requested by {name}."),
        )
    }

    pub(crate) fn not_an_administrator() -> Refusal {
        Refusal::new(
            400,
            "access_denied",
            90093,
            "This operation can only be performed by an administrator. Sign out and sign in as an administrator or \
             contact one of your organization's administrators.",
        )
    }

    pub(crate) fn scope_does_not_exist(app: &str, scope: &str, resource: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_client",
            650_053,
            format!(
                "The application '{app}' asked for scope '{scope}' that doesn't exist on the resource '{resource}'. \
                Contact \
             the app vendor."
            ),
        )
    }
}
