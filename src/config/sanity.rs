//! What a configuration that holds still gets wrong: rules that can never fire, doors that stand open.
//!
//! Pure: settings and an instant in, findings out. `check` prints them; none of them refuses a start.

use crate::domain::stage::{AutoAction, Stage};
use crate::domain::ticket::Kind;
use crate::domain::time::UtcMillis;
use crate::policy::draws::DrawRate;
use crate::policy::loosened::{LimitKind, loosened};
use crate::policy::ruling::{EvidenceRate, Policy, QueueRule, WindowScope};
use crate::policy::slices::{SliceCondition, SliceRule};
use crate::wire::intake::settings::Preset;
use crate::wire::verdict::NoWorkCodes;

use super::settings::{RolloutMode, Settings, TruthSource};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// The daemon would not start.
    Mistake,
}

impl Weight {
    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Mistake => "mistake",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub weight: Weight,
    /// The key, topic or file it is about.
    pub about: String,
    /// What is so, and what to do.
    pub sentence: String,
}

impl Finding {
    /// A finding.
    pub fn new(weight: Weight, about: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { weight, about: about.into(), sentence: sentence.into() }
    }
}

/// Everything worth saying about settings that hold, at an instant of desk time.
pub fn findings(settings: &Settings, now: UtcMillis) -> Vec<Finding> {
    let mut findings = Vec::new();
    shadowed_slices(&settings.policy.slices, &mut findings);
    shadowed_queues(&settings.policy.queues, &mut findings);
    windows(&settings.policy, now, &mut findings);
    actions(settings, &mut findings);
    loosened_thresholds(settings, &mut findings);
    source(settings, &mut findings);
    kafka(settings, &mut findings);
    verdicts(settings, &mut findings);
    draws(settings, &mut findings);
    findings
}

fn shadowed_slices(slices: &[SliceRule], findings: &mut Vec<Finding>) {
    for (index, slice) in slices.iter().enumerate() {
        if let Some(earlier) = slices[..index].iter().find(|earlier| takes_all_of(earlier, slice)) {
            findings.push(Finding::new(
                Weight::Warning,
                format!("slices `{}`", slice.name),
                format!("no ticket ever reaches it: `{}` stands before it and takes all of them; put the narrower one first", earlier.name),
            ));
        }
    }
}

/// Whether every ticket that matches `later` matches `earlier` too.
fn takes_all_of(earlier: &SliceRule, later: &SliceRule) -> bool {
    let is_implied = |condition: &SliceCondition| {
        let narrower = later.conditions.iter().filter(|other| other.field == condition.field);
        narrower.into_iter().any(|other| other.values.iter().all(|value| is_covered(value, &condition.values)))
    };
    earlier.conditions.iter().all(is_implied)
}

fn is_covered(value: &str, patterns: &[String]) -> bool {
    let value = value.to_lowercase();
    patterns.iter().any(|pattern| {
        let pattern = pattern.to_lowercase();
        match pattern.strip_suffix('*') {
            Some(start) => value.starts_with(start),
            None => value == pattern,
        }
    })
}

fn shadowed_queues(queues: &[QueueRule], findings: &mut Vec<Finding>) {
    let covers = |wide: Option<&String>, narrow: Option<&String>| wide.is_none_or(|wide| Some(wide) == narrow);
    for (index, row) in queues.iter().enumerate() {
        let is_before = |earlier: &&QueueRule| {
            covers(earlier.category.as_ref(), row.category.as_ref())
                && covers(earlier.root_cause.as_ref(), row.root_cause.as_ref())
        };
        if let Some(earlier) = queues[..index].iter().find(is_before) {
            findings.push(Finding::new(
                Weight::Warning,
                format!("policy.queues[{index}]"),
                format!(
                    "no ticket ever goes to `{}`: an earlier row sends all of them to `{}`",
                    row.queue, earlier.queue
                ),
            ));
        }
    }
}

/// Limits that stand between a prediction and an action and are looser than the defaults: what that does is known from
/// recorded decisions, before it is done.
fn loosened_thresholds(settings: &Settings, findings: &mut Vec<Finding>) {
    let Ok(defaults) = super::load(&super::Sources::built_in(&[], settings.draw_key)) else { return };
    for limit in loosened(&defaults.settings.policy, &settings.policy) {
        match limit.kind {
            LimitKind::Threshold => {
                let hint = "what it does to recorded tickets: `noctriage policy try FILE --from 14d`";
                let sentence = format!("looser than the default ({}); {hint}", limit.sentence);
                findings.push(Finding::new(Weight::Note, "policy", sentence));
            }
            LimitKind::Amount | LimitKind::List | LimitKind::Draw => {}
        }
    }
}

