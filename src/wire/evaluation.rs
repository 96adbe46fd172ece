//! A report as JSON (`evaluate --json`): every number of it, for programs. `schema` is `noctriage.evaluation/v1`.

use serde_json::{Map, Value, json};

use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;
use crate::evaluation::compare::{Comparison, Finding};
use crate::evaluation::composition::Composition;
use crate::evaluation::document::Redaction;
use crate::evaluation::failures::Standing;
use crate::evaluation::humans::{HumanRange, Measured};
use crate::evaluation::mix::LiveScore;
use crate::evaluation::report::{ColumnReport, NamedFacet, NamedPair, NamedSlice, Report};
use crate::evaluation::requirement::Holds;
use crate::evaluation::score::{Latency, SILENCE};
use crate::evaluation::trust::Trust;
use crate::evaluation::words::FailingWords;
use crate::statistics::wilson::{Interval, Share};

/// Schema of a report.
pub const EVALUATION_SCHEMA: &str = "noctriage.evaluation/v1";

/// The report, and whether each requirement holds.
pub fn record(report: &Report, requirements: &[(String, Holds)], redaction: Redaction) -> Value {
    let may_show = |facet: &NamedFacet| redaction == Redaction::None || !facet.dimension.is_ticket_text();
    json!({
        "schema": EVALUATION_SCHEMA,
        "tickets": report.tickets,
        "groups": report.groups,
        "test_set": report.digest.short(),
        "may_leak": report.may_leak,
        "in_training": report.in_training,
        "has_baseline": report.has_baseline(),
        "subject": report.subject().map(|subject| &subject.name),
        "answerers": report.columns.iter().map(|column| answerer(column, redaction)).collect::<Vec<_>>(),
        "comparisons": report.comparisons.iter().map(|one| comparison(one, redaction)).collect::<Vec<_>>(),
        "people": people(report, redaction),
        "slices": report.slices.iter().filter(|slice| may_show(&slice.facet)).map(|one| slice(one, redaction))
            .collect::<Vec<_>>(),
        "pairs": report.pairs.iter().filter(|pair| pair.facets.iter().all(may_show)).map(pair).collect::<Vec<_>>(),
        "words": report.words.as_ref().map(|found| words(found, redaction)),
        "surprises": surprises(report, redaction),
        "composition": report.composition.iter().filter(|one| may_show(&one.facet)).map(composition).collect::<Vec<_>>(),
        "diagnosis": report.diagnosis.map(|diagnosis| json!({
            "conclusion": diagnosis.conclusion.as_str(),
            "rule": diagnosis.rule,
            "wished": report.wished,
            "training": report.scores.train.map(share),
            "validation": report.scores.validation.map(share),
            "test": share(report.scores.test),
            "live": report.scores.live.map(share),
        })),
        "requirements": requirements.iter().map(|(text, holds)| json!({
            "requirement": text,
            "holds": holds_word(*holds),
        })).collect::<Vec<_>>(),
    })
}

/// The word of an outcome, for programs.
const fn holds_word(holds: Holds) -> &'static str {
    match holds {
        Holds::Yes => "yes",
        Holds::Unknown => "too_little_data",
        Holds::No => "no",
    }
}

fn share(share: Share) -> Value {
    json!({ "hits": share.hits, "of": share.of, "share": share.proportion(), "interval": share.interval().map(interval) })
}

fn interval(interval: Interval) -> Value {
    json!([interval.low, interval.high])
}

fn ids(ids: &[TicketId], redaction: Redaction) -> Value {
    match redaction {
        Redaction::None => ids.iter().map(TicketId::as_str).collect(),
        Redaction::Tickets => Value::Null,
    }
}

fn answerer(column: &ColumnReport, redaction: Redaction) -> Value {
    let score = &column.score;
    let by_severity: Map<String, Value> =
        Severity::ALL.iter().map(|&severity| (severity.to_string(), share(score.recall(severity)))).collect();
    let confusion: Vec<Vec<u64>> = (0..SILENCE)
        .map(|row| (0..score.confusion.classes()).map(|answer| score.confusion.count(row, answer)).collect())
        .collect();
    json!({
        "name": column.name,
        "kind": column.kind.as_str(),
        "answered": column.answered,
        "answers_elsewhere": column.elsewhere,
        "right": share(score.right()),
        "too_low": score.score.too_low,
        "too_high": score.score.too_high,
        "macro_f1": { "value": score.macro_f1, "interval": score.macro_f1_interval.map(interval) },
        "quadratic_kappa": score.kappa,
        "recall": by_severity,
        "critical_missed": share(score.critical_missed()),
        "critical_missed_at_most": score.critical_miss_bound(),
        "critical_called_low": score.critical_called_low(),
        "cost_per_ticket": score.cost,
        "root_cause": score.root_cause.map(share),
        "latency_ms": score.latency.map(|latency| match latency {
            Latency::Stated { p50_ms, p95_ms } => json!({ "p50": p50_ms, "p95": p95_ms }),
            Latency::InBatches { ticket_ms } => json!({ "ticket_in_batches": ticket_ms }),
        }),
        "minutes_saved_per_ticket": score.value.map(|value| value.minutes_per_ticket),
        "break_even": score.value.map(|value| value.break_even),
        "confusion": confusion,
        "live": column.live.as_ref().map(|one| live(one, redaction)),
        "trust": column.trust.as_ref().map(trust),
    })
}

