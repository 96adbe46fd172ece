//! `noctriage rollout forecast`: a calculator. What a running daemon has measured is in `noctriage status`.

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::rollout::calculator::{Site, Step, Weights, road};
use crate::rollout::to_go::about_days;
use crate::rollout::wrong::Permission;
use crate::statistics::forecast::{DAYS_LEVEL, Pace, counted_per_day, days_to_go, verdicts_to_go};
use crate::statistics::level::{CONFIGURED_WEIGHT, OTHER_WEIGHT};
use crate::statistics::tally::{ErrorLimit, Tally};
use crate::statistics::wilson::interval_95;

use super::super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, Failure};

/// Which threshold is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Threshold {
    /// The one of the configuration.
    Configured,
    /// Another one of the declared grid.
    Other,
}

impl Threshold {
    const fn weight(self) -> f64 {
        match self {
            Self::Configured => CONFIGURED_WEIGHT,
            Self::Other => OTHER_WEIGHT,
        }
    }
}

/// Arguments of `rollout forecast`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["per_day", "counted"]))]
pub struct Arguments {
    /// Tickets a day.
    #[arg(long, value_name = "N")]
    per_day: Option<f64>,
    /// Share of tickets that an automatic action would be eligible for, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.4)]
    reach: f64,
    /// Share that is drawn, 0 to 1; without it the smallest that fills the gates in 14 days.
    #[arg(long, value_name = "SHARE")]
    evidence: Option<f64>,
    /// People who rate tickets beside their work, each at most 20 a day; without it everybody judges what they work on.
    #[arg(long, value_name = "N", conflicts_with = "evidence")]
    raters: Option<u32>,
    /// Verdicts that have counted so far.
    #[arg(long, value_name = "N", requires = "target")]
    counted: Option<u64>,
    /// Of them wrong.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "counted")]
    wrong: u64,
    /// Share that must be right, as 0.98.
    #[arg(long, value_name = "SHARE")]
    target: Option<f64>,
    /// The configured threshold, or another one of the grid.
    #[arg(long, value_enum, default_value = "configured")]
    threshold: Threshold,
    /// Number of slices that share the promise.
    #[arg(long, value_name = "N", default_value_t = 1)]
    slices: u32,
    /// Attempt: after a step-back for cause the next one needs more.
    #[arg(long, value_name = "K", default_value_t = 1)]
    attempt: u32,
    /// How long a verdict may take, in hours.
    #[arg(long, value_name = "HOURS", default_value_t = 72.0)]
    deadline_hours: f64,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `rollout forecast`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let said = answer(arguments).map_err(|error| Failure::usage(anyhow!(error)))?;
    if arguments.json {
        println!("{:#}", said.json);
    } else {
        said.lines.iter().for_each(|line| println!("{line}"));
    }
    Ok(if said.is_reachable { EXIT_OK } else { EXIT_DOES_NOT_HOLD })
}

/// What the command says.
#[derive(Debug)]
struct Said {
    lines: Vec<String>,
    json: Value,
    /// Whether everything that was asked about can be reached.
    is_reachable: bool,
}

fn answer(arguments: &Arguments) -> Result<Said, String> {
    let weights = Weights {
        slices: arguments.slices,
        threshold_weight: arguments.threshold.weight(),
        attempt: arguments.attempt,
    };
    match arguments.counted.zip(arguments.target) {
        Some((counted, target)) => account(arguments, weights, counted, target),
        None => site(arguments, weights),
    }
}

