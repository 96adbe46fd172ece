//! A calculator for a site that runs nothing yet: how many verdicts each stage takes, and how many days. It knows no
//! ticket; a running daemon says more.

use crate::domain::stage::AutoAction;
use crate::statistics::forecast::{COUNTED_MAX, counted_at_error, counted_needed, counted_per_day};
use crate::statistics::level::{ALPHA, Level, slice_weights};
use crate::statistics::tally::ErrorLimit;

use super::counting::PER_FINGERPRINT_MAX;
use super::draw_rate::{Chosen, FILLED_IN_DAYS, FIRST_MS, SlicePace, Why, smallest};
use super::label_list::PER_DAY_MAX;
use super::ladder::stage_below;
use super::reading::Gate;
use super::spec::Limits;
use super::wrong::Permission;

/// A step takes at least a full week: a weekend has to be seen, and a stage is held as long.
const DAYS_MIN: f64 = 7.0;
/// Beyond a year nobody plans.
const DAYS_MAX: f64 = 366.0;

/// What is known of the site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Site {
    /// Tickets a day.
    pub tickets_per_day: f64,
    /// Share of drawn tickets that an automatic action would be eligible for, 0 to 1.
    pub reach: f64,
    /// Share that is drawn; `None`: as `auto` chooses.
    pub evidence: Option<f64>,
    /// How long a verdict may take, in days.
    pub deadline_days: f64,
    /// People who rate tickets beside their work; `None`: engineers judge every ticket in the course of it.
    pub raters: Option<u32>,
}

/// Which part of the promise an account has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Number of slices; the account is that of `rest`.
    pub slices: u32,
    /// Weight of the threshold.
    pub threshold_weight: f64,
    /// Attempt, from 1.
    pub attempt: u32,
}

/// One gate that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Need {
    /// Which.
    pub gate: Gate,
    /// What its error must stay below.
    pub limit: f64,
    /// Verdicts if nothing is wrong; `None`: more than a million.
    pub if_all_right: Option<u64>,
    /// Verdicts if half of what is permitted is wrong.
    pub at_half_the_limit: Option<u64>,
}

/// The way to one permission.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which.
    pub permission: Permission,
    /// Gates that count.
    pub needs: Vec<Need>,
    /// Share that is drawn.
    pub evidence: f64,
    /// Why `auto` chooses it; `None`: it was said.
    pub why: Option<Why>,
    /// Drawn tickets that people judge a day.
    pub judged_per_day: f64,
    /// Verdicts that count a day.
    pub counted_per_day: f64,
    /// Days if nothing is wrong; `None`: not reachable, and the sentence says why.
    pub days: Option<f64>,
    /// The same in words.
    pub sentence: String,
}

impl Weights {
    /// The level of the account.
    ///
    /// # Errors
    /// No slice, or attempt 0.
    pub fn level(self, permission: Permission) -> Result<Level, String> {
        if self.slices == 0 {
            return Err("there is always one slice".into());
        }
        let threshold_weight = match permission {
            // Every answered ticket counts: there is no threshold to choose.
            Permission::Suggest => 1.0,
            Permission::Auto(_) => self.threshold_weight,
        };
        let slice_weight = slice_weights(self.slices).rest;
        Level::try_new(slice_weight, threshold_weight, ALPHA, self.attempt).map_err(|error| error.to_string())
    }
}

/// The steps of a site, weakest first.
///
/// # Errors
/// What is no share, no traffic or no weight.
pub fn road(site: Site, weights: Weights) -> Result<Vec<Step>, String> {
    let is_share = |share: f64| (0.0..=1.0).contains(&share);
    if !(site.tickets_per_day > 0.0 && site.tickets_per_day.is_finite()) {
        return Err("tickets a day must be above 0".into());
    }
    if !is_share(site.reach) || site.evidence.is_some_and(|evidence| !is_share(evidence)) {
        return Err("a share lies between 0 and 1".into());
    }
    Permission::ALL.into_iter().map(|permission| step(site, weights, permission)).collect()
}

