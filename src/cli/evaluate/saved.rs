//! Answers that are kept in a file while a model is asked, so that an evaluation that was stopped need not ask again.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::cli::Failure;
use crate::cli::json_lines::each_text;
use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::domain::ticket::{Ticket, TicketId};
use crate::evaluation::answer::Answer;
use crate::policy::identity::input_digest;
use crate::wire::predictions;

/// Kept answers of one model. A ticket whose input has changed is asked again.
pub(in crate::cli) struct Saved {
    path: PathBuf,
    model: String,
    known: HashMap<(TicketId, String), Answer>,
    file: BufWriter<File>,
}

impl Saved {
    /// Opens the file of one model in a folder, which is made if it is not there.
    pub(in crate::cli) fn open(folder: &Path, name: &str, model: Digest) -> Result<Self, Failure> {
        let path = folder.join(format!("{}.jsonl", name.replace(['/', '\\'], "_")));
        let model = model.short();
        let known = if path.exists() { read(&path, &model)? } else { HashMap::new() };
        let open = || -> std::io::Result<File> {
            std::fs::create_dir_all(folder)?;
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            // Ends a last line that a stop has cut off; a blank line is passed over.
            file.write_all(b"\n")?;
            Ok(file)
        };
        let file = open().with_context(|| format!("{}", path.display())).map_err(Failure::usage)?;
        Ok(Self { path, model, known, file: BufWriter::new(file) })
    }

    /// What the model has answered already.
    pub(in crate::cli) fn answer(&self, ticket: &Ticket) -> Option<Answer> {
        self.known.get(&(ticket.ticket_id.clone(), input_digest(ticket).short())).cloned()
    }

    /// Keeps answers; they are in the file when this returns.
    pub(in crate::cli) fn add<'one>(
        &mut self,
        answers: impl Iterator<Item = (&'one Ticket, &'one Answer)>,
    ) -> Result<(), Failure> {
        let write = || -> std::io::Result<()> {
            for (ticket, answer) in answers {
                writeln!(self.file, "{}", record(ticket, answer, &self.model))?;
            }
            self.file.flush()
        };
        write().with_context(|| format!("{}", self.path.display())).map_err(Failure::usage)
    }
}

fn record(ticket: &Ticket, answer: &Answer, model: &str) -> Value {
    let Answer { severity, distribution, root_cause, latency_ms } = answer;
    let by_severity = distribution.map(|distribution| -> Map<String, Value> {
        let one = |severity: &Severity| (severity.to_string(), json!(distribution.of(*severity).get()));
        Severity::ALL.iter().map(one).collect()
    });
    json!({
        "ticket_id": ticket.ticket_id.as_str(),
        "severity": severity.as_str(),
        "distribution": by_severity,
        "root_cause": root_cause.as_deref(),
        "latency_ms": latency_ms,
        "model": model,
        "input": input_digest(ticket).short(),
    })
}

/// Lines of another model, or of another calibration, are passed over; so is a line that was cut off, be it within a letter.
fn read(path: &Path, model: &str) -> Result<HashMap<(TicketId, String), Answer>, Failure> {
    let mut known = HashMap::new();
    each_text(path, predictions::LINE_BYTES_MAX, |line| {
        let Some((line, record)) = line.and_then(|line| Some((line, serde_json::from_str::<Value>(line).ok()?))) else {
            return Ok(());
        };
        let (Some(input), true) = (record["input"].as_str(), record["model"].as_str() == Some(model)) else {
            return Ok(());
        };
        if let Some(reported) = predictions::read(line)? {
            known.insert((reported.ticket_id, input.to_owned()), reported.answer);
        }
        Ok(())
    })?;
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::probability::SeverityDistribution;
    use crate::domain::time::UtcMillis;

    fn ticket(title: &str) -> Ticket {
        Ticket::minimal(TicketId::try_new("T1").unwrap(), title, UtcMillis(0))
    }

    #[test]
    fn what_was_answered_is_known_again_to_the_same_model_and_for_the_same_input() {
        let folder = tempfile::tempdir().unwrap();
        let distribution = SeverityDistribution::try_new([0.125, 0.25, 0.5, 0.125]).unwrap();
        let answer =
            Answer { distribution: Some(distribution), latency_ms: Some(2.5), ..Answer::bare(Severity::Medium) };
        let model = Digest::of(b"v1");
        Saved::open(folder.path(), "v1", model).unwrap().add([(&ticket("down"), &answer)].into_iter()).unwrap();
        let again = Saved::open(folder.path(), "v1", model).unwrap();
        assert_eq!(again.answer(&ticket("down")), Some(answer));
        assert_eq!(again.answer(&ticket("up")), None);
        let other = Saved::open(folder.path(), "v1", Digest::of(b"v1 calibrated")).unwrap();
        assert_eq!(other.answer(&ticket("down")), None);
    }

    #[test]
    fn a_line_that_was_cut_off_by_a_stop_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let answer = Answer::bare(Severity::Low);
        let model = Digest::of(b"v1");
        // The second one is cut off within a letter of two bytes.
        for cut in [b"{\"ticket_id\":\"T1\",\"sever".as_slice(), b"{\"ticket_id\":\"T\xc3"] {
            std::fs::write(folder.path().join("v1.jsonl"), cut).unwrap();
            Saved::open(folder.path(), "v1", model).unwrap().add([(&ticket("down"), &answer)].into_iter()).unwrap();
            assert_eq!(Saved::open(folder.path(), "v1", model).unwrap().answer(&ticket("down")), Some(answer.clone()));
        }
    }
}
