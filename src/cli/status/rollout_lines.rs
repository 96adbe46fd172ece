//! The lines of the rollout: who leads, what is left of the lease, what is halted, and the next step of each slice. The most
//! important line of a slice first: what a person can do.

use crate::admin::accuracy::{AccuracyRecord, RowRecord};
use crate::admin::gates::{GatesStatus, NextStepStatus, StepStatus};
use crate::admin::rollout::{GivenStatus, HaltStatus, HaltsStatus, RolloutStatus};
use crate::wire::values::Instant;

/// How much is shown of each slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// What fits one screen.
    Short,
    /// Every gate that blocks, and the whole outlook.
    Gates,
}

/// Who leads, the lease, and what is halted.
pub(super) fn rollout_line(rollout: &RolloutStatus) -> String {
    format!("rollout: {}; {}", stages(rollout), halted(&rollout.halts))
}

fn stages(rollout: &RolloutStatus) -> String {
    let Some(left_s) = rollout.lease_left_s else { return "stages are fixed by the configuration".to_owned() };
    let leader = rollout.leader.as_ref().map(|leader| leader.instance.as_str());
    let lease = match (rollout.is_leading, leader) {
        (true, _) if left_s > 0.0 => format!("this instance leads, the lease lasts {left_s:.0} s"),
        (false, Some(leader)) if left_s > 0.0 => format!("{leader} leads, the lease lasts {left_s:.0} s"),
        (false, None) if left_s > 0.0 => format!("the lease lasts {left_s:.0} s"),
        (true, _) => "NO LEASE, nothing is automatic; this instance leads".to_owned(),
        (false, Some(leader)) => format!("NO LEASE, nothing is automatic; {leader} led last"),
        (false, None) => "NO LEASE, nothing is automatic; no leader has been heard of".to_owned(),
    };
    format!("revision {}, {lease}", rollout.revision)
}

fn halted(halts: &HaltsStatus) -> String {
    let HaltsStatus { is_known, by_file, by_socket, by_control, left_out } = halts;
    if !is_known {
        return "HALTED until control is read".to_owned();
    }
    let scopes = by_control.iter().map(|halt| halt.slice.as_deref().map_or("everything", |slice| slice));
    let file = by_file.then_some("everything by file");
    let socket = by_socket.as_ref().map(|_| "everything by socket");
    let mut halted: Vec<String> = file.into_iter().chain(socket).chain(scopes).map(str::to_owned).collect();
    if *left_out > 0 {
        halted.push(format!("{left_out} more"));
    }
    if halted.is_empty() { "nothing is halted".to_owned() } else { format!("HALTED: {}", halted.join(", ")) }
}

/// What somebody should do about halts and a lease that is not renewed.
pub(super) fn rollout_to_do(rollout: &RolloutStatus, gates: Option<&GatesStatus>) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(why) = &rollout.not_renewed {
        sentences.push(format!("this instance leads and does not renew the lease: {why}"));
    }
    for hole in gates.iter().flat_map(|gates| &gates.holes) {
        sentences.push(format!("evidence is missing: {hole}; promotion waits until a person acknowledges it"));
    }
    if rollout.halts.by_file {
        let hint = "remove the file that rollout.halt_file names, when it is over";
        sentences.push(format!("everything is halted on this instance by its halt file. hint: {hint}"));
    }
    if let Some(HaltStatus { slice: _, who, why, since }) = &rollout.halts.by_socket {
        sentences.push(format!(
            "everything has been halted on this instance by {who} since {}: {why}. hint: `noctriage resume --socket …`, when it is \
             over",
            minute(*since)
        ));
    }
    sentences.extend(rollout.halts.by_control.iter().map(halt));
    sentences
}

fn halt(halt: &HaltStatus) -> String {
    let HaltStatus { slice, who, why, since } = halt;
    let what = slice.as_deref().unwrap_or("everything");
    let option = slice.as_ref().map_or_else(String::new, |slice| format!(" --slice {slice}"));
    let since = minute(*since);
    format!(
        "{what} has been halted by {who} since {since}: {why}. hint: `noctriage resume{option} --reason …`, when it is over"
    )
}

