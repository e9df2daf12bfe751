//! Sentences as people say them, to jobs: a table of what is understood, one of what is refused,
//! and properties of everything else.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[allow(dead_code)]
mod model;

use std::collections::HashMap;

use meanwhile_guest::bindings::schedule::{PlanRequest, PlannedJob};
use meanwhile_guest::bindings::tools::{Dependency, ErrorCode, JobCreateRequest, ToolError};
use meanwhile_guest::bindings::types::{
    DependencyCondition, DependencyFailurePolicy, JobStatus, JobType, NotifyPolicy,
};
use meanwhile_guest::intake::plan;
use meanwhile_guest::world::World;
use meanwhile_guest::{create, limits};
use model::{Model, caller};
use proptest::prelude::*;

/// Monday, 2026-06-01 at 10:00 in Berlin.
fn present() -> i64 {
    Model::new().now()
}

fn request(text: &str) -> PlanRequest {
    PlanRequest {
        text: text.into(),
        timezone: Some("Europe/Berlin".into()),
        at: Some(present()),
    }
}

fn understood(text: &str) -> Result<Vec<PlannedJob>, ToolError> {
    plan(&request(text), 0).map(|answer| answer.jobs)
}

/// A job on one line: title, type and schedule, what it waits for, when it tells.
fn line(job: &PlannedJob) -> String {
    let local = |at: &String| at[..16].replace('T', " ");
    let trigger = &job.trigger_config;
    let mut line = format!("{} | ", job.title);
    line += match job.job_type {
        JobType::OneOff => "ONE_OFF",
        JobType::Scheduled => "SCHEDULED",
        JobType::Recurring => "RECURRING",
        JobType::Ongoing => "ONGOING",
    };
    for (name, value) in [
        ("", trigger.run_at.as_ref().map(local)),
        ("", trigger.cron.clone()),
        ("", trigger.interval_seconds.map(|seconds| format!("{seconds}s"))),
        ("from ", trigger.start_at.as_ref().map(local)),
        ("until ", trigger.end_at.as_ref().map(local)),
        ("goal ", trigger.end_condition.clone()),
        ("max ", trigger.max_iterations.map(|most| most.to_string())),
    ] {
        if let Some(value) = value {
            line += &format!(" {name}{value}");
        }
    }
    for edge in &job.depends_on {
        let on = match edge.on {
            Some(DependencyCondition::Failure) => " fails",
            Some(DependencyCondition::Any) => " ends",
            _ => "",
        };
        line += &format!(" | after {}{on} +{}", edge.job, edge.delay_seconds.unwrap());
    }
    match job.notify {
        Some(NotifyPolicy::OnChange) => line += " | on_change",
        Some(NotifyPolicy::OnFailure) => line += " | on_failure",
        _ => {}
    }
    line
}

