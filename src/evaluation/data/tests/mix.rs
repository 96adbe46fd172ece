use super::super::mix::{Counted, Dimension, Mix, Standing, mix};
use super::tickets;
use crate::domain::labelled::LabelledTicket;

fn counted(tickets: &[LabelledTicket]) -> impl Iterator<Item = Counted<'_>> {
    tickets.iter().map(|ticket| Counted {
        ticket: &ticket.ticket,
        slice: ticket.slice.as_deref(),
        severity: Some(ticket.label.severity),
    })
}

fn standing(mix: &Mix, value: &str) -> Standing {
    mix.rows.iter().find(|row| row.value == value).expect("a row of this value").standing
}

#[test]
fn twenty_wireless_tickets_of_five_hundred_are_too_few_for_a_quarter_of_the_traffic() {
    let (training, live) = (tickets(500, 25), tickets(200, 4));
    let found = mix(Dimension::Slice, counted(&training), counted(&live));
    let wireless = &found.rows[1];
    assert_eq!((wireless.value.as_str(), wireless.training, wireless.live), ("wireless", 20, 50));
    let ratio = wireless.ratio.expect("both sets have tickets").ratio;
    assert!((ratio - 0.04 / 0.25).abs() < 1e-12);
    assert_eq!((wireless.standing, standing(&found, "routing")), (Standing::Under, Standing::Alike));
    assert!(found.drift.expect("two values").is_shown());
}

#[test]
fn the_same_mix_is_alike_and_does_not_drift() {
    let (training, live) = (tickets(500, 4), tickets(200, 4));
    let found = mix(Dimension::Severity, counted(&training), counted(&live));
    assert!(found.rows.iter().all(|row| row.standing == Standing::Alike));
    assert!(!found.drift.expect("two values").is_shown());
}

#[test]
fn what_only_one_set_has_is_over_or_under_represented() {
    let (training, live) = (tickets(500, 1), tickets(200, 1_000));
    let found = mix(Dimension::Slice, counted(&training), counted(&live));
    assert_eq!((standing(&found, "wireless"), standing(&found, "routing")), (Standing::Over, Standing::Under));
}

#[test]
fn of_four_tickets_in_all_nothing_is_said_and_of_five_something() {
    let live: Vec<LabelledTicket> = tickets(2_000, 2).into_iter().skip(1).step_by(2).collect();
    let with = |wireless: usize| {
        let rare = tickets(wireless, 1);
        let live: Vec<LabelledTicket> = live.iter().chain(&rare).cloned().collect();
        standing(&mix(Dimension::Slice, counted(&tickets(1_000, 2_000)), counted(&live)), "wireless")
    };
    // The training set has one wireless ticket.
    assert_eq!(with(3), Standing::Unknown);
    assert_ne!(with(4), Standing::Unknown);
}

#[test]
fn unlabelled_tickets_have_no_severity_and_an_empty_set_no_ratio() {
    let live = tickets(10, 2);
    let bare = live.iter().map(|ticket| Counted { ticket: &ticket.ticket, slice: None, severity: None });
    let found = mix(Dimension::Severity, counted(&live), bare);
    assert_eq!((found.training, found.live, found.drift), (10, 0, None));
    assert!(found.rows.iter().all(|row| row.ratio.is_none() && row.standing == Standing::Unknown));
}
