//! One line of JSON as a native ticket: probes, `model predict` and the demo read tickets as the daemon does.

use crate::domain::ticket::Ticket;
use crate::domain::time::UtcMillis;
use crate::wire::intake::{Intake, IntakeSettings, RawRecord, read as read_record};

/// Reads a native ticket.
///
/// # Errors
/// Why the line is no ticket, in words.
pub fn read(line: &str) -> Result<Ticket, String> {
    let record = RawRecord {
        value: Some(line.as_bytes().to_vec()),
        // A ticket may be silent about its time; no model reads it.
        timestamp: Some(UtcMillis(0)),
        ..RawRecord::default()
    };
    match read_record(&record, &IntakeSettings::default()) {
        Intake::Ticket(ticket) => Ok(*ticket),
        Intake::Gone(id) => Err(format!("{id} is a deletion, no ticket")),
        Intake::DeadLetter(reason) => Err(reason.detail),
    }
}
