//! One line of JSON as a native ticket: probes, `model predict` and the demo read tickets as the daemon does.

use crate::domain::ticket::{Ticket, TicketId};
use crate::domain::time::UtcMillis;

/// Reads a native ticket.
///
/// # Errors
/// Why the line is no ticket, in words.
pub fn read(line: &str) -> Result<Ticket, String> {
    let value: serde_json::Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str);
    let id = TicketId::try_new(text("ticket_id").ok_or("no ticket_id")?).map_err(|error| error.to_string())?;
    let mut ticket = Ticket::minimal(id, text("title").ok_or("no title")?, UtcMillis(0));
    ticket.description = text("description").map(str::to_owned);
    Ok(ticket)
}
