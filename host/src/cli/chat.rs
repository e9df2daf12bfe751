//! `meanwhile chat`: a conversation in the terminal.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use sse_stream::SseStream;

use super::client::Refused;
use super::remote::{Target, list, text};
use crate::visible::visible;

/// Messages of a page of the inbox.
const MESSAGES: u32 = 200;

#[derive(Debug, Args)]
pub(super) struct ChatArgs {
    /// What you say; left out, a conversation line by line
    said: Option<String>,
    /// Go on with this conversation, or begin one with a name of its own
    #[arg(long, default_value = "terminal")]
    conversation: String,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(args: ChatArgs) -> anyhow::Result<()> {
    if let Some(said) = &args.said {
        return say(&args, said).await;
    }
    // What was told before this conversation is in the inbox.
    let mut after = news(&args, 0, false).await?;
    let asks = std::io::stdin().is_terminal();
    loop {
        after = news(&args, after, true).await?;
        if asks {
            say_as_is!("> ");
        }
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map(|_| line)
        });
        let line = line.await??;
        match line.trim() {
            _ if line.is_empty() => return Ok(()),
            "" => {}
            // What one answer lacks does not end the conversation.
            said => match say(&args, said).await {
                Err(error) if error.is::<Refused>() => eprintln!("{error:#}"),
                other => other?,
            },
        }
    }
}

/// Shows what jobs had to say since; the position of the last of it.
async fn news(args: &ChatArgs, mut after: u64, show: bool) -> anyhow::Result<u64> {
    let client = args.target.client()?;
    loop {
        let path = format!("/api/messages?after={after}&limit={MESSAGES}");
        let answer = client.ask(Method::GET, &path, None).await?;
        let messages = list(&answer, "/messages");
        for message in messages.iter().filter(|_| show) {
            let [kind, title, said] = ["/kind", "/title", "/text"].map(|it| text(message, it));
            say!("{}", visible(&format!("[{kind}: {title}] {said}")));
        }
        after = answer.get("next_after").and_then(Value::as_u64).unwrap_or(after);
        if messages.is_empty() {
            return Ok(after);
        }
    }
}

/// Says something, and shows what is answered as it comes.
async fn say(args: &ChatArgs, said: &str) -> anyhow::Result<()> {
    let client = args.target.client()?;
    let body = json!({ "text": said, "conversation": args.conversation });
    let response = client.listen("/api/chat", body).await?;
    let mut events = SseStream::from_bytes_stream(response.bytes_stream());
    let mut told = String::new();
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
        let data: Value = serde_json::from_str(event.data.as_deref().unwrap_or_default()).unwrap_or_default();
        match event.event.as_deref() {
            Some("text") if !args.target.json => {
                let piece = text(&data, "/text");
                say_as_is!("{}", visible(&piece));
                told.push_str(&piece);
            }
            Some("again") if !args.target.json && !told.is_empty() => {
                say!("");
                told.clear();
            }
            Some("note") if !args.target.json => eprintln!("  {}", visible(&text(&data, "/note"))),
            Some("answer") => {
                answered(args, &data, &told);
                return Ok(());
            }
            Some("error") => return Err(Refused(data).into()),
            _ => {}
        }
    }
    anyhow::bail!("the answer broke off")
}

fn answered(args: &ChatArgs, answer: &Value, told: &str) {
    if args.target.json {
        say!("{answer:#}");
        return;
    }
    let reply = text(answer, "/reply");
    if reply.is_empty() {
        say!(
            "(That concerns none of your jobs, and this host's agent does not talk: `meanwhile add` makes jobs of sentences.)"
        );
    } else if told.trim() == reply {
        say!("");
    } else {
        say!("{}", visible(&reply));
    }
}
