//! Requests that are malformed or name what does not exist: tenant, scope, resource, grant type.

use super::Refusal;

impl Refusal {
    pub(crate) fn tenant_not_found(error: &'static str, tenant: &str) -> Refusal {
        Refusal::new(
            400,
            error,
            90002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into \
                the correct \
             cloud. Check with your subscription administrator, this may happen if there are no active subscriptions \
             for \
             the tenant."
            ),
        )
    }

    pub(crate) fn tenant_malformed(tenant: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            900_023,
            format!("Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."),
        )
    }

    pub(crate) fn unknown_instance() -> Refusal {
        Refusal::new(400, "invalid_instance", 50049, "Unknown or invalid instance.")
    }

    pub(crate) fn missing(parameter: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }

    pub(crate) fn malformed() -> Refusal {
        Refusal::new(400, "invalid_request", 9_002_313, "Invalid request. Request is malformed or invalid.")
    }

    pub(crate) fn wrong_verb(verb: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            900_561,
            format!("The endpoint only accepts POST, OPTIONS requests. Received a {verb} request."),
        )
    }

    pub(crate) fn not_an_endpoint() -> Refusal {
        Refusal::new(404, "invalid_request", 90056, "The resource is not found or the endpoint does not exist.")
    }

    pub(crate) fn unsupported_grant(grant: &str) -> Refusal {
        Refusal::new(
            400,
            "unsupported_grant_type",
            70003,
            format!("The app requested an unsupported grant type '{grant}'."),
        )
    }

    pub(crate) fn not_on_this_authority(tenant: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            9_001_023,
            format!(
                "The grant type is not supported over the /common or /consumers endpoints. Please use the \
                /organizations or \
             tenant-specific endpoint. Received '/{tenant}'."
            ),
        )
    }

    pub(crate) fn resource_parameter() -> Refusal {
        Refusal::new(400, "invalid_request", 901_002, "The 'resource' request parameter is not supported.")
    }

    pub(crate) fn several_resources(scope: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            28000,
            format!(
                "Provided value for the input parameter scope is not valid because it contains more than one \
                resource. Scope \
             {scope} is not valid."
            ),
        )
    }

    pub(crate) fn empty_scope() -> Refusal {
        Refusal::new(
            400,
            "invalid_scope",
            28003,
            "Provided value for the input parameter scope cannot be empty when requesting an access token using the \
             provided authorization code. Please specify a valid scope.",
        )
    }

    pub(crate) fn scope_not_valid(scope: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_scope",
            70011,
            format!(
                "The provided request must include a 'scope' input parameter. The provided value for the input \
                parameter \
             'scope' is not valid. The scope {scope} is not valid."
            ),
        )
    }

    pub(crate) fn default_not_alone(scope: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_scope",
            70011,
            format!(
                "The provided request must include a 'scope' input parameter. The provided value for the input \
                parameter \
             'scope' is not valid. The scope {scope} is not valid. .default scope can't be combined with \
             resource-specific scopes."
            ),
        )
    }

    pub(crate) fn app_scope_not_default(scope: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_scope",
            1_002_012,
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value \
                with \
             /.default suffixed to the resource identifier (application ID URI)."
            ),
        )
    }

    pub(crate) fn resource_not_found(resource: &str, tenant: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_resource",
            500_011,
            format!(
                "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen \
                if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You might have sent your authentication request to the wrong tenant."
            ),
        )
    }

    pub(crate) fn resource_not_listed(client_id: &str, resource: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_resource",
            650_057,
            format!(
                "Invalid resource. The client has requested access to a resource which is not listed in the requested \
             permissions in the client's application registration. Client app ID: {client_id}. Resource value from \
             request: {resource}."
            ),
        )
    }

    pub(crate) fn own_token_by_uri(client_id: &str, name: &str) -> Refusal {
        Refusal::new(
            400,
            "invalid_request",
            90009,
            format!(
                "Application '{client_id}'({name}) is requesting a token for itself. This scenario is supported only \
                if \
             resource is specified using the GUID based App Identifier."
            ),
        )
    }

    pub(crate) fn outage(status: u16, retry_after: Option<u64>) -> Refusal {
        let refusal = match status {
            429 => Refusal::new(
                429,
                "temporarily_unavailable",
                90055,
                "The server is terminating operation because it \
                encountered too many requests.",
            ),
            500..=599 => Refusal::new(
                status,
                "temporarily_unavailable",
                90033,
                "A transient error has occurred. Please try \
                again.",
            ),
            other => Refusal::new(
                other,
                "server_error",
                90036,
                "An unexpected, non-retryable error stemming from the \
                directory service has occurred.",
            ),
        };
        Refusal { retry_after, ..refusal }
    }
}
