//! The metrics as Prometheus and the README see them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use noctriage::admin::health::Health;
use noctriage::admin::http::Server;
use noctriage::clock::Clock;
use noctriage::metrics::catalogue::table;
use noctriage::metrics::{Lag, Metrics};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::promtool::promtool;
use crate::skipped::say_skipped;

#[tokio::test]
async fn promtool_finds_nothing_to_say_about_a_live_scrape() {
    let metrics = Arc::new(Metrics::new());
    metrics.lags(&[Lag { partition: 0, records: 3, seconds: 0.5 }]);
    let health = Arc::new(Health::new(Clock::Real, 30_000));
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), metrics, health).await.unwrap();
    let address = server.address();
    let serving = tokio::spawn(server.serve(std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serving.abort();
    let (head, scrape) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(scrape.contains("\nnoctriage_records_consumed_total 0\n"), "{scrape}");
    if let Some(checked) = promtool(&["check", "metrics"], scrape) {
        assert!(checked.accepted && checked.text.trim().is_empty(), "{}", checked.text);
        let bad = scrape.replace("noctriage_ready", "noctriage_ready_total");
        assert!(
            !promtool(&["check", "metrics"], &bad).unwrap().accepted,
            "promtool must find a gauge that ends in _total"
        );
    }
}

#[test]
fn the_readme_lists_exactly_the_metrics_there_are() {
    let (begin, end) = ("<!-- metrics: written by `make tables` -->\n", "<!-- end of metrics -->");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let Ok(readme) = fs::read_to_string(&path) else {
        say_skipped("the table of metrics in README.md", "there is no README.md yet");
        return;
    };
    let (before, rest) = readme.split_once(begin).expect("README.md holds the line that begins the table of metrics");
    let (listed, after) = rest.split_once(end).expect("README.md holds the line that ends the table of metrics");
    if std::env::var_os("NOCTRIAGE_WRITE_TABLES").is_some() {
        fs::write(&path, [before, begin, &table(), end, after].concat()).unwrap();
    } else {
        assert_eq!(listed, table(), "run `make tables`");
    }
}
