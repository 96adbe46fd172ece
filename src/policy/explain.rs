//! What would have to be different for a ticket to be handled otherwise: one sentence per rule that stood in the way,
//! with the numbers of the ticket beside the numbers of the policy. Never ticket text.

use crate::domain::prediction::{Answer, Prediction};
use crate::domain::probability::Probability;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::Ticket;

use super::case::{Case, Place};
use super::decided::{ActionKind, Decided, Outcome, Rule};
use super::guards::GuardHits;
use super::ruling::{Lease, Moment, Ruling, WindowScope};
use super::view::ViewFacts;
use super::{Event, RecordFacts};

/// Sentences, in the order in which the rules were read. Empty when nothing stood in the way of the strongest action.
///
/// Pass what [`super::decide`] was given and what it returned; with other inputs the numbers are those of the inputs.
pub fn explain_change(
    decided: &Decided,
    ruling: &Ruling,
    moment: &Moment,
    view: &ViewFacts,
    record: &RecordFacts<'_>,
    answers: &[Answer],
) -> Vec<String> {
    let Event::Ticket(ticket) = record.event else { return vec![of_outcome(decided)] };
    let place = Place::of_ticket(ruling, ticket, view.history.first_rate());
    let case = Case { ruling, moment, view, record, answers, place };
    let told =
        Told { case: &case, ticket, prediction: case.prediction(), guards: ruling.policy.guards.hits(ticket), decided };
    let outcome = (decided.outcome != Outcome::Decided).then(|| of_outcome(decided));
    outcome.into_iter().chain(decided.rules.iter().map(|&rule| told.of_rule(rule))).collect()
}

/// Why there was no full decision.
fn of_outcome(decided: &Decided) -> String {
    match decided.outcome {
        Outcome::Decided => "the ticket was decided in full".to_owned(),
        Outcome::Unchanged => "nothing that the model sees has changed since the last decision: \
                               a change of text, alarms or reported severity would be decided"
            .to_owned(),
        Outcome::Duplicate => match decided.duplicate_of {
            Some(first) => format!("the record repeats decision {}: a new revision would be decided", first.short()),
            None => "the record repeats an earlier one: a new revision would be decided".to_owned(),
        },
        Outcome::NotDrawn => format!(
            "slice `{}` is in shadow and the ticket is outside its evidence draw of {}: \
             from stage suggest on every ticket is decided",
            decided.slice,
            percent(decided.draws.evidence.rate)
        ),
        Outcome::Terminal => "the ticket has ended, or noctriage has resolved it and it has changed since: \
                              it is not triaged again"
            .to_owned(),
        Outcome::DeadLetter => "the record is no ticket: see its dead letter".to_owned(),
    }
}

const NO_ANSWER: &str = "the model gave no answer for this ticket: with one it would be suggested or acted on";

/// What the sentences are made from.
struct Told<'told> {
    case: &'told Case<'told>,
    ticket: &'told Ticket,
    prediction: Option<&'told Prediction>,
    guards: GuardHits,
    decided: &'told Decided,
}