fn windows(policy: &Policy, now: UtcMillis, findings: &mut Vec<Finding>) {
    for (index, window) in policy.windows.iter().enumerate() {
        let about = format!("policy.windows[{index}]");
        if window.until <= now {
            findings.push(Finding::new(Weight::Note, about, format!("`{}` is in the past; take it out", window.name)));
        } else if window.from <= now && window.scope == WindowScope::Freeze {
            let sentence = format!("the freeze `{}` is in force: nothing is automatic", window.name);
            findings.push(Finding::new(Weight::Note, about, sentence));
        }
    }
}

/// Why an action can never happen, whatever the tickets; empty when it can.
pub fn never_because(settings: &Settings, action: AutoAction) -> Vec<String> {
    let policy = &settings.policy;
    let mut reasons = Vec::new();
    // Stages and shares that are earned are what evidence says: nothing here knows how far that can go.
    let is_fixed = settings.rollout.mode == RolloutMode::Fixed;
    if is_fixed && settings.rollout.fixed_stage < action.stage_needed() {
        reasons.push(format!("rollout.fixed_stage is {}", settings.rollout.fixed_stage));
    } else if is_fixed && settings.rollout.shares[action.index()].get() == 0.0 {
        reasons.push(format!("rollout.shares.{} is 0", action.as_str()));
    }
    if policy.allow.kinds.is_empty() {
        reasons.push("policy.allow.kinds is empty".to_owned());
    }
    match action {
        AutoAction::Triage => {
            if policy.allow.triage_categories.as_ref().is_some_and(Vec::is_empty) {
                reasons.push("policy.allow.triage_categories is empty".to_owned());
            }
        }
        AutoAction::Resolve => {
            if policy.allow.resolve_categories.is_empty() {
                reasons.push("policy.allow.resolve_categories is empty".to_owned());
            }
            if policy.allow.resolve_causes.is_empty() {
                reasons.push("policy.allow.resolve_causes is empty".to_owned());
            }
        }
    }
    if policy.caps.actions_per_hour_max == 0 || policy.caps.arrivals_share_max == 0.0 {
        reasons.push("policy.caps allows no action".to_owned());
    }
    if policy.critical_cut_off.get() == 0.0 || policy.high_cap.get() == 0.0 {
        reasons.push("policy.critical_cut_off or policy.high_cap is 0, which every ticket reaches".to_owned());
    }
    if policy.protected.hosts.iter().chain(&policy.protected.sites).any(|pattern| pattern == "*") {
        reasons.push("policy.protected holds `*`, which is everything that has a name".to_owned());
    }
    reasons
}

/// The stage that every slice has at the first start.
fn stage_at_start(settings: &Settings) -> Stage {
    match settings.rollout.mode {
        RolloutMode::Fixed => settings.rollout.fixed_stage,
        RolloutMode::Earned => Stage::Shadow,
    }
}

fn actions(settings: &Settings, findings: &mut Vec<Finding>) {
    let stage = stage_at_start(settings);
    for action in AutoAction::ALL {
        let reasons = never_because(settings, action);
        if reasons.is_empty() {
            continue;
        }
        // Below the stage it is no surprise; in the stage it is.
        let weight = if stage >= action.stage_needed() { Weight::Warning } else { Weight::Note };
        let sentence = format!("can never happen because {}", reasons.join("; "));
        findings.push(Finding::new(weight, action.as_str(), sentence));
    }
    let odd = |kind: &&Kind| match kind {
        Kind::Request | Kind::Change | Kind::Other => true,
        Kind::Incident | Kind::Maintenance => false,
    };
    if let Some(kind) = settings.policy.allow.kinds.iter().find(odd) {
        let sentence = format!("allows `{}`; only incident and maintenance make sense", kind.as_str());
        findings.push(Finding::new(Weight::Warning, "policy.allow.kinds", sentence));
    }
    if stage >= Stage::AutoTriage && settings.policy.queues.is_empty() {
        let sentence = "is empty: auto_triage writes the severity and no queue";
        findings.push(Finding::new(Weight::Note, "policy.queues", sentence));
    }
}

