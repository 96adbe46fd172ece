use std::io::{Read, Write};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::Clock;

struct Running {
    address: SocketAddr,
    health: Arc<Health>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), HttpError>>,
}

fn board() -> Arc<Board> {
    Arc::new(Board::default())
}

async fn start(idle_max: Duration) -> Running {
    let health = Arc::new(Health::new(Clock::Real, 10_000));
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut server = Server::bind(any_port, Arc::new(Metrics::new()), Arc::clone(&health), board()).await.unwrap();
    server.idle_max = idle_max;
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.serve(async move { stopped.await.unwrap_or_default() }));
    Running { address, health, stop, task }
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let request = request.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap()
}

async fn get_path(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn readyz_says_why_not_until_nothing_is_missing() {
    let running = start(IDLE_MAX).await;
    let answer = get_path(running.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("not ready: the models are not loaded"), "{answer}");
    assert!(answer.contains("not ready: the consumer group is not joined"), "{answer}");
    running.health.models_are_warm();
    running.health.kafka_thread_beats();
    running.health.group_joined(1);
    let answer = get_path(running.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nready\n"), "{answer}");
}

#[tokio::test]
async fn healthz_turns_when_the_kafka_thread_has_ended() {
    let running = start(IDLE_MAX).await;
    assert!(get_path(running.address, "/healthz").await.ends_with("alive\n"));
    running.health.kafka_thread_ended("fenced by another instance");
    let answer = get_path(running.address, "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with("not alive: the kafka thread has ended: fenced by another instance\n"), "{answer}");
}

#[tokio::test]
async fn metrics_are_served_as_prometheus_text_and_show_readiness() {
    let running = start(IDLE_MAX).await;
    let answer = get_path(running.address, "/metrics").await;
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{answer}");
    assert!(answer.contains("\nnoctriage_ready 0\n") && answer.contains("\nprocess_start_time_seconds "), "{answer}");
}

#[tokio::test]
async fn status_and_accuracy_are_json_before_anything_is_known() {
    let running = start(IDLE_MAX).await;
    for (path, schema) in [("/api/v1/status", "noctriage.status/v1"), ("/api/v1/accuracy", "noctriage.accuracy/v1")] {
        let answer = get_path(running.address, path).await;
        assert!(answer.contains("content-type: application/json"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["schema"], schema);
    }
    let post = "POST /api/v1/status HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(ask(running.address, post).await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn what_does_not_exist_is_404_and_what_would_change_something_is_405() {
    let running = start(IDLE_MAX).await;
    assert!(get_path(running.address, "/../etc/passwd").await.starts_with("HTTP/1.1 404"));
    let post = "POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(ask(running.address, post).await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn a_connection_that_sends_half_a_request_is_cut_off() {
    // Long enough for a client that is held up between its connection and its request.
    let running = start(Duration::from_secs(1)).await;
    let answer = ask(running.address, "GET /metrics HTTP/1.1\r\nHost:").await;
    assert_eq!(answer, "", "the server closes without an answer");
}

#[tokio::test]
async fn silent_connections_cannot_keep_the_others_out() {
    let running = start(Duration::from_millis(50)).await;
    let silent: Vec<_> =
        (0..CONNECTIONS_MAX + 8).map(|_| std::net::TcpStream::connect(running.address).unwrap()).collect();
    assert!(get_path(running.address, "/healthz").await.ends_with("alive\n"));
    drop(silent);
}

#[tokio::test]
async fn stopping_ends_the_server_and_frees_the_port() {
    let Running { address, stop, task, .. } = start(IDLE_MAX).await;
    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_connection_left_open_delays_the_stop_by_two_seconds_at_most() {
    let Running { address, stop, task, .. } = start(IDLE_MAX).await;
    let mut open = std::net::TcpStream::connect(address).unwrap();
    open.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    assert!(get_path(address, "/healthz").await.ends_with("alive\n"));
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(SHUTDOWN_MAX + Duration::from_secs(3), task).await;
    assert!(ended.is_ok(), "the server is still there");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let running = start(IDLE_MAX).await;
    let health = Arc::clone(&running.health);
    let error = Server::bind(running.address, Arc::new(Metrics::new()), health, board()).await.unwrap_err();
    assert!(error.to_string().contains(&running.address.to_string()), "{error}");
}
