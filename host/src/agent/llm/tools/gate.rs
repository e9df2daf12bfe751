//! What a run may call: as its job's policy, the operator and the person say.

use serde_json::{Map, Value};

use crate::agent::wire::seen_json;
use crate::limits::TOOL_ARGUMENTS_BYTES_MAX;
use crate::wit::agent_pipeline::{AnsweredCall, AnsweredCallStatus};
use crate::wit::types::{ToolCall, ToolPolicy, UnapprovedPolicy};

/// The tool by which a run says how it ends: nothing is done by it, so it needs nobody's leave.
pub(in super::super) const REPORT: &str = "report";

/// Decides on the calls of one run, or of one answer to a person.
pub(in super::super) struct Gate {
    policy: Option<ToolPolicy>,
    answered: Option<AnsweredCall>,
    may_ask: bool,
}

/// What becomes of a call.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Leave {
    Granted,
    /// Why not, and what to do.
    Refused(String),
    /// The person is to be asked.
    Ask(ToolCall),
}

impl Gate {
    /// Of a run.
    pub(in super::super) fn of_run(policy: Option<ToolPolicy>, answered: Option<AnsweredCall>) -> Self {
        Self {
            policy,
            answered,
            may_ask: true,
        }
    }

    /// Of an answer in a conversation, which cannot wait for another one.
    pub(in super::super) fn of_conversation() -> Self {
        Self {
            policy: None,
            answered: None,
            may_ask: false,
        }
    }

    /// Whether a tool is among those that may be used at all.
    pub(in super::super) fn offers(&self, tool: &str) -> bool {
        let allowed = self.policy.as_ref().and_then(|policy| policy.allowed.as_ref());
        tool == REPORT || allowed.is_none_or(|allowed| one_fits(allowed, tool))
    }

    /// The call that the person approved for this attempt.
    pub(in super::super) fn approved(&self) -> Option<&ToolCall> {
        let answered = self.answered.as_ref()?;
        (answered.status == AnsweredCallStatus::Approved).then_some(&answered.call)
    }

    /// Whether a tool may be called; `guarded`: the operator wants the person's approval.
    pub(in super::super) fn leave(&self, tool: &str, arguments: &Map<String, Value>, guarded: bool) -> Leave {
        if !self.offers(tool) {
            return Leave::Refused(format!("{tool} is not among the tools that this job may use"));
        }
        let named = |names: Option<&Vec<String>>| names.is_some_and(|names| one_fits(names, tool));
        let policy = self.policy.as_ref();
        let guarded = guarded || named(policy.and_then(|policy| policy.needs_approval.as_ref()));
        if tool == REPORT || !guarded || named(policy.and_then(|policy| policy.approved.as_ref())) {
            return Leave::Granted;
        }
        if !self.may_ask {
            return Leave::Refused(format!(
                "{tool} needs the person's approval, which a conversation cannot wait for: create a job that does it; its run \
                 asks the person"
            ));
        }
        if policy.and_then(|policy| policy.unapproved) == Some(UnapprovedPolicy::Deny) {
            return Leave::Refused(format!(
                "{tool} needs the person's approval, and this job's policy denies it: go on without it, and say in your answer \
                 what was not done"
            ));
        }
        let call = ToolCall {
            tool: tool.to_owned(),
            arguments: seen_json(arguments),
        };
        match &self.answered {
            Some(answered) if answered.status == AnsweredCallStatus::Unanswered => {
                return Leave::Refused(
                    "nobody answered the question whether a tool may be called: go on without, and say in your answer what was \
                     not done"
                        .to_owned(),
                );
            }
            Some(answered) if answered.call == call => match answered.status {
                AnsweredCallStatus::Denied => {
                    return Leave::Refused(
                        "the person said no to this very call: go on without it".to_owned(),
                    );
                }
                AnsweredCallStatus::Approved => {
                    return Leave::Refused(
                        "this very call was made at the beginning of this run, as the person approved it: it is not repeated"
                            .to_owned(),
                    );
                }
                AnsweredCallStatus::Unanswered | AnsweredCallStatus::HandedOver => {}
            },
            _ => {}
        }
        if call.arguments.len() > TOOL_ARGUMENTS_BYTES_MAX {
            return Leave::Refused(format!(
                "{tool} needs the person's approval, and arguments of {} bytes are more than a person can be asked about ({}): \
                 call it with less",
                call.arguments.len(),
                TOOL_ARGUMENTS_BYTES_MAX
            ));
        }
        Leave::Ask(call)
    }
}

