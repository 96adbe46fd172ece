//! The dashboard and the alert rules: the rules of Grafana's dashboard linter, and that nothing is named that is not there.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use noctriage::metrics::{Kind, rows};
use serde_json::Value;

use crate::promtool::promtool;

const PROCESS_METRICS: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap()
}

fn dashboards() -> Vec<(String, Value)> {
    let entries = fs::read_dir(repository("dashboards")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    assert!(!files.is_empty());
    let load = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap())
    };
    files.iter().map(load).collect()
}

/// Every query of every panel.
pub(crate) fn panel_queries() -> Vec<String> {
    let queries = |dashboard: &Value| -> Vec<String> {
        let targets = items(dashboard, "panels").iter().flat_map(|panel| items(panel, "targets"));
        targets.map(|target| text(target, "expr").to_owned()).collect()
    };
    dashboards().iter().flat_map(|(_, dashboard)| queries(dashboard)).collect()
}

fn items<'value>(value: &'value Value, key: &str) -> &'value [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'value>(value: &'value Value, key: &str) -> &'value str {
    value[key].as_str().unwrap_or_default()
}

/// Every rule that a dashboard breaks.
fn offences(dashboard: &Value) -> Vec<String> {
    let mut offences = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            offences.push(what);
        }
    };
    expect(dashboard["id"].is_null(), "id is not null: it is of one Grafana only".into());
    expect(text(dashboard, "uid").starts_with("noctriage-"), "uid is not fixed".into());
    expect(dashboard["editable"] == false, "editable is not false: changes would be lost".into());
    expect(dashboard["schemaVersion"].is_u64(), "schemaVersion is not pinned".into());
    expect(dashboard.get("__inputs").is_none(), "__inputs are not replaced by provisioning".into());
    let variables = items(&dashboard["templating"], "list");
    let variable = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap_or(&Value::Null);
    let datasources = variables.iter().filter(|variable| variable["type"] == "datasource").count();
    expect(datasources == 1, format!("{datasources} variables for data sources, not one"));
    expect(
        text(variable("datasource"), "label") == "Data source",
        "the data source's label is not `Data source`".into(),
    );
    for name in ["job", "instance"] {
        let found = variable(name);
        expect(
            found["multi"] == true && found["allValue"] == ".+",
            format!("variable {name}: not multi with .+ for all"),
        );
        expect(text(found, "label") == name, format!("variable {name}: its label is not its name"));
        expect(found["refresh"] == 2, format!("variable {name}: not refreshed when the time range changes"));
        expect(uses_the_datasource(found), format!("variable {name}: not from $datasource"));
    }
    for annotation in items(&dashboard["annotations"], "list") {
        expect(
            uses_the_datasource(annotation),
            format!("annotation {}: not from $datasource", text(annotation, "name")),
        );
        expect(
            matches_job_and_instance(text(annotation, "expr")),
            format!("annotation {}: every job", text(annotation, "name")),
        );
    }
    let mut ids = BTreeSet::new();
    for panel in items(dashboard, "panels") {
        let title = text(panel, "title");
        expect(ids.insert(panel["id"].to_string()), format!("{title}: its id is taken"));
        if panel["type"] == "row" {
            continue;
        }
        expect(!title.is_empty(), format!("panel {}: no title", panel["id"]));
        expect(text(panel, "description").ends_with('.'), format!("{title}: no description in sentences"));
        expect(!text(&panel["fieldConfig"]["defaults"], "unit").is_empty(), format!("{title}: no unit"));
        expect(uses_the_datasource(panel), format!("{title}: not from $datasource"));
        expect(!items(panel, "targets").is_empty(), format!("{title}: no query"));
        for target in items(panel, "targets") {
            let query = text(target, "expr");
            expect(uses_the_datasource(target), format!("{title}: a query not from $datasource"));
            expect(matches_job_and_instance(query), format!("{title}: a selector without $job or $instance: {query}"));
            expect(counters_are_rates(query), format!("{title}: a bare counter: {query}"));
            expect(
                rates_have_a_sensible_window(query),
                format!("{title}: not $__rate_interval or a fixed increase: {query}"),
            );
        }
    }
    offences
}

