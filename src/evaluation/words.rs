//! Which words stand in the tickets that fail? Words and pairs of neighbours that are in wrong tickets more often than in
//! right ones, with the false discoveries of thousands of looks controlled. What is found is words of tickets: whoever
//! shares a report leaves them out, as the patterns of titles.
//!
//! Nothing is understood: a word names a group of tickets that a person then reads. Numbers, addresses and identifiers are
//! masked before, and of near-duplicates the first ticket counts: a group is one piece of evidence.

use std::collections::HashMap;

use crate::domain::ticket::TicketId;
use crate::statistics::false_discovery::adjusted_p_values;
use crate::statistics::fisher::group_is_higher_p;
use crate::statistics::random::SeededRandom;
use crate::statistics::wilson::Share;

use super::answer::Column;
use super::compare::IDS_MAX;
use super::data::text::ComparedText;
use super::failures::{DISCOVERY_LEVEL, TICKETS_MIN};
use super::test_set::TestSet;

/// Most words that are named.
pub const WORDS_MAX: usize = 20;
/// Words of one ticket that are read: a mail thread beyond repeats itself.
const WORDS_PER_TICKET_MAX: usize = 256;
/// Words and pairs that are counted; such that are first seen beyond are not looked at. The first tickets of a set hold
/// the frequent ones.
const TERMS_MAX: usize = 500_000;
/// Standing-out words of which it is asked whether another explains them, surest first.
const ASKED_MAX: usize = 200;
/// What stands for numbers, addresses and identifiers.
const MASK: &str = "#";

/// The words of a set's tickets, each ticket's once, in the order of the set.
#[derive(Clone, Debug, Default)]
pub struct Words {
    terms: Vec<String>,
    numbers: HashMap<String, u32>,
    of_tickets: Vec<Vec<u32>>,
}

impl Words {
    /// Takes the text of the next ticket of the set.
    pub fn add(&mut self, text: &ComparedText) {
        let words = &text.words[..text.words.len().min(WORDS_PER_TICKET_MAX)];
        let mut found: Vec<u32> = words.iter().filter_map(|word| self.number(word)).collect();
        let mut pair = String::new();
        for neighbours in words.windows(2) {
            pair.clear();
            pair.extend([neighbours[0].as_str(), " ", neighbours[1].as_str()]);
            found.extend(self.number(&pair));
        }
        found.sort_unstable();
        found.dedup();
        self.of_tickets.push(found);
    }

    /// The number of a term; `None`: it tells nothing, or comes too late to be counted. Only a new one is copied.
    fn number(&mut self, term: &str) -> Option<u32> {
        if !is_telling(term) {
            return None;
        }
        if let Some(&known) = self.numbers.get(term) {
            return Some(known);
        }
        if self.terms.len() >= TERMS_MAX {
            return None;
        }
        let number = self.terms.len() as u32;
        self.numbers.insert(term.to_owned(), number);
        self.terms.push(term.to_owned());
        Some(number)
    }
}

/// Whether a term is more than what was masked.
fn is_telling(term: &str) -> bool {
    term.split(' ').any(|word| word != MASK)
}

/// A word, or two that stand side by side, and the tickets that hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct WordFailures {
    /// The word or words: text of tickets.
    pub term: String,
    /// Wrong answers of the tickets that hold it, the first of each group of near-duplicates.
    pub wrong: Share,
    /// Wrong answers of the others.
    pub rest: Share,
    /// The adjusted p value of "wrong more often than the rest".
    pub adjusted_p: f64,
    /// Tickets that hold it and fail, at most [`IDS_MAX`].
    pub ids: Vec<TicketId>,
}

impl WordFailures {
    /// How many times as often wrong as the rest; `None`: the rest is never wrong.
    pub fn lift(&self) -> Option<f64> {
        let rest = self.rest.proportion().filter(|rest| *rest > 0.0)?;
        Some(self.wrong.proportion()? / rest)
    }
}

/// What was found among how many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailingWords {
    /// Words and pairs that were looked at; such that stand in the same tickets count once.
    pub looked_at: u64,
    /// Those that stand out.
    pub standing_out: u64,
    /// The surest of them that no surer one explains, at most [`WORDS_MAX`].
    pub worst: Vec<WordFailures>,
}

/// The tickets of a term, counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    wrong: Share,
    /// A sum over random numbers of its tickets: equal for the same tickets, and for others practically never.
    mark: u64,
}

