//! The first part: is it better than what we had, and than people?

use crate::domain::severity::Severity;
use crate::evaluation::answer::ColumnKind;
use crate::evaluation::compare::{Comparison, Finding};
use crate::evaluation::humans::{AmongPeople, HumanRange, Measured, People, READ_TWICE_MIN};
use crate::evaluation::report::{ColumnReport, Report, shown_ids};
use crate::evaluation::score::Latency;
use crate::statistics::sign_test::Discordant;

use super::figure::{Figure, FigureKind};
use super::words::{count, gain, measure, p_value, percent, range, rate, short_rate, thousands, tickets};
use super::{Document, Redaction};

/// Says it.
pub(super) fn say(document: &mut Document, report: &Report, redaction: Redaction) {
    document.section("1. Baseline: is it better than what we had?");
    scores(document, report);
    live(document, report, redaction);
    comparisons(document, report);
    people(document, report);
}

fn scores(document: &mut Document, report: &Report) {
    let rows = report.columns.iter().map(|column| {
        let score = &column.score;
        vec![
            shown_name(column),
            rate(score.right()),
            measure(score.macro_f1, score.macro_f1_interval),
            score.kappa.map_or_else(|| "undefined".to_owned(), |kappa| format!("{kappa:.3}")),
            score.score.too_low.to_string(),
            score.score.too_high.to_string(),
            score.score.unanswered.to_string(),
            score.cost.map_or_else(|| "–".to_owned(), |cost| format!("{cost:.2}")),
        ]
    });
    document.table(
        &[
            "answerer",
            "right (95 %)",
            "macro-F1 (95 %)",
            "quadratic kappa",
            "too low",
            "too high",
            "silent",
            "cost a ticket",
        ],
        rows.collect(),
    );
    let by_severity = report.columns.iter().map(|column| {
        let recalls = Severity::ALL.map(|severity| short_rate(column.score.recall(severity)));
        std::iter::once(column.name.clone()).chain(recalls).collect()
    });
    document.table(&["right, of the tickets that are", "critical", "high", "medium", "low"], by_severity.collect());
    let missed = report.columns.iter().map(|column| {
        let bound = column.score.critical_miss_bound().map_or_else(|| "–".to_owned(), percent);
        let called_low = column.score.critical_called_low().to_string();
        vec![column.name.clone(), count(column.score.critical_missed()), bound, called_low]
    });
    document.table(&["critical tickets", "missed (95 %)", "at most, with 95 %", "called low"], missed.collect());
    extras(document, report);
    if report.columns.iter().any(|column| column.kind == ColumnKind::Reported) {
        document.text(
            "Columns marked “as reported” come from files: that the model saw the same tickets, and nothing more, is \
             the word of whoever wrote them."
                .to_owned(),
        );
    }
    let shares = report.columns.iter().map(|column| (column.name.clone(), column.score.right())).collect();
    let caption = "Right answers of everybody on the same tickets, with 95 % intervals".to_owned();
    document.figure(Figure { caption, kind: FigureKind::Shares(shares) });
}

fn shown_name(column: &ColumnReport) -> String {
    match column.kind {
        ColumnKind::Reported => format!("{} (as reported)", column.name),
        ColumnKind::Source | ColumnKind::Majority | ColumnKind::Linear | ColumnKind::Model => column.name.clone(),
    }
}

/// Root cause, time of an answer, worth: where they are known.
fn extras(document: &mut Document, report: &Report) {
    let is_known = |column: &&ColumnReport| column.score.root_cause.is_some() || column.score.latency.is_some();
    let rows = report.columns.iter().filter(is_known).map(|column| {
        let (median, slow) = match column.score.latency {
            None => ("–".to_owned(), "–".to_owned()),
            Some(Latency::Stated { p50_ms, p95_ms }) => (format!("{p50_ms:.1} ms"), format!("{p95_ms:.1} ms")),
            Some(Latency::InBatches { ticket_ms }) => {
                (format!("{ticket_ms:.1} ms a ticket, in batches"), "–".to_owned())
            }
        };
        vec![column.name.clone(), column.score.root_cause.map_or_else(|| "–".to_owned(), rate), median, slow]
    });
    document
        .table(&["answerer", "root cause right (95 %)", "answers in (median, as stated)", "(95 %)"], rows.collect());
    let worth: Vec<String> = report
        .columns
        .iter()
        .filter_map(|column| {
            let value = column.score.value?;
            Some(format!(
                "{}: {:+.1} minutes saved a ticket; it pays from {} right on",
                column.name,
                value.minutes_per_ticket,
                percent(value.break_even)
            ))
        })
        .collect();
    if worth.is_empty() {
        document
            .text("Minutes saved: not configured (--minutes-manual, --minutes-review, --minutes-repair).".to_owned());
    }
    document.list(worth);
}

