//! Human labels as files (`--humans`): one line of JSON per person and ticket.

use serde::Deserialize;

use crate::domain::message::in_line;
use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;
use crate::domain::verdict::ReviewerId;
use crate::evaluation::humans::Reading;

use super::words::Word;

/// Longest line in bytes: an id, a name and three words.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Characters that a mistake shows of what a parser says.
const SHOWN_CHARS_MAX: usize = 300;

/// Other fields, as `root_cause` and `certainty`, are there for people.
#[derive(Deserialize)]
struct LabelRecord {
    ticket_id: String,
    reviewer: String,
    severity: Word<Severity>,
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(line: &str) -> Result<Reading, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("the line has {} bytes; at most {LINE_BYTES_MAX} are allowed", line.len()));
    }
    let record: LabelRecord = serde_json::from_str(line)
        .map_err(|error| format!("is no human label: {}", in_line(&error.to_string(), SHOWN_CHARS_MAX)))?;
    let LabelRecord { ticket_id, reviewer, severity } = record;
    let ticket_id = TicketId::try_new(&ticket_id).map_err(|error| error.to_string())?;
    let reviewer = ReviewerId::try_new(reviewer.trim()).map_err(|error| format!("reviewer: {error}"))?;
    Ok(Reading { ticket_id, reviewer: reviewer.as_str().to_owned(), severity: severity.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_names_ticket_person_and_severity_and_may_say_more() {
        let found =
            read(r#"{"ticket_id":"T1","reviewer":"a","severity":"high","certainty":"guess"}"#).expect("a reading");
        assert_eq!((found.ticket_id.as_str(), found.reviewer.as_str(), found.severity), ("T1", "a", Severity::High));
    }

    #[test]
    fn what_is_no_reading_is_refused() {
        for line in [
            "[]",
            r#"{"ticket_id":"T1","severity":"high"}"#,
            r#"{"ticket_id":"T1","reviewer":" ","severity":"high"}"#,
            r#"{"ticket_id":"T1","reviewer":"a","severity":"urgent"}"#,
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
