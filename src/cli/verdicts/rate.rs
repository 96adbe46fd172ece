//! `noctriage verdicts rate`: the day's label list in the terminal. Blind: it shows what the ticket says, and neither a
//! prediction nor the source's severity. Each answer is written before the next ticket is shown, so that quitting loses
//! nothing.

mod keys;
mod page;

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::Clock;
use crate::config::settings::{RolloutMode, Settings, TruthSource};
use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::domain::ticket::{Ticket, TicketId};
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{Closable, Reviewer, ReviewerId, ReviewerRole, Verdict, VerdictId};
use crate::kafka::evidence_reader::{Gathered, gather_with_sources};
use crate::kafka::fetch::fetch;
use crate::rollout::label_list::{LabelItem, LabelList, ListRequest, PER_DAY_MAX, label_list};
use crate::rollout::state::AskedAgain;
use crate::wire::intake::{self, Intake};

use super::super::progress::Progress;
use super::super::rollout::current;
use super::super::settings_file::SettingsFile;
use super::super::{CommandResult, EXIT_OK, EXIT_TEMPORARY, Failure};
use super::send::{Outgoing, send, word};
use keys::{Answer, ClosableKey, Keys, SeverityKey};

const DAY_MS: i64 = 86_400_000;

/// Arguments of `verdicts rate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Login of the person; written as a pseudonym.
    #[arg(long, value_name = "LOGIN")]
    reviewer: String,
    /// engineer, senior
    #[arg(long, default_value = "engineer", value_parser = word::<ReviewerRole>)]
    role: ReviewerRole,
    /// Only say which tickets would be asked about.
    #[arg(long)]
    dry_run: bool,
    /// Keys instead of a terminal, for tests.
    #[arg(long, hide = true)]
    keys: Option<String>,
}

/// Runs `verdicts rate`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let mut keys = match (&arguments.keys, arguments.dry_run) {
        (Some(script), _) => Keys::scripted(script),
        (None, true) => Keys::scripted(""),
        (None, false) => Keys::of_terminal().map_err(Failure::usage)?,
    };
    let loaded = arguments.file_of_settings.load()?;
    let settings = &loaded.settings;
    let pseudonym = settings.verdicts.reader.pseudonym_key.pseudonym_of(&arguments.reviewer);
    let id = ReviewerId::try_new(&pseudonym).context("--reviewer").map_err(Failure::usage)?;
    let reviewer = Reviewer { id, role: arguments.role, group: None };
    let (gathered, list) = list_of(settings, &reviewer.id)?;
    println!("{}", opening(&list, settings));
    if arguments.dry_run {
        list.items.iter().for_each(|item| println!("{}", item.ticket_id));
        return Ok(EXIT_OK);
    }
    let tickets = tickets_of(settings, &gathered, &list)?;
    let mut done = Done::default();
    for (number, item) in list.items.iter().enumerate() {
        print!("{}", page::draw(item, tickets.get(&item.ticket_id), number + 1, list.items.len()));
        match ask(&mut keys)? {
            Answer::Quit => break,
            Answer::Skip => done.skipped += 1,
            Answer::Given(severity, closable) => {
                let now = Clock::Real.operating_now();
                let verdict = verdict(item, &reviewer, severity, closable, now).map_err(Failure::usage)?;
                send(settings, &[Outgoing::of(&verdict, settings).map_err(Failure::usage)?])?;
                done.written += 1;
            }
        }
    }
    let left = list.items.len() - done.written - done.skipped;
    println!(
        "\n{} written, {} skipped, {left} left of today's list; {} more wait",
        done.written, done.skipped, list.left_over
    );
    Ok(EXIT_OK)
}

#[derive(Default)]
struct Done {
    written: usize,
    skipped: usize,
}

/// Reads evidence as far back as a ticket may still wait, and makes the person's list.
fn list_of(settings: &Settings, reviewer: &ReviewerId) -> Result<(Gathered, LabelList), Failure> {
    let now = Clock::Real.operating_now();
    let deadline_ms = i64::try_from(settings.verdicts.deadline.as_millis()).unwrap_or(i64::MAX);
    let asked = asked(settings)?;
    // A day more: what has just passed its deadline corrects a wrong answer still. A hard stop may ask about any ticket of
    // the window.
    let since = if asked.is_empty() {
        now.plus_ms(-deadline_ms).plus_ms(-DAY_MS)
    } else {
        settings.rollout.spec.evidence_since(now)
    };
    let mut progress = Progress::new("reading decisions and verdicts");
    let gathered = gather_with_sources(settings, since, |_, done| progress.at(done.done, done.total))
        .map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    let request = ListRequest { reviewer, now, day_began: midnight_before(now), asked: &asked, deadline_ms };
    let list = label_list(&gathered.evidence, request);
    Ok((gathered, list))
}

/// What hard stops ask a second person about; nothing where stages are fixed, or no rollout has begun.
fn asked(settings: &Settings) -> Result<Vec<AskedAgain>, Failure> {
    if settings.rollout.mode == RolloutMode::Fixed {
        return Ok(Vec::new());
    }
    let state = current(&settings.kafka)?.map(|(_, state)| state).unwrap_or_default();
    let suspensions = state.slices.into_values().filter_map(|slice| slice.suspension);
    Ok(suspensions.flat_map(|suspension| suspension.asked).collect())
}

