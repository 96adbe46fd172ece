//! Whether another process is in the group under our `kafka.instance_id`.
//!
//! A fence does not tell: a coordinator that died or hung after it had given us a new member id looks the same as a second
//! process. But a member that sends no heartbeats is dropped after its session timeout, as long as the group stands still.
//! So whoever has left the group, and sees a member of its name in a stable group for longer than that, sees a living process.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;

use crate::config::settings::KafkaSettings;

use super::client;
use super::transaction::transaction_max;

/// Longest single question.
const QUESTION_MAX: Duration = Duration::from_secs(3);
/// What a heartbeat, and the clocks of two machines, may take on top of a session.
const MARGIN: Duration = Duration::from_secs(2);
/// The word of a group that stands still.
const STABLE: &str = "Stable";

/// What one question found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// No member has our name.
    Nobody,
    /// One has.
    Member {
        /// Where it comes from, as its coordinator says.
        host: String,
        /// Whether the group stands still; in one that does not, the dead are kept.
        is_stable: bool,
    },
    /// No broker has answered whole.
    NoAnswer,
}

/// Asks the group. Call it only while no client of ours is in it.
pub struct Asker {
    consumer: BaseConsumer,
    group: String,
    instance: String,
}

impl Asker {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn open(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        let consumer = client::reader(settings, client::Isolation::Committed).create()?;
        Ok(Self { consumer, group: settings.group.clone(), instance: settings.instance_id.clone() })
    }

    /// One question; blocks for three seconds at most.
    pub fn ask(&self) -> Sight {
        let answer = match self.consumer.fetch_group_list(Some(&self.group), QUESTION_MAX) {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%error, "asking who is in the group");
                return Sight::NoAnswer;
            }
        };
        let is_ours =
            |client_id: &str| client::instance_of_client(client_id).is_some_and(|instance| instance == self.instance);
        for group in answer.groups() {
            if let Some(member) = group.members().iter().find(|member| is_ours(member.client_id())) {
                let host = member.client_host().trim_start_matches('/').to_owned();
                return Sight::Member { host, is_stable: group.state() == STABLE };
            }
        }
        Sight::Nobody
    }
}

/// What all questions together say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namesake {
    /// Nobody lives under our name: the fence was our own doing.
    None,
    /// A living process, at this address.
    Lives(String),
    /// The brokers did not say within the longest wait.
    Unknown,
}

/// Adds sights up.
#[derive(Debug)]
pub struct Sightings {
    /// A member without heartbeats is gone after this.
    life: Duration,
    until: Instant,
    /// Since when every sight was one of a member in a stable group.
    seen_since: Option<Instant>,
}

impl Sightings {
    /// Begins now. A group stands still once every member has ended its transaction and joined again.
    pub fn new(settings: &KafkaSettings, now: Instant) -> Self {
        let life = settings.session_timeout + MARGIN;
        Self { life, until: now + life * 2 + transaction_max(settings), seen_since: None }
    }

    /// One more; `None`: ask again.
    pub fn add(&mut self, sight: Sight, now: Instant) -> Option<Namesake> {
        match sight {
            Sight::Nobody => return Some(Namesake::None),
            Sight::Member { host, is_stable: true } => {
                if now.duration_since(*self.seen_since.get_or_insert(now)) > self.life {
                    return Some(Namesake::Lives(host));
                }
            }
            // Whoever coordinates the group next gives every member a new session.
            Sight::Member { is_stable: false, .. } | Sight::NoAnswer => self.seen_since = None,
        }
        (now >= self.until).then_some(Namesake::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(8);

    fn member(is_stable: bool) -> Sight {
        Sight::Member { host: "10.0.0.3".to_owned(), is_stable }
    }

    /// One sight each second; what was concluded, and after how many seconds.
    fn conclude(sights: impl Fn(u64) -> Sight) -> (Namesake, u64) {
        let start = Instant::now();
        let mut sightings = Sightings { life: LIFE, until: start + LIFE * 4, seen_since: None };
        for second in 0.. {
            if let Some(namesake) = sightings.add(sights(second), start + Duration::from_secs(second)) {
                return (namesake, second);
            }
        }
        unreachable!("the wait has an end")
    }

    #[test]
    fn a_member_that_outlives_a_session_of_a_stable_group_is_another_process() {
        assert_eq!(conclude(|_| member(true)), (Namesake::Lives("10.0.0.3".to_owned()), 9));
    }

    #[test]
    fn a_member_that_is_dropped_within_a_session_was_our_own() {
        assert_eq!(conclude(|_| Sight::Nobody), (Namesake::None, 0));
        assert_eq!(conclude(|second| if second < 8 { member(true) } else { Sight::Nobody }), (Namesake::None, 8));
    }

    #[test]
    fn a_rebalance_or_a_broker_that_does_not_answer_begins_the_session_anew() {
        for between in [member(false), Sight::NoAnswer] {
            let sight = |second| if second == 7 { between.clone() } else { member(true) };
            assert_eq!(conclude(sight), (Namesake::Lives("10.0.0.3".to_owned()), 17));
        }
    }

    #[test]
    fn a_group_that_never_stands_still_proves_nothing() {
        for sight in [member(false), Sight::NoAnswer] {
            assert_eq!(conclude(|_| sight.clone()), (Namesake::Unknown, 32));
        }
    }
}
