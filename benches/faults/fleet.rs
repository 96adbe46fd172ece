//! The instances of a run as an operator has them: started, killed, stopped, reloaded, and started again when they end by
//! themselves, by the rules of the unit file.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::usage::{self, Usage};

/// `RestartSec` of the unit.
const RESTART_AFTER: Duration = Duration::from_secs(5);
/// `RestartPreventExitStatus` of the unit: configuration, and a taken name.
const NEVER_RESTARTED: [i32; 2] = [78, 79];
/// `TimeoutStopSec` of the unit.
const STOP_MAX: Duration = Duration::from_secs(40);
/// Name of an instance's configuration, in its folder.
const CONFIG: &str = "noctriage.toml";
/// Longest time to readiness.
const READY_MAX: Duration = Duration::from_secs(120);
/// How often the instances are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Looks between two samples of memory and health: one a second.
const LOOKS_PER_SAMPLE: u64 = 5;

/// One configuration, and the process that runs on it.
struct Instance {
    name: String,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
    /// Whether it should be running.
    is_wanted: bool,
    restart_at: Option<Instant>,
    unhealthy_since: Option<Instant>,
    record: Record,
}

/// What an instance has been through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) name: String,
    /// Exit codes of ends that nobody asked for; 128 + signal for a signal.
    pub(crate) unasked: Vec<i32>,
    /// Longest time for which `/healthz` said no.
    pub(crate) unhealthy_max: Duration,
    /// Samples of each life of the process.
    pub(crate) lives: Vec<Vec<Usage>>,
}

impl Record {
    pub(crate) fn resident_mib_max(&self) -> f64 {
        self.lives.iter().flatten().map(|usage| usage.resident_mib).fold(0.0, f64::max)
    }
}

/// All instances and their supervisor.
pub(crate) struct Fleet {
    instances: Arc<Vec<Mutex<Instance>>>,
    stop: Arc<AtomicBool>,
    supervisor: Option<JoinHandle<()>>,
}

