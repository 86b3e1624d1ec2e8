use crate::{
    check,
    environment::variable_of,
    error::Problem,
    layer::Kind,
    setting::Setting,
    values::{Configuration, Value},
};

/// Reads settings and gathers what is wrong with them.
pub(crate) struct Reader<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// The value, unless it is absent, blank, a placeholder or not text.
    pub(crate) fn value(&mut self, setting: &Setting) -> Option<Value<'a>> {
        self.value_of(Kind::Text, setting)
    }

    /// As [`value`](Self::value), but what the file has as a value of this `kind` is as good as its text.
    fn value_of(&mut self, kind: Kind, setting: &Setting) -> Option<Value<'a>> {
        let keys = || std::iter::once(&setting.key).chain(setting.also);
        let value =
            keys().filter_map(|key| self.configuration.get(key)).find(|value| !value.text().trim().is_empty())?;
        if let Some(rival) = value.rival() {
            self.wrong(
                setting,
                &value,
                &format!("contradicts the environment variable {rival}, which differs in case only"),
            );
            return None;
        }
        if check::is_placeholder(value.text()) {
            self.wrong(setting, &value, "is not filled in: it holds the placeholder of the sample");
            return None;
        }
        if value.kind() != Kind::Text && value.kind() != kind {
            self.wrong(setting, &value, "is not text in double quotes");
            return None;
        }
        Some(value)
    }

    /// A value without blanks around it.
    pub(crate) fn text(&mut self, setting: &Setting) -> Option<String> {
        self.value(setting).map(|value| value.text().trim().to_owned())
    }

    /// A value as `read` sees it. What `read` finds wrong continues the sentence that the key begins.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        setting: &Setting,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.parsed_of(Kind::Text, setting, read)
    }

    /// As [`parsed`](Self::parsed), of a setting that may be text or of this `kind`.
    pub(crate) fn parsed_of<T, E: std::fmt::Display>(
        &mut self,
        kind: Kind,
        setting: &Setting,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.value_of(kind, setting)?;
        match read(value.text()) {
            Ok(read) => Some(read),
            Err(error) => {
                self.wrong(setting, &value, &error.to_string());
                None
            }
        }
    }

    pub(crate) fn wrong(&mut self, setting: &Setting, value: &Value<'_>, what: &str) {
        let (key, source, is) = (value.key(), value.source(), setting.is);
        let mut message = format!("{key} ({source}) {what}. It is {is}");
        if value.is_from_file() {
            message.push_str("; the environment variable ");
            message.push_str(&variable_of(key));
            message.push_str(" overrides it");
        }
        self.problems.push(Problem::of_key(setting.key, message));
    }
}

/// What to say of a setting that is needed and not there. Names the spelling at the root when the file has its like
/// there.
pub(crate) fn missing(configuration: &Configuration, setting: &Setting) -> Problem {
    let nested = !configuration.children("AzureAd").is_empty();
    let flat = ["ClientId", "TenantId", "Instance"].iter().any(|key| configuration.get(key).is_some());
    let key = match setting.also {
        [root] if flat && !nested => root,
        _ => setting.key,
    };
    let message = format!(
        "{key} is not set: looked in {} and the environment. It is {}; the environment variable {} sets it",
        configuration.looked_in(),
        setting.is,
        variable_of(key)
    );
    Problem::of_key(setting.key, message)
}
