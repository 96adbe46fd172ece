//! The disk under the broker is full. Kafka takes its log folder offline at the first failed write and, where it is the
//! only one, ends: somebody makes room and starts it again.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cluster::ClusterShape;
use crate::scenarios::frozen::RECOVERY_MAX;
use crate::site::{Asked, Site, SiteShape};
use crate::table::Row;

const DISK_MIB: u64 = 384;
/// Tickets a second.
const RATE: f64 = 200.0;
/// Decisions between two faults.
const BETWEEN: usize = 2_000;
/// As many tickets may wait as come within about two seconds.
const WAITING_MAX: usize = 400;
/// How long the disk stays full once the broker has noticed.
const FULL_FOR: Duration = Duration::from_secs(30);
/// Longest time until the broker meets the end of the disk.
const NOTICE_MAX: Duration = Duration::from_secs(120);

pub(crate) fn full(asked: Asked) -> Row {
    let disk = Disk::mount();
    let folder = tempfile::tempdir().unwrap();
    let properties = format!(
        // The quorum's own log lies elsewhere, as in a real site: what is full is the disk of the topics.
        "log.dirs={}\nmetadata.log.dir={}\nlog.segment.bytes=8388608\nlog.index.size.max.bytes=262144",
        disk.place.join("log").display(),
        folder.path().join("kafka/metadata").display()
    );
    let shape = SiteShape::usual(
        "full-disk",
        ClusterShape { nodes: 1, port: asked.port, properties, ..ClusterShape::default() },
    );
    let mut site = Site::open(asked, &shape, folder);
    site.feed(RATE, usize::MAX);
    let mut luck = fastrand::Rng::with_seed(asked.seed);
    for _ in 0..asked.rounds {
        site.wait_decisions(site.decisions() + BETWEEN + luck.usize(..200), RECOVERY_MAX);
        site.fault("the disk fills");
        let filled_mib = disk.fill();
        site.say(&format!("{filled_mib} MiB written: the disk is full"));
        site.wait("the broker ends", NOTICE_MAX, |site| !site.cluster.lives(1));
        site.say("the broker has ended");
        std::thread::sleep(FULL_FOR);
        disk.make_room();
        site.cluster.node("resume", 1);
        site.say("there is room, and the broker runs");
        site.wait_caught_up(WAITING_MAX, RECOVERY_MAX);
        site.look();
    }
    let row = site.close("disk full until the broker ended, and for 30 s more");
    drop(disk);
    row
}

/// A small disk of its own: a file with a file system in it.
struct Disk {
    place: PathBuf,
    _image: tempfile::TempDir,
}

impl Disk {
    /// Needs the right to mount.
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::File::create(&image).unwrap().set_len(DISK_MIB << 20).unwrap();
        let place = folder.path().join("disk");
        fs::create_dir(&place).unwrap();
        succeed(Command::new("mkfs.ext4").arg("-q").arg(&image)).unwrap();
        succeed(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&place)).unwrap();
        Self { place, _image: folder }
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }

    /// Writes until nothing fits any more; how much that was.
    fn fill(&self) -> u64 {
        let mut filler = fs::File::create(self.filler()).unwrap();
        let block = vec![7_u8; 1 << 16];
        let mut written = 0;
        loop {
            match filler.write(&block) {
                Ok(0) => break,
                Ok(count) => written += count as u64,
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => panic!("filling the disk: {error}"),
            }
        }
        filler.sync_all().unwrap();
        written >> 20
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let until = Instant::now() + Duration::from_secs(10);
        while let Err(why) = succeed(Command::new("umount").arg(&self.place)) {
            if Instant::now() >= until {
                eprintln!("{}: still mounted: {why}", self.place.display());
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
