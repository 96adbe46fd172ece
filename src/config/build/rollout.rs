//! `[rollout]`: where stages come from, the lease, and what gates and plan read.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::config::keys::WEEKDAYS;
use crate::config::reader::Reader;
use crate::config::settings::{KafkaSettings, RolloutMode, RolloutSettings, TruthSource, VerdictsSettings};
use crate::config::values::Item;
use crate::domain::stage::Share;
use crate::domain::time::UtcMillis;
use crate::policy::ruling::Policy;
use crate::rollout::local_time::{DeskCalendar, WorkingHours};
use crate::rollout::reading::Gate;
use crate::rollout::spec::{JudgedBy, Limits, RolloutSpec, SliceSpec};
use crate::statistics::tally::ErrorLimit;

/// Gates in force whose breach a site may merely observe. A missed critical is not among them.
const OBSERVABLE: [Gate; 4] = [Gate::SeverityAccuracy, Gate::ActionError, Gate::ReopenRate, Gate::Drift];

/// Years of 2000 to 2099 hold every change of clocks that evidence or a plan can fall on: logs are kept for years, and
/// rules that far ahead will have changed by then.
const CALENDAR: [i16; 2] = [2000, 2100];

pub(super) fn settings(
    reader: &Reader<'_>,
    kafka: &KafkaSettings,
    policy: &Policy,
    verdicts: &VerdictsSettings,
) -> RolloutSettings {
    let share = |key| Share::try_new(reader.number(key)).expect("the table's range is that of a share");
    let shares = [share("rollout.shares.auto_triage"), share("rollout.shares.auto_resolve")];
    if shares[1] > shares[0] {
        reader.mistake(
            "rollout.shares.auto_resolve",
            "is greater than rollout.shares.auto_triage; tickets that are resolved lie inside those that are triaged",
        );
    }
    let settings = RolloutSettings {
        mode: match reader.text("rollout.mode") {
            "earned" => RolloutMode::Earned,
            _ => RolloutMode::Fixed,
        },
        fixed_stage: reader.text("rollout.fixed_stage").parse().expect("the table's words are the stages"),
        shares,
        halt_file: reader.path("rollout.halt_file"),
        lease: reader.seconds("rollout.lease_s"),
        renew: reader.seconds("rollout.renew_s"),
        spec: Arc::new(spec(reader, policy, verdicts)),
    };
    if settings.mode == RolloutMode::Earned {
        check_earned(reader, kafka, verdicts, &settings);
    }
    settings
}

/// What would keep every slice from ever earning anything, or every permit from ever being given.
fn check_earned(reader: &Reader<'_>, kafka: &KafkaSettings, verdicts: &VerdictsSettings, settings: &RolloutSettings) {
    if settings.renew * 3 > settings.lease {
        reader.mistake(
            "rollout.renew_s",
            "is more than a third of rollout.lease_s: one renewal that is late would end it",
        );
    }
    let needed = kafka.lease_needed();
    if settings.lease <= needed + settings.renew {
        let needed_s = (needed + settings.renew).as_secs();
        let problem = format!(
            "is not more than {needed_s} s: a permit needs more lease left than a transaction may last \
             (kafka.transaction_timeout_ms and 10 s), and a renewal is up to rollout.renew_s old"
        );
        reader.mistake("rollout.lease_s", problem);
    }
    if verdicts.truth == TruthSource::Undecided {
        let problem = "is undecided: no verdict counts, so nothing can be earned; set ticket_system or explicit";
        reader.mistake("verdicts.truth", problem);
    }
}

fn spec(reader: &Reader<'_>, policy: &Policy, verdicts: &VerdictsSettings) -> RolloutSpec {
    let slice = |rule: &crate::policy::slices::SliceRule| SliceSpec {
        name: Arc::from(rule.name.as_str()),
        threshold: rule.threshold,
    };
    RolloutSpec {
        slices: policy.slices.iter().map(slice).collect(),
        threshold_grid: policy.threshold_grid.clone(),
        limits: limits(reader),
        verdict_deadline_ms: i64::try_from(verdicts.deadline.as_millis()).unwrap_or(i64::MAX),
        window_days: reader.whole("rollout.window_days"),
        soak_days: reader.whole("rollout.soak_days"),
        soak_step_days: reader.whole("rollout.soak_step_days"),
        cool_down_days: reader.whole("rollout.cool_down_days"),
        approval_days: reader.whole("rollout.approval_days"),
        working_hours: working_hours(reader),
        observed_only: observed_only(reader),
        calendar: calendar(reader),
        draw_rates: policy.draw_rates,
        judged_by: match verdicts.truth {
            TruthSource::Undecided | TruthSource::TicketSystem => JudgedBy::TheirWork,
            TruthSource::Explicit => JudgedBy::LabelList,
        },
    }
}