fn uses_the_datasource(value: &Value) -> bool {
    value["datasource"]["uid"] == "${datasource}"
}

/// Every selector (`name{…}`) of a query, with its name.
fn selectors(query: &str) -> Vec<(&str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    query
        .match_indices('{')
        .map(|(open, _)| {
            let begin = query[..open].rfind(|c: char| !is_word(c)).map_or(0, |at| at + 1);
            let close = query[open..].find('}').map_or(query.len(), |at| open + at);
            (&query[begin..open], &query[open..close])
        })
        .collect()
}

fn matches_job_and_instance(query: &str) -> bool {
    let found = selectors(query);
    let complete = |labels: &str| labels.contains(r#"job=~"$job""#) && labels.contains(r#"instance=~"$instance""#);
    !found.is_empty() && found.iter().all(|(_, labels)| complete(labels)) && metrics_in(query).len() <= found.len()
}

fn counters_are_rates(query: &str) -> bool {
    let is_counter = |name: &str| ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end));
    selectors(query).iter().filter(|(name, _)| is_counter(name)).all(|(name, _)| {
        let at = query.find(name).unwrap_or_default();
        ["rate(", "irate(", "increase("].iter().any(|function| query[..at].ends_with(function))
    })
}

fn rates_have_a_sensible_window(query: &str) -> bool {
    let windows = query.match_indices('[').map(|(open, _)| query[open + 1..].split(']').next().unwrap_or_default());
    // A fixed window is right where the title names it (`in 24 h`), and only for increases.
    windows
        .into_iter()
        .all(|window| window == "$__rate_interval" || (["1h", "24h"].contains(&window) && !query.contains("rate(")))
}

/// Every metric name in the text.
fn metrics_in(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| (word.starts_with("noctriage_") || word.starts_with("process_")) && !word.contains(':'))
        .collect()
}

fn exists(name: &str) -> bool {
    PROCESS_METRICS.contains(&name)
        || rows().iter().any(|row| match row.kind {
            Kind::Counter | Kind::Gauge => row.name == name,
            Kind::Histogram(_) => {
                name.strip_prefix(row.name).is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end))
            }
        })
}

