//! The loader as its users see it: files and environment in, settings or mistakes out.

mod source;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::key::{Clock, Kind};
use super::keys::KEYS;
use super::reader::Reader;
use super::*;
use crate::domain::stage::Stage;
use crate::policy::ruling::{DrawKey, EvidenceRate};
use crate::wire::intake::settings::SeverityMeaning;

const KEY: &str = "00112233445566778899aabbccddeeff";
pub(super) const MODEL: &str = "[model]\ndirectory = \"models/demo/v1\"\n";

/// A configuration directory of its own, with a draw key as `init` makes it.
pub(super) struct Site {
    directory: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Site {
    pub(super) fn new(main: &str) -> Self {
        let site = Self { directory: tempfile::tempdir().expect("a temporary directory"), environment: Vec::new() };
        site.write("draw.key", KEY, 0o600);
        site.write("noctriage.toml", main, 0o644);
        site
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("has a parent")).expect("the directory can be made");
        std::fs::write(&path, text).expect("the file can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("the mode can be set");
    }

    fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn sources(&self) -> Sources {
        Sources {
            file: MainFile::At(self.directory.path().join("noctriage.toml")),
            environment: self.environment.iter().cloned().collect(),
            host_name: Some("noc1".to_owned()),
            ..Sources::default()
        }
    }

    pub(super) fn load(&self) -> Loaded {
        load(&self.sources()).expect("the configuration holds")
    }

    /// Mistakes as they are shown, the temporary directory taken out.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let Err(ConfigErrors(mistakes)) = load(&self.sources()) else { return Vec::new() };
        let prefix = format!("{}/", self.directory.path().display());
        mistakes.iter().map(|mistake| mistake.to_string().replace(&prefix, "")).collect()
    }
}

#[track_caller]
fn check_mistakes(main: &str, expected: &[&str]) {
    assert_eq!(Site::new(&format!("{main}\n{MODEL}")).mistakes(), expected);
}

#[test]
fn the_reference_file_is_the_one_that_the_table_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/reference.toml");
    if std::env::var_os("NOCTRIAGE_UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, reference_toml()).expect("the reference can be written");
    }
    let committed = std::fs::read_to_string(path).expect("config/reference.toml is there");
    assert_eq!(committed, reference_toml(), "run the tests once with NOCTRIAGE_UPDATE_REFERENCE=1");
}

#[test]
fn every_key_of_the_reference_file_is_known_and_equals_its_default() {
    let site = Site::new(&reference_toml());
    let (from_file, mistakes) = values(&site.sources());
    assert_eq!(mistakes, []);
    let (defaults, _) = values(&Sources::default());
    let items = |values: &Values| -> Vec<_> {
        values.entries.iter().map(|(path, entry)| (path.clone(), entry.item.clone())).collect()
    };
    assert_eq!(items(&from_file), items(&defaults));
    let set_in_file = |key: &&key::Key| from_file.origin(key.name) != Origin::Default;
    assert_eq!(KEYS.iter().filter(set_in_file).count(), KEYS.iter().filter(|key| key.is_plain()).count());
}

#[test]
fn the_program_reads_every_key_of_the_table_and_no_other() {
    // One row of each list and one of each free name, so that their parts are asked for.
    let rows = "[source]\nlabel_keys = [\"tier\"]\n[source.mapping]\ntitle = \"/t\"\n[source.aliases.severity]\nSev1 = \"critical\"\n\
                [[policy.queues]]\nqueue = \"core\"\n[[policy.windows]]\nname = \"freeze\"\nfrom = \"2026-12-24T00:00:00Z\"\n\
                until = \"2026-12-27T00:00:00Z\"\n[[slices]]\nname = \"wireless\"\ncategory = [\"wireless\"]\nlabels.tier = [\"gold\"]\n";
    let site = Site::new(&format!("{rows}{MODEL}"));
    let sources = site.sources();
    let (values, mistakes) = values(&sources);
    assert_eq!(mistakes, []);
    let reader = Reader::new(&values, &sources);
    build::settings(&reader);
    let (_, read) = reader.finish();
    let table: BTreeSet<&str> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(read, table);
}

