use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::probability::Probability;
use crate::domain::stage::Share;
use crate::policy::draws::DrawRate;
use crate::policy::ruling::EvidenceRate;
use crate::policy::slices::SliceRule;
use crate::rollout::tests::desk::AUTO;

fn rule(name: &str) -> SliceRule {
    SliceRule { name: name.to_owned(), conditions: Vec::new(), threshold: Probability::try_new(0.95).unwrap() }
}

fn share(value: f64) -> Share {
    Share::try_new(value).unwrap()
}

#[track_caller]
fn check_value(metrics: &Metrics, series: &str, expected: f64) {
    let text = metrics.render();
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    let value = line.and_then(|line| line.rsplit_once(' ')).and_then(|(_, value)| value.parse::<f64>().ok());
    assert_eq!(value, Some(expected), "{series} in\n{text}");
}

#[test]
fn the_registry_shows_exactly_what_the_catalogue_says() {
    let metrics = Metrics::new();
    metrics.stage_map(&StageMap::fixed(&[rule("rest")], Stage::Shadow, [share(0.0), share(0.0)]), &AUTO);
    metrics.lags(&[Lag { partition: 0, records: 0, seconds: 0.0 }]);
    metrics.config_accepted(&Digest::of(b"x"), UtcMillis(0));
    metrics.models(&[(ModelRole::Acting, &model("tiny"))]);
    metrics.evidence(&evidence::tests::shown("rest"));
    metrics.evidence_read(&[(EvidenceTopic::Decisions, Some(5))], 0);
    metrics.rollout(&RolloutShown {
        lease_left_s: Some(60.0),
        halts: [0; 5],
        revision: 1,
        approvals: vec![("rest".into(), 1.0)],
    });
    let shown: BTreeMap<String, (String, BTreeSet<String>)> = metrics
        .registry
        .gather()
        .iter()
        .filter(|family| !family.name().starts_with("process_"))
        .map(|family| {
            let labels = family.get_metric()[0].get_label().iter().map(|pair| pair.name().to_owned()).collect();
            (family.name().to_owned(), (family.help().to_owned(), labels))
        })
        .collect();
    let listed: BTreeMap<String, (String, BTreeSet<String>)> = rows()
        .iter()
        .map(|row| {
            (row.name.to_owned(), (row.help.to_owned(), row.labels.iter().map(|label| (*label).to_owned()).collect()))
        })
        .collect();
    assert_eq!(shown, listed);
}

#[test]
fn names_say_their_unit_and_helps_are_sentences() {
    for row in rows() {
        assert!(row.name.starts_with("noctriage_"), "{}", row.name);
        assert_eq!(
            row.kind == Kind::Counter,
            row.name.ends_with("_total"),
            "{}: counters, and only they, end in _total",
            row.name
        );
        assert!(row.help.ends_with('.'), "{}", row.name);
        if let Kind::Histogram(bounds) = row.kind {
            assert!(bounds.is_sorted_by(|a, b| a < b), "{}", row.name);
        }
    }
    let Kind::Histogram(bounds) = catalogue::LATENCY.kind else { panic!("the latency is a histogram") };
    assert!(bounds.contains(&10.0), "the alert on late decisions reads the bucket of 10 s");
}

