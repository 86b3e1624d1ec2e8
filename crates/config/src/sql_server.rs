use crate::{
    ado::Pair,
    connection_string::{ConnectionStringError, last},
    keywords::Grammar,
};

const SERVER: [&str; 5] = ["Data Source", "Server", "Address", "Addr", "Network Address"];

#[rustfmt::skip]
const SWITCHES: [&str; 17] = [
    "Connection Reset", "Context Connection", "Encrypt", "Enlist", "Integrated Security", "Multi Subnet Failover",
    "Multiple Active Result Sets", "MultipleActiveResultSets", "MultiSubnetFailover", "Persist Security Info",
    "PersistSecurityInfo", "Pooling", "Replication", "Trust Server Certificate", "Trusted_Connection",
    "TrustServerCertificate", "User Instance",
];

/// What can be said of SqlClient's text without the backend: mistakes that a driver reports as "server not found".
pub(crate) fn check(pairs: &[Pair]) -> Result<(), ConnectionStringError> {
    let Some(server) = last(pairs, &SERVER).filter(|server| !server.is_empty()) else {
        return Err(ConnectionStringError::new("it reads as SQL Server, but Server (or Data Source) is missing"));
    };
    if server.contains('/') {
        return Err(ConnectionStringError::new(
            "it reads as SQL Server, but the server name holds `/`; an instance is parted by `\\` (in JSON `\\\\`), \
             a port by `,`",
        ));
    }
    for pair in pairs.iter().filter(|pair| pair.is(&SWITCHES)) {
        let value = pair.value.trim().to_ascii_lowercase();
        let more: &[&str] = match Grammar::SqlClient.keyword(&pair.keyword) {
            Some("Encrypt") => &["mandatory", "optional", "strict"],
            Some("Integrated Security" | "Trusted_Connection") => &["sspi"],
            _ => &[],
        };
        if !value.is_empty() && !["true", "false", "yes", "no"].iter().chain(more).any(|word| *word == value) {
            let keyword = Grammar::SqlClient.keyword(&pair.keyword).unwrap_or_default();
            let words = ["True", "False"].iter().chain(more).copied().collect::<Vec<_>>().join(", ");
            return Err(ConnectionStringError::new(format!(
                "it reads as SQL Server, but {keyword} is none of {words}"
            )));
        }
    }
    Ok(())
}
