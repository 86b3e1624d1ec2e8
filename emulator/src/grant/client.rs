//! Who the client is: its secret, or that it needs none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::Request;
use crate::aadsts::Refusal;
use crate::directory::Platform;
use crate::http::call::Call;
use crate::token::answer::Proof;

/// Client id and secret of an `Authorization: Basic` header (RFC 6749 2.3.1).
pub(super) struct Basic {
    pub(super) id: String,
    pub(super) secret: String,
}

pub(super) fn basic(call: &Call) -> Option<Basic> {
    let packed = call.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(packed.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    Some(Basic { id: decoded(id), secret: decoded(secret) })
}

impl Request<'_> {
    /// Checks the client for a grant that came from `platform`; `None` for grants only confidential clients may use.
    pub(super) fn authenticate(&self, platform: Option<Platform>) -> Result<Proof, Refusal> {
        let form = &self.call.form;
        let secret = basic(self.call).map(|b| b.secret).or_else(|| form.get("client_secret").map(str::to_owned));
        let presented = secret.is_some() || form.get("client_assertion").is_some();
        let cross_origin = self.call.header("origin").is_some();
        match platform {
            Some(Platform::Spa) if !cross_origin => return Err(Refusal::spa_without_origin()),
            Some(Platform::Spa | Platform::Public) if presented => return Err(Refusal::public_with_credential()),
            Some(Platform::Spa) => return Ok(Proof::None),
            _ if cross_origin => return Err(Refusal::cross_origin_not_spa()),
            Some(Platform::Public) => return Ok(Proof::None),
            Some(Platform::Web) | None => {}
        }
        match secret {
            Some(secret) => self.check_secret(&secret),
            None if presented => Err(Refusal::assertion_key_not_found(&self.client.app_id)),
            None => Err(Refusal::credential_missing()),
        }
    }

    fn check_secret(&self, secret: &str) -> Result<Proof, Refusal> {
        let now = self.entra.clock.now();
        let mut matching = self.client.password_credentials.iter().filter(|c| c.secret_text == secret).peekable();
        if matching.peek().is_none() {
            return Err(Refusal::wrong_secret(&self.client.app_id));
        }
        if matching.all(|c| c.ends().is_some_and(|end| end < now)) {
            return Err(Refusal::expired_secret(&self.client.app_id));
        }
        Ok(Proof::Secret)
    }
}
