//! The seeds of the fuzz targets through the properties that the fuzzers check: quick, on every run, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use crate::properties::{PROPERTIES, Property, decision_reader, ticket_reader};

/// All seeds together, in bytes: they are starting points, kept small so that people can read them.
const SEEDS_BYTES_MAX: u64 = 300_000;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn seeds(target: &str) -> Vec<PathBuf> {
    let folder = folder("seeds").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn property(target: &str) -> Property {
    PROPERTIES.into_iter().find(|(name, _)| *name == target).unwrap().1
}

#[track_caller]
fn check_seeds(target: &str) {
    let seeds = seeds(target);
    assert!(seeds.len() >= 8, "{target} has {} seeds", seeds.len());
    let work = tempfile::tempdir().unwrap();
    for seed in seeds {
        // Shown where the property does not hold.
        println!("{}", seed.display());
        property(target)(&fs::read(&seed).unwrap(), work.path());
    }
}

#[test]
fn every_seed_of_a_record_has_one_bounded_outcome_that_its_own_reader_reads() {
    check_seeds("ticket_reader");
}

#[test]
fn every_seed_of_a_header_is_refused_or_lies_inside_its_file() {
    check_seeds("safetensors_header");
}

#[test]
fn every_seed_of_a_card_is_read_or_refused_with_reasons() {
    check_seeds("model_card");
}

#[test]
fn every_seed_of_a_model_directory_is_a_model_or_refused_by_the_name_of_its_file() {
    check_seeds("model_directory");
}

#[test]
fn every_seed_of_a_configuration_holds_or_names_file_and_key() {
    check_seeds("configuration");
}

#[test]
fn every_seed_of_our_own_records_is_refused_or_remembered_the_same_twice() {
    check_seeds("decision_reader");
}

#[test]
fn every_seed_of_a_text_is_normalised_once_and_for_all() {
    check_seeds("text_normalisation");
}

#[test]
fn whatever_triage_writes_for_a_seed_is_read_back() {
    for seed in seeds("ticket_reader") {
        for payload in ticket_reader::written(&fs::read(&seed).unwrap()) {
            println!("{}", seed.display());
            decision_reader::check(&payload);
        }
    }
}

#[test]
fn every_property_has_a_target_a_dictionary_and_a_row_in_the_report() {
    let report = fs::read_to_string(folder("../docs/reliability.md")).unwrap();
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    let mut targets: Vec<String> = fs::read_dir(folder("targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let mut named: Vec<String> = PROPERTIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    named.sort();
    assert_eq!(targets, named);
    for name in named {
        assert!(manifest.contains(&format!("targets/{name}.rs")), "{name} is not built");
        assert!(folder("dictionaries").join(format!("{name}.dict")).exists(), "{name} has no dictionary");
        assert!(report.contains(&format!("| `{name}` |")), "docs/reliability.md does not report {name}");
    }
}

#[test]
fn the_seeds_are_small() {
    let bytes: u64 =
        PROPERTIES.iter().flat_map(|(target, _)| seeds(target)).map(|seed| fs::metadata(seed).unwrap().len()).sum();
    assert!(bytes <= SEEDS_BYTES_MAX, "{bytes} bytes of seeds");
}
