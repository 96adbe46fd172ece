//! Whether another process is in the group under our `kafka.instance_id`.
//!
//! A fence does not tell: a coordinator that died or hung after it had given us a new member id looks the same as a second
//! process. But a member that sends no heartbeats is dropped after its session timeout, as long as the group stands still; a
//! coordinator that takes the group over gives it one session more. So whoever sends no heartbeats any more, and sees a member
//! of its name in a stable group for longer than two sessions, sees a living process. Where that process is, nobody knows: for
//! a name that is taken over the coordinator keeps the address that had it first.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::config::settings::KafkaSettings;

use super::client;
use super::transaction::transaction_max;

/// Longest single question.
const QUESTION_MAX: Duration = Duration::from_secs(3);
/// Between two questions.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);
/// What a heartbeat, and a coordinator that is short of processor time, may take on top of two sessions.
const MARGIN: Duration = Duration::from_secs(2);
/// The word of a group that stands still.
const STABLE: &str = "Stable";
/// The word for a group that its coordinator does not know.
const DEAD: &str = "Dead";

/// Asks until it is clear, at most twice the life of a member without heartbeats and the longest transaction. `wait` waits,
/// gives its signs of life, and says whether to stop asking, which is `None`.
pub fn ask(settings: &KafkaSettings, mut wait: impl FnMut(Duration) -> bool) -> Option<Namesake> {
    let mut sightings = Sightings::new(settings, Instant::now());
    let mut kept: Option<Asker> = None;
    loop {
        let begun = Instant::now();
        let asker = kept.take().or_else(|| Asker::open(settings));
        let sight = asker.as_ref().map_or(Sight::NoAnswer, Asker::ask);
        // One that got no answer may know a broker that is gone, and would wait for it each time.
        kept = asker.filter(|_| sight != Sight::NoAnswer);
        let namesake = sightings.add(sight, begun, Instant::now());
        if wait(BETWEEN_QUESTIONS) {
            return None;
        }
        if namesake.is_some() {
            return namesake;
        }
    }
}

/// What one question found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// No member has our name.
    Nobody,
    /// One has.
    Member {
        /// Whether the group stands still; in one that does not, the dead are kept.
        is_stable: bool,
    },
    /// The coordinator of the group has not answered.
    NoAnswer,
}

/// Asks the group.
struct Asker {
    consumer: BaseConsumer,
    group: String,
    instance: String,
}

impl Asker {
    /// `None`, and said: the client cannot be made.
    fn open(settings: &KafkaSettings) -> Option<Self> {
        let made: Result<BaseConsumer, _> = client::reader(settings, client::Isolation::Committed).create();
        let consumer = made.inspect_err(|error| tracing::warn!(%error, "nobody can be asked")).ok()?;
        Some(Self { consumer, group: settings.group.clone(), instance: settings.instance_id.clone() })
    }

    /// One question; blocks for three seconds at most.
    fn ask(&self) -> Sight {
        let answer = match self.consumer.fetch_group_list(Some(&self.group), QUESTION_MAX) {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%error, "asking who is in the group");
                return Sight::NoAnswer;
            }
        };
        // Brokers that do not coordinate it answer as well, and know nothing of it.
        let known = |state: &str| !state.is_empty() && state != DEAD;
        let Some(group) = answer.groups().iter().find(|group| group.name() == self.group && known(group.state()))
        else {
            return Sight::NoAnswer;
        };
        let is_ours =
            |client_id: &str| client::instance_of_client(client_id).is_some_and(|instance| instance == self.instance);
        if group.members().iter().any(|member| is_ours(member.client_id())) {
            Sight::Member { is_stable: group.state() == STABLE }
        } else {
            Sight::Nobody
        }
    }
}

/// What all questions together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namesake {
    /// Nobody lives under our name: the fence was our own doing.
    None,
    /// Another process does.
    Lives,
    /// The brokers did not say within the longest wait.
    Unknown,
}

/// Adds sights up.
#[derive(Debug)]
struct Sightings {
    /// A member without heartbeats is gone after this.
    life: Duration,
    until: Instant,
    /// Since when every sight was one of a member in a stable group.
    seen_since: Option<Instant>,
}

impl Sightings {
    /// Begins now. A group stands still once every member has ended its transaction and joined again.
    fn new(settings: &KafkaSettings, now: Instant) -> Self {
        let life = settings.session_timeout * 2 + MARGIN;
        Self { life, until: now + life * 2 + transaction_max(settings), seen_since: None }
    }

    /// One more, with the moments of question and answer: what was seen was seen between them. `None`: ask again.
    fn add(&mut self, sight: Sight, asked: Instant, answered: Instant) -> Option<Namesake> {
        match sight {
            Sight::Nobody => return Some(Namesake::None),
            Sight::Member { is_stable: true } => {
                let since = *self.seen_since.get_or_insert(answered);
                if asked.saturating_duration_since(since) > self.life {
                    return Some(Namesake::Lives);
                }
            }
            // Whoever coordinates the group next gives every member a new session.
            Sight::Member { is_stable: false } | Sight::NoAnswer => self.seen_since = None,
        }
        (answered >= self.until).then_some(Namesake::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(8);
    const MEMBER: Sight = Sight::Member { is_stable: true };
    const REBALANCE: Sight = Sight::Member { is_stable: false };

    /// One sight each second, each answered at once; what was concluded, and after how many seconds.
    fn conclude(sights: impl Fn(u64) -> Sight) -> (Namesake, u64) {
        let start = Instant::now();
        let mut sightings = Sightings { life: LIFE, until: start + LIFE * 4, seen_since: None };
        for second in 0.. {
            let at = start + Duration::from_secs(second);
            if let Some(namesake) = sightings.add(sights(second), at, at) {
                return (namesake, second);
            }
        }
        unreachable!("the wait has an end")
    }

    #[test]
    fn a_member_that_outlives_two_sessions_of_a_stable_group_is_another_process() {
        assert_eq!(conclude(|_| MEMBER), (Namesake::Lives, 9));
    }

    #[test]
    fn a_member_that_is_dropped_before_was_our_own() {
        assert_eq!(conclude(|_| Sight::Nobody), (Namesake::None, 0));
        assert_eq!(conclude(|second| if second < 8 { MEMBER } else { Sight::Nobody }), (Namesake::None, 8));
    }

    #[test]
    fn a_rebalance_or_a_coordinator_that_does_not_answer_begins_anew() {
        for between in [REBALANCE, Sight::NoAnswer] {
            assert_eq!(conclude(|second| if second == 7 { between } else { MEMBER }), (Namesake::Lives, 17));
        }
    }

    #[test]
    fn a_group_that_never_stands_still_proves_nothing() {
        for sight in [REBALANCE, Sight::NoAnswer] {
            assert_eq!(conclude(|_| sight), (Namesake::Unknown, 32));
        }
    }

    #[test]
    fn a_process_that_stands_still_between_question_and_answer_takes_no_old_sight_for_a_late_one() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut sightings = Sightings { life: LIFE, until: at(60), seen_since: None };
        assert_eq!(sightings.add(MEMBER, at(0), at(0)), None);
        assert_eq!(sightings.add(MEMBER, at(1), at(40)), None);
        assert_eq!(sightings.add(Sight::Nobody, at(41), at(41)), Some(Namesake::None));
    }
}
