//! The shares that make the desk honest, counted over new draws.

use std::collections::HashSet;

use super::hostile::{Expected, RawDeskRecord, broken_and_hostile};
use super::*;
use crate::domain::digest::Digest;
use crate::domain::severity::SourceSeverity;
use crate::domain::ticket::Incompleteness;
use crate::policy::guards::{GuardHits, Guards};
use crate::wire::intake::{self, Intake, IntakeSettings, RawRecord};

const START: UtcMillis = UtcMillis(1_767_592_800_000);

fn desk(seed: u64) -> Desk {
    Desk::new(DeskSettings { seed, start: START, tickets_per_day: 2000.0 })
}

fn share(tickets: &[DeskTicket], is: impl Fn(&DeskTicket) -> bool) -> f64 {
    tickets.iter().filter(|ticket| is(ticket)).count() as f64 / tickets.len() as f64
}

#[test]
fn the_same_seed_gives_the_same_tickets_and_another_seed_others() {
    let texts = |seed| desk(seed).take(300).map(|ticket| ticket.value.to_string()).collect::<Vec<_>>();
    assert_eq!(texts(7), texts(7));
    let first: HashSet<String> = desk(7).take(300).map(|ticket| normalised_text(&ticket.value)).collect();
    let common = desk(8).take(300).filter(|ticket| first.contains(&normalised_text(&ticket.value))).count();
    assert!(common < 5, "{common} of 300 texts in common");
}

#[test]
fn the_shares_of_the_desk_are_those_that_the_card_states() {
    let tickets: Vec<DeskTicket> = desk(1).take(5000).collect();
    let low = share(&tickets, |ticket| ticket.truth.severity == Severity::Low);
    let wireless = share(&tickets, |ticket| ticket.category == "wireless");
    let source = share(&tickets, |ticket| ticket.source_severity == Some(ticket.truth.severity));
    let engineers = share(&tickets, |ticket| ticket.verdict.severity != ticket.truth.severity);
    let cisco = share(&tickets, |ticket| ticket.value["device"]["vendor"] == "Cisco");
    let noise = share(&tickets, |ticket| ticket.truth.closable);
    let children = share(&tickets, |ticket| ticket.value.get("relations").is_some());
    let (shared, own) =
        tickets.iter().fold((0, 0), |(shared, own), ticket| (shared + ticket.jargon.shared, own + ticket.jargon.own));
    let jargon = f64::from(shared) / f64::from(shared + own);
    println!(
        "low {low:.3}, noise {noise:.3}, wireless {wireless:.3}, source right {source:.3}, engineers wrong {engineers:.3}, \
         Cisco {cisco:.3}, children {children:.3}, shared jargon {jargon:.3}"
    );
    assert!((0.45..0.55).contains(&low));
    assert!((0.20..0.25).contains(&wireless));
    assert!((0.64..0.68).contains(&source));
    assert!((0.04..0.06).contains(&engineers));
    assert!((0.40..0.60).contains(&cisco));
    assert!((0.75..0.90).contains(&jargon));
    assert!((0.01..0.15).contains(&children));
}

#[test]
fn every_severity_and_every_cause_occurs() {
    let tickets: Vec<DeskTicket> = desk(2).take(5000).collect();
    for severity in Severity::ALL {
        assert!(share(&tickets, |ticket| ticket.truth.severity == severity) > 0.04, "{severity}");
    }
    for cause in world::CAUSES {
        assert!(share(&tickets, |ticket| ticket.truth.root_cause == cause) > 0.004, "{cause}");
    }
}

#[test]
fn five_thousand_tickets_have_at_least_four_hundred_fingerprints() {
    let fingerprint = |ticket: &DeskTicket| {
        let alarms = ticket.value["alarms"].as_array().map(|alarms| {
            let mut names: Vec<&str> = alarms.iter().filter_map(|alarm| alarm["name"].as_str()).collect();
            names.sort_unstable();
            names.join(",")
        });
        let second = alarms.filter(|names| !names.is_empty()).unwrap_or_else(|| normalised_text(&ticket.value));
        format!("{} {second}", ticket.value["device"]["name"])
    };
    let fingerprints: HashSet<String> = desk(3).take(5000).map(|ticket| fingerprint(&ticket)).collect();
    assert!(fingerprints.len() >= 400, "{}", fingerprints.len());
}

#[test]
fn shown_tickets_are_none_of_the_labelled_ones() {
    let writer = Writer::new(Generator::Desk);
    let labelled: HashSet<String> = [TRAINING, CALIBRATION]
        .into_iter()
        .flat_map(|set| writer.labelled(set))
        .map(|ticket| normalised_text(&ticket.value))
        .collect();
    assert!(labelled.len() > 850);
    for seed in [1, TRAINING.seed, CALIBRATION.seed] {
        assert!(desk(seed).take(5000).all(|ticket| !labelled.contains(&normalised_text(&ticket.value))));
    }
}

#[test]
fn the_training_set_has_500_tickets_of_which_20_are_wireless() {
    let tickets = Writer::new(Generator::Desk).labelled(TRAINING);
    assert_eq!(tickets.len(), 500);
    assert_eq!(tickets.iter().filter(|ticket| ticket.category == "wireless").count(), 20);
}

#[test]
fn creation_times_never_go_back_and_ids_never_repeat() {
    let tickets: Vec<DeskTicket> = desk(4).take(3000).collect();
    assert!(tickets.windows(2).all(|pair| pair[0].created_at <= pair[1].created_at));
    assert_eq!(tickets.iter().map(|ticket| &ticket.ticket_id).collect::<HashSet<_>>().len(), 3000);
}

