//! Which versions come from one base. A version that is trained on from the one before is no other approach; one that begins
//! with another base is.
//!
//! A card names the parent of its model: another model of ours by name and version (`triage 3`), as our trainers write it, or
//! by the name under which it was judged (`v3`); a base from elsewhere by its own name (`mini-bert`). Parents are followed as
//! far as the ledger knows them; two versions are of one family where they end at the same base. Of two bases that the ledger
//! does not know and that differ in their version alone (`triage 1`, `triage 2`), one is taken to come from the other.

use std::collections::BTreeSet;

use super::ledger::Entry;

/// Whether two versions come from one base, or one of them from the other.
pub fn are_one_family(entries: &[Entry], one: &Entry, other: &Entry) -> bool {
    !base_of(entries, one).is_disjoint(&base_of(entries, other))
}

/// The names of the oldest version or base that one comes from, as far as the ledger knows; its own where it has no parent.
fn base_of<'ledger>(entries: &'ledger [Entry], version: &'ledger Entry) -> BTreeSet<&'ledger str> {
    let mut oldest = version;
    // Cards may name each other in a circle: there are no more steps than versions.
    for _ in 0..=entries.len() {
        let Some(parent) = oldest.parent() else { break };
        match named(entries, parent) {
            Some(older) => oldest = older,
            None => return [parent, without_version(parent)].into(),
        }
    }
    let card = oldest.card.iter().flat_map(|card| [card.as_str(), without_version(card)]);
    card.chain([oldest.name.as_str()]).collect()
}

/// The last version of that name, in the ledger or on its card.
fn named<'ledger>(entries: &'ledger [Entry], name: &str) -> Option<&'ledger Entry> {
    entries.iter().rev().find(|entry| entry.card.as_deref() == Some(name) || entry.name == name)
}

fn without_version(name: &str) -> &str {
    name.rsplit_once(' ').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::ledger::PARENT;
    use crate::statistics::wilson::Share;

    fn version(name: &str, card: &str, parent: &str) -> Entry {
        let parent = (!parent.is_empty()).then(|| (PARENT.to_owned(), parent.to_owned()));
        Entry {
            card: (!card.is_empty()).then(|| card.to_owned()),
            approach: parent.into_iter().collect(),
            ..Entry::bare(name, "t", Share { hits: 3, of: 5 })
        }
    }

    #[track_caller]
    fn check(ledger: &[Entry], one: &Entry, other: &Entry, expected: bool) {
        assert_eq!(are_one_family(ledger, one, other), expected);
        assert_eq!(are_one_family(ledger, other, one), expected, "the other way round");
    }

    #[test]
    fn a_parent_and_its_child_are_one_family_by_either_name() {
        let v1 = version("v1", "triage 1", "");
        for parent in ["v1", "triage 1"] {
            check(std::slice::from_ref(&v1), &v1, &version("v2", "triage 2", parent), true);
        }
        check(std::slice::from_ref(&v1), &v1, &version("v2", "triage 2", "mini-bert"), false);
    }

    #[test]
    fn what_counts_is_the_oldest_base_and_no_name_on_the_way() {
        let ledger = [
            version("v1", "triage 1", "mini-bert"),
            version("v2", "triage 2", "triage 1"),
            version("v3", "triage 3", "large-bert"),
            version("v4", "triage 4", "triage 3"),
        ];
        let [v1, v2, v3, v4] = &ledger;
        check(&ledger, v1, v2, true);
        check(&ledger, v3, v4, true);
        check(&ledger, v2, v4, false);
    }

    #[test]
    fn of_bases_that_the_ledger_does_not_know_the_name_without_the_version_counts() {
        let from = |parent| version("v", "", parent);
        check(&[], &from("triage base"), &from("triage 1"), true);
        check(&[], &from("triage 1"), &from("router 1"), false);
        check(&[], &from("mini-bert"), &from("large-bert"), false);
    }

    #[test]
    fn cards_that_name_each_other_in_a_circle_end() {
        let ledger = [version("v1", "", "v2"), version("v2", "", "v1"), version("v3", "", "v3")];
        let [v1, v2, v3] = &ledger;
        check(&ledger, v1, v3, false);
        assert!(are_one_family(&ledger, v1, v1) && are_one_family(&ledger, v2, v2));
    }
}
