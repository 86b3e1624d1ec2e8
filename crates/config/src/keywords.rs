/// A library of .NET whose connection strings are read here. Each compares keywords ignoring case and takes blanks
/// inside them literally: a spelling without blanks is accepted only where the library lists it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grammar {
    Sqlite,
    SqlClient,
    Npgsql,
    MySqlConnector,
}

impl Grammar {
    pub(crate) const ALL: [Self; 4] = [Self::Sqlite, Self::SqlClient, Self::Npgsql, Self::MySqlConnector];

    /// Engine and library, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite (Microsoft.Data.Sqlite)",
            Self::SqlClient => "SQL Server (SqlClient)",
            Self::Npgsql => "PostgreSQL (Npgsql)",
            Self::MySqlConnector => "MySQL (MySqlConnector)",
        }
    }

    /// The listed spelling of a keyword, if the library knows it.
    pub(crate) fn keyword(self, word: &str) -> Option<&'static str> {
        let list = match self {
            Self::Sqlite => SQLITE,
            Self::SqlClient => SQL_CLIENT,
            Self::Npgsql => NPGSQL,
            Self::MySqlConnector => MY_SQL_CONNECTOR,
        };
        list.iter().find(|keyword| keyword.eq_ignore_ascii_case(word)).copied()
    }
}

/// Keywords and aliases of `SqliteConnectionStringBuilder`.
#[rustfmt::skip]
const SQLITE: &[&str] = &[
    "Auto Retry", "Cache", "Command Timeout", "Data Source", "DataSource", "Default Timeout", "Filename",
    "Foreign Keys", "Mode", "Password", "Pooling", "Recursive Triggers", "Vfs",
];

/// Keywords and synonyms of `Microsoft.Data.SqlClient`, and the few that only `System.Data.SqlClient` has.
#[rustfmt::skip]
const SQL_CLIENT: &[&str] = &[
    "Addr", "Address", "App", "Application Intent", "Application Name", "ApplicationIntent", "Async",
    "Asynchronous Processing", "AttachDbFilename", "Attestation Protocol", "Authentication",
    "Column Encryption Setting", "ColumnEncryption", "Command Timeout", "Connect Retry Count",
    "Connect Retry Interval", "Connect Timeout", "Connection Idle Timeout", "Connection Lifetime", "Connection Reset",
    "Connection Timeout", "ConnectRetryCount", "ConnectRetryInterval", "ConnectTimeout", "Context Connection",
    "Current Language", "Data Source", "Database", "Enclave Attestation Url", "Encrypt", "Enlist",
    "Extended Properties", "Failover Partner", "Failover Partner SPN", "FailoverPartner", "FailoverPartnerSPN",
    "Host Name In Certificate", "HostNameInCertificate", "Initial Catalog", "Initial File Name",
    "Integrated Security", "IP Address Preference", "IPAddressPreference", "Language", "Load Balance Timeout",
    "Max Pool Size", "Min Pool Size", "Multi Subnet Failover", "Multiple Active Result Sets",
    "MultipleActiveResultSets", "MultiSubnetFailover", "Net", "Network", "Network Address", "Network Library",
    "Packet Size", "PacketSize", "Password", "Persist Security Info", "PersistSecurityInfo", "Pool Blocking Period",
    "PoolBlockingPeriod", "Pooling", "Pwd", "Replication", "Server", "Server Certificate", "Server SPN",
    "ServerCertificate", "ServerSPN", "Timeout", "Transaction Binding", "Transparent Network IP Resolution",
    "TransparentNetworkIPResolution", "Trust Server Certificate", "Trusted_Connection", "TrustServerCertificate",
    "Type System Version", "UID", "User", "User ID", "User Instance", "Workstation ID", "WorkstationID", "WSID",
];

