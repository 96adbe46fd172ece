//! A policy to start from in tests: everything open that a policy can open, so that a test closes one thing.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::probability::{NotAProbability, Probability};
use crate::domain::ticket::Kind;

use super::guards::Guards;
use super::ruling::{AllowLists, Caps, DrawRates, EvidenceRate, Policy, Protected, QueueRule, StormLimit, SuggestAs};
use super::slices::SliceRule;

impl Policy {
    /// The documented defaults with one slice `rest` at threshold 0.95, and with one category and cause on each list.
    pub fn default_for_tests() -> Self {
        let probability = |value: f64| -> Probability {
            Probability::try_new(value)
                .unwrap_or_else(|NotAProbability(value)| unreachable!("{value} is written as a probability"))
        };
        Self {
            slices: vec![SliceRule { name: "rest".to_owned(), conditions: Vec::new(), threshold: probability(0.95) }],
            threshold_grid: [0.8, 0.9, 0.95, 0.98, 0.99].map(probability).to_vec(),
            critical_cut_off: probability(0.05),
            high_cap: probability(0.10),
            unsure_below: probability(0.5),
            allow: AllowLists {
                kinds: vec![Kind::Incident],
                triage_categories: None,
                resolve_categories: vec!["wireless".to_owned()],
                resolve_causes: vec!["flap".to_owned()],
            },
            protected: Protected::default(),
            windows: Vec::new(),
            guards: Arc::new(Guards::default_lists()),
            caps: Caps { actions_per_hour_max: 20, arrivals_share_max: 0.30 },
            storm: StormLimit { tickets_max: 5, window_ms: 30 * 60_000 },
            age_ms_max: 60 * 60_000,
            command_ttl_ms: 5 * 60_000,
            suggest_as: SuggestAs::Both,
            queues: vec![QueueRule {
                category: Some("wireless".to_owned()),
                root_cause: None,
                queue: "wlan".to_owned(),
            }],
            draw_rates: DrawRates {
                evidence_shadow: EvidenceRate::Fixed(0.10),
                evidence_later: EvidenceRate::Fixed(0.10),
                audit: 0.50,
                second_reading: 0.10,
                epoch: 1,
            },
            policy_digest: Digest::default(),
            eligibility_digest: Digest::default(),
        }
        .sealed(Digest::default())
    }
}
