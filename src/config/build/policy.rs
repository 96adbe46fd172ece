//! `[policy]` and `[[slices]]`: the static policy.

use std::sync::Arc;

use crate::config::reader::{Reader, Row};
use crate::config::taxonomy::{Taxonomy, UNKNOWN_CAUSE};
use crate::config::values::Item;
use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::ticket::Kind;
use crate::domain::time::UtcMillis;
use crate::policy::guards::Guards;
use crate::policy::ruling::{
    AllowLists, Caps, DrawRates, EvidenceRate, ForbiddenWindow, Policy, Protected, QueueRule, StormLimit, SuggestAs,
    WindowScope,
};
use crate::policy::slices::{SliceCondition, SliceField, SliceRule};

/// Most permission slices: each has accounts and metric series of its own.
const SLICES_MAX: usize = 32;

/// Most thresholds of the grid: each has an account of its own.
const GRID_LENGTH_MAX: usize = 16;

/// The slice that takes what no other does.
const REST: &str = "rest";

pub(super) fn settings(reader: &Reader<'_>, taxonomy: &Taxonomy, eligibility_base: Digest) -> Policy {
    let threshold_grid = threshold_grid(reader);
    let policy = Policy {
        slices: slices(reader, &threshold_grid),
        threshold_grid,
        critical_cut_off: reader.probability("policy.critical_cut_off"),
        high_cap: reader.probability("policy.high_cap"),
        unsure_below: reader.probability("policy.unsure_below"),
        allow: allow(reader, taxonomy),
        protected: Protected {
            hosts: reader.texts("policy.protected.hosts"),
            customer_tiers: reader.texts("policy.protected.customer_tiers"),
            circuits: reader.texts("policy.protected.circuits"),
            sites: reader.texts("policy.protected.sites"),
        },
        windows: reader.rows("policy.windows").iter().filter_map(window).collect(),
        guards: Arc::new(guards(reader)),
        caps: Caps {
            actions_per_hour_max: reader.whole("policy.caps.actions_per_hour"),
            arrivals_share_max: reader.number("policy.caps.arrivals_share"),
        },
        storm: StormLimit {
            tickets_max: reader.whole("policy.storm.tickets"),
            window_ms: reader.integer("policy.storm.window_minutes") * 60_000,
        },
        age_ms_max: reader.integer("policy.max_age_s") * 1000,
        command_ttl_ms: reader.integer("policy.command_ttl_s") * 1000,
        suggest_as: match reader.text("policy.suggest_as") {
            "field" => SuggestAs::Field,
            "both" => SuggestAs::Both,
            _ => SuggestAs::Note,
        },
        queues: reader.rows("policy.queues").iter().filter_map(|row| queue(row, taxonomy)).collect(),
        draw_rates: DrawRates {
            evidence_shadow: evidence_rate(reader, "policy.draws.evidence_shadow"),
            evidence_later: evidence_rate(reader, "policy.draws.evidence_later"),
            audit: reader.number("policy.draws.audit"),
            second_reading: reader.number("policy.draws.second_reading"),
            epoch: reader.whole("policy.draws.epoch"),
        },
        policy_digest: Digest::default(),
        eligibility_digest: Digest::default(),
    };
    policy.sealed(eligibility_base)
}

fn evidence_rate(reader: &Reader<'_>, key: &str) -> EvidenceRate {
    reader.number_or_word(key).map_or(EvidenceRate::Auto, EvidenceRate::Fixed)
}

/// The built-in guards and the site's own phrases.
fn guards(reader: &Reader<'_>) -> Guards {
    let danger = reader.texts("policy.guards.danger_words");
    let machine = reader.texts("policy.guards.machine_phrases");
    Guards::with_extra(&danger, &machine).unwrap_or_else(|mistakes| {
        for mistake in mistakes {
            let is_danger = danger.contains(&mistake.0);
            let key = if is_danger { "policy.guards.danger_words" } else { "policy.guards.machine_phrases" };
            reader.mistake(key, mistake.to_string());
        }
        Guards::default_lists()
    })
}

fn threshold_grid(reader: &Reader<'_>) -> Vec<Probability> {
    let key = "policy.threshold_grid";
    let grid = reader.probabilities(key);
    if grid.is_empty() || grid.len() > GRID_LENGTH_MAX {
        reader.mistake(key, format!("has {} entries; write 1 to {GRID_LENGTH_MAX}", grid.len()));
    }
    if grid.windows(2).any(|pair| pair[0] >= pair[1]) {
        reader.mistake(key, "does not ascend; write each threshold once, the smallest first");
    }
    grid
}

fn off_grid(threshold: Probability, grid: &[Probability]) -> Option<String> {
    let shown = || grid.iter().map(|entry| entry.get().to_string()).collect::<Vec<_>>().join(" ");
    (!grid.contains(&threshold)).then(|| {
        format!("{} is not on policy.threshold_grid ({}); evidence is gathered there only", threshold.get(), shown())
    })
}