fn live(live: &LiveScore, redaction: Redaction) -> Value {
    let may_show = redaction == Redaction::None || !live.dimension.is_ticket_text();
    json!({
        "right": live.right,
        "interval": live.interval.map(interval),
        "unseen": share(live.unseen),
        "unseen_values": may_show.then_some(&live.unseen_values),
    })
}

fn trust(trust: &Trust) -> Value {
    let bins = trust.bins.iter().map(|bin| {
        let bar = bin.consistency_bar();
        json!({ "confidence": bin.confidence, "right": bin.right, "answers": bin.answers, "consistency": interval(bar) })
    });
    let at_reach =
        trust.at_reach.iter().map(|(percent, right)| json!({ "reach_percent": percent, "right": share(*right) }));
    json!({
        "gap": trust.gap.gap,
        "gap_interval": interval(trust.gap.interval),
        "spiegelhalter": trust.test.map(|test| json!({ "z": test.z, "p": test.p })),
        "negative_log_likelihood": trust.log_likelihood.filter(|value| value.is_finite()),
        "brier": trust.brier,
        "calibration_error": trust.calibration_error,
        "calibration_error_by_chance": trust.calibration_error_by_chance,
        "reliability": bins.collect::<Vec<_>>(),
        "at_reach": at_reach.collect::<Vec<_>>(),
        "low": {
            "error_limit": trust.low.limit,
            "called_low": trust.low.called_low,
            "threshold": trust.low.threshold.map(|threshold| json!({
                "confidence": threshold.confidence,
                "eligible": threshold.eligible,
                "wrong": threshold.wrong,
            })),
        },
    })
}

fn comparison(one: &Comparison, redaction: Redaction) -> Value {
    let (word, needed) = match one.finding {
        Finding::SecondIsBetter => ("second_is_better", None),
        Finding::FirstIsBetter => ("first_is_better", None),
        Finding::TooSmall { tickets_needed } => ("too_small_to_tell", tickets_needed),
    };
    json!({
        "first": one.first,
        "second": one.second,
        "tickets": one.tickets,
        "only_first_right": one.discordant.first,
        "only_second_right": one.discordant.second,
        "groups": one.groups,
        "groups_first_more_right": one.discordant_groups.first,
        "groups_second_more_right": one.discordant_groups.second,
        "gain": one.gain(),
        "gain_interval": one.gain_interval.map(interval),
        "mid_p": one.p,
        "macro_f1": one.macro_f1.map(|test| json!({
            "first": test.first,
            "second": test.second,
            "p": test.p,
            "gain_interval": one.macro_f1_interval.map(interval),
        })),
        "finding": word,
        "tickets_needed": needed,
        "broken": ids(&one.broken, redaction),
    })
}

fn measured(measured: Option<Measured>) -> Value {
    measured.map_or(Value::Null, |found| json!({ "value": found.value, "interval": found.interval.map(interval) }))
}

fn people(report: &Report, redaction: Redaction) -> Value {
    let Some(people) = &report.people else { return Value::Null };
    let among = report.among_people.as_ref().map(|among| match among {
        Err(few) => json!({ "too_few_read_twice": few.read_twice }),
        Ok(found) => json!({
            "with_readers": found.with_readers,
            "among_readers": found.among_readers,
            "difference": found.difference,
            "interval": found.interval.map(interval),
            "range": found.range.map(|range| match range {
                HumanRange::Below => "below",
                HumanRange::Within => "within",
                HumanRange::Above => "above",
            }),
            "corrected": measured(found.corrected),
        }),
    });
    json!({
        "against_label": share(people.against_label),
        "readings_elsewhere": people.elsewhere,
        "read_twice": people.read_twice,
        "agreed": share(people.agreed),
        "kappa": measured(people.kappa),
        "quadratic_kappa": measured(people.quadratic_kappa),
        "ordinal_alpha": measured(people.alpha),
        "disagreed": ids(&people.disagreed, redaction),
        "subject": among,
    })
}

