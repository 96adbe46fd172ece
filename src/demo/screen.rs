//! What is shown while the demo runs: one picture on a terminal, a line every two seconds anywhere else.
//!
//! Every line has at most [`COLUMNS`] characters, so that nothing needs to know how wide the terminal is, and there is
//! no colour, so that nothing is lost without it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::comparison::{Comparison, Side};
use super::ladder::{Ladder, Standing};
use super::tally::{Latencies, Latest, Tally};
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;
use crate::policy::decided::Outcome;
use crate::statistics::wilson::interval_95;

/// Width of everything: a phone held upright.
pub const COLUMNS: usize = 60;
/// Height of everything.
pub const LINES: usize = 24;
/// Width of the words at the left.
const LABEL: usize = 16;
/// Pictures a second: more than this flickers on a slow line.
const PICTURES_PER_SECOND: u8 = 4;
/// Between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Everything that is shown.
pub struct View<'demo> {
    /// The rollout, where there are people who judge.
    pub ladder: Option<&'demo Ladder>,
    /// What was counted.
    pub tally: &'demo Tally,
    /// Records sent.
    pub sent: u64,
    /// Records without an outcome.
    pub in_flight: usize,
    /// Since the first record.
    pub elapsed: Duration,
    /// Name and version of the language model.
    pub model: &'demo str,
    /// Whether there are engineers to compare with.
    pub has_verdicts: bool,
}

/// Where the demo is shown.
pub struct Screen {
    kind: Kind,
    drawn: Option<Instant>,
}

enum Kind {
    Live(ProgressBar),
    Lines,
}

/// Whether the terminal can be redrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// It can, if standard output is a terminal at all.
    Capable,
    /// It says that it cannot (`TERM=dumb`), or its user wants plain output (`NO_COLOR`).
    Plain,
}

impl Screen {
    /// A picture where standard output is a terminal that can be redrawn, else lines.
    pub fn new(terminal: Terminal) -> Self {
        let is_live = terminal == Terminal::Capable && io::stdout().is_terminal();
        let kind = if is_live {
            let target = ProgressDrawTarget::stdout_with_hz(PICTURES_PER_SECOND);
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            Kind::Live(ProgressBar::with_draw_target(None, target).with_style(style))
        } else {
            Kind::Lines
        };
        Self { kind, drawn: None }
    }

    /// Writes lines that stay.
    ///
    /// # Errors
    /// Nobody reads them any more.
    pub fn say(&self, lines: &[String]) -> io::Result<()> {
        match &self.kind {
            Kind::Live(bar) if !bar.is_finished() => lines.iter().for_each(|line| bar.println(line)),
            Kind::Live(_) | Kind::Lines => {
                let mut output = io::stdout().lock();
                lines.iter().try_for_each(|line| writeln!(output, "{line}"))?;
                output.flush()?;
            }
        }
        Ok(())
    }

    /// Shows a view, if the last is old enough.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub fn draw(&mut self, view: &View<'_>) -> io::Result<()> {
        let interval = match self.kind {
            Kind::Live(_) => Duration::from_secs(1) / u32::from(PICTURES_PER_SECOND),
            Kind::Lines => LINE_INTERVAL,
        };
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < interval) {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        match &self.kind {
            Kind::Live(bar) => {
                bar.set_message(picture(view).join("\n"));
                bar.tick();
                Ok(())
            }
            Kind::Lines => self.say(&[line(view)]),
        }
    }

    /// Shows what is being waited for.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub fn wait_for(&mut self, what: &str) -> io::Result<()> {
        match &self.kind {
            Kind::Live(bar) => {
                bar.set_message(what.to_owned());
                bar.tick();
                Ok(())
            }
            Kind::Lines => self.say(&[what.to_owned()]),
        }
    }

    /// Ends: what follows is written below.
    pub fn finish(&self) {
        match &self.kind {
            Kind::Live(bar) => bar.finish_and_clear(),
            Kind::Lines => {}
        }
    }
}

