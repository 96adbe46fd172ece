//! The webhook against receivers on loopback.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};

use super::*;
use crate::domain::time::UtcMillis;

fn notice(sentence: &str) -> Notice {
    Notice {
        kind: NoticeKind::Transition,
        at: UtcMillis(1_767_592_800_000),
        slice: Some("rest".to_owned()),
        rollout_revision: 7,
        sentence: sentence.to_owned(),
    }
}

/// A receiver that gives one answer after the other and tells what it was sent; an empty answer closes the connection.
fn receiver(answers: &'static [&'static str]) -> (Address, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (requests, told) = sync_channel(answers.len());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            let mut chunk = [0; 1024];
            while !request.ends_with(b"}") {
                let length = stream.read(&mut chunk).expect("a request");
                request.extend_from_slice(&chunk[..length]);
            }
            stream.write_all(answer.as_bytes()).expect("an answer");
            requests.send(String::from_utf8(request).expect("text")).expect("the test listens");
        }
    });
    (Address::try_new(&format!("http://127.0.0.1:{port}/hook?token=x")).expect("good"), told)
}

fn counted(metrics: &Metrics, result: NotificationResult) -> bool {
    let line = format!("noctriage_notifications_total{{result=\"{}\"}} 1", result.as_str());
    metrics.render().contains(&line)
}

#[test]
fn a_notice_arrives_as_json_with_a_sentence_that_chat_systems_show() {
    let (address, told) = receiver(&["HTTP/1.1 204 No Content\r\n\r\n"]);
    let metrics = Arc::new(Metrics::new());
    let notifier = Notifier::start(Some(address), Arc::clone(&metrics)).expect("a thread");
    notifier.say(notice("rest is promoted to suggest"));
    let request = told.recv().expect("a request");
    drop(notifier);
    let (head, body) = request.split_once("\r\n\r\n").expect("head and body");
    assert!(head.starts_with("POST /hook?token=x HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let expected = serde_json::json!({
        "schema": "noctriage.notice/v1", "id": "7-transition-rest-1767592800000", "kind": "transition",
        "at": "2026-01-05T06:00:00Z", "slice": "rest", "rollout_revision": 7,
        "text": "noctriage: rest is promoted to suggest"
    });
    assert_eq!(body, expected);
    assert!(counted(&metrics, NotificationResult::Sent));
}

#[test]
fn a_receiver_that_is_busy_is_asked_again_with_the_same_id() {
    let (address, told) = receiver(&["HTTP/1.1 503 Busy\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]);
    let metrics = Arc::new(Metrics::new());
    let notifier = Notifier::start(Some(address), Arc::clone(&metrics)).expect("a thread");
    notifier.say(notice("x"));
    let both = [told.recv().expect("a request"), told.recv().expect("another")];
    assert_eq!(both[0], both[1]);
    drop(notifier);
    assert!(counted(&metrics, NotificationResult::Sent));
}

#[test]
fn a_receiver_that_refuses_is_not_asked_again() {
    let (address, told) = receiver(&["HTTP/1.1 404 Not Found\r\n\r\n"]);
    let metrics = Arc::new(Metrics::new());
    let notifier = Notifier::start(Some(address), Arc::clone(&metrics)).expect("a thread");
    notifier.say(notice("x"));
    told.recv().expect("a request");
    drop(notifier);
    assert!(counted(&metrics, NotificationResult::Failed));
}

#[test]
fn more_notices_than_the_queue_holds_are_dropped_and_nobody_waits() {
    let (queue, _waiting) = sync_channel(1);
    let metrics = Arc::new(Metrics::new());
    let notifier = Notifier {
        queue: Some(queue),
        stopping: Arc::new(AtomicBool::new(false)),
        thread: None,
        metrics: Arc::clone(&metrics),
    };
    notifier.say(notice("first"));
    notifier.say(notice("second"));
    assert!(counted(&metrics, NotificationResult::Dropped));
}

#[test]
fn a_receiver_that_is_away_is_tried_once_more_when_the_process_ends_and_not_once_a_notice() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let address = Address::try_new(&format!("http://127.0.0.1:{nobody}/hook")).expect("good");
    let metrics = Arc::new(Metrics::new());
    let notifier = Notifier::start(Some(address), Arc::clone(&metrics)).expect("a thread");
    for sentence in ["first", "second", "third"] {
        notifier.say(notice(sentence));
    }
    drop(notifier);
    let said = metrics.render();
    assert!(said.contains("noctriage_notifications_total{result=\"failed\"} 1"), "{said}");
    assert!(said.contains("noctriage_notifications_total{result=\"dropped\"} 2"), "{said}");
}

#[test]
fn without_an_address_nothing_is_posted_and_nothing_counted() {
    let metrics = Arc::new(Metrics::new());
    let notifier = Notifier::start(None, Arc::clone(&metrics)).expect("no thread needed");
    notifier.say(notice("x"));
    drop(notifier);
    assert!(!counted(&metrics, NotificationResult::Sent));
}
