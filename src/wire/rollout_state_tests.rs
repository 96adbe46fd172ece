//! Whatever the state, the next leader reads what the last one wrote.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::stage::{Share, Stage};
use crate::domain::time::UtcMillis;
use crate::rollout::approval::Approval;
use crate::rollout::control::Signature;
use crate::rollout::decision::ModelKey;
use crate::rollout::log::{Cut, EvidenceTopic};
use crate::rollout::state::{Basis, SliceDraw};

fn instants() -> impl Strategy<Value = UtcMillis> {
    (0_i64..4_000_000_000_000).prop_map(UtcMillis)
}

fn names() -> impl Strategy<Value = Arc<str>> {
    "[a-z_-]{1,20}".prop_map(|name| Arc::from(name.as_str()))
}

fn tickets() -> impl Strategy<Value = TicketId> {
    "[A-Z0-9-]{1,20}".prop_map(|name| TicketId::try_new(&name).unwrap())
}

fn digests() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn models() -> impl Strategy<Value = Arc<ModelKey>> {
    ("[a-z]{1,9}", "[0-9.]{1,5}", digests(), digests()).prop_map(|(name, version, digest, calibration_digest)| {
        Arc::new(ModelKey { name, version, digest, calibration_digest })
    })
}

fn bases() -> impl Strategy<Value = Basis> {
    (models(), digests()).prop_map(|(model, eligibility_digest)| Basis { model, eligibility_digest })
}

fn cuts() -> impl Strategy<Value = Cut> {
    let topics = select(EvidenceTopic::ALL.to_vec());
    vec((topics, 0_i32..100, any::<i64>()), 0..5).prop_map(|partitions| {
        let mut cut = Cut::start();
        for (topic, partition, next) in partitions {
            cut.set_next(topic, partition, next);
        }
        cut
    })
}

fn thresholds() -> impl Strategy<Value = Probability> {
    select(vec![0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 1.0]).prop_map(|value| Probability::try_new(value).unwrap())
}

/// Shares of at most six digits, which is what records hold.
fn positions() -> impl Strategy<Value = Position> {
    let share = |millionths: u32| Share::try_new(f64::from(millionths) / 1e6).unwrap();
    (select(Stage::ALL.to_vec()), 10_000_u32..=800_000, 10_000_u32..=800_000).prop_map(move |(stage, one, other)| {
        let (greater, less) = (one.max(other), one.min(other));
        let shares = match stage {
            Stage::Shadow | Stage::Suggest => [Share::ZERO; 2],
            Stage::AutoTriage => [share(greater), Share::ZERO],
            Stage::AutoResolve => [share(greater), share(less)],
        };
        Position::try_new(stage, shares).unwrap()
    })
}

fn standings() -> impl Strategy<Value = Standing> {
    let held = || (thresholds(), cuts()).prop_map(|(threshold, after)| Held { threshold, after });
    (positions(), held(), held(), held()).prop_map(|(position, one, two, three)| {
        let held = [Some(one), Some(two), Some(three)];
        Standing { position, held }.at(position)
    })
}

fn accounts() -> impl Strategy<Value = OpenAccount> {
    (select(Permission::ALL.to_vec()), bases(), 1_u32..50, thresholds(), cuts(), instants()).prop_map(
        |(permission, basis, attempt, threshold, after, opened_at)| OpenAccount {
            permission,
            basis,
            attempt,
            threshold,
            after,
            opened_at,
        },
    )
}

fn suspensions() -> impl Strategy<Value = Suspension> {
    let asked = (tickets(), instants()).prop_map(|(ticket, since)| AskedAgain { ticket, since });
    (bases(), cuts(), vec(asked, 0..4)).prop_map(|(basis, cut, asked)| Suspension { basis, cut, asked })
}

fn requests() -> impl Strategy<Value = PromotionRequest> {
    let step = (select(Permission::ALL.to_vec()), select(Rise::ALL.to_vec()));
    let lock = select(vec![Lock::Respect, Lock::Lift]);
    (any::<i64>(), "[a-z]{1,20}", "[a-z]{1,40}", instants(), option::of(instants()), lock, step).prop_map(
        |(offset, who, why, asked_at, expires, lock, (permission, rise))| PromotionRequest {
            offset,
            signed: Signature::try_new(&who, &why).unwrap(),
            asked_at,
            expires,
            lock,
            step: Step { permission, rise },
        },
    )
}

