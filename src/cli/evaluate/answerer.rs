//! Whoever answers: a model directory, a file of predictions, or TF-IDF trained on a file.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::saved::Saved;
use super::tickets::{Keep, LabelledFile};
use crate::cli::Failure;
use crate::cli::json_lines::each_parsed;
use crate::cli::progress::Progress;
use crate::config::settings::DeviceChoice;
use crate::domain::digest::Digest;
use crate::domain::prediction::Prediction;
use crate::domain::ticket::{Ticket, TicketId};
use crate::evaluation::answer::{Answer, Column, ColumnKind};
use crate::evaluation::linear::Linear;
use crate::evaluation::test_set::Leakage;
use crate::inference::batch::classify_all;
use crate::inference::classifier::Classifier;
use crate::inference::model::{LoadOptions, Strictness, load};
use crate::inference::render::{DEFAULT_TEMPLATE, Template};
use crate::wire::predictions;

/// Tickets between two looks at the bar: enough to pack well.
const TICKETS_PER_CHUNK: usize = 256;
/// Tokens of one pass, padding included.
const BATCH_TOKENS_MAX: usize = 4096;

/// `NAME=WHAT` of `--model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Named {
    pub(in crate::cli) name: String,
    pub(in crate::cli) what: What,
}

/// Where the answers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum What {
    /// A model directory.
    Directory(PathBuf),
    /// A file of predictions.
    Predictions(PathBuf),
    /// TF-IDF, trained on a file of labelled tickets.
    Trained(PathBuf),
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, what) = text.split_once('=').ok_or("is no NAME=DIRECTORY")?;
        let name = name.trim();
        if name.is_empty() || what.is_empty() || name.contains(['>', '<', '=', ',']) {
            return Err("is no NAME=DIRECTORY, NAME=predictions:FILE or NAME=tfidf:FILE".to_owned());
        }
        if [ColumnKind::Source, ColumnKind::Majority, ColumnKind::Linear].iter().any(|kind| kind.as_str() == name) {
            return Err(format!("`{name}` is the name of a column that is always there; choose another"));
        }
        let what = match (what.strip_prefix("predictions:"), what.strip_prefix("tfidf:")) {
            (Some(file), _) => What::Predictions(file.into()),
            (None, Some(file)) => What::Trained(file.into()),
            (None, None) => What::Directory(what.into()),
        };
        Ok(Self { name: name.to_owned(), what })
    }
}

impl What {
    /// What must be kept of the tickets that it is to answer.
    pub(in crate::cli) const fn needs(&self) -> Keep {
        match self {
            Self::Predictions(_) => Keep::Nothing,
            Self::Directory(_) | Self::Trained(_) => Keep::Tickets,
        }
    }

    const fn kind(&self) -> ColumnKind {
        match self {
            Self::Predictions(_) => ColumnKind::Reported,
            Self::Directory(_) | Self::Trained(_) => ColumnKind::Model,
        }
    }
}

/// An answerer that is ready.
pub(in crate::cli) enum Answerer {
    Directory(Box<dyn Classifier>, Option<Saved>),
    Predictions(HashMap<TicketId, Answer>),
    /// With the positions of the tickets that it knows from its training.
    Trained(Box<Linear>, BTreeSet<usize>),
}

/// The tickets that judge, and whether those may that were trained on.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Judging<'file> {
    pub(in crate::cli) file: &'file LabelledFile,
    pub(in crate::cli) leakage: Leakage,
}

impl Answerer {
    /// Loads, reads or trains. Where a folder is given, what a model answers is kept there under its name. What is trained
    /// here is not judged by what it was trained on.
    pub(in crate::cli) fn open(
        named: &Named,
        device: DeviceChoice,
        save: Option<&Path>,
        judging: Judging<'_>,
    ) -> Result<Self, Failure> {
        match &named.what {
            What::Directory(directory) => {
                let options = LoadOptions { strictness: Strictness::Predict, device, root_cause_model: None };
                let model = load(directory, options).map_err(Failure::usage)?;
                let digest = digest_of(model.as_ref());
                let saved = save.map(|folder| Saved::open(folder, &named.name, digest)).transpose()?;
                Ok(Self::Directory(model, saved))
            }
            What::Predictions(file) => read_predictions(file).map(Self::Predictions),
            What::Trained(file) => {
                let training = LabelledFile::read(file, Leakage::Accepted, Keep::Tickets)?;
                let known = judging.file.known_from(&training, judging.leakage)?;
                trained(file, &training).map(|linear| Self::Trained(Box::new(linear), known))
            }
        }
    }

