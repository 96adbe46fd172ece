//! `[verdicts]`: what counts as a person's verdict, and where it is found.

use std::sync::Arc;
use std::time::Duration;

use crate::config::reader::Reader;
use crate::config::settings::{EventTopic, TruthSource, VerdictsSettings};
use crate::domain::verdict::RatingScale;
use crate::policy::ruling::DrawKey;
use crate::wire::intake::IntakeSettings;
use crate::wire::intake::settings::Preset;
use crate::wire::verdict::{NoWorkCodes, PseudonymKey, VerdictRule, VerdictSettings};

pub(super) fn settings(reader: &Reader<'_>, intake: &Arc<IntakeSettings>, draw_key: DrawKey) -> VerdictsSettings {
    let truth = match reader.text("verdicts.truth") {
        "ticket_system" => TruthSource::TicketSystem,
        "explicit" => TruthSource::Explicit,
        _ => TruthSource::Undecided,
    };
    if truth == TruthSource::TicketSystem && intake.preset != Preset::ServiceNow {
        reader.mistake(
            "verdicts.truth",
            format!(
                "is ticket_system, which is read with source.preset = \"servicenow\" alone, not with \"{}\"; write \
                 verdicts as noctriage.verdict/v1 and set explicit",
                intake.preset.as_str()
            ),
        );
    }
    let rule = VerdictRule::from_word(reader.text("verdicts.rule")).expect("the table's words are the rules");
    let events = match reader.text("verdicts.events") {
        "verdicts" => EventTopic::Verdicts,
        _ => EventTopic::Tickets,
    };
    let codes = reader.texts("verdicts.no_work_codes");
    let scale = RatingScale::from_word(reader.text("verdicts.rating_scale"));
    let is_of_ticket_system = truth == TruthSource::TicketSystem;
    VerdictsSettings {
        truth,
        reader: Arc::new(VerdictSettings {
            intake: Arc::clone(intake),
            rule: is_of_ticket_system.then_some(rule),
            no_work_codes: NoWorkCodes::new(codes.iter().map(String::as_str)),
            pseudonym_key: PseudonymKey(draw_key.0),
        }),
        events: is_of_ticket_system.then_some(events),
        deadline: Duration::from_hours(1) * reader.whole::<u32>("verdicts.deadline_hours"),
        rating_scale: scale.expect("the table's words are the scales"),
    }
}
