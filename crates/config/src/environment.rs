use crate::{
    error::Problem,
    layer::{Layer, Source},
};

/// How Azure App Service hands over what its portal calls connection strings.
const CONNECTION_STRING_PREFIXES: [&str; 6] =
    ["CUSTOMCONNSTR_", "MYSQLCONNSTR_", "POSTGRESQLCONNSTR_", "REDISCACHECONNSTR_", "SQLAZURECONNSTR_", "SQLCONNSTR_"];

/// The variables of this process, for [`Configuration::load`](crate::Configuration::load). Those that are not Unicode
/// are left out.
pub fn from_process() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The variable that would set a key: `AzureAd:ClientId` → `AzureAd__ClientId`.
pub(crate) fn variable_of(key: &str) -> String {
    key.replace(':', "__")
}

/// Variables as .NET's configuration reads them: `__` parts sections, as `:` does.
pub(crate) fn layer(variables: &[(String, String)]) -> Layer {
    let mut layer = Layer::new(Source::Environment);
    for (name, value) in variables {
        let connection_string = CONNECTION_STRING_PREFIXES
            .into_iter()
            .find(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
        let key = match connection_string {
            Some(prefix) => format!("ConnectionStrings:{}", name[prefix.len()..].replace("__", ":")),
            None => name.replace("__", ":"),
        };
        layer.add_variable(&key, value, name);
    }
    layer
}

/// Which `appsettings.{Environment}.json` applies. As `WebApplication.CreateBuilder` of .NET 7 and later decides:
/// `DOTNET_ENVIRONMENT` wins over `ASPNETCORE_ENVIRONMENT`, and without both it is `Production`.
pub(crate) fn environment_name(variables: &[(String, String)]) -> Result<String, Problem> {
    for variable in ["DOTNET_ENVIRONMENT", "ASPNETCORE_ENVIRONMENT"] {
        let value =
            variables.iter().find(|(name, _)| name.eq_ignore_ascii_case(variable)).map(|(_, value)| value.trim());
        match value {
            None | Some("") => {}
            Some(name) if name.contains(['/', '\\', '\0']) => {
                let message = format!("{variable} is the name of an environment, such as Development; it holds a path");
                return Err(Problem::of_key(variable, message));
            }
            Some(name) => return Ok(name.to_owned()),
        }
    }
    Ok("Production".to_owned())
}