#[test]
fn a_rate_of_the_evidence_draw_is_a_number_or_auto() {
    let rate = |value: &str| {
        let site = Site::new(&format!("[policy.draws]\nevidence_later = {value}\n{MODEL}"));
        site.load().settings.policy.draw_rates.evidence_later
    };
    assert_eq!(rate("0.25"), EvidenceRate::Fixed(0.25));
    assert_eq!(rate("\"auto\""), EvidenceRate::Auto);
    let site = |text: &str| Site::new(MODEL).with_environment("NOCTRIAGE__POLICY__DRAWS__EVIDENCE_SHADOW", text);
    let shadow = |text| site(text).load().settings.policy.draw_rates.evidence_shadow;
    assert_eq!([shadow("auto"), shadow("1")], [EvidenceRate::Auto, EvidenceRate::Fixed(1.0)]);
    let defaults = Site::new(MODEL).load().settings;
    assert_eq!(defaults.policy.draw_rates.evidence(Stage::Suggest), EvidenceRate::Auto);
    assert_eq!(defaults.rollout.spec.draw_rates, defaults.policy.draw_rates);
    for wrong in ["0.6", "0.001", "\"often\"", "true"] {
        let shown = wrong.replace('"', "`");
        let file = format!("[policy.draws]\nevidence_later = {wrong}\n");
        let mistake = "noctriage.toml: policy.draws.evidence_later: SHOWN is not a number (0.01 to 0.5) or auto";
        check_mistakes(&file, &[&mistake.replace("SHOWN", &shown)]);
    }
}

#[test]
fn every_duration_names_its_unit_and_its_clock() {
    let units = [("_ms", "ms"), ("_s", "s"), ("_minutes", "minutes"), ("_hours", "hours"), ("_days", "days")];
    let mut durations = 0;
    for key in KEYS.iter().filter(|key| matches!(key.kind, Kind::Integer(..))) {
        if let Some((_, unit)) = units.iter().find(|(suffix, _)| key.name.ends_with(suffix)) {
            assert_eq!(key.unit, *unit, "{}", key.name);
            assert_ne!(key.clock, Clock::None, "{}", key.name);
            durations += 1;
        }
    }
    assert!(durations >= 12, "{durations}");
}

#[test]
fn an_empty_file_with_a_model_gives_the_documented_defaults() {
    let settings = Site::new(MODEL).load().settings;
    assert_eq!(settings.kafka.instance_id, "noc1");
    assert_eq!(settings.kafka.session_timeout, Duration::from_secs(15));
    assert_eq!(settings.kafka.create.decisions_retention, Duration::from_hours(90 * 24));
    assert_eq!(settings.rollout.fixed_stage, Stage::Shadow);
    assert_eq!(settings.rollout.shares.map(crate::domain::stage::Share::get), [0.05, 0.0]);
    assert_eq!(settings.policy.slices.iter().map(|slice| slice.name.as_str()).collect::<Vec<_>>(), ["rest"]);
    assert_eq!(settings.policy.threshold_grid.len(), 6);
    assert_eq!(settings.policy.allow.triage_categories, None);
    assert!(settings.policy.allow.resolve_categories.is_empty());
    assert!(settings.inference.baseline.ends_with("models/demo/tfidf"));
    assert_eq!(settings.triage.buffer_bytes_max, 64 << 20);
    assert_eq!(settings.admin.listen.to_string(), "127.0.0.1:9464");
}

#[test]
fn a_number_out_of_range_names_file_key_and_range() {
    check_mistakes(
        "[policy]\ncritical_cut_off = 1.4",
        &["noctriage.toml: policy.critical_cut_off: 1.4 is not a probability (0 to 1)"],
    );
}