/// What is understood: sentence, and a line for each of its jobs.
const UNDERSTOOD: &[(&str, &[&str])] = &[
    (
        "Research these 50 companies by morning",
        &["Research these 50 companies | ONE_OFF"],
    ),
    (
        "Remind me every Monday about pending invoices",
        &["Pending invoices | SCHEDULED 0 9 * * 1"],
    ),
    (
        "Watch https://example.com/pricing and tell me when it changes",
        &["Watch example.com/pricing | RECURRING 3600s | on_change"],
    ),
    (
        "Send the proposal, follow up in 3 days, then escalate",
        &[
            "Send the proposal | ONE_OFF",
            "Follow up | ONE_OFF | after Send the proposal +259200",
            "Escalate | ONE_OFF | after Follow up +0",
        ],
    ),
    (
        "Remind me every Monday at 9 about pending invoices",
        &["Pending invoices | SCHEDULED 0 9 * * 1"],
    ),
    (
        "remind me tomorrow at 9 to call Bob",
        &["Call Bob | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Remind me in 2 hours to take the bread out of the oven",
        &["Take the bread out of the oven | ONE_OFF 2026-06-01 12:00"],
    ),
    (
        "Remind me to water the plants every 3 days",
        &["Water the plants | RECURRING 259200s"],
    ),
    (
        "Remind me at 5pm to leave for the airport",
        &["Leave for the airport | ONE_OFF 2026-06-01 17:00"],
    ),
    (
        "Every weekday at 8:30am remind me to check my calendar",
        &["Check my calendar | SCHEDULED 30 8 * * 1-5"],
    ),
    (
        "Remind me on friday at 3pm to submit my timesheet",
        &["Submit my timesheet | ONE_OFF 2026-06-05 15:00"],
    ),
    (
        "Please remind me tomorrow to pay the rent",
        &["Pay the rent | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Can you remind me every day at 21:00 to take my pills?",
        &["Take my pills | SCHEDULED 0 21 * * *"],
    ),
    (
        "Remind me on the first Monday of the month to send the newsletter",
        &["Send the newsletter | SCHEDULED 0 9 * * MON#1"],
    ),
    (
        "remind me every month on the 15th at 8 to pay the electricity bill",
        &["Pay the electricity bill | SCHEDULED 0 8 15 * *"],
    ),
    (
        "Remind me on 2026-12-24 at 18:00 to call my parents",
        &["Call my parents | ONE_OFF 2026-12-24 18:00"],
    ),
    (
        "Set a reminder for 5pm to feed the cat",
        &["Feed the cat | ONE_OFF 2026-06-01 17:00"],
    ),
    (
        "Set a reminder to stretch every 45 minutes",
        &["Stretch | RECURRING 2700s"],
    ),
    (
        "Reminder: dentist appointment tomorrow at 14:00",
        &["Dentist appointment | ONE_OFF 2026-06-02 14:00"],
    ),
    (
        "Don't let me forget to renew my passport on 2026-09-01",
        &["Renew my passport | ONE_OFF 2026-09-01 09:00"],
    ),
    (
        "Remind me next Friday at 10 that the lease ends",
        &["The lease ends | ONE_OFF 2026-06-05 10:00"],
    ),
    (
        "Remind me about the team meeting tomorrow at 3pm",
        &["The team meeting | ONE_OFF 2026-06-02 15:00"],
    ),
    (
        "Remind me tomorrow at 9 about the meeting on Friday",
        &["The meeting on Friday | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Tomorrow at 9am, remind me to send the contract",
        &["Send the contract | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "In 20 minutes remind me to check the laundry",
        &["Check the laundry | ONE_OFF 2026-06-01 10:20"],
    ),
    (
        "Remind my team every Friday at 4pm to log their hours",
        &["Log their hours | SCHEDULED 0 16 * * 5"],
    ),
    (
        "Remind me every Tuesday and Thursday at 18:00 to go to the gym",
        &["Go to the gym | SCHEDULED 0 18 * * 2,4"],
    ),
    (
        "Every Monday remind me at 9 to review the backlog",
        &["Review the backlog | SCHEDULED 0 9 * * 1"],
    ),
    (
        "Remind me on weekdays at 9am to stand up",
        &["Stand up | SCHEDULED 0 9 * * 1-5"],
    ),
    (
        "Remind me daily at 7 to meditate",
        &["Meditate | SCHEDULED 0 7 * * *"],
    ),
    (
        "Remind me weekly on Friday at 16:00 to write the report",
        &["Write the report | SCHEDULED 0 16 * * 5"],
    ),
    (
        "Remind me to call mom on Sunday at 11",
        &["Call mom | ONE_OFF 2026-06-07 11:00"],
    ),
    (
        "Remind me on the last day of the month at 17:00 to close the books",
        &["Close the books | SCHEDULED 0 17 L * *"],
    ),
    (
        "Send me a summary of my unread mail every weekday at 7:30",
        &["Send me a summary of my unread mail | SCHEDULED 30 7 * * 1-5"],
    ),
    (
        "Send me a daily digest of AI news at 8am",
        &["Send me a digest of AI news | SCHEDULED 0 8 * * *"],
    ),
    (
        "Email me the sales numbers every Friday at 17:00",
        &["Email me the sales numbers | SCHEDULED 0 17 * * 5"],
    ),
    (
        "Every day at 8 send me the weather forecast for Berlin",
        &["Send me the weather forecast for Berlin | SCHEDULED 0 8 * * *"],
    ),
    (
        "Give me a daily summary of open pull requests",
        &["Give me a summary of open pull requests | SCHEDULED 0 9 * * *"],
    ),
    (
        "Post the standup notes to Slack every weekday at 9:15",
        &["Post the standup notes to Slack | SCHEDULED 15 9 * * 1-5"],
    ),
    (
        "Back up the database every day at 2am",
        &["Back up the database | SCHEDULED 0 2 * * *"],
    ),
    (
        "Run the report on the first Monday of the month at 10",
        &["Run the report | SCHEDULED 0 10 * * MON#1"],
    ),
    ("Ping the API every 5 minutes", &["Ping the API | RECURRING 300s"]),
    (
        "Check the disk space every hour",
        &["Check the disk space | RECURRING 3600s"],
    ),
    (
        "Generate the invoice list every month on the 1st",
        &["Generate the invoice list | SCHEDULED 0 9 1 * *"],
    ),
    (
        "Clean the staging database every Sunday at 3am",
        &["Clean the staging database | SCHEDULED 0 3 * * 0"],
    ),
    (
        "Rotate the logs every 12 hours",
        &["Rotate the logs | RECURRING 43200s"],
    ),
    (
        "Summarise the top 5 stories on Hacker News every weekday at 7am",
        &["Summarise the top 5 stories on Hacker News | SCHEDULED 0 7 * * 1-5"],
    ),
    ("Sync the CRM hourly", &["Sync the CRM | RECURRING 3600s"]),
    (
        "Water the greenhouse every 6 hours",
        &["Water the greenhouse | RECURRING 21600s"],
    ),
    (
        "Watch https://example.com/jobs every 10 minutes and tell me when it changes",
        &["Watch example.com/jobs | RECURRING 600s | on_change"],
    ),
    (
        "Monitor https://status.example.com every 5 minutes and alert me if it goes down",
        &["Watch status.example.com | RECURRING 300s | on_change"],
    ),
    (
        "Keep an eye on https://shop.example.com/item/42 and let me know when it is back in stock",
        &["Watch shop.example.com/item/42 | ONGOING 3600s goal it is back in stock max 500 | on_change"],
    ),
    (
        "Watch example.com/pricing and notify me of any changes",
        &["Watch example.com/pricing | RECURRING 3600s | on_change"],
    ),
    (
        "Watch https://example.com/terms every day at 9 and tell me when it changes",
        &["Watch example.com/terms | SCHEDULED 0 9 * * * | on_change"],
    ),
    (
        "Let me know when https://example.com/careers changes",
        &["Watch example.com/careers | RECURRING 3600s | on_change"],
    ),
    (
        "Tell me when Bob replies to my email",
        &[
            "Tell me when Bob replies to my email | ONGOING 3600s goal Bob replies to my email max 500 | on_change",
        ],
    ),
    (
        "Watch my inbox and tell me when Bob replies",
        &["Watch my inbox | ONGOING 3600s goal Bob replies max 500 | on_change"],
    ),
    (
        "Check https://example.com/tickets every 15 minutes and tell me as soon as tickets are available",
        &["Watch example.com/tickets | ONGOING 900s goal tickets are available max 500 | on_change"],
    ),
    (
        "Watch https://example.com/news and tell me if it mentions our company",
        &["Watch example.com/news | RECURRING 3600s | on_change"],
    ),
    (
        "Monitor the Nvidia stock price and tell me when it drops below 100 dollars",
        &[
            "Monitor the Nvidia stock price | ONGOING 3600s goal it drops below 100 dollars max 500 | on_change",
        ],
    ),
    (
        "Check every hour until the build is green",
        &["Check until the build is green | ONGOING 3600s goal the build is green max 500 | on_change"],
    ),
    (
        "Every day at 9 ask Bob for the report until he sends it",
        &["Ask Bob for the report | ONGOING 0 9 * * * goal he sends it max 500"],
    ),
    (
        "Remind me every hour to drink water until 2026-06-30",
        &["Drink water | RECURRING 3600s until 2026-06-30 23:59"],
    ),
    (
        "Remind me every hour to drink water until friday",
        &["Drink water | RECURRING 3600s until 2026-06-05 23:59"],
    ),
    (
        "Check the queue every 10 minutes until it is empty, then deploy",
        &[
            "Check the queue | ONGOING 600s goal it is empty max 500 | on_change",
            "Deploy | ONE_OFF | after Check the queue +0",
        ],
    ),
    (
        "Ask the supplier for a quote every 2 days until they answer",
        &["Ask the supplier for a quote | ONGOING 172800s goal they answer max 500"],
    ),
    (
        "Remind me every day at 10 to practise Spanish for 3 weeks",
        &["Practise Spanish | SCHEDULED 0 10 * * * until 2026-06-22 10:00"],
    ),
    (
        "Remind me every hour 5 times to stretch",
        &["Stretch | ONGOING 3600s max 5"],
    ),
    (
        "Ping the server every minute for 2 hours",
        &["Ping the server | RECURRING 60s until 2026-06-01 12:00"],
    ),
    (
        "Remind me every Monday at 9 starting 2026-07-01 to plan the week",
        &["Plan the week | SCHEDULED 0 9 * * 1 from 2026-07-01 00:00"],
    ),
    (
        "Deploy the site tomorrow at 9, if it fails, tell me",
        &[
            "Deploy the site | ONE_OFF 2026-06-02 09:00",
            "Tell me that “Deploy the site” failed | ONE_OFF | after Deploy the site fails +0",
        ],
    ),
    (
        "Deploy the site; if it fails, roll back",
        &[
            "Deploy the site | ONE_OFF",
            "Roll back | ONE_OFF | after Deploy the site fails +0",
        ],
    ),
    (
        "Run the tests, and if they fail, let me know",
        &[
            "Run the tests | ONE_OFF",
            "Let me know that “Run the tests” failed | ONE_OFF | after Run the tests fails +0",
        ],
    ),
    (
        "Send the invoice, wait two days, then call the customer",
        &[
            "Send the invoice | ONE_OFF",
            "Call the customer | ONE_OFF | after Send the invoice +172800",
        ],
    ),
    (
        "Send the invoice. 3 days later, send a reminder to the customer. A week later, escalate to legal",
        &[
            "Send the invoice | ONE_OFF",
            "Send a reminder to the customer | ONE_OFF | after Send the invoice +259200",
            "Escalate to legal | ONE_OFF | after Send a reminder to the customer +604800",
        ],
    ),
    (
        "Draft the blog post, then review it, then publish it",
        &[
            "Draft the blog post | ONE_OFF",
            "Review it | ONE_OFF | after Draft the blog post +0",
            "Publish it | ONE_OFF | after Review it +0",
        ],
    ),
    (
        "Draft the blog post, get feedback from Ann, then publish it on Friday at 10",
        &[
            "Draft the blog post | ONE_OFF",
            "Get feedback from Ann | ONE_OFF | after Draft the blog post +0",
            "Publish it | ONE_OFF 2026-06-05 10:00 | after Get feedback from Ann +0",
        ],
    ),
    (
        "1. Collect the numbers 2. Write the summary 3. Email it to the board",
        &[
            "Collect the numbers | ONE_OFF",
            "Write the summary | ONE_OFF | after Collect the numbers +0",
            "Email it to the board | ONE_OFF | after Write the summary +0",
        ],
    ),
    (
        "Research the topic. When that's done, write an outline",
        &[
            "Research the topic | ONE_OFF",
            "Write an outline | ONE_OFF | after Research the topic +0",
        ],
    ),
    (
        "Research the competitors, and when the research is done, write a summary",
        &[
            "Research the competitors | ONE_OFF",
            "Write a summary | ONE_OFF | after Research the competitors +0",
        ],
    ),
    (
        "Send the offer and follow up in 2 days",
        &[
            "Send the offer | ONE_OFF",
            "Follow up | ONE_OFF | after Send the offer +172800",
        ],
    ),
    (
        "Send the offer, then remind me in 3 days to follow up",
        &[
            "Send the offer | ONE_OFF",
            "Follow up | ONE_OFF | after Send the offer +259200",
        ],
    ),
    (
        "Submit the application, follow up in a week, then follow up again in 2 weeks",
        &[
            "Submit the application | ONE_OFF",
            "Follow up | ONE_OFF | after Submit the application +604800",
            "Follow up again | ONE_OFF | after Follow up +1209600",
        ],
    ),
    (
        "Email the candidate; if there is no reply in 3 days, follow up",
        &[
            "Email the candidate | ONE_OFF",
            "If there is no reply, follow up | ONE_OFF | after Email the candidate +259200",
        ],
    ),
    (
        "Call the plumber, the day after send him the photos",
        &[
            "Call the plumber | ONE_OFF",
            "Send him the photos | ONE_OFF | after Call the plumber +86400",
        ],
    ),
    (
        "Wait 2 hours then send the email to Bob",
        &["Send the email to Bob | ONE_OFF 2026-06-01 12:00"],
    ),
    (
        "Wait until friday at 9, then publish the article",
        &["Publish the article | ONE_OFF 2026-06-05 09:00"],
    ),
    (
        "Wait until the build is green, then deploy",
        &[
            "Wait until the build is green | ONGOING 3600s goal the build is green max 500 | on_change",
            "Deploy | ONE_OFF | after Wait until the build is green +0",
        ],
    ),
    ("Send the contract by Friday", &["Send the contract | ONE_OFF"]),
    (
        "Prepare the board deck by tomorrow morning",
        &["Prepare the board deck | ONE_OFF"],
    ),
    (
        "Finish the analysis before noon and email it to Ann",
        &["Finish the analysis and email it to Ann | ONE_OFF"],
    ),
    (
        "Write a summary of this paper in 2 sentences by end of day",
        &["Write a summary of this paper in 2 sentences | ONE_OFF"],
    ),
    (
        "Translate this document within 3 days",
        &["Translate this document | ONE_OFF"],
    ),
    (
        "Write a haiku about autumn",
        &["Write a haiku about autumn | ONE_OFF"],
    ),
    (
        "Research the top 5 CRM vendors",
        &["Research the top 5 CRM vendors | ONE_OFF"],
    ),
    (
        "Call Bob tomorrow at 10",
        &["Call Bob | ONE_OFF 2026-06-02 10:00"],
    ),
    (
        "Call Bob tomorrow at 10 Europe/London",
        &["Call Bob | ONE_OFF 2026-06-02 10:00"],
    ),
    (
        "Send the newsletter on 2026-06-15 at 10:00 UTC",
        &["Send the newsletter | ONE_OFF 2026-06-15 10:00"],
    ),
    (
        "Publish the post on friday at 15:00",
        &["Publish the post | ONE_OFF 2026-06-05 15:00"],
    ),
    (
        "Order more coffee in 3 days",
        &["Order more coffee | ONE_OFF 2026-06-04 10:00"],
    ),
    (
        "Book a table for 4 people tomorrow at 12",
        &["Book a table for 4 people | ONE_OFF 2026-06-02 12:00"],
    ),
    (
        "Cancel the trial in 2 weeks",
        &["Cancel the trial | ONE_OFF 2026-06-15 10:00"],
    ),
    (
        "Renew the domain on 2026-08-01",
        &["Renew the domain | ONE_OFF 2026-08-01 09:00"],
    ),
    (
        "Every Monday pull the sales numbers, then email them to Bob",
        &["Pull the sales numbers, then email them to Bob | SCHEDULED 0 9 * * 1"],
    ),
    (
        "Every Friday at 5 send the report, every Monday at 9 check the replies",
        &[
            "Send the report | SCHEDULED 0 5 * * 5",
            "Check the replies | SCHEDULED 0 9 * * 1",
        ],
    ),
    (
        "Send the report every Monday at 9 and remind me every Friday at 3pm to check the replies",
        &[
            "Send the report | SCHEDULED 0 9 * * 1",
            "Check the replies | SCHEDULED 0 15 * * 5",
        ],
    ),
    (
        "Remind me tomorrow at 9 to call Bob. Remind me on friday at 10 to call Ann.",
        &[
            "Call Bob | ONE_OFF 2026-06-02 09:00",
            "Call Ann | ONE_OFF 2026-06-05 10:00",
        ],
    ),
    (
        "Remind me in 2 hours to stretch. Remind me in 3 hours to eat.",
        &[
            "Stretch | ONE_OFF 2026-06-01 12:00",
            "Eat | ONE_OFF 2026-06-01 13:00",
        ],
    ),
    (
        "Remind me every Monday about pending invoices. Include the amounts.",
        &["Pending invoices | SCHEDULED 0 9 * * 1"],
    ),
    (
        "Run the backup every day at 2, if it fails, tell me",
        &["Run the backup, if it fails, tell me | SCHEDULED 0 2 * * * | on_failure"],
    ),
    ("Clean up the logs now", &["Clean up the logs | ONE_OFF"]),
    (
        "Send the draft to Ann as soon as possible",
        &["Send the draft to Ann | ONE_OFF"],
    ),
    (
        "Practise vocabulary with me every day at 19:00",
        &["Practise vocabulary with me | SCHEDULED 0 19 * * *"],
    ),
    (
        "Quiz me on chapter 3 every Tuesday at 18:00",
        &["Quiz me on chapter 3 | SCHEDULED 0 18 * * 2"],
    ),
    ("Grade the essays by Monday", &["Grade the essays | ONE_OFF"]),
    (
        "Every 2 weeks, email the customers a product update",
        &["Email the customers a product update | RECURRING 1209600s"],
    ),
    (
        "Check in with the new leads every Wednesday at 11",
        &["Check in with the new leads | SCHEDULED 0 11 * * 3"],
    ),
    (
        "Ask Sarah for the budget in 2 days, then send it to finance",
        &[
            "Ask Sarah for the budget | ONE_OFF 2026-06-03 10:00",
            "Send it to finance | ONE_OFF | after Ask Sarah for the budget +0",
        ],
    ),
    (
        "If it rains tomorrow at 8, remind me to take an umbrella",
        &["If it rains, remind me to take an umbrella | ONE_OFF 2026-06-02 08:00"],
    ),
    (
        "every weekday at 9am: send me my calendar",
        &["Send me my calendar | SCHEDULED 0 9 * * 1-5"],
    ),
    (
        "Send an email to bob@example.com tomorrow at 9",
        &["Send an email to bob@example.com | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Remind me tomorrow at 9 to reply \"see you at 5pm\"",
        &["Reply \"see you at 5pm\" | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Email every customer about the outage",
        &["Email every customer about the outage | ONE_OFF"],
    ),
    (
        "Research the topic. When that's done, write an outline",
        &[
            "Research the topic | ONE_OFF",
            "Write an outline | ONE_OFF | after Research the topic +0",
        ],
    ),
    (
        "Give every student a grade",
        &["Give every student a grade | ONE_OFF"],
    ),
    (
        "Deploy; if it fails, tell me",
        &[
            "Deploy | ONE_OFF",
            "Tell me that “Deploy” failed | ONE_OFF | after Deploy fails +0",
        ],
    ),
    (
        "Remind me tomorrow at 9 to call Bob, then email Ann",
        &["Call Bob, then email Ann | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Every day at 9 send me the mails from today",
        &["Send me the mails from today | SCHEDULED 0 9 * * *"],
    ),
    (
        "From tomorrow, every day at 9 send me the news",
        &["Send me the news | SCHEDULED 0 9 * * * from 2026-06-02 00:00"],
    ),
    (
        "Watch https://example.com starting tomorrow",
        &["Watch example.com | RECURRING 3600s from 2026-06-02 00:00 | on_change"],
    ),
    (
        "Run the tests. If they pass, deploy to staging. If that fails, roll back",
        &[
            "Run the tests | ONE_OFF",
            "Deploy to staging | ONE_OFF | after Run the tests +0",
            "Roll back | ONE_OFF | after Deploy to staging fails +0",
        ],
    ),
    (
        "Wait for the approval, then publish",
        &[
            "Wait for the approval | ONGOING 3600s goal the approval max 500 | on_change",
            "Publish | ONE_OFF | after Wait for the approval +0",
        ],
    ),
    (
        "Keep checking every 5 minutes until the server is up",
        &["Keep checking until the server is up | ONGOING 300s goal the server is up max 500 | on_change"],
    ),
    (
        "Track my package and let me know when it arrives",
        &["Track my package | ONGOING 3600s goal it arrives max 500 | on_change"],
    ),
    (
        "tomorrow at 9 send the invoice, 2 days later call the customer, and after that escalate",
        &[
            "Send the invoice | ONE_OFF 2026-06-02 09:00",
            "Call the customer | ONE_OFF | after Send the invoice +172800",
            "Escalate | ONE_OFF | after Call the customer +0",
        ],
    ),
    (
        "Draft the contract and, once it is done, send it to legal",
        &[
            "Draft the contract | ONE_OFF",
            "Send it to legal | ONE_OFF | after Draft the contract +0",
        ],
    ),
    (
        "Publish the post tomorrow at 9, whatever happens, tell me",
        &[
            "Publish the post | ONE_OFF 2026-06-02 09:00",
            "Tell me how “Publish the post” ended | ONE_OFF | after Publish the post ends +0",
        ],
    ),
    (
        "Research the vendors, then tell me",
        &[
            "Research the vendors | ONE_OFF",
            "Tell me what came of “Research the vendors” | ONE_OFF | after Research the vendors +0",
        ],
    ),
    (
        "Remind Bob tomorrow at 9 to send the numbers",
        &["Send the numbers | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Ping me every 30 minutes until 18:00",
        &["Ping me | RECURRING 1800s until 2026-06-01 18:00"],
    ),
    (
        "Tell me tomorrow at 9 if it rains",
        &["Tell me if it rains | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Call the dentist friday",
        &["Call the dentist | ONE_OFF 2026-06-05 09:00"],
    ),
    (
        "Give me an hourly update on the election",
        &["Give me an update on the election | RECURRING 3600s"],
    ),
    (
        "By Friday, research these 50 companies, then write a summary",
        &[
            "Research these 50 companies | ONE_OFF",
            "Write a summary | ONE_OFF | after Research these 50 companies +0",
        ],
    ),
    (
        "Remind me tomorrow at 9: call Bob",
        &["Call Bob | ONE_OFF 2026-06-02 09:00"],
    ),
    (
        "Ask Bob every day at 10 whether the contract is signed, until 2026-06-20",
        &["Ask Bob whether the contract is signed | SCHEDULED 0 10 * * * until 2026-06-20 23:59"],
    ),
    (
        "Check the mailbox every 10 minutes at most 6 times",
        &["Check the mailbox | ONGOING 600s max 6"],
    ),
    (
        "Hey, could you please email Ann the minutes tomorrow at 8:30?",
        &["Email Ann the minutes | ONE_OFF 2026-06-02 08:30"],
    ),
    (
        "Send the proposal to the client, wait 3 days, follow up, wait 2 days, then escalate to my manager",
        &[
            "Send the proposal to the client | ONE_OFF",
            "Follow up | ONE_OFF | after Send the proposal to the client +259200",
            "Escalate to my manager | ONE_OFF | after Follow up +172800",
        ],
    ),
    (
        "Send the proposal tomorrow at 9, follow up in 3 days, then escalate after 2 more days",
        &[
            "Send the proposal | ONE_OFF 2026-06-02 09:00",
            "Follow up | ONE_OFF | after Send the proposal +259200",
            "Escalate | ONE_OFF | after Follow up +172800",
        ],
    ),
    (
        "First call Bob, then email Ann, finally update the sheet",
        &[
            "Call Bob | ONE_OFF",
            "Email Ann | ONE_OFF | after Call Bob +0",
            "Update the sheet | ONE_OFF | after Email Ann +0",
        ],
    ),
    ("Escalate after 2 days", &["Escalate | ONE_OFF 2026-06-03 10:00"]),
    (
        "Remind me tomorrow at 9 to buy 牛奶",
        &["Buy 牛奶 | ONE_OFF 2026-06-02 09:00"],
    ),
];

#[test]
fn sentences_become_jobs() {
    let mut wrong = Vec::new();
    for (text, expected) in UNDERSTOOD {
        let lines = match understood(text) {
            Ok(jobs) => jobs.iter().map(line).collect(),
            Err(error) => vec![format!("error: {}", error.message)],
        };
        if lines != *expected {
            wrong.push(format!("{text}\n   expected {expected:#?}\n   but is {lines:#?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} sentences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(UNDERSTOOD.len() >= 104);
}

/// Tasks with words that look like times: done once, as they stand, as soon as possible.
const WITHOUT_A_TIME: &[&str] = &[
    "Research these 50 companies",
    "Summarise invoice 17",
    "List the top 5 vendors",
    "Make 3 slides about the product",
    "Explain it in 2 sentences",
    "Write a note about the party at the office",
    "Fix the typo on the website",
    "Summarise the Monday report",
    "Look at 5 companies",
    "Call every second customer",
    "Email each team about the move",
    "Send an invoice to every customer",
    "Read chapter 9 and chapter 10",
    "Compare the 2024 and 2025 budgets",
    "Draft the agenda for tomorrow",
    "Summarise today's news",
    "Update the weekly report",
    "Translate \"meet me tomorrow at 9\" to German",
    "Find flights from 9 airports",
    "Buy 2 monday.com licences",
    "Write about May and June",
    "Find 3 restaurants in the area at a good price",
    "Order pizza for 8",
    "Increase the budget by 5 percent",
    "Write by hand a card for Ann",
    "Send the file to bob@example.com by email",
    "Write a poem about every day life",
    "Research the history of Good Friday",
    "List the members of the 9am standup",
    "Answer the mail from last Friday",
    "Prepare next week's menu",
    "Put the note on the 2nd floor",
    "Walk the dog 2 hours after lunch",
    "Add version 2.1 to the changelog",
    "Watch the video",
    "Tell me a joke",
    "Check https://example.com",
];

#[test]
fn what_only_looks_like_a_time_is_left_in_the_task() {
    for text in WITHOUT_A_TIME {
        let jobs = understood(text).unwrap_or_else(|error| panic!("{text}: {}", error.message));
        let [job] = jobs.as_slice() else {
            panic!("{text}: {} jobs", jobs.len())
        };
        assert_eq!(job.job_type, JobType::OneOff, "{text}");
        assert_eq!(job.trigger_config.run_at, None, "{text}");
        assert_eq!(job.payload, *text);
        assert_eq!(job.summary, "Once, as soon as possible.", "{text}");
        assert_eq!(job.next_runs, ["2026-06-01T10:00:00+02:00"], "{text}");
    }
}

/// What is refused, with words of the error that say which part.
const REFUSED: &[(&str, &str)] = &[
    ("Remind me to call Bob", "does not say when"),
    ("Remind me about it", "does not say when"),
    ("Remind me", "does not say what of"),
    ("Remind me every Monday at 9", "does not say what of"),
    ("Set a reminder for 5pm", "does not say what of"),
    ("Remind me by friday to send the invoice", "is a deadline"),
    ("Remind me today to call Bob", "is a deadline"),
    ("Remind me every full moon to dance", "“every full moon”"),
    ("Send me the report every payday", "“every payday”"),
    ("Every payday, send me the balance", "“Every payday”"),
    ("Remind me at 25:00 to sleep", "25:00 is no time of day"),
    ("Call me on the 32nd", "“on the 32nd”"),
    ("Call Bob tomorrow at 9 or 10", "“tomorrow at 9 or 10”"),
    ("Order flowers for 2026-06-20 at 10", "“for 2026-06-20 at 10”"),
    ("Prepare the notes for tomorrow at 9", "“for tomorrow at 9”"),
    ("Send the report every hour every day at 9", "are two times"),
    (
        "Remind me every Monday to call Bob every Friday at 9",
        "are two times",
    ),
    (
        "Remind me on Monday at 9 and on Tuesday at 10 to call Bob",
        "are two times",
    ),
    ("Email Bob on Monday and Ann on Tuesday", "are two times"),
    (
        "Prepare slides for the meeting on Friday",
        "not clear whether “on Friday”",
    ),
    ("When the customer signs, send the invoice", "no earlier step"),
    ("If the build fails, tell me", "no earlier step"),
    (
        "Ask Bob for the figures tomorrow at 9; when he answers, send them to Ann",
        "no earlier step",
    ),
    (
        "Every Monday send the report, follow up in 2 days",
        "repeats without an end",
    ),
    (
        "Watch https://example.com every hour, wait 2 days, then escalate",
        "repeats without an end",
    ),
    ("Ask Bob for the report until he sends it", "how often"),
    (
        "Deploy, if it fails tell me, then announce it",
        "after the failure or after the success",
    ),
    ("Send the proposal, wait 2 days", "ends with a wait"),
    ("Send the proposal, then call after 100 weeks", "at most"),
    ("Watch this page and tell me when it changes", "give its URL"),
    ("Watch this page", "give its URL"),
    ("Watch that site every hour", "give its URL"),
    ("Watch it and tell me when it changes", "give its URL"),
    ("Tell me when it changes", "give its URL"),
    ("Every Monday at 9", "does not say what to do"),
    ("tomorrow at 9", "does not say what to do"),
    ("then", "does not say what to do"),
    ("!!!", "does not say what to do"),
    ("Remind me on 2020-01-01 to call Bob", "is past"),
    ("Call Bob today at 9", "is past"),
    ("Remind me every second to blink", "when to remind"),
    (
        "Erinnere mich jeden Montag um 9 an die Rechnungen",
        "Only English",
    ),
    ("Recuérdame cada lunes pagar", "Only English"),
    ("每周一提醒我付账单", "Only English"),
    ("Напомни мне завтра позвонить Бобу", "Only English"),
    ("ذكرني كل يوم اثنين بالفواتير", "Only English"),
    ("", "empty"),
    ("   ", "empty"),
    (
        "Remind me\u{7} tomorrow at 9 to call Bob",
        "control character (U+0007)",
    ),
];

#[test]
fn what_is_not_understood_is_an_error_that_says_which_part() {
    let mut others = Vec::new();
    for (text, words) in REFUSED {
        match understood(text) {
            Ok(jobs) => panic!("{text}: {:?}", jobs.iter().map(line).collect::<Vec<_>>()),
            Err(error) => {
                assert_eq!(error.code, ErrorCode::InvalidArgument, "{text}");
                assert_eq!(error.field.as_deref(), Some("text"), "{text}: {}", error.message);
                // The reader of words quotes otherwise.
                let plain = |text: &str| text.replace(['“', '”'], "`");
                let told = plain(&error.message);
                if !told.contains(&plain(words)) {
                    others.push(format!("{text}: {told}"));
                }
            }
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    assert!(REFUSED.len() + WITHOUT_A_TIME.len() >= 80);
}

#[test]
fn the_payload_is_the_users_words_less_the_schedule() {
    let table = [
        (
            "Remind me every Monday at 9 about pending invoices",
            "Remind me about pending invoices",
        ),
        (
            "Tomorrow at 9am, remind me to send the contract",
            "Remind me to send the contract",
        ),
        ("Remind me tomorrow at 9: call Bob", "Remind me: call Bob"),
        (
            "Set a reminder for 5pm to feed the cat",
            "Remind me: feed the cat",
        ),
        (
            "Research these 50 companies by morning",
            "Research these 50 companies by morning",
        ),
        (
            "watch example.com/pricing every hour and tell me when it changes",
            "Watch https://example.com/pricing and tell me when it changes",
        ),
        (
            "Every Monday pull the numbers, then email them to Bob",
            "Pull the numbers, then email them to Bob",
        ),
        (
            "Check every hour until the build is green",
            "Check whether it has come to this: the build is green",
        ),
        ("Could you please send me an hourly update?", "Send me an update"),
        (
            "Run the backup every day at 2, if it fails, tell me",
            "Run the backup, if it fails, tell me",
        ),
        (
            "Remind me every Monday about pending invoices. Include the amounts.",
            "Remind me about pending invoices. Include the amounts",
        ),
    ];
    for (text, payload) in table {
        let jobs = understood(text).unwrap_or_else(|error| panic!("{text}: {}", error.message));
        assert_eq!(jobs.len(), 1, "{text}");
        assert_eq!(jobs[0].payload, payload, "{text}");
    }
}

#[test]
fn every_job_of_a_chain_knows_the_whole_sentence() {
    let text = "Deploy the site; if it fails, roll back; then tell Ann";
    assert!(understood(text).is_err(), "after which of them?");
    let text = "Deploy the site tomorrow at 9, if it fails, roll back";
    let jobs = understood(text).unwrap();
    assert!(jobs.iter().all(|job| job.description.as_deref() == Some(text)));
    assert_eq!(jobs[1].payload, "“Deploy the site” failed. Roll back");
    assert_eq!(jobs[1].on_dependency_failure, Some(DependencyFailurePolicy::Skip));
    assert_eq!(jobs[1].next_runs, [""; 0]);
    assert_eq!(jobs[1].summary, "Once, as soon as “Deploy the site” has failed.");
}

#[test]
fn what_is_taken_for_granted_is_said() {
    let table = [
        ("Remind me every Monday about pending invoices", "09:00 is taken"),
        (
            "Research these 50 companies by morning",
            "“by morning” is a deadline that nothing enforces",
        ),
        (
            "Watch https://example.com and tell me when it changes",
            "every hour is taken",
        ),
        ("Ask Bob every day at 9 until he answers", "500 runs"),
        (
            "Update the weekly report",
            "“weekly” is taken as part of the task",
        ),
        (
            "Remind me tomorrow at 9 about the meeting on Friday",
            "“on Friday” is taken as part of the task",
        ),
    ];
    for (text, warning) in table {
        let warnings = &understood(text).unwrap()[0].warnings;
        assert!(
            warnings.iter().any(|said| said.contains(warning)),
            "{text}: {warnings:?}"
        );
    }
    let summary = |text: &str| understood(text).unwrap().pop().unwrap().summary;
    assert_eq!(
        summary("Research these 50 companies by morning"),
        "Once, as soon as possible, wanted by morning."
    );
    assert_eq!(
        summary("Send the offer, follow up in 1 week"),
        "Once, 1 week after “Send the offer” has succeeded."
    );
    assert_eq!(
        summary("Remind me tomorrow at 9 to call Bob"),
        "Once, on Tuesday 2026-06-02 at 09:00 (Europe/Berlin)."
    );
}

#[test]
fn local_times_need_a_zone_and_others_do_not() {
    let plan_in = |text: &str, zone: Option<&str>| {
        plan(
            &PlanRequest {
                timezone: zone.map(str::to_owned),
                ..request(text)
            },
            0,
        )
    };
    let error = plan_in("Remind me every Monday at 9 to pay", None).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("timezone"));
    assert!(
        error.message.contains("every monday at 9") && error.message.contains("IANA"),
        "{}",
        error.message
    );
    let error = plan_in("Remind me every hour to drink water", Some("CEST")).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("timezone"));
    for text in [
        "Remind me every day at 9 EST to call",
        "Call Bob tomorrow at 9 Berlin time",
    ] {
        let error = plan_in(text, Some("Europe/Berlin")).unwrap_err();
        assert_eq!(
            error.field.as_deref(),
            Some("timezone"),
            "{text}: {}",
            error.message
        );
    }
    for text in [
        "Remind me every hour to drink water",
        "Send it in 2 hours",
        "Write a poem",
        "Call Ann tomorrow at 9 UTC",
    ] {
        let jobs = plan_in(text, None).unwrap().jobs;
        assert_eq!(jobs[0].trigger_config.timezone.as_deref(), Some("UTC"), "{text}");
    }
    let jobs = plan_in("Call Ann tomorrow at 9 Europe/London", Some("Asia/Tokyo"))
        .unwrap()
        .jobs;
    assert_eq!(jobs[0].next_runs, ["2026-06-02T09:00:00+01:00"]);
}

#[test]
fn long_texts_are_taken_up_to_the_limit_and_long_titles_are_cut() {
    let long = |words: usize| format!("Remind me tomorrow at 9 to read{}", " on".repeat(words));
    let jobs = understood(&long(600)).unwrap();
    assert!((70..=limits::PLAN_TITLE_CHARS_MAX).contains(&jobs[0].title.chars().count()));
    assert!(jobs[0].title.ends_with('…'));
    let error = understood(&long(limits::PLAN_TEXT_CHARS_MAX)).unwrap_err();
    assert!(error.message.contains("at most 2000"), "{}", error.message);
    let steps = |count: usize| vec!["call Bob"; count].join(", then ");
    assert_eq!(
        understood(&steps(limits::PLAN_JOBS_MAX)).unwrap().len(),
        limits::PLAN_JOBS_MAX
    );
    assert!(
        understood(&steps(limits::PLAN_JOBS_MAX + 1))
            .unwrap_err()
            .message
            .contains("more than 20 jobs")
    );
}

#[test]
fn titles_differ_so_that_steps_can_name_each_other() {
    let jobs = understood("Call Bob, then call Bob, then call Bob").unwrap();
    let titles: Vec<&str> = jobs.iter().map(|job| job.title.as_str()).collect();
    assert_eq!(titles, ["Call Bob", "Call Bob (2)", "Call Bob (3)"]);
    assert_eq!(jobs[2].depends_on[0].job, "Call Bob (2)");
}

/// Creates the jobs as a client does: in order, prerequisites by id.
fn create_all(jobs: &[PlannedJob]) -> Result<Vec<JobStatus>, ToolError> {
    let model = Model::new();
    let mut ids: HashMap<&str, String> = HashMap::new();
    let mut statuses = Vec::new();
    for job in jobs {
        let depends_on = job.depends_on.iter().map(|edge| Dependency {
            job: ids[edge.job.as_str()].clone(),
            ..edge.clone()
        });
        let request = JobCreateRequest {
            title: job.title.clone(),
            payload: job.payload.clone(),
            description: job.description.clone(),
            job_type: Some(job.job_type),
            trigger_config: Some(job.trigger_config.clone()),
            depends_on: Some(depends_on.collect()),
            depends_on_job_ids: None,
            on_dependency_failure: job.on_dependency_failure,
            retry: None,
            timeout_seconds: None,
            budget: None,
            tool_policy: None,
            notify: job.notify,
            idempotency_key: None,
            confirm_new: Some(true),
            agent_id: None,
            user_id: None,
            related_entity_id: None,
            narrative_id: None,
        };
        let answer = create::create(&model, &caller(), &request)?;
        assert_eq!(answer.job.job_type, job.job_type);
        assert_eq!(answer.job.trigger_config, job.trigger_config);
        if job.depends_on.is_empty() {
            assert_eq!(answer.next_runs, job.next_runs);
        }
        statuses.push(answer.job.status);
        ids.insert(&job.title, answer.job.job_id);
    }
    Ok(statuses)
}

#[test]
fn what_is_understood_can_be_created_as_it_is() {
    for (text, _) in UNDERSTOOD {
        let jobs = understood(text).unwrap();
        let statuses = create_all(&jobs).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        for (job, status) in jobs.iter().zip(statuses) {
            let waits = !job.depends_on.is_empty();
            assert_eq!(
                status,
                if waits {
                    JobStatus::Pending
                } else {
                    JobStatus::Active
                },
                "{text}"
            );
        }
    }
}

/// Pieces of sentences, among them all that the reading turns on.
const PIECES: &[&str] = &[
    "remind me",
    "every",
    "monday",
    "at 9",
    "at",
    "9",
    "tomorrow",
    "in 3 days",
    "then",
    ",",
    ";",
    ".",
    "and",
    "if it fails",
    "when that is done",
    "until",
    "friday",
    "watch",
    "https://example.com/a",
    "tell me when it changes",
    "send",
    "the report",
    "by noon",
    "for 3 weeks",
    "starting",
    "2026-12-24",
    "wait",
    "2 days later",
    "daily",
    "to",
    "about",
    "\"",
    "“x”",
    "1.",
    "2.",
    "at most",
    "5 times",
    "from",
    "on",
    "the",
    "of",
    "month",
    "once",
    "a",
    "UTC",
    "EST",
    "Europe/Berlin",
    "time",
    ":",
    "-",
    "\n",
    "follow up",
    "escalate",
    "no",
    "it",
    "this page",
    "牛奶",
    "’",
    "999999999999",
    "in",
    "weeks",
    "before",
    "between",
];

/// Accepted or refused, whatever it is: no panic, and what is accepted can be created.
fn holds(text: &str) {
    match understood(text) {
        Ok(jobs) => {
            assert!(!jobs.is_empty(), "{text:?}");
            create_all(&jobs).unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
            for job in jobs {
                assert!(
                    job.title.chars().count() <= limits::PLAN_TITLE_CHARS_MAX + 5,
                    "{text:?}"
                );
            }
        }
        Err(error) => {
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{text:?}");
            assert!(
                matches!(error.field.as_deref(), Some("text" | "timezone")),
                "{text:?}: {error:?}"
            );
            assert!(!error.message.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_understood_or_refused(text in ".{0,200}") {
        holds(&text);
    }

    #[test]
    fn any_words_are_understood_or_refused(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..16)) {
        holds(&pieces.join(" "));
    }
}
