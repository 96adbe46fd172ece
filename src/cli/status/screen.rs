//! The screen of `noctriage status`: a function of what the daemon says. Every share stands with its count and its
//! interval; what is missing and what to do stand in sentences.

use std::fmt::Write as _;

use crate::admin::accuracy::{AccuracyRecord, RowRecord, ScoreRecord};
use crate::admin::gates::GatesStatus;
use crate::admin::rollout::GivenStatus;
use crate::admin::status::{PermissionStatus, SliceStatus, Status, VerdictsStatus};
use crate::domain::stage::Stage;
use crate::rollout::standing::VerdictStanding;

use super::rollout_lines::{
    Detail, accuracy_line, minute, not_reachable, rollout_line, rollout_to_do, since, step_lines,
};

/// Draws everything, or one slice.
pub(super) fn draw(status: &Status, slice: Option<&str>, detail: Detail) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        writeln!(text, "{}", line.trim_end()).expect("writing to a String does not fail");
    };
    head(status, &mut line);
    let approval = |shown: &SliceStatus| {
        let mut approvals = status.rollout.iter().flat_map(|rollout| &rollout.approvals);
        approvals.find(|approval| approval.slice == shown.slice)?.given.as_ref()
    };
    for shown in status.slices.iter().filter(|shown| slice.is_none_or(|slice| shown.slice == slice)) {
        line(String::new());
        match &status.gates {
            None => slice_lines(shown, &mut line),
            Some(gates) if slice.is_none() => {
                earned_lines(shown, gates, approval(shown), detail, &mut line);
                shown.accuracy.iter().map(accuracy_line).for_each(&mut line);
            }
            Some(gates) => {
                earned_lines(shown, gates, approval(shown), Detail::Gates, &mut line);
                if let Some(accuracy) = &shown.accuracy {
                    accuracy_lines(accuracy, &mut line);
                }
            }
        }
    }
    // One slice and all of them are the same rows twice; where stages are earned, the screen is for what they wait for.
    let is_table = slice.is_none() && status.slices.len() > 1 && status.gates.is_none();
    if let Some(all) = status.all_slices.as_ref().filter(|_| is_table) {
        line(String::new());
        line("all slices (a report; it earns nothing)".into());
        accuracy_lines(all, &mut line);
    }
    line(String::new());
    // One slice, and all gates, have it among the rest of their outlook.
    if slice.is_none() && detail == Detail::Short {
        let steps = status.slices.iter().filter_map(|shown| shown.step.as_ref());
        not_reachable(steps).into_iter().for_each(&mut line);
    }
    let to_do = to_do(status, slice);
    if to_do.is_empty() {
        line("to do: nothing".into());
    } else {
        line("to do:".into());
        for sentence in to_do {
            line(format!("  - {sentence}"));
        }
    }
    text
}

fn head(status: &Status, line: &mut impl FnMut(String)) {
    let Status { version, instance, answered_at, triage, rollout, reading, verdicts, .. } = status;
    let state = match (triage.ready, triage.partitions) {
        (true, Some(partitions)) => format!("taking tickets from {partitions} partitions"),
        (true, None) => "taking tickets".to_owned(),
        (false, _) => format!("not taking tickets: {}", triage.reasons.join("; ")),
    };
    line(format!("noctriage {version} on {instance}, {} UTC: {state}", minute(*answered_at)));
    if let Some(rollout) = rollout {
        line(rollout_line(rollout));
    }
    let records: u64 = reading.records.values().sum();
    line(match reading.behind_ms {
        None => format!("evidence: being read, {records} records so far, {} to go", reading.offsets_left),
        Some(behind) => format!(
            "evidence: {} tickets from {records} records, read up to {}",
            reading.tickets,
            if behind < 60_000 { "now".to_owned() } else { format!("{} min ago", behind / 60_000) }
        ),
    });
    if let Some(verdicts) = verdicts {
        line(verdicts_line(verdicts));
    }
}

fn verdicts_line(verdicts: &VerdictsStatus) -> String {
    let standings: Vec<String> = VerdictStanding::ALL
        .iter()
        .filter_map(|standing| Some((standing, *verdicts.standings.get(standing.as_str())?)))
        .filter(|(_, count)| *count > 0)
        .map(|(standing, count)| format!("{} {count}", standing.as_str()))
        .collect();
    let ours =
        if verdicts.ours > 0 { format!("; {} of our own writes left out", verdicts.ours) } else { String::new() };
    if standings.is_empty() {
        format!("verdicts: none yet{ours}")
    } else {
        format!("verdicts: {}{ours}", standings.join(", "))
    }
}

fn slice_lines(slice: &SliceStatus, line: &mut impl FnMut(String)) {
    head_of_slice(slice, line);
    match &slice.accuracy {
        Some(accuracy) => accuracy_lines(accuracy, line),
        None => line("  not counted yet: evidence is still being read".into()),
    }
    if let Some(next) = &slice.next {
        line(format!("  next: {}: {}", next.stage.0, next.sentence));
    }
}

/// A slice that earns its stages, but for its accuracy.
fn earned_lines(
    slice: &SliceStatus,
    gates: &GatesStatus,
    approval: Option<&GivenStatus>,
    detail: Detail,
    line: &mut impl FnMut(String),
) {
    head_of_slice(slice, line);
    step_lines(slice.step.as_ref(), gates, approval, detail, line);
}

fn head_of_slice(slice: &SliceStatus, line: &mut impl FnMut(String)) {
    let name = &slice.slice;
    line(match &slice.permission {
        Some(permission) => format!("slice {name}: {}", stage(permission, &since(slice.step.as_ref()))),
        None => format!("slice {name}: no longer configured"),
    });
    if slice.permission.as_ref().and_then(|permission| permission.draw).is_some_and(|draw| draw.is_short) {
        line(
            "  no more are drawn in this stage, and the gates of the next step still take more than 14 days".to_owned(),
        );
    }
}