#[test]
fn numbers_that_are_no_numbers_are_refused() {
    check_mistakes(
        "[policy]\ncritical_cut_off = nan\nhigh_cap = inf\nunsure_below = -0.1",
        &[
            "noctriage.toml: policy.critical_cut_off: NaN is not a probability (0 to 1)",
            "noctriage.toml: policy.high_cap: inf is not a probability (0 to 1)",
            "noctriage.toml: policy.unsure_below: -0.1 is not a probability (0 to 1)",
        ],
    );
}

#[test]
fn a_wrong_type_names_what_was_found() {
    check_mistakes(
        "[policy]\nhigh_cap = \"high\"\n[log]\njson = 1\n[triage]\nbatch_wait_ms = 1.5\n[kafka]\nbrokers = [\"a:1\"]",
        &[
            "noctriage.toml: kafka.brokers: a list is not a text",
            "noctriage.toml: log.json: 1 is not true or false",
            "noctriage.toml: policy.high_cap: `high` is not a probability (0 to 1)",
            "noctriage.toml: triage.batch_wait_ms: 1.5 is not a whole number (0 to 10000)",
        ],
    );
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    check_mistakes(
        "[policy]\ncritical_cutoff = 0.1",
        &["noctriage.toml: policy.critical_cutoff: unknown key; did you mean `policy.critical_cut_off`?"],
    );
}

#[test]
fn an_unknown_section_lists_the_known_ones() {
    let mistakes = Site::new(&format!("{MODEL}[wormhole]\nx = 1\n")).mistakes();
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].starts_with("noctriage.toml: wormhole: unknown key; known sections and keys: draw_key_file"));
}

#[test]
fn all_mistakes_of_all_layers_are_told_at_once() {
    let site = Site::new("[policy]\nthreshold = 0.93\n[admin]\nlisten = \"0.0.0.0:9464\"\n")
        .with_environment("NOCTRIAGE__TRIAGE__BATCH_RECORDS_MAX", "0");
    site.write("conf.d/10-broken.toml", "[policy\n", 0o644);
    let mistakes = site.mistakes();
    assert_eq!(mistakes.len(), 5, "{mistakes:#?}");
    assert!(mistakes[0].starts_with("conf.d/10-broken.toml: is not TOML"), "{mistakes:#?}");
    assert_eq!(
        mistakes[1],
        "environment NOCTRIAGE__TRIAGE__BATCH_RECORDS_MAX: triage.batch_records_max: `0` is not a whole number (1 to 10000)"
            .replace("`0`", "0")
    );
    let rest = mistakes.join("\n");
    assert!(rest.contains("policy.threshold: 0.93 is not on policy.threshold_grid (0.8 0.85 0.9 0.95 0.975 0.99)"));
    assert!(rest.contains("model.directory: is not set"));
    assert!(rest.contains("admin.listen: 0.0.0.0:9464 is not a loopback address"));
}

#[test]
fn later_layers_win_and_origins_say_which() {
    let site = Site::new(&format!("{MODEL}[policy]\nhigh_cap = 0.2\nunsure_below = 0.2\nthreshold = 0.9\n"))
        .with_environment("NOCTRIAGE__POLICY__THRESHOLD", "0.99")
        .with_environment("NOCTRIAGE_TEST_BROKERS", "not a setting");
    site.write("conf.d/20.toml", "[policy]\nunsure_below = 0.4\n", 0o644);
    site.write("conf.d/10.toml", "[policy]\nunsure_below = 0.3\n", 0o644);
    site.write("conf.d/ignored.toml.bak", "[nonsense]\n", 0o644);
    let Loaded { settings, values } = site.load();
    assert_eq!(settings.policy.unsure_below.get(), 0.4);
    assert_eq!(settings.policy.slices[0].threshold.get(), 0.99);
    assert_eq!(values.origin("policy.high_cap"), Origin::File(site.directory.path().join("noctriage.toml")));
    assert_eq!(values.origin("policy.unsure_below"), Origin::File(site.directory.path().join("conf.d/20.toml")));
    assert_eq!(values.origin("policy.threshold").to_string(), "environment NOCTRIAGE__POLICY__THRESHOLD");
    assert_eq!(values.origin("policy.storm.tickets"), Origin::Default);
}

