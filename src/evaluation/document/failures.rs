//! The second part: which tickets fail, and what the probabilities are worth.

use crate::evaluation::compare::IDS_MAX;
use crate::evaluation::facet::Dimension;
use crate::evaluation::failures::{Standing, TICKETS_MIN};
use crate::evaluation::report::{ColumnReport, NamedFacet, NamedSlice, Report, shown_ids};
use crate::evaluation::surprises::CONFIDENCE_MIN;
use crate::evaluation::trust::{LowReach, Trust};
use crate::evaluation::words::FailingWords;
use crate::statistics::wilson::Interval;

use super::figure::{Figure, FigureKind};
use super::standing::edge_cases;
use super::words::{p_value, percent, rate, short_rate, thousands, tickets};
use super::{Document, Redaction};

/// Tickets that are named beside a word: enough to read what it means there.
const WORD_IDS_MAX: usize = 3;
/// Rows of slices that are shown beside the worse ones: what is left is in `--json`.
const SLICES_MAX: usize = 25;

/// Says it.
pub(super) fn say(document: &mut Document, report: &Report, redaction: Redaction) {
    let Some(subject) = report.subject() else { return };
    document.section(&format!("2. Failures: where is {} wrong?", subject.name));
    confusion(document, subject);
    slices(document, report, redaction);
    pairs(document, report, redaction);
    words(document, report, redaction);
    named_tickets(document, report, redaction);
    trust(document, report);
}

fn confusion(document: &mut Document, subject: &ColumnReport) {
    let confusion = &subject.score.confusion;
    let rows = crate::domain::severity::Severity::ALL.into_iter().enumerate().map(|(row, severity)| {
        let counts = (0..confusion.classes()).map(|column| confusion.count(row, column).to_string());
        std::iter::once(severity.to_string()).chain(counts).collect()
    });
    document.table(&["people say, it says →", "critical", "high", "medium", "low", "nothing"], rows.collect());
    let caption = format!("What people said (rows) against what {} said (columns)", subject.name);
    document.figure(Figure { caption, kind: FigureKind::Confusion(confusion.clone()) });
}

fn may_show(facet: &NamedFacet, redaction: Redaction) -> bool {
    match redaction {
        Redaction::None => true,
        Redaction::Tickets => !facet.dimension.is_ticket_text(),
    }
}

pub(super) fn shown_facet(facet: &NamedFacet) -> String {
    format!("{} {}", facet.dimension.as_str(), facet.value)
}

fn slices(document: &mut Document, report: &Report, redaction: Redaction) {
    let shown: Vec<_> = report.slices.iter().filter(|slice| may_show(&slice.facet, redaction)).collect();
    let rows: Vec<Vec<String>> = shown
        .iter()
        .filter(|slice| slice.failures.standing == Standing::Worse || slice.failures.wrong.of >= TICKETS_MIN)
        .take(SLICES_MAX)
        .map(|slice| {
            let failures = &slice.failures;
            let lift = failures.lift().map_or_else(|| "–".to_owned(), |lift| format!("{lift:.1}×"));
            let word = match failures.standing {
                Standing::Worse => "WORSE",
                Standing::Unremarkable => "",
                Standing::Unknown => "unknown",
            };
            vec![
                shown_facet(&slice.facet),
                short_rate(failures.wrong),
                short_rate(failures.rest),
                lift,
                p_value(failures.adjusted_p),
                word.to_owned(),
            ]
        })
        .collect();
    document.table(&["slice", "wrong (95 %)", "rest", "lift", "adjusted", ""], rows);
    let thin = shown.iter().filter(|slice| slice.failures.standing == Standing::Unknown);
    if let Some(said) = unknown_slices(thin.copied().filter(|slice| !slice.facet.dimension.is_ticket_text())) {
        document.text(said);
    }
    document.text(if report.weak_slices().next().is_some() {
        "WORSE: wrong more often than the rest, by Fisher's exact test, with at most 5 % of such calls false \
         (Benjamini and Hochberg)."
            .to_owned()
    } else {
        "No slice is wrong more often than chance explains, with so many looked at.".to_owned()
    });
    let figure = shown
        .iter()
        .filter(|slice| slice.failures.wrong.of >= TICKETS_MIN)
        .take(SLICES_MAX)
        .map(|slice| (shown_facet(&slice.facet), slice.failures.wrong.rest()))
        .collect();
    let caption = "Right answers by slice, with 95 % intervals".to_owned();
    document.figure(Figure { caption, kind: FigureKind::Shares(figure) });
}

