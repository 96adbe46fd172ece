//! An hour at ten times the expected rate. One instance lives through it, the other is restarted every ten minutes, in
//! turn killed and stopped; both are told to reload every five minutes, every second time with a configuration that is
//! refused. Memory and file descriptors are to be flat.
//!
//! The recent view grows by design until it holds `triage.view_records_max` decisions per partition, which is set so low
//! that it does within minutes, and tickets that count towards storms for `policy.storm.window_minutes`, half an hour.
//! Slopes are taken from then on.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use crate::cluster::ClusterShape;
use crate::fleet::{Record, code_of};
use crate::site::{Asked, Model, Site, SiteShape};
use crate::support::usage::{Usage, slope};
use crate::table::Row;

/// Ten times the expected rate, tickets a second.
const RATE: f64 = 100.0;
const RELOAD_EVERY: Duration = Duration::from_mins(5);
const RESTART_EVERY: Duration = Duration::from_mins(10);
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// Until then the view fills.
const WARM_AFTER_S: f64 = 2_100.0;
/// The one that lives through all of it, and the one that is restarted.
const LASTING: usize = 0;
const RESTARTED: usize = 1;
/// As many tickets may wait as come within about two seconds, and a rebalance on top.
const WAITING_MAX: usize = 3_000;

pub(crate) fn soak(asked: Asked) -> Row {
    let shape = SiteShape {
        name: "soak",
        cluster: ClusterShape { nodes: 1, port: asked.port, ..ClusterShape::default() },
        instances: 2,
        partitions: 6,
        session_timeout_ms: 15_000,
        transaction_timeout_ms: 30_000,
        model: Model::Bundled,
        triage: "view_records_max = 5000",
    };
    let mut site = Site::open(asked, &shape, tempfile::tempdir().unwrap());
    site.feed(RATE, usize::MAX);
    let until = Instant::now() + asked.soak;
    let (mut reload_at, mut restart_at) = (Instant::now() + RELOAD_EVERY / 2, Instant::now() + RESTART_EVERY);
    let mut said_at = Instant::now();
    let (mut reloads, mut restarts) = (0, 0);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(500));
        if Instant::now() >= reload_at {
            reload_at += RELOAD_EVERY;
            reload(&mut site, reloads);
            reloads += 1;
        }
        if Instant::now() >= restart_at {
            restart_at += RESTART_EVERY;
            restart(&mut site, restarts);
            restarts += 1;
        }
        if said_at.elapsed() >= Duration::from_mins(1) {
            said_at = Instant::now();
            let records = site.fleet.records();
            let last = |index: usize| records[index].lives.last().and_then(|life| life.last().copied());
            site.say(&format!("{:?} {:?}", last(LASTING), last(RESTARTED)));
            if site.decisions() + WAITING_MAX < site.delivered() {
                site.mistake("more tickets wait than a rebalance explains".to_owned());
            }
        }
    }
    let records = site.fleet.records();
    for note in slopes(&records) {
        site.note(note);
    }
    site.note(format!("{} kept", keep_samples(&records)));
    let faults = format!("{reloads} reloads of both instances, half of them refused; {restarts} restarts of one");
    site.close(&faults)
}

/// Both instances: an invalid configuration first, a valid one the next time.
fn reload(site: &mut Site, number: usize) {
    let is_valid = !number.is_multiple_of(2);
    site.fault(if is_valid { "a reload" } else { "a reload with a mistake in it" });
    for index in 0..site.fleet.len() {
        let path = site.fleet.config(index);
        let text = fs::read_to_string(&path).unwrap();
        let cut_off = if is_valid { 0.05 - 0.001 * (number as f64) } else { 1.4 };
        let replaced: Vec<String> = text
            .lines()
            .map(|line| match line.strip_prefix("critical_cut_off") {
                Some(_) => format!("critical_cut_off = {cut_off}"),
                None => line.to_owned(),
            })
            .collect();
        fs::write(&path, replaced.join("\n")).unwrap();
        site.fleet.reload(index);
        let wanted = if is_valid { 1.0 } else { 0.0 };
        site.wait("the reload is taken or refused", Duration::from_secs(20), |site| {
            site.fleet.metric(index, "noctriage_config_last_reload_successful") == Some(wanted)
        });
        if !is_valid {
            // A restart reads the file as well: what was refused must not keep the instance from starting.
            fs::write(&path, text).unwrap();
        }
    }
}