#[test]
fn the_environment_sets_lists_and_switches_and_refuses_unknown_keys() {
    let site = Site::new(MODEL)
        .with_environment("NOCTRIAGE__POLICY__PROTECTED__HOSTS", "core-*, edge-1")
        .with_environment("NOCTRIAGE__LOG__JSON", "true");
    let settings = site.load().settings;
    assert_eq!(settings.policy.protected.hosts, ["core-*", "edge-1"]);
    assert!(settings.log.json);
    let mistakes = Site::new(MODEL).with_environment("NOCTRIAGE__LOG__FORMAT", "json").mistakes();
    assert_eq!(mistakes, ["environment NOCTRIAGE__LOG__FORMAT: log.format: unknown key; known in [log]: filter, json"]);
    let mistakes = Site::new(MODEL).with_environment("NOCTRIAGE__SLICES", "x").mistakes();
    assert!(mistakes[0].contains("a list of tables cannot be set here"), "{mistakes:?}");
}

#[test]
fn a_later_file_replaces_a_list_of_tables_as_a_whole() {
    let queue = |name: &str| format!("[[policy.queues]]\nqueue = \"{name}\"\n");
    let site = Site::new(&format!("{MODEL}{}{}", queue("one"), queue("two")));
    site.write("conf.d/10.toml", &queue("three"), 0o644);
    let queues = site.load().settings.policy.queues.clone();
    assert_eq!(queues.iter().map(|rule| rule.queue.as_str()).collect::<Vec<_>>(), ["three"]);
}

#[test]
fn more_than_ten_rows_keep_their_order() {
    let row = |index| format!("[[slices]]\nname = \"s{index}\"\nsite = [\"x{index}\"]\n");
    let rows: Vec<String> = (0..12).map(row).collect();
    let settings = Site::new(&format!("{MODEL}{}", rows.concat())).load().settings;
    let names: Vec<&str> = settings.policy.slices.iter().map(|slice| slice.name.as_str()).collect();
    assert_eq!(names[9..], ["s9", "s10", "s11", "rest"]);
}

#[test]
fn working_hours_are_a_part_of_some_days() {
    let mistakes = |hours: &str| {
        let main = format!("[rollout]\nworking_hours = \"{hours}\"\n{MODEL}");
        Site::new(&main).mistakes().len()
    };
    assert_eq!(["08:00-17:00", "00:00-24:00", "06:30 - 14:45"].map(mistakes), [0; 3]);
    assert_eq!(["", "8-17", "17:00-08:00", "08:00-24:01", "08:00", "08:60-17:00", "+8:00-17:00"].map(mistakes), [1; 7]);
    check_mistakes(
        "[rollout]\nworking_hours = \"22:00-06:00\"",
        &[
            "noctriage.toml: rollout.working_hours: is no part of a day: two times of it with a dash between, the earlier one \
           first, as 08:00-17:00",
        ],
    );
    check_mistakes(
        "[rollout]\nworking_days = []",
        &["noctriage.toml: rollout.working_days: names no day: an approval would never end"],
    );
}

#[test]
fn mistakes_inside_slices_name_the_row() {
    check_mistakes(
        "[[slices]]\nname = \"rest\"\nsite = [\"a\"]\n[[slices]]\nsite = [\"b\"]\n[[slices]]\nname = \"c\"\n\
         [[slices]]\nname = \"d\"\nthreshold = 0.93\nsite = [\"d\"]\n[[slices]]\nname = \"e\"\nlabels.x = [\"1\"]\n[[slices]]",
        &[
            "noctriage.toml: slices[5]: is empty; fill it in or take it out",
            "noctriage.toml: slices[0].name: `rest` comes last by itself; its threshold is policy.threshold",
            "noctriage.toml: slices[1].name: is missing; every slice needs a name",
            "noctriage.toml: slices[2].name: has no condition, so no slice after it would ever match; that is what `rest` is for",
            "noctriage.toml: slices[3].threshold: 0.93 is not on policy.threshold_grid (0.8 0.85 0.9 0.95 0.975 0.99); evidence is gathered there only",
            "noctriage.toml: slices[4].labels.x: is not read; add it to source.label_keys",
        ],
    );
}

