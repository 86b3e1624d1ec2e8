//! How the app proves who it is.

use absentia_core::{Error, Secret, grant::Form};

/// What proves to Entra that a request comes from this app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientCredential {
    /// A client secret (`client_secret_post`).
    Secret(Secret),
}

impl ClientCredential {
    /// A client secret, as it is: a line break at its end is part of it.
    ///
    /// # Errors
    /// `Config` when it is empty.
    pub fn secret(secret: Secret) -> Result<Self, Error> {
        if secret.is_empty() {
            return Err(Error::config("The client secret is empty").advise("Set AzureAd:ClientSecret"));
        }
        Ok(Self::Secret(secret))
    }

    pub(crate) fn apply(&self, form: Form) -> Form {
        match self {
            Self::Secret(secret) => form.client_secret(secret),
        }
    }

    /// Adds to a refused credential what its look suggests, without showing it.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let Self::Secret(secret) = self;
        if error.aadsts() != Some(7_000_215) {
            return error;
        }
        let text = secret.expose();
        let look = if text != text.trim() {
            "the configured one begins or ends with a blank or line break"
        } else if text.len() > 1 && text.starts_with(['"', '\'']) && text.ends_with(['"', '\'']) {
            "the configured one starts and ends with a quote"
        } else if uuid::Uuid::try_parse(text).is_ok() {
            "the configured one looks like the id of a secret, not its value"
        } else {
            return error;
        };
        let advice = format!("{}; {look}", error.advice().unwrap_or("The client secret is wrong"));
        error.advise(advice)
    }
}
