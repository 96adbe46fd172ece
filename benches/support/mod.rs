//! What both benches of the daemon need: a real Kafka, a site with its topics, tickets, and what a process has used.
#![allow(dead_code, reason = "each bench is a crate of its own and uses a part of this")]

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub(crate) mod bare_loop;
pub(crate) mod broker;
pub(crate) mod samples;
pub(crate) mod site;
pub(crate) mod stages;
pub(crate) mod tickets;
pub(crate) mod usage;
pub(crate) mod weights;

/// The middle of some figures; of an even number the mean of the middle two.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// What the figures were measured on: processors, instruction set.
pub(crate) fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |name: &str| {
        text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split(": ").nth(1)).unwrap_or("?")
    };
    let flags = line("flags");
    let has = |flag: &&str| flags.split(' ').any(|word| word == *flag);
    let sets: Vec<&str> = ["avx2", "avx512f", "avx512_vnni", "sha_ni"].into_iter().filter(has).collect();
    format!("{} ({cpus} processors; {})", line("model name"), sets.join(", "))
}