#[test]
fn causes_outside_the_taxonomy_and_unknown_are_refused() {
    check_mistakes(
        "[policy.allow]\nresolve_causes = [\"unknown\", \"gremlins\", \"false_alarm\"]",
        &[
            "noctriage.toml: policy.allow.resolve_causes: `unknown` is never resolved automatically; take it out",
            "noctriage.toml: policy.allow.resolve_causes: `gremlins` is no root cause of the taxonomy",
        ],
    );
}

#[test]
fn windows_need_an_offset_and_an_end_after_the_start() {
    check_mistakes(
        "[[policy.windows]]\nname = \"a\"\nfrom = \"2026-12-24 18:00\"\nuntil = \"2026-12-27T00:00:00+01:00\"\n\
         [[policy.windows]]\nname = \"b\"\nfrom = 2026-12-27T00:00:00Z\nuntil = 2026-12-26T00:00:00Z",
        &[
            "noctriage.toml: policy.windows[0].from: `2026-12-24 18:00` is no instant with an offset, as \"2026-12-24T18:00:00+01:00\"",
            "noctriage.toml: policy.windows[1].until: is not after from",
        ],
    );
}

#[test]
fn topics_must_differ() {
    check_mistakes(
        "[kafka.topics]\nreview = \"tickets\"",
        &[
            "noctriage.toml: kafka.topics.review: `tickets` is the topic of kafka.topics.tickets too; every topic needs a name of its own",
        ],
    );
}

#[test]
fn a_missing_draw_key_says_what_to_do() {
    let site = Site::new(MODEL);
    std::fs::remove_file(site.directory.path().join("draw.key")).expect("was there");
    assert_eq!(
        site.mistakes(),
        [
            "noctriage.toml: draw_key_file: draw.key does not exist; run `noctriage init` for the first instance, copy its draw.key to all others"
        ]
    );
}

#[test]
fn a_draw_key_that_others_can_read_or_that_is_no_key_is_refused_without_showing_it() {
    let site = Site::new(MODEL);
    site.write("draw.key", KEY, 0o640);
    assert_eq!(
        site.mistakes(),
        [
            "noctriage.toml: draw_key_file: draw.key may be read or changed by others (mode 0640); run `chmod 600 draw.key`"
        ]
    );
    site.write("draw.key", "hunter2", 0o600);
    let mistakes = site.mistakes();
    assert!(mistakes[0].contains("does not hold 32 hexadecimal digits"), "{mistakes:?}");
    assert!(!mistakes[0].contains("hunter2"));
}

#[test]
fn a_credential_of_systemd_comes_before_the_file_beside_the_configuration() {
    let site = Site::new(MODEL);
    site.write("draw.key", "wrong", 0o600);
    site.write("credentials/draw.key", &format!("{KEY}\n"), 0o440);
    let sources = Sources { credentials_directory: Some(site.directory.path().join("credentials")), ..site.sources() };
    let loaded = load(&sources).expect("the credential is read");
    assert_eq!(Some(loaded.settings.draw_key), parse_draw_key(KEY));
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let security =
        "[kafka.security]\nprotocol = \"sasl_ssl\"\nusername = \"noctriage\"\npassword_file = \"kafka.password\"\n";
    let site = Site::new(&format!("{MODEL}{security}"));
    site.write("kafka.password", "hunter2\n", 0o640);
    let Loaded { settings, values } = site.load();
    let properties = &settings.kafka.security.properties;
    assert!(properties.iter().any(|(name, secret)| name == "sasl.password" && secret.0 == "hunter2"));
    assert!(!format!("{settings:?} {values:?}").contains("hunter2"));
    site.write("kafka.password", "other", 0o640);
    assert_eq!(site.load().settings.config_digest, settings.config_digest, "the digest leaves secrets out");
    site.write("kafka.password", "hunter2", 0o644);
    let mistakes = site.mistakes();
    assert!(mistakes[0].contains("kafka.security.password_file: kafka.password may be read"), "{mistakes:?}");
    assert!(!mistakes[0].contains("hunter2"));
}