    /// Which model with which calibration, to the last bit; `None`: it has no directory.
    pub(in crate::cli) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Directory(model, _) => Some(digest_of(model.as_ref())),
            Self::Predictions(_) | Self::Trained(_, _) => None,
        }
    }

    /// Positions of the judging tickets that it is known to have been trained on, or whose words it was.
    pub(in crate::cli) fn known(&self) -> impl Iterator<Item = usize> {
        let known = match self {
            Self::Trained(_, known) => Some(known),
            Self::Directory(_, _) | Self::Predictions(_) => None,
        };
        known.into_iter().flatten().copied()
    }

    /// An answer per ticket of a file, in its order.
    pub(in crate::cli) fn answers(
        &mut self,
        file: &LabelledFile,
        progress: &mut Progress,
    ) -> Result<Vec<Option<Answer>>, Failure> {
        match self {
            Self::Predictions(answers) => {
                Ok(file.set.tickets().iter().map(|ticket| answers.get(&ticket.id).cloned()).collect())
            }
            Self::Trained(linear, _) => Ok(linear_answers(linear, &file.tickets)),
            Self::Directory(model, saved) => model_answers(model.as_mut(), saved.as_mut(), &file.tickets, progress),
        }
    }

    /// A column of the report on a test file.
    pub(in crate::cli) fn column(
        &mut self,
        named: &Named,
        test: &LabelledFile,
        progress: &mut Progress,
    ) -> Result<Column, Failure> {
        let answers = self.answers(test, progress)?;
        let elsewhere = match self {
            Self::Predictions(all) => all.len() as u64 - answers.iter().flatten().count() as u64,
            Self::Trained(_, _) | Self::Directory(_, _) => 0,
        };
        Ok(Column { name: named.name.clone(), kind: named.what.kind(), answers, elsewhere })
    }
}

fn digest_of(model: &dyn Classifier) -> Digest {
    let identity = &model.info().identity;
    Digest::of_parts([&identity.digest.0[..], &identity.calibration_digest.0[..]])
}

/// TF-IDF on labelled tickets.
pub(in crate::cli) fn trained(path: &Path, training: &LabelledFile) -> Result<Linear, Failure> {
    let template = Template::parse(DEFAULT_TEMPLATE).map_err(Failure::usage)?;
    Linear::train(&training.texts(&template)).map_err(|error| Failure::usage(anyhow!("{}: {error}", path.display())))
}

/// Answers of TF-IDF.
pub(in crate::cli) fn linear_answers(linear: &Linear, tickets: &[Ticket]) -> Vec<Option<Answer>> {
    let Ok(template) = Template::parse(DEFAULT_TEMPLATE) else { return vec![None; tickets.len()] };
    let answer = |ticket: &Ticket| {
        let distribution = linear.predict(&template.render(ticket).text);
        Some(Answer { distribution: Some(distribution), ..Answer::bare(distribution.predicted()) })
    };
    tickets.par_iter().map(answer).collect()
}

fn read_predictions(path: &Path) -> Result<HashMap<TicketId, Answer>, Failure> {
    let mut answers = HashMap::new();
    each_parsed(path, predictions::LINE_BYTES_MAX, predictions::read, |reported| {
        let Some(reported) = reported else { return Ok(()) };
        match answers.insert(reported.ticket_id.clone(), reported.answer) {
            None => Ok(()),
            Some(_) => Err(crate::evaluation::answer::AnsweredTwice(reported.ticket_id).to_string()),
        }
    })?;
    Ok(answers)
}

