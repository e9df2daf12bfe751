//! The files of the model: which they are, where they lie, and that they are those.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::EmbeddingError;
use crate::hex::hex;

/// A file of the model, as it was published.
#[derive(Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Its name in the model's directory.
    pub name: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: &'static str,
}

/// The numbers that the model consists of.
pub const WEIGHTS: ModelFile = ModelFile {
    name: "model.safetensors",
    bytes: 90_868_376,
    sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
};

/// How texts become tokens.
pub const TOKENIZER: ModelFile = ModelFile {
    name: "tokenizer.json",
    bytes: 466_247,
    sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
};

/// All of them.
pub const FILES: [&ModelFile; 2] = [&WEIGHTS, &TOKENIZER];

/// Where the model is looked for where no directory is named: below `XDG_DATA_HOME`, else below
/// `.local/share` of the user's home. None: the user has none.
#[must_use]
pub fn default_directory() -> Option<PathBuf> {
    let given = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = given.filter(|data| data.is_absolute());
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")))?;
    data.is_absolute()
        .then(|| data.join("meanwhile/models/all-MiniLM-L6-v2"))
}

impl ModelFile {
    /// Where it lies in a directory.
    #[must_use]
    pub fn path(&self, directory: &Path) -> PathBuf {
        directory.join(self.name)
    }

    /// Whether it is there and has its length: a look, no proof.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn look(&self, directory: &Path) -> Result<(), EmbeddingError> {
        let failed = |why: &str| self.broken(directory, why);
        let found = std::fs::metadata(self.path(directory)).map_err(|error| failed(&unreadable(&error)))?;
        if found.is_file() {
            self.check_length(found.len()).map_err(|why| failed(&why))
        } else {
            Err(failed("it is no file"))
        }
    }

    /// Its bytes, which are those that were published.
    ///
    /// # Errors
    /// When it is missing, truncated or another one: what is wrong, and what to do.
    pub fn read(&self, directory: &Path) -> Result<Vec<u8>, EmbeddingError> {
        self.look(directory)?;
        let failed = |why: &str| self.broken(directory, why);
        let bytes = std::fs::read(self.path(directory)).map_err(|error| failed(&unreadable(&error)))?;
        self.check(&bytes).map_err(|why| failed(&why))?;
        Ok(bytes)
    }

    /// Whether these are its bytes.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, bytes: &[u8]) -> Result<(), String> {
        self.check_length(bytes.len() as u64)?;
        let found = hex(&Sha256::digest(bytes));
        if found == self.sha256 {
            Ok(())
        } else {
            Err(format!("its SHA-256 is {found}, expected {}", self.sha256))
        }
    }

    fn check_length(&self, found: u64) -> Result<(), String> {
        let expected = self.bytes;
        match found {
            _ if found == expected => Ok(()),
            _ if found < expected => Err(format!(
                "it has {found} bytes of {expected}: it is not there to its end"
            )),
            _ => Err(format!("it has {found} bytes where {expected} are expected")),
        }
    }

    fn broken(&self, directory: &Path, why: &str) -> EmbeddingError {
        let mut mend = "`meanwhile model fetch".to_owned();
        if default_directory().as_deref() != Some(directory) {
            let _ = write!(mend, " --dir {}", directory.display());
        }
        let path = self.path(directory);
        EmbeddingError::Unusable(format!("{}: {why}; {mend}` brings it", path.display()))
    }
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it is missing".to_owned(),
        _ => format!("it cannot be read ({error})"),
    }
}
