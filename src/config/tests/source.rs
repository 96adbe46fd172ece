//! What `source.*` makes of the reader of tickets.

use super::*;

#[test]
fn mapping_and_aliases_reach_the_reader_of_tickets() {
    let text = "[source]\npreset = \"mapping\"\ntimezone = \"Europe/Zurich\"\nlabel_keys = [\"tier\"]\n[source.mapping]\nticket_id = \"/id\"\n\
                title = \"/t\"\ndevice.name = \"/host/name\"\nlabels.tier = \"/tier\"\n\"severity.reported\" = \"/sev\"\n\
                [source.aliases.severity]\n\"Sev 1\" = \"critical\"\n[source.aliases.status]\nWIP = \"in_progress\"\n";
    let intake = Site::new(&format!("{MODEL}{text}")).load().settings.intake;
    let rows: Vec<_> = intake.mapping.rows().collect();
    assert_eq!(
        rows,
        [
            ("device.name", "/host/name"),
            ("labels.tier", "/tier"),
            ("severity.reported", "/sev"),
            ("ticket_id", "/id"),
            ("title", "/t"),
        ]
    );
    assert_eq!(
        intake.severities.meaning("sev 1"),
        Some(SeverityMeaning::Is(crate::domain::severity::Severity::Critical))
    );
    assert_eq!(intake.words.status.get("wip"), Some(&crate::domain::ticket::Status::InProgress));
    assert!(intake.time_zone.is_some());
}

#[test]
fn machine_users_come_on_top_of_those_of_the_preset() {
    let users = |text: &str| {
        let loaded = Site::new(&format!("{MODEL}[source]\n{text}")).load();
        loaded.settings.intake.machine_users.clone()
    };
    let named = "machine_users = [\"event.rule\", \"zabbix\"]\n";
    assert_eq!(users(""), BTreeSet::new());
    assert_eq!(users(named), ["event.rule", "zabbix"].map(str::to_owned).into());
    assert_eq!(users("preset = \"servicenow\"\n"), ["system".to_owned()].into());
    let both = users(&format!("preset = \"servicenow\"\n{named}"));
    assert_eq!(both, ["event.rule", "system", "zabbix"].map(str::to_owned).into());
}

#[test]
fn mistakes_of_mapping_and_time_zone_name_their_keys() {
    let mistakes = Site::new(&format!(
        "{MODEL}[source]\npreset = \"mapping\"\ntimezone = \"Mars/Olympus\"\n[source.mapping]\ntitel = \"/t\"\nsite = \"site\"\n\
         [source.aliases.severity]\nSev1 = \"urgent\"\n"
    ))
    .mistakes();
    let keys: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake.split(": ").nth(1)).collect();
    let expected = [
        "source.aliases.severity.Sev1",
        "source.mapping.site",
        "source.mapping.titel",
        "source.mapping.ticket_id",
        "source.mapping.title",
        "source.timezone",
    ];
    assert_eq!(keys, expected, "{mistakes:#?}");
}

#[test]
fn the_default_limits_are_those_of_the_reader_of_tickets() {
    let settings = load(&Sources::built_in(&[], DrawKey([7; 16]))).expect("holds").settings;
    assert_eq!(settings.intake.limits, crate::wire::intake::settings::IntakeLimits::default());
    assert_eq!(settings.intake.labels_allowed, BTreeSet::new());
}