/// The picture: at most [`LINES`] lines; the latest decisions fill what room there is.
pub fn picture(view: &View<'_>) -> Vec<String> {
    let View { ladder, tally, sent, in_flight, elapsed, model, has_verdicts } = view;
    let desk_time = tally.desk_time().map_or_else(String::new, |at| format!(", desk time {}", day_and_time(at)));
    let mut lines = vec![
        format!("noctriage demo  {}{desk_time}", clock(*elapsed)),
        if ladder.is_some() {
            "simulation on a mock broker; Ctrl-C ends it".to_owned()
        } else {
            "simulation on a mock broker, stage shadow; Ctrl-C ends it".to_owned()
        },
        String::new(),
    ];
    let per_second = tally.total() as f64 / elapsed.as_secs_f64().max(0.001);
    lines.extend(row(
        "records in",
        &[format!("{sent}"), format!("{in_flight} in flight"), format!("{per_second:.1}/s")],
    ));
    lines.extend(row("outcomes", &outcome_words(tally)));
    lines.extend(row("model says", &severity_words(tally)));
    lines.extend(row("latency", &latency_words(tally)));
    lines.push(String::new());
    if *has_verdicts {
        lines.push(format!("same severity as the engineers, {} drawn tickets", tally.comparison.verdicts()));
        lines.extend(Side::ALL.map(|side| agreement(&tally.comparison, side, model)));
    } else {
        lines.push("no verdicts: these are your tickets".to_owned());
    }
    lines.push(String::new());
    if let Some(ladder) = ladder {
        lines.extend(ladder.standings().iter().flat_map(standing_lines));
    } else {
        lines.extend(row("dead letters", &dead_letter_words(tally)));
    }
    lines.extend(row("shown to people", &[shown_words(tally)]));
    lines.extend(oddities(tally));
    let mut lines = fitted(lines);
    let room = LINES.saturating_sub(lines.len() + 1);
    if room > 0 {
        lines.push(String::new());
        lines.extend(tally.latest().rev().take(room).map(latest_words));
    }
    lines
}

/// Blank lines go first where there is no room.
pub fn fitted(mut lines: Vec<String>) -> Vec<String> {
    while lines.len() > LINES
        && let Some(blank) = lines.iter().position(String::is_empty)
    {
        lines.remove(blank);
    }
    lines
}

fn latest_words(latest: &Latest) -> String {
    let said = latest.said.map_or_else(|| "no answer".to_owned(), |(severity, sure)| format!("{severity} {sure:.2}"));
    let verdict = latest.verdict.map_or_else(String::new, |verdict| format!("  engineer {verdict}"));
    cut(&format!("{:<16}  model {said:<13}{verdict}", cut(&printable(&latest.ticket_id), 16)), COLUMNS)
}

/// The same in one line.
pub fn line(view: &View<'_>) -> String {
    let View { ladder, tally, sent, in_flight, elapsed, model: _, has_verdicts } = view;
    let mut line = format!("{} in {sent}, in flight {in_flight}", clock(*elapsed));
    for outcome in Outcome::ALL.into_iter().filter(|outcome| tally.outcomes(*outcome) > 0) {
        write!(line, ", {} {}", words(outcome), tally.outcomes(outcome)).expect("a string takes any text");
    }
    for standing in ladder.iter().flat_map(|ladder| ladder.standings()) {
        write!(line, "; {} {}", standing.slice, standing.position).expect("a string takes any text");
    }
    if let Some((p50, p99)) = tally.latency_ms().p50_p99() {
        write!(line, "; p50 {p50:.0} ms, p99 {p99:.0} ms").expect("a string takes any text");
    }
    let comparison = &tally.comparison;
    if *has_verdicts && comparison.verdicts() > 0 {
        let share = |side| 100.0 * comparison.agreed(side) as f64 / comparison.verdicts() as f64;
        let [source, tfidf, model] = Side::ALL.map(share);
        write!(
            line,
            "; agreement on {}: source {source:.0} %, TF-IDF {tfidf:.0} %, model {model:.0} %",
            comparison.verdicts()
        )
        .expect("a string takes any text");
    }
    line
}

