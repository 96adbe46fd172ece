//! The view by itself: what it keeps, forgets, and does not say.

use super::*;
use crate::policy::view::{History, ParentState, TicketMemory, ViewFacts};

const LIMITS: ViewLimits = ViewLimits { window_ms: 24 * HOUR_MS, records_max: 100, storm_window_ms: 1_800_000 };

fn id(name: &str) -> TicketId {
    TicketId::try_new(name).expect("a valid id")
}

fn decided(offset: i64, name: &str, revision: u64, minute: i64) -> Remembered {
    Remembered {
        source_offset: offset,
        ticket_id: Some(id(name)),
        revision: Some(revision),
        decision_group: Some(Digest::of(format!("{name} {revision}").as_bytes())),
        input_digest: Some(Digest::of(name.as_bytes())),
        echo_digest: None,
        decision_id: Digest::of(&offset.to_be_bytes()),
        outcome: Outcome::Decided,
        action: ActionKind::Suggest,
        answered: None,
        suggested: true,
        handed_to_person: true,
        review: None,
        open_critical: false,
        slice: "rest".into(),
        fingerprint: Some(Digest::of(b"same")),
        desk_time: UtcMillis(minute * 60_000),
        reopen_count: 0,
        evidence_rate: Some(0.1),
    }
}

fn query(ticket: &TicketId, revision: u64, minute: i64) -> Query<'_> {
    Query {
        partition: 0,
        ticket_id: Some(ticket),
        decision_group: Some(Digest::of(format!("{ticket} {revision}").as_bytes())),
        parent: None,
        fingerprint: Some(Digest::of(b"same")),
        slice: "rest",
        desk_time: UtcMillis(minute * 60_000),
    }
}

fn memory(facts: ViewFacts) -> TicketMemory {
    match facts.history {
        History::Known(memory) => memory,
        History::Unknown => unreachable!("the ticket was remembered"),
    }
}

#[test]
fn a_dropped_batch_leaves_no_trace() {
    let mut view = RecentView::new(LIMITS);
    let ticket = id("INC1");
    let mut tentative = TentativeView::new(&view);
    tentative.remember(0, decided(0, "INC1", 1, 0));
    assert!(memory(tentative.facts(&query(&ticket, 1, 0))).exact_match.is_some());
    drop(tentative);
    assert_eq!(TentativeView::new(&view).facts(&query(&ticket, 1, 0)).history, History::Unknown);
    view.apply(0, &decided(0, "INC1", 1, 0));
    assert!(memory(TentativeView::new(&view).facts(&query(&ticket, 1, 0))).exact_match.is_some());
}

#[test]
fn the_tail_reading_our_own_records_back_changes_nothing() {
    let mut view = RecentView::new(LIMITS);
    view.apply(0, &decided(0, "INC1", 1, 0));
    view.apply(0, &decided(1, "INC2", 1, 0));
    view.apply(0, &decided(0, "INC1", 1, 0));
    let other = id("INC3");
    let facts = TentativeView::new(&view).facts(&query(&other, 1, 0));
    assert_eq!((facts.similar_recent, facts.arrivals_last_hour), (2, 2));
}

#[test]
fn similar_tickets_and_arrivals_are_forgotten_after_their_windows() {
    let mut view = RecentView::new(LIMITS);
    view.apply(0, &decided(0, "INC1", 1, 0));
    let other = id("INC2");
    let at = |minute| TentativeView::new(&view).facts(&query(&other, 1, minute));
    assert_eq!((at(30).similar_recent, at(31).similar_recent), (1, 0));
    assert_eq!((at(60).arrivals_last_hour, at(61).arrivals_last_hour), (1, 0));
}

#[test]
fn an_older_revision_does_not_overwrite_what_a_newer_one_said() {
    let mut view = RecentView::new(LIMITS);
    let ticket = id("INC1");
    let mut newer = decided(0, "INC1", 5, 0);
    newer.open_critical = true;
    view.apply(0, &newer);
    let mut older = decided(1, "INC1", 4, 0);
    older.input_digest = Some(Digest::of(b"older text"));
    view.apply(0, &older);
    let remembered = memory(TentativeView::new(&view).facts(&query(&ticket, 6, 0)));
    assert_eq!(remembered.last_revision, Some(5));
    assert_eq!(remembered.last_input_digest, newer.input_digest);
}

