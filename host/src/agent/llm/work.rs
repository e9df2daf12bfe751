//! One run: the model is asked, its calls of tools are carried out, until it answers without any.

use std::collections::HashMap;

use rig_core::completion::{CompletionResponse, FinishReason};
use rig_core::message::{Message, StopReason, ToolCall, ToolResultContent, UserContent};
use serde_json::Value;

use super::failure::Failure;
use super::model::{Model, Spent};
use super::tools::{Brought, Gate, Leave, Offer, Offered, REPORT, Reported, Tools, arguments, fenced};
use crate::agent::{DayBudget, Progress, answer, failure};
use crate::limits::{
    LLM_HISTORY_BYTES_MAX, LLM_RESULTS_KEPT, LLM_SAME_CALLS_MAX, LLM_TOOL_CALLS_MAX, LLM_TURNS_MAX,
};
use crate::service::Session;
use crate::wit::agent_pipeline::{BudgetLeft, Outcome, OutcomeStatus};
use crate::wit::types::{ErrorClass, ToolCall as ToolCallAsked, Usage};

/// Characters of a call's arguments that the journal shows.
const SHOWN_CHARS: usize = 160;

/// Stands where the result of an early call stood.
const LEFT_OUT: &str = "[left out: the conversation grew too long; call the tool again where you need this]";

/// A run under way.
pub(super) struct Work<'a> {
    pub(super) model: &'a Model,
    pub(super) tools: &'a Tools,
    pub(super) session: &'a Session,
    pub(super) gate: Gate,
    pub(super) budget: Option<BudgetLeft>,
    pub(super) day_budget: DayBudget,
    pub(super) state: State,
}

/// What a run has come to so far: also what is told of one that is stopped in the middle.
#[derive(Default)]
pub(super) struct State {
    spent: Spent,
    calls: u32,
    progress: Progress,
    reported: Option<Reported>,
    /// The text of the last answer.
    said: String,
    same: HashMap<String, usize>,
}

/// How a turn ends the run.
enum End {
    Answered,
    Asked(String),
    /// For the person's approval of a call.
    AskedFor(ToolCallAsked),
    Failed(Failure),
}

impl State {
    /// Of a run that begins, with what it goes by.
    pub(super) fn begun(model: &str, prompts: &str, progress: Progress) -> Self {
        progress.note(&format!("model {model}, prompts {prompts}"));
        Self::of(progress)
    }

    /// Of one whose news go there.
    pub(super) fn of(progress: Progress) -> Self {
        Self {
            progress,
            ..Self::default()
        }
    }

    fn note(&self, line: &str) {
        self.progress.note(line);
    }

    /// What it has cost so far.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            tool_calls: self.calls,
            ..self.spent.usage()
        }
    }

    /// The outcome with what it cost.
    fn priced(self, outcome: Outcome) -> Outcome {
        Outcome {
            usage: self.usage(),
            ..outcome
        }
    }

    /// Of a run that was told to stop.
    pub(super) fn stopped(self) -> Outcome {
        self.priced(crate::agent::cancelled())
    }

    fn ended(self, end: End) -> Outcome {
        let outcome = match end {
            End::Asked(question) => answer(OutcomeStatus::NeedsInput, question),
            End::AskedFor(call) => Outcome {
                asks_for: Some(call),
                ..answer(OutcomeStatus::NeedsInput, self.said.trim().to_owned())
            },
            End::Failed(failed) => {
                let seconds = failed.wait.map(|wait| wait.as_secs_f64().ceil() as u32);
                let mut outcome = failure(failed.class, failed.message);
                outcome.output.clone_from(&self.said);
                outcome.retry_after_seconds = seconds;
                outcome
            }
            End::Answered => {
                let report = self.reported.as_ref().map(|reported| reported.report.clone());
                let said = self.said.trim();
                let text = match &report {
                    // All that it had to say it said in its report.
                    Some(report) if said.is_empty() => report.summary.clone(),
                    _ => said.to_owned(),
                };
                Outcome {
                    report,
                    ..answer(OutcomeStatus::Ok, text)
                }
            }
        };
        self.priced(outcome)
    }
}