/// Display names, property names and synonyms of `NpgsqlConnectionStringBuilder`, including those it has retired.
#[rustfmt::skip]
const NPGSQL: &[&str] = &[
    "Application Name", "ApplicationName", "Array Nullability Mode", "ArrayNullabilityMode", "Auto Prepare Min Usages",
    "AutoPrepareMinUsages", "Cancellation Timeout", "CancellationTimeout", "Channel Binding", "ChannelBinding",
    "Check Certificate Revocation", "CheckCertificateRevocation", "Client Certificate", "Client Certificate Key",
    "Client Encoding", "ClientCertificate", "ClientCertificateKey", "ClientEncoding", "Command Timeout",
    "CommandTimeout", "Connection Idle Lifetime", "Connection Lifetime", "Connection Pruning Interval",
    "ConnectionIdleLifetime", "ConnectionLifetime", "ConnectionPruningInterval", "Convert Infinity DateTime",
    "ConvertInfinityDateTime", "Database", "DB", "EF Admin Database", "EF Template Database", "Encoding", "Enlist",
    "EntityAdminDatabase", "EntityTemplateDatabase", "GSS Encryption Mode", "GssEncryptionMode", "Host",
    "Host Recheck Seconds", "HostRecheckSeconds", "Include Error Detail", "Include Error Details",
    "Include Failed Batched Command", "Include Realm", "IncludeErrorDetail", "IncludeErrorDetails",
    "IncludeFailedBatchedCommand", "IncludeRealm", "Integrated Security", "IntegratedSecurity",
    "Internal Command Timeout", "InternalCommandTimeout", "Keepalive", "Kerberos Service Name", "KerberosServiceName",
    "Krbsrvname", "Load Balance Hosts", "Load Balance Timeout", "Load Table Composites", "LoadBalanceHosts",
    "LoadTableComposites", "Log Parameters", "LogParameters", "Max Auto Prepare", "MaxAutoPrepare", "Maximum Pool Size",
    "MaxPoolSize", "Minimum Pool Size", "MinPoolSize", "Multiplexing", "No Reset On Close", "NoResetOnClose", "Options",
    "Passfile", "Password", "Persist Security Info", "PersistSecurityInfo", "Pooling", "Port", "PSW", "PWD",
    "Read Buffer Size", "ReadBufferSize", "Replication Mode", "ReplicationMode", "Require Auth", "RequireAuth",
    "Root Certificate", "RootCertificate", "Search Path", "SearchPath", "Server", "Server Compatibility Mode",
    "ServerCompatibilityMode", "Socket Receive Buffer Size", "Socket Send Buffer Size", "SocketReceiveBufferSize",
    "SocketSendBufferSize", "SSL Certificate", "SSL Key", "SSL Mode", "SSL Negotiation", "SSL Password",
    "SslCertificate", "SslKey", "SslMode", "SslNegotiation", "SslPassword", "Target Session Attributes",
    "TargetSessionAttributes", "TCP Keepalive", "TCP Keepalive Interval", "TCP Keepalive Time", "TcpKeepAlive",
    "TcpKeepAliveInterval", "TcpKeepAliveTime", "Timeout", "Timezone", "Trust Server Certificate",
    "TrustServerCertificate", "UID", "Use Perf Counters", "Use SSL Stream", "UsePerfCounters", "User Id", "User Name",
    "UserId", "Username", "UseSslStream", "Write Buffer Size", "Write Coalescing Buffer Threshold Bytes",
    "WriteBufferSize", "WriteCoalescingBufferThresholdBytes",
];

/// Options and aliases of `MySqlConnectionStringBuilder` of MySqlConnector.
#[rustfmt::skip]
const MY_SQL_CONNECTOR: &[&str] = &[
    "Addr", "Address", "Allow Load Local Infile", "Allow Public Key Retrieval", "Allow User Variables",
    "Allow Zero DateTime", "AllowLoadLocalInfile", "AllowPublicKeyRetrieval", "AllowUserVariables", "AllowZeroDateTime",
    "Application Name", "ApplicationName", "Auto Enlist", "AutoEnlist", "CA Certificate File", "CACertificateFile",
    "Cancellation Timeout", "CancellationTimeout", "Certificate File", "Certificate Password",
    "Certificate Store Location", "Certificate Thumb Print", "Certificate Thumbprint", "CertificateFile",
    "CertificatePassword", "CertificateStoreLocation", "CertificateThumbprint", "Character Set", "CharacterSet",
    "CharSet", "Command Timeout", "Compress", "Connect Timeout", "Connection Idle Ping Time", "Connection Idle Timeout",
    "Connection Lifetime", "Connection Protocol", "Connection Reset", "Connection Timeout", "ConnectionIdlePingTime",
    "ConnectionIdleTimeout", "ConnectionLifeTime", "ConnectionProtocol", "ConnectionReset", "ConnectionTimeout",
    "Convert Zero DateTime", "ConvertZeroDateTime", "Data Source", "Database", "DataSource", "DateTime Kind",
    "DateTimeKind", "Default Command Timeout", "DefaultCommandTimeout", "Defer Connection Reset",
    "DeferConnectionReset", "DNS Check Interval", "DnsCheckInterval", "Force Synchronous", "ForceSynchronous",
    "GUID Format", "GuidFormat", "Host", "Ignore Command Transaction", "Ignore Prepare", "IgnoreCommandTransaction",
    "IgnorePrepare", "Initial Catalog", "Interactive", "Interactive Session", "InteractiveSession", "Keep Alive",
    "Keepalive", "Load Balance", "LoadBalance", "Max Pool Size", "Maximum Pool Size", "MaximumPoolSize", "MaxPoolSize",
    "Min Pool Size", "Minimum Pool Size", "MinimumPoolSize", "MinPoolSize", "Network Address", "No Backslash Escapes",
    "NoBackslashEscapes", "Old Guids", "OldGuids", "Password", "Persist Security Info", "PersistSecurityInfo", "Pipe",
    "Pipe Name", "Pipelining", "PipeName", "Pooling", "Port", "Protocol", "Pwd", "Server", "Server Redirection Mode",
    "Server RSA Public Key File", "Server SPN", "ServerRedirectionMode", "ServerRsaPublicKeyFile", "ServerSPN",
    "Skip Certificate Revocation Check", "SkipCertificateRevocationCheck",
    "SSL CA", "SSL Cert", "SSL Key", "SSL Mode", "Ssl-Ca", "Ssl-Cert", "Ssl-Key", "SslCa", "SslCert", "SslKey",
    "SslMode", "TLS Cipher Suites", "TLS Version", "Tls-Version", "TlsCipherSuites", "TlsVersion",
    "Treat Tiny As Boolean", "TreatTinyAsBoolean", "Uid", "Use Affected Rows", "Use Compression",
    "Use XA Transactions", "UseAffectedRows", "UseCompression", "User", "User ID", "User name", "UserID", "Username",
    "UseXaTransactions",
];
