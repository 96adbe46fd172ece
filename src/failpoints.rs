//! Failpoints: places at which a test build is killed, fails, waits, or leaves a protection out.
//!
//! Places stand in the code as `fail_point!("name")`, where something may happen, as [`fires`], where the code must do
//! something else, or as [`amount`], where it must reckon with another number; [`POINTS`] lists them all. The environment variable `FAILPOINTS` says what happens where:
//! `name=action;name=action`, with the actions of the crate `fail` (`3*off->1*return` for [`fires`]: not three times, then
//! once) and these three of ours, at the N-th pass of the place:
//! - `kill@N`: the process is killed as by `kill -9`;
//! - `note@N`: every pass from the N-th on is said in the log;
//! - `hold@N`: the thread waits there until the file exists that `FAILPOINTS_RELEASE` names, at most a minute.
//!
//! In the shipped binary all of it is absent: the crate's feature is switched on by the dev-dependencies alone, and without
//! it [`fail::has_failpoints`] is a constant `false`. `tests/run.sh` looks for these names in both binaries.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Every place, and what it is for. The first ten are those at which the fault runs kill.
pub const POINTS: [(&str, &str); 26] = [
    ("after_poll", "a record has been taken out of the log into the buffer"),
    ("after_classify", "the engine's answers to a batch have arrived"),
    ("after_begin", "a transaction is begun and holds nothing"),
    ("after_first_send", "the first record of a transaction is handed to librdkafka"),
    ("mid_batch", "a later record of a transaction is handed to librdkafka"),
    ("all_acknowledged", "the broker has all records of a transaction, and no offsets"),
    ("after_offsets", "the offsets are in the transaction"),
    ("before_commit", "nothing is left to do but to commit"),
    ("after_commit", "the broker has committed, and triage does not know yet"),
    ("during_drain", "the process is to stop and finishes what is in flight"),
    ("before_begin", "a batch is decided, and its transaction not begun"),
    ("before_abort", "a transaction is about to be aborted"),
    ("before_seek", "a transaction was aborted, and nothing is read again yet"),
    ("aborted_with_two_in_flight", "a transaction was aborted with another batch behind it"),
    ("abort_before_offsets", "fires: the transaction is aborted although all is acknowledged"),
    ("abort_after_offsets", "fires: the transaction is aborted between offsets and commit"),
    ("transaction_off", "control: records become visible before their offsets are committed"),
    ("torn_start", "control: a start after a torn transaction is not refused"),
    ("epoch_not_raised", "control: what was read before a seek is still taken for current after it"),
    ("lease_not_renewed", "fires: the leader leads and writes no renewal"),
    ("lease_ignored", "control: automatic actions go on although the lease has lapsed"),
    ("permit_taken_at_cut", "control: automatic actions are permitted when a batch is cut, not before its transaction"),
    ("operating_clock_ahead", "amount: so many milliseconds is the wall clock ahead, the boot clock not"),
    ("patient_commands", "amount: so many seconds a command waits for instances"),
    ("evidence_not_read", "fires: no evidence thread is started, so that triage is measured alone"),
    ("view_kept_over_abort", "control: the view remembers what an aborted transaction would have written"),
];

/// Longest wait of `hold`: a test that dies must not leave a process that waits for ever.
const HOLD_MAX: Duration = Duration::from_secs(60);

/// `FAILPOINTS` cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("FAILPOINTS: `{0}`: write `name=action;…` with a name of src/failpoints.rs")]
pub struct InvalidFailpoints(String);

/// Whether a place whose meaning is "do otherwise" fires at this pass. Never, in the shipped binary.
#[inline]
pub fn fires(name: &str) -> bool {
    fail::has_failpoints() && fail::eval(name, |_| ()).is_some()
}

/// The number that a place was given, as `name=return(600000)`; 0 where it was given none, and in the shipped binary.
#[inline]
pub fn amount(name: &str) -> i64 {
    if fail::has_failpoints() { fail::eval(name, given).unwrap_or_default() } else { 0 }
}

/// What is no number is none: [`arm`] has refused it before.
fn given(argument: Option<String>) -> i64 {
    argument.and_then(|argument| argument.parse().ok()).unwrap_or_default()
}

