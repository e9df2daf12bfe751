//! Meanwhile inside another program: an agent and a way to people of one's own, a store on disk,
//! and a job that runs at once. `cargo run --example embedded`
#![allow(clippy::print_stdout)]
use std::sync::Arc;

use async_trait::async_trait;
use meanwhile::agent::{self, Agent, Attempt};
use meanwhile::host::Host;
use meanwhile::runtime::Delivery;
use meanwhile::service::{Service as _, Session};
use meanwhile::storage::{InboxEntry, sqlite::SqliteStorage};
use meanwhile::wit::agent_pipeline::{Outcome, OutcomeStatus};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Whatever executes prompts in your platform. This one only repeats them.
struct Echo;

#[async_trait]
impl Agent for Echo {
    async fn run(&self, attempt: Attempt) -> Outcome {
        agent::answer(OutcomeStatus::Ok, format!("Done: {}", attempt.request.payload))
    }

    async fn check(&self) -> Result<String, String> {
        Ok("repeats what it is asked".into())
    }
}

/// Your chat.
struct Chat(UnboundedSender<String>);

#[async_trait]
impl Delivery for Chat {
    async fn deliver(&self, tenant: &str, messages: &[InboxEntry]) -> Result<(), String> {
        let text = |entry: &InboxEntry| format!("{tenant}/{}: {}", entry.message.user, entry.message.text);
        let mut texts = messages.iter().map(text);
        texts.try_for_each(|text| self.0.send(text).map_err(|error| error.to_string()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = std::env::temp_dir().join(format!("embedded-{}.db", std::process::id()));
    let store = Arc::new(SqliteStorage::open(store)?);
    let (chat, mut told) = unbounded_channel();
    let host = Host::builder().storage(store.clone()).registry(store);
    let host = host.agent(Arc::new(Echo)).delivery(Arc::new(Chat(chat)));
    let host = host.build().await?;
    host.start().await?;

    // Your platform knows who calls: tenant, agent and person come from it, never from a model.
    let job = json!({ "title": "Say hello", "payload": "say hello to Bob", "job_type": "ONE_OFF" });
    let created = host.call(&Session::local(), "tools", "job-create", job).await?;
    println!("{}\n{:?}", created["summary"], told.recv().await);

    host.shutdown().await;
    Ok(())
}