fn site(arguments: &Arguments, weights: Weights) -> Result<Said, String> {
    let tickets_per_day = arguments.per_day.ok_or("--per-day is needed")?;
    let deadline_days = arguments.deadline_hours / 24.0;
    if !(0.0..=90.0).contains(&deadline_days) {
        return Err("--deadline-hours lies between 0 and 2160".into());
    }
    let Arguments { reach, evidence, raters, .. } = *arguments;
    let steps = road(Site { tickets_per_day, reach, evidence, deadline_days, raters }, weights)?;
    let mut lines = Vec::new();
    for step in &steps {
        lines.push(step.sentence.clone());
        lines.extend(step.why.map(|why| format!("  auto draws {:.0} %: {why}", 100.0 * step.evidence)));
        lines.extend(step.needs.iter().map(|need| {
            let count = |count: Option<u64>| count.map_or_else(|| "never".to_owned(), |count| count.to_string());
            format!(
                "  {}: at most {:.1} % wrong: {} if nothing is wrong, {} if half of that is",
                need.gate.as_str(),
                100.0 * need.limit,
                count(need.if_all_right),
                count(need.at_half_the_limit)
            )
        }));
    }
    lines.push(
        "each step begins when the one before it is reached; a running daemon says more: `noctriage status`".to_owned(),
    );
    let is_reachable = steps.iter().all(|step| step.days.is_some());
    let json = json!({ "steps": steps.iter().map(step_json).collect::<Vec<_>>() });
    Ok(Said { lines, json, is_reachable })
}

fn step_json(step: &Step) -> Value {
    let needs: Vec<Value> = step
        .needs
        .iter()
        .map(|need| {
            json!({ "gate": need.gate.as_str(), "limit": need.limit, "counted_if_all_right": need.if_all_right,
                "counted_at_half_the_limit": need.at_half_the_limit })
        })
        .collect();
    json!({ "permission": step.permission.as_str(), "gates": needs, "evidence": step.evidence,
        "evidence_because": step.why.map(|why| why.to_string()), "judged_per_day": step.judged_per_day, "counted_per_day": step.counted_per_day, "days": step.days,
        "sentence": step.sentence })
}

