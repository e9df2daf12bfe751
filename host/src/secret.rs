//! Secrets, which come from the environment or from a file that it names: a setting would be shown.

use std::path::PathBuf;

/// What a variable has, or the file that another variable names; none where neither is set.
///
/// # Errors
/// When both are set, or what is set has no text in it. The error never has the secret.
pub(crate) fn from_environment(variable: &str, file_variable: &str) -> Result<Option<String>, String> {
    let given = std::env::var_os(variable);
    let file = std::env::var_os(file_variable).map(PathBuf::from);
    let secret = match (given, file) {
        (Some(_), Some(_)) => return Err(format!("set {variable} or {file_variable}, not both")),
        (Some(secret), None) => secret
            .into_string()
            .map_err(|_| format!("{variable} is no text"))?,
        (None, Some(file)) => std::fs::read_to_string(&file)
            .map_err(|error| format!("{file_variable}: {}: {error}", file.display()))?,
        (None, None) => return Ok(None),
    };
    let secret = secret.trim();
    if secret.is_empty() {
        return Err(format!(
            "{variable} has no key in it: unset it where none is needed"
        ));
    }
    Ok(Some(secret.to_owned()))
}
