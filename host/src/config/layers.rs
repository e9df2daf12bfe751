//! Where settings come from: the file, the environment, and whatever lies over them.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ConfigError, KEYS};

/// One layer on top of others: key to (value, where it comes from).
pub(super) type Values = BTreeMap<&'static str, (String, String)>;

/// The setting with this name; `shown` is how it was written.
pub(super) fn known(key: &str, origin: &str, shown: &str) -> Result<&'static str, ConfigError> {
    let unknown = || ConfigError::UnknownKey {
        origin: origin.to_owned(),
        key: shown.to_owned(),
    };
    KEYS.into_iter().find(|it| *it == key).ok_or_else(unknown)
}

pub(super) fn read_file(path: &Path) -> Result<Values, ConfigError> {
    let origin = path.display().to_string();
    let failed = |message: String| ConfigError::File {
        path: origin.clone(),
        message,
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| failed(error.to_string()))?;
    let mut values = Values::new();
    for (key, value) in table {
        let name = known(&key, &origin, &key)?;
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            other => {
                let expected = "expected a string or a whole number".to_owned();
                return Err(ConfigError::Wrong {
                    origin,
                    key: name,
                    value: other.to_string(),
                    expected,
                });
            }
        };
        values.insert(name, (value, origin.clone()));
    }
    Ok(values)
}