impl Work<'_> {
    /// Carries a run out to its end. Cancel-safe: what came of it until then is in `state`.
    pub(super) async fn carry_out(&mut self, rules: String, request: String) -> Outcome {
        let offer = self.offer(Offered::ToRuns).await;
        let mut asked = vec![request];
        asked.extend(self.approved(&offer).await);
        let mut conversation = vec![Message::system(rules), Message::user(asked.join("\n\n"))];
        let end = self.converse(&offer, &mut conversation).await;
        std::mem::take(&mut self.state).ended(end)
    }

    /// Answers a person; what the conversation was before is given, the person's words at its end.
    pub(super) async fn answer(&mut self, mut conversation: Vec<Message>) -> Result<String, Failure> {
        let offer = self.offer(Offered::ToPersons).await;
        match self.converse(&offer, &mut conversation).await {
            End::Answered => Ok(self.state.said.trim().to_owned()),
            End::Asked(question) => Ok(question),
            // Its gate lets it ask for nothing.
            End::AskedFor(_) => Ok(String::new()),
            End::Failed(failure) => Err(failure),
        }
    }

    async fn offer(&self, to: Offered) -> Offer {
        let tenant = &self.session.tenant;
        let (offer, away) = self.tools.offered(tenant, to, &self.gate).await;
        away.iter().for_each(|why| self.state.note(why));
        offer
    }

    /// Makes the call that the person approved, before the model is asked: it happens as it was approved, and once.
    async fn approved(&mut self, offer: &Offer) -> Option<String> {
        let call = self.gate.approved()?.clone();
        let name = call.tool.as_str();
        let brought = match serde_json::from_str(&call.arguments) {
            Ok(Value::Object(_)) if !self.gate.offers(name) => {
                Brought::Refused("it is no longer among the tools that this job may use".to_owned())
            }
            Ok(Value::Object(arguments)) => {
                self.state.calls += 1;
                self.tools.call(self.session, offer, name, arguments).await
            }
            _ => Brought::Refused("its arguments are no JSON object".to_owned()),
        };
        let (what, text) = match brought {
            Brought::Data(text) => ("was made just now, once; it brought", text),
            Brought::Failed(text) => ("was made just now, and failed", text),
            Brought::Refused(text) => ("could not be made", text),
            // It needs no approval.
            Brought::Report(_) => return None,
        };
        let shown: String = call.arguments.chars().take(SHOWN_CHARS).collect();
        self.state.note(&format!("{name} {shown}: approved, {what}"));
        let text = fenced(name, &text).unwrap_or_else(|error| format!("no randomness: {error}"));
        Some(format!(
            "The call of {name} that the person approved {what}:\n{text}\nGo on from there; do not repeat it."
        ))
    }

    /// Asks and does what is answered, until that is an answer without calls.
    async fn converse(&mut self, offer: &Offer, conversation: &mut Vec<Message>) -> End {
        for _ in 0..LLM_TURNS_MAX {
            let tokens_left = match self.tokens_left().await {
                Ok(left) => left,
                Err(failure) => return End::Failed(failure),
            };
            shorten(conversation);
            let tools = || offer.definitions();
            let progress = &self.state.progress;
            let asked = self.model.ask(conversation, &tools, tokens_left, progress);
            let (answered, spent) = asked.await;
            self.state.spent.add(spent);
            let response = match answered {
                Ok(response) => response,
                Err(failure) => return End::Failed(failure),
            };
            self.state.said = response.text();
            if let Some(end) = self.turn(&response, offer, conversation).await {
                return end;
            }
        }
        let why =
            format!("the model went on calling tools after {LLM_TURNS_MAX} answers without coming to an end");
        End::Failed(Failure::new(ErrorClass::Permanent, why))
    }

    /// What an answer asks for is carried out; whether it ends the run.
    async fn turn(
        &mut self,
        response: &CompletionResponse,
        offer: &Offer,
        conversation: &mut Vec<Message>,
    ) -> Option<End> {
        let model = self.model.id();
        match response.stop() {
            StopReason::Error(why) | StopReason::Aborted(why) => {
                let filtered =
                    response.finish_reason() == Some(FinishReason::ContentFilter) || response.error.is_some();
                let (class, what) = match filtered {
                    true => (ErrorClass::Permanent, "declined to answer"),
                    false => (ErrorClass::Transient, "broke its answer off"),
                };
                return Some(End::Failed(Failure::new(class, format!("{model} {what}: {why}"))));
            }
            StopReason::Length => {
                let why = format!(
                    "the answer of {model} was cut off at {} tokens: ask for less in one run",
                    response.usage.output_tokens.unwrap_or_default()
                );
                return Some(End::Failed(Failure::new(ErrorClass::Permanent, why)));
            }
            _ => {}
        }
        if let Some(words) = refused(response) {
            let why = format!("{model} declined to answer: {words}");
            return Some(End::Failed(Failure::new(ErrorClass::Permanent, why)));
        }
        let calls: Vec<ToolCall> = response.tool_calls().cloned().collect();
        if calls.is_empty() {
            if self.state.said.trim().is_empty() && self.state.reported.is_none() {
                let why = format!("{model} answered nothing");
                return Some(End::Failed(Failure::new(ErrorClass::Transient, why)));
            }
            return Some(End::Answered);
        }
        conversation.extend(response.message());
        let mut results = Vec::with_capacity(calls.len());
        for call in &calls {
            match self.call(offer, call).await {
                Ok(result) => results.push(UserContent::ToolResult(result)),
                Err(asked) => return Some(End::AskedFor(asked)),
            }
        }
        conversation.push(Message::User { content: results });
        let asked = self
            .state
            .reported
            .as_ref()
            .and_then(|reported| reported.question.clone());
        asked.map(End::Asked)
    }

    /// The result of a call; or the call, where the person is to be asked for it.
    async fn call(
        &mut self,
        offer: &Offer,
        call: &ToolCall,
    ) -> Result<rig_core::message::ToolResult, ToolCallAsked> {
        let name = call.function.name.as_str();
        let sent = call.function.arguments_value().to_string();
        let shown: String = sent.chars().take(SHOWN_CHARS).collect();
        let same = self.state.same.entry(format!("{name} {sent}")).or_default();
        *same += 1;
        let same = *same;
        let leave = arguments(call).map(|arguments| {
            let leave = self.gate.leave(name, &arguments, offer.is_guarded(name));
            (leave, arguments)
        });
        let brought = if same > LLM_SAME_CALLS_MAX {
            Brought::Refused(format!(
                "this was called {LLM_SAME_CALLS_MAX} times with the same arguments: do something else, or come to an end"
            ))
        } else if self.state.calls >= self.calls_max() && name != REPORT {
            Brought::Refused(format!(
                "this run may call tools {} times: come to an end",
                self.calls_max()
            ))
        } else {
            match leave {
                Err(why) => Brought::Failed(why),
                Ok((Leave::Refused(why), _)) => Brought::Refused(why),
                // Of a tool that there is not, nobody need be asked: the call says what there is.
                Ok((Leave::Ask(asked), _)) if offer.has(name) => {
                    self.state
                        .note(&format!("{name} {shown}: needs the person's approval"));
                    return Err(asked);
                }
                Ok((Leave::Granted | Leave::Ask(_), arguments)) => {
                    match self.day_budget.extend(&self.state.usage()).await {
                        Ok(_) => {
                            self.state.calls += 1;
                            self.tools.call(self.session, offer, name, arguments).await
                        }
                        Err(refusal) => Brought::Refused(refusal.message),
                    }
                }
            }
        };
        let text = |text: String| vec![ToolResultContent::text(text)];
        Ok(match brought {
            Brought::Data(data) => {
                self.state.note(&format!("{name} {shown}"));
                match fenced(name, &data) {
                    Ok(fenced) => call.result(text(fenced)),
                    Err(error) => call.error_result(text(format!("no randomness: {error}"))),
                }
            }
            Brought::Failed(why) => {
                let short: String = why.chars().take(SHOWN_CHARS).collect();
                self.state.note(&format!("{name} {shown}: {short}"));
                // What failed may say whatever it likes.
                let why = fenced(name, &why).unwrap_or_else(|error| format!("no randomness: {error}"));
                call.error_result(text(why))
            }
            Brought::Refused(why) => {
                self.state.note(&format!("{name} {shown}: {why}"));
                call.error_result(text(why))
            }
            Brought::Report(reported) => {
                self.state.note(&format!("reported: {}", reported.report.summary));
                self.state.reported = Some(reported);
                call.result(text("Noted. Now give your answer.".to_owned()))
            }
        })
    }

    /// Calls of tools that the run may make: a bound, and what is left of its budget.
    fn calls_max(&self) -> u32 {
        let left = self.budget.and_then(|budget| budget.tool_calls);
        left.map_or(LLM_TOOL_CALLS_MAX, |left| {
            u32::try_from(left).unwrap_or(u32::MAX).min(LLM_TOOL_CALLS_MAX)
        })
    }

    /// Tokens that the next answer may have. The error: the job's budget, or the tenant's day, has none left. The day
    /// bounds no single answer: what that costs beyond its share is covered by the next.
    async fn tokens_left(&self) -> Result<Option<u64>, Failure> {
        self.day_budget.extend(&self.state.usage()).await?;
        self.tokens_of_job_left()
    }

    fn tokens_of_job_left(&self) -> Result<Option<u64>, Failure> {
        let Some(budget) = &self.budget else {
            return Ok(None);
        };
        let spent = &self.state.spent;
        let used_up = |what: String| {
            let message = format!(
                "the job's budget is used up in the middle of a run: {what}. Raise it and resume the job"
            );
            Failure::new(ErrorClass::Quota, message)
        };
        if let Some(cost) = budget.cost_usd
            && spent.cost_usd >= cost
        {
            return Err(used_up(format!("{:.4} of {cost:.4} US dollars", spent.cost_usd)));
        }
        match budget.tokens {
            Some(tokens) if spent.tokens() >= tokens => {
                Err(used_up(format!("{} of {tokens} tokens", spent.tokens())))
            }
            Some(tokens) => Ok(Some(tokens - spent.tokens())),
            None => Ok(None),
        }
    }
}

