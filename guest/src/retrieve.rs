//! The three retrieval tools and the directory.

use crate::bindings::directory::{JobsAnswer, JobsRequest, RunsAnswer, RunsRequest};
use crate::bindings::storage::{
    EdgeFilter, JobFilter, Page, PrerequisiteEdges, RunFilter, SearchMode, SearchQuery,
};
use crate::bindings::tools::{
    ByIdAnswer, ByIdRequest, ByKeywordsAnswer, ByKeywordsRequest, Fit, KeywordMatch, KeywordSort, RunView,
    ScoredJob, SemanticAnswer, SemanticRequest, ToolError,
};
use crate::bindings::types::{Caller, Job, JobStatus, JobType};
use crate::errors::{bad_cursor, invalid, range, text, unknown_run};
use crate::forecast;
use crate::limits;
use crate::plan;
use crate::prerequisites::own;
use crate::reach;
use crate::stop::load;
use crate::views;
use crate::world::World;

fn filter(
    caller: &Caller,
    status: Option<&[JobStatus]>,
    job_type: Option<&[JobType]>,
    include_archived: Option<bool>,
) -> JobFilter {
    JobFilter {
        statuses: status.unwrap_or_default().into(),
        job_types: job_type.unwrap_or_default().into(),
        include_archived: include_archived.unwrap_or(false),
        ..own(caller)
    }
}

fn page(limit: Option<u32>, default: u32, cursor: Option<String>) -> Result<Page, ToolError> {
    range("limit", limit, 1, limits::LIST_LIMIT_MAX)?;
    if let Some(cursor) = &cursor {
        text("cursor", cursor, 1, limits::NAME_CHARS_MAX)?;
    }
    Ok(Page {
        limit: limit.unwrap_or(default),
        cursor,
        count: true,
    })
}

/// See `wit/tools.wit`.
pub fn semantic(
    world: &impl World,
    caller: &Caller,
    request: &SemanticRequest,
) -> Result<SemanticAnswer, ToolError> {
    reach::running(world, caller)?;
    text("query", &request.query, 1, limits::QUERY_CHARS_MAX)?;
    let found = world.search_jobs(&SearchQuery {
        terms: vec![request.query.clone()],
        mode: SearchMode::Meaning,
        best_first: true,
        filter: filter(
            caller,
            request.status.as_deref(),
            request.job_type.as_deref(),
            request.include_archived,
        ),
        page: page(request.limit, limits::SEMANTIC_LIMIT_DEFAULT, None)?,
    })?;
    let (jobs, scores): (Vec<Job>, Vec<f64>) = found.hits.into_iter().map(|hit| (hit.job, hit.score)).unzip();
    let jobs = views::jobs(world, &jobs)?;
    let jobs = jobs
        .into_iter()
        .zip(scores)
        .map(|(job, score)| ScoredJob {
            job,
            score: score.clamp(0.0, 1.0),
            fit: fit(score),
        })
        .collect();
    Ok(SemanticAnswer {
        jobs,
        total: found.total,
        mode: found.mode,
    })
}

/// What a score means (`wit/storage.wit`, `hit`).
fn fit(score: f64) -> Fit {
    if score >= limits::FIT_STRONG {
        Fit::Strong
    } else if score >= limits::FIT_POSSIBLE {
        Fit::Possible
    } else {
        Fit::Weak
    }
}

/// See `wit/tools.wit`.
pub fn by_keywords(
    world: &impl World,
    caller: &Caller,
    request: &ByKeywordsRequest,
) -> Result<ByKeywordsAnswer, ToolError> {
    reach::running(world, caller)?;
    if request.keywords.is_empty() || request.keywords.len() > limits::KEYWORDS_MAX {
        return Err(invalid(
            "keywords",
            format!("Give 1 to {} keywords.", limits::KEYWORDS_MAX),
        ));
    }
    for (index, keyword) in request.keywords.iter().enumerate() {
        text(&format!("keywords[{index}]"), keyword, 1, limits::NAME_CHARS_MAX)?;
    }
    let found = world.search_jobs(&SearchQuery {
        terms: request.keywords.clone(),
        mode: match request.match_.unwrap_or(KeywordMatch::Any) {
            KeywordMatch::Any => SearchMode::AnyTerm,
            KeywordMatch::All => SearchMode::AllTerms,
        },
        best_first: request.sort == Some(KeywordSort::Relevance),
        filter: filter(
            caller,
            request.status.as_deref(),
            request.job_type.as_deref(),
            None,
        ),
        page: page(request.limit, limits::LIST_LIMIT_DEFAULT, request.cursor.clone())?,
    })?;
    let jobs: Vec<Job> = found.hits.into_iter().map(|hit| hit.job).collect();
    Ok(ByKeywordsAnswer {
        jobs: views::jobs(world, &jobs)?,
        next_cursor: found.next_cursor,
        total: found.total,
    })
}