/// Answers chunk by chunk. What was saved before is not asked again, and what is answered is saved at once: an evaluation
/// that is stopped goes on where it was.
fn model_answers(
    model: &mut dyn Classifier,
    mut saved: Option<&mut Saved>,
    tickets: &[Ticket],
    progress: &mut Progress,
) -> Result<Vec<Option<Answer>>, Failure> {
    let known = |saved: &Option<&mut Saved>, ticket| saved.as_ref().and_then(|saved| saved.answer(ticket));
    let mut answers: Vec<Option<Answer>> = tickets.iter().map(|ticket| known(&saved, ticket)).collect();
    let open: Vec<usize> = (0..tickets.len()).filter(|&at| answers[at].is_none()).collect();
    for (chunk, done) in open.chunks(TICKETS_PER_CHUNK).zip((0..).step_by(TICKETS_PER_CHUNK)) {
        progress.at(done, open.len() as u64);
        let mut took = Duration::ZERO;
        let asked = chunk.iter().map(|&at| &tickets[at]);
        let results = classify_all(model, asked, BATCH_TOKENS_MAX, || true, |pass| took += pass).unwrap_or_default();
        let latency_ms = took.as_secs_f64() * 1_000.0 / chunk.len() as f64;
        for (&at, result) in chunk.iter().zip(results) {
            answers[at] = result.ok().map(|found| answer_of(&found, latency_ms));
        }
        if let Some(saved) = saved.as_mut() {
            saved.add(chunk.iter().filter_map(|&at| Some((&tickets[at], answers[at].as_ref()?))))?;
        }
    }
    Ok(answers)
}

fn answer_of(prediction: &Prediction, latency_ms: f64) -> Answer {
    Answer {
        severity: prediction.severity.predicted(),
        distribution: Some(prediction.severity),
        root_cause: prediction.causes.first().map(|cause| cause.cause.clone()),
        latency_ms: Some(latency_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tickets::tests::file_of;
    use super::*;

    #[test]
    fn what_is_trained_here_is_not_judged_by_what_it_was_trained_on() {
        let training = file_of(&[("L1", "link down"), ("L2", "fan noise")], None);
        let open = |ids: [&str; 2], leakage| {
            let test = file_of(&[(ids[0], "power lost"), (ids[1], "fan noise")], None);
            let file = LabelledFile::read(test.path(), leakage, Keep::Tickets).unwrap();
            let named = Named { name: "x".into(), what: What::Trained(training.path().into()) };
            let opened = Answerer::open(&named, DeviceChoice::Cpu, None, Judging { file: &file, leakage });
            opened.map(|answerer| answerer.known().collect::<Vec<_>>()).map_err(|failure| format!("{failure:?}"))
        };
        assert!(open(["T1", "L2"], Leakage::Refused).is_err_and(|error| error.contains("were trained on")));
        // One severity alone is nothing to learn, which is said only once the overlap has been looked at.
        assert!(open(["T1", "T2"], Leakage::Refused).is_err_and(|error| !error.contains("were trained on")));
    }

    #[test]
    fn a_model_directory_has_a_digest_and_predictions_have_none() {
        let test = file_of(&[("T1", "power lost")], None);
        let file = LabelledFile::read(test.path(), Leakage::Refused, Keep::Tickets).unwrap();
        let judging = Judging { file: &file, leakage: Leakage::Refused };
        let digest = |what| {
            let named = Named { name: "v1".into(), what };
            Answerer::open(&named, DeviceChoice::Cpu, None, judging).unwrap().digest()
        };
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
        let [base, v1] = ["base", "v1"].map(|name| digest(What::Directory(models.join(name))));
        assert!(base.is_some() && v1.is_some() && base != v1);
        let answers = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(digest(What::Predictions(answers.path().into())), None);
    }

    #[test]
    fn a_model_is_named_and_is_a_directory_a_file_of_predictions_or_trained_here() {
        let parsed = |text: &str| text.parse::<Named>().map(|named| (named.name, named.what));
        assert_eq!(parsed("v1=models/v1"), Ok(("v1".into(), What::Directory("models/v1".into()))));
        assert_eq!(parsed("v1=predictions:p=1.jsonl"), Ok(("v1".into(), What::Predictions("p=1.jsonl".into()))));
        assert_eq!(parsed("v1=tfidf:t.jsonl"), Ok(("v1".into(), What::Trained("t.jsonl".into()))));
        for text in ["models/v1", "=models/v1", "v1=", "v1 > v2=x", "source=x", "tfidf=x"] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