fn step(site: Site, weights: Weights, permission: Permission) -> Result<Step, String> {
    let limits = Limits::default();
    let level = weights.level(permission)?;
    let gates: Vec<(Gate, ErrorLimit)> = match permission {
        Permission::Suggest => vec![(Gate::SeverityAccuracy, limits.severity_error)],
        Permission::Auto(action) => {
            vec![(Gate::ActionError, limits.action_error), (Gate::CriticalMiss, limits.critical_miss[action.index()])]
        }
    };
    let need = |(gate, limit): (Gate, ErrorLimit)| Need {
        gate,
        limit: limit.get(),
        if_all_right: counted_needed(0, limit, level),
        at_half_the_limit: counted_at_error(limit.get() / 2.0, limit, level),
    };
    let needs: Vec<Need> = gates.into_iter().map(need).collect();
    let needed = needs.iter().map(|need| need.if_all_right).try_fold(0, |most, need| Some(most.max(need?)));
    let reach = match permission {
        Permission::Suggest => 1.0,
        Permission::Auto(_) => site.reach,
    };
    let chosen = site.evidence.is_none().then(|| auto(site, reach, needed, permission));
    let evidence = chosen.map_or(site.evidence.unwrap_or_default(), |chosen| chosen.rate.get());
    let why = chosen.map(|chosen| chosen.why);
    let per_day = counted_per_day(site.tickets_per_day, evidence, reach);
    let days =
        needed.filter(|_| per_day > 0.0).map(|needed| (needed as f64 / per_day + site.deadline_days).max(DAYS_MIN));
    let days = days.filter(|days| *days <= DAYS_MAX);
    let judged_per_day = site.tickets_per_day * evidence;
    let sentence = sentence(permission, needed, days, reach, evidence, per_day, judged_per_day);
    Ok(Step { permission, needs, evidence, why, judged_per_day, counted_per_day: per_day, days, sentence })
}

/// What `auto` would choose at a desk that has been seen for more than a day, where every drawn ticket gets its verdict.
fn auto(site: Site, reach: f64, needed: Option<u64>, permission: Permission) -> Chosen {
    let pace = SlicePace {
        seen_ms: FIRST_MS,
        tickets_per_day: site.tickets_per_day,
        reach,
        verdict_rate: 1.0,
        waiting: 0,
        rated_per_day_max: site.raters.map(|people| f64::from(people) * PER_DAY_MAX as f64),
    };
    smallest(stage_below(permission), &pace, needed.unwrap_or(COUNTED_MAX), FILLED_IN_DAYS)
}

