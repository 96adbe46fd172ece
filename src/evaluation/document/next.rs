//! The rest: data, hyperparameters, approach: what to change next, by which rule and on which numbers.

use crate::evaluation::composition::Composition;
use crate::evaluation::diagnosis::{Conclusion, Diagnosis, ITERATIONS_MIN, Scores};
use crate::evaluation::report::{NamedFacet, Report};
use crate::statistics::wilson::Share;

use super::failures::shown_facet;
use super::words::{percent, rate};
use super::{Document, Redaction};

/// Says it.
pub(super) fn say(document: &mut Document, report: &Report, redaction: Redaction) {
    let Some(diagnosis) = report.diagnosis else { return };
    document.section("3. Data: does training hold what the desk sees?");
    data(document, report, diagnosis, redaction);
    document.section("4. Hyperparameters: does it fit what it was shown?");
    scores(document, report);
    document.section("5. Approach: what comes next");
    conclusion(document, report, diagnosis);
}

fn data(document: &mut Document, report: &Report, diagnosis: Diagnosis, redaction: Redaction) {
    if report.composition.is_empty() {
        document.text("Training tickets are not given (--train): what they hold is unknown.".to_owned());
    }
    let may_show = |facet: &NamedFacet| redaction == Redaction::None || !facet.dimension.is_ticket_text();
    let has_live = report.composition.iter().any(|composition| composition.live.is_some());
    let rows = report.composition.iter().filter(|composition| may_show(&composition.facet)).map(|composition| {
        let live = composition.live.map_or_else(|| "–".to_owned(), rate);
        vec![
            shown_facet(&composition.facet),
            rate(composition.training),
            rate(composition.test),
            live,
            composition.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
            if composition.is_under_represented() { "TOO FEW".to_owned() } else { String::new() },
        ]
    });
    document.table(&["share of", "training", "test", "live", "training / real", ""], rows.collect());
    if !report.composition.is_empty() && !has_live {
        document.text(
            "The live mix is not given (--live-mix): the test set stands for it, which it may not do.".to_owned(),
        );
    }
    let few: Vec<&Composition> =
        report.composition.iter().filter(|one| one.is_under_represented() && may_show(&one.facet)).collect();
    if diagnosis.conclusion == Conclusion::DataGap {
        let weak: Vec<String> = report
            .weak_slices()
            .filter(|slice| may_show(&slice.facet))
            .map(|slice| shown_facet(&slice.facet))
            .collect();
        let more: Vec<String> = few.iter().map(|composition| shown_facet(&composition.facet)).collect();
        let both = |words: &[String]| if words.is_empty() { "–".to_owned() } else { words.join(", ") };
        document.list(vec![
            format!("fails in: {}", both(&weak)),
            format!("training holds less than half of its share of: {}", both(&more)),
        ]);
    }
}

fn scores(document: &mut Document, report: &Report) {
    let Scores { train, validation, test, live } = report.scores;
    let row =
        |name: &str, share: Option<Share>| vec![name.to_owned(), share.map_or_else(|| "not given".to_owned(), rate)];
    document.table(
        &["right on tickets of", "(95 %)"],
        vec![row("training", train), row("validation", validation), row("test", Some(test)), row("live", live)],
    );
}

fn conclusion(document: &mut Document, report: &Report, diagnosis: Diagnosis) {
    document.text(format!(
        "Diagnosis: {}. Rule: {}. Wished: {} right (--wish).",
        diagnosis.conclusion.as_str(),
        diagnosis.rule,
        percent(report.wished)
    ));
    let step = match diagnosis.conclusion {
        Conclusion::DataGap => {
            "Next: add tickets of these slices, and oversample them slightly beyond their real share (`noctriage dataset \
             plan`); train the next version on nothing else that is new, so that the comparison says what helped."
        }
        Conclusion::OverFit => {
            "Next: fewer epochs or more regularisation, or more training tickets; choose on validation tickets, never on these."
        }
        Conclusion::Hyperparameters => {
            "Next: learning rate, epochs, batch size: a model that does not fit its own training tickets needs no others. \
             Change one thing at a time."
        }
        Conclusion::Approach => "Next: another base model, or another way of putting the question.",
        Conclusion::NothingWrong => {
            "Next: shadow. A test set is controlled, the desk is not: let it predict live tickets that nobody relies on."
        }
        Conclusion::NotEnoughEvidence => "Next: more test tickets, or the scores that are not given above.",
    };
    document.text(step.to_owned());
    if diagnosis.conclusion != Conclusion::Approach {
        document.text(format!(
            "Another model or a larger one comes last: after {ITERATIONS_MIN} iterations of data and {ITERATIONS_MIN} of \
             hyperparameters without a shown gain."
        ));
    }
}
