use super::super::groups::{Grouped, groups};
use super::super::near::NEAR;
use super::{labelled, texts, tickets};
use crate::domain::labelled::LabelledTicket;

fn groups_of(tickets: &[LabelledTicket]) -> Vec<usize> {
    let texts = texts(tickets);
    let grouped: Vec<Grouped<'_>> =
        texts.iter().zip(tickets).map(|(text, ticket)| Grouped { text, named: ticket.group.as_deref() }).collect();
    groups(&grouped, NEAR, |_| ())
}

const REPORT: &str = "customer reports that the wireless network in the canteen of the second floor loses its connection \
    every few minutes since the access points were replaced last week and a restart does not help";

#[test]
fn twins_by_id_words_nearness_and_name_are_one_group_each() {
    let mut tickets = vec![
        labelled("A", "link down on ge-0/0/1", 0),
        labelled("B", "LINK DOWN on ge-0/0/7!", 1),
        labelled("C", REPORT, 2),
        labelled("D", &REPORT.replace("canteen", "kitchen"), 3),
        labelled("E", "fan failed", 4),
        labelled("E", "power supply failed", 5),
        labelled("F", "memory is short", 6),
        labelled("G", "disk is full", 7),
        labelled("H", "clock is wrong", 8),
    ];
    for ticket in &mut tickets[6..8] {
        ticket.group = Some("of the site".into());
    }
    assert_eq!(groups_of(&tickets), [0, 0, 2, 2, 4, 4, 6, 6, 8]);
}

#[test]
fn being_alike_is_passed_on() {
    let changed =
        |words: &[(&str, &str)]| words.iter().fold(REPORT.to_owned(), |text, (from, to)| text.replace(from, to));
    let one = labelled("A", REPORT, 0);
    let between = labelled("B", &changed(&[("canteen", "kitchen")]), 0);
    let far = labelled("C", &changed(&[("canteen", "kitchen"), ("minutes", "hours"), ("restart", "reboot")]), 0);
    assert_eq!(groups_of(&[one.clone(), far.clone()]), [0, 1], "alone they are not near");
    let nearer = labelled("D", &changed(&[("canteen", "kitchen"), ("restart", "reboot")]), 0);
    assert_eq!(groups_of(&[one, far, nearer, between]), [0, 0, 0, 0]);
}

#[test]
fn tickets_without_a_word_in_common_are_groups_of_their_own() {
    let tickets = tickets(300, 4);
    assert_eq!(groups_of(&tickets), (0..300).collect::<Vec<_>>());
}

#[test]
fn ten_thousand_tickets_of_one_template_cost_one_comparison_each() {
    let tickets: Vec<LabelledTicket> =
        (0..10_000).map(|at| labelled(&format!("T{at}"), &format!("cpu of sw-{at} at {}%", at % 100), 0)).collect();
    assert!(groups_of(&tickets).iter().all(|&group| group == 0));
}
