//! `noctriage dataset check`: may a score on this test set be believed?

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files::{Tickets, near, print_json};
use crate::cli::evaluate::ledger;
use crate::cli::progress::Progress;
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, Failure};
use crate::domain::digest::Digest;
use crate::domain::time::UtcMillis;
use crate::evaluation::data::leakage::{Leak, Leakage, leakage};
use crate::evaluation::data::near::NEAR;
use crate::evaluation::data::overlap::{Likeness, Overlap, Pair, overlap};
use crate::evaluation::data::uses::{Spent, VERSIONS_MAX, spent};
use crate::evaluation::ledger::Entry;
use crate::wire::values::Instant;

/// Pairs and ids that are shown of each finding; the JSON report has all.
const SHOWN: usize = 10;
/// Share right at which the optimism of a spent test set is shown, where nobody knows the model's.
const SHARE_SHOWN: f64 = 0.8;

/// Arguments of `dataset check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The test set.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    test: Vec<PathBuf>,
    /// What was trained on; validation sets belong here too.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    train: Vec<PathBuf>,
    /// From which similarity of their texts on tickets are near-duplicates, 0.6 to 1.
    #[arg(long, value_name = "JACCARD", default_value_t = NEAR, value_parser = near)]
    near: f64,
    /// The ledger that `evaluate` writes: how many versions were judged on this test set?
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Leave leakage out of the answer: you know where these tickets come from.
    #[arg(long)]
    accept_leakage: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `dataset check`.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    let (test, train) = (Tickets::read(&arguments.test)?, Tickets::read(&arguments.train)?);
    let digest = test.digest();
    let uses = arguments.ledger.as_deref().map(read_uses).transpose()?.unwrap_or_default();
    let (test_texts, train_texts) = (test.texts(), train.texts());
    let mut progress = Progress::new("comparing");
    let total = test_texts.len() as u64;
    let overlap = overlap(&test_texts, &train_texts, arguments.near, |done| progress.at(done as u64, total));
    drop(progress);
    let oldest = test.labelled.iter().map(|ticket| ticket.ticket.created_at).min();
    let found = Found {
        overlap,
        leakage: leakage(&test.labelled),
        newer: train.labelled.iter().filter(|ticket| Some(ticket.ticket.created_at) > oldest).count(),
        oldest,
        spent: spent(&uses, &digest.short()),
        digest,
        test,
        train,
        is_leakage_accepted: arguments.accept_leakage,
    };
    if arguments.json {
        print_json(&found.to_json());
    } else {
        found.print();
    }
    Ok(if found.holds() { EXIT_OK } else { EXIT_DOES_NOT_HOLD })
}

fn read_uses(path: &Path) -> Result<Vec<Entry>, Failure> {
    if !path.exists() {
        eprintln!("note: {} is not there yet, so no version was judged on anything", path.display());
    }
    ledger::read(path)
}

/// What was found.
struct Found {
    overlap: Overlap,
    leakage: Leakage,
    /// Training tickets that are newer than the oldest test ticket.
    newer: usize,
    oldest: Option<UtcMillis>,
    spent: Spent,
    digest: Digest,
    test: Tickets,
    train: Tickets,
    is_leakage_accepted: bool,
}

impl Found {
    fn holds(&self) -> bool {
        let leaks = self.leakage.is_found() && !self.is_leakage_accepted;
        self.overlap.pairs.is_empty() && !leaks && !self.spent.is_spent()
    }

    fn id_of(tickets: &Tickets, at: usize) -> &str {
        tickets.labelled[at].ticket.ticket_id.as_str()
    }