/// See `wit/tools.wit`.
pub fn by_id(world: &impl World, caller: &Caller, request: &ByIdRequest) -> Result<ByIdAnswer, ToolError> {
    reach::running(world, caller)?;
    range("include_runs", request.include_runs, 0, limits::RUNS_SHOWN_MAX)?;
    let job = load(world, caller, &request.job_id)?;
    let limit = request.include_runs.unwrap_or(limits::RUNS_SHOWN_DEFAULT);
    let zone = plan::zone(&job.spec);
    let runs = if limit == 0 {
        Vec::new()
    } else {
        world.find_runs(&RunFilter {
            job: job.id.clone(),
            statuses: Vec::new(),
            before: None,
            limit,
        })?
    };
    let mut dependents = Vec::new();
    if job.state.dependents > 0 {
        let edges = world.find_edges(&EdgeFilter::OfPrerequisite(PrerequisiteEdges {
            prerequisite: job.id.clone(),
            statuses: Vec::new(),
            after: None,
            limit: limits::DEPENDENTS_SHOWN_MAX,
        }))?;
        let jobs = views::by_id(world, edges.iter().map(|edge| edge.dependent.clone()))?;
        dependents = edges
            .iter()
            .filter_map(|edge| {
                jobs.get(&edge.dependent)
                    .map(|other| views::dependency(edge, other))
            })
            .collect();
    }
    let view = views::job(world, &job)?;
    let changes = world.find_changes(&job.id, limits::HISTORY_SHOWN_MAX)?;
    Ok(ByIdAnswer {
        history: views::history(&job, changes),
        depends_on: view.depends_on.clone(),
        forecast: forecast::of(&job, world.now()),
        job: view,
        runs: runs.into_iter().map(|run| views::run(run, zone)).collect(),
        dependents,
    })
}

/// See `wit/directory.wit`.
pub fn jobs(world: &impl World, caller: &Caller, request: &JobsRequest) -> Result<JobsAnswer, ToolError> {
    reach::running(world, caller)?;
    let filter = filter(
        caller,
        request.status.as_deref(),
        request.job_type.as_deref(),
        request.include_archived,
    );
    let page = page(request.limit, limits::LIST_LIMIT_DEFAULT, request.cursor.clone())?;
    let found = world.find_jobs(&filter, &page)?;
    Ok(JobsAnswer {
        jobs: views::jobs(world, &found.jobs)?,
        next_cursor: found.next_cursor,
        total: found.total,
    })
}

/// See `wit/directory.wit`.
pub fn runs(world: &impl World, caller: &Caller, request: &RunsRequest) -> Result<RunsAnswer, ToolError> {
    reach::running(world, caller)?;
    range("limit", request.limit, 1, limits::LIST_LIMIT_MAX)?;
    let job = load(world, caller, &request.job_id)?;
    let before = match &request.cursor {
        None => None,
        Some(cursor) => Some(cursor.parse::<i64>().map_err(|_| bad_cursor())?),
    };
    let limit = request.limit.unwrap_or(limits::LIST_LIMIT_DEFAULT);
    let runs = world.find_runs(&RunFilter {
        job: job.id.clone(),
        statuses: Vec::new(),
        before,
        limit,
    })?;
    let full = runs.len() == limit as usize;
    let next_cursor = runs.last().filter(|_| full).map(|run| run.slot.to_string());
    let zone = plan::zone(&job.spec);
    Ok(RunsAnswer {
        runs: runs.into_iter().map(|run| views::run(run, zone)).collect(),
        next_cursor,
    })
}

/// See `wit/directory.wit`.
pub fn run(world: &impl World, caller: &Caller, run_id: &str) -> Result<RunView, ToolError> {
    reach::running(world, caller)?;
    text("run_id", run_id, 1, limits::NAME_CHARS_MAX)?;
    let unknown = || unknown_run(run_id);
    let run = world
        .get_runs(&[run_id.to_owned()])?
        .pop()
        .flatten()
        .ok_or_else(unknown)?;
    let job = load(world, caller, &run.job).map_err(|_| unknown())?;
    Ok(views::run(run, plan::zone(&job.spec)))
}
