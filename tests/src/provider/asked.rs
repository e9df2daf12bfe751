//! What a provider was asked, read alike on every wire.

use axum::http::HeaderMap;
use serde_json::Value;

use super::{anthropic, openai};

/// The form of a request and of its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// `POST /v1/chat/completions` of `OpenAI`.
    Chat,
    /// `POST /v1/responses` of `OpenAI`.
    Responses,
    /// `POST /v1/messages` of Anthropic.
    Messages,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub wire: Wire,
    pub headers: HeaderMap,
    /// Null when it was no JSON, or when its key was not good.
    pub body: Value,
    /// Why it was refused as the provider would, if it was.
    pub refused: Option<String>,
}

/// A tool call in a request's history.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// The text itself where it is no JSON.
    pub arguments: Value,
}

/// What a tool call in a request's history came to.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    pub call: ToolCall,
    pub text: String,
    /// Only Anthropic's wire tells.
    pub is_error: bool,
}

/// A part of the conversation.
pub(super) enum Part {
    System(String),
    User(String),
    Said(String),
    Call(ToolCall),
    Result {
        id: String,
        text: String,
        is_error: bool,
    },
}

impl Asked {
    #[must_use]
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// Whether the reply is wanted as a stream.
    #[must_use]
    pub fn streamed(&self) -> bool {
        self.body["stream"] == true
    }

    /// The key it came with, wherever that was.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let header = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        header("x-api-key").or_else(|| header("authorization")?.strip_prefix("Bearer "))
    }

    /// All instructions, a line apart.
    #[must_use]
    pub fn system(&self) -> String {
        let parts = self.parts().into_iter();
        let system = parts.filter_map(|part| match part {
            Part::System(text) => Some(text),
            _ => None,
        });
        system.collect::<Vec<_>>().join("\n")
    }

    /// What the user said last; nothing when the user said nothing.
    #[must_use]
    pub fn last_user(&self) -> String {
        let parts = self.parts().into_iter().rev();
        let mut said = parts.filter_map(|part| match part {
            Part::User(text) => Some(text),
            _ => None,
        });
        said.next().unwrap_or_default()
    }

    /// What the model said so far, oldest first.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        let parts = self.parts().into_iter();
        let said = parts.filter_map(|part| match part {
            Part::Said(text) => Some(text),
            _ => None,
        });
        said.collect()
    }

    /// The names of the tools at hand.
    #[must_use]
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array().into_iter().flatten();
        let names = tools.filter_map(|tool| match self.wire {
            Wire::Chat => tool["function"]["name"].as_str(),
            Wire::Responses | Wire::Messages => tool["name"].as_str(),
        });
        names.collect()
    }

    /// The calls the model made so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<ToolCall> {
        let parts = self.parts().into_iter();
        let calls = parts.filter_map(|part| match part {
            Part::Call(call) => Some(call),
            _ => None,
        });
        calls.collect()
    }

    /// What they came to, in the order of the results.
    #[must_use]
    pub fn results(&self) -> Vec<ToolResult> {
        let calls = self.calls();
        let parts = self.parts().into_iter();
        let results = parts.filter_map(|part| match part {
            Part::Result { id, text, is_error } => {
                let call = calls.iter().find(|call| call.id == id)?.clone();
                Some(ToolResult { call, text, is_error })
            }
            _ => None,
        });
        results.collect()
    }

    /// The newest result of a tool, or of a call by its id.
    #[must_use]
    pub fn result_of(&self, name_or_id: &str) -> Option<String> {
        let mut results = self.results().into_iter().rev();
        let of = |result: &ToolResult| result.call.name == name_or_id || result.call.id == name_or_id;
        Some(results.find(of)?.text)
    }

    fn parts(&self) -> Vec<Part> {
        match self.wire {
            Wire::Chat => openai::chat::parts(&self.body),
            Wire::Responses => openai::responses::parts(&self.body),
            Wire::Messages => anthropic::conversation::parts(&self.body),
        }
    }
}

/// The text of a content, which is one or a list of parts.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// A call as `OpenAI` has it: its arguments are a text.
pub(super) fn call_of(id: &Value, function: &Value) -> Part {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let arguments = text(&function["arguments"]);
    Part::Call(ToolCall {
        id: text(id),
        name: text(&function["name"]),
        arguments: serde_json::from_str(&arguments).unwrap_or(Value::String(arguments)),
    })
}
