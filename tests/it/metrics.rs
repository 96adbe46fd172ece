//! The metrics as Prometheus sees them. The README's table of them: `readme.rs`.

use std::net::SocketAddr;
use std::sync::Arc;

use noctriage::admin::health::Health;
use noctriage::admin::http::Server;
use noctriage::clock::Clock;
use noctriage::metrics::{Lag, Metrics};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::promtool::promtool;

#[tokio::test]
async fn promtool_finds_nothing_to_say_about_a_live_scrape() {
    let metrics = Arc::new(Metrics::new());
    metrics.lags(&[Lag { partition: 0, records: 3, seconds: 0.5 }]);
    let health = Arc::new(Health::new(Clock::Real, 30_000));
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), metrics, health, Arc::default()).await.unwrap();
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