fn restart(site: &mut Site, number: usize) {
    if number.is_multiple_of(2) {
        site.fault("kill -9 of one instance");
        site.fleet.kill(RESTARTED);
    } else {
        site.fault("SIGTERM to one instance");
        match site.fleet.stop(RESTARTED) {
            Some(status) if code_of(status) == 0 => {}
            ended => site.mistake(format!("the instance did not stop cleanly: {ended:?}")),
        }
    }
    site.fleet.start(RESTARTED);
    site.fleet.wait_ready(RESTARTED);
    site.look();
}

/// One look each ten seconds is enough for a line.
fn thinned(life: &[Usage]) -> Vec<Usage> {
    let mut kept: Vec<Usage> = Vec::new();
    for usage in life {
        if kept.last().is_none_or(|last| usage.at_s - last.at_s >= SAMPLE_EVERY.as_secs_f64()) {
            kept.push(*usage);
        }
    }
    kept
}

fn slopes(records: &[Record]) -> Vec<String> {
    let lasting = records[LASTING].lives.last().map(|life| thinned(life)).unwrap_or_default();
    let began_s = lasting.first().map_or(0.0, |usage| usage.at_s);
    let warm: Vec<Usage> = lasting.into_iter().filter(|usage| usage.at_s - began_s >= WARM_AFTER_S).collect();
    let hours = |of: fn(&Usage) -> f64| -> Vec<(f64, f64)> {
        warm.iter().map(|usage| (usage.at_s / 3600.0, of(usage))).collect()
    };
    let resident = slope(&hours(|usage| usage.resident_mib));
    let descriptors = slope(&hours(|usage| usage.descriptors as f64));
    let range = |of: fn(&Usage) -> f64| {
        let values = warm.iter().map(of);
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max))
    };
    let (least, most) = range(|usage| usage.resident_mib);
    let (fewest, highest) = range(|usage| usage.descriptors as f64);
    let said = |slope: Option<f64>| slope.map_or("unknown".to_owned(), |slope| format!("{slope:+.2}"));
    vec![
        format!(
            "{} after the first 35 min: resident {} MiB/h ({least:.1} to {most:.1} MiB), descriptors {} per hour \
             ({fewest:.0} to {highest:.0}), {} samples",
            records[LASTING].name,
            said(resident),
            said(descriptors),
            warm.len()
        ),
        format!(
            "{} at the end of each life: {}",
            records[RESTARTED].name,
            records[RESTARTED]
                .lives
                .iter()
                .filter_map(|life| life.last())
                .map(|usage| format!("{:.1} MiB/{}", usage.resident_mib, usage.descriptors))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    ]
}

/// Every ten seconds: instance, life, second, MiB, descriptors.
fn keep_samples(records: &[Record]) -> String {
    let place = std::env::temp_dir().join(format!("noctriage-soak-{}.csv", std::process::id()));
    let mut text = "instance,life,second,resident_mib,descriptors\n".to_owned();
    for record in records {
        for (life, usages) in record.lives.iter().enumerate() {
            for usage in thinned(usages) {
                let Usage { at_s, resident_mib, descriptors } = usage;
                writeln!(text, "{},{life},{at_s:.0},{resident_mib:.1},{descriptors}", record.name).unwrap();
            }
        }
    }
    fs::write(&place, text).unwrap();
    place.display().to_string()
}