/// The slices of which nothing can be said, in one line: each with its tickets, under the word of its dimension.
fn unknown_slices<'slices>(slices: impl Iterator<Item = &'slices NamedSlice>) -> Option<String> {
    let slices: Vec<&NamedSlice> = slices.collect();
    let mut by_dimension: Vec<(Dimension, Vec<String>)> = Vec::new();
    for NamedSlice { facet, failures } in slices.iter().take(SLICES_MAX) {
        let said = format!("{} {}", facet.value, thousands(failures.tested.of));
        match by_dimension.iter_mut().find(|(dimension, _)| *dimension == facet.dimension) {
            Some((_, values)) => values.push(said),
            None => by_dimension.push((facet.dimension, vec![said])),
        }
    }
    let dimensions =
        by_dimension.iter().map(|(dimension, values)| format!("{} {}", dimension.as_str(), values.join(", ")));
    let more = match slices.len().saturating_sub(SLICES_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let said = dimensions.collect::<Vec<_>>().join("; ");
    (!slices.is_empty()).then(|| format!("Unknown (too few tickets): {said}{more}."))
}

fn pairs(document: &mut Document, report: &Report, redaction: Redaction) {
    let rows: Vec<Vec<String>> = report
        .pairs
        .iter()
        .filter(|pair| pair.facets.iter().all(|facet| may_show(facet, redaction)))
        .map(|pair| {
            let [first, second] = &pair.facets;
            vec![
                format!("{} and {}", shown_facet(first), shown_facet(second)),
                rate(pair.wrong),
                rate(pair.one_alone),
                p_value(pair.adjusted_p),
            ]
        })
        .collect();
    document.table(&["together worse than either alone", "wrong (95 %)", "one alone", "adjusted"], rows);
}

fn words(document: &mut Document, report: &Report, redaction: Redaction) {
    let Some(FailingWords { looked_at, standing_out, worst }) = &report.words else { return };
    let rows = worst.iter().map(|word| {
        let lift = word.lift().map_or_else(|| "–".to_owned(), |lift| format!("{lift:.1}×"));
        vec![
            word.term.clone(),
            short_rate(word.wrong),
            short_rate(word.rest),
            lift,
            p_value(word.adjusted_p),
            shown_ids(&word.ids[..word.ids.len().min(WORD_IDS_MAX)]),
        ]
    });
    match redaction {
        Redaction::None => {
            document.table(&["words", "wrong (95 %)", "rest", "lift", "adjusted", "as in"], rows.collect());
        }
        Redaction::Tickets => {}
    }
    let others = if *standing_out > worst.len() as u64 { "; those that surer ones explain are left out" } else { "" };
    document.text(format!(
        "Words and pairs of words looked at: {looked_at}; in wrong answers more often than chance explains: {standing_out}{others}."
    ));
}

fn named_tickets(document: &mut Document, report: &Report, redaction: Redaction) {
    let surprises = &report.surprises;
    document.text(format!(
        "Surprises: {} wrong with a confidence of {CONFIDENCE_MIN} or more, {} off by two steps or three.",
        surprises.sure, surprises.far
    ));
    if redaction == Redaction::Tickets {
        return;
    }
    let rows = surprises.worst.iter().map(|surprise| {
        let confidence = surprise.confidence.map_or_else(|| "–".to_owned(), percent);
        vec![surprise.id.to_string(), surprise.truth.to_string(), surprise.answer.to_string(), confidence]
    });
    document.table(&["ticket", "people", "answer", "confidence"], rows.collect());
    let mut lists: Vec<String> = report
        .weak_slices()
        .map(|slice| format!("wrong in {}: {}", shown_facet(&slice.facet), shown_ids(&slice.failures.ids)))
        .collect();
    lists.extend(report.comparisons.iter().filter(|comparison| !comparison.broken.is_empty()).map(|comparison| {
        let more = if comparison.broken.len() == IDS_MAX { ", …" } else { "" };
        format!("{} right, {} wrong: {}{more}", comparison.first, comparison.second, shown_ids(&comparison.broken))
    }));
    lists.extend(edge_cases(report));
    document.list(lists);
}

fn trust(document: &mut Document, report: &Report) {
    let trusted: Vec<(&ColumnReport, &Trust)> =
        report.columns.iter().filter_map(|column| Some((column, column.trust.as_ref()?))).collect();
    if trusted.is_empty() {
        document.text("No answerer states probabilities: calibration and reach are unknown.".to_owned());
        return;
    }
    document.heading("Do its probabilities mean what they say?".to_owned());
    let rows = trusted.iter().map(|(column, trust)| {
        let Interval { low, high } = trust.gap.interval;
        let number = |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |number| format!("{number:.3}"));
        vec![
            column.name.clone(),
            format!("{:+.1} points ({:+.1} to {:+.1})", trust.gap.gap * 100.0, low * 100.0, high * 100.0),
            trust.test.map_or_else(|| "–".to_owned(), |test| format!("{:+.1}, {}", test.z, p_value(test.p))),
            number(trust.log_likelihood),
            number(trust.brier),
            format!("{:.3} (by chance up to {:.3})", trust.calibration_error, trust.calibration_error_by_chance),
        ]
    });
    document.table(
        &["answerer", "claims too much by", "Spiegelhalter z", "neg. log-likelihood", "Brier", "calibration error"],
        rows.collect(),
    );
    let rows = trusted.iter().map(|(column, trust)| {
        // Of the same tickets as the others: with a probability, one of each group.
        let all = trust.curve.last().copied();
        let shares = all.into_iter().chain(trust.at_reach.iter().map(|(_, share)| *share)).map(short_rate);
        std::iter::once(column.name.clone()).chain(shares).collect()
    });
    document.table(&["right among the surest", "all", "90 %", "50 %", "20 %"], rows.collect());
    document.list(trusted.iter().map(|(column, trust)| low(&column.name, &trust.low)).collect());
    for (column, trust) in trusted.iter().filter(|(column, _)| Some(*column) == report.subject()) {
        let caption = format!(
            "Reliability of {}: mean confidence against the share right; a point inside its bar is no evidence against it",
            column.name
        );
        document.figure(Figure { caption, kind: FigureKind::Reliability(trust.bins.clone()) });
    }
    let curves = trusted.iter().map(|(column, trust)| (column.name.clone(), trust.curve.clone())).collect();
    let caption = "Error among the surest answers, as more of them are taken".to_owned();
    document.figure(Figure { caption, kind: FigureKind::RiskReach(curves) });
}

fn low(name: &str, low: &LowReach) -> String {
    match low.threshold {
        Some(threshold) => format!(
            "{name}: at most {} high or critical among tickets called low hold (with 90 %) from confidence {:.3} on: {} of {} \
             are reached, {} of them high or critical",
            percent(low.limit),
            threshold.confidence,
            threshold.eligible,
            tickets(low.tickets),
            threshold.wrong
        ),
        None => format!(
            "{name}: at most {} high or critical among tickets called low is not reachable with {} called low",
            percent(low.limit),
            tickets(low.called_low)
        ),
    }
}