/// Words that are over-represented among the wrong answers of a column.
///
/// Contract: `words` holds the tickets of `set`, in its order.
pub fn failing_words(column: &Column, set: &TestSet, words: &Words) -> FailingWords {
    assert_eq!(words.of_tickets.len(), set.tickets().len(), "the words of each ticket of the set");
    let mut counted = vec![Counted::default(); words.terms.len()];
    let (mut all, mut firsts) = (Share::default(), Vec::new());
    let mut marks = SeededRandom::new(0);
    for (position, _) in set.tickets().iter().enumerate().filter(|(_, ticket)| ticket.is_first_of_group) {
        let (is_wrong, mark) = (!column.is_right(set, position), marks.next_u64());
        all.add(is_wrong);
        firsts.push((position, is_wrong));
        for &term in &words.of_tickets[position] {
            let term = &mut counted[term as usize];
            term.wrong.add(is_wrong);
            term.mark = term.mark.wrapping_add(mark);
        }
    }
    let looked_at = telling(&counted, words, all);
    let rest_of = |term: u32| {
        let wrong = counted[term as usize].wrong;
        Share { hits: all.hits - wrong.hits, of: all.of - wrong.of }
    };
    let p_values: Vec<f64> =
        looked_at.iter().map(|&term| group_is_higher_p(counted[term as usize].wrong, rest_of(term))).collect();
    let mut found: Vec<(u32, f64)> = looked_at.iter().copied().zip(adjusted_p_values(&p_values)).collect();
    found.retain(|&(_, adjusted)| adjusted <= DISCOVERY_LEVEL);
    found.sort_by(|(a, a_p), (b, b_p)| {
        a_p.total_cmp(b_p).then_with(|| words.terms[*a as usize].cmp(&words.terms[*b as usize]))
    });
    let standing_out = found.len() as u64;
    found.truncate(ASKED_MAX);
    let worst = unexplained(&found, &firsts, words).into_iter().map(|(term, adjusted_p)| WordFailures {
        term: words.terms[term as usize].clone(),
        wrong: counted[term as usize].wrong,
        rest: rest_of(term),
        adjusted_p,
        ids: failing_ids(column, set, words, term),
    });
    FailingWords { looked_at: looked_at.len() as u64, standing_out, worst: worst.collect() }
}

/// Of the words that stand out those that still do among the tickets that hold none of the surer ones: where third-party
/// switches fail, "switch" stands out through them alone.
fn unexplained(found: &[(u32, f64)], firsts: &[(usize, bool)], words: &Words) -> Vec<(u32, f64)> {
    let mut left = firsts.to_vec();
    let mut kept = Vec::new();
    for &(term, adjusted_p) in found {
        let holds = |position: usize| words.of_tickets[position].binary_search(&term).is_ok();
        let (mut with, mut without) = (Share::default(), Share::default());
        for &(position, is_wrong) in &left {
            if holds(position) { with.add(is_wrong) } else { without.add(is_wrong) }
        }
        if with.of >= TICKETS_MIN && group_is_higher_p(with, without) <= DISCOVERY_LEVEL {
            left.retain(|&(position, _)| !holds(position));
            kept.push((term, adjusted_p));
        }
        if kept.len() == WORDS_MAX {
            break;
        }
    }
    kept
}

/// Terms with enough tickets and a rest to compare with. Of those that stand in the same tickets ("third", "party", "third
/// party") the longest speaks for all.
fn telling(counted: &[Counted], words: &Words, all: Share) -> Vec<u32> {
    let mut by_tickets: HashMap<(u64, u64), u32> = HashMap::new();
    for (term, Counted { wrong, mark }) in (0_u32..).zip(counted) {
        if wrong.of < TICKETS_MIN || wrong.of == all.of {
            continue;
        }
        let text = |term: u32| &words.terms[term as usize];
        let chosen = by_tickets.entry((wrong.of, *mark)).or_insert(term);
        if (text(term).len(), text(*chosen)) > (text(*chosen).len(), text(term)) {
            *chosen = term;
        }
    }
    let mut found: Vec<u32> = by_tickets.into_values().collect();
    found.sort_unstable();
    found
}

