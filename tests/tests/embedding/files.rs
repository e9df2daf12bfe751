//! Files of the model that are not as they were published.

use std::fs::File;
use std::path::Path;

use meanwhile::embedding::files::{FILES, ModelFile, TOKENIZER, WEIGHTS};
use meanwhile::embedding::{Candle, Embedder, EmbeddingError};
use meanwhile::wit::types::ErrorClass;
use meanwhile_tests::served::run;

use crate::texts;

/// A file of so many zeros.
fn lay(directory: &Path, file: &ModelFile, bytes: u64) {
    let laid = File::create(file.path(directory)).unwrap();
    laid.set_len(bytes).unwrap();
}

fn refused(directory: &Path) -> EmbeddingError {
    Candle::new(directory).err().expect("it is refused")
}

/// Every error names the file, and how to get it there.
fn says(error: &EmbeddingError, directory: &Path, file: &ModelFile, why: &str) {
    let text = error.to_string();
    assert!(
        text.contains(&file.path(directory).display().to_string()),
        "{text}"
    );
    assert!(text.contains(why), "{text}");
    let mend = format!("`meanwhile model fetch --dir {}`", directory.display());
    assert!(text.contains(&mend), "{text}");
    assert_eq!(error.class(), ErrorClass::Permanent);
}

#[test]
fn a_missing_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    says(&refused(directory), directory, &WEIGHTS, "missing");
    lay(directory, &WEIGHTS, WEIGHTS.bytes);
    says(&refused(directory), directory, &TOKENIZER, "missing");
    std::fs::create_dir(TOKENIZER.path(directory)).unwrap();
    says(&refused(directory), directory, &TOKENIZER, "it is no file");
}

#[test]
fn a_truncated_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    lay(directory, &TOKENIZER, TOKENIZER.bytes);
    lay(directory, &WEIGHTS, 4_096);
    says(&refused(directory), directory, &WEIGHTS, "4096 bytes of 90868376");
    lay(directory, &WEIGHTS, WEIGHTS.bytes + 1);
    says(&refused(directory), directory, &WEIGHTS, "90868377 bytes");
}

#[tokio::test]
async fn a_file_with_another_digest_is_never_used() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for file in FILES {
        lay(directory, file, file.bytes);
        let error = file.read(directory).unwrap_err();
        says(&error, directory, file, file.sha256);
    }
    let embedder = Candle::new(directory).unwrap();
    let error = embedder.embed(texts(&["bills"])).await.unwrap_err();
    says(&error, directory, &TOKENIZER, "SHA-256");
    assert!(!embedder.is_loaded().await);
}

#[test]
fn a_host_that_is_to_use_a_model_does_not_start_without() {
    let directory = tempfile::tempdir().unwrap();
    let named = format!("candle:{}", directory.path().display());
    let (_, told, ended) = run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--store",
        "memory",
        "--embedder",
        &named,
    ]);
    assert!(!ended.success());
    assert!(
        told.contains("model.safetensors") && told.contains("meanwhile model fetch --dir"),
        "{told}"
    );
    let (_, told, ended) = run(&["model", "check", "--dir", directory.path().to_str().unwrap()]);
    assert!(!ended.success());
    assert!(
        told.contains("model.safetensors") && told.contains("missing"),
        "{told}"
    );
}
