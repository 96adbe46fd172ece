//! Tickets as three sources send them, one in twenty broken.

use serde_json::json;

use super::broker::Written;

/// A source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    Native,
    ServiceNow,
    Alertmanager,
}

impl Preset {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::ServiceNow => "servicenow",
            Self::Alertmanager => "alertmanager",
        }
    }
}

const TEXTS: [&str; 5] = [
    "BGP neighbor down on core router",
    "Access point unreachable, clients cannot associate",
    "Interface flapping, errors on the line",
    "Power supply redundancy lost in rack",
    "Scheduled backup job finished with warnings",
];

/// The record of one index; the same index is the same record.
pub(crate) fn record(preset: Preset, index: usize) -> Written {
    let key = format!("T{index:05}");
    if index % 20 == 7 {
        return (key, Some(broken(index)), Vec::new());
    }
    let text = TEXTS[index % TEXTS.len()];
    match preset {
        Preset::Native => {
            let value = json!({
                "schema": "noctriage.ticket/v1", "ticket_id": key, "revision": 1, "title": format!("{text} {index}"),
                "description": "Seen by monitoring at the site, nobody has called yet.",
                "created_at": "2026-11-24T10:00:00Z", "kind": "incident", "category": "routing",
                "severity": {"reported": {"value": "medium", "native": "3", "set_by": "system"}}
            });
            (key, Some(value.to_string().into_bytes()), Vec::new())
        }
        Preset::ServiceNow => {
            let value = json!({
                "number": format!("INC{index:07}"), "sys_id": format!("{index:032x}"), "sys_mod_count": "0",
                "short_description": format!("{text} {index}"), "description": "Opened by an event rule.",
                "priority": ((index % 5) + 1).to_string(), "state": "1", "category": "network",
                "opened_at": "2026-11-24 10:00:00", "sys_created_on": "2026-11-24 10:00:00",
                "sys_updated_on": "2026-11-24 10:00:00", "sys_created_by": "event.rule", "sys_updated_by": "event.rule",
                "cmdb_ci": {"display_value": format!("sw-{}", index % 40), "link": "https://example.invalid/x"}
            });
            let headers = vec![("action", "insert".to_owned()), ("table_name", "incident".to_owned())];
            (key, Some(value.to_string().into_bytes()), headers)
        }
        Preset::Alertmanager => {
            let value = json!({
                "version": "4", "groupKey": format!("{{}}:{{alertname=\"Down\",instance=\"r{index}\"}}"),
                "truncatedAlerts": if index.is_multiple_of(10) { 3 } else { 0 }, "status": "firing", "receiver": "noc",
                "groupLabels": {"alertname": "Down"},
                "commonLabels": {"alertname": "Down", "severity": "critical"},
                "commonAnnotations": {"summary": format!("{text} {index}")}, "externalURL": "https://example.invalid",
                "alerts": [{"status": "firing", "labels": {"alertname": "Down", "severity": "critical",
                    "instance": format!("r{index}")}, "annotations": {"summary": text},
                    "startsAt": "2026-11-24T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": format!("{index:x}")}]
            });
            (key, Some(value.to_string().into_bytes()), Vec::new())
        }
    }
}

fn broken(index: usize) -> Vec<u8> {
    match index / 20 % 5 {
        0 => b"this is not json".to_vec(),
        1 => vec![0xff, 0xfe, 0x00, 0x80],
        2 => b"[1, 2, 3]".to_vec(),
        3 => b"{\"ticket_id\": {\"nested\": true}, \"number\": [], \"groupKey\": 7}".to_vec(),
        _ => vec![0, 0, 0, 0, 42, 2, 4, 8],
    }
}

/// The records of a long run: mostly new tickets, and among ten of them a repetition, a revision with other content and one
/// with the same; one in a hundred is no ticket. The same index is the same record.
pub(crate) fn long_run(index: usize) -> Written {
    let revised = |of: usize, revision: u64, title: &str| {
        let key = format!("L{of:06}");
        let value = json!({
            "schema": "noctriage.ticket/v1", "ticket_id": key, "revision": revision, "title": title,
            "description": "Seen by monitoring at the site, nobody has called yet.",
            "created_at": "2026-11-24T10:00:00Z", "kind": "incident", "category": "routing",
            "severity": {"reported": {"value": "medium", "native": "3", "set_by": "system"}}
        });
        (key, Some(value.to_string().into_bytes()), Vec::new())
    };
    let title = |of: usize| format!("{} {of}", TEXTS[of % TEXTS.len()]);
    match index % 10 {
        6 => revised(index - 3, 1, &title(index - 3)),
        8 => revised(index - 4, 2, &format!("{}, and again", title(index - 4))),
        9 => revised(index - 7, 2, &title(index - 7)),
        7 if index % 100 == 7 => (format!("L{index:06}"), Some(broken(index / 5)), Vec::new()),
        _ => revised(index, 1, &title(index)),
    }
}
