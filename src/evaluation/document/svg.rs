//! Figures as pictures inside a page. Colours are those of the page's style, so that they follow light and dark.

use std::fmt::Write as _;

use crate::domain::severity::Severity;
use crate::evaluation::score::{CLASSES, SILENCE};
use crate::statistics::confusion::Confusion;
use crate::statistics::reliability::Bin;
use crate::statistics::wilson::Share;

use super::figure::FigureKind;
use super::html::escaped;
use super::words::{percent, unknown};
use crate::evaluation::failures::TICKETS_MIN;

/// Side of a plot, in pixels.
const SIDE: f64 = 320.0;
/// Room for the words at the left and below.
const LEFT: f64 = 56.0;
const BELOW: f64 = 44.0;
/// Room at the right: half of the words `100 %`.
const RIGHT: f64 = 24.0;
const ABOVE: f64 = 12.0;
/// Height of a row of shares.
const ROW: f64 = 22.0;
/// Room for names of slices.
const NAMES: f64 = 240.0;
/// Characters of a name that fit.
const NAME_CHARS_MAX: usize = 34;
/// Curves have as many colours.
const COLOURS: [&str; 4] = ["var(--one)", "var(--two)", "var(--three)", "var(--four)"];

/// One figure.
pub(super) fn drawn(kind: &FigureKind, caption: &str) -> String {
    match kind {
        FigureKind::Confusion(confusion) => confusion_of(confusion, caption),
        FigureKind::Reliability(bins) => reliability(bins, caption),
        FigureKind::RiskReach(curves) => risk_reach(curves, caption),
        FigureKind::Shares(shares) => shares_of(shares, caption),
    }
}

fn picture(width: f64, height: f64, caption: &str, inside: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" role=\"img\" aria-label=\"{}\">{inside}</svg>",
        escaped(caption)
    )
}

fn text(into: &mut String, x: f64, y: f64, anchor: &str, class: &str, words: &str) {
    // Writing to a String cannot fail.
    let _written = write!(
        into,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{}</text>",
        escaped(words)
    );
}

fn line(into: &mut String, from: (f64, f64), to: (f64, f64), stroke: &str, more: &str) {
    let _written = write!(
        into,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{stroke}\" {more}/>",
        from.0, from.1, to.0, to.1
    );
}

/// Truth down, answers across; a cell is the darker, the more of its row it holds.
fn confusion_of(confusion: &Confusion, caption: &str) -> String {
    let cell = SIDE / CLASSES as f64;
    let left = 78.0;
    let mut inside = String::new();
    for (at, severity) in Severity::ALL.into_iter().enumerate() {
        let middle = (at as f64 + 0.5) * cell;
        text(&mut inside, left - 8.0, ABOVE + 20.0 + middle + 4.0, "end", "", severity.as_str());
        text(&mut inside, left + middle, ABOVE + 10.0, "middle", "", severity.as_str());
    }
    text(&mut inside, left + (SILENCE as f64 + 0.5) * cell, ABOVE + 10.0, "middle", "quiet", "no answer");
    for row in 0..SILENCE {
        let of = confusion.row_total(row);
        for column in 0..CLASSES {
            let count = confusion.count(row, column);
            let share = if of > 0 { count as f64 / of as f64 } else { 0.0 };
            let (x, y) = (left + column as f64 * cell, ABOVE + 20.0 + row as f64 * cell);
            let _written = write!(
                inside,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\" fill=\"var(--shade)\" \
                 fill-opacity=\"{:.2}\" stroke=\"var(--rule)\"/>",
                0.75 * share
            );
            text(&mut inside, x + cell / 2.0, y + cell / 2.0 + 4.0, "middle", "", &count.to_string());
        }
    }
    text(
        &mut inside,
        left,
        ABOVE + 36.0 + SILENCE as f64 * cell,
        "start",
        "quiet",
        "rows: what people said; columns: answers",
    );
    picture(left + SIDE + 8.0, ABOVE + 48.0 + SILENCE as f64 * cell, caption, &inside)
}

/// Axes from 0 to 1 each, and what their numbers are.
fn axes(across: &str, upward: &str, upward_max: f64) -> String {
    let mut inside = String::new();
    let bottom = ABOVE + SIDE;
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (x, y) = (LEFT + share * SIDE, bottom - share * SIDE);
        line(&mut inside, (x, ABOVE), (x, bottom), "var(--rule)", "");
        line(&mut inside, (LEFT, y), (LEFT + SIDE, y), "var(--rule)", "");
        text(&mut inside, x, bottom + 16.0, "middle", "quiet", &format!("{:.0} %", share * 100.0));
        text(&mut inside, LEFT - 6.0, y + 4.0, "end", "quiet", &format!("{:.0} %", share * upward_max * 100.0));
    }
    text(&mut inside, LEFT + SIDE / 2.0, bottom + 34.0, "middle", "", across);
    let _written = write!(
        inside,
        "<text transform=\"translate(12 {:.0}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        ABOVE + SIDE / 2.0,
        escaped(upward)
    );
    inside
}