impl Told<'_> {
    fn of_rule(&self, rule: Rule) -> String {
        let policy = &self.case.ruling.policy;
        let view = self.case.view;
        match rule {
            Rule::PredictedNotLow => self.of_answer(|prediction| {
                format!(
                    "the model predicts {}; only low is ever handled automatically",
                    prediction.severity.predicted()
                )
            }),
            Rule::BelowThreshold => self.of_answer(|prediction| self.below_threshold(prediction)),
            Rule::CriticalCutOff => self.of_answer(|prediction| {
                let critical = number(prediction.severity.of(Severity::Critical));
                format!("P(critical) {critical} is not below the cut-off {}", number(policy.critical_cut_off))
            }),
            Rule::HighCap => self.of_answer(|prediction| {
                let high = number(prediction.severity.of(Severity::High));
                format!("P(high) {high} is not below its cap {}", number(policy.high_cap))
            }),
            Rule::Unsure => self.of_answer(|prediction| self.unsure(prediction)),
            Rule::Disagreement => self.of_answer(|prediction| {
                let predicted = prediction.severity.predicted();
                format!("the model says {predicted}, a source says otherwise by two steps or more")
            }),
            Rule::ModelTruncated => "the model saw only a part of the text".to_owned(),
            Rule::ModelUnavailable => NO_ANSWER.to_owned(),
            Rule::SourceCritical => "a source says critical: such a ticket always goes to a person".to_owned(),
            Rule::SourceHigh => "a source says high".to_owned(),
            Rule::SourceUnmapped => {
                "a source uses a severity word that no alias maps: add it to the aliases of the source".to_owned()
            }
            Rule::HumanValue => "a person set the severity; noctriage does not write over it".to_owned(),
            Rule::GuardDanger => {
                format!("the text matches the danger phrase `{}`", word(self.guards.danger.as_deref()))
            }
            Rule::GuardInjection => {
                format!("the text speaks to a machine: `{}`", word(self.guards.machine.as_deref()))
            }
            Rule::AlarmsTruncated => "the source left out alarms".to_owned(),
            Rule::BodyCut => "the text was cut to its bound, or notes were left out".to_owned(),
            Rule::KindNotAllowed => {
                let kind = self.ticket.kind.map_or("absent", crate::domain::ticket::Kind::as_str);
                format!("kind `{kind}` is not on policy.allow.kinds")
            }
            Rule::CategoryNotAllowed => {
                "the category is not on the list of categories for this action (policy.allow)".to_owned()
            }
            Rule::CauseNotAllowed => self.of_answer(|prediction| {
                let cause = prediction.causes.first().map_or("none", |cause| &*cause.cause);
                format!("root cause `{cause}` is not on policy.allow.resolve_causes")
            }),
            Rule::Freeze | Rule::Maintenance => format!("window `{}` is in force", self.window(rule)),
            Rule::Protected => "the device, customer tier, circuit or site is protected (policy.protected)".to_owned(),
            Rule::ParentCritical => "the parent incident is an open critical".to_owned(),
            Rule::ParentUnknown => {
                "the parent incident is not in the recent view and counts as an open critical".to_owned()
            }
            Rule::Superseded => "a newer revision was decided before this one".to_owned(),
            Rule::PersonHasIt => {
                "a person has had the ticket or has touched it: it is never automatic afterwards".to_owned()
            }
            Rule::AlreadyActed => "this very input was acted on before".to_owned(),
            Rule::AlreadySuggested => "this very input has a suggestion already".to_owned(),
            Rule::HistoryUnknown => {
                "an earlier revision may lie outside the recent view, or the order of revisions cannot be told"
                    .to_owned()
            }
            Rule::PartialWindow => "the recent view of this partition is incomplete after its rebuild".to_owned(),
            Rule::OwnEcho => "noctriage wrote this revision itself".to_owned(),
            Rule::StageTooLow => format!(
                "slice `{}` is in stage {}, or holds no permit; automatic action begins at {}",
                self.decided.slice,
                self.decided.stage,
                AutoAction::Triage.stage_needed()
            ),
            Rule::GrantMismatch => {
                "the stage map names another model, calibration or eligibility, or a higher threshold".to_owned()
            }
            Rule::OutsideShare => self.outside_share(),
            Rule::Drawn => {
                let rate = percent(self.decided.draws.evidence.rate);
                format!("the ticket is in the evidence draw of {rate}: people decide it blind")
            }
            Rule::Storm => format!(
                "{} tickets of this fingerprint within {} minutes; more than {} are a storm",
                u64::from(view.similar_recent) + 1,
                policy.storm.window_ms / 60_000,
                policy.storm.tickets_max
            ),
            Rule::CapActions => format!(
                "{} triaged and {} resolved in the last hour; at most {} of each are allowed",
                view.actions_last_hour[0], view.actions_last_hour[1], policy.caps.actions_per_hour_max
            ),
            Rule::CapArrivals => format!(
                "one more action would exceed {} of the {} tickets of the last hour",
                percent(policy.caps.arrivals_share_max),
                view.arrivals_last_hour
            ),
            Rule::LeaseTooShort => self.lease_too_short(),
            Rule::Halted => "a halt is in force until a person resumes".to_owned(),
            Rule::Stale => format!(
                "the record is {} minutes old; older than {} minutes is never automatic",
                self.case.moment.operating.since_ms(self.case.record.appended_at) / 60_000,
                policy.age_ms_max / 60_000
            ),
            Rule::DemoModel => "the acting model is a demo model and never leaves shadow outside the demo".to_owned(),
        }
    }

    fn of_answer(&self, sentence: impl FnOnce(&Prediction) -> String) -> String {
        self.prediction.map_or_else(|| NO_ANSWER.to_owned(), sentence)
    }

    fn below_threshold(&self, prediction: &Prediction) -> String {
        let (confidence, threshold) = (prediction.severity.confidence(), self.case.place.slice.threshold);
        format!(
            "confidence {} is {} the threshold {} of slice `{}`",
            number(confidence),
            below(confidence, threshold),
            number(threshold),
            self.decided.slice
        )
    }

    fn unsure(&self, prediction: &Prediction) -> String {
        let (confidence, limit) = (prediction.severity.confidence(), self.case.ruling.policy.unsure_below);
        format!(
            "confidence {} is {} {}, the limit under which people are asked to look",
            number(confidence),
            below(confidence, limit),
            number(limit)
        )
    }

    fn lease_too_short(&self) -> String {
        let needed = self.case.moment.lease_ms_needed;
        match self.case.moment.lease {
            Lease::Fixed => format!("the lease had less than {needed} ms left"),
            Lease::LeftMs(left) => format!("the lease has {left} ms left and more than {needed} ms are needed"),
        }
    }

    /// Names of the windows in force of the rule's kind. Which of several covers the ticket, the decision does not say.
    fn window(&self, rule: Rule) -> String {
        let desk = self.case.moment.desk;
        let names: Vec<&str> = self
            .case
            .ruling
            .policy
            .windows
            .iter()
            .filter(|window| (window.scope == WindowScope::Freeze) == (rule == Rule::Freeze))
            .filter(|window| window.from <= desk && desk < window.until)
            .map(|window| window.name.as_str())
            .collect();
        names.join("`, `")
    }

    fn outside_share(&self) -> String {
        let refused = match self.decided.action {
            ActionKind::Auto(AutoAction::Triage) => AutoAction::Resolve,
            ActionKind::People | ActionKind::Suggest | ActionKind::Auto(AutoAction::Resolve) => AutoAction::Triage,
        };
        let position = self.decided.draws.cohort.hash as f64 / 18_446_744_073_709_551_616.0;
        format!(
            "the ticket stands at {} of the cohort; the share of {} is {}",
            percent(position),
            refused.as_str(),
            percent(self.decided.shares[refused.index()].get())
        )
    }
}