#[test]
fn a_wave_reads_like_noise_and_is_high_or_critical() {
    let wave = Wave { from: START, until: START.plus_ms(3_600_000), share: 0.5 };
    let tickets: Vec<DeskTicket> = desk(5).with_wave(wave).take(500).collect();
    let of_wave: Vec<&DeskTicket> = tickets.iter().filter(|ticket| ticket.is_of_wave).collect();
    let critical = of_wave.iter().filter(|ticket| ticket.truth.severity == Severity::Critical).count();
    let high = of_wave.iter().filter(|ticket| ticket.truth.severity == Severity::High).count();
    assert!(critical > 0 && high > 5 * critical, "{critical} critical, {high} high");
    assert_eq!(critical + high, of_wave.len());
    assert!(of_wave.iter().all(|ticket| ticket.created_at < wave.until));
    assert!(of_wave.iter().all(|ticket| ticket.source_severity == Some(Severity::Low)));
}

#[test]
fn broken_records_are_of_every_kind_and_hostile_ones_stay_json() {
    let records = broken_and_hostile(1);
    assert_eq!(records, broken_and_hostile(1));
    let classes: HashSet<Expected> = records.iter().map(|record| record.expected).collect();
    assert!(classes.len() >= 10, "{classes:?}");
    let hostile = records.iter().filter(|record| record.expected == Expected::Guarded);
    for record in hostile {
        let bytes = record.value.as_ref().expect("hostile records have a value");
        assert!(serde_json::from_slice::<Value>(bytes).is_ok());
    }
}

#[test]
fn the_daemons_reader_does_with_odd_records_what_they_say() {
    for record in broken_and_hostile(2) {
        let RawDeskRecord { key, value, label, expected } = record;
        let raw = RawRecord { key: key.clone().map(String::into_bytes), value, ..RawRecord::default() };
        let found = match intake::read(&raw, &IntakeSettings::default()) {
            Intake::DeadLetter(reason) => Expected::DeadLetter(reason.class.as_str()),
            Intake::Gone(_) => Expected::Terminal,
            Intake::Ticket(ticket) if matches!(ticket.severity_reported, SourceSeverity::Unmapped { .. }) => {
                Expected::DecidedNeverAutomatic
            }
            Intake::Ticket(ticket) => {
                if Guards::default().hits(&ticket).machine.is_some() {
                    Expected::Guarded
                } else {
                    Expected::Decided
                }
            }
        };
        assert_eq!(found, expected, "{label}: {key:?}");
    }
}

#[test]
fn the_daemons_reader_keeps_every_field_of_a_shown_ticket() {
    for ticket in desk(6).take(500) {
        let raw = RawRecord { value: Some(ticket.value.to_string().into_bytes()), ..RawRecord::default() };
        let Intake::Ticket(read) = intake::read(&raw, &IntakeSettings::default()) else {
            panic!("{} is no ticket", ticket.ticket_id)
        };
        assert_eq!(read.severity_reported.value(), ticket.source_severity);
        assert_eq!(read.created_at, ticket.created_at);
        assert_eq!(read.notes.len(), ticket.value["notes"].as_array().map_or(0, Vec::len));
        assert_eq!(read.relations.is_empty(), ticket.value.get("relations").is_none());
        assert!(!read.human_touched && read.incompleteness == Incompleteness::default());
    }
}

#[test]
fn guards_leave_most_noise_alone() {
    let guards = Guards::default();
    let noise: Vec<DeskTicket> = desk(7).take(2000).filter(|ticket| ticket.truth.closable).collect();
    let is_guarded = |ticket: &DeskTicket| {
        let raw = RawRecord { value: Some(ticket.value.to_string().into_bytes()), ..RawRecord::default() };
        match intake::read(&raw, &IntakeSettings::default()) {
            Intake::Ticket(ticket) => guards.hits(&ticket) != GuardHits::default(),
            Intake::Gone(_) | Intake::DeadLetter(_) => panic!("{} is no ticket", ticket.ticket_id),
        }
    };
    let guarded = share(&noise, is_guarded);
    println!("{guarded:.3} of noise is guarded");
    assert!(guarded < 0.15);
}

#[test]
fn a_cisco_shop_has_as_many_third_parties_as_asked_for_and_monitoring_calls_them_and_wireless_minor() {
    let set = LabelledSet { seed: 9, tickets: 300, wireless: Some(20), third_party: Some(15) };
    let tickets = Writer::new(Generator::Desk).with_estate(Estate::CiscoShop).labelled(set);
    let count = |is: &dyn Fn(&DeskTicket) -> bool| tickets.iter().filter(|ticket| is(ticket)).count();
    assert_eq!(count(&|ticket| ticket.is_third_party), 15);
    assert_eq!(count(&|ticket| ticket.category == "wireless"), 20);
    let is_foreign = |ticket: &DeskTicket| ticket.is_third_party || ticket.category == "wireless";
    assert_eq!(count(&|ticket| is_foreign(ticket) && ticket.source_severity != Some(Severity::Medium)), 0);
    assert!(count(&|ticket| !is_foreign(ticket) && ticket.source_severity == Some(Severity::Critical)) > 10);
    let vendor = |ticket: &DeskTicket| ticket.value["device"]["vendor"].clone();
    assert!(tickets.iter().filter(|ticket| ticket.is_third_party).all(|ticket| vendor(ticket) != "Cisco"));
}

#[test]
fn an_even_estate_is_what_it_was_before_there_were_others() {
    let digest = |set: LabelledSet| {
        let lines = Writer::new(Generator::Desk).labelled(set).into_iter().map(|ticket| ticket.value.to_string());
        Digest::of(lines.collect::<Vec<_>>().join("\n").as_bytes()).short()
    };
    assert_eq!(digest(TRAINING), "e0e2676f1375");
}