/// A point for each bin; its bar is where it lies with 95 % if the confidence is true.
fn reliability(bins: &[Bin], caption: &str) -> String {
    let mut inside = axes("mean confidence", "share right", 1.0);
    let place = |across: f64, upward: f64| (LEFT + across * SIDE, ABOVE + SIDE - upward * SIDE);
    line(&mut inside, place(0.0, 0.0), place(1.0, 1.0), "var(--quiet)", "stroke-dasharray=\"4 4\"");
    for bin in bins {
        let bar = bin.consistency_bar();
        line(
            &mut inside,
            place(bin.confidence, bar.low),
            place(bin.confidence, bar.high),
            "var(--one)",
            "stroke-width=\"6\" stroke-opacity=\"0.3\"",
        );
        let is_inside = bar.low <= bin.share_right() && bin.share_right() <= bar.high;
        let (x, y) = place(bin.confidence, bin.share_right());
        let colour = if is_inside { "var(--one)" } else { "var(--two)" };
        let _written = write!(
            inside,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{colour}\"><title>{} of {} right at confidence {:.2}\
             </title></circle>",
            bin.right, bin.answers, bin.confidence
        );
    }
    picture(LEFT + SIDE + RIGHT, ABOVE + SIDE + BELOW, caption, &inside)
}

/// The next share whose quarters are whole percents, so that the words beside the axis are true.
fn whole_steps(share: f64) -> f64 {
    ((share * 25.0 - 1e-9).ceil() / 25.0).min(1.0)
}

/// Error among the surest answers, as more of them are taken.
fn risk_reach(curves: &[(String, Vec<Share>)], caption: &str) -> String {
    let error = |share: &Share| share.rest().proportion().unwrap_or(0.0);
    let highest = whole_steps(curves.iter().flat_map(|(_, curve)| curve).map(error).fold(0.05, f64::max));
    let mut inside = axes("reach: the surest answers taken", "error among them", highest);
    for (at, (name, curve)) in curves.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let points: Vec<String> = curve
            .iter()
            .zip(1..)
            .map(|(share, point)| {
                let across = f64::from(point) / curve.len() as f64;
                let upward = error(share) / highest;
                format!("{:.1},{:.1}", LEFT + across * SIDE, ABOVE + SIDE - upward * SIDE)
            })
            .collect();
        let _written = write!(
            inside,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        let y = ABOVE + 14.0 + at as f64 * 16.0;
        line(&mut inside, (LEFT + 10.0, y - 4.0), (LEFT + 30.0, y - 4.0), colour, "stroke-width=\"2\"");
        text(&mut inside, LEFT + 36.0, y, "start", "", name);
    }
    picture(LEFT + SIDE + RIGHT, ABOVE + SIDE + BELOW, caption, &inside)
}

/// A row each: the share as a point, its interval as a line.
fn shares_of(shares: &[(String, Share)], caption: &str) -> String {
    let height = ABOVE + shares.len() as f64 * ROW;
    let mut inside = String::new();
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let x = NAMES + share * SIDE;
        line(&mut inside, (x, ABOVE), (x, height), "var(--rule)", "");
        text(&mut inside, x, height + 16.0, "middle", "quiet", &format!("{:.0} %", share * 100.0));
    }
    for (at, (name, share)) in shares.iter().enumerate() {
        let y = ABOVE + (at as f64 + 0.5) * ROW;
        let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
        text(&mut inside, NAMES - 8.0, y + 4.0, "end", "", &shown);
        let right = NAMES + SIDE + 10.0;
        match (share.proportion(), share.interval()) {
            (Some(proportion), Some(interval)) if share.of >= TICKETS_MIN => {
                let place = |value: f64| (NAMES + value * SIDE, y);
                line(
                    &mut inside,
                    place(interval.low),
                    place(interval.high),
                    "var(--one)",
                    "stroke-width=\"3\" stroke-opacity=\"0.5\"",
                );
                let _written = write!(
                    inside,
                    "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"var(--one)\"/>",
                    place(proportion).0
                );
                let words = format!("{}/{} = {}", share.hits, share.of, percent(proportion));
                text(&mut inside, right, y + 4.0, "start", "quiet", &words);
            }
            _ => text(&mut inside, right, y + 4.0, "start", "quiet", &unknown(share.of)),
        }
    }
    picture(NAMES + SIDE + 150.0, height + 24.0, caption, &inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_outside_its_bar_has_another_colour() {
        let bin = |right| Bin { answers: 100, right, confidence: 0.9 };
        assert!(!reliability(&[bin(90)], "r").contains("fill=\"var(--two)\""));
        assert!(reliability(&[bin(60)], "r").contains("fill=\"var(--two)\""));
    }

    #[test]
    fn the_axis_of_errors_ends_at_a_whole_percent_of_four() {
        let ends = [0.05, 0.08, 0.081, 0.31, 0.97, 1.0].map(|share| (whole_steps(share) * 100.0).round() as u32);
        assert_eq!(ends, [8, 8, 12, 32, 100, 100]);
        let curve = vec![Share { hits: 9, of: 10 }];
        assert!(risk_reach(&[("v1".into(), curve)], "r").contains(">12 %<"));
    }

    #[test]
    fn thin_slices_have_no_point() {
        let picture = shares_of(&[("power".into(), Share { hits: 2, of: 2 })], "s");
        assert!(picture.contains("unknown: 2 tickets") && !picture.contains("<circle"));
    }

    #[test]
    fn every_number_of_a_picture_is_a_number() {
        let curves = [("v1".to_owned(), vec![Share { hits: 0, of: 0 }, Share { hits: 3, of: 3 }])];
        let empty = Confusion::new(CLASSES);
        for picture in [risk_reach(&curves, "c"), confusion_of(&empty, "c"), reliability(&[], "c"), shares_of(&[], "c")]
        {
            assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
        }
    }
}
