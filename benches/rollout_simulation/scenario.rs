//! What happens to a model and to its verdicts: one row of the table each.

/// Everything is counted in ticks: one ticket drawn as evidence, or, after promotion, one eligible ticket.
pub type Tick = u64;

/// Ticks of a day of desk time: 8 eligible tickets drawn a day would be usual; 20 keeps runs short.
pub const DAY: Tick = 20;

/// The error limit of every rule: precision 0.98.
pub const LIMIT: f64 = 0.02;

/// How the true error of the model changes.
#[derive(Clone, Copy)]
pub enum Error {
    /// It stays.
    Constant(f64),
    /// It changes with the promotion.
    After {
        /// Before.
        good: f64,
        /// From the promotion on.
        bad: f64,
    },
    /// Good and bad periods take turns, beginning with a good one.
    Cycle {
        /// In the good half.
        good: f64,
        /// In the bad half.
        bad: f64,
        /// Ticks of both together.
        length: Tick,
    },
}

/// How people's verdicts differ from the truth, and when they come.
#[derive(Clone, Copy)]
pub struct People {
    /// Mean delay of a verdict that confirms, in ticks; exponential.
    pub delay_right: f64,
    /// Mean delay of a verdict that finds an error.
    pub delay_wrong: f64,
    /// Share of tickets that never get a verdict.
    pub missing: f64,
    /// Share of right answers that are called wrong.
    pub right_called_wrong: f64,
    /// Share of wrong answers that are called right.
    pub wrong_called_right: f64,
    /// From so many ticks after promotion on nobody says anything.
    pub silent_after_promotion: Option<Tick>,
}

/// How tickets resemble each other: all of a group are right or wrong together, as those of a storm.
#[derive(Clone, Copy)]
pub struct Likeness {
    /// Mean size of a group of near-identical tickets; 1 is none.
    pub group_mean: f64,
    /// Of the groups, how many are one of a few recurring templates, which are right or wrong for good.
    pub recurring: f64,
}

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What happens, in words.
    pub name: &'static str,
    /// The model.
    pub error: Error,
    /// The people.
    pub people: People,
    /// The tickets.
    pub likeness: Likeness,
    /// Thresholds between which the operator may choose by looking: 1, or the grid.
    pub thresholds: usize,
    /// Whether our rule promises anything here.
    pub promise: Promise,
}

/// What is promised for a model that must not be promoted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// At most α of runs promote.
    Held,
    /// Nothing: the evidence ends within a good period that is longer than any traffic that a gate asks for.
    None,
}

impl Scenario {
    /// The true error before the promotion, over whole cycles.
    pub fn error_at_start(&self) -> f64 {
        match self.error {
            Error::Constant(error) => error,
            Error::After { good, bad: _ } => good,
            Error::Cycle { good, bad, length: _ } => f64::midpoint(good, bad),
        }
    }

    /// Whether a step-back is due after the promotion.
    pub fn must_step_back(&self) -> bool {
        match self.error {
            Error::After { good: _, bad } => bad > LIMIT,
            Error::Constant(_) | Error::Cycle { good: _, bad: _, length: _ } => false,
        }
    }
}

const PEOPLE: People = People {
    delay_right: 10.0,
    delay_wrong: 10.0,
    missing: 0.0,
    right_called_wrong: 0.0,
    wrong_called_right: 0.0,
    silent_after_promotion: None,
};
const UNLIKE: Likeness = Likeness { group_mean: 1.0, recurring: 0.0 };
const PLAIN: Scenario = Scenario {
    name: "",
    error: Error::Constant(0.0),
    people: PEOPLE,
    likeness: UNLIKE,
    thresholds: 1,
    promise: Promise::Held,
};

/// Much better than the limit.
const GOOD: f64 = 0.003;

/// Every scenario, in the order of the table.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "exactly at the limit", error: Error::Constant(LIMIT), ..PLAIN },
    Scenario { name: "good enough (0.3 % wrong)", error: Error::Constant(GOOD), ..PLAIN },
    Scenario { name: "turns bad after promotion (5 %)", error: Error::After { good: GOOD, bad: 0.05 }, ..PLAIN },
    Scenario { name: "turns very bad after promotion (20 %)", error: Error::After { good: GOOD, bad: 0.2 }, ..PLAIN },
    Scenario {
        name: "at the limit, errors found late",
        error: Error::Constant(LIMIT),
        people: People { delay_wrong: 200.0, ..PEOPLE },
        ..PLAIN
    },
    Scenario {
        name: "good enough, errors found late",
        error: Error::Constant(GOOD),
        people: People { delay_wrong: 200.0, ..PEOPLE },
        ..PLAIN
    },
    Scenario {
        name: "at the limit, 1 % of verdicts missing",
        error: Error::Constant(LIMIT),
        people: People { missing: 0.01, ..PEOPLE },
        ..PLAIN
    },
    Scenario {
        name: "good enough, 1 % missing",
        error: Error::Constant(GOOD),
        people: People { missing: 0.01, ..PEOPLE },
        ..PLAIN
    },
    Scenario {
        name: "good enough, 3 % missing",
        error: Error::Constant(GOOD),
        people: People { missing: 0.03, ..PEOPLE },
        ..PLAIN
    },
    Scenario {
        name: "good enough, 1 % of verdicts mistaken",
        error: Error::Constant(GOOD),
        people: People { right_called_wrong: 0.01, wrong_called_right: 0.01, ..PEOPLE },
        ..PLAIN
    },
    Scenario {
        name: "good enough, a spiteful reviewer (3 % called wrong)",
        error: Error::Constant(GOOD),
        people: People { right_called_wrong: 0.03, ..PEOPLE },
        ..PLAIN
    },
    Scenario {
        name: "at the limit, a lenient reviewer (5 % of errors passed)",
        error: Error::Constant(LIMIT),
        people: People { wrong_called_right: 0.05, ..PEOPLE },
        ..PLAIN
    },
    Scenario {
        name: "at the limit, storms (groups of 3)",
        error: Error::Constant(LIMIT),
        likeness: Likeness { group_mean: 3.0, recurring: 0.0 },
        ..PLAIN
    },
    Scenario {
        name: "at the limit, half recurring templates",
        error: Error::Constant(LIMIT),
        likeness: Likeness { group_mean: 1.0, recurring: 0.5 },
        ..PLAIN
    },
    Scenario {
        name: "at the limit, good and bad halves of a day",
        error: Error::Cycle { good: 0.005, bad: 0.035, length: DAY },
        ..PLAIN
    },
    Scenario {
        name: "at the limit, good and bad halves of a week",
        error: Error::Cycle { good: 0.005, bad: 0.035, length: 7 * DAY },
        ..PLAIN
    },
    Scenario {
        name: "at the limit, good and bad fortnights",
        error: Error::Cycle { good: 0.005, bad: 0.035, length: 28 * DAY },
        promise: Promise::None,
        ..PLAIN
    },
    Scenario { name: "at the limit, operator tries the grid", error: Error::Constant(LIMIT), thresholds: 6, ..PLAIN },
    Scenario {
        name: "turns very bad, and nobody says anything",
        error: Error::After { good: GOOD, bad: 0.2 },
        people: People { silent_after_promotion: Some(0), ..PEOPLE },
        ..PLAIN
    },
];