fn slices(reader: &Reader<'_>, grid: &[Probability]) -> Vec<SliceRule> {
    let threshold = reader.probability("policy.threshold");
    if let Some(problem) = off_grid(threshold, grid) {
        reader.mistake("policy.threshold", problem);
    }
    let label_keys = reader.texts("source.label_keys");
    let rows = reader.rows("slices");
    if rows.len() >= SLICES_MAX {
        reader.mistake("slices", format!("has {} rows; at most {}", rows.len(), SLICES_MAX - 1));
    }
    let mut slices: Vec<SliceRule> = Vec::new();
    for row in &rows {
        let Some(name) = slice_name(row) else { continue };
        if slices.iter().any(|slice| slice.name == name) {
            row.mistake("name", format!("`{name}` stands twice; every slice needs a name of its own"));
        }
        let own = row.probability("threshold");
        if let Some(problem) = own.and_then(|own| off_grid(own, grid)) {
            row.mistake("threshold", problem);
        }
        let conditions = conditions(row, &label_keys);
        if conditions.is_empty() {
            row.mistake("name", "has no condition, so no slice after it would ever match; that is what `rest` is for");
        }
        slices.push(SliceRule { name, conditions, threshold: own.unwrap_or(threshold) });
    }
    slices.push(SliceRule { name: REST.to_owned(), conditions: Vec::new(), threshold });
    slices
}

fn slice_name(row: &Row<'_, '_>) -> Option<String> {
    let Some(name) = row.text("name") else {
        row.mistake("name", "is missing; every slice needs a name");
        return None;
    };
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if name.len() > 40 || !name.bytes().all(is_legal) {
        row.mistake("name", "is not 1 to 40 of a-z 0-9 _ -");
        return None;
    }
    if name == REST {
        row.mistake("name", "`rest` comes last by itself; its threshold is policy.threshold");
        return None;
    }
    Some(name.to_owned())
}

fn conditions(row: &Row<'_, '_>, label_keys: &[String]) -> Vec<SliceCondition> {
    let plain = [
        ("category", SliceField::Category),
        ("kind", SliceField::Kind),
        ("vendor", SliceField::Vendor),
        ("device_type", SliceField::DeviceType),
        ("site", SliceField::Site),
        ("region", SliceField::Region),
        ("customer_tier", SliceField::CustomerTier),
        ("channel", SliceField::Channel),
        ("source_system", SliceField::SourceSystem),
    ];
    let mut conditions: Vec<SliceCondition> = plain
        .into_iter()
        .filter_map(|(name, field)| {
            let values = row.texts(name)?;
            if values.is_empty() {
                row.mistake(name, "is empty, so the slice would match nothing; take the line out");
            }
            Some(SliceCondition { field, values })
        })
        .collect();
    for (label, item) in row.named("labels") {
        if !label_keys.iter().any(|key| key == label) {
            row.mistake(&format!("labels.{label}"), "is not read; add it to source.label_keys");
        }
        if let Item::Texts(values) = item {
            conditions.push(SliceCondition { field: SliceField::Label(label.to_owned()), values: values.clone() });
        }
    }
    conditions
}

fn allow(reader: &Reader<'_>, taxonomy: &Taxonomy) -> AllowLists {
    let kinds = reader.texts("policy.allow.kinds");
    let kind = |word: &String| match word.as_str() {
        "incident" => Kind::Incident,
        "request" => Kind::Request,
        "change" => Kind::Change,
        "maintenance" => Kind::Maintenance,
        _ => Kind::Other,
    };
    let triage_categories = reader.texts("policy.allow.triage_categories");
    let resolve_causes = reader.texts("policy.allow.resolve_causes");
    for cause in &resolve_causes {
        if cause == UNKNOWN_CAUSE {
            reader.mistake("policy.allow.resolve_causes", "`unknown` is never resolved automatically; take it out");
        } else if !taxonomy.has_cause(cause) {
            reader.mistake("policy.allow.resolve_causes", format!("`{cause}` is no root cause of the taxonomy"));
        }
    }
    AllowLists {
        kinds: kinds.iter().map(kind).collect(),
        triage_categories: Some(triage_categories).filter(|categories| !categories.iter().any(|name| name == "*")),
        resolve_categories: reader.texts("policy.allow.resolve_categories"),
        resolve_causes,
    }
}

fn queue(row: &Row<'_, '_>, taxonomy: &Taxonomy) -> Option<QueueRule> {
    let category = row.text("category").map(str::to_owned);
    let root_cause = row.text("root_cause").map(str::to_owned);
    if root_cause.as_ref().is_some_and(|cause| !taxonomy.has_cause(cause)) {
        row.mistake("root_cause", "is no root cause of the taxonomy");
    }
    let Some(queue) = row.text("queue") else {
        row.mistake("queue", "is missing; say where such a ticket goes");
        return None;
    };
    Some(QueueRule { category, root_cause, queue: queue.to_owned() })
}

fn window(row: &Row<'_, '_>) -> Option<ForbiddenWindow> {
    let name = row.text("name").map(str::to_owned);
    if name.is_none() {
        row.mistake("name", "is missing; `explain` shows it");
    }
    let instant = |key: &str| {
        let Some(text) = row.text(key) else {
            row.mistake(key, "is missing; write an instant as \"2026-12-24T18:00:00+01:00\"");
            return None;
        };
        let parsed: Result<jiff::Timestamp, _> = text.parse();
        if parsed.is_err() {
            row.mistake(key, format!("`{text}` is no instant with an offset, as \"2026-12-24T18:00:00+01:00\""));
        }
        parsed.ok().map(|timestamp| UtcMillis(timestamp.as_millisecond()))
    };
    let (from, until) = (instant("from"), instant("until"));
    let scope = match (row.texts("sites"), row.texts("devices")) {
        (None, None) => WindowScope::Freeze,
        (Some(sites), None) => WindowScope::Sites(sites),
        (None, Some(devices)) => WindowScope::Devices(devices),
        (Some(_), Some(_)) => {
            row.mistake("devices", "stands beside sites; write two windows");
            WindowScope::Freeze
        }
    };
    let (name, from, until) = (name?, from?, until?);
    if until <= from {
        row.mistake("until", "is not after from");
    }
    Some(ForbiddenWindow { name, from, until, scope })
}
