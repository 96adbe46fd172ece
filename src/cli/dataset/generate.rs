//! `noctriage dataset generate` and `render`: simulated labelled tickets, and the text that a model reads of a ticket.

use std::io::{BufRead as _, BufWriter, Write};

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};

use crate::cli::{CommandResult, EXIT_OK, Failure};
use crate::demo::desk::{Desk, DeskSettings, DeskTicket, Estate, Generator, LabelledSet, Writer};
use crate::domain::labelled::AsOf;
use crate::domain::ticket::Ticket;
use crate::domain::time::UtcMillis;
use crate::evaluation::test_set::TICKETS_MAX;
use crate::inference::render::{DEFAULT_TEMPLATE, Template};
use crate::wire::intake::{self, Intake, IntakeSettings, RawRecord};
use crate::wire::labelled::LABELLED_SCHEMA;

/// Start and pace of `--stream` (desk time): a Monday morning, 1,000 tickets a day.
const STREAM_START: UtcMillis = UtcMillis(1_767_592_800_000);
const STREAM_TICKETS_PER_DAY: f64 = 1000.0;

/// Arguments of `dataset generate`.
#[derive(Debug, clap::Args)]
pub struct GenerateArguments {
    /// Who writes them: a and c train the base model, desk is what the demonstration shows.
    #[arg(long, value_enum)]
    generator: GeneratorName,
    /// How many, 1 to 1,000,000.
    #[arg(long)]
    tickets: usize,
    /// The same seed gives the same tickets.
    #[arg(long)]
    seed: u64,
    /// Exactly this many wireless tickets; without it, as they come.
    #[arg(long)]
    wireless: Option<usize>,
    /// Exactly this many tickets of third parties' routers and switches (those that are not Cisco's); needs --cisco-shop.
    #[arg(long, value_name = "N", requires = "wireless", requires = "cisco_shop")]
    third_party: Option<usize>,
    /// A desk that is used to Cisco's routers and switches: access points and third parties' routers and switches report in
    /// words of their own, monitoring calls all of it minor, and third parties are the slice `third_party`. The
    /// demonstration and the bundled models know nothing of it.
    #[arg(long)]
    cisco_shop: bool,
    /// As the demonstration shows them (desk only): storms, children, and no text of the labelled training sets.
    #[arg(long, conflicts_with = "wireless")]
    stream: bool,
    /// As `noctriage.labelled/v1`, which `dataset split`, `evaluate` and the others read, without the text.
    #[arg(long)]
    labelled: bool,
    /// Template of the model's text; without it, that of the bundled models.
    #[arg(long, default_value = DEFAULT_TEMPLATE)]
    text: String,
}

/// Arguments of `dataset render`.
#[derive(Debug, clap::Args)]
pub struct RenderArguments {
    /// Template of the model's text; without it, that of the bundled models.
    #[arg(long, default_value = DEFAULT_TEMPLATE)]
    text: String,
}

/// Name of a generator on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum GeneratorName {
    /// Plain sentences.
    A,
    /// Labelled lines.
    C,
    /// The simulated desk.
    Desk,
}

/// Runs `dataset generate`.
pub(super) fn run(arguments: GenerateArguments) -> CommandResult {
    generate(arguments, BufWriter::new(std::io::stdout().lock()))
}

/// Runs `dataset render`.
pub(super) fn run_render(arguments: RenderArguments) -> CommandResult {
    render(arguments, BufWriter::new(std::io::stdout().lock()))
}