#[test]
fn an_unknown_parent_is_said_to_be_unknown_and_a_closed_one_is_not_critical() {
    let mut view = RecentView::new(LIMITS);
    let (parent, child) = (id("INC1"), id("INC2"));
    let ask = |view: &RecentView| {
        TentativeView::new(view).facts(&Query { parent: Some(&parent), ..query(&child, 1, 0) }).parent
    };
    assert_eq!(ask(&view), ParentState::Unknown);
    let mut critical = decided(0, "INC1", 1, 0);
    critical.open_critical = true;
    view.apply(0, &critical);
    assert_eq!(ask(&view), ParentState::OpenCritical);
    let mut closed = decided(1, "INC1", 2, 0);
    closed.outcome = Outcome::Terminal;
    view.apply(0, &closed);
    assert_eq!(ask(&view), ParentState::NotCritical);
}

#[test]
fn a_ticket_known_by_repetitions_alone_is_unknown() {
    let mut view = RecentView::new(LIMITS);
    let ticket = id("INC1");
    let mut unchanged = decided(0, "INC1", 4, 0);
    unchanged.outcome = Outcome::Unchanged;
    view.apply(0, &unchanged);
    let ask = |view: &RecentView, revision| TentativeView::new(view).facts(&query(&ticket, revision, 0)).history;
    assert_eq!(ask(&view, 5), History::Unknown);
    assert_ne!(ask(&view, 4), History::Unknown, "an exact repetition is still recognised");
    let child = id("INC2");
    let parent = Query { parent: Some(&ticket), ..query(&child, 1, 0) };
    assert_eq!(TentativeView::new(&view).facts(&parent).parent, ParentState::Unknown);
}

#[test]
fn a_ticket_that_ended_and_came_back_has_no_settled_input() {
    let mut view = RecentView::new(LIMITS);
    let ticket = id("INC1");
    view.apply(0, &decided(0, "INC1", 1, 0));
    assert!(view.has_input(0, &ticket, Digest::of(b"INC1")));
    let mut ended = decided(1, "INC1", 2, 0);
    ended.outcome = Outcome::Terminal;
    view.apply(0, &ended);
    assert!(!view.has_input(0, &ticket, Digest::of(b"INC1")));
    assert!(memory(TentativeView::new(&view).facts(&query(&ticket, 3, 0))).ended);
}

fn window_of(view: &RecentView, partition: i32) -> WindowState {
    let ticket = id("INC1");
    TentativeView::new(view).facts(&Query { partition, ..query(&ticket, 1, 0) }).window
}

#[test]
fn a_window_is_partial_until_its_hole_is_filled() {
    let mut view = RecentView::new(LIMITS);
    view.set_window(0, WindowState::Whole);
    assert_eq!(window_of(&view, 0), WindowState::Whole);
    view.set_window(0, WindowState::Partial);
    assert_eq!(window_of(&view, 0), WindowState::Partial);
    view.set_window(0, WindowState::Whole);
    assert_eq!(window_of(&view, 0), WindowState::Whole);
}

#[test]
fn what_other_instances_did_is_missing_until_their_partitions_are_read() {
    let mut view = RecentView::new(LIMITS);
    view.set_window(0, WindowState::Whole);
    view.set_others(WindowState::Partial);
    assert_eq!(window_of(&view, 0), WindowState::Partial);
    view.set_others(WindowState::Whole);
    assert_eq!(window_of(&view, 0), WindowState::Whole);
}

/// Offsets 0 to 9 are another instance's, 10 to 14 ours, of five tickets in turn; the text changes every time.
fn history() -> Vec<Remembered> {
    (0..15)
        .map(|offset| {
            let mut outcome = decided(offset, &format!("INC{}", offset % 5), offset as u64, offset);
            outcome.input_digest = Some(Digest::of(&offset.to_be_bytes()));
            outcome.handed_to_person = offset == 2;
            outcome.open_critical = offset % 4 == 0;
            outcome
        })
        .collect()
}

/// All that can be asked about the five tickets.
fn all_facts(view: &RecentView) -> Vec<ViewFacts> {
    (0..5)
        .map(|ticket| {
            let ticket = id(&format!("INC{ticket}"));
            TentativeView::new(view).facts(&Query { parent: Some(&ticket), ..query(&ticket, 99, 20) })
        })
        .collect()
}

