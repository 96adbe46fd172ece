//! The outgoing webhook in a whole run: a receiver on loopback is told what the leader does, whoever leads.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::broker::Record;
use crate::support::checker::Isolation;

use super::desk::{DEADLINE, Desk, EARNED, Instance};

/// Notices in the order in which they arrive.
struct Receiver {
    url: String,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        // Ends with the process: nothing else ends an accept.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut request = Vec::new();
                let mut chunk = [0; 1024];
                let body = loop {
                    // Whoever gave up comes again.
                    let length = stream.read(&mut chunk).unwrap_or_default();
                    request.extend_from_slice(&chunk[..length]);
                    let text = String::from_utf8_lossy(&request);
                    let body =
                        text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
                    if body.is_some() || length == 0 {
                        break body;
                    }
                };
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap_or_default();
                heard.lock().unwrap().extend(body);
            }
        });
        Self { url, told }
    }

    /// Kind and sentence of every notice, one of each id.
    fn told(&self) -> Vec<(String, String)> {
        let mut ids = std::collections::BTreeSet::new();
        let told = self.told.lock().unwrap().clone();
        let new = told.iter().filter(|notice| ids.insert(notice["id"].to_string()));
        let text = |notice: &Value, field: &str| notice[field].as_str().unwrap().to_owned();
        new.map(|notice| (text(notice, "kind"), text(notice, "text"))).collect()
    }
}

/// Somebody calls a ticket critical that was acted on, and somebody else does not: acting stops at once, and goes on.
fn hard_stop(desk: &mut Desk, receiver: &Receiver) {
    let acted = desk.broker.read("commands", Isolation::Committed).pop().unwrap();
    let ticket = String::from_utf8(acted.key.unwrap()).unwrap();
    let says = |desk: &Desk, kind: &str, severity: &str, who: &str| {
        let arguments = ["verdicts", "add", &ticket, "--kind", kind, "--severity", severity, "--reviewer", who];
        desk.say(0, &[&arguments[..], &["--reason", "looked at it"]].concat());
    };
    says(desk, "triage", "critical", "jane.doe");
    desk.broker.wait("told of the hard stop", DEADLINE, |_| receiver.told().len() == 1);
    desk.wait_map_followed();
    desk.assert_nothing_automatic(20);
    // The second reader is asked blind.
    let items = desk.broker.read("review", Isolation::Committed);
    let asked = items.iter().map(Record::json).rfind(|item| item["ticket_id"] == ticket.as_str()).unwrap();
    assert_eq!((&asked["reason"], &asked["prediction"]), (&"sample".into(), &Value::Null), "{asked}");
    says(desk, "second_reading", "low", "john.roe");
    desk.broker.wait("told that it goes on", DEADLINE, |_| receiver.told().len() == 2);
    desk.wait_automatic();
}

#[test]
fn the_receiver_hears_of_hard_stops_halts_and_transitions_once_each_whoever_leads() {
    let receiver = Receiver::start();
    let more = format!("{EARNED}[notify]\nurl = \"{}\"\n", receiver.url);
    let instances = ["one", "two"].map(|name| Instance { more: more.clone(), ..Instance::plain(name) });
    let Some(mut desk) = Desk::open_with("notices", &instances) else { return };
    desk.wait_automatic();
    hard_stop(&mut desk, &receiver);
    desk.say(0, &["halt", "--reason", "firmware wave", "--who", "mira"]);
    desk.broker.wait("told of the halt", DEADLINE, |_| receiver.told().len() == 3);
    let leader = desk.leader();
    desk.instances[leader].kill();
    desk.wait_renewal_of(|place| place != leader, DEADLINE);
    desk.say(0, &["rollout", "step-back", "rest", "--reason", "new templates", "--who", "mira"]);
    desk.broker.wait("told of the step back", DEADLINE, |_| receiver.told().len() >= 4);
    desk.say(0, &["resume", "--reason", "vendor has mended it", "--who", "mira"]);
    desk.broker.wait("told of the end", DEADLINE, |_| receiver.told().len() >= 5);
    let told = receiver.told();
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["hard_stop", "transition", "halt", "transition", "halt"], "{told:?}");
    let says = |place: usize, words: &[&str]| words.iter().all(|word| told[place].1.contains(word));
    assert!(says(0, &["rest"]) && says(1, &["rest", "auto_triage"]), "{told:?}");
    assert!(says(2, &["halted by mira", "firmware wave"]), "{told:?}");
    assert!(says(3, &["rest", "suggest"]), "{told:?}");
    assert!(says(4, &["resumed by mira"]), "{told:?}");
    desk.assert_clean();
}