fn source(settings: &Settings, findings: &mut Vec<Finding>) {
    let intake = &settings.intake;
    if intake.preset == Preset::ServiceNow && intake.time_zone.is_none() {
        let sentence = "is not set; ServiceNow writes times without a zone, and such records become dead letters";
        findings.push(Finding::new(Weight::Warning, "source.timezone", sentence));
    }
    let stage = stage_at_start(settings);
    if intake.machine_users.is_empty() && intake.preset != Preset::Alertmanager {
        let sentence = "is empty: every user who opens or changes a ticket counts as a person, and what a person has set is \
                        never written over; name the users of your monitoring and rules";
        findings.push(Finding::new(Weight::Note, "source.machine_users", sentence));
    }
    if intake.own_user.is_none() && intake.preset != Preset::Alertmanager {
        let weight = if stage == Stage::Shadow { Weight::Note } else { Weight::Warning };
        let sentence = "is not set; what noctriage writes back is not recognised as its own";
        findings.push(Finding::new(weight, "source.own_user", sentence));
    }
}

fn kafka(settings: &Settings, findings: &mut Vec<Finding>) {
    let kafka = &settings.kafka;
    let is_plaintext = kafka
        .security
        .properties
        .iter()
        .any(|(name, value)| name == "security.protocol" && value.0.ends_with("plaintext"));
    let is_local = |address: &str| {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    };
    if is_plaintext && !kafka.brokers.split(',').all(is_local) {
        let sentence = "tickets travel unencrypted to brokers on other hosts; use sasl_ssl or ssl";
        findings.push(Finding::new(Weight::Warning, "kafka.security.protocol", sentence));
    }
    if kafka.create.replication == 1 {
        let sentence = "is 1: a broker that is lost takes its topics with it";
        findings.push(Finding::new(Weight::Note, "kafka.create.replication", sentence));
    }
    if kafka.create.decisions_retention.as_secs() < 90 * 86_400 {
        let sentence = "is below 90: evidence is forgotten before a stage can rest on it";
        findings.push(Finding::new(Weight::Warning, "kafka.create.decisions_retention_days", sentence));
    }
}

fn verdicts(settings: &Settings, findings: &mut Vec<Finding>) {
    match settings.verdicts.truth {
        TruthSource::Undecided => {
            let sentence = "is undecided: no verdict counts, so no stage can be earned; set ticket_system or explicit";
            findings.push(Finding::new(Weight::Note, "verdicts.truth", sentence));
        }
        TruthSource::TicketSystem if settings.verdicts.reader.no_work_codes == NoWorkCodes::default() => {
            let sentence = "is empty: every close code counts as work, so auto_resolve cannot be earned; name the codes that \
                            say that nobody had to do anything";
            findings.push(Finding::new(Weight::Note, "verdicts.no_work_codes", sentence));
        }
        TruthSource::TicketSystem | TruthSource::Explicit => {}
    }
}