fn slices() -> impl Strategy<Value = SliceState> {
    let times = (instants(), any::<u64>(), vec(instants(), 0..3), option::of(instants()));
    let rest = (vec(accounts(), 0..3), option::of(suspensions()), vec(tickets(), 0..3), any::<bool>());
    let rates = select(crate::rollout::draw_rate::LADDER.to_vec()).prop_map(|rate| DrawRate::try_new(rate).unwrap());
    let draw = (rates, instants()).prop_map(|(rate, raised_at)| SliceDraw { rate, raised_at });
    let approval = ("[a-z]{1,20}", "[a-z]{1,40}", instants())
        .prop_map(|(who, why, at)| Approval { signed: Signature::try_new(&who, &why).unwrap(), at });
    let people = (option::of(requests()), option::of(approval));
    (standings(), times, rest, people, draw).prop_map(|(standing, times, rest, (request, approval), draw)| {
        let (since, moved_in, breaches, cool_down_until) = times;
        let (accounts, suspension, heard, is_locked) = rest;
        SliceState {
            standing,
            since,
            moved_in,
            accounts,
            suspension,
            heard,
            breaches,
            cool_down_until,
            is_locked,
            approval,
            request,
            draw,
        }
    })
}

fn states() -> impl Strategy<Value = RolloutState> {
    let previous = (models(), instants(), btree_map(names(), standings(), 0..3))
        .prop_map(|(model, switched_at, slices)| PreviousModel { model, switched_at, slices });
    let numbers = (any::<u64>(), any::<u64>(), option::of(any::<i64>()), any::<i64>());
    let holes = btree_set("\\PC{0,40}", 0..3);
    (numbers, option::of(bases()), option::of(previous), holes, btree_map(names(), slices(), 0..3)).prop_map(
        |((revision, void_before, read_on, control_next), basis, previous, acknowledged_holes, slices)| RolloutState {
            revision,
            basis,
            previous,
            void_before,
            acknowledged_holes,
            slices,
            read_on: read_on.map(LocalDay),
            control_next,
            closed: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_next_leader_reads_what_the_last_one_wrote(state in states()) {
        let written = serde_json::to_vec(&StateRecord::from(&state)).unwrap();
        let read: StateRecord = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(RolloutState::try_from(read).unwrap(), state);
    }
}

#[test]
fn a_stage_without_exactly_its_permissions_is_not_read() {
    let whole = Standing { position: Position::SUGGEST, ..Standing::shadow() };
    let mut record = StandingRecord::from(&whole);
    assert_eq!(record.held, []);
    assert!(Standing::try_from(&record).is_err(), "suggest without the account that earned it");
    record.position.stage = Word(Stage::Shadow);
    assert_eq!(Standing::try_from(&record), Ok(Standing::shadow()));
}

#[test]
fn a_slice_of_before_rates_were_written_is_drawn_at_a_tenth_since_it_stands_where_it_stands() {
    let slice = SliceState::opened(UtcMillis(1_764_000_000_000), 3);
    let state = RolloutState { slices: [(Arc::from("rest"), slice.clone())].into(), ..RolloutState::default() };
    let mut record = StateRecord::from(&state);
    record.slices[0].draw = None;
    let written = serde_json::to_value(&record).unwrap();
    assert!(written["slices"][0].get("draw").is_none());
    let read: StateRecord = serde_json::from_value(written).unwrap();
    assert_eq!(RolloutState::try_from(read).unwrap(), state);
}

#[test]
fn a_rate_that_no_slice_may_have_is_not_read() {
    let state = SliceState::opened(UtcMillis(0), 3);
    let mut record = super::slice_record("rest", &state);
    record.draw.as_mut().unwrap().evidence_rate = 1.5;
    assert!(SliceState::try_from(record).unwrap_err().to_string().contains("1.5 is not a rate of the evidence draw"));
}

#[test]
fn shares_that_do_not_fit_the_stage_are_not_read() {
    let mut record = StandingRecord::from(&Standing::shadow());
    record.position.auto_triage = 0.5;
    assert!(Standing::try_from(&record).is_err());
}
