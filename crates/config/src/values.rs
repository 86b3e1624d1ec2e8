use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    environment,
    error::{Error, Problem},
    json,
    layer::{Entry, Kind, Layer, Source},
};

/// One value and where it came from.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    entry: &'a Entry,
    source: &'a Source,
}

impl<'a> Value<'a> {
    /// The text. May be a secret.
    pub fn text(&self) -> &'a str {
        &self.entry.text
    }

    /// What it was written as.
    pub fn kind(&self) -> Kind {
        self.entry.kind
    }

    /// The key as it is spelled there.
    pub fn key(&self) -> &'a str {
        &self.entry.key
    }

    /// Where it came from: `appsettings.json`, or `environment variable AzureAd__ClientId`.
    pub fn source(&self) -> String {
        match (self.source, &self.entry.variable) {
            (Source::File(name), _) => name.clone(),
            (Source::Environment, Some(name)) => format!("environment variable {name}"),
            (Source::Environment, None) => "environment".to_owned(),
        }
    }

    pub(crate) fn is_from_file(&self) -> bool {
        matches!(self.source, Source::File(_))
    }

    pub(crate) fn rival(&self) -> Option<&'a str> {
        self.entry.rival.as_deref()
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("key", &self.key()).field("source", &self.source()).finish_non_exhaustive()
    }
}

/// Files and environment in layers; a later layer wins. Keys are `Section:Key`, compared ignoring case; the elements of
/// an array are `Key:0`, `Key:1`. `Debug` shows keys and sources, never a value.
#[derive(Clone)]
pub struct Configuration {
    layers: Vec<Layer>,
    looked_in: Vec<String>,
}

impl Configuration {
    /// Reads `path`, then `{stem}.{Environment}.json` beside it, then `variables` (see
    /// [`environment::from_process`](crate::from_process)); later ones win. A file that is not there counts as empty,
    /// as in .NET; what is then missing says where it was looked for.
    ///
    /// # Errors
    /// When a file that is there cannot be read. Errors name the file, and for syntax line and column.
    pub fn load(path: impl AsRef<Path>, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let path = path.as_ref();
        let variables: Vec<_> = variables.into_iter().collect();
        let mut problems = Vec::new();
        let mut configuration = Self { layers: Vec::new(), looked_in: Vec::new() };
        let mut files = vec![path.to_path_buf()];
        match environment::environment_name(&variables) {
            Ok(name) => files.push(of_environment(path, &name)),
            Err(problem) => problems.push(problem),
        }
        for file in files {
            match json::read_file(&file) {
                Ok(Some(layer)) => {
                    configuration.looked_in.push(file.display().to_string());
                    configuration.layers.push(layer);
                }
                Ok(None) => configuration.looked_in.push(format!("{} (no such file)", file.display())),
                Err(problem) => problems.push(problem),
            }
        }
        configuration.layers.push(environment::layer(&variables));
        if problems.is_empty() { Ok(configuration) } else { Err(Error::of(problems)) }
    }

    /// Reads the bytes of one file, called `name` in errors, and `variables`.
    ///
    /// # Errors
    /// When the bytes are not JSON as .NET reads it.
    pub fn parse(
        name: &str,
        json: &[u8],
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let variables: Vec<_> = variables.into_iter().collect();
        let layers = vec![json::parse(name, json)?, environment::layer(&variables)];
        Ok(Self { layers, looked_in: vec![name.to_owned()] })
    }

    /// The value of a key, from the last layer that has it.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        let key = key.to_lowercase();
        self.layers
            .iter()
            .rev()
            .find_map(|layer| layer.entries.get(&key).map(|entry| Value { entry, source: &layer.source }))
    }

    /// The names directly under a section, numbers first and ascending, then by name, as .NET orders them.
    pub fn children(&self, section: &str) -> Vec<String> {
        let prefix = format!("{}:", section.to_lowercase());
        let mut names: BTreeMap<(bool, usize, String), String> = BTreeMap::new();
        for entry in self.layers.iter().flat_map(|layer| layer.under(&prefix)) {
            // The fold of a key may differ from it in length, so the parts are counted, not the bytes.
            let Some(name) = entry.key.split(':').nth(prefix.matches(':').count()) else { continue };
            let number = name.parse().ok();
            names
                .entry((number.is_none(), number.unwrap_or_default(), name.to_lowercase()))
                .or_insert_with(|| name.to_owned());
        }
        names.into_values().collect()
    }

    /// A list: an array, one text with words apart by blanks, or an array of such texts. `None` when the key is absent
    /// or empty. The last layer that says anything of the key decides whether it is one text or an array; elements of
    /// an array are overridden one by one, as in .NET.
    ///
    /// # Errors
    /// When the key holds an object or something else than text, so that nothing is silently taken for no list.
    pub fn words(&self, key: &str) -> Result<Option<Vec<String>>, Error> {
        let fold = key.to_lowercase();
        let wrong = |value: &str, source: String| {
            let message = format!(
                "{key} ({source}) holds {value}; an array of texts or one text with words apart by blanks belongs there"
            );
            Error::from(Problem::of_key(key, message))
        };
        let prefix = format!("{fold}:");
        let top = self
            .layers
            .iter()
            .rev()
            .find(|layer| layer.entries.contains_key(&fold) || layer.under(&prefix).next().is_some());
        let values: Vec<_> = match top {
            None => return Ok(None),
            Some(layer) if layer.entries.contains_key(&fold) => self.get(key).into_iter().collect(),
            Some(_) => match self.layers.iter().find(|layer| layer.has_object(&fold)) {
                Some(layer) => return Err(wrong("an object", layer.source.to_string())),
                None => self.children(key).iter().filter_map(|index| self.get(&format!("{key}:{index}"))).collect(),
            },
        };
        let mut words = Vec::new();
        for value in &values {
            match value.kind() {
                Kind::Text => words.extend(value.text().split_whitespace().map(str::to_owned)),
                Kind::Empty => {}
                Kind::Number => return Err(wrong("a number", value.source())),
                Kind::Boolean => return Err(wrong("true or false", value.source())),
            }
        }
        Ok((!words.is_empty()).then_some(words))
    }

    /// The files that were looked in, for messages.
    pub fn looked_in(&self) -> String {
        self.looked_in.join(", ")
    }
}

/// `appsettings.json` → `appsettings.Development.json`, beside it.
fn of_environment(path: &Path, environment: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or_else(|| "json".into(), |extension| extension.to_string_lossy());
    path.with_file_name(format!("{stem}.{environment}.{extension}"))
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment holds far more than settings; only what a file names is worth a line.
        let mut map = f.debug_map();
        for layer in self.layers.iter().filter(|layer| matches!(layer.source, Source::File(_))) {
            for entry in layer.entries.values() {
                map.entry(&entry.key, &format_args!("{}", layer.source));
            }
        }
        map.finish()
    }
}
