//! What the demo has shown, on one screen, in plain words. Pure.

use std::sync::Arc;

use super::comparison::{Looked, Shown, Side, shown};
use super::ladder::{Ladder, Line, ShiftLead};
use super::run::Stop;
use super::screen::{
    COLUMNS, View, agreement, clock, cut, dead_letter_words, fitted, hostile_words, latency_words, oddities,
    outcome_words, printable, row, severity_words, shown_words, standing_lines, wrapped, wrapped_to,
};
use crate::domain::time::UtcMillis;
use crate::statistics::sign_test::Discordant;

/// Bad lines that are named; the others are counted.
const LINES_NAMED_MAX: usize = 5;

/// What is said before anything happens; `lead` promotes.
pub fn opening(has_verdicts: bool, lead: ShiftLead) -> Vec<String> {
    let tickets = if has_verdicts {
        [
            "Every ticket here is simulated, and so is every engineer:",
            "nothing of it says how well this works at your desk.",
        ]
    } else {
        [
            "Your tickets, read from a file; they stay in this process.",
            "No engineer looks at them: there are no verdicts.",
        ]
    };
    let mut lines: Vec<String> = tickets.map(str::to_owned).to_vec();
    lines.extend(
        ["The daemon is the real one; the broker is librdkafka's mock:", "it proves nothing about exactly-once."]
            .map(str::to_owned),
    );
    let asks = match lead {
        ShiftLead::Simulated => &[][..],
        ShiftLead::You => &[
            "You promote: once a slice has earned its next step, a line",
            "says so, and Enter takes it. It falls without being asked.",
        ],
    };
    lines.extend(asks.iter().map(|line| (*line).to_owned()));
    lines.push(String::new());
    lines
}

/// What is said to a person who may promote a slice.
pub fn invitation(slice: &Arc<str>) -> String {
    format!("{slice} has earned its next step: press Enter to promote")
}

/// What is said to a person whose approval of a slice runs out.
pub fn reminder(slice: &Arc<str>) -> String {
    format!("your approval of {slice} runs out: press Enter to give it again")
}

/// What is said to a person who has pressed Enter, and so approves some slices and promotes others.
pub fn entered(approved: &[Arc<str>], promoted: &[Arc<str>]) -> Vec<String> {
    if approved.is_empty() && promoted.is_empty() {
        return vec!["nothing has earned its next step yet: nobody can promote".to_owned()];
    }
    let approved = approved.iter().map(|slice| format!("you approve what is automatic in {slice} for another while"));
    approved
        .chain(promoted.iter().map(|slice| format!("you promote {slice}: it is read after the next midnight")))
        .collect()
}

/// What is said at the end: at most 24 lines.
pub fn summary(view: &View<'_>, stop: Stop) -> Vec<String> {
    // A demo of minutes of desk time has no story yet.
    if let Some(ladder) = view.ladder.filter(|ladder| !ladder.story().is_empty()) {
        return of_ladder(view, ladder, stop);
    }
    let View { ladder: _, tally, sent, in_flight: _, elapsed, model, has_verdicts } = view;
    let ended = match stop {
        Stop::Bound => "as asked for",
        Stop::EndOfFile => "to the end of the file",
        Stop::Interrupted => "stopped by hand",
    };
    let mut lines = vec![format!("{sent} records in {}, {ended}", clock(*elapsed))];
    lines.push(cut(&accounts(view), COLUMNS));
    lines.extend(row("outcomes", &outcome_words(tally)));
    lines.extend(row("model says", &severity_words(tally)));
    lines.extend(row("dead letters", &dead_letter_words(tally)));
    lines.extend(row("latency", &latency_words(tally)));
    if *has_verdicts {
        lines.extend(row("hostile texts", &[hostile_words(tally)]));
    }
    lines.extend(row("shown to people", &[shown_words(tally)]));
    lines.extend(oddities(tally));
    lines.push(String::new());
    if *has_verdicts {
        lines.push(format!("same severity as the engineers, {} drawn tickets", tally.comparison.verdicts()));
        lines.extend(Side::ALL.map(|side| agreement(&tally.comparison, side, model)));
        if tally.comparison.source_silent() > 0 {
            let silent = format!("{} times, counted as another severity", tally.comparison.source_silent());
            lines.extend(row("source silent", &[silent]));
        }
        let looked = match stop {
            Stop::Bound | Stop::EndOfFile => Looked::Once,
            Stop::Interrupted => Looked::AtWill,
        };
        for (other, pairs) in tally.comparison.pairs() {
            lines.extend(compared(other, pairs, looked));
        }
        lines.push("Simulated tickets: this says nothing about your desk.".to_owned());
    } else {
        lines.push("no verdicts: these are your tickets, so nobody knows here".to_owned());
        lines.push("how often the model is right".to_owned());
        lines.extend(bad_lines(tally.bad_lines()));
    }
    lines.push("The mock broker proves nothing about exactly-once.".to_owned());
    fitted(lines)
}

