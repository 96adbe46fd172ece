//! Tickets as chat messages, for trainers of chat models: the table `[chat]` of a card says how. The text of a ticket goes
//! through the one renderer.
//!
//! ```toml
//! [chat]
//! answer = "severity: {severity}\nroot cause: {root_cause}"
//!
//! [[chat.messages]]
//! role = "system"
//! content = "You triage tickets of a network operations centre."
//!
//! [[chat.messages]]
//! role = "user"
//! content = "{title}\n{description}"
//! ```

use toml::{Table, Value};

use crate::domain::ticket::Ticket;

use super::render::{Template, TemplateError};

/// Most messages before the answer.
const MESSAGES_MAX: usize = 16;
/// What stands for a root cause that nobody named.
pub const NO_CAUSE: &str = "unknown";

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions.
    System,
    /// Instructions of a developer, where a model tells the two apart.
    Developer,
    /// The ticket.
    User,
    /// The answer.
    Assistant,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::System, Self::Developer, Self::User, Self::Assistant];

    /// The word of chat formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// What is said: the same to every ticket, or a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Same(String),
    OfTicket(Template),
}

/// How a ticket becomes messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatTemplate {
    messages: Vec<(Role, Content)>,
    answer: String,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl ChatTemplate {
    /// Reads the table `[chat]`.
    ///
    /// # Errors
    /// Every mistake in it, each beginning with its key.
    pub fn from_table(table: &Table) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        for key in table.keys().filter(|key| !["messages", "answer"].contains(&key.as_str())) {
            mistakes.push(format!("chat.{key}: is no key of [chat]; there are messages and answer"));
        }
        let answer = table.get("answer").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !answer.contains("{severity}") {
            mistakes
                .push("chat.answer: must be a text with {severity} in it; {root_cause} may stand there too".to_owned());
        }
        let listed = table.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if listed.is_empty() || listed.len() > MESSAGES_MAX {
            mistakes.push(format!("chat.messages: 1 to {MESSAGES_MAX} tables with role and content are expected"));
        }
        let mut messages = Vec::new();
        for (at, message) in listed.iter().enumerate() {
            match message_of(message) {
                Ok(message) => messages.push(message),
                Err(mistake) => mistakes.push(format!("chat.messages[{at}]: {mistake}")),
            }
        }
        let has_ticket = messages.iter().any(|(_, content)| matches!(content, Content::OfTicket(_)));
        if mistakes.is_empty() && !has_ticket {
            mistakes
                .push("chat.messages: no message has a placeholder, so every ticket would look the same".to_owned());
        }
        if mistakes.is_empty() { Ok(Self { messages, answer }) } else { Err(mistakes) }
    }

    /// The messages that end with the right answer, in the words of the model's card.
    pub fn render(&self, ticket: &Ticket, severity: &str, root_cause: Option<&str>) -> Vec<Message> {
        let said = self.messages.iter().map(|(role, content)| Message {
            role: *role,
            content: match content {
                Content::Same(text) => text.clone(),
                Content::OfTicket(template) => template.render(ticket).text,
            },
        });
        let cause = root_cause.unwrap_or(NO_CAUSE);
        let answer = self.answer.replace("{severity}", severity).replace("{root_cause}", cause);
        said.chain([Message { role: Role::Assistant, content: answer }]).collect()
    }
}

fn message_of(value: &Value) -> Result<(Role, Content), String> {
    let text =
        |key: &str| value.get(key).and_then(Value::as_str).ok_or_else(|| format!("`{key}` is missing or no text"));
    let (role, content) = (text("role")?, text("content")?);
    let known = Role::ALL.into_iter().find(|known| known.as_str() == role);
    let role = known.ok_or_else(|| format!("`{role}` is none of {}", Role::ALL.map(Role::as_str).join(", ")))?;
    match Template::parse(content) {
        Ok(template) => Ok((role, Content::OfTicket(template))),
        // A brace of the text itself is written twice, as in a template.
        Err(TemplateError::Constant) => Ok((role, Content::Same(content.replace("{{", "{").replace("}}", "}")))),
        Err(mistake) => Err(mistake.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ticket::TicketId;
    use crate::domain::time::UtcMillis;

    fn chat(text: &str) -> Result<ChatTemplate, Vec<String>> {
        let table: Table = text.parse().expect("TOML");
        ChatTemplate::from_table(&table)
    }

    #[test]
    fn a_ticket_becomes_messages_that_end_with_the_answer() {
        let template = chat(
            "answer = \"{severity} / {root_cause}\"\n[[messages]]\nrole = \"system\"\ncontent = \"Answer as {{x}}.\"\n\
             [[messages]]\nrole = \"user\"\ncontent = \"Ticket: {title}\"",
        )
        .expect("a template");
        let ticket =
            Ticket::minimal(TicketId::try_new("T1").expect("an id"), "link\u{200b}  down {severity}", UtcMillis(0));
        let said: Vec<(&str, String)> = template
            .render(&ticket, "P1", None)
            .into_iter()
            .map(|message| (message.role.as_str(), message.content))
            .collect();
        let expected =
            [("system", "Answer as {x}."), ("user", "Ticket: link down {severity}"), ("assistant", "P1 / unknown")];
        assert_eq!(said, expected.map(|(role, content)| (role, content.to_owned())));
    }

    #[test]
    fn every_mistake_of_the_table_is_named_at_once() {
        let mistakes = chat(
            "anwser = \"x\"\n[[messages]]\nrole = \"robot\"\ncontent = \"{title}\"\n[[messages]]\nrole = \"user\"\n\
             content = \"{kind}\"",
        )
        .expect_err("mistakes");
        for (mistake, said) in mistakes.iter().zip(["chat.anwser", "chat.answer", "`robot`", "`{kind}`"]) {
            assert!(mistake.contains(said), "`{mistake}` does not say `{said}`");
        }
        assert_eq!(mistakes.len(), 4);
        let constant = "answer = \"{severity}\"\n[[messages]]\nrole = \"user\"\ncontent = \"hello\"";
        assert!(chat(constant).expect_err("constant")[0].contains("every ticket would look the same"));
    }
}
