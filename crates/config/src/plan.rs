use absentia_store::Target;

/// Which target keeps what.
#[derive(Clone, Debug)]
pub struct StorePlan {
    /// Token entries and leases.
    pub tokens: Target,
    /// Accounts and grants; `None` when they are kept with the tokens, so that one backend is opened once.
    pub accounts: Option<Target>,
}
