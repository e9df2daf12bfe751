//! The report of a simulation as people read it.

use crate::cli::table::table;
use crate::limits::NOTEWORTHY_SHOWN_MAX;
use crate::simulate::Report;

/// A time as people read it: the zone stands in the schedule.
fn minutes(time: Option<&String>) -> String {
    time.map(|time| time.chars().take(16).collect::<String>().replace('T', " "))
        .unwrap_or_default()
}

fn dollars_shown(cost_usd: f64) -> String {
    format!("{cost_usd:.2}")
}

pub(super) fn shown(report: &Report) -> String {
    let mut rows: Vec<Vec<String>> = report
        .jobs
        .iter()
        .map(|job| {
            let reason = job.status_reason.as_ref().and_then(|reason| reason.get("code"));
            let reason = reason.and_then(|code| code.as_str());
            vec![
                job.title.clone(),
                job.schedule_summary.clone(),
                job.fires.to_string(),
                job.succeeded.to_string(),
                job.failed.to_string(),
                job.retries.to_string(),
                job.missed.to_string(),
                job.messages.to_string(),
                job.tokens.to_string(),
                dollars_shown(job.cost_usd),
                minutes(job.first_fire.as_ref()),
                minutes(job.last_fire.as_ref()),
                reason.map_or_else(|| job.status.clone(), |code| format!("{} ({code})", job.status)),
            ]
        })
        .collect();
    let totals = &report.totals;
    rows.push(vec![
        "all jobs".to_owned(),
        String::new(),
        totals.fires.to_string(),
        totals.succeeded.to_string(),
        totals.failed.to_string(),
        totals.retries.to_string(),
        totals.missed.to_string(),
        totals.messages.to_string(),
        totals.tokens.to_string(),
        dollars_shown(totals.cost_usd),
    ]);
    let mut text = format!(
        "{} to {} ({}), seed {}\n\n",
        report.start, report.end, report.timezone, report.seed
    );
    text += &table(
        &[
            "TITLE",
            "SCHEDULE",
            "FIRES",
            "SUCCEEDED",
            "FAILED",
            "RETRIES",
            "MISSED",
            "MESSAGES",
            "TOKENS",
            "COST USD",
            "FIRST FIRE",
            "LAST FIRE",
            "STATUS",
        ],
        &rows,
    );
    if !report.noteworthy.is_empty() {
        text += "\nNoteworthy\n";
    }
    for thing in report.noteworthy.iter().take(NOTEWORTHY_SHOWN_MAX) {
        text += &format!("  {}: {}\n", thing.title, thing.message);
    }
    if let Some(more) = report
        .noteworthy
        .len()
        .checked_sub(NOTEWORTHY_SHOWN_MAX)
        .filter(|more| *more > 0)
    {
        text += &format!("  … and {more} more: --json has them all\n");
    }
    if let Some(fires) = &report.fires {
        let rows: Vec<Vec<String>> = fires
            .iter()
            .map(|fire| {
                vec![
                    fire.scheduled_for.clone(),
                    fire.started_at.clone(),
                    fire.status.clone(),
                    fire.attempt.to_string(),
                    fire.title.clone(),
                ]
            })
            .collect();
        text.push('\n');
        text += &table(
            &["SCHEDULED FOR", "STARTED AT", "STATUS", "ATTEMPT", "TITLE"],
            &rows,
        );
    }
    text
}
