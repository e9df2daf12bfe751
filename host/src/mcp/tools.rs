//! The seven tools as a client lists them. Names, texts and schemas come from the contract.

use std::sync::{Arc, LazyLock};

use rmcp::model::{Tool, ToolAnnotations};

use crate::contract;

/// The interface of the contract whose functions are the tools.
pub(super) const INTERFACE: &str = "tools";

/// A tool, and the function that it is.
pub(super) struct Entry {
    /// In WIT spelling.
    pub(super) function: &'static str,
    pub(super) tool: Tool,
}

/// What calling a tool does to the world.
#[derive(Clone, Copy)]
enum Effect {
    Reads,
    Adds,
    Changes,
    Ends,
}

/// In the order in which clients show them.
const TOOLS: [(&str, &str, Effect); 7] = [
    ("job-create", "Create a job", Effect::Adds),
    ("job-retrieval-semantic", "Find jobs by meaning", Effect::Reads),
    ("job-retrieval-by-id", "Get a job", Effect::Reads),
    ("job-retrieval-by-keywords", "Find jobs by words", Effect::Reads),
    ("job-update", "Change a job", Effect::Changes),
    ("job-pause", "Pause a job", Effect::Changes),
    ("job-cancel", "Cancel a job", Effect::Ends),
];

/// All tools, in order.
pub(super) static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    TOOLS
        .iter()
        .filter_map(|(function, title, effect)| entry(function, title, *effect))
        .collect()
});

/// None: the contract has no such function; a test sees to it that there are seven.
fn entry(function: &'static str, title: &str, effect: Effect) -> Option<Entry> {
    let typed = contract::function(INTERFACE, function)?;
    let tool = Tool::new(
        function.replace('-', "_"),
        typed.description(),
        Arc::new(contract::input_schema(&typed)),
    )
    .with_title(title)
    .with_raw_output_schema(Arc::new(contract::output_schema(&typed)))
    .with_annotations(annotations(effect));
    Some(Entry { function, tool })
}

fn annotations(effect: Effect) -> ToolAnnotations {
    let annotations = ToolAnnotations::new().open_world(false);
    match effect {
        Effect::Reads => annotations.read_only(true).destructive(false).idempotent(true),
        Effect::Adds => annotations.read_only(false).destructive(false).idempotent(false),
        Effect::Changes => annotations.read_only(false).destructive(false).idempotent(true),
        Effect::Ends => annotations.read_only(false).destructive(true).idempotent(true),
    }
}
