/// One setting: where it is looked for and what belongs there.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// The key by which messages name it. Looked for first.
    pub(crate) key: &'static str,
    /// Where else it may be, in this order.
    pub(crate) also: &'static [&'static str],
    /// Ends the sentence "It is …".
    pub(crate) is: &'static str,
}

const fn setting(key: &'static str, also: &'static [&'static str], is: &'static str) -> Setting {
    Setting { key, also, is }
}

// The sample's web apps nest these under AzureAd, its workers have them at the root.
pub(crate) const INSTANCE: Setting =
    setting("AzureAd:Instance", &["Instance"], "the cloud's address, such as https://login.microsoftonline.com/");
pub(crate) const DOMAIN: Setting = setting("AzureAd:Domain", &["Domain"], "the tenant's domain, such as contoso.com");
pub(crate) const TENANT_ID: Setting = setting(
    "AzureAd:TenantId",
    &["TenantId"],
    "the directory (tenant) id, a GUID, or a domain of the tenant, common or organizations",
);
pub(crate) const CLIENT_ID: Setting =
    setting("AzureAd:ClientId", &["ClientId"], "the application (client) id of the app registration, a GUID");
pub(crate) const CLIENT_SECRET: Setting = setting(
    "AzureAd:ClientSecret",
    &["ClientSecret"],
    "the value of a client secret of the app registration, not its id",
);
pub(crate) const CALLBACK_PATH: Setting =
    setting("AzureAd:CallbackPath", &["CallbackPath"], "the path of the redirect URI, such as /signin-oidc");
pub(crate) const SIGNED_OUT_CALLBACK_PATH: Setting = setting(
    "AzureAd:SignedOutCallbackPath",
    &["SignedOutCallbackPath"],
    "the path Entra returns to after sign-out, such as /signout-callback-oidc",
);
pub(crate) const REMOTE_SIGN_OUT_PATH: Setting = setting(
    "AzureAd:RemoteSignOutPath",
    &["RemoteSignOutPath"],
    "the path of the front-channel logout URL, such as /signout-oidc",
);
pub(crate) const AUDIENCE: Setting =
    setting("AzureAd:Audience", &["Audience"], "the audience of tokens for this API, if it is not the client id");
pub(crate) const EXTRA_ROOT_CERTIFICATES: Setting = setting(
    "AzureAd:ExtraRootCertificates",
    &["ExtraRootCertificates"],
    "a PEM file of certificate authorities to trust besides the system's",
);
pub(crate) const DATABASE: Setting = setting(
    "ConnectionStrings:TokenCacheDbConnStr",
    &[],
    "the connection string of the token store, such as sqlite:tokens.db",
);
pub(crate) const REDIS: Setting = setting(
    "ConnectionStrings:TokenCacheRedisConnStr",
    &[],
    "the connection string of Redis, such as rediss://cache.example.net:6380",
);
// The sample's own spelling, and the one people correct it to.
pub(crate) const REDIS_INSTANCE_NAME: Setting = setting(
    "ConnectionStrings:TokenCacheRedisInstaceName",
    &["ConnectionStrings:TokenCacheRedisInstanceName"],
    "the prefix of keys in Redis",
);
pub(crate) const GRAPH_API_URL: Setting =
    setting("GraphApiUrl", &[], "the address of Microsoft Graph, such as https://graph.microsoft.com");
pub(crate) const GRAPH_BASE_URL: Setting = setting(
    "MicrosoftGraphBaseUrl",
    &[],
    "the address of Microsoft Graph with its version, such as https://graph.microsoft.com/v1.0",
);
pub(crate) const ENDPOINTS: Setting = setting(
    "Kestrel:Endpoints",
    &[],
    "the addresses to listen on: {\"Https\": {\"Url\": \"https://localhost:44321\"}}",
);
pub(crate) const ALLOWED_ORIGINS: Setting = setting(
    "Cors:AllowedOrigins",
    &[],
    "the origins of browser apps that may call, such as [\"http://localhost:3000\"]",
);
pub(crate) const LAYOUT: Setting =
    setting("TokenCache:Layout", &[], "native, or dotnet to share entries with Microsoft.Identity.Web");
pub(crate) const ENCRYPT: Setting = setting(
    "TokenCache:Encrypt",
    &[],
    "true or false, whatever the .NET application sets in MsalDistributedTokenCacheAdapterOptions",
);
pub(crate) const ACCEPT_PLAIN_UNTIL: Setting = setting(
    "TokenCache:AcceptPlainUntil",
    &[],
    "the day until which entries that are not protected are read, such as 2027-01-31",
);
pub(crate) const RELATIVE_EXPIRATION: Setting = setting(
    "TokenCache:AbsoluteExpirationRelativeToNow",
    &[],
    "how long an entry lives after it was written, such as 14.00:00:00 for 14 days",
);
pub(crate) const KEY_RING: Setting =
    setting("TokenCache:KeyRing", &[], "the file of the key ring, made by `absentia store create`");
pub(crate) const SIZE_LIMIT: Setting = setting("TokenCache:SizeLimit", &[], "how many bytes memory may hold");
pub(crate) const DISABLE_L1: Setting =
    setting("TokenCache:DisableL1Cache", &[], "true or false: whether nothing is kept in memory");
pub(crate) const STORE_RETRIES: Setting = setting(
    "TokenCache:StoreFailure:Retries",
    &[],
    "how often a call that the store did not answer is tried again, 0 to 255",
);
pub(crate) const STORE_THEN: Setting = setting(
    "TokenCache:StoreFailure:Then",
    &[],
    "fail, or miss to take a store that does not answer for an empty one, as Microsoft.Identity.Web does; not for workers",
);
pub(crate) const APPLICATION_NAME: Setting = setting(
    "DataProtection:ApplicationName",
    &[],
    "what the .NET application gives to SetApplicationName; without that call it is the path of its content root",
);
pub(crate) const KEY_FOLDER: Setting = setting(
    "DataProtection:KeyFolder",
    &[],
    "the folder of key-*.xml files that the .NET application gives to PersistKeysToFileSystem; or set DataProtection:RedisKey",
);
pub(crate) const REDIS_KEY: Setting = setting(
    "DataProtection:RedisKey",
    &[],
    "the list that the .NET application gives to PersistKeysToStackExchangeRedis, such as DataProtection-Keys",
);
pub(crate) const CERTIFICATE: Setting = setting(
    "DataProtection:Certificate",
    &[],
    "the PFX or PEM file of what the .NET application gives to ProtectKeysWithCertificate",
);
pub(crate) const CERTIFICATE_PASSWORD: Setting =
    setting("DataProtection:CertificatePassword", &[], "the password of that PFX file");
pub(crate) const SLIDING_EXPIRATION: Setting = setting(
    "TokenCache:SlidingExpiration",
    &[],
    "how long an entry lives after its last use, such as 90.00:00:00 for 90 days",
);