fn stage(permission: &PermissionStatus, since: &str) -> String {
    let draw = permission.draw.map(|draw| {
        let auto = if draw.is_auto { " (auto)" } else { "" };
        format!("{:.0} %{auto}", 100.0 * draw.evidence_rate)
    });
    let what = match permission.stage.0 {
        Stage::Shadow => {
            let of = draw.as_ref().map_or_else(String::new, |draw| format!(" of {draw}"));
            format!("people do everything, a sample{of} is predicted")
        }
        Stage::Suggest => "answers are shown, people decide".to_owned(),
        Stage::AutoTriage => format!("{:.0} % of eligible tickets are triaged", 100.0 * permission.auto_triage),
        Stage::AutoResolve => format!(
            "{:.0} % of eligible tickets are triaged, {:.0} % resolved",
            100.0 * permission.auto_triage,
            100.0 * permission.auto_resolve
        ),
    };
    let fixed = if permission.is_fixed { ", fixed by rollout.fixed_stage" } else { "" };
    let blind = draw.filter(|_| permission.stage.0 > Stage::Shadow);
    let blind = blind.map_or_else(String::new, |draw| format!("; {draw} are decided blind"));
    format!("{}{since} ({what}{fixed}{blind})", permission.stage.0)
}

fn accuracy_lines(accuracy: &AccuracyRecord, line: &mut impl FnMut(String)) {
    let counts = [
        (accuracy.judged, "judged"),
        (accuracy.waiting, "waiting"),
        (accuracy.missing, "missing"),
        (accuracy.disputed, "disputed"),
        (accuracy.late_decision, "decided late"),
        (accuracy.no_verdict_due, "ended alone"),
    ];
    let rest: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    let rest = if rest.is_empty() { String::new() } else { format!(": {}", rest.join(", ")) };
    line(format!("  {} drawn{rest}", accuracy.drawn));
    if accuracy.judged > 0 {
        line(format!(
            "  {:<32} {:>13} {:>6}  {:<10} {:>7} {:>8} {:>6}",
            "severity", "right", "", "95 %", "too low", "too high", "alone"
        ));
    }
    for row in &accuracy.rows {
        let alone = if row.role == "acting" { String::new() } else { row.alone_right.to_string() };
        line(score_line(&name_of(row), &row.score, &alone));
    }
    let engineers = &accuracy.engineers;
    if engineers.tickets_read_twice > 0 {
        line(score_line("engineers, read twice", &engineers.readings, ""));
    }
    if let (Some(among), Some(with)) = (engineers.agreement_among_readers, engineers.agreement_with_acting) {
        line(format!(
            "  agreement on {} tickets read twice: engineers {:.0} %, the model with engineers {:.0} %",
            engineers.tickets_read_twice,
            100.0 * among,
            100.0 * with
        ));
    }
    if accuracy.rows_left_out > 0 {
        line(format!("  and {} models with fewer answers", accuracy.rows_left_out));
    }
}

fn name_of(row: &RowRecord) -> String {
    match (&row.model, &row.version) {
        (Some(model), Some(version)) => format!("{} {model} {version}", row.role),
        (Some(model), None) => format!("{} {model}", row.role),
        (None, _) => row.role.clone(),
    }
}

fn score_line(name: &str, score: &ScoreRecord, alone: &str) -> String {
    let name: String = name.chars().take(32).collect();
    let share =
        if score.of > 0 { format!("{:.0} %", 100.0 * score.right as f64 / score.of as f64) } else { String::new() };
    let range =
        score.interval_95.map_or_else(String::new, |[low, high]| format!("{:.0} to {:.0}", 100.0 * low, 100.0 * high));
    let right = format!("{} of {}", score.right, score.of);
    format!("  {name:<32} {right:>13} {share:>6}  {range:<10} {:>7} {:>8} {alone:>6}", score.too_low, score.too_high)
}

/// What somebody should do now, most urgent first.
fn to_do(status: &Status, slice: Option<&str>) -> Vec<String> {
    let mut sentences = Vec::new();
    if !status.triage.ready {
        sentences.push("tickets are not taken: see above; docs/runbook.md has a section for each reason".to_owned());
    }
    sentences.extend(status.problems.iter().map(|problem| format!("{}. hint: {}", problem.what, problem.hint)));
    if let Some(rollout) = &status.rollout {
        sentences.extend(rollout_to_do(rollout, status.gates.as_ref()));
    }
    let is_explicit = status.verdicts.as_ref().is_some_and(|verdicts| verdicts.truth == "explicit");
    for shown in status.slices.iter().filter(|shown| slice.is_none_or(|slice| shown.slice == slice)) {
        let name = &shown.slice;
        let Some(accuracy) = &shown.accuracy else { continue };
        if accuracy.waiting > 0 && is_explicit {
            sentences.push(format!(
                "{name}: {} drawn tickets wait for a person. hint: `noctriage verdicts rate`",
                accuracy.waiting
            ));
        }
        if accuracy.missing > 0 {
            sentences.push(format!(
                "{name}: nobody answered {} drawn tickets in time: they count as wrong",
                accuracy.missing
            ));
        }
        if shown.next.as_ref().is_some_and(|next| next.is_shown) {
            sentences.push(format!("{name}: enough is counted to show the answers. hint: `rollout.fixed_stage = \"suggest\"` shows them, in every slice"));
        }
    }
    sentences
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
