//! Every query of the dashboard, asked of a real Prometheus that scrapes the real `/metrics`: a label that is spelled
//! differently here and there gives an empty panel and no error anywhere else.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use noctriage::admin::health::Health;
use noctriage::admin::http::Server;
use noctriage::clock::Clock;
use noctriage::domain::digest::Digest;
use noctriage::domain::prediction::{ModelIdentity, ModelRole, Purpose};
use noctriage::domain::probability::Probability;
use noctriage::domain::stage::{Share, Stage};
use noctriage::domain::time::UtcMillis;
use noctriage::metrics::{EvidenceShown, Lag, LatencyParts, Metrics, RolloutShown, SliceShown, TransactionResult};
use noctriage::policy::ruling::{DrawRates, EvidenceRate, StageMap};
use noctriage::policy::slices::SliceRule;
use noctriage::rollout::log::EvidenceTopic;

use crate::dashboards::panel_queries;
use crate::promtool::promtool;
use crate::support::port::free_port;
use crate::support::skipped::say_skipped;

/// A Prometheus that ends with the test.
struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Prometheus {
    fn scraping(target: SocketAddr) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: noctriage\n    \
             static_configs: [{{targets: ['{target}']}}]\n"
        );
        fs::write(&settings, text).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { child, url: format!("http://{address}"), _folder: folder })
    }

    fn answer(&self, query: &str) -> String {
        let query = query.replace("$__rate_interval", "1m").replace("$job", "noctriage").replace("$instance", ".+");
        promtool(&["query", "instant", &self.url, &query], "").map(|answer| answer.text).unwrap_or_default()
    }

    /// Asks until there is an answer; a rate needs two scrapes.
    fn answers_within(&self, query: &str, limit: Duration) -> bool {
        let began = Instant::now();
        loop {
            let answer = self.answer(query);
            if answer.contains("=>") {
                return true;
            }
            if began.elapsed() > limit {
                eprintln!("{query}\n{answer}");
                return false;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// What a daemon has said of itself after its first minute.
fn metrics_of_a_busy_daemon() -> Metrics {
    let metrics = Metrics::new();
    let now = Clock::Real.operating_now();
    let rest =
        SliceRule { name: "rest".into(), conditions: Vec::new(), threshold: Probability::try_new(0.95).unwrap() };
    let share = Share::try_new(0.05).unwrap();
    let auto = EvidenceRate::Auto;
    let rates = DrawRates { evidence_shadow: auto, evidence_later: auto, audit: 0.5, second_reading: 0.1, epoch: 0 };
    metrics.stage_map(&StageMap::fixed(&[rest], Stage::AutoTriage, [share, Share::ZERO]), &rates);
    metrics.config_accepted(&Digest::of(b"configuration"), now);
    let model = ModelIdentity {
        name: "tiny".into(),
        version: "1".into(),
        digest: Digest::of(b"model"),
        calibration_digest: Digest::of(b""),
        purpose: Purpose::Demo,
    };
    metrics.models(&[(ModelRole::Acting, &model)]);
    metrics.rebalanced(1);
    metrics.lags(&[Lag { partition: 0, records: 2, seconds: 0.1 }]);
    metrics.latency(LatencyParts { total_ms: 40, wait_ms: 20, model_ms: Some(15), commit_ms: 5 });
    let scores = [Some((30, 50)), Some((34, 50)), Some((40, 50)), None, Some((9, 10))];
    metrics.evidence(&EvidenceShown {
        slices: vec![SliceShown { slice: "all", drawn: [50, 61, 5, 2, 1, 1], scores }],
        standings: [1; 12],
        ours: 7,
        last_stated_s: Some(now.0 as f64 / 1000.0 - 60.0),
        is_silent: false,
    });
    let approvals = vec![("rest".to_owned(), now.0 as f64 / 1000.0 + 86_400.0)];
    metrics.rollout(&RolloutShown { lease_left_s: Some(60.0), halts: [0; 5], revision: 1, approvals });
    metrics.evidence_read(&[(EvidenceTopic::Decisions, Some(4_000))], 0);
    metrics.transaction(TransactionResult::Committed, Duration::from_millis(4), UtcMillis(now.0));
    metrics
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_shows_something_of_a_live_daemon() {
    let health = Arc::new(Health::new(Clock::Real, 30_000));
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(any_port, Arc::new(metrics_of_a_busy_daemon()), health, Arc::default()).await.unwrap();
    let address = server.address();
    let serving = tokio::spawn(server.serve(std::future::pending()));
    let Some(prometheus) = Prometheus::scraping(address) else {
        say_skipped("the queries of the dashboard", "prometheus is not installed (Debian: apt-get install prometheus)");
        return;
    };
    let two_scrapes = r#"rate(process_cpu_seconds_total{job="$job"}[1m])"#;
    assert!(prometheus.answers_within(two_scrapes, Duration::from_mins(1)), "prometheus has scraped nothing");
    let empty: Vec<String> =
        panel_queries().into_iter().filter(|query| !prometheus.answers_within(query, Duration::from_secs(5))).collect();
    assert!(empty.is_empty(), "{empty:#?}");
    assert!(
        !prometheus.answer("max by (slice) (noctriage_rollout_shares)").contains("=>"),
        "a wrong name must be empty"
    );
    serving.abort();
}
