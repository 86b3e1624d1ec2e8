//! Refusals of what is redeemed: codes, refresh tokens and assertions.

use super::Refusal;
use crate::clock::{UnixSeconds, rfc3339};

impl Refusal {
    pub(crate) fn code_redeemed() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing \
             refresh token.",
        )
    }

    pub(crate) fn code_expired() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            70008,
            "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive \
             authorization request for this user and resource.",
        )
    }

    pub(crate) fn code_of_other_tenant() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            700_005,
            "The provided Authorization Code is intended to be used against other tenant, thus rejected.",
        )
    }

    pub(crate) fn other_clients_grant() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            70000,
            "Provided grant is invalid or malformed. The grant was issued for a different client id.",
        )
        .with_suberror("bad_token")
    }

    pub(crate) fn malformed_grant() -> Refusal {
        Refusal::new(400, "invalid_grant", 70000, "Provided grant is invalid or malformed.").with_suberror("bad_token")
    }

    pub(crate) fn redirect_differs() -> Refusal {
        Refusal::new(
            400,
            "invalid_client",
            500_112,
            "The reply address does not match the reply address provided when requesting Authorization code.",
        )
    }

    pub(crate) fn verifier_missing() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            50148,
            "The size of Code_Verifier parameter is not valid: it must be between 43 and 128 characters.",
        )
    }

    pub(crate) fn verifier_wrong() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            501_481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        )
    }

    pub(crate) fn challenge_size() -> Refusal {
        Refusal::new(400, "invalid_request", 50147, "The size of Code_Challenge parameter is not valid.")
    }

    pub(crate) fn grant_revoked(issued: UnixSeconds, valid_from: UnixSeconds) -> Refusal {
        Refusal::new(400, "invalid_grant", 50173, format!(
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have \
             changed or reset their password. The grant was issued on '{}' and the TokensValidFrom date (before which \
             tokens are not valid) for this user is '{}'.", rfc3339(issued), rfc3339(valid_from)
        )).with_suberror("bad_token")
    }

    pub(crate) fn refresh_inactive(issued: UnixSeconds) -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            700_082,
            format!(
                "The refresh token has expired due to inactivity. The token was issued on {} and was inactive for \
             90.00:00:00.",
                rfc3339(issued)
            ),
        )
        .with_suberror("bad_token")
    }

    pub(crate) fn spa_refresh_expired(issued: UnixSeconds) -> Refusal {
        Refusal::new(400, "invalid_grant", 700_084, format!(
            "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of \
             1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the \
             SPA to \
             the sign in page. The token was issued on {}.", rfc3339(issued)
        )).with_suberror("bad_token")
    }

    pub(crate) fn assertion_malformed() -> Refusal {
        Refusal::new(400, "invalid_request", 50027, "JWT token is invalid or malformed.")
    }

    pub(crate) fn assertion_signature() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            50013,
            "Assertion failed signature validation. [Reason - The key was not found or the signature is invalid.]",
        )
    }

    pub(crate) fn assertion_audience() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            500_131,
            "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion \
             should be the client id or the App ID URI of the app.",
        )
    }

    pub(crate) fn assertion_time(now: UnixSeconds, expired: UnixSeconds) -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            500_133,
            format!(
                "Assertion is not within its valid time range. Ensure that the access token is not expired before \
                using it for \
             user assertion, or request a new token. Current time: {}, expiry time of assertion {}.",
                rfc3339(now),
                rfc3339(expired)
            ),
        )
    }

    pub(crate) fn assertion_issuer() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            50013,
            "Assertion failed validation. [Reason - The issuer of the assertion is not trusted in this tenant.]",
        )
    }

    pub(crate) fn assertion_is_id_token() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            240_002,
            "Input id_token cannot be used as 'urn:ietf:params:oauth:grant-type:jwt-bearer' grant.",
        )
    }

    pub(crate) fn assertion_is_app_only() -> Refusal {
        Refusal::new(
            400,
            "invalid_grant",
            50000,
            "An app-only access token cannot be used as the assertion of an on-behalf-of request.",
        )
    }

    pub(crate) fn token_use() -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            900_144,
            "The request body must contain the following parameter: 'requested_token_use' with the value \
            'on_behalf_of'.",
        )
    }
}