/// Whether one of the names is the tool's; `*` at the end of a name stands for any end.
pub(super) fn one_fits(names: &[String], tool: &str) -> bool {
    names.iter().any(|name| match name.strip_suffix('*') {
        Some(beginning) => tool.starts_with(beginning),
        None => name == tool,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Gate, Leave, one_fits};
    use crate::limits::TOOL_ARGUMENTS_BYTES_MAX;
    use crate::wit::agent_pipeline::{AnsweredCall, AnsweredCallStatus};
    use crate::wit::types::{ToolCall, ToolPolicy, UnapprovedPolicy};

    const NO_POLICY: ToolPolicy = ToolPolicy {
        allowed: None,
        needs_approval: None,
        approved: None,
        unapproved: None,
        answer_seconds: None,
        unanswered: None,
    };

    fn names(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn arguments() -> Map<String, Value> {
        json!({"to": "bob"}).as_object().unwrap().clone()
    }

    fn call() -> ToolCall {
        ToolCall {
            tool: "mail__send".into(),
            arguments: r#"{"to":"bob"}"#.into(),
        }
    }

    fn refusal(leave: Leave) -> String {
        match leave {
            Leave::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_star_stands_for_any_end() {
        let fits = |name: &str, tool: &str| one_fits(&[name.to_owned()], tool);
        assert!(fits("read_*", "read_file") && fits("read", "read") && fits("*", "anything"));
        assert!(!fits("read", "read_file") && !fits("read_*", "write_file"));
    }

    #[test]
    fn what_is_not_allowed_is_not_even_offered_but_for_the_report() {
        let policy = ToolPolicy {
            allowed: names(&["fetch", "job_*"]),
            ..NO_POLICY
        };
        let gate = Gate::of_run(Some(policy), None);
        assert!(gate.offers("fetch") && gate.offers("job_create") && gate.offers("report"));
        assert!(!gate.offers("mail__send"));
        assert!(refusal(gate.leave("mail__send", &arguments(), false)).contains("not among"));
    }

    #[test]
    fn who_says_that_approval_is_needed_and_who_gives_it() {
        let free = Gate::of_run(None, None);
        assert_eq!(free.leave("mail__send", &arguments(), false), Leave::Granted);
        assert_eq!(free.leave("mail__send", &arguments(), true), Leave::Ask(call()));
        let of_job = ToolPolicy {
            needs_approval: names(&["mail__*", "report"]),
            ..NO_POLICY
        };
        let gate = Gate::of_run(Some(of_job.clone()), None);
        assert_eq!(gate.leave("mail__send", &arguments(), false), Leave::Ask(call()));
        assert_eq!(
            gate.leave("report", &arguments(), false),
            Leave::Granted,
            "nothing is done by it"
        );
        let beforehand = ToolPolicy {
            approved: names(&["mail__send"]),
            ..of_job.clone()
        };
        let gate = Gate::of_run(Some(beforehand), None);
        assert_eq!(gate.leave("mail__send", &arguments(), true), Leave::Granted);
        let denied = ToolPolicy {
            unapproved: Some(UnapprovedPolicy::Deny),
            ..of_job
        };
        let gate = Gate::of_run(Some(denied), None);
        assert!(refusal(gate.leave("mail__send", &arguments(), false)).contains("policy denies"));
        let gate = Gate::of_conversation();
        assert!(refusal(gate.leave("mail__send", &arguments(), true)).contains("create a job"));
    }

    #[test]
    fn what_was_answered_is_not_asked_again() {
        let answered = |status| {
            let answered = AnsweredCall { call: call(), status };
            Gate::of_run(None, Some(answered))
        };
        let other = json!({"to": "anna"}).as_object().unwrap().clone();
        let denied = answered(AnsweredCallStatus::Denied);
        assert!(refusal(denied.leave("mail__send", &arguments(), true)).contains("said no"));
        assert!(
            matches!(denied.leave("mail__send", &other, true), Leave::Ask(_)),
            "another call"
        );
        let unanswered = answered(AnsweredCallStatus::Unanswered);
        assert!(refusal(unanswered.leave("mail__send", &other, true)).contains("nobody answered"));
        // The approved call is made by the host itself; made once more, it is another one.
        let approved = answered(AnsweredCallStatus::Approved);
        assert_eq!(approved.approved(), Some(&call()));
        assert!(refusal(approved.leave("mail__send", &arguments(), true)).contains("not repeated"));
        assert!(matches!(
            approved.leave("mail__send", &other, true),
            Leave::Ask(_)
        ));
        let handed_over = answered(AnsweredCallStatus::HandedOver);
        assert_eq!(handed_over.approved(), None);
        assert_eq!(
            handed_over.leave("mail__send", &arguments(), true),
            Leave::Ask(call())
        );
    }

    #[test]
    fn a_person_sees_all_that_is_asked() {
        let hidden = json!({"to": "bob\u{202e}"}).as_object().unwrap().clone();
        let Leave::Ask(call) = Gate::of_run(None, None).leave("mail__send", &hidden, true) else {
            panic!("it is asked");
        };
        assert_eq!(call.arguments, r#"{"to":"bob\u202e"}"#);
        let long = json!({"to": "x".repeat(TOOL_ARGUMENTS_BYTES_MAX)})
            .as_object()
            .unwrap()
            .clone();
        assert!(
            refusal(Gate::of_run(None, None).leave("mail__send", &long, true)).contains("call it with less")
        );
    }
}
