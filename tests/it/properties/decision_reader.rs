//! Our own records as they come back: by the tail of `decisions`, `explain`, `dead-letters`. Whoever may write to these
//! topics may write anything.

use noctriage::domain::time::UtcMillis;
use noctriage::policy::recent_view::{RecentView, ViewLimits};
use noctriage::wire::dead_letter::DeadLetterRecord;
use noctriage::wire::decision::DecisionRecord;
use noctriage::wire::transaction::TransactionHeader;
use noctriage::wire::values::{BoundedBytes, Instant};

/// Every text is read as each kind of record.
pub fn check(input: &[u8]) {
    match DecisionRecord::from_json(input) {
        Ok(decision) => check_decision(&decision),
        Err(error) => assert!(error.to_string().len() <= 400, "{error}"),
    }
    if let Ok(letter) = serde_json::from_slice::<DeadLetterRecord>(input) {
        check_letter(&letter);
    }
    if let Some(header) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<TransactionHeader>().ok()) {
        assert_eq!(header.to_string().parse(), Ok(header));
    }
}

fn check_decision(decision: &DecisionRecord) {
    let again = serde_json::to_vec(decision).expect("a decision that was read is written");
    let read_again = DecisionRecord::from_json(&again).expect("a decision that was written is read");
    assert_eq!(read_again.decision_id, decision.decision_id);
    assert_eq!(read_again.rules, decision.rules);
    assert_eq!(read_again.volatile.desk_time, decision.volatile.desk_time);
    let Ok(remembered) = decision.remembered() else {
        assert!(decision.ticket_id.is_some(), "only a ticket id can be wrong");
        return;
    };
    assert_eq!(read_again.remembered().as_ref(), Ok(&remembered), "reading twice remembers the same");
    let limits = ViewLimits { window_ms: 86_400_000, records_max: 10, storm_window_ms: 1_800_000 };
    let mut view = RecentView::new(limits);
    view.apply(0, &remembered);
    view.apply(0, &remembered);
    assert!(view.tickets() <= 1);
}

fn check_letter(letter: &DeadLetterRecord) {
    let again = serde_json::to_vec(letter).expect("a letter that was read is written");
    assert_eq!(&serde_json::from_slice::<DeadLetterRecord>(&again).expect("a letter that was written is read"), letter);
    let parts = letter.raw.iter().chain(&letter.key).chain(letter.headers.iter().map(|header| &header.value));
    for part in parts {
        if let (Some(bytes), BoundedBytes::Utf8(_)) = (part.bytes(), part) {
            assert_eq!(&BoundedBytes::new(&bytes, usize::MAX).0, part);
        }
    }
    let Instant(UtcMillis(_)) = letter.timestamp.unwrap_or(Instant(UtcMillis(0)));
}
