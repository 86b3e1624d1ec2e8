//! Refusals about the app: unknown, in another tenant, or not who it says it is.

use super::Refusal;

impl Refusal {
    pub(crate) fn unknown_client(client_id: &str, tenant: &str) -> Refusal {
        Refusal::new(
            400,
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen \
                if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You may have sent your authentication request to the wrong tenant."
            ),
        )
    }

    pub(crate) fn single_tenant_on_common(client_id: &str, name: &str, tenant: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            50194,
            format!(
                "Application '{client_id}'({name}) is not configured as a multi-tenant application. Usage of the \
                /{tenant} \
             endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or \
             configure the application to be multi-tenant."
            ),
        )
    }

    pub(crate) fn wrong_secret(client_id: &str) -> Refusal {
        Refusal::new(
            401,
            "invalid_client",
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                value, not \
             the client secret ID, for a secret added to app '{client_id}'."
            ),
        )
    }

    pub(crate) fn expired_secret(client_id: &str) -> Refusal {
        Refusal::new(
            401,
            "invalid_client",
            7_000_222,
            format!(
                "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create \
                new keys \
             for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added \
             security: \
             https://aka.ms/certCreds."
            ),
        )
    }

    pub(crate) fn credential_missing() -> Refusal {
        Refusal::new(
            401,
            "invalid_client",
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )
    }

    pub(crate) fn public_with_credential() -> Refusal {
        Refusal::new(
            401,
            "invalid_client",
            700_025,
            "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        )
    }

    pub(crate) fn assertion_key_not_found(client_id: &str) -> Refusal {
        Refusal::new(
            401,
            "invalid_client",
            700_027,
            format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. \
                [Reason - \
             The key was not found., Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see \
             configured keys for app Id '{client_id}']."
            ),
        )
    }

    pub(crate) fn redirect_not_registered(redirect_uri: &str, client_id: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            50011,
            format!(
                "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs \
                configured for the \
             application '{client_id}'. Make sure the redirect URI sent in the request matches one added to your \
             application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about \
             how \
             to troubleshoot this."
            ),
        )
    }

    pub(crate) fn no_reply_address() -> Refusal {
        Refusal::new(400, "invalid_request", 900_971, "No reply address provided.")
    }

    pub(crate) fn no_pkce() -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            9_002_325,
            "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
        )
    }

    pub(crate) fn cross_origin_not_spa() -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            9_002_326,
            "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type.",
        )
    }

    pub(crate) fn spa_without_origin() -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            9_002_327,
            "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin \
            requests.",
        )
    }

    pub(crate) fn response_type(requested: &str) -> Refusal {
        Refusal::new(
            400,
            "unsupported_response_type",
            70005,
            format!("The app returned an unsupported response type: '{requested}'."),
        )
    }

    pub(crate) fn response_type_not_enabled(code: u32, requested: &str, client_id: &str) -> Refusal {
        Refusal::new(
            400,
            "unsupported_response_type",
            code,
            format!("response_type '{requested}' is not enabled for the application '{client_id}'."),
        )
    }

    pub(crate) fn response_mode(requested: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            70007,
            format!("'{requested}' is not a supported value of 'response_mode'."),
        )
    }
}
