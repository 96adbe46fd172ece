//! Tickets that must stay on one side of a split: near-duplicates, twins by normalised text, the same id twice, and what the
//! file already calls a group. Being alike is passed on: whoever is like a member is in the group.

use std::collections::HashMap;

use super::near::{NearIndex, Sketch};
use super::text::ComparedText;

/// What groups are made of.
#[derive(Clone, Copy, Debug)]
pub struct Grouped<'ticket> {
    /// Its text.
    pub text: &'ticket ComparedText,
    /// The group that the file names; `None`: it names none.
    pub named: Option<&'ticket str>,
}

/// The group of each ticket, as the position of its first member, so that a group is known by a ticket.
///
/// `near` is the Jaccard index from which on two texts are alike. `progress` hears how many texts are done.
pub fn groups(tickets: &[Grouped<'_>], near: f64, mut progress: impl FnMut(usize)) -> Vec<usize> {
    let mut union = Union::new(tickets.len());
    let mut firsts: HashMap<Key<'_>, usize> = HashMap::new();
    let mut distinct = Vec::new();
    for (at, ticket) in tickets.iter().enumerate() {
        let Grouped { text, named } = *ticket;
        union.join_first(&mut firsts, Key::Id(&text.ticket_id), at);
        if let Some(named) = named {
            union.join_first(&mut firsts, Key::Named(named), at);
        }
        if union.join_first(&mut firsts, Key::Words(&text.words), at) {
            distinct.push(at);
        }
    }
    // Each text once: thousands of tickets of one template would otherwise be compared pair by pair.
    let mut index = NearIndex::default();
    let mut sketches: Vec<Sketch> = Vec::with_capacity(distinct.len());
    for (number, &at) in distinct.iter().enumerate() {
        let sketch = Sketch::of(tickets[at].text);
        for candidate in index.candidates(&sketch) {
            let other = distinct[candidate as usize];
            if !union.are_one(at, other) && sketch.similarity(&sketches[candidate as usize]) >= near {
                union.join(at, other);
            }
        }
        index.insert(number as u32, &sketch);
        sketches.push(sketch);
        progress(number + 1);
    }
    (0..tickets.len()).map(|at| union.first_of(at)).collect()
}

/// What makes two tickets one group without a look at how alike they are.
#[derive(PartialEq, Eq, Hash)]
enum Key<'ticket> {
    Id(&'ticket str),
    Named(&'ticket str),
    Words(&'ticket [String]),
}

/// Which tickets are one, each set known by its first member.
struct Union {
    above: Vec<usize>,
}

impl Union {
    fn new(count: usize) -> Self {
        Self { above: (0..count).collect() }
    }

    fn first_of(&mut self, at: usize) -> usize {
        let mut top = at;
        while self.above[top] != top {
            self.above[top] = self.above[self.above[top]];
            top = self.above[top];
        }
        top
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first_of(one), self.first_of(other));
        self.above[one.max(other)] = one.min(other);
    }

    fn are_one(&mut self, one: usize, other: usize) -> bool {
        self.first_of(one) == self.first_of(other)
    }

    /// Joins the first ticket with this key; whether this one is the first.
    fn join_first<'ticket>(&mut self, firsts: &mut HashMap<Key<'ticket>, usize>, key: Key<'ticket>, at: usize) -> bool {
        let first = *firsts.entry(key).or_insert(at);
        self.join(first, at);
        first == at
    }
}
