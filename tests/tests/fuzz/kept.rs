//! Inputs that are kept in `tests/corpora/`: a folder an edge, a file an input. What once failed
//! begins with `found-`.

use std::path::Path;

/// Names and contents, in the order of their names.
pub(crate) fn inputs(edge: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora").join(edge);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no inputs are kept in {}", folder.display());
    inputs
}

/// Those that are text.
pub(crate) fn texts(edge: &str) -> Vec<String> {
    let text = |(_, input)| String::from_utf8(input).ok();
    inputs(edge).into_iter().filter_map(text).collect()
}
