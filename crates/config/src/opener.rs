use absentia_store::{Opener, Target};

use crate::error::{Error, Problem};

/// The opener for a target.
///
/// # Errors
/// When none of the linked backends opens it; the message names the crate to link.
pub fn pick<'a>(openers: &'a [Box<dyn Opener>], target: &Target) -> Result<&'a dyn Opener, Error> {
    openers.iter().map(AsRef::as_ref).find(|opener| opener.accepts(target)).ok_or_else(|| {
        let linked = openers.iter().map(|opener| opener.backend()).collect::<Vec<_>>().join(", ");
        let linked = if linked.is_empty() { "none" } else { &linked };
        let (engine, backend) = (target.engine(), target.backend());
        let message = format!(
            "the connection string is for {engine}, which this program does not link: add the crate {backend} and \
             register its opener (linked: {linked})"
        );
        Problem::new(message).into()
    })
}