fn generate(arguments: GenerateArguments, mut output: impl Write) -> CommandResult {
    let GenerateArguments { generator, tickets, seed, wireless, third_party, cisco_shop, stream, labelled, text } =
        arguments;
    let asked_for = wireless.unwrap_or_default().saturating_add(third_party.unwrap_or_default());
    if !(1..=TICKETS_MAX).contains(&tickets) || asked_for > tickets {
        return Err(Failure::usage(anyhow!(
            "--tickets must be 1 to {TICKETS_MAX}, and --wireless and --third-party together at most as many"
        )));
    }
    let template = Template::parse(&text).map_err(Failure::usage)?;
    let generator = match generator {
        GeneratorName::A => Generator::A,
        GeneratorName::C => Generator::C,
        GeneratorName::Desk => Generator::Desk,
    };
    if stream && generator != Generator::Desk {
        return Err(Failure::usage(anyhow!("--stream is of the desk alone: add --generator desk, or leave it out")));
    }
    let estate = if cisco_shop { Estate::CiscoShop } else { Estate::Even };
    let line = |ticket: &DeskTicket| {
        if labelled { Ok(labelled_record(ticket, estate)) } else { line_with_text(ticket, &template) }
    };
    if stream {
        let settings = DeskSettings { seed, start: STREAM_START, tickets_per_day: STREAM_TICKETS_PER_DAY };
        for ticket in Desk::new(settings).with_estate(estate).take(tickets) {
            write_line(&mut output, &line(&ticket)?)?;
        }
    } else {
        let writer = Writer::new(generator).with_estate(estate);
        for ticket in writer.labelled(LabelledSet { seed, tickets, wireless, third_party }) {
            write_line(&mut output, &line(&ticket)?)?;
        }
    }
    output.flush().context("standard output")?;
    Ok(EXIT_OK)
}

fn render(arguments: RenderArguments, mut output: impl Write) -> CommandResult {
    let template = Template::parse(&arguments.text).map_err(Failure::usage)?;
    for (at, line) in std::io::stdin().lock().lines().enumerate() {
        let place = || format!("standard input, line {}", at + 1);
        let line = line.with_context(place).map_err(Failure::usage)?;
        let mut row: Value = serde_json::from_str(&line).with_context(place).map_err(Failure::usage)?;
        let text = rendered(&row["ticket"], &template).with_context(place).map_err(Failure::usage)?;
        let fields =
            row.as_object_mut().with_context(|| format!("{}: not an object", place())).map_err(Failure::usage)?;
        fields.insert("text".to_owned(), json!(text));
        write_line(&mut output, &row)?;
    }
    output.flush().context("standard output")?;
    Ok(EXIT_OK)
}

fn line_with_text(ticket: &DeskTicket, template: &Template) -> anyhow::Result<Value> {
    Ok(json!({
        "ticket": ticket.value,
        "text": rendered(&ticket.value, template)?,
        "severity": ticket.truth.severity.as_str(),
        "root_cause": ticket.truth.root_cause,
        "source_severity": ticket.source_severity.map(crate::domain::severity::Severity::as_str),
        "closable": ticket.truth.closable,
        "queue": ticket.truth.queue,
        "category": ticket.category,
        "verdict": ticket.verdict.severity.as_str(),
        "jargon": { "shared": ticket.jargon.shared, "own": ticket.jargon.own },
    }))
}

/// A labelled ticket: the label is the truth, which the simulated desk knows without a person.
fn labelled_record(ticket: &DeskTicket, estate: Estate) -> Value {
    let is_apart = estate == Estate::CiscoShop && ticket.is_third_party;
    json!({
        "schema": LABELLED_SCHEMA,
        "ticket": ticket.value,
        "label": {
            "severity": ticket.truth.severity.as_str(),
            "root_cause": ticket.truth.root_cause,
            "queue": ticket.truth.queue,
            "closable": if ticket.truth.closable { "yes" } else { "no" },
        },
        "as_of": AsOf::Created.as_str(),
        "slice": if is_apart { "third_party" } else { ticket.category },
    })
}

/// The text that a model reads of a native ticket: through the daemon's own reader and renderer.
fn rendered(value: &Value, template: &Template) -> anyhow::Result<String> {
    let ticket = read_native(value)?;
    Ok(template.render(&ticket).text)
}

fn write_line(output: &mut impl Write, row: &Value) -> anyhow::Result<()> {
    writeln!(output, "{row}").context("standard output")
}

fn read_native(value: &Value) -> anyhow::Result<Ticket> {
    let record = RawRecord { value: Some(value.to_string().into_bytes()), ..RawRecord::default() };
    match intake::read(&record, &IntakeSettings::default()) {
        Intake::Ticket(ticket) => Ok(*ticket),
        Intake::Gone(ticket_id) => Err(anyhow!("{ticket_id} is a deletion, not a ticket")),
        Intake::DeadLetter(reason) => Err(anyhow!("{}: {}", reason.class.as_str(), reason.detail)),
    }
}
