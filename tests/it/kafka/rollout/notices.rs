//! The outgoing webhook in a whole run: a receiver on loopback is told what the leader does, whoever leads.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::desk::{DEADLINE, Desk, EARNED, Instance, NEW_LEADER_WITHIN};

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
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut chunk = [0; 1024];
                let body = loop {
                    let length = stream.read(&mut chunk).unwrap();
                    request.extend_from_slice(&chunk[..length]);
                    let text = String::from_utf8_lossy(&request);
                    let body =
                        text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
                    if body.is_some() || length == 0 {
                        break body;
                    }
                };
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
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

#[test]
fn the_receiver_hears_of_halts_and_transitions_once_each_whoever_leads() {
    let receiver = Receiver::start();
    let more = format!("{EARNED}[notify]\nurl = \"{}\"\n", receiver.url);
    let instances = ["one", "two"].map(|name| Instance { more: more.clone(), ..Instance::plain(name) });
    let Some(mut desk) = Desk::open_with("notices", &instances) else { return };
    desk.wait_automatic();
    desk.say(0, &["halt", "--reason", "firmware wave", "--who", "mira"]);
    desk.broker.wait("told of the halt", DEADLINE, |_| receiver.told().len() == 1);
    let leader = desk.leader();
    desk.instances[leader].kill();
    desk.wait_renewal_of(|place| place != leader, NEW_LEADER_WITHIN);
    desk.say(0, &["rollout", "step-back", "rest", "--reason", "new templates", "--who", "mira"]);
    desk.broker.wait("told of the step back", DEADLINE, |_| receiver.told().len() >= 2);
    desk.say(0, &["resume", "--reason", "vendor has mended it", "--who", "mira"]);
    desk.broker.wait("told of the end", DEADLINE, |_| receiver.told().len() >= 3);
    let told = receiver.told();
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["halt", "transition", "halt"], "{told:?}");
    let says = |place: usize, words: &[&str]| words.iter().all(|word| told[place].1.contains(word));
    assert!(says(0, &["halted by mira", "firmware wave"]), "{told:?}");
    assert!(says(1, &["rest", "suggest"]), "{told:?}");
    assert!(says(2, &["resumed by mira"]), "{told:?}");
    desk.assert_clean();
}
