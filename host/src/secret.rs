//! Keys of others: they come from the environment, or from a file that it names, and never from a setting that is shown.

use std::path::PathBuf;

/// The key in the variable `name`, or in the file that `file` names.
///
/// # Errors
/// When both are set, the file cannot be read, or there is no key in it.
pub(crate) fn from_environment(name: &str, file: &str) -> Result<Option<String>, String> {
    let given = std::env::var_os(name);
    let path = std::env::var_os(file).map(PathBuf::from);
    let (key, origin) = match (given, path) {
        (Some(_), Some(_)) => return Err(format!("set {name} or {file}, not both")),
        (Some(key), None) => (key.into_string().map_err(|_| format!("{name} is no text"))?, name),
        (None, Some(path)) => {
            let key = std::fs::read_to_string(&path);
            (
                key.map_err(|error| format!("{file}: {}: {error}", path.display()))?,
                file,
            )
        }
        (None, None) => return Ok(None),
    };
    let key = key.trim();
    if key.is_empty() {
        return Err(format!(
            "{origin} has no key in it: unset it where none is needed"
        ));
    }
    Ok(Some(key.to_owned()))
}
