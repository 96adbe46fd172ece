//! How names in lists (hosts, sites, categories, slice values) are compared with what a ticket says.

pub(super) use super::text::folded;

/// A name from a ticket, folded once and then compared with many list entries.
#[derive(Debug)]
pub(super) struct FoldedName(String);

impl FoldedName {
    /// Folds what the ticket says: a look-alike form or an invisible character does not get a host off a list.
    pub(super) fn of(value: &str) -> Self {
        Self(folded(value))
    }

    /// Whether a list entry covers the name; a trailing `*` matches any rest, nothing included.
    pub(super) fn is_covered_by(&self, entry: &str) -> bool {
        match entry.strip_suffix('*') {
            Some(start) => self.0.starts_with(&folded(start)),
            None => self.0 == folded(entry),
        }
    }

    /// Whether any entry of a list covers the name.
    pub(super) fn is_on(&self, list: &[String]) -> bool {
        list.iter().any(|entry| self.is_covered_by(entry))
    }
}

/// Whether a list covers an optional name; an absent name is on no list.
pub(super) fn is_on(list: &[String], value: Option<&str>) -> bool {
    !list.is_empty() && value.is_some_and(|value| FoldedName::of(value).is_on(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, value: &str, expected: bool) {
        assert_eq!(is_on(&[entry.to_owned()], Some(value)), expected, "`{entry}` against `{value}`");
    }

    #[test]
    fn names_are_compared_without_case_and_a_trailing_star_matches_any_rest() {
        check("core-*", "CORE-ams-1", true);
        check("core-*", "core-", true);
        check("core-*", "xcore-1", false);
        check("Core-1", "core-1", true);
        check("core-1", "core-10", false);
        check("*", "anything", true);
    }

    #[test]
    fn invisible_characters_and_wide_letters_do_not_get_a_host_off_a_list() {
        check("core-1", "co\u{200b}re-1", true);
        check("core-1", "ｃｏｒｅ-1", true);
    }

    #[test]
    fn an_absent_name_is_on_no_list() {
        assert!(!is_on(&["*".to_owned()], None));
        assert!(!is_on(&[], Some("core-1")));
    }
}
