//! The sections `TokenCache` and `DataProtection`: how entries are kept.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use absentia::{Layout, Secret, StoreFailure, Then};

use crate::{
    check,
    error::Problem,
    layer::Kind,
    reader::{Reader, missing},
    setting,
    timespan::parse_time_span,
};

/// The section `TokenCache`. Its names are those of Microsoft.Identity.Web's `MsalDistributedTokenCacheAdapterOptions` where it has one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TokenCacheSettings {
    /// `Layout`: `native`, or `dotnet` to share entries with Microsoft.Identity.Web.
    pub layout: Layout,
    /// `Encrypt`: whether entries of the layout `dotnet` are protected. No default.
    pub encrypt: Option<bool>,
    /// `AcceptPlainUntil`: entries that are not protected are read until then.
    pub accept_plain_until: Option<SystemTime>,
    /// `SlidingExpiration`.
    pub sliding_expiration: Option<Duration>,
    /// `AbsoluteExpirationRelativeToNow`, in the layout `dotnet`.
    pub relative_expiration: Option<Duration>,
    /// `KeyRing`: the file of the key ring, if it does not lie beside a SQLite database.
    pub key_ring: Option<PathBuf>,
    /// `SizeLimit`: what memory may hold, in bytes.
    pub size_limit: Option<u64>,
    /// `DisableL1Cache`.
    pub disable_l1: bool,
    /// `StoreFailure:Retries` and `StoreFailure:Then`: what is done when the store does not answer.
    pub store_failure: StoreFailure,
}

/// The section `DataProtection`: where ASP.NET Core keeps the keys of the layout `dotnet`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DataProtectionSettings {
    /// `ApplicationName`: what the .NET application gives to `SetApplicationName`.
    pub application_name: Option<String>,
    /// `KeyFolder`: what it gives to `PersistKeysToFileSystem`.
    pub key_folder: Option<PathBuf>,
    /// `RedisKey`: the list it gives to `PersistKeysToStackExchangeRedis`, in the same Redis as the tokens.
    pub redis_key: Option<String>,
    /// `Certificate`: the PFX or PEM file of what it gives to `ProtectKeysWithCertificate`.
    pub certificate: Option<PathBuf>,
    /// `CertificatePassword`.
    pub certificate_password: Option<Secret>,
}

impl TokenCacheSettings {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let span = |text: &str| match parse_time_span(text) {
            Ok(Duration::ZERO) => Err("is zero".to_owned()),
            Ok(span) => Ok(span),
            Err(error) => Err(format!("is {error}")),
        };
        let read = Self {
            layout: reader
                .parsed(&setting::LAYOUT, |text| match text.trim().to_ascii_lowercase().as_str() {
                    "native" => Ok(Layout::Native),
                    "dotnet" => Ok(Layout::DotNet),
                    _ => Err("is neither"),
                })
                .unwrap_or_default(),
            encrypt: reader.literal(&setting::ENCRYPT, Kind::Boolean, check::boolean),
            accept_plain_until: reader.parsed(&setting::ACCEPT_PLAIN_UNTIL, check::date),
            sliding_expiration: reader.parsed(&setting::SLIDING_EXPIRATION, span),
            relative_expiration: reader.parsed(&setting::RELATIVE_EXPIRATION, span),
            key_ring: reader.text(&setting::KEY_RING).map(PathBuf::from),
            size_limit: reader.literal(&setting::SIZE_LIMIT, Kind::Number, |text| {
                text.trim().parse::<u64>().map_err(|_| "is not a whole number of bytes")
            }),
            disable_l1: reader.literal(&setting::DISABLE_L1, Kind::Boolean, check::boolean).unwrap_or(false),
            store_failure: StoreFailure {
                retries: reader
                    .literal(&setting::STORE_RETRIES, Kind::Number, |text| {
                        text.trim().parse::<u8>().map_err(|_| "is no such number")
                    })
                    .unwrap_or(0),
                then: reader
                    .parsed(&setting::STORE_THEN, |text| match text.trim().to_ascii_lowercase().as_str() {
                        "fail" => Ok(Then::Fail),
                        "miss" => Ok(Then::Miss),
                        _ => Err("is neither"),
                    })
                    .unwrap_or_default(),
            },
        };
        read.check(reader);
        read
    }

    /// What contradicts the layout: an option that would be ignored is a promise that is not kept.
    fn check(&self, reader: &mut Reader<'_>) {
        let only_dotnet = [
            (self.encrypt.is_some(), &setting::ENCRYPT),
            (self.accept_plain_until.is_some(), &setting::ACCEPT_PLAIN_UNTIL),
            (self.relative_expiration.is_some(), &setting::RELATIVE_EXPIRATION),
        ];
        match (self.layout, self.encrypt) {
            (Layout::Native, _) => {
                for (_, setting) in only_dotnet.into_iter().filter(|(there, _)| *there) {
                    let message =
                        format!("{} is only for TokenCache:Layout dotnet; remove it, or set that", setting.key);
                    reader.problems.push(Problem::of_key(setting.key, message));
                }
            }
            (Layout::DotNet, None) => reader.problems.push(missing(reader.configuration, &setting::ENCRYPT)),
            (Layout::DotNet, Some(false)) if self.accept_plain_until.is_some() => {
                let setting = &setting::ACCEPT_PLAIN_UNTIL;
                let message = format!("{} says nothing while TokenCache:Encrypt is false; remove it", setting.key);
                reader.problems.push(Problem::of_key(setting.key, message));
            }
            (Layout::DotNet, Some(_)) => {}
        }
    }
}

impl DataProtectionSettings {
    pub(crate) fn read(reader: &mut Reader<'_>, encrypt: bool) -> Self {
        let read = Self {
            application_name: reader.value(&setting::APPLICATION_NAME).map(|value| value.text().to_owned()),
            key_folder: reader.text(&setting::KEY_FOLDER).map(PathBuf::from),
            redis_key: reader.value(&setting::REDIS_KEY).map(|value| value.text().to_owned()),
            certificate: reader.text(&setting::CERTIFICATE).map(PathBuf::from),
            certificate_password: reader
                .value(&setting::CERTIFICATE_PASSWORD)
                .map(|value| Secret::new(value.text().to_owned())),
        };
        if encrypt {
            if read.application_name.is_none() {
                reader.problems.push(missing(reader.configuration, &setting::APPLICATION_NAME));
            }
            match (&read.key_folder, &read.redis_key) {
                (None, None) => reader.problems.push(missing(reader.configuration, &setting::KEY_FOLDER)),
                (Some(_), Some(_)) => {
                    let message =
                        "DataProtection:KeyFolder and DataProtection:RedisKey are both set; .NET uses one of them";
                    reader.problems.push(Problem::of_key(setting::REDIS_KEY.key, message.to_owned()));
                }
                _ => {}
            }
        }
        read
    }
}
