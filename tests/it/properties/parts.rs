//! Inputs of several parts. A fuzzer changes one text; a line `--- NAME` begins a part of it.

/// The parts of an input in order, each with its name; what stands before the first line has the empty name.
pub(super) fn parts(input: &str) -> Vec<(&str, &str)> {
    let mut parts = Vec::new();
    let (mut name, mut rest) = ("", input);
    loop {
        let begins = if rest.starts_with("--- ") { Some(0) } else { rest.find("\n--- ").map(|at| at + 1) };
        let Some(begins) = begins else {
            parts.push((name, rest));
            return parts;
        };
        parts.push((name, &rest[..begins]));
        let line_on = &rest[begins + "--- ".len()..];
        (name, rest) = line_on.split_once('\n').unwrap_or((line_on, ""));
    }
}

#[test]
fn an_input_is_cut_at_the_lines_that_name_its_parts() {
    assert_eq!(parts("a\n--- x\nb\n--- y"), [("", "a\n"), ("x", "b\n"), ("y", "")]);
    assert_eq!(parts("--- x\nb"), [("", ""), ("x", "b")]);
}