#[test]
fn dashboards_keep_every_rule_of_the_linter() {
    for (name, dashboard) in dashboards() {
        let found = offences(&dashboard);
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn each_rule_of_the_linter_finds_its_offence() {
    let (_, good) = dashboards().remove(0);
    let check = |pointer: &str, bad: Value| {
        let mut dashboard = good.clone();
        *dashboard.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there")) = bad;
        assert_eq!(offences(&dashboard).len(), 1, "{pointer}: {:?}", offences(&dashboard));
    };
    let query = |query: &str| Value::String(query.to_owned());
    check("/editable", true.into());
    check("/id", 7.into());
    check("/templating/list/0/label", "Prometheus".into());
    check("/templating/list/1/refresh", 1.into());
    check("/panels/1/description", "".into());
    check("/panels/1/fieldConfig/defaults/unit", "".into());
    check("/panels/1/targets/0/datasource/uid", "prometheus".into());
    check("/panels/1/targets/0/expr", query("sum(noctriage_ready)"));
    check("/panels/1/targets/0/expr", query(r#"sum(noctriage_ready{job=~"$job"})"#));
    check("/panels/1/targets/0/expr", query(r#"noctriage_outcomes_total{job=~"$job", instance=~"$instance"}"#));
    check(
        "/panels/1/targets/0/expr",
        query(r#"rate(noctriage_outcomes_total{job=~"$job", instance=~"$instance"}[5m])"#),
    );
}

#[test]
fn dashboards_and_rules_name_only_metrics_that_exist() {
    let mut unknown = BTreeSet::new();
    let queries = dashboards().into_iter().map(|(name, dashboard)| (name, dashboard.to_string()));
    let rules = ["dashboards/rules/noctriage.rules.yml", "dashboards/rules/noctriage.test.yml"]
        .map(|path| (path.to_owned(), read(path)));
    for (file, text) in queries.chain(rules) {
        let names = metrics_in(&text).into_iter().filter(|name| !exists(name)).map(|name| format!("{file}: {name}"));
        unknown.extend(names.collect::<Vec<_>>());
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn every_metric_of_ours_is_on_a_dashboard() {
    let shown = dashboards().into_iter().map(|(_, dashboard)| dashboard.to_string()).collect::<String>();
    let missing: Vec<&str> = rows().iter().map(|row| row.name).filter(|name| !shown.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_query_of_the_dashboards_is_promql() {
    let mut rules = String::from("groups:\n  - name: queries\n    rules:\n");
    for (_, dashboard) in dashboards() {
        let targets = items(&dashboard, "panels").iter().flat_map(|panel| items(panel, "targets"));
        for (number, target) in targets.chain(items(&dashboard["annotations"], "list")).enumerate() {
            let query = text(target, "expr").replace("$__rate_interval", "5m");
            let quoted = serde_json::to_string(&query).unwrap();
            writeln!(rules, "      - {{record: 'query:{number}', expr: {quoted}}}").unwrap();
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &rules).unwrap();
    let path = file.path().to_str().unwrap();
    if let Some(checked) = promtool(&["check", "rules", path], "") {
        assert!(checked.accepted, "{}", checked.text);
        fs::write(file.path(), rules.replacen("sum", "sum((", 1)).unwrap();
        assert!(!promtool(&["check", "rules", path], "").unwrap().accepted, "promtool must find a broken query");
    }
}

struct Alert {
    name: String,
    body: String,
}

fn alerts() -> Vec<Alert> {
    let rules = read("dashboards/rules/noctriage.rules.yml");
    let mut parts = rules.split("- alert: ").skip(1);
    let parse = |part: &str| {
        let (name, body) = part.split_once('\n').unwrap();
        Alert { name: name.to_owned(), body: body.to_owned() }
    };
    parts.by_ref().map(parse).collect()
}

#[test]
fn every_alert_says_how_urgent_it_is_what_it_means_and_where_the_help_is() {
    let runbook = read("docs/runbook.md");
    assert!(alerts().len() >= 15);
    for Alert { name, body } in alerts() {
        let says = |key: &str| body.lines().any(|line| line.trim().starts_with(key));
        assert!(["page", "ticket", "info"].iter().any(|word| says(&format!("severity: {word}"))), "{name}");
        assert!(says("summary:") && says("description:"), "{name}");
        let anchor = name.to_lowercase();
        assert!(says(&format!("runbook_url: docs/runbook.md#{anchor}")), "{name}");
        assert!(runbook.contains(&format!("\n## {name}\n")), "docs/runbook.md has no section `## {name}`");
    }
}

#[test]
fn every_alert_is_tested_in_both_directions() {
    let tests = read("dashboards/rules/noctriage.test.yml");
    for Alert { name, .. } in alerts() {
        assert!(tests.contains(&format!("- name: {name} fires, ")), "{name} has no case in which it fires");
        assert!(tests.contains(&format!("- name: {name} is silent, ")), "{name} has no case in which it is silent");
    }
}

#[test]
fn the_runbook_has_no_section_without_an_alert() {
    let names: BTreeSet<String> = alerts().into_iter().map(|alert| alert.name).collect();
    let runbook = read("docs/runbook.md");
    let sections =
        runbook.lines().filter_map(|line| line.strip_prefix("## Noctriage").map(|rest| format!("Noctriage{rest}")));
    let orphans: Vec<String> = sections.filter(|section| !names.contains(section)).collect();
    assert!(orphans.is_empty(), "{orphans:?}");
}
