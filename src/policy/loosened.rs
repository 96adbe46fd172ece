//! Which safety limits another policy loosens: lets more tickets be acted on, or fewer be looked at.

use super::draws::DrawRate;
use super::ruling::{EvidenceRate, Policy};
use super::slices::rest_of;

/// One limit that lets more through than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loosened {
    /// What kind of limit.
    pub kind: LimitKind,
    /// Key, before and after, for people.
    pub sentence: String,
}

/// What kind of limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// A number that stands between a prediction and an action: what evidence was gathered at.
    Threshold,
    /// How much may be done at a time, and how soon it is void.
    Amount,
    /// A list that allows more or protects less.
    List,
    /// How much is looked at.
    Draw,
}

/// All limits that `after` loosens, in the order of the configuration.
pub fn loosened(before: &Policy, after: &Policy) -> Vec<Loosened> {
    let mut found = Vec::new();
    for slice in &after.slices {
        // Tickets of a new slice were those of another; at least the rest's threshold held for them.
        let known = before.slices.iter().find(|known| known.name == slice.name);
        let known = known.unwrap_or_else(|| rest_of(&before.slices));
        if slice.threshold < known.threshold {
            let key = format!("threshold of slice {}", slice.name);
            found.push(number(LimitKind::Threshold, &key, known.threshold.get(), slice.threshold.get()));
        }
    }
    let higher = |kind, key: &str, before: f64, after: f64| (after > before).then(|| number(kind, key, before, after));
    let lower = |kind, key: &str, before: f64, after: f64| (after < before).then(|| number(kind, key, before, after));
    let (threshold, amount, draw) = (LimitKind::Threshold, LimitKind::Amount, LimitKind::Draw);
    let numbers = [
        higher(threshold, "policy.critical_cut_off", before.critical_cut_off.get(), after.critical_cut_off.get()),
        higher(threshold, "policy.high_cap", before.high_cap.get(), after.high_cap.get()),
        higher(
            amount,
            "actions an hour (caps)",
            f64::from(before.caps.actions_per_hour_max),
            f64::from(after.caps.actions_per_hour_max),
        ),
        higher(
            amount,
            "share of an hour's arrivals (caps)",
            before.caps.arrivals_share_max,
            after.caps.arrivals_share_max,
        ),
        higher(
            amount,
            "tickets before a storm",
            f64::from(before.storm.tickets_max),
            f64::from(after.storm.tickets_max),
        ),
        lower(amount, "minutes of a storm's window", minutes(before.storm.window_ms), minutes(after.storm.window_ms)),
        higher(amount, "minutes until an event is stale", minutes(before.age_ms_max), minutes(after.age_ms_max)),
        higher(
            amount,
            "minutes until a command is void",
            minutes(before.command_ttl_ms),
            minutes(after.command_ttl_ms),
        ),
        lower(draw, "policy.draws.audit", before.draw_rates.audit, after.draw_rates.audit),
        fewer("policy.draws.evidence_shadow", before.draw_rates.evidence_shadow, after.draw_rates.evidence_shadow),
        fewer("policy.draws.evidence_later", before.draw_rates.evidence_later, after.draw_rates.evidence_later),
    ];
    found.extend(numbers.into_iter().flatten());
    found.extend(lists(before, after));
    found
}

/// A rate of the evidence draw that is, or may become, lower.
fn fewer(key: &str, before: EvidenceRate, after: EvidenceRate) -> Option<Loosened> {
    let least = |rate: EvidenceRate| rate.in_force(DrawRate::LEAST);
    let sentence = || format!("{key}: {after} instead of {before}");
    (least(after) < least(before)).then(|| Loosened { kind: LimitKind::Draw, sentence: sentence() })
}

fn minutes(milliseconds: i64) -> f64 {
    milliseconds as f64 / 60_000.0
}

fn number(kind: LimitKind, key: &str, before: f64, after: f64) -> Loosened {
    Loosened { kind, sentence: format!("{key}: {after} instead of {before}") }
}

fn lists(before: &Policy, after: &Policy) -> Vec<Loosened> {
    let kinds = |policy: &Policy| policy.allow.kinds.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>();
    let mut found = Vec::new();
    let mut allows = |key: &str, before: &[String], after: &[String]| {
        found.extend(difference(after, before).map(|entry| list(format!("{key}: {entry} is allowed too"))));
    };
    allows("kinds", &kinds(before), &kinds(after));
    allows("resolve_categories", &before.allow.resolve_categories, &after.allow.resolve_categories);
    allows("resolve_causes", &before.allow.resolve_causes, &after.allow.resolve_causes);
    match (&before.allow.triage_categories, &after.allow.triage_categories) {
        (Some(_), None) => found.push(list("triage_categories: every category is allowed".to_owned())),
        (Some(before), Some(after)) => {
            found.extend(
                difference(after, before).map(|entry| list(format!("triage_categories: {entry} is allowed too"))),
            );
        }
        (None, _) => {}
    }
    let protected = [
        ("hosts", &before.protected.hosts, &after.protected.hosts),
        ("customer_tiers", &before.protected.customer_tiers, &after.protected.customer_tiers),
        ("circuits", &before.protected.circuits, &after.protected.circuits),
        ("sites", &before.protected.sites, &after.protected.sites),
    ];
    for (key, before, after) in protected {
        found.extend(
            difference(before, after).map(|entry| list(format!("protected {key}: {entry} is protected no more"))),
        );
    }
    let gone = before.windows.iter().filter(|window| !after.windows.contains(window));
    found.extend(gone.map(|window| list(format!("window {}: gone or changed", window.name))));
    found
}

fn list(sentence: String) -> Loosened {
    Loosened { kind: LimitKind::List, sentence }
}

/// Entries of the first that the second has not.
fn difference<'list>(one: &'list [String], other: &'list [String]) -> impl Iterator<Item = &'list String> {
    one.iter().filter(|entry| !other.contains(entry))
}