#[test]
fn sasl_without_user_or_password_is_refused() {
    check_mistakes(
        "[kafka.security]\nprotocol = \"sasl_ssl\"",
        &[
            "noctriage.toml: kafka.security.username: is not set; protocol sasl_ssl needs it",
            "noctriage.toml: kafka.security.password_file: is not set; protocol sasl_ssl needs it",
        ],
    );
}

#[test]
fn two_variables_for_one_key_are_refused_and_not_left_to_chance() {
    let site = Site::new(MODEL).with_environment("NOCTRIAGE__KAFKA__GROUP", "a");
    let site = site.with_environment("NOCTRIAGE__Kafka__Group", "b").with_environment("path", "/bin");
    assert_eq!(
        site.with_environment("PATH", "/usr/bin").mistakes(),
        [
            "environment NOCTRIAGE__Kafka__Group: kafka.group: is the same key as NOCTRIAGE__KAFKA__GROUP, which differs in upper \
          and lower case alone; unset one"
        ]
    );
}

#[test]
fn what_a_file_says_in_control_characters_reaches_no_terminal() {
    for text in ["a = \u{1b}[2J", "[p\u{7f}olicy]", "\"\\u001b[2J\" = 1", "[log]\nfilter = \"\\u001b[2J\""] {
        let Err(errors) = load(&Site::new(text).sources()) else { panic!("{text:?} holds") };
        let shown = errors.to_string();
        assert!(shown.split('\n').all(|line| !line.chars().any(char::is_control)), "{shown:?}");
    }
}

#[test]
fn mistakes_are_told_in_a_few_lines_however_long_the_file_is() {
    let long_line = format!("a = {}", "[".repeat(500_000));
    let long_key = format!("{} = 1", "k".repeat(500_000));
    let many_keys = (0..20_000).map(|number| format!("unknown_{number} = 1")).collect::<Vec<_>>().join("\n");
    for text in [long_line, long_key, many_keys] {
        let Err(errors) = load(&Site::new(&text).sources()) else { panic!("it holds") };
        let shown = errors.to_string();
        assert!(shown.len() < 60_000 && shown.contains("noctriage.toml"), "{} bytes", shown.len());
    }
}

#[test]
fn a_taxonomy_without_end_is_not_read() {
    let mistakes = Site::new(&format!("taxonomy_file = \"/dev/zero\"\n{MODEL}")).mistakes();
    assert!(mistakes[0].contains("taxonomy_file: /dev/zero: is not a file"), "{mistakes:?}");
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let sources = Sources { file: MainFile::At("no/such/noctriage.toml".into()), ..Sources::default() };
    let errors = load(&sources).expect_err("no file").to_string();
    assert!(errors.contains("no/such/noctriage.toml: cannot be read"), "{errors}");
    let errors = load(&Sources { file: MainFile::NotFound, ..Sources::default() }).expect_err("no file").to_string();
    assert!(errors.contains("neither noctriage.toml nor /etc/noctriage/noctriage.toml exists"), "{errors}");
}

#[test]
fn built_in_sources_need_neither_file_nor_key_file() {
    let key = DrawKey([7; 16]);
    let loaded = load(&Sources::built_in(&[("policy.threshold", "0.9")], key)).expect("holds");
    assert_eq!(loaded.settings.draw_key, key);
    assert_eq!(loaded.values.origin("policy.threshold"), Origin::CommandLine);
}