fn limits(reader: &Reader<'_>) -> Limits {
    let limit = |key| ErrorLimit::try_new(reader.number(key)).expect("the table's range is that of a limit");
    Limits {
        severity_error: limit("rollout.limits.severity_error"),
        action_error: limit("rollout.limits.action_error"),
        critical_miss: [
            limit("rollout.limits.critical_miss.auto_triage"),
            limit("rollout.limits.critical_miss.auto_resolve"),
        ],
        missing_verdicts: reader.number("rollout.limits.missing_verdicts"),
        late_decisions: reader.number("rollout.limits.late_decisions"),
        calibration_gap: reader.number("rollout.limits.calibration_gap"),
        reopened: limit("rollout.limits.reopened"),
    }
}

fn observed_only(reader: &Reader<'_>) -> Vec<Gate> {
    let mut observed = Vec::new();
    for (name, item) in reader.named("rollout.on_breach") {
        match OBSERVABLE.into_iter().find(|gate| gate.as_str() == name) {
            Some(gate) if matches!(item, Item::Text(word) if word == "observe") => observed.push(gate),
            Some(_) => {}
            None => {
                let known = OBSERVABLE.map(Gate::as_str).join(", ");
                let problem = format!("names no gate in force that may be observed only; those are {known}");
                reader.mistake(&format!("rollout.on_breach.{name}"), problem);
            }
        }
    }
    observed
}

/// When people are at work.
fn working_hours(reader: &Reader<'_>) -> WorkingHours {
    let named = reader.texts("rollout.working_days");
    let days: Vec<bool> = WEEKDAYS.iter().map(|day| named.iter().any(|name| name == day)).collect();
    let days: [bool; 7] = days.try_into().expect("a week has seven days");
    if !days.contains(&true) {
        reader.mistake("rollout.working_days", "names no day: an approval would never end");
        return WorkingHours::USUAL;
    }
    let hours = minutes(reader.text("rollout.working_hours"));
    hours.and_then(|(from, until)| WorkingHours::try_new(days, from, until).ok()).unwrap_or_else(|| {
        let problem = "is no part of a day: two times of it with a dash between, the earlier one first, as 08:00-17:00";
        reader.mistake("rollout.working_hours", problem);
        WorkingHours::USUAL
    })
}

/// Minutes of the day of `08:00-17:00`.
fn minutes(hours: &str) -> Option<(u32, u32)> {
    let time = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() == 2 && !text.starts_with('+'));
        let (hour, minute) = (number(hour)?, number(minute)?);
        (hour <= 24 && minute < 60).then_some(60 * hour + minute)
    };
    let (from, until) = hours.split_once('-')?;
    Some((time(from)?, time(until)?))
}

/// The table of offsets that the pure part counts days by.
fn calendar(reader: &Reader<'_>) -> DeskCalendar {
    let name = reader.text("rollout.desk_timezone");
    let Ok(zone) = TimeZone::get(name) else {
        let bounded: String = name.chars().take(64).collect();
        reader.mistake("rollout.desk_timezone", format!("`{bounded}` is no IANA time zone, as Europe/Zurich or UTC"));
        return DeskCalendar::utc();
    };
    let midnight = |year| TimeZone::UTC.to_timestamp(jiff::civil::date(year, 1, 1).at(0, 0, 0, 0));
    let [from, until] = CALENDAR.map(|year| midnight(year).expect("a year of the calendar"));
    let offset_ms = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1000;
    let changes = zone
        .following(from)
        .take_while(|change| change.timestamp() < until)
        .map(|change| (UtcMillis(change.timestamp().as_millisecond()), offset_ms(change.offset())));
    DeskCalendar::new(offset_ms(zone.to_offset(from)), changes.collect())
}
