//! Digests of a policy's content: what is stamped on each decision, and what a permit names.

use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::ticket::Kind;

use super::ruling::{
    AllowLists, Caps, DrawRates, EvidenceRate, ForbiddenWindow, Policy, Protected, QueueRule, StormLimit, SuggestAs,
    WindowScope,
};
use super::slices::{SliceCondition, SliceField, SliceRule};

/// Raised by hand whenever the code that decides eligibility (W, guards' reading, normalisation) decides otherwise than
/// before: evidence earned by the old code does not speak for the new.
pub const ELIGIBILITY_CODE_VERSION: u32 = 3;

impl Policy {
    /// The policy with both its digests set. `outside` is the digest of everything else that decides eligibility:
    /// mapping, enrichment, prompt, truncation, taxonomy, id of the draw key, dtype and device class.
    pub fn sealed(self, outside: Digest) -> Self {
        let policy_digest = policy_digest(&self);
        let eligibility_digest = eligibility_digest(&self, outside);
        Self { policy_digest, eligibility_digest, ..self }
    }
}

/// Digest of all that the configuration says about decisions.
pub fn policy_digest(policy: &Policy) -> Digest {
    // Destructured in full: a new field that is forgotten here does not compile.
    let Policy {
        slices,
        threshold_grid,
        critical_cut_off,
        high_cap,
        unsure_below,
        allow,
        protected,
        windows,
        guards,
        caps,
        storm,
        age_ms_max,
        command_ttl_ms,
        suggest_as,
        queues,
        draw_rates,
        policy_digest: _,
        eligibility_digest: _,
    } = policy;
    let mut content = Content::new("noctriage.policy/1");
    content.list(slices, |content, slice| {
        content.slice(slice);
        content.probability(slice.threshold);
    });
    content.list(threshold_grid, |content, &threshold| content.probability(threshold));
    for probability in [critical_cut_off, high_cap, unsure_below] {
        content.probability(*probability);
    }
    content.allow(allow);
    content.protected(protected);
    content.list(windows, Content::window);
    content.bytes(&guards.digest().0);
    let Caps { actions_per_hour_max, arrivals_share_max } = *caps;
    content.number(actions_per_hour_max.into());
    content.real(arrivals_share_max);
    let StormLimit { tickets_max, window_ms } = *storm;
    for number in [tickets_max.into(), window_ms, *age_ms_max, *command_ttl_ms] {
        content.number(number);
    }
    content.text(match suggest_as {
        SuggestAs::Field => "field",
        SuggestAs::Note => "note",
        SuggestAs::Both => "both",
    });
    content.list(queues, Content::queue);
    let DrawRates { evidence_shadow, evidence_later, audit, second_reading, epoch } = *draw_rates;
    // `auto` as such: a rate that the leader chooses is no other policy, and is recorded with each draw.
    for rate in [evidence_shadow, evidence_later] {
        match rate {
            EvidenceRate::Fixed(rate) => content.real(rate),
            EvidenceRate::Auto => content.text("auto"),
        }
    }
    content.real(audit);
    content.real(second_reading);
    content.number(epoch.into());
    content.digest()
}

/// Digest of what decides eligibility except the threshold. Lists that can only forbid (protected, freeze, maintenance)
/// stay outside: a person must be able to add a host at night without taking the stage away.
pub fn eligibility_digest(policy: &Policy, outside: Digest) -> Digest {
    let mut content = Content::new("noctriage.eligibility/1");
    content.number(ELIGIBILITY_CODE_VERSION.into());
    content.bytes(&outside.0);
    content.list(&policy.slices, Content::slice);
    content.probability(policy.critical_cut_off);
    content.probability(policy.high_cap);
    content.allow(&policy.allow);
    content.bytes(&policy.guards.digest().0);
    content.digest()
}

/// Bytes in which no two different contents are equal: every text and list is preceded by its length.
struct Content(Vec<u8>);