/// What a model says in place of an answer: OpenAI's interfaces have a field of its own for that, which reads as
/// its text otherwise.
fn refused(response: &CompletionResponse) -> Option<&str> {
    let of_chat = response.raw.pointer("/choices/0/message/refusal");
    let outputs = response
        .raw
        .get("output")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let contents = outputs
        .filter_map(|output| output.get("content")?.as_array())
        .flatten();
    let of_responses = contents.filter_map(|content| content.get("refusal"));
    let words = of_chat.into_iter().chain(of_responses).find_map(Value::as_str);
    words.filter(|words| !words.is_empty())
}

/// Leaves out the oldest results of tools where a conversation has grown too long to be sent.
fn shorten(conversation: &mut [Message]) {
    let size = |message: &Message| serde_json::to_vec(message).map_or(0, |text| text.len());
    let mut bytes: usize = conversation.iter().map(size).sum();
    let results = conversation
        .iter()
        .filter(|message| holds_results(message))
        .count();
    let mut may_go = results.saturating_sub(LLM_RESULTS_KEPT);
    for message in conversation.iter_mut().filter(|message| holds_results(message)) {
        if bytes <= LLM_HISTORY_BYTES_MAX || may_go == 0 {
            return;
        }
        may_go -= 1;
        bytes -= size(message);
        if let Message::User { content } = message {
            for content in content {
                if let UserContent::ToolResult(result) = content {
                    result.content = vec![ToolResultContent::text(LEFT_OUT)];
                }
            }
        }
        bytes += size(message);
    }
}

