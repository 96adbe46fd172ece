//! The form in which a trainer reads a ticket, taken from a card: text with labels, or chat messages.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde_json::{Map, Value, json};
use toml::Table;

use crate::cli::Failure;
use crate::domain::labelled::LabelledTicket;
use crate::domain::severity::Severity;
use crate::inference::card::SeverityRows;
use crate::inference::chat::ChatTemplate;
use crate::inference::render::{DEFAULT_TEMPLATE, Template};

/// Form on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FormName {
    /// Text and labels.
    Text,
    /// Messages.
    Chat,
}

/// How a ticket becomes a line.
pub(super) struct Form {
    kind: Kind,
    /// The model's word of each severity in the order of [`Severity::ALL`].
    severities: [String; 4],
}

enum Kind {
    Text(Template),
    Chat(ChatTemplate),
}

impl Form {
    /// Reads it from a card; of a card that is yet to be finished, only what is needed here.
    ///
    /// # Errors
    /// A file that cannot be read, and all mistakes in what is needed.
    pub(super) fn read(card: Option<&Path>, name: FormName) -> Result<Self, Failure> {
        let Some(path) = card else {
            return match name {
                FormName::Text => {
                    let template = Template::parse(DEFAULT_TEMPLATE).map_err(Failure::usage)?;
                    Ok(Self {
                        kind: Kind::Text(template),
                        severities: Severity::ALL.map(|word| word.as_str().to_owned()),
                    })
                }
                FormName::Chat => Err(Failure::usage(anyhow!(
                    "--format chat needs --model DIR or --card FILE: the table [chat] of a card says how a ticket is told"
                ))),
            };
        };
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"));
        let table: Table = text
            .map_err(Failure::usage)?
            .parse()
            .with_context(|| format!("{shown} is no TOML"))
            .map_err(Failure::usage)?;
        let wrong = |mistakes: Vec<String>| Failure::usage(anyhow!("{shown}:\n  {}", mistakes.join("\n  ")));
        let kind = match name {
            FormName::Text => Kind::Text(text_template(&table).map_err(wrong)?),
            FormName::Chat => match table.get("chat").and_then(toml::Value::as_table) {
                Some(chat) => Kind::Chat(ChatTemplate::from_table(chat).map_err(wrong)?),
                None => return Err(wrong(vec!["chat: is missing; it says how a ticket becomes messages".to_owned()])),
            },
        };
        Ok(Self { kind, severities: severity_words(&table).map_err(wrong)? })
    }

    /// The line of a ticket.
    pub(super) fn record(&self, labelled: &LabelledTicket, weight: u64) -> Value {
        let LabelledTicket { ticket, label, .. } = labelled;
        let severity = &self.severities[label.severity.index()];
        let mut fields = Map::new();
        fields.insert("ticket_id".to_owned(), json!(ticket.ticket_id.as_str()));
        match &self.kind {
            Kind::Text(template) => {
                fields.insert("text".to_owned(), json!(template.render(ticket).text));
                fields.insert("severity".to_owned(), json!(label.severity.as_str()));
                fields.insert("label".to_owned(), json!(severity));
                if let Some(cause) = &label.root_cause {
                    fields.insert("root_cause".to_owned(), json!(cause));
                }
            }
            Kind::Chat(template) => {
                let messages = template.render(ticket, severity, label.root_cause.as_deref());
                let message = |message: crate::inference::chat::Message| json!({ "role": message.role.as_str(), "content": message.content });
                fields.insert("messages".to_owned(), messages.into_iter().map(message).collect());
            }
        }
        if weight != 1 {
            fields.insert("weight".to_owned(), json!(weight));
        }
        Value::Object(fields)
    }

    /// What the manifest says of it.
    pub(super) fn to_json(&self) -> Value {
        let labels: Map<String, Value> = Severity::ALL
            .into_iter()
            .map(|severity| (severity.as_str().to_owned(), json!(self.severities[severity.index()])))
            .collect();
        match &self.kind {
            Kind::Text(template) => json!({ "format": "text", "text": template.source(), "labels": labels }),
            Kind::Chat(_) => json!({ "format": "chat", "labels": labels }),
        }
    }
}

fn text_template(table: &Table) -> Result<Template, Vec<String>> {
    match table.get("text").map(toml::Value::as_str) {
        None => Err(vec!["text: is missing: how does a ticket become what the model reads?".to_owned()]),
        Some(None) => Err(vec!["text: must be a text".to_owned()]),
        Some(Some(text)) => Template::parse(text).map_err(|mistake| vec![format!("text: {mistake}")]),
    }
}

/// The model's words, where the card has a severity head; else ours.
fn severity_words(table: &Table) -> Result<[String; 4], Vec<String>> {
    let Some(head) = table.get("severity") else { return Ok(Severity::ALL.map(|word| word.as_str().to_owned())) };
    let texts = |value: &toml::Value| value.as_str().map(str::to_owned);
    let labels: Option<Vec<String>> =
        head.get("labels").and_then(toml::Value::as_array).and_then(|labels| labels.iter().map(texts).collect());
    let labels = labels.ok_or_else(|| vec!["severity.labels: must be a list of texts".to_owned()])?;
    let map = head.get("map").and_then(toml::Value::as_table).map(|map| {
        map.iter().map(|(label, word)| (label.clone(), word.as_str().unwrap_or_default().to_owned())).collect()
    });
    let rows = SeverityRows::try_new(&labels, map.as_ref()).map_err(|mistakes| {
        mistakes.into_iter().map(|mistake| format!("severity.labels: {mistake}")).collect::<Vec<_>>()
    })?;
    Ok(rows.rows.map(|row| rows.labels[row].clone()))
}
