//! What persons and agents said to each other: the memory of conversations. It is the host's own; no component sees it.

use std::collections::HashMap;

use crate::limits::TURNS_KEPT;
use crate::wit::types::Instant;

/// Which conversation: one of a person with an agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conversation {
    /// The agent that is spoken with.
    pub agent: String,
    /// The person.
    pub user: String,
    /// Which of theirs.
    pub id: String,
}

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The person.
    Person,
    /// The agent.
    Agent,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Where.
    pub conversation: Conversation,
    /// By whom.
    pub by: Speaker,
    /// What; at most [`TURN_BYTES_MAX`](crate::limits::TURN_BYTES_MAX) bytes: whoever adds it sees to that.
    pub text: String,
    /// When.
    pub at: Instant,
}

/// Those of turns that may stay: the latest [`TURNS_KEPT`] of each person, in their order.
pub(super) fn latest(mut turns: Vec<Turn>) -> Vec<Turn> {
    if turns.len() <= TURNS_KEPT as usize {
        return turns;
    }
    let mut of_person: HashMap<(String, String), u32> = HashMap::new();
    turns.reverse();
    turns.retain(|turn| {
        let person = (turn.conversation.agent.clone(), turn.conversation.user.clone());
        let later = of_person.entry(person).or_default();
        *later += 1;
        *later <= TURNS_KEPT
    });
    turns.reverse();
    turns
}