fn holds_results(message: &Message) -> bool {
    let Message::User { content } = message else {
        return false;
    };
    content
        .iter()
        .any(|content| matches!(content, UserContent::ToolResult(_)))
}

#[cfg(test)]
mod tests {
    use rig_core::message::{CallId, Message, ToolName};

    use super::{LEFT_OUT, LLM_HISTORY_BYTES_MAX, LLM_RESULTS_KEPT, shorten};

    #[test]
    fn the_oldest_results_are_left_out_of_a_long_conversation() {
        let result = |n: usize| {
            let name = ToolName::new("fetch").unwrap();
            Message::tool_result(
                CallId::from_wire(n.to_string()),
                name,
                format!("{n}").repeat(LLM_HISTORY_BYTES_MAX / 6),
            )
        };
        let mut all = vec![Message::user("Do it")];
        all.extend((0..9).map(result));
        shorten(&mut all);
        let texts: Vec<String> = all
            .iter()
            .map(|message| serde_json::to_string(message).unwrap())
            .collect();
        let gone = texts.iter().filter(|text| text.contains(LEFT_OUT)).count();
        assert!((4..=9 - LLM_RESULTS_KEPT).contains(&gone), "{gone}");
        assert!(
            texts[1..=gone].iter().all(|text| text.contains(LEFT_OUT)),
            "the oldest"
        );
        let mut short = vec![Message::user("Do it"), result(1)];
        shorten(&mut short);
        assert!(!serde_json::to_string(&short).unwrap().contains(LEFT_OUT));
    }
}