#[test]
fn every_closed_label_set_starts_at_zero() {
    let metrics = Metrics::new();
    check_value(&metrics, r#"noctriage_outcomes_total{outcome="dead_letter"}"#, 0.0);
    check_value(
        &metrics,
        r#"noctriage_decisions_total{action="auto_resolve",severity="none",stage="auto_resolve"}"#,
        0.0,
    );
    check_value(&metrics, r#"noctriage_model_faults_total{fault="engine_stopped",role="candidate"}"#, 0.0);
    check_value(&metrics, r#"noctriage_kafka_transactions_total{result="fatal"}"#, 0.0);
    assert!(TicketFault::WORDS.contains(&TicketFault::Deadline.as_str()));
}

#[test]
fn words_of_one_label_are_distinct() {
    let distinct = |words: Vec<&str>| words.iter().collect::<BTreeSet<_>>().len() == words.len();
    assert!(distinct(Rule::ALL.map(Rule::as_str).to_vec()));
    assert!(distinct(DeadLetterClass::ALL.map(DeadLetterClass::as_str).to_vec()));
    assert!(distinct(TicketFault::WORDS.to_vec()));
}

#[test]
fn a_hundred_thousand_tickets_of_every_kind_stay_below_two_thousand_series() {
    let metrics = Metrics::new();
    let slices: Vec<SliceRule> = (0..100).map(|number| rule(&format!("slice-{number}"))).collect();
    metrics.stage_map(&StageMap::fixed(&slices, Stage::AutoResolve, [share(0.5), share(0.25)]), &AUTO);
    let lags: Vec<Lag> =
        (0..500).map(|partition| Lag { partition, records: 7, seconds: f64::from(partition) }).collect();
    let faults = [
        TicketFault::NotFinite,
        TicketFault::Encoding("bytes of ticket 17".into()),
        TicketFault::Failed("ticket 18".into()),
        TicketFault::Deadline,
        TicketFault::EngineStopped,
    ];
    for number in 0..100_000_usize {
        metrics.records_consumed(1);
        metrics.outcome(Outcome::ALL[number % Outcome::ALL.len()]);
        let severity = [None].into_iter().chain(Severity::ALL.map(Some)).nth(number % 5).flatten();
        metrics.decision(Stage::ALL[number % 4], ActionKind::ALL[number / 4 % 4], severity);
        metrics.automatic_action(&format!("slice-{}", number % 1000), AutoAction::ALL[number % 2]);
        metrics.review_opened(ReviewReason::ALL[number % ReviewReason::ALL.len()]);
        metrics.dead_letter(DeadLetterClass::ALL[number % DeadLetterClass::ALL.len()]);
        metrics.rule_fired(Rule::ALL[number % Rule::ALL.len()]);
        metrics.model_fault(ModelRole::ALL[number % 3], &faults[number % faults.len()]);
        metrics.latency(LatencyParts { total_ms: number as i64, wait_ms: -5, model_ms: Some(3), commit_ms: 2 });
        if number % 1000 == 0 {
            let names: Vec<String> = (0..100).map(|slice| format!("slice-{}", slice + number)).collect();
            let slices = names.iter().flat_map(|name| evidence::tests::shown(name).slices).collect();
            metrics.evidence(&EvidenceShown { slices, ..evidence::tests::shown("rest") });
            metrics.evidence_read(&EvidenceTopic::ALL.map(|topic| (topic, Some(7))), 3);
            metrics.lags(&lags);
            metrics.config_accepted(&Digest::of(&number.to_le_bytes()), UtcMillis(number as i64));
            metrics.models(&[(ModelRole::Acting, &model(&format!("model-{number}")))]);
            metrics.transaction(TransactionResult::ALL[number / 1000 % 4], Duration::from_millis(3), UtcMillis(1));
        }
    }
    let series = metrics.series();
    println!("{series} series with {SLICES_MAX} slices and {PARTITIONS_MAX} partitions shown");
    assert!(series < 2000, "{series} series");
    check_value(&metrics, r#"noctriage_kafka_consumer_lag_seconds{partition="other"}"#, 499.0);
    check_value(&metrics, "noctriage_records_consumed_total", 100_000.0);
}

#[test]
fn lag_goes_with_the_partitions_that_were_taken_away() {
    let metrics = Metrics::new();
    metrics.lags(&[Lag { partition: 3, records: 5, seconds: 1.5 }]);
    check_value(&metrics, r#"noctriage_kafka_consumer_lag_seconds{partition="3"}"#, 1.5);
    metrics.rebalanced(0);
    assert!(!metrics.render().contains("consumer_lag_seconds{"));
    check_value(&metrics, "noctriage_kafka_rebalances_total", 1.0);
}

#[test]
fn a_share_shows_only_where_the_stage_allows_the_action() {
    let metrics = Metrics::new();
    metrics.stage_map(&StageMap::fixed(&[rule("rest")], Stage::AutoTriage, [share(0.5), share(0.25)]), &AUTO);
    check_value(&metrics, r#"noctriage_rollout_stage{slice="rest",stage="auto_triage"}"#, 1.0);
    check_value(&metrics, r#"noctriage_rollout_stage{slice="rest",stage="suggest"}"#, 0.0);
    check_value(&metrics, r#"noctriage_rollout_share_ratio{action="auto_triage",slice="rest"}"#, 0.5);
    check_value(&metrics, r#"noctriage_rollout_share_ratio{action="auto_resolve",slice="rest"}"#, 0.0);
}

#[test]
fn a_rate_of_draws_shows_with_whoever_chose_it_and_with_nobody_else() {
    let metrics = Metrics::new();
    let rate = |metrics: &Metrics| -> Vec<String> {
        let text = metrics.render();
        let lines = text.lines().filter_map(|line| line.strip_prefix("noctriage_evidence_draw_rate_ratio"));
        lines.map(str::to_owned).collect()
    };
    let shadow = |rollout_revision, chosen| {
        let mut map = StageMap::fixed(&[rule("rest")], Stage::Shadow, [share(0.0), share(0.0)]);
        map.rollout_revision = rollout_revision;
        map.slices[0].evidence_rate = DrawRate::try_new(chosen).unwrap();
        map
    };
    metrics.stage_map(&shadow(0, 0.1), &AUTO);
    assert_eq!(rate(&metrics), [r#"{chosen_by="nobody",slice="rest"} 0.1"#]);
    metrics.stage_map(&shadow(3, 0.4), &AUTO);
    assert_eq!(rate(&metrics), [r#"{chosen_by="leader",slice="rest"} 0.4"#]);
    // A number of this instance goes before what the leader says.
    metrics.stage_map(&shadow(3, 0.4), &DrawRates { evidence_shadow: EvidenceRate::Fixed(0.25), ..AUTO });
    assert_eq!(rate(&metrics), [r#"{chosen_by="configuration",slice="rest"} 0.25"#]);
}

#[test]
fn a_refused_reload_keeps_the_digest_in_force() {
    let metrics = Metrics::new();
    let digest = Digest::of(b"first");
    metrics.config_accepted(&digest, UtcMillis(1_500));
    metrics.config_refused();
    check_value(&metrics, "noctriage_config_last_reload_successful", 0.0);
    check_value(&metrics, "noctriage_config_last_reload_success_timestamp_seconds", 1.5);
    check_value(&metrics, &format!(r#"noctriage_config_info{{digest="{}"}}"#, digest.short()), 1.0);
}

#[test]
fn an_unmapped_severity_word_is_counted_twice_as_a_rule_and_by_itself() {
    let metrics = Metrics::new();
    metrics.rule_fired(Rule::SourceUnmapped);
    metrics.rule_fired(Rule::Drawn);
    check_value(&metrics, "noctriage_unmapped_severity_total", 1.0);
    check_value(&metrics, r#"noctriage_rules_fired_total{rule="source_unmapped"}"#, 1.0);
}

fn model(name: &str) -> ModelIdentity {
    ModelIdentity {
        name: name.to_owned(),
        version: "1".to_owned(),
        digest: Digest::of(name.as_bytes()),
        calibration_digest: Digest::of(b""),
        purpose: crate::domain::prediction::Purpose::Demo,
    }
}