fn sentence(
    permission: Permission,
    needed: Option<u64>,
    days: Option<f64>,
    reach: f64,
    evidence: f64,
    per_day: f64,
    judged_per_day: f64,
) -> String {
    let name = permission.as_str();
    let Some(needed) = needed else {
        return format!("{name} is not reachable because more than a million verdicts would be needed");
    };
    if reach <= 0.0 {
        return format!("{name} is not reachable because no ticket is eligible (reach 0 %)");
    }
    if per_day <= 0.0 {
        return format!("{name} is not reachable because no ticket is drawn (evidence 0 %)");
    }
    let drawn = format!("{:.0} % drawn", 100.0 * evidence);
    let Some(days) = days else {
        return format!(
            "{name} is not reachable within a year because {needed} counted verdicts are needed and {per_day:.1} a day count \
             ({drawn}, {:.0} % of them eligible)",
            100.0 * reach
        );
    };
    let people = (judged_per_day / PER_DAY_MAX as f64).ceil() as u64;
    let people = if people == 1 { "1 person judges".to_owned() } else { format!("{people} people judge") };
    let kinds = needed.div_ceil(u64::from(PER_FINGERPRINT_MAX));
    let kinds = match permission {
        Permission::Suggest => String::new(),
        Permission::Auto(AutoAction::Triage | AutoAction::Resolve) => format!(", of at least {kinds} kinds"),
    };
    format!(
        "{name}: {needed} counted verdicts if nothing is wrong{kinds}; {per_day:.1} a day count ({drawn}: {people} \
         {judged_per_day:.0} tickets a day): about {:.0} days",
        days.ceil()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::level::{CONFIGURED_WEIGHT, OTHER_WEIGHT};

    fn weights(threshold_weight: f64) -> Weights {
        Weights { slices: 1, threshold_weight, attempt: 1 }
    }

    fn site(tickets_per_day: f64, reach: f64) -> Site {
        Site { tickets_per_day, reach, evidence: None, deadline_days: 3.0, raters: None }
    }

    fn needs(steps: &[Step]) -> Vec<Vec<Option<u64>>> {
        steps.iter().map(|step| step.needs.iter().map(|need| need.if_all_right).collect()).collect()
    }

    #[test]
    fn the_counts_are_those_of_the_design() {
        let steps = road(site(60.0, 0.4), weights(CONFIGURED_WEIGHT)).unwrap();
        let found = needs(&steps);
        assert_eq!(found[1..], [vec![Some(266), Some(535)], vec![Some(266), Some(1072)]]);
        let other = road(site(60.0, 0.4), weights(OTHER_WEIGHT)).unwrap();
        assert_eq!(other[1].needs[0].if_all_right, Some(361));
        // Showing answers has no threshold, so that its weight changes nothing.
        assert_eq!(steps[0].needs, other[0].needs);
    }

    #[test]
    fn auto_draws_as_few_as_fill_the_gates_in_a_fortnight() {
        let steps = road(site(2_000.0, 0.4), weights(CONFIGURED_WEIGHT)).unwrap();
        assert!((steps[0].evidence - 0.10).abs() < 1e-12);
        // 1,072 in 14 days of 2,000 × 40 % are 9.6 %: the least is 10 %.
        assert!((steps[2].evidence - 0.10).abs() < 1e-12);
        let small = road(site(60.0, 0.4), weights(CONFIGURED_WEIGHT)).unwrap();
        assert!((small[2].evidence - 0.5).abs() < 1e-12 && (small[2].counted_per_day - 12.0).abs() < 1e-9);
        assert!((small[2].days.unwrap() - (1072.0 / 12.0 + 3.0)).abs() < 1e-9);
        assert_eq!(small[2].why, Some(Why::Greatest { days: 90 }));
    }

    #[test]
    fn auto_draws_no_more_than_people_can_rate_and_a_share_that_was_said_needs_no_reason() {
        let one = road(Site { raters: Some(1), ..site(60.0, 0.4) }, weights(CONFIGURED_WEIGHT)).unwrap();
        assert!((one[2].evidence - 0.30).abs() < 1e-12);
        assert_eq!(one[2].why, Some(Why::People { days: 149 }));
        let said = road(Site { evidence: Some(0.2), ..site(60.0, 0.4) }, weights(CONFIGURED_WEIGHT)).unwrap();
        assert_eq!((said[2].evidence, said[2].why), (0.2, None));
    }

    #[test]
    fn a_step_takes_at_least_a_week() {
        let steps = road(site(100_000.0, 0.9), weights(CONFIGURED_WEIGHT)).unwrap();
        assert!(steps.iter().all(|step| step.days == Some(7.0)));
    }

    #[test]
    fn what_cannot_be_reached_says_why() {
        let sentences = |site| -> Vec<String> {
            road(site, weights(CONFIGURED_WEIGHT)).unwrap().into_iter().map(|step| step.sentence).collect()
        };
        assert_eq!(
            sentences(site(60.0, 0.0))[2],
            "auto_resolve is not reachable because no ticket is eligible (reach 0 %)"
        );
        assert!(sentences(site(5.0, 0.2))[2].starts_with(
            "auto_resolve is not reachable within a year because 1072 counted verdicts are needed and 0.5 a day count"
        ));
        let nobody = Site { evidence: Some(0.0), ..site(60.0, 0.4) };
        assert_eq!(sentences(nobody)[0], "suggest is not reachable because no ticket is drawn (evidence 0 %)");
    }

    #[test]
    fn more_slices_and_later_attempts_cost_verdicts() {
        let needed = |weights: Weights| road(site(60.0, 0.4), weights).unwrap()[1].needs[0].if_all_right.unwrap();
        let first = weights(CONFIGURED_WEIGHT);
        assert_eq!(needed(Weights { attempt: 2, ..first }), 307);
        assert!(needed(Weights { slices: 4, ..first }) > needed(first));
        assert!(road(site(60.0, 0.4), Weights { slices: 0, ..first }).is_err());
        assert!(road(site(0.0, 0.4), first).is_err() && road(site(60.0, 1.1), first).is_err());
    }
}
