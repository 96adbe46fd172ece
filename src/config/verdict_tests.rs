//! What `[verdicts]` of a file becomes.

use std::time::Duration;

use super::settings::{EventTopic, TruthSource};
use super::tests::{MODEL, Site};

#[test]
fn what_counts_as_a_verdict_reaches_the_reader_of_verdicts() {
    let verdicts = |text: &str| Site::new(&format!("{MODEL}{text}")).load().settings.verdicts;
    let defaults = verdicts("");
    assert_eq!((defaults.truth, defaults.events), (TruthSource::Undecided, None));
    assert_eq!((defaults.reader.rule, defaults.deadline), (None, Duration::from_hours(72)));
    let declared = verdicts(
        "[source]\npreset = \"servicenow\"\n[verdicts]\ntruth = \"ticket_system\"\nrule = \"closed\"\n\
         events = \"verdicts\"\nno_work_codes = [\"Duplicate\"]\ndeadline_hours = 96\n",
    );
    assert_eq!(declared.events, Some(EventTopic::Verdicts));
    assert_eq!(declared.reader.rule, Some(crate::wire::verdict::VerdictRule::Closed));
    assert!(declared.reader.no_work_codes.has("duplicate") && !declared.reader.no_work_codes.has("solved"));
    assert_eq!(declared.deadline, Duration::from_hours(96));
    assert_eq!(verdicts("[verdicts]\ntruth = \"explicit\"\n").reader.rule, None);
}

#[test]
fn a_ticket_system_without_a_verdict_rule_is_refused() {
    let mistakes = Site::new(&format!("{MODEL}[verdicts]\ntruth = \"ticket_system\"\n")).mistakes();
    assert!(
        mistakes.len() == 1 && mistakes[0].contains("verdicts.truth") && mistakes[0].contains("explicit"),
        "{mistakes:?}"
    );
}