/// Lines of the story that fit beside everything else; the first and the last ones are kept.
const STORY_MAX: usize = 10;
/// Before each line of a reason.
const INDENT: &str = "  ";

/// What the ladder has shown: the dates, where each slice stands and why, what was done, who was right.
fn of_ladder(view: &View<'_>, ladder: &Ladder, stop: Stop) -> Vec<String> {
    let View { tally, sent, elapsed, model, .. } = view;
    let ended = match stop {
        Stop::Bound => "as asked for",
        Stop::EndOfFile => "to the end of the file",
        Stop::Interrupted => "stopped by hand",
    };
    let mut lines = vec![format!("{sent} records in {}, {ended}", clock(*elapsed)), cut(&accounts(view), COLUMNS)];
    let mut story: Vec<String> = ladder.story().iter().map(story_line).collect();
    // What led to a step back twice on one day has been told as it came; here it is one step.
    story.dedup();
    let left_out = story.len().saturating_sub(STORY_MAX);
    if left_out == 0 {
        lines.extend(story);
    } else {
        lines.extend_from_slice(&story[..STORY_MAX / 2 - 1]);
        lines.push(format!("… {} more …", left_out + 1));
        lines.extend_from_slice(&story[story.len() - STORY_MAX / 2..]);
    }
    lines.extend(ladder.standings().iter().flat_map(standing_lines));
    let (actions, grave, rechecks) = ladder.actions();
    lines.push(format!("{actions} automatic actions, {grave} of them on grave tickets,"));
    lines.push(format!("  {rechecks} given back to people to look at again"));
    lines.push(format!("same severity as the engineers, {} drawn tickets", tally.comparison.verdicts()));
    lines.extend(Side::ALL.map(|side| agreement(&tally.comparison, side, model)));
    lines.push("Simulated: it says nothing about your desk, and".to_owned());
    lines.push("the mock broker proves nothing about exactly-once.".to_owned());
    fitted(lines)
}

/// One thing that happened, in one line.
fn story_line(line: &Line) -> String {
    cut(&format!("{}  {}: {}", day(line.at), line.slice, line.what), COLUMNS)
}

/// The same with its reason below.
pub fn story_lines(line: &Line) -> Vec<String> {
    let mut lines = vec![story_line(line)];
    if !line.why.is_empty() {
        lines.extend(wrapped_to(&line.why, COLUMNS - INDENT.len()).into_iter().map(|line| format!("{INDENT}{line}")));
    }
    lines
}

/// A day of desk time, such as Mon 12 Jan.
fn day(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.strftime("%a %d %b").to_string())
}

/// Records against outcomes.
fn accounts(view: &View<'_>) -> String {
    let (tally, in_flight) = (view.tally, view.in_flight);
    match (in_flight, tally.surplus) {
        (0, 0) if view.sent == 0 => "nothing was sent".to_owned(),
        (0, 0) => format!("{} outcomes: none missing, none twice", tally.total()),
        (missing, surplus) => {
            format!("{} outcomes: {missing} MISSING, {surplus} too many", tally.total())
        }
    }
}

/// What the tickets show on which exactly one of the two agrees with the engineer.
pub fn compared(other: Side, pairs: Discordant, looked: Looked) -> Vec<String> {
    let other = other.name();
    let verdict = match shown(pairs, looked) {
        Shown::Better => format!("The model is better than {other}:"),
        Shown::Worse => format!("The model is worse than {other}:"),
        Shown::TooFew => format!("The model against {other}: too few to tell,"),
    };
    // The smaller of both one-sided values: whoever is ahead.
    let swapped = Discordant { first: pairs.second, second: pairs.first };
    let p = pairs.second_is_better_p().min(swapped.second_is_better_p());
    let test = match looked {
        Looked::Once => format!("sign test {}", p_words(p)),
        Looked::AtWill => "anytime test".to_owned(),
    };
    vec![verdict, format!("  alone right {} times, {other} {} ({test})", pairs.second, pairs.first)]
}

fn p_words(p: f64) -> String {
    if p < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") }
}

