//! Hints: how a request names a user, to whom a name of one's own must not be told.

use crate::directory::{Tenant, User};
use crate::entra::Entra;
use crate::random::{base64url, from_base64url};

/// Entra's opaque hints begin like this.
const PREFIX: &str = "O.";

/// The claim `login_hint`: opaque to clients, and good for `login_hint` and `logout_hint`.
pub(crate) fn of(tenant: &Tenant, user: &User) -> String {
    let (id, home) = user.home_in(tenant);
    format!("{PREFIX}{}", base64url(format!("{home}.{id}").as_bytes()))
}

impl Entra {
    /// Whether an account of this tenant can be meant by a `domain_hint`: a domain of the tenant, or `organizations`. A
    /// domain that nobody has is no hint; `consumers` means nobody here.
    pub(crate) fn is_of_domain(&self, tenant: &str, hint: &str) -> bool {
        if hint.eq_ignore_ascii_case("organizations") {
            return true;
        }
        let owner = self.domain(hint);
        !hint.eq_ignore_ascii_case("consumers") && owner.is_none_or(|owner| owner.id == tenant)
    }

    /// The tenant that has a domain.
    pub(crate) fn domain(&self, name: &str) -> Option<&Tenant> {
        self.directory.tenants.iter().find(|t| t.domains.iter().any(|d| d.eq_ignore_ascii_case(name)))
    }

    /// The account that a `login_hint` or `logout_hint` means, with its home tenant: a principal name, or the claim.
    pub(crate) fn hinted(&self, hint: &str) -> Option<(&Tenant, &User)> {
        let Some(opaque) = hint.strip_prefix(PREFIX) else { return self.directory.member(hint) };
        let text = String::from_utf8(from_base64url(opaque)?).ok()?;
        let (home, id) = text.split_once('.')?;
        let tenant = self.directory.tenant(home)?;
        Some((tenant, tenant.user(id)?))
    }
}