#[test]
fn a_window_completed_under_own_commits_is_as_if_it_had_been_read_in_order() {
    let history = history();
    let mut in_order = RecentView::new(LIMITS);
    for outcome in &history {
        in_order.apply(0, outcome);
    }
    // However far the tail is when the deadline passes, and whether or not it reads our own commits before it is told
    // that the window is whole.
    for (before, own_read_back) in [(0, 0), (0, 3), (4, 0), (4, 5), (9, 5), (10, 0)] {
        let mut view = RecentView::new(LIMITS);
        let (others, own) = history.split_at(10);
        for outcome in &others[..before] {
            view.apply(0, outcome);
        }
        view.set_window(0, WindowState::Partial);
        for outcome in own {
            view.commit(0, outcome);
        }
        for outcome in others[before..].iter().chain(&own[..own_read_back]) {
            view.apply(0, outcome);
        }
        assert_eq!(window_of(&view, 0), WindowState::Partial);
        view.set_window(0, WindowState::Whole);
        for outcome in own {
            view.apply(0, outcome);
        }
        assert_eq!(
            all_facts(&view),
            all_facts(&in_order),
            "{before} read before the deadline, {own_read_back} read back"
        );
        assert_eq!(view.last_source_offset(0), Some(14));
    }
}

#[test]
fn own_commits_are_known_at_once_on_a_partial_window() {
    let mut view = RecentView::new(LIMITS);
    view.set_window(0, WindowState::Partial);
    view.commit(0, &decided(10, "INC1", 3, 0));
    view.apply(0, &decided(0, "INC1", 1, 0));
    let ticket = id("INC1");
    let facts = TentativeView::new(&view).facts(&query(&ticket, 3, 0));
    assert_eq!(facts.arrivals_last_hour, 2);
    let known = memory(facts);
    assert!(known.exact_match.is_some());
    assert_eq!(known.last_revision, Some(3));
}

#[test]
fn as_many_own_commits_as_a_window_holds_are_a_window() {
    let mut view = RecentView::new(ViewLimits { records_max: 3, ..LIMITS });
    view.set_window(0, WindowState::Partial);
    for offset in 10..12 {
        view.commit(0, &decided(offset, &format!("INC{offset}"), 1, 0));
    }
    assert_eq!(window_of(&view, 0), WindowState::Partial);
    view.commit(0, &decided(12, "INC12", 1, 0));
    assert_eq!(window_of(&view, 0), WindowState::Whole);
    assert_eq!(view.tickets(), 3);
}

#[test]
fn what_the_next_owner_decided_goes_over_what_we_had_committed_on_a_partial_window() {
    let mut view = RecentView::new(LIMITS);
    let ticket = id("INC1");
    view.set_window(0, WindowState::Partial);
    view.commit(0, &decided(10, "INC1", 1, 0));
    for outcome in [decided(9, "INC2", 1, 0), decided(10, "INC1", 1, 0), decided(11, "INC1", 2, 0)] {
        view.apply(0, &outcome);
    }
    view.set_window(0, WindowState::Partial);
    assert_eq!(memory(TentativeView::new(&view).facts(&query(&ticket, 2, 0))).last_revision, Some(2));
}

#[test]
fn the_window_is_bounded_in_records() {
    let mut view = RecentView::new(ViewLimits { records_max: 3, ..LIMITS });
    for offset in 0..10 {
        view.apply(0, &decided(offset, &format!("INC{offset}"), 1, 0));
    }
    assert_eq!(view.tickets(), 3);
    assert_eq!(view.last_source_offset(0), Some(9));
}

#[test]
fn the_rate_of_the_first_record_that_has_one_is_remembered() {
    let mut view = RecentView::new(LIMITS);
    let ticket = id("INC1");
    view.apply(0, &Remembered { evidence_rate: None, ..decided(0, "INC1", 0, 0) });
    view.apply(0, &Remembered { evidence_rate: Some(0.4), ..decided(1, "INC1", 1, 0) });
    view.apply(0, &Remembered { evidence_rate: Some(0.1), ..decided(2, "INC1", 2, 0) });
    assert_eq!(view.first_rate(0, &ticket), Some(0.4));
    let remembered = memory(TentativeView::new(&view).facts(&query(&ticket, 3, 0)));
    assert_eq!(remembered.evidence_rate, Some(0.4));
}