/// The first bad lines, each in at most two lines of the screen.
fn bad_lines(lines: Vec<(u64, &str)>) -> Vec<String> {
    let more = lines.len().saturating_sub(LINES_NAMED_MAX);
    let named = lines.iter().take(LINES_NAMED_MAX);
    let mut lines: Vec<String> = named
        .flat_map(|(line, reason)| {
            wrapped(&format!("line {line} is no ticket: {}", printable(reason))).into_iter().take(2)
        })
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more lines are no tickets"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::demo::screen::LINES;
    use crate::demo::tally::Tally;
    use crate::demo::tally::tests::{after_many, after_nothing};

    fn view(tally: &Tally, has_verdicts: bool) -> View<'_> {
        let elapsed = Duration::from_secs(61);
        View { ladder: None, tally, sent: tally.total(), in_flight: 0, elapsed, model: "demo-bert 1", has_verdicts }
    }

    fn text(tally: &Tally, has_verdicts: bool, stop: Stop) -> String {
        summary(&view(tally, has_verdicts), stop).join("\n")
    }

    #[test]
    fn every_summary_fits_one_screen() {
        for (tally, has_verdicts) in [(after_nothing(), true), (after_many(), true), (after_many(), false)] {
            let lines = summary(&view(&tally, has_verdicts), Stop::Bound);
            let widest = lines.iter().map(|line| line.chars().count()).max();
            assert!(lines.len() <= LINES && widest <= Some(COLUMNS), "{} lines\n{}", lines.len(), lines.join("\n"));
        }
    }

    #[test]
    fn opening_and_summary_say_that_it_is_simulated_and_what_a_mock_does_not_prove() {
        let opening = opening(true, ShiftLead::Simulated).join("\n");
        let summary = text(&after_many(), true, Stop::Bound);
        for said in [&opening, &summary] {
            assert!(said.to_lowercase().contains("simulated"), "{said}");
            assert!(said.contains("proves nothing about exactly-once"), "{said}");
        }
    }

    #[test]
    fn a_reason_is_told_whole_however_long_it_is() {
        let why =
            "action_error is breached in auto_triage; 43 actions go back to people, who look at each of them again";
        let line = Line {
            at: UtcMillis(1_771_459_200_000),
            slice: Arc::from("rest"),
            what: "STEPS BACK to suggest".to_owned(),
            why: why.to_owned(),
        };
        let lines = story_lines(&line);
        assert_eq!(lines[0], "Thu 19 Feb  rest: STEPS BACK to suggest");
        let told: Vec<&str> = lines[1..].iter().map(|line| line.trim_start()).collect();
        assert_eq!(told.join(" "), why);
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{lines:?}");
    }

    #[test]
    fn whoever_promotes_is_told_how_and_that_nothing_is_earned_yet() {
        let told = opening(true, ShiftLead::You).join("\n");
        assert!(told.contains("You promote") && told.contains("Enter"), "{told}");
        assert!(told.lines().all(|line| line.chars().count() <= COLUMNS), "{told}");
        assert!(!opening(true, ShiftLead::Simulated).join("\n").contains("Enter"));
        assert_eq!(entered(&[], &[]), ["nothing has earned its next step yet: nobody can promote"]);
        let rest = [Arc::from("rest")];
        assert_eq!(entered(&[], &rest), ["you promote rest: it is read after the next midnight"]);
        assert_eq!(entered(&rest, &[]), ["you approve what is automatic in rest for another while"]);
    }

    #[test]
    fn ones_own_tickets_are_not_called_simulated_and_have_no_verdicts() {
        let said =
            [opening(false, ShiftLead::Simulated).join("\n"), text(&after_many(), false, Stop::EndOfFile)].join("\n");
        assert!(!said.to_lowercase().contains("simulated"), "{said}");
        assert!(said.contains("no verdicts: these are your tickets"), "{said}");
        assert!(said.contains("to the end of the file"), "{said}");
        assert!(!said.contains("engineers"), "{said}");
    }

    #[test]
    fn missing_outcomes_are_shouted() {
        let tally = after_nothing();
        let view = View { sent: 3, in_flight: 3, ..view(&tally, true) };
        assert!(summary(&view, Stop::Bound).join("\n").contains("0 outcomes: 3 MISSING, 0 too many"));
    }

    #[test]
    fn an_interrupted_demo_says_so_and_a_demo_without_tickets_too() {
        let said = text(&after_nothing(), true, Stop::Interrupted);
        assert!(said.contains("stopped by hand") && said.contains("nothing was sent"), "{said}");
    }

    #[track_caller]
    fn check(first: u64, second: u64, looked: Looked, expected: [&str; 2]) {
        assert_eq!(compared(Side::Tfidf, Discordant { first, second }, looked), expected);
    }

    #[test]
    fn a_comparison_is_said_in_plain_words_with_its_counts() {
        check(
            1,
            7,
            Looked::Once,
            ["The model is better than TF-IDF:", "  alone right 7 times, TF-IDF 1 (sign test p = 0.0352)"],
        );
        check(
            7,
            1,
            Looked::Once,
            ["The model is worse than TF-IDF:", "  alone right 1 times, TF-IDF 7 (sign test p = 0.0352)"],
        );
        check(
            0,
            0,
            Looked::Once,
            ["The model against TF-IDF: too few to tell,", "  alone right 0 times, TF-IDF 0 (sign test p = 1.0000)"],
        );
        check(
            1,
            7,
            Looked::AtWill,
            ["The model against TF-IDF: too few to tell,", "  alone right 7 times, TF-IDF 1 (anytime test)"],
        );
    }

    #[test]
    fn only_the_first_bad_lines_are_named() {
        let reason = "not_json: what is wrong";
        let lines = bad_lines((1..=8).map(|line| (line, reason)).collect());
        assert_eq!(lines.first().map(String::as_str), Some("line 1 is no ticket: not_json: what is wrong"));
        assert_eq!(lines.last().map(String::as_str), Some("and 3 more lines are no tickets"));
        assert_eq!(lines.len(), 6);
    }
}