/// Sets what `FAILPOINTS` asks for. Nothing at all in the shipped binary.
///
/// # Errors
/// A place that does not exist, an action that does not: a fault run must not pass because of a misspelt name.
pub fn arm() -> Result<(), InvalidFailpoints> {
    if !fail::has_failpoints() {
        return Ok(());
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of test builds is no configuration, and must not become one"
    )]
    let (Ok(wanted), release) = (std::env::var("FAILPOINTS"), std::env::var("FAILPOINTS_RELEASE").ok()) else {
        return Ok(());
    };
    let release = release.map(PathBuf::from);
    for one in wanted.split(';').map(str::trim).filter(|one| !one.is_empty()) {
        set(one, release.as_ref()).ok_or_else(|| InvalidFailpoints(one.to_owned()))?;
    }
    Ok(())
}

fn set(one: &str, release: Option<&PathBuf>) -> Option<()> {
    let (name, action) = one.split_once('=')?;
    let (name, _) = POINTS.iter().find(|(known, _)| *known == name)?;
    let Some((word, pass)) = action.split_once('@') else {
        let number = action.strip_prefix("return(").and_then(|rest| rest.strip_suffix(')'));
        // Reckoned as 0, it would make a run that shows nothing.
        if number.is_some_and(|number| number.parse::<i64>().is_err()) {
            return None;
        }
        return fail::cfg(*name, action).ok();
    };
    let pass: u64 = pass.parse().ok().filter(|pass| *pass > 0)?;
    let passes = AtomicU64::new(0);
    let count = move || passes.fetch_add(1, Ordering::Relaxed) + 1;
    match word {
        "kill" => fail::cfg_callback(*name, move || {
            if count() == pass {
                kill(name, pass);
            }
        }),
        "note" => fail::cfg_callback(*name, move || {
            let now = count();
            if now >= pass {
                tracing::warn!(name, pass = now, "failpoint passed");
            }
        }),
        "hold" => {
            let release = release?.clone();
            fail::cfg_callback(*name, move || {
                if count() == pass {
                    hold(name, &release);
                }
            })
        }
        _ => return None,
    }
    .ok()
}

/// Ends the process as `kill -9` does: no destructor, no buffer of librdkafka, no goodbye to the broker.
///
/// A process cannot send itself a signal without unsafe code, and a child that sends it would leave our threads some
/// milliseconds in which they go on talking to the broker. `exec` is safe and exact: with it the kernel ends every other
/// thread and closes every socket, and the shell that the process has become kills itself.
fn kill(name: &str, pass: u64) {
    use std::os::unix::process::CommandExt as _;
    tracing::warn!(name, pass, "failpoint: killed here");
    let error = Command::new("/bin/sh").args(["-c", "kill -9 $$"]).exec();
    tracing::error!(%error, "no shell to die in");
    std::process::abort();
}

fn hold(name: &str, release: &std::path::Path) {
    tracing::warn!(name, "failpoint: held here");
    let until = Instant::now() + HOLD_MAX;
    while !release.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    tracing::warn!(name, "failpoint: released");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Names in `fail_point!("…")`, `fires("…")` and `amount("…")` below a folder.
    fn names_in(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                names_in(&path, names);
                continue;
            }
            if path.ends_with("src/failpoints.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for begin in ["fail_point!(\"", "fires(\"", "amount(\""] {
                names.extend(text.split(begin).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
    }

    #[test]
    fn every_place_is_listed_and_every_listed_place_exists() {
        let mut found = BTreeSet::new();
        names_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let listed: BTreeSet<String> = POINTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn a_misspelt_place_or_action_is_refused() {
        for wrong in [
            "after_pol=kill@1",
            "after_poll",
            "after_poll=kill@0",
            "after_poll=kil@1",
            "after_poll=hold@1",
            "operating_clock_ahead=return(soon)",
        ] {
            assert_eq!(set(wrong, None), None, "{wrong}");
        }
    }

    #[test]
    fn an_amount_is_what_was_given_and_nothing_otherwise() {
        assert_eq!(amount("operating_clock_ahead"), 0);
        assert_eq!([Some("-600000"), Some("soon"), None].map(|text| given(text.map(str::to_owned))), [-600_000, 0, 0]);
    }

    #[test]
    fn a_place_fires_when_it_was_asked_to_and_not_before() {
        set("torn_start=2*off->1*return", None).unwrap();
        let fired: Vec<bool> = (0..4).map(|_| fires("torn_start")).collect();
        assert_eq!(fired, [false, false, true, false]);
    }
}