/// `2026-11-01 02:26`.
pub(super) fn minute(at: Instant) -> String {
    at.to_string().chars().take(16).map(|letter| if letter == 'T' { ' ' } else { letter }).collect()
}

fn day(at: Instant) -> String {
    at.to_string().chars().take(10).collect()
}

/// ` since 2026-10-28`.
pub(super) fn since(step: Option<&StepStatus>) -> String {
    let since = step.and_then(|step| step.since);
    since.map_or_else(String::new, |since| format!(" since {}", day(since)))
}

/// What is missing for the next step, and what to do.
pub(super) fn step_lines(
    step: Option<&StepStatus>,
    gates: &GatesStatus,
    approval: Option<&GivenStatus>,
    detail: Detail,
    line: &mut impl FnMut(String),
) {
    if let Some(step) = step {
        line(format!("  to do: {}", step.to_do));
    }
    if let Some(why) = &gates.unread {
        line(format!("  the gates are not shown: {why}"));
    }
    let Some(step) = step else { return };
    if let Some(next) = &step.next {
        line(format!("  {}", next_line(next, step)));
    }
    match detail {
        // What a person must do about an approval stands above.
        Detail::Short => {}
        Detail::Gates => {
            if let Some(GivenStatus { who, until }) = approval {
                line(format!("  approved by {who} until {}", day(*until)));
            }
            for gate in step.next.iter().flat_map(|next| &next.waits_for) {
                line(format!("  waits for {}: {}", gate.gate, gate.sentence));
            }
            for sentence in &step.outlook {
                line(format!("  {sentence}"));
            }
        }
    }
}

/// "next auto_triage: 310 counted, 2 wrong; waits for traffic, soak; expected 2026-11-09; asked for by mira".
fn next_line(next: &NextStepStatus, step: &StepStatus) -> String {
    let NextStepStatus { permission, rise, counted, waits_for, expected, asked_by } = next;
    let what = match rise.as_str() {
        "share" => format!("a greater share of {permission}"),
        "threshold" => format!("{permission} at a lower threshold"),
        _ => permission.clone(),
    };
    let counted = counted.map(|read| format!("{} counted, {} wrong", read.counted, read.wrong));
    let gates: Vec<&str> = waits_for.iter().map(|gate| gate.gate.as_str()).collect();
    let gates = (!gates.is_empty()).then(|| format!("waits for {}", gates.join(", ")));
    let when = match (step.expectation.as_deref(), expected) {
        (Some("not_reachable"), _) => Some("not reachable as things stand".to_owned()),
        (Some("earned"), _) => Some("every gate passes".to_owned()),
        (Some(_), Some(at)) => Some(format!("expected {}", day(*at))),
        (Some(_), None) => Some("too early to say when".to_owned()),
        (None, _) => None,
    };
    let asked = asked_by.as_ref().map(|who| format!("asked for by {who}"));
    let parts: Vec<String> = [counted, gates, when, asked].into_iter().flatten().collect();
    if parts.is_empty() { format!("next {what}") } else { format!("next {what}: {}", parts.join("; ")) }
}

/// Why a permission cannot be reached, each sentence once, whichever slices it is of.
pub(super) fn not_reachable<'status>(steps: impl Iterator<Item = &'status StepStatus>) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for sentence in
        steps.flat_map(|step| &step.outlook).filter(|sentence| sentence.contains(" is not reachable because "))
    {
        if !sentences.contains(sentence) {
            sentences.push(sentence.clone());
        }
    }
    sentences
}

/// "severity right: source 30, baseline tfidf 34, acting desk 40 of 50 drawn and judged".
pub(super) fn accuracy_line(accuracy: &AccuracyRecord) -> String {
    let row = |row: &RowRecord| {
        let name = row.model.as_ref().map_or_else(|| row.role.clone(), |model| format!("{} {model}", row.role));
        format!("{name} {} of {}", row.score.right, row.score.of)
    };
    let rows: Vec<String> = accuracy.rows.iter().map(row).collect();
    let waiting = format!("{} drawn, {} judged", accuracy.drawn, accuracy.judged);
    if rows.is_empty() || accuracy.judged == 0 {
        format!("  {waiting}")
    } else {
        format!("  {waiting}; severity right: {}", rows.join(", "))
    }
}