fn facet(facet: &NamedFacet) -> Value {
    json!({ "dimension": facet.dimension.as_str(), "value": facet.value })
}

fn slice(slice: &NamedSlice, redaction: Redaction) -> Value {
    let failures = &slice.failures;
    json!({
        "facet": facet(&slice.facet),
        "wrong": share(failures.wrong),
        "rest": share(failures.rest),
        "lift": failures.lift(),
        "adjusted_p": failures.adjusted_p,
        "standing": match failures.standing {
            Standing::Unknown => "unknown",
            Standing::Unremarkable => "unremarkable",
            Standing::Worse => "worse",
        },
        "tickets": ids(&failures.ids, redaction),
    })
}

fn pair(pair: &NamedPair) -> Value {
    json!({
        "facets": pair.facets.iter().map(facet).collect::<Vec<_>>(),
        "wrong": share(pair.wrong),
        "one_alone": share(pair.one_alone),
        "adjusted_p": pair.adjusted_p,
    })
}

fn words(found: &FailingWords, redaction: Redaction) -> Value {
    let worst = found.worst.iter().map(|word| {
        json!({
            "words": word.term,
            "wrong": share(word.wrong),
            "rest": share(word.rest),
            "lift": word.lift(),
            "adjusted_p": word.adjusted_p,
            "tickets": ids(&word.ids, redaction),
        })
    });
    let worst = match redaction {
        Redaction::None => worst.collect(),
        Redaction::Tickets => Value::Null,
    };
    json!({ "looked_at": found.looked_at, "standing_out": found.standing_out, "worst": worst })
}

fn surprises(report: &Report, redaction: Redaction) -> Value {
    let worst = report.surprises.worst.iter().map(|one| {
        json!({
            "ticket": one.id.as_str(),
            "people": one.truth.as_str(),
            "answer": one.answer.as_str(),
            "confidence": one.confidence,
        })
    });
    let worst = match redaction {
        Redaction::None => worst.collect(),
        Redaction::Tickets => Value::Null,
    };
    json!({ "sure_and_wrong": report.surprises.sure, "far_off": report.surprises.far, "worst": worst })
}

fn composition(composition: &Composition) -> Value {
    json!({
        "facet": facet(&composition.facet),
        "training": share(composition.training),
        "test": share(composition.test),
        "live": composition.live.map(share),
        "ratio": composition.ratio(),
        "too_few": composition.is_under_represented(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::evaluation::data::text::ComparedText;
    use crate::evaluation::diagnosis::Scores;
    use crate::evaluation::facet::Dimension;
    use crate::evaluation::mix::Mix;
    use crate::evaluation::report::{Inputs, Settings};
    use crate::evaluation::tests::{category, column_right, set_from, settings};
    use crate::evaluation::words::Words;

    #[test]
    fn what_is_shared_holds_no_words_of_a_ticket_among_what_training_lacks_or_live_has_more() {
        let mut tickets = category("routing", Severity::Low, 60);
        for ticket in &mut tickets[..20] {
            ticket.ticket.title = Some("secret fault".to_owned());
        }
        let mut words = Words::default();
        for labelled in &tickets {
            words.add(&ComparedText::of(&labelled.ticket));
        }
        let (set, training) = (set_from(&tickets), set_from(&category("routing", Severity::Low, 300)));
        let inputs = Inputs {
            set: &set,
            columns: &[column_right("v1", &set, |at| at >= 20)],
            words: Some(&words),
            readings: None,
            training: Some(&training),
            in_training: &BTreeSet::new(),
            live: Some(&Mix { dimension: Dimension::Message, counts: [("secret outage".to_owned(), 5)].into() }),
            elsewhere: Scores::default(),
            pairs: &[],
            settings: &Settings { by: Dimension::Message, ..settings() },
        };
        let report = Report::of(&inputs, &mut |_, _| ());
        let said = |redaction| record(&report, &[], redaction);
        let lists_words = |said: &Value| said["composition"].to_string().contains("secret fault");
        assert!(lists_words(&said(Redaction::None)) && !lists_words(&said(Redaction::Tickets)));
        for word in ["secret fault", "secret outage"] {
            let shown = |redaction| said(redaction).to_string().contains(word);
            assert_eq!((shown(Redaction::None), shown(Redaction::Tickets)), (true, false), "{word}");
        }
    }
}
