use super::super::near::NEAR;
use super::super::overlap::{Likeness, TrainingTexts};
use super::super::training::{Choice, Leaky, choose};
use super::{labelled, texts};
use crate::domain::labelled::{AsOf, LabelAgreement, LabelledTicket, Split};

fn choices(tickets: &[LabelledTicket], test: &[LabelledTicket], leaky: Leaky) -> Vec<Choice> {
    let test = texts(test);
    choose(tickets, &texts(tickets), &TrainingTexts::new(&test), NEAR, leaky)
}

#[test]
fn test_tickets_and_their_twins_disputed_and_leaky_ones_do_not_train() {
    let test = [labelled("T", "link down on ge-0/0/1", 9)];
    let mut tickets = vec![
        labelled("A", "fan failed", 0),
        labelled("T", "some other text", 1),
        labelled("B", "LINK down on ge-0/0/7", 2),
        labelled("C", "memory is short", 3),
        labelled("D", "disk is full", 4),
        labelled("E", "clock is wrong", 5),
        labelled("F", "power is lost", 6),
    ];
    tickets[3].label.agreement = LabelAgreement::Disputed;
    tickets[4].as_of = AsOf::Unknown;
    tickets[5].split = Some(Split::Test);
    tickets[6].split = Some(Split::Validation);
    let mut expected = [
        Choice::Train,
        Choice::LikeTest(Likeness::Id),
        Choice::LikeTest(Likeness::Words),
        Choice::Disputed,
        Choice::AsOfUnknown,
        Choice::IsTest,
        Choice::Validation,
    ];
    assert_eq!(choices(&tickets, &test, Leaky::LeftOut), expected);
    expected[4] = Choice::Train;
    assert_eq!(choices(&tickets, &test, Leaky::Taken), expected);
}

#[test]
fn an_adjudicated_ticket_trains() {
    let mut ticket = labelled("A", "fan failed", 0);
    ticket.label.agreement = LabelAgreement::Adjudicated;
    assert_eq!(choices(&[ticket], &[], Leaky::LeftOut), [Choice::Train]);
}