/// One row of the agreement: `k of n`, the share, Wilson's interval.
pub fn agreement(comparison: &Comparison, side: Side, model: &str) -> String {
    let name = match side {
        Side::Source => "source severity".to_owned(),
        Side::Tfidf => "TF-IDF".to_owned(),
        Side::Model => model.to_owned(),
    };
    let (agreed, of) = (comparison.agreed(side), comparison.verdicts());
    let share = interval_95(agreed, of).map_or_else(
        || "nothing yet".to_owned(),
        |interval| {
            let share = 100.0 * agreed as f64 / of as f64;
            format!("{share:5.1} %  ({:.1} to {:.1})", 100.0 * interval.low, 100.0 * interval.high)
        },
    );
    format!("  {:<18}{:>13}  {share}", cut(&name, 18), format!("{agreed} of {of}"))
}

/// Outcomes that have happened, with their numbers.
pub fn outcome_words(tally: &Tally) -> Vec<String> {
    let seen = Outcome::ALL.into_iter().filter(|outcome| tally.outcomes(*outcome) > 0);
    or_none(seen.map(|outcome| format!("{} {}", words(outcome), tally.outcomes(outcome))).collect())
}

/// Severities that the model gave, with their numbers.
pub fn severity_words(tally: &Tally) -> Vec<String> {
    Severity::ALL.map(|severity| format!("{severity} {}", tally.severities(severity))).to_vec()
}

/// Classes of dead letters, with their numbers.
pub fn dead_letter_words(tally: &Tally) -> Vec<String> {
    or_none(tally.dead_letters().map(|(class, count)| format!("{} {count}", class.replace('_', " "))).collect())
}

/// What must be looked at, where there is any of it: drawn tickets that a model left unanswered, and broken records that
/// became something else than they must.
pub fn oddities(tally: &Tally) -> Vec<String> {
    let counts = [(tally.unanswered, "without a model's answer"), (tally.unexpected, "with an UNEXPECTED outcome")];
    let found: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if found.is_empty() { Vec::new() } else { row("look at", &found) }
}

/// Where a slice stands, and what keeps it there, in at most two lines.
pub fn standing_lines(standing: &Standing) -> Vec<String> {
    let Standing { slice, position, gates, keeps } = standing;
    let gates = gates.map_or_else(String::new, |(passed, all)| format!(", {passed} of {all} gates pass"));
    let mut lines = vec![cut(&format!("{:<LABEL$}{position}{gates}", cut(slice, LABEL - 1)), COLUMNS)];
    if !keeps.is_empty() {
        lines.push(cut(&format!("  {keeps}"), COLUMNS));
    }
    lines
}

/// Latencies.
pub fn latency_words(tally: &Tally) -> Vec<String> {
    let words = |latencies: &Latencies, what: &str| {
        latencies.p50_p99().map(|(p50, p99)| format!("{what}p50 {p50:.0} p99 {p99:.0} ms"))
    };
    let all = [words(tally.latency_ms(), ""), words(tally.engine_ms(), "models ")];
    or_none(all.into_iter().flatten().collect())
}

/// What became of texts addressed to a machine.
pub fn hostile_words(tally: &Tally) -> String {
    let hostile = tally.hostile;
    format!("{} in, guard fired: {} of {} drawn", hostile.seen, hostile.guarded, hostile.drawn)
}

/// What anybody was shown.
pub fn shown_words(tally: &Tally) -> String {
    match (tally.suggestions, tally.commands) {
        (0, 0) => "nothing, and no command: shadow".to_owned(),
        (suggestions, commands) => format!("{suggestions} suggestions, {commands} commands"),
    }
}