/// Where stages are fixed there is no leader, and `auto` is nobody's to choose: the least is drawn, for ever.
fn draws(settings: &Settings, findings: &mut Vec<Finding>) {
    let Settings { rollout, policy, .. } = settings;
    let stage = rollout.fixed_stage;
    match (rollout.mode, policy.draw_rates.evidence(stage)) {
        (RolloutMode::Fixed, EvidenceRate::Auto) => {
            let key = if stage == Stage::Shadow { "evidence_shadow" } else { "evidence_later" };
            let sentence = format!(
                "is auto, and with rollout.mode `fixed` no instance leads and chooses: {:.0} % of tickets are drawn in stage \
                 {stage}, whatever evidence is missing; set a number, or rollout.mode = \"earned\"",
                100.0 * DrawRate::LEAST.get()
            );
            findings.push(Finding::new(Weight::Note, format!("policy.draws.{key}"), sentence));
        }
        (RolloutMode::Fixed, EvidenceRate::Fixed(_)) | (RolloutMode::Earned, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::Sources;
    use crate::config::load;
    use crate::policy::ruling::{DrawKey, ForbiddenWindow};
    use crate::policy::slices::SliceField;

    fn settings(keys: &[(&str, &str)]) -> Settings {
        load(&Sources::built_in(keys, DrawKey([7; 16]))).expect("the configuration holds").settings
    }

    fn slice(name: &str, conditions: &[(SliceField, &[&str])]) -> SliceRule {
        let condition = |(field, values): &(SliceField, &[&str])| SliceCondition {
            field: field.clone(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        SliceRule {
            name: name.to_owned(),
            conditions: conditions.iter().map(condition).collect(),
            threshold: crate::domain::probability::Probability::ONE,
        }
    }

    fn shadowed(slices: &[SliceRule]) -> Vec<String> {
        let mut findings = Vec::new();
        shadowed_slices(slices, &mut findings);
        findings.into_iter().map(|finding| finding.about).collect()
    }

    #[test]
    fn a_slice_behind_a_wider_one_is_shadowed() {
        use SliceField::{Category, Site};
        let wide = slice("wide", &[(Category, &["Wire*", "optical"])]);
        let narrow = slice("narrow", &[(Category, &["wireless"]), (Site, &["zrh"])]);
        let other = slice("other", &[(Category, &["wireless", "power"])]);
        assert_eq!(shadowed(&[wide.clone(), narrow.clone(), other.clone()]), ["slices `narrow`"]);
        assert_eq!(shadowed(&[narrow, other, wide]), Vec::<String>::new());
    }

    #[test]
    fn resolve_says_every_reason_why_it_can_never_happen() {
        let settings = settings(&[("rollout.fixed_stage", "auto_resolve")]);
        assert_eq!(
            never_because(&settings, AutoAction::Resolve),
            [
                "rollout.shares.auto_resolve is 0",
                "policy.allow.resolve_categories is empty",
                "policy.allow.resolve_causes is empty"
            ]
        );
        assert_eq!(never_because(&settings, AutoAction::Triage), Vec::<String>::new());
    }

    #[test]
    fn shadow_is_a_note_and_an_empty_list_in_its_stage_is_a_warning() {
        let weight = |stage: &str| {
            let settings = settings(&[("rollout.fixed_stage", stage)]);
            let findings = findings(&settings, UtcMillis(0));
            findings.into_iter().find(|finding| finding.about == "auto_resolve").map(|finding| finding.weight)
        };
        assert_eq!(weight("shadow"), Some(Weight::Note));
        assert_eq!(weight("auto_resolve"), Some(Weight::Warning));
    }

    #[test]
    fn auto_without_a_leader_says_what_is_drawn_and_what_to_do() {
        let said = |keys: &[(&str, &str)]| {
            let findings = findings(&settings(keys), UtcMillis(0)).into_iter();
            let of_draws = findings.filter(|finding| finding.about.starts_with("policy.draws"));
            of_draws.map(|finding| (finding.weight, finding.about, finding.sentence)).collect::<Vec<_>>()
        };
        let sentence = "is auto, and with rollout.mode `fixed` no instance leads and chooses: 10 % of tickets are drawn in \
                        stage suggest, whatever evidence is missing; set a number, or rollout.mode = \"earned\"";
        let expected = (Weight::Note, "policy.draws.evidence_later".to_owned(), sentence.to_owned());
        assert_eq!(said(&[("rollout.fixed_stage", "suggest")]), [expected]);
        assert_eq!(said(&[])[0].1, "policy.draws.evidence_shadow");
        // Only the rate of the stage in force matters.
        assert_eq!(said(&[("policy.draws.evidence_shadow", "0.3")]), []);
        assert_eq!(said(&[("rollout.mode", "earned"), ("verdicts.truth", "explicit")]), []);
    }

    #[test]
    fn a_window_that_has_ended_is_told() {
        let mut policy = Policy::default_for_tests();
        let window = |until| ForbiddenWindow {
            name: "year end".to_owned(),
            from: UtcMillis(0),
            until: UtcMillis(until),
            scope: WindowScope::Freeze,
        };
        policy.windows = vec![window(10), window(11)];
        let mut findings = Vec::new();
        windows(&policy, UtcMillis(10), &mut findings);
        let sentences: Vec<&str> = findings.iter().map(|finding| finding.sentence.as_str()).collect();
        assert_eq!(
            sentences,
            ["`year end` is in the past; take it out", "the freeze `year end` is in force: nothing is automatic"]
        );
    }

    #[test]
    fn plaintext_to_another_host_is_a_warning_and_to_this_one_is_not() {
        let warns = |brokers: &str| {
            let settings = settings(&[("kafka.brokers", brokers)]);
            findings(&settings, UtcMillis(0)).iter().any(|finding| finding.about == "kafka.security.protocol")
        };
        assert!(warns("localhost:9092,broker.example:9092"));
        assert!(!warns("localhost:9092,127.0.0.1:9093,[::1]:9094"));
    }
}