    fn to_json(&self) -> Value {
        let pair = |pair: &Pair| {
            let Pair { test, train, likeness, similarity } = *pair;
            json!({
                "test": Self::id_of(&self.test, test), "train": Self::id_of(&self.train, train),
                "likeness": likeness.as_str(), "similarity": similarity,
            })
        };
        let leaks: serde_json::Map<String, Value> = self
            .leakage
            .tickets
            .iter()
            .map(|(leak, tickets)| {
                let ids: Vec<&str> = tickets.iter().map(|&at| Self::id_of(&self.test, at)).collect();
                (leak.as_str().to_owned(), json!(ids))
            })
            .collect();
        json!({
            "holds": self.holds(),
            "test": { "tickets": self.test.labelled.len(), "digest": self.digest.to_string() },
            "train": { "tickets": self.train.labelled.len() },
            "overlap": {
                "test_tickets": self.overlap.test_tickets().len(),
                "by_likeness": Likeness::ALL.map(|kind| json!({ "likeness": kind.as_str(), "test_tickets": self.overlap.of_kind(kind) })),
                "pairs": self.overlap.pairs.iter().map(pair).collect::<Vec<_>>(),
                "pairs_not_listed": self.overlap.more,
            },
            "leakage": {
                "tickets": leaks,
                "source_severity_is_label": self.leakage.severity_is_label,
                "source_severity_said": self.leakage.with_severity,
                "source_severity_looks_copied": self.leakage.severity_looks_copied(),
                "accepted": self.is_leakage_accepted,
            },
            "train_newer_than_test": self.newer,
            "oldest_test_ticket": self.oldest.map(|oldest| Instant(oldest).to_string()),
            "spent": {
                "versions": self.spent.versions, "is_spent": self.spent.is_spent(),
                "optimism": self.spent.optimism(self.test.labelled.len(), SHARE_SHOWN),
            },
        })
    }

    fn print(&self) {
        let tickets = self.test.labelled.len();
        println!(
            "test set {}: {tickets} tickets, beside {} of training",
            self.digest.short(),
            self.train.labelled.len()
        );
        self.print_overlap(tickets);
        self.print_leakage(tickets);
        if self.newer > 0 && self.oldest.is_some() {
            println!("note: {} training tickets are newer than the oldest test ticket", self.newer);
        }
        let Spent { versions, .. } = self.spent;
        if self.spent.is_spent() {
            println!(
                "spent: {versions} versions were judged on it ({VERSIONS_MAX} are the limit): the best of so many equally good \
                 ones lies up to {:.0} points above its true share by chance; take a new one",
                self.spent.optimism(tickets, SHARE_SHOWN) * 100.0
            );
        } else if versions > 0 {
            println!("uses: {versions} versions were judged on it; from {VERSIONS_MAX} on it is spent");
        }
        println!("{}", if self.holds() { "it holds" } else { "it does not hold" });
    }

    fn print_overlap(&self, tickets: usize) {
        let Overlap { pairs, more } = &self.overlap;
        if pairs.is_empty() {
            println!("overlap: none");
            return;
        }
        println!("overlap: {} of {tickets} test tickets stand in training too", self.overlap.test_tickets().len());
        for kind in Likeness::ALL {
            let count = self.overlap.of_kind(kind);
            if count > 0 {
                println!("  {:<11} {count}", kind.as_str());
            }
        }
        for pair in pairs.iter().take(SHOWN) {
            let (test, train) = (Self::id_of(&self.test, pair.test), Self::id_of(&self.train, pair.train));
            println!("  {test} ~ {train} ({}, {:.2})", pair.likeness.as_str(), pair.similarity);
        }
        let hidden = pairs.len().saturating_sub(SHOWN) + more;
        if hidden > 0 {
            println!("  and {hidden} pairs more; --json lists them");
        }
    }

    fn print_leakage(&self, tickets: usize) {
        if !self.leakage.is_found() {
            println!("leakage: none seen");
            return;
        }
        let accepted = if self.is_leakage_accepted { " (accepted)" } else { "" };
        println!("leakage{accepted}:");
        for (leak, found) in &self.leakage.tickets {
            let ids: Vec<&str> = found.iter().take(SHOWN).map(|&at| Self::id_of(&self.test, at)).collect();
            println!("  {} of {tickets}: {} ({})", found.len(), Leak::meaning(*leak), ids.join(", "));
        }
        if self.leakage.severity_looks_copied() {
            let Leakage { with_severity, severity_is_label, .. } = self.leakage;
            println!("  the source's severity is the label in {severity_is_label} of {with_severity}: it looks copied");
        }
    }
}