/// The last midnight where the person sits.
fn midnight_before(now: UtcMillis) -> UtcMillis {
    let midnight = Timestamp::from_millisecond(now.0)
        .and_then(|instant| instant.to_zoned_datetime(TimeZone::system()).start_of_day())
        .map(|midnight| UtcMillis(midnight.timestamp().as_millisecond()));
    midnight.unwrap_or(now.plus_ms(-DAY_MS))
}

fn opening(list: &LabelList, settings: &Settings) -> String {
    let mut text = match (list.items.len(), list.rated_today) {
        (0, _) if list.left_over == 0 => "nothing to rate: no drawn ticket waits for you".to_owned(),
        (0, rated) => format!("enough for today: you have rated {rated}; {} tickets wait", list.left_over),
        (count, rated) => format!(
            "{count} tickets for you today ({rated} rated already, at most {PER_DAY_MAX} a day, {} more wait)",
            list.left_over
        ),
    };
    match settings.verdicts.truth {
        TruthSource::Explicit => {}
        TruthSource::TicketSystem | TruthSource::Undecided => {
            text.push_str("\nnote: verdicts.truth is ");
            text.push_str(settings.verdicts.truth.as_str());
            text.push_str(": these verdicts count beside what it names");
        }
    }
    text
}

/// What the tickets of the list say, from their input records. What Kafka no longer keeps is not there.
fn tickets_of(
    settings: &Settings,
    gathered: &Gathered,
    list: &LabelList,
) -> Result<BTreeMap<TicketId, Ticket>, Failure> {
    let topic = &settings.kafka.topics.tickets;
    let source = |item: &LabelItem| {
        let source = gathered.sources.as_ref()?.get(&item.ticket_id)?;
        (source.topic == *topic).then_some((item.ticket_id.clone(), (source.partition, source.offset)))
    };
    let places: BTreeMap<_, (i32, i64)> = list.items.iter().filter_map(source).collect();
    let wanted: Vec<(i32, i64)> = places.values().copied().collect();
    let records = fetch(&settings.kafka, topic, &wanted).map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    let ticket = |(id, place): (TicketId, (i32, i64))| match intake::read(records.get(&place)?, &settings.intake) {
        Intake::Ticket(ticket) => Some((id, *ticket)),
        Intake::Gone(_) | Intake::DeadLetter(_) => None,
    };
    Ok(places.into_iter().filter_map(ticket).collect())
}

/// One ticket's keys.
fn ask(keys: &mut Keys) -> Result<Answer, Failure> {
    print!("severity? [c]ritical [h]igh [m]edium [l]ow, [s]kip, [q]uit ");
    flush()?;
    let severity = loop {
        match SeverityKey::of(keys.next().context("reading a key")?) {
            Some(SeverityKey::Severity(severity)) => break severity,
            Some(SeverityKey::Skip) => return Ok(said("skipped", Answer::Skip)),
            Some(SeverityKey::Quit) => return Ok(Answer::Quit),
            None => {}
        }
    };
    println!("{severity}");
    // High and critical tickets are never closed unseen: asking would only cost a key.
    if severity > Severity::Medium {
        return Ok(Answer::Given(severity, None));
    }
    print!("could it have been closed with nobody looking? [y]es [n]o [u]nknown, [s]kip, [q]uit ");
    flush()?;
    loop {
        match ClosableKey::of(keys.next().context("reading a key")?) {
            Some(ClosableKey::Closable(closable)) => {
                return Ok(said(closable.as_str(), Answer::Given(severity, Some(closable))));
            }
            Some(ClosableKey::Skip) => return Ok(said("skipped", Answer::Skip)),
            Some(ClosableKey::Quit) => return Ok(Answer::Quit),
            None => {}
        }
    }
}

fn said(word: &str, answer: Answer) -> Answer {
    println!("{word}");
    answer
}

fn flush() -> Result<(), Failure> {
    Ok(std::io::stdout().flush().context("writing to the terminal")?)
}

fn verdict(
    item: &LabelItem,
    reviewer: &Reviewer,
    severity: Severity,
    closable: Option<Closable>,
    now: UtcMillis,
) -> anyhow::Result<Verdict> {
    // Of the person and the instant, as `verdicts add` does it.
    let digest =
        Digest::of_parts([item.ticket_id.as_str().as_bytes(), reviewer.id.as_str().as_bytes(), &now.0.to_be_bytes()]);
    let name: String = digest.to_string().chars().take(16).collect();
    let id = VerdictId::try_new(&format!("rate-{name}")).map_err(|error| anyhow!(error))?;
    let base = Verdict::bare(id, item.ticket_id.clone(), reviewer.clone(), now);
    Ok(Verdict {
        ticket_revision: item.revision,
        kind: item.reading.verdict_kind(),
        severity: Some(severity),
        closable,
        saw_model: Some(false),
        ..base
    })
}