fn live(document: &mut Document, report: &Report, redaction: Redaction) {
    let rows: Vec<Vec<String>> = report
        .columns
        .iter()
        .filter_map(|column| {
            let live = column.live.as_ref()?;
            let right = live.right.map_or_else(|| "unknown".to_owned(), percent);
            let interval = live.interval.map_or_else(|| "–".to_owned(), range);
            let on_test = column.score.right().proportion().map_or_else(|| "–".to_owned(), percent);
            Some(vec![column.name.clone(), on_test, right, interval])
        })
        .collect();
    document.table(&["on the mix of the live desk", "test mix", "live mix", "95 %"], rows);
    let unseen = report.columns.first().and_then(|column| column.live.as_ref()).filter(|live| live.unseen.hits > 0);
    if let Some(live) = unseen {
        let values = if redaction == Redaction::None || !live.dimension.is_ticket_text() {
            format!(" ({})", live.unseen_values.join(", "))
        } else {
            String::new()
        };
        document.warning(format!(
            "{} of live traffic ({}/{} tickets) has values without a single test ticket: nothing is known there{values}.",
            percent(live.unseen.proportion().unwrap_or(0.0)),
            thousands(live.unseen.hits),
            thousands(live.unseen.of)
        ));
    }
}

fn comparisons(document: &mut Document, report: &Report) {
    if report.comparisons.is_empty() {
        return;
    }
    document.heading("On the same tickets, ticket by ticket".to_owned());
    document.list(report.comparisons.iter().map(sentence).collect());
}

/// `v2 against v1: 8 repaired, 3 broken; +10.0 points (…), p = 0.115: the test set is too small to tell: 104 tickets would.`
pub(super) fn sentence(comparison: &Comparison) -> String {
    let Comparison { first, second, discordant, tickets: all, groups, p, gain_interval, macro_f1, .. } = comparison;
    let found = match comparison.finding {
        Finding::SecondIsBetter => format!("{second} is better"),
        Finding::FirstIsBetter => format!("{second} is WORSE"),
        Finding::TooSmall { tickets_needed: Some(needed) } => {
            format!("the test set is too small to tell: {} would", tickets(needed))
        }
        Finding::TooSmall { tickets_needed: None } => "no difference is seen".to_owned(),
    };
    let points = comparison.gain().map_or_else(|| "no ticket".to_owned(), |points| gain(points, *gain_interval));
    let f1 = macro_f1.map_or_else(String::new, |test| {
        format!(" Macro-F1 {:.3} → {:.3}, {}.", test.first, test.second, p_value(test.p))
    });
    let in_groups = if groups == all {
        String::new()
    } else {
        let Discordant { first, second } = comparison.discordant_groups;
        format!(" (in groups: {second} and {first} of {})", thousands(*groups))
    };
    format!(
        "{second} against {first}: {} repaired, {} broken of {}{in_groups}; {points}, {}: {found}.{f1}",
        discordant.second,
        discordant.first,
        thousands(*all),
        p_value(*p)
    )
}

fn people(document: &mut Document, report: &Report) {
    let Some(people) = &report.people else { return };
    document.heading("Engineers".to_owned());
    let People { against_label, elsewhere, read_twice, agreed, kappa, quadratic_kappa, alpha, disagreed } = people;
    let measured = |measured: &Option<Measured>| {
        measured.map_or_else(|| "undefined".to_owned(), |found| measure(Some(found.value), found.interval))
    };
    document.list(vec![
        format!("engineers against the label (not by whoever made it): {}", rate(*against_label)),
        format!("{} read by several; all agree on {}", tickets(*read_twice), rate(*agreed)),
        format!(
            "Cohen's kappa {}, quadratic {}; Krippendorff's ordinal alpha {}",
            measured(kappa),
            measured(quadratic_kappa),
            measured(alpha)
        ),
    ]);
    if *elsewhere > 0 {
        let readings = if *elsewhere == 1 { "reading is" } else { "readings are" };
        let counted = thousands(*elsewhere);
        document.warning(format!("{counted} {readings} of tickets that are not in the test set, and left out."));
    }
    match (&report.among_people, report.subject()) {
        (Some(Ok(found)), Some(subject)) => among(document, found, &subject.name),
        (Some(Err(few)), Some(subject)) => document.text(format!(
            "Whether {} is inside the human range, and its accuracy without the noise of single verdicts, is not said on \
             {}: {READ_TWICE_MIN} that several people read are needed.",
            subject.name,
            tickets(few.read_twice)
        )),
        (None, _) | (_, None) => {}
    }
    if !disagreed.is_empty() {
        document.text(format!("{} that people read differently are the edge cases.", tickets(agreed.rest().hits)));
    }
}

fn among(document: &mut Document, found: &AmongPeople, name: &str) {
    let range_words = match found.range {
        Some(HumanRange::Below) => "below the human range: it agrees with engineers less than they do with each other",
        Some(HumanRange::Within) => "within the human range",
        Some(HumanRange::Above) => "above it: close to the majority of engineers, which is not more than human",
        None => "unknown",
    };
    document.text(format!(
        "{name} agrees with an engineer on {}, two engineers agree on {}; {}: {range_words}.",
        percent(found.with_readers),
        percent(found.among_readers),
        gain(found.difference, found.interval)
    ));
    match found.corrected {
        Some(Measured { value, interval }) => document.text(format!(
            "Without the noise of single verdicts it would be right on {}{}, if engineers err independently and evenly over \
             the other severities.",
            percent(value),
            interval.map(|interval| format!(" ({})", range(interval))).unwrap_or_default()
        )),
        None => document.text("Engineers agree too little to take the noise of their verdicts out.".to_owned()),
    }
}

/// Ids of the edge cases, for the part that names tickets.
pub(super) fn edge_cases(report: &Report) -> Option<String> {
    let people = report.people.as_ref().filter(|people| !people.disagreed.is_empty())?;
    Some(format!("Edge cases, on which engineers disagree: {}", shown_ids(&people.disagreed)))
}
