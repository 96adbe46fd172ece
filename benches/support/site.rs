//! A site: its configuration in a folder, its topics, and the daemon as a process.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use noctriage::config::settings::Settings;
use noctriage::config::{Sources, load};

use super::broker::Broker;

/// The folder of one run: another group, instance and set of output topics each time, the same input.
pub(crate) struct Site {
    directory: tempfile::TempDir,
    pub(crate) settings: Settings,
}

/// What a run is configured with.
pub(crate) struct Wanted<'wanted> {
    pub(crate) broker: &'wanted Broker,
    /// Tells runs apart.
    pub(crate) name: String,
    /// Input topic and its partitions.
    pub(crate) tickets: String,
    pub(crate) partitions: i32,
    /// Directories of the models; `zero-cost` is the classifier that costs nothing.
    pub(crate) acting: String,
    pub(crate) baseline: String,
    /// Further tables of the configuration.
    pub(crate) more: String,
}

const OUTPUTS: [&str; 5] = ["decisions", "suggestions", "commands", "review", "dead_letters"];

impl Site {
    /// Writes the configuration and makes the output topics.
    pub(crate) fn prepare(wanted: &Wanted<'_>) -> Result<Self> {
        let Wanted { broker, name, tickets, partitions, acting, baseline, more } = wanted;
        let directory = tempfile::tempdir()?;
        let key = directory.path().join("draw.key");
        fs::write(&key, "000102030405060708090a0b0c0d0e0f\n")?;
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let mut text = format!(
            "draw_key_file = \"draw.key\"\n\
             [kafka]\nbrokers = \"{}\"\ngroup = \"{name}\"\ninstance_id = \"{name}\"\n\
             [kafka.topics]\ntickets = \"{tickets}\"\n",
            broker.list
        );
        for output in OUTPUTS {
            writeln!(text, "{output} = \"{name}.{output}\"")?;
            broker.create(&format!("{name}.{output}"), *partitions)?;
        }
        write!(
            text,
            "[admin]\nlisten = \"127.0.0.1:0\"\n[model]\ndirectory = \"{acting}\"\nbaseline = \"{baseline}\"\n{more}"
        )?;
        fs::write(directory.path().join("noctriage.toml"), text)?;
        let loaded = load(&Sources::of_process(Some(&directory.path().join("noctriage.toml"))))?;
        Ok(Self { directory, settings: loaded.settings })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Removes the output topics.
    pub(crate) fn remove(self, broker: &Broker) -> Result<()> {
        let names = &self.settings.kafka.topics;
        broker.delete(&[&names.decisions, &names.suggestions, &names.commands, &names.review, &names.dead_letters])
    }

    /// Starts the daemon, in the folder: `zero-cost` is a name there and no path.
    pub(crate) fn start(&self) -> Result<Running> {
        let log = fs::File::create(self.path().join("log"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_noctriage"))
            .args(["run", "--config", "noctriage.toml"])
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Running { child, log: self.path().join("log") })
    }
}

/// A process under measurement. Dropped, it is killed.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) log: PathBuf,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs; an end in the middle of a measurement is an error that shows the log.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the process has ended: {status}\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        Ok(())
    }

    /// SIGTERM, and the end within a minute.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.check()?;
        Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status()?;
        let until = Instant::now() + Duration::from_secs(60);
        while self.child.try_wait()?.is_none() {
            if Instant::now() >= until {
                bail!("the daemon does not stop");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to kill.
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            let ended = self.child.wait();
            assert!(ended.is_ok(), "a killed child is waited for");
        }
    }
}