#[test]
fn a_reload_of_policy_stage_and_log_is_taken_over() {
    let site = Site::new(&format!("{MODEL}[[slices]]\nname = \"a\"\nsite = [\"x\"]\nthreshold = 0.9\n"));
    let old = site.load();
    assert_eq!(diff(&old, &site.load()), Reload::Unchanged);
    let site = Site::new(&format!(
        "{MODEL}[[slices]]\nname = \"a\"\nsite = [\"x\"]\nthreshold = 0.99\n[rollout]\nfixed_stage = \"suggest\"\n\
         [log]\nfilter = \"debug\"\n[policy]\nhigh_cap = 0.2\n[[policy.queues]]\nqueue = \"core\"\n"
    ));
    let Reload::Apply(changes) = diff(&old, &site.load()) else { panic!("must be taken over") };
    let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
    let expected =
        ["log.filter", "policy.high_cap", "policy.queues[0].queue", "rollout.fixed_stage", "slices[0].threshold"];
    assert_eq!(keys, expected);
}

#[test]
fn one_key_that_needs_a_restart_refuses_the_whole_reload() {
    let old = Site::new(MODEL).load();
    let new = Site::new(&format!("{MODEL}[policy]\nhigh_cap = 0.2\n[kafka]\ngroup = \"other\"\n")).load();
    let reload = diff(&old, &new);
    let Reload::Refused(changes) = &reload else { panic!("must be refused: {reload:?}") };
    assert_eq!(changes.iter().map(|change| change.key.as_str()).collect::<Vec<_>>(), ["kafka.group"]);
    assert!(reload.sentence().contains("kafka.group: \"noctriage\" → \"other\""), "{}", reload.sentence());
}

#[test]
fn another_draw_key_or_another_list_of_slices_needs_a_restart() {
    let site = Site::new(MODEL);
    let old = site.load();
    site.write("draw.key", "ffeeddccbbaa99887766554433221100", 0o600);
    assert!(matches!(diff(&old, &site.load()), Reload::Refused(changes) if changes[0].key == "draw_key_file"));
    let new = Site::new(&format!("{MODEL}[[slices]]\nname = \"a\"\nsite = [\"x\"]\n")).load();
    assert!(matches!(diff(&old, &new), Reload::Refused(changes) if changes.len() == 2));
}

#[test]
fn the_eligibility_digest_follows_what_decides_eligibility_and_nothing_else() {
    let digest = |text: &str| Site::new(&format!("{MODEL}{text}")).load().settings.policy.eligibility_digest;
    let base = digest("");
    for same in [
        "[policy]\nthreshold = 0.9\n",
        "[policy.protected]\nhosts = [\"core\"]\n",
        "[policy.caps]\nactions_per_hour = 1\n",
        "[[policy.windows]]\nname = \"f\"\nfrom = \"2026-12-24T00:00:00Z\"\nuntil = \"2026-12-25T00:00:00Z\"\n",
        "[triage]\nbatch_wait_ms = 1\n",
    ] {
        assert_eq!(digest(same), base, "{same}");
    }
    for other in [
        "[policy]\ncritical_cut_off = 0.04\n",
        "[policy.allow]\nkinds = [\"incident\", \"maintenance\"]\n",
        "[policy.guards]\ndanger_words = [\"volcano\"]\n",
        "[source]\nown_user = \"bot\"\n",
        "[[slices]]\nname = \"a\"\nsite = [\"x\"]\n",
    ] {
        assert_ne!(digest(other), base, "{other}");
    }
}

#[test]
fn a_guard_phrase_without_a_word_is_refused() {
    let mistakes = Site::new(&format!("{MODEL}[policy.guards]\ndanger_words = [\"...\"]\n")).mistakes();
    assert_eq!(mistakes.len(), 1);
    assert!(
        mistakes[0].starts_with("noctriage.toml: policy.guards.danger_words: the guard phrase `...` holds no word")
    );
}

#[test]
fn every_example_file_holds_as_a_file_of_conf_d() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut count = 0;
    for entry in std::fs::read_dir(examples).expect("the examples are there") {
        let path = entry.expect("can be listed").path();
        let site = Site::new(MODEL);
        site.write("kafka.password", "secret", 0o600);
        site.write("conf.d/example.toml", &std::fs::read_to_string(&path).expect("can be read"), 0o644);
        assert_eq!(site.mistakes(), Vec::<String>::new(), "{}", path.display());
        count += 1;
    }
    assert!(count >= 3, "{count}");
}