/// A label and its items, wrapped.
pub fn row(label: &str, items: &[String]) -> Vec<String> {
    let mut lines = vec![format!("{label:<LABEL$}")];
    for (at, item) in items.iter().enumerate() {
        let item = if at + 1 < items.len() { format!("{item}, ") } else { item.clone() };
        let last = lines.last_mut().expect("there is the first line");
        if last.chars().count() + item.trim_end().chars().count() > COLUMNS && last.len() > LABEL {
            lines.push(format!("{:LABEL$}{item}", ""));
        } else {
            last.push_str(&item);
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// A text in lines of at most [`COLUMNS`] characters; a longer word is cut.
pub fn wrapped(text: &str) -> Vec<String> {
    wrapped_to(text, COLUMNS)
}

/// A text in lines of at most so many characters; a longer word is cut.
pub fn wrapped_to(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace().map(|word| cut(word, columns)) {
        let last = lines.last_mut().expect("there is the first line");
        if last.is_empty() {
            last.push_str(&word);
        } else if last.chars().count() + 1 + word.chars().count() > columns {
            lines.push(word);
        } else {
            last.push(' ');
            last.push_str(&word);
        }
    }
    lines
}

/// Minutes and seconds.
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// Control characters of a user's ticket id would move the cursor.
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// The beginning of a text.
pub fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

fn or_none(words: Vec<String>) -> Vec<String> {
    if words.is_empty() { vec!["none".to_owned()] } else { words }
}

fn words(outcome: Outcome) -> String {
    outcome.as_str().replace('_', " ")
}

fn day_and_time(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| "beyond the calendar".to_owned(), |at| at.strftime("%a %d %b %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::comparison::Compared;
    use crate::demo::tally::tests::{after_many, after_nothing};

    fn view(tally: &Tally, has_verdicts: bool) -> View<'_> {
        let elapsed = Duration::from_secs(6_125);
        View {
            ladder: None,
            tally,
            sent: 123_456,
            in_flight: 2_000,
            elapsed,
            model: "a-model-with-a-very-long-name 12.3.4",
            has_verdicts,
        }
    }

    #[test]
    fn every_picture_fits_a_phone_and_a_small_terminal() {
        for tally in [after_nothing(), after_many()] {
            for has_verdicts in [true, false] {
                let lines = picture(&view(&tally, has_verdicts));
                let widest = lines.iter().map(|line| line.chars().count()).max();
                assert!(lines.len() <= LINES && widest <= Some(COLUMNS), "{}", lines.join("\n"));
            }
        }
    }

    #[test]
    fn a_picture_says_that_it_is_a_simulation_on_a_mock_and_that_nobody_is_shown_anything() {
        let text = picture(&view(&after_nothing(), true)).join("\n");
        for part in ["simulation on a mock broker", "stage shadow", "nothing, and no command: shadow"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn what_must_be_looked_at_is_shown_only_where_there_is_any() {
        assert_eq!(oddities(&after_nothing()), Vec::<String>::new());
        let mut tally = after_nothing();
        (tally.unanswered, tally.unexpected) = (2, 1);
        assert_eq!(oddities(&tally).join("\n").matches(char::is_numeric).collect::<String>(), "21");
        assert!(picture(&view(&tally, true)).join("\n").contains("1 with an UNEXPECTED outcome"));
    }

    #[test]
    fn without_verdicts_no_agreement_is_shown() {
        let tally = after_many();
        let (with, without) = (view(&tally, true), view(&tally, false));
        assert!(picture(&with).join("\n").contains("same severity as the engineers"));
        assert!(line(&with).contains("agreement on"));
        assert!(picture(&without).join("\n").contains("no verdicts: these are your tickets"));
        assert!(!line(&without).contains("agreement"));
    }

    #[test]
    fn a_rate_stands_beside_its_counts_and_its_interval() {
        let mut comparison = Comparison::default();
        let low = Severity::Low;
        for at in 0..50 {
            let model = if at < 38 { low } else { Severity::High };
            comparison.add(Compared { verdict: low, source: None, tfidf: low, model });
        }
        assert_eq!(
            agreement(&comparison, Side::Model, "demo-bert 1"),
            "  demo-bert 1            38 of 50   76.0 %  (62.6 to 85.7)"
        );
        assert_eq!(
            agreement(&Comparison::default(), Side::Tfidf, ""),
            "  TF-IDF                   0 of 0  nothing yet"
        );
    }

    #[test]
    fn items_are_wrapped_below_each_other_and_none_is_lost() {
        let items: Vec<String> = (0..12).map(|number| format!("number {number}")).collect();
        let lines = row("label", &items);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= COLUMNS), "{lines:?}");
        let joined = lines.join(" ");
        assert!(items.iter().all(|item| joined.contains(item.as_str())));
    }

    #[test]
    fn a_ticket_id_cannot_move_the_cursor() {
        assert_eq!(printable("A\u{1b}[2J\r\nB"), "A?[2J??B");
    }

    #[test]
    fn a_long_text_is_wrapped_between_words() {
        let lines = wrapped(&"word ".repeat(40));
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS) && lines.len() == 4, "{lines:?}");
        assert_eq!(wrapped(""), [""]);
    }
}
