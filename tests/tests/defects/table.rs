//! The table: each defect with the tests that would find it.

/// What is known of a defect.
pub enum Here {
    /// Each of these tests would fail if it were here.
    Shown(&'static [&'static str]),
    /// There is nothing that could be tested here, since …
    Nothing(&'static str),
}

use Here::{Nothing, Shown};

/// Number, the defect in words, and what is known of it here.
pub const DEFECTS: &[(u8, &str, Here)] = &[
    // A. What is promised and does not work.
    (
        1,
        "an end condition is never judged",
        Shown(&[
            "scenario_06_ongoing_until_condition",
            "a_goal_in_words_is_judged_by_the_pipeline_with_evidence_from_the_output",
            "an_ongoing_job_ends_when_its_condition_is_met",
        ]),
    ),
    (
        2,
        "chat cannot end an ongoing job",
        Shown(&["scenario_08_chat_resolution"]),
    ),
    (
        3,
        "dependencies do not gate",
        Shown(&["scenario_18_dependency_chain_and_outputs"]),
    ),
    (
        4,
        "dependents are never released",
        Shown(&[
            "scenario_18_dependency_chain_and_outputs",
            "a_prerequisite_that_ends_while_a_dependent_is_created_is_not_missed",
        ]),
    ),
    (
        5,
        "outputs of prerequisites are empty",
        Shown(&[
            "scenario_18_dependency_chain_and_outputs",
            "a_chain_with_delays_runs_in_order_and_hands_outputs_on",
        ]),
    ),
    (
        6,
        "a failed prerequisite counts as met",
        Shown(&[
            "scenario_19_dependency_failure_cancel_cycles_unknown",
            "a_failed_prerequisite_blocks_its_dependent_until_it_succeeds_after_all",
        ]),
    ),
    (
        7,
        "a cancelled prerequisite is waited for for ever",
        Shown(&[
            "scenario_19_dependency_failure_cancel_cycles_unknown",
            "policies_decide_what_a_failed_prerequisite_means",
            "a_chain_that_is_cut_goes_no_further",
        ]),
    ),
    (
        8,
        "jobs of one group find each other only in one order, or not at all",
        Shown(&[
            "scenario_18_dependency_chain_and_outputs",
            "an_unknown_or_foreign_prerequisite_is_refused",
        ]),
    ),
    (
        9,
        "whether to tell is asked and ignored",
        Shown(&[
            "on_change_is_silent_while_the_result_stays_the_same",
            "a_run_that_says_it_is_not_worth_telling_is_not_told",
            "how_a_run_ended_is_told_although_its_job_was_paused_meanwhile",
        ]),
    ),
    (
        10,
        "one door refuses what another sends",
        Shown(&["every_field_is_taken_over_http_as_over_mcp"]),
    ),
    (
        11,
        "a search by meaning needs a common word",
        Shown(&[
            "texts_get_vectors_and_lose_them",
            "the_model_finds_what_was_meant",
        ]),
    ),
    // B. Races and lost updates.
    (
        12,
        "a late analysis overwrites the state",
        Shown(&[
            "a_cancel_during_a_run_is_final",
            "an_ongoing_job_ends_after_its_iterations_whatever_comes_late",
            "stale_token_is_refused",
        ]),
    ),
    (
        13,
        "the job that is changed is one that a model named",
        Shown(&["a_run_speaks_for_its_own_job_and_owner_alone"]),
    ),
    (
        14,
        "pause and cancel are lost when the run ends",
        Shown(&[
            "a_pause_during_a_run_wins_and_the_result_is_kept",
            "what_a_job_did_while_it_was_paused_is_not_done_again",
            "a_cancel_during_a_run_is_final",
            "scenario_13_pause_and_resume",
        ]),
    ),
    (
        15,
        "a stale copy of the job is run and rescheduled",
        Shown(&["a_change_during_a_run_holds_from_then_on", "scenario_12_update"]),
    ),
    (
        16,
        "a start resets what another host runs",
        Shown(&[
            "scenario_16_crash_recovery",
            "a_second_host_on_the_same_file_is_refused",
            "no_double_claim",
        ]),
    ),
    (
        17,
        "released dependents are started twice",
        Shown(&[
            "two_prerequisites_that_end_one_after_the_other_release_their_dependent_once",
            "scenario_18_dependency_chain_and_outputs",
        ]),
    ),
    (
        18,
        "runs are analysed once for each job there is",
        Shown(&["jobs_that_run_together_count_once_each"]),
    ),
    (
        19,
        "journal entries are lost",
        Shown(&[
            "jobs_that_run_together_count_once_each",
            "scenario_06_ongoing_until_condition",
        ]),
    ),
    (
        20,
        "what belongs together is written in two steps",
        Shown(&["unit_is_all_or_nothing"]),
    ),
    (
        21,
        "parallel requests create twice",
        Shown(&[
            "scenario_09_idempotent_create",
            "parallel_creates_with_one_key_give_one_job",
            "duplicate_key_names_the_job",
        ]),
    ),
    (
        22,
        "two pollers fire a chain twice, and an error ends it",
        Shown(&[
            "scenario_15_exactly_one_claim",
            "concurrent_claims_are_disjoint",
            "nothing_is_lost_and_nothing_runs_twice",
        ]),
    ),
    // C. Time.
    (
        23,
        "a job is up to a minute late",
        Shown(&[
            "a_timer_armed_while_the_loop_looks_is_in_its_plan",
            "only_a_timer_before_the_planned_instant_ends_the_sleep",
            "scenario_18_dependency_chain_and_outputs",
        ]),
    ),
    (
        24,
        "a few hung runs stop everything",
        Shown(&[
            "hung_runs_end_at_their_deadline_and_others_go_on",
            "the_deadline_on_the_hosts_clock_ends_an_attempt_as_a_transient_failure",
        ]),
    ),
    (
        25,
        "what is due beyond the first page waits behind it",
        Shown(&["all_that_is_due_runs_however_much_it_is"]),
    ),
    (
        26,
        "one bad row stops all",
        Shown(&[
            "a_row_that_cannot_be_read_holds_nothing_up",
            "scenario_20_batch_isolation",
        ]),
    ),
    (
        27,
        "times are compared as texts",
        Shown(&["scenario_01_create_one_off", "claims_are_earliest_first"]),
    ),
    (
        28,
        "intervals drift",
        Shown(&[
            "scenario_04_recurring_interval",
            "a_repeating_job_keeps_its_phase_and_does_not_overlap",
        ]),
    ),
    (
        29,
        "intervals, counts and horizons have no bounds",
        Shown(&[
            "scenario_02_validation",
            "every_parameter_of_every_tool_is_checked_against_its_schema",
            "rules_beyond_the_schemas_name_their_field",
        ]),
    ),
    (
        30,
        "clock changes fire again and again, or at another time than shown",
        Shown(&[
            "scenario_03_scheduled_cron_across_dst",
            "cron_is_placed_on_the_time_line",
            "a_time_that_does_not_exist_fires_when_it_is_said_to",
        ]),
    ),
    (
        31,
        "one time without offset is local, another is UTC",
        Shown(&["times_without_offset_are_local_everywhere"]),
    ),
    (
        32,
        "a change of the interval drops goal and horizon",
        Shown(&[
            "scenario_12_update",
            "changing_the_interval_keeps_the_rest_of_the_trigger",
        ]),
    ),
    (
        33,
        "a finished job is revived and never runs",
        Shown(&["an_ended_job_is_retried_or_stays_ended"]),
    ),
    (
        34,
        "a job that is retried after it failed never runs",
        Shown(&["an_ended_job_is_retried_or_stays_ended"]),
    ),
    (
        35,
        "nobody can say what a missed time means, nor run a paused job now",
        Shown(&[
            "missed_times_are_made_up_for_as_was_asked",
            "after_an_outage_one_run_makes_up_and_the_others_are_recorded_as_missed",
        ]),
    ),
    // D. Failures.
    (
        36,
        "an exception before the run is the end of the job",
        Shown(&[
            "a_panic_of_the_agent_is_a_transient_failure_of_the_run",
            "transient_failures_are_retried_with_growing_waits_and_then_told",
        ]),
    ),
    (
        37,
        "an error from which the run recovered is a failure",
        Shown(&["scenario_17_transient_failure"]),
    ),
    (
        38,
        "tools cannot tell a repetition",
        Shown(&[
            "scenario_16_crash_recovery",
            "transient_failures_are_retried_with_growing_waits_and_then_told",
        ]),
    ),
    (
        39,
        "“401” in a text is taken for bad credentials",
        Shown(&["scenario_17_transient_failure"]),
    ),
    (
        40,
        "one bad run ends a recurring job",
        Shown(&["a_repeating_job_outlives_a_bad_run_and_is_paused_after_several"]),
    ),
    (
        41,
        "a shutdown kills runs and forgets that it did",
        Shown(&["a_host_that_is_asked_to_end_lets_runs_finish"]),
    ),
    (
        42,
        "failures are told to nobody, results by the model's favour",
        Shown(&[
            "scenario_20_delivery",
            "how_a_run_ended_is_told_although_its_job_was_paused_meanwhile",
            "once_key_holds",
        ]),
    ),
    (
        43,
        "a bounded scan never comes to some jobs that could go on",
        Shown(&[
            "scenario_17_is_resumed_by_what_cures_it",
            "a_pause_may_end_by_itself",
            "a_daily_budget_goes_on_the_next_day",
        ]),
    ),
    // E. Who may do what.
    (
        44,
        "anybody may change anybody's job",
        Shown(&[
            "nobody_touches_anothers_jobs",
            "tenants_are_isolated",
            "every_tool_answers_and_nobody_sees_anybody_elses_jobs",
        ]),
    ),
    (
        45,
        "one person's request ends in another's job",
        Shown(&["the_same_request_of_two_people_is_two_jobs"]),
    ),
    (
        46,
        "a title that is taken swallows another request",
        Shown(&["scenario_09_idempotent_create"]),
    ),
    (
        47,
        "a target that a model names is who the run works for",
        Shown(&["a_run_speaks_for_its_own_job_and_owner_alone"]),
    ),
    (
        48,
        "reads show others' jobs, or that they exist",
        Shown(&["scenario_11_retrieval_tools", "nobody_touches_anothers_jobs"]),
    ),
    (
        49,
        "texts from outside are mixed into the instructions",
        Shown(&["scenario_20_context", "a_request_survives_the_way_there_and_back"]),
    ),
    // Of a job and of its owner's parallel runs; how many jobs a person may have is not bounded.
    (
        50,
        "nothing bounds what is spent",
        Shown(&[
            "a_spent_budget_blocks_with_the_reason",
            "a_daily_budget_goes_on_the_next_day",
            "a_quota_failure_pauses_and_resuming_continues_the_same_run",
            "a_repeating_job_outlives_a_bad_run_and_is_paused_after_several",
        ]),
    ),
    // F. State and what is seen of it.
    (
        51,
        "any status may be set",
        Shown(&[
            "a_status_that_is_not_for_callers_is_refused",
            "ended_jobs_only_go_to_the_archive_and_failed_ones_back_by_retry",
            "ended_jobs_stay_ended",
            "scenario_14_cancel",
        ]),
    ),
    (
        52,
        "there are no runs, only a list of sentences",
        Shown(&[
            "scenario_04_recurring_interval",
            "research_is_done_overnight_and_its_result_is_there_in_the_morning",
            "runs_newest_slot_first",
        ]),
    ),
    (
        53,
        "what a job waits for is not shown",
        Shown(&[
            "scenario_17_transient_failure",
            "scenario_18_dependency_chain_and_outputs",
            "scenario_19_dependency_failure_cancel_cycles_unknown",
        ]),
    ),
    (
        54,
        "a job that hangs on no conversation is not seen, and is made again",
        Shown(&["scenario_10_similar_title", "scenario_11_retrieval_tools"]),
    ),
    (
        55,
        "a job has two ids of one look",
        Shown(&["scenario_18_dependency_chain_and_outputs"]),
    ),
    (
        56,
        "tools fail in different words",
        Shown(&[
            "every_parameter_of_every_tool_is_checked_against_its_schema",
            "random_json_is_answered_or_refused_by_the_contract",
        ]),
    ),
    (
        57,
        "an ongoing run does not know its goal",
        Shown(&["scenario_06_ongoing_until_condition", "scenario_20_context"]),
    ),
    (
        58,
        "the panel fails on some statuses",
        Nothing("it is the dashboard's matter, and tested there"),
    ),
    (
        59,
        "finished jobs accumulate at their targets",
        Nothing("nothing refers to a job but its own rows"),
    ),
    (
        60,
        "what is hard is not tested",
        Shown(&[
            "the_table_is_whole_and_names_tests_that_exist",
            "scenario_15_exactly_one_claim",
            "scenario_18_dependency_chain_and_outputs",
            "nothing_is_lost_and_nothing_runs_twice",
        ]),
    ),
];