impl Fleet {
    /// One instance per configuration file, each in a folder of its own; none is started yet.
    pub(crate) fn new(configurations: &[(String, PathBuf, u16)]) -> Self {
        let instance = |(name, folder, port): &(String, PathBuf, u16)| {
            Mutex::new(Instance {
                name: name.clone(),
                folder: folder.clone(),
                port: *port,
                child: None,
                is_wanted: false,
                restart_at: None,
                unhealthy_since: None,
                record: Record { name: name.clone(), ..Record::default() },
            })
        };
        let instances: Arc<Vec<_>> = Arc::new(configurations.iter().map(instance).collect());
        let stop = Arc::new(AtomicBool::new(false));
        let (looked_at, stopped) = (Arc::clone(&instances), Arc::clone(&stop));
        let supervisor = std::thread::spawn(move || {
            let started = Instant::now();
            for look in 0_u64.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                for instance in looked_at.iter() {
                    instance.lock().unwrap().look(started, look % LOOKS_PER_SAMPLE == 0);
                }
                std::thread::sleep(LOOK_INTERVAL);
            }
        });
        Self { instances, stop, supervisor: Some(supervisor) }
    }

    fn one(&self, index: usize) -> MutexGuard<'_, Instance> {
        self.instances[index].lock().unwrap()
    }

    pub(crate) fn len(&self) -> usize {
        self.instances.len()
    }

    pub(crate) fn start(&self, index: usize) {
        let mut one = self.one(index);
        one.is_wanted = true;
        one.spawn();
    }

    /// SIGKILL, as the machine would.
    pub(crate) fn kill(&self, index: usize) {
        let mut one = self.one(index);
        one.is_wanted = false;
        one.restart_at = None;
        if let Some(mut child) = one.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM; how it ended, or `None` when it was down already.
    pub(crate) fn stop(&self, index: usize) -> Option<ExitStatus> {
        let mut one = self.one(index);
        one.is_wanted = false;
        one.restart_at = None;
        let mut child = one.child.take()?;
        drop(one);
        signal(child.id(), "TERM");
        let until = Instant::now() + STOP_MAX;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status);
            }
            if Instant::now() >= until {
                child.kill().unwrap();
                return Some(child.wait().unwrap());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGHUP: reload.
    pub(crate) fn reload(&self, index: usize) {
        if let Some(child) = &self.one(index).child {
            signal(child.id(), "HUP");
        }
    }

    pub(crate) fn config(&self, index: usize) -> PathBuf {
        config_in(&self.one(index).folder)
    }

    /// Waits until `/readyz` says yes.
    pub(crate) fn wait_ready(&self, index: usize) {
        let until = Instant::now() + READY_MAX;
        let port = self.one(index).port;
        while !says_yes(port, "/readyz") {
            let has_given_up = !self.one(index).is_wanted;
            assert!(
                Instant::now() < until && !has_given_up,
                "instance {} not ready within {READY_MAX:?}: {:?}\n{}",
                index + 1,
                get(port, "/readyz"),
                self.log_end(index)
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The value of one sample of `/metrics`, when the instance answers.
    pub(crate) fn metric(&self, index: usize, sample: &str) -> Option<f64> {
        let port = self.one(index).port;
        get(port, "/metrics")?
            .lines()
            .find_map(|line| line.strip_prefix(sample).and_then(|rest| rest.strip_prefix(' ')))
            .and_then(|value| value.parse().ok())
    }

    /// The last lines of an instance's log.
    pub(crate) fn log_end(&self, index: usize) -> String {
        let text = fs::read_to_string(self.one(index).folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.instances.iter().map(|instance| instance.lock().unwrap().record.clone()).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(supervisor) = self.supervisor.take()
            && supervisor.join().is_err()
        {
            eprintln!("the supervisor of the instances has panicked");
        }
        for instance in self.instances.iter() {
            if let Ok(mut one) = instance.lock()
                && let Some(mut child) = one.child.take()
                && child.kill().and_then(|()| child.wait()).is_err()
            {
                eprintln!("process {} could not be ended", child.id());
            }
        }
    }
}

impl Instance {
    fn spawn(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_noctriage"))
            .args(["run", "--config", CONFIG])
            // In its folder: `zero-cost` is the name of a model there, and no path.
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        self.restart_at = None;
        self.unhealthy_since = None;
        self.record.lives.push(Vec::new());
    }

    fn look(&mut self, started: Instant, is_sampled: bool) {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        if let Some(status) = ended {
            self.child = None;
            let code = code_of(status);
            eprintln!("  {:7.1} s  instance {} ended by itself: {status}", started.elapsed().as_secs_f64(), self.name);
            self.record.unasked.push(code);
            if NEVER_RESTARTED.contains(&code) {
                self.is_wanted = false;
            } else {
                self.restart_at = Some(Instant::now() + RESTART_AFTER);
            }
        }
        if self.is_wanted && self.restart_at.is_some_and(|at| Instant::now() >= at) {
            self.spawn();
        }
        if let Some(child) = self.child.as_ref().filter(|_| is_sampled) {
            let usage = usage::look(child.id(), started.elapsed().as_secs_f64());
            if let (Some(usage), Some(life)) = (usage, self.record.lives.last_mut()) {
                life.push(usage);
            }
            // No answer at all is a process that starts or ends, not one that says that it is stuck.
            let says_no = get(self.port, "/healthz").is_some_and(|answer| answer.starts_with("HTTP/1.1 503"));
            if says_no {
                let since = *self.unhealthy_since.get_or_insert_with(Instant::now);
                self.record.unhealthy_max = self.record.unhealthy_max.max(since.elapsed());
            } else {
                self.unhealthy_since = None;
            }
        }
    }
}

/// A code as a shell shows it.
pub(crate) fn code_of(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

pub(crate) fn config_in(folder: &Path) -> PathBuf {
    folder.join(CONFIG)
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
    assert!(sent.success(), "kill -{name} {pid}: {sent}");
}

fn says_yes(port: u16, path: &str) -> bool {
    get(port, path).is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// One HTTP request to loopback; `None` when nobody answers within two seconds.
fn get(port: u16, path: &str) -> Option<String> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