fn word(word: Option<&str>) -> &str {
    word.unwrap_or("a phrase of an earlier configuration")
}

/// A confidence that looks equal to its threshold needs a word more.
fn below(confidence: Probability, threshold: Probability) -> &'static str {
    if confidence < threshold { "below" } else { "within 0.00001 of" }
}

/// At most six decimals, no trailing zeros, at least two.
fn number(probability: Probability) -> String {
    let text = format!("{:.6}", probability.get());
    let trimmed = text.trim_end_matches('0');
    let decimals = trimmed.len() - trimmed.find('.').map_or(trimmed.len(), |point| point + 1);
    if decimals >= 2 { trimmed.to_owned() } else { format!("{:.2}", probability.get()) }
}

fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::prediction::TicketFault;
    use crate::policy::tests::{INPUT, NOW, World, predicts};

    fn explain(world: &World) -> Vec<String> {
        let event = Event::Ticket(&world.ticket);
        explain_change(
            &world.decide(),
            &world.ruling(),
            &world.moment,
            &world.view,
            &world.record(event),
            &world.answers(),
        )
    }

    #[track_caller]
    fn check(expected: &[&str], change: impl FnOnce(&mut World)) {
        let mut world = World::open();
        change(&mut world);
        assert_eq!(explain(&world), expected);
    }

    #[test]
    fn nothing_stands_in_the_way_of_the_strongest_action() {
        check(&[], |_| {});
    }

    #[test]
    fn confidence_is_compared_with_the_threshold_in_numbers() {
        check(&["confidence 0.91 is below the threshold 0.95 of slice `rest`"], |world| {
            world.answer = Ok(predicts([0.0, 0.0, 0.09, 0.91]));
        });
        check(&["confidence 0.950005 is within 0.00001 of the threshold 0.95 of slice `rest`"], |world| {
            world.answer = Ok(predicts([0.0, 0.0, 0.049_995, 0.950_005]));
        });
    }

    #[test]
    fn all_that_stands_in_the_way_is_named_at_once() {
        check(
            &[
                "20 triaged and 20 resolved in the last hour; at most 20 of each are allowed",
                "one more action would exceed 30 % of the 100 tickets of the last hour",
                "a halt is in force until a person resumes",
            ],
            |world| {
                world.view.actions_last_hour = [20, 20];
                world.moment.halted = true;
            },
        );
    }

    #[test]
    fn a_lease_a_storm_and_an_old_record_come_with_their_numbers() {
        check(
            &[
                "the record is 61 minutes old; older than 60 minutes is never automatic",
                "6 tickets of this fingerprint within 30 minutes; more than 5 are a storm",
                "the lease has 7 ms left and more than 40000 ms are needed",
            ],
            |world| {
                world.appended_at = NOW.plus_ms(-61 * 60_000);
                world.view.similar_recent = 5;
                world.moment.lease = Lease::LeftMs(7);
            },
        );
    }

    #[test]
    fn a_guard_names_the_phrase_of_our_list_and_never_the_text() {
        check(&["the text matches the danger phrase `smoke`"], |world| {
            world.ticket.title = Some("secret name, SMOKE in room 4711".to_owned());
        });
    }

    #[test]
    fn a_missing_answer_and_an_outcome_without_a_decision_are_told() {
        check(&[NO_ANSWER], |world| world.answer = Err(TicketFault::Deadline));
        let unchanged = World::open().known(|memory| memory.last_input_digest = Some(INPUT));
        assert_eq!(explain(&unchanged).len(), 1);
        assert!(explain(&unchanged)[0].starts_with("nothing that the model sees has changed"));
    }

    #[test]
    fn shadow_says_how_large_the_draw_is() {
        check(
            &["slice `rest` is in shadow and the ticket is outside its evidence draw of 10 %: from stage suggest on \
                 every ticket is decided"],
            |world| world.stage = crate::domain::stage::Stage::Shadow,
        );
    }

    #[test]
    fn every_rule_has_a_sentence_of_its_own_with_or_without_an_answer() {
        for answer in [Ok(predicts([0.0, 0.0, 0.0, 1.0])), Err(TicketFault::Deadline)] {
            let world = World { answer, ..World::open() };
            let mut decided = world.decide();
            decided.rules = Rule::ALL.to_vec();
            let record = world.record(Event::Ticket(&world.ticket));
            let sentences =
                explain_change(&decided, &world.ruling(), &world.moment, &world.view, &record, &world.answers());
            assert_eq!(sentences.len(), Rule::ALL.len());
            assert!(sentences.iter().all(|sentence| sentence.len() > 15 && !sentence.ends_with('.')));
        }
    }
}