fn failing_ids(column: &Column, set: &TestSet, words: &Words, term: u32) -> Vec<TicketId> {
    let holds = |position: &usize| words.of_tickets[*position].binary_search(&term).is_ok();
    let failing = (0..set.tickets().len()).filter(holds).filter(|&position| !column.is_right(set, position));
    failing.take(IDS_MAX).map(|position| set.tickets()[position].id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::labelled::LabelledTicket;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::{column_right, labelled, set_from};

    fn titled(id: usize, title: &str) -> LabelledTicket {
        let mut one = labelled(&format!("T{id}"), Severity::Medium);
        one.ticket.title = Some(title.to_owned());
        one
    }

    fn found(tickets: &[LabelledTicket], is_right: impl Fn(usize) -> bool) -> FailingWords {
        let set = set_from(tickets);
        let mut words = Words::default();
        for labelled in tickets {
            words.add(&ComparedText::of(&labelled.ticket));
        }
        failing_words(&column_right("v1", &set, is_right), &set, &words)
    }

    /// Fifty tickets: twelve of third-party switches, ten of them wrong, and two other wrong ones.
    fn third_party() -> (Vec<LabelledTicket>, impl Fn(usize) -> bool) {
        let title = |id: usize| {
            let port = id * 7;
            if id < 12 {
                format!("Third-party switch: port {port} flaps in rack {id}")
            } else if id.is_multiple_of(2) {
                format!("Core switch: port {port} flaps")
            } else {
                format!("BGP session to 10.0.0.{id} lost")
            }
        };
        ((0..50).map(|id| titled(id, &title(id))).collect(), |position: usize| {
            !(position < 10 || position == 20 || position == 31)
        })
    }

    #[test]
    fn words_of_the_tickets_that_fail_stand_out_and_their_parts_are_said_once() {
        let (tickets, is_right) = third_party();
        let found = found(&tickets, is_right);
        let terms: Vec<&str> = found.worst.iter().map(|word| word.term.as_str()).collect();
        assert_eq!(terms, ["party switch"], "third, party, third party, rack, # flaps in …: the same tickets");
        let word = &found.worst[0];
        assert_eq!((word.wrong, word.rest), (Share { hits: 10, of: 12 }, Share { hits: 2, of: 38 }));
        assert!((word.lift().expect("the rest fails too") - 15.833).abs() < 1e-3 && word.adjusted_p < 1e-4);
        assert_eq!(
            (word.ids.len(), word.ids[0].as_str(), found.standing_out),
            (10, "T0", 2),
            "`switch port` stands out through them alone"
        );
        assert_eq!(found.looked_at, 4, "party switch, switch port, core switch, bgp session");
    }

    #[test]
    fn where_no_word_tells_wrong_from_right_none_stands_out() {
        let (tickets, _) = third_party();
        let found = found(&tickets, |position| position % 5 != 0);
        assert_eq!((found.standing_out, found.worst), (0, vec![]));
    }

    #[test]
    fn near_duplicates_are_one_piece_of_evidence() {
        let (mut tickets, is_right) = third_party();
        tickets[..12].iter_mut().for_each(|ticket| ticket.group = Some("storm".to_owned()));
        assert_eq!(found(&tickets, is_right).standing_out, 0);
    }

    #[test]
    fn numbers_and_identifiers_are_no_words_and_a_rare_word_is_not_looked_at() {
        let mut words = Words::default();
        words.add(&ComparedText::of(&titled(1, "10.0.0.1 4711 down").ticket));
        let terms: Vec<&str> = words.terms.iter().map(String::as_str).collect();
        assert_eq!(terms, ["down", "# down"]);
        let tickets: Vec<LabelledTicket> =
            (0..30).map(|id| titled(id, if id < 4 { "rare thing" } else { "link down" })).collect();
        assert_eq!(found(&tickets, |position| position >= 4).worst, []);
    }

    #[test]
    fn the_longest_text_and_the_most_words_are_bounded() {
        let mut words = Words::default();
        words.add(&ComparedText::of(&titled(1, &"word and other ".repeat(10_000)).ticket));
        let long: Vec<String> = (0..600).map(|number| ["x", "y", "z"][number % 3].repeat(1 + number / 3)).collect();
        words.add(&ComparedText::of(&titled(2, &long.join(" ")).ticket));
        assert_eq!(words.of_tickets[0].len(), 6);
        assert_eq!(words.of_tickets[1].len(), 2 * WORDS_PER_TICKET_MAX - 1);
    }
}