fn account(arguments: &Arguments, weights: Weights, counted: u64, target: f64) -> Result<Said, String> {
    let wrong = arguments.wrong;
    let tally = Tally::try_new(counted, wrong).map_err(|error| error.to_string())?;
    let limit = ErrorLimit::try_new(1.0 - target).map_err(|error| format!("--target {target}: {error}"))?;
    // Of an action: the account of a threshold.
    let level = weights.level(Permission::Auto(crate::domain::stage::AutoAction::Triage))?;
    let to_go = verdicts_to_go(tally, limit, level);
    let share = interval_95(wrong, counted).map_or_else(String::new, |interval| {
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        format!(
            " ({} %, 95 % from {} to {} %)",
            percent(wrong as f64 / counted as f64),
            percent(interval.low),
            percent(interval.high)
        )
    });
    let head = format!("{counted} counted, {wrong} wrong{share}; at most {:.1} % may be wrong", 100.0 * limit.get());
    let pace = arguments
        .per_day
        .map(|per_day| counted_per_day(per_day, arguments.evidence.unwrap_or(1.0), arguments.reach))
        .map(|per_day| Pace::Stated { per_day });
    let days = |verdicts: u64| pace.and_then(|pace| days_to_go(verdicts, pace, DAYS_LEVEL));
    let with_days = |verdicts: u64| days(verdicts).map_or_else(String::new, |days| format!(", {}", about_days(&days)));
    let mut lines = vec![head];
    lines.push(match to_go.if_all_right {
        Some(0) => "enough: the target is shown to be met".to_owned(),
        Some(count) => format!("{count} to go if nothing more is wrong{}", with_days(count)),
        None => "not reachable because more than a million verdicts would be needed".to_owned(),
    });
    match to_go.at_present_error {
        Some(0) => {}
        Some(count) if Some(count) == to_go.if_all_right => {}
        Some(count) => lines.push(format!("{count} to go if the error stays as it is{}", with_days(count))),
        None => lines.push("not reachable because the error, if it stays as it is, is not below the limit".to_owned()),
    }
    let days_json = |verdicts: Option<u64>| {
        let days = verdicts.and_then(days);
        days.map(|days| json!({ "expected": days.expected, "low": days.low, "high": days.high }))
    };
    let json = json!({ "counted": counted, "wrong": wrong, "limit": limit.get(),
        "to_go_if_all_right": to_go.if_all_right, "to_go_at_present_error": to_go.at_present_error,
        "days_if_all_right": days_json(to_go.if_all_right), "days_at_present_error": days_json(to_go.at_present_error) });
    Ok(Said { lines, json, is_reachable: to_go.at_present_error.is_some() })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct CommandLine {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn said(line: &str) -> Said {
        answer(&CommandLine::try_parse_from(line.split(' ')).unwrap().arguments).unwrap()
    }

    #[test]
    fn three_hundred_and_ten_with_two_wrong_have_a_hundred_and_eighty_to_go() {
        let said = said("forecast --counted 310 --wrong 2 --target 0.98");
        assert_eq!(said.lines[0], "310 counted, 2 wrong (0.6 %, 95 % from 0.2 to 2.3 %); at most 2.0 % may be wrong");
        assert_eq!(said.lines[1], "180 to go if nothing more is wrong");
        assert!(said.lines[2].ends_with(" to go if the error stays as it is") && said.is_reachable);
    }

    #[test]
    fn the_configured_threshold_needs_266_and_another_361() {
        let first = |line: &str| said(line).json["to_go_if_all_right"].as_u64();
        assert_eq!(first("forecast --counted 0 --target 0.98"), Some(266));
        assert_eq!(first("forecast --counted 0 --target 0.98 --threshold other"), Some(361));
    }

    #[test]
    fn an_error_above_the_limit_is_not_reachable_and_says_so() {
        let said = said("forecast --counted 100 --wrong 5 --target 0.98");
        assert!(said.lines[2].starts_with("not reachable because the error") && !said.is_reachable);
    }

    #[test]
    fn a_pace_gives_days() {
        let said = said("forecast --counted 310 --wrong 2 --target 0.98 --per-day 200 --evidence 0.1 --reach 1");
        assert!(said.lines[1].starts_with("180 to go if nothing more is wrong, about 9 days ("), "{}", said.lines[1]);
    }

    #[test]
    fn a_site_gets_a_sentence_for_each_step() {
        let said = said("forecast --per-day 60 --reach 0.4");
        let begin: Vec<&str> = said.lines.iter().filter(|line| !line.starts_with(' ')).map(String::as_str).collect();
        assert!(begin[0].starts_with("suggest: ") && begin[2].starts_with("auto_resolve: 1072 counted"), "{begin:#?}");
        assert_eq!(said.json["steps"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn a_site_hears_which_share_auto_draws_and_why() {
        let of = |line: &str| -> Vec<String> {
            let lines = said(line).lines.into_iter();
            lines.filter_map(|line| line.strip_prefix("  auto draws ").map(str::to_owned)).collect()
        };
        let site = of("forecast --per-day 250 --reach 0.4");
        assert_eq!(site[1], "40 %: the least that fills the gates within 14 days: in about 14");
        assert_eq!(site[2], "50 %: the most of this stage, and the gates still take about 22 days");
        let one = of("forecast --per-day 250 --reach 0.4 --raters 2");
        assert_eq!(one[2], "15 %: as many as people can rate, and the gates take about 72 days");
        assert_eq!(of("forecast --per-day 250 --evidence 0.2"), Vec::<String>::new());
    }

    #[test]
    fn something_must_be_asked() {
        for wrong in ["forecast", "forecast --counted 5", "forecast --wrong 5 --per-day 3"] {
            assert!(CommandLine::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
        }
        let arguments = CommandLine::try_parse_from("forecast --counted 5 --wrong 6 --target 0.98".split(' '));
        assert!(answer(&arguments.unwrap().arguments).unwrap_err().contains("6 wrong of 5"));
    }
}