impl Content {
    fn new(name: &str) -> Self {
        let mut content = Self(Vec::with_capacity(1024));
        content.text(name);
        content
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn real(&mut self, real: f64) {
        self.0.extend_from_slice(&real.to_bits().to_be_bytes());
    }

    fn probability(&mut self, probability: Probability) {
        self.real(probability.get());
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.list(text.as_slice(), |content, text| content.text(text));
    }

    fn list<Item>(&mut self, items: &[Item], mut write: impl FnMut(&mut Self, &Item)) {
        self.0.extend_from_slice(&(items.len() as u64).to_be_bytes());
        for item in items {
            write(self, item);
        }
    }

    fn texts(&mut self, texts: &[String]) {
        self.list(texts, |content, text| content.text(text));
    }

    /// A row of the slice table without its threshold.
    fn slice(&mut self, slice: &SliceRule) {
        let SliceRule { name, conditions, threshold: _ } = slice;
        self.text(name);
        self.list(conditions, |content, SliceCondition { field, values }| {
            content.text(field_word(field));
            content.optional_text(match field {
                SliceField::Label(label) => Some(label),
                SliceField::Category
                | SliceField::Kind
                | SliceField::Vendor
                | SliceField::DeviceType
                | SliceField::Site
                | SliceField::Region
                | SliceField::CustomerTier
                | SliceField::Channel
                | SliceField::SourceSystem => None,
            });
            content.texts(values);
        });
    }

    fn allow(&mut self, allow: &AllowLists) {
        let AllowLists { kinds, triage_categories, resolve_categories, resolve_causes } = allow;
        self.list(kinds, |content, &kind: &Kind| content.text(kind.as_str()));
        self.list(triage_categories.as_slice(), |content, categories| content.texts(categories));
        self.texts(resolve_categories);
        self.texts(resolve_causes);
    }

    fn protected(&mut self, protected: &Protected) {
        let Protected { hosts, customer_tiers, circuits, sites } = protected;
        for list in [hosts, customer_tiers, circuits, sites] {
            self.texts(list);
        }
    }

    fn window(&mut self, window: &ForbiddenWindow) {
        let ForbiddenWindow { name, from, until, scope } = window;
        self.text(name);
        self.number(from.0);
        self.number(until.0);
        match scope {
            WindowScope::Freeze => self.text("freeze"),
            WindowScope::Sites(sites) => {
                self.text("sites");
                self.texts(sites);
            }
            WindowScope::Devices(devices) => {
                self.text("devices");
                self.texts(devices);
            }
        }
    }

    fn queue(&mut self, row: &QueueRule) {
        let QueueRule { category, root_cause, queue } = row;
        self.optional_text(category.as_deref());
        self.optional_text(root_cause.as_deref());
        self.text(queue);
    }
}

const fn field_word(field: &SliceField) -> &'static str {
    match field {
        SliceField::Category => "category",
        SliceField::Kind => "kind",
        SliceField::Vendor => "vendor",
        SliceField::DeviceType => "device_type",
        SliceField::Site => "site",
        SliceField::Region => "region",
        SliceField::CustomerTier => "customer_tier",
        SliceField::Channel => "channel",
        SliceField::SourceSystem => "source_system",
        SliceField::Label(_) => "label",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::domain::time::UtcMillis;
    use crate::policy::guards::Guards;

    const OUTSIDE: Digest = Digest([7; 32]);

    /// What a change does to (policy digest, eligibility digest): whether each differs.
    fn differs(change: impl FnOnce(&mut Policy)) -> (bool, bool) {
        let before = Policy::default_for_tests();
        let mut after = before.clone();
        change(&mut after);
        (
            policy_digest(&before) != policy_digest(&after),
            eligibility_digest(&before, OUTSIDE) != eligibility_digest(&after, OUTSIDE),
        )
    }

    fn probability(value: f64) -> Probability {
        Probability::try_new(value).expect("a probability")
    }

    #[test]
    fn lists_that_can_only_forbid_change_the_policy_and_not_the_eligibility() {
        assert_eq!(differs(|policy| policy.protected.hosts.push("core-*".to_owned())), (true, false));
        let freeze = ForbiddenWindow {
            name: "year end".to_owned(),
            from: UtcMillis(0),
            until: UtcMillis(1),
            scope: WindowScope::Freeze,
        };
        assert_eq!(differs(|policy| policy.windows.push(freeze)), (true, false));
    }

    #[test]
    fn a_threshold_changes_the_policy_and_not_the_eligibility() {
        assert_eq!(differs(|policy| policy.slices[0].threshold = probability(0.99)), (true, false));
        assert_eq!(differs(|policy| policy.threshold_grid.clear()), (true, false));
        assert_eq!(differs(|policy| policy.caps.actions_per_hour_max += 1), (true, false));
        assert_eq!(differs(|policy| policy.draw_rates.epoch += 1), (true, false));
        assert_eq!(differs(|policy| policy.queues.clear()), (true, false));
    }

    #[test]
    fn cut_offs_allow_lists_slices_and_guards_change_both() {
        assert_eq!(differs(|policy| policy.critical_cut_off = probability(0.01)), (true, true));
        assert_eq!(differs(|policy| policy.high_cap = probability(0.01)), (true, true));
        assert_eq!(differs(|policy| policy.allow.kinds.clear()), (true, true));
        assert_eq!(differs(|policy| policy.allow.triage_categories = Some(Vec::new())), (true, true));
        assert_eq!(differs(|policy| policy.slices[0].name = "other".to_owned()), (true, true));
        let guards = Guards::with_extra(&["meltdown".to_owned()], &[]).expect("a word");
        assert_eq!(differs(|policy| policy.guards = Arc::new(guards)), (true, true));
    }

    #[test]
    fn what_lies_outside_the_policy_changes_the_eligibility() {
        let policy = Policy::default_for_tests();
        assert_ne!(eligibility_digest(&policy, OUTSIDE), eligibility_digest(&policy, Digest([8; 32])));
    }

    #[test]
    fn sealing_sets_both_digests_and_twice_is_the_same_as_once() {
        let sealed = Policy::default_for_tests().sealed(OUTSIDE);
        assert_eq!(sealed.policy_digest, policy_digest(&sealed));
        assert_eq!(sealed.eligibility_digest, eligibility_digest(&sealed, OUTSIDE));
        let again = sealed.clone().sealed(OUTSIDE);
        assert_eq!((again.policy_digest, again.eligibility_digest), (sealed.policy_digest, sealed.eligibility_digest));
    }
}
