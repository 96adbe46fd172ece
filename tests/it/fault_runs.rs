//! What the longer fault runs (`benches/faults`) stand on: the weather on the line is as it was asked for, or a run that met
//! none would prove nothing; and memory that grows is seen to grow.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::support::port::free_port;
use crate::support::proxy::{Direction, END_TXN, Proxy, Weather};
use crate::support::usage::{look, slope};

const DEADLINE: Duration = Duration::from_secs(120);
const METADATA: i16 = 3;

/// A broker that answers every request with its correlation id and its body, and tells what it has read.
struct Broker {
    port: u16,
    requests: Receiver<Vec<u8>>,
}

impl Broker {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, requests) = sync_channel(100);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, tell) = (stream.unwrap(), tell.clone());
                std::thread::spawn(move || {
                    while let Some(request) = read_frame(&mut stream) {
                        let answer = framed(&request[4..]);
                        tell.send(request).unwrap();
                        if stream.write_all(&answer).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, requests }
    }
}

struct Line {
    proxy: Proxy,
    broker: Broker,
    client: TcpStream,
}

fn line() -> Line {
    let broker = Broker::start();
    let port = free_port();
    let proxy = Proxy::start(port, broker.port, 7).unwrap();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    Line { proxy, broker, client }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

/// Key, version, correlation id, and something to carry.
fn request(api: i16, correlation: i32) -> Vec<u8> {
    let mut body = [&api.to_be_bytes()[..], &[0, 7], &correlation.to_be_bytes()].concat();
    body.resize(8 + 3 * correlation.unsigned_abs() as usize, correlation as u8);
    framed(&body)
}

/// Without its length; `None` when the connection has ended, politely or not.
fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

#[test]
fn frames_pass_unchanged_and_in_order_and_late_ones_too() {
    for weather in [Weather::Clear, Weather::Latency { max: Duration::from_millis(20) }] {
        let Line { proxy, broker, mut client } = line();
        proxy.set(weather);
        for correlation in 1..20 {
            client.write_all(&request(METADATA, correlation)).unwrap();
        }
        for correlation in 1..20 {
            let sent = request(METADATA, correlation);
            assert_eq!(broker.requests.recv_timeout(DEADLINE).unwrap(), sent[4..], "{weather:?}");
            assert_eq!(read_frame(&mut client).unwrap(), sent[8..], "{weather:?}");
        }
    }
}

#[test]
fn a_black_hole_holds_one_direction_and_lets_it_all_go_in_the_end() {
    let Line { proxy, broker, mut client } = line();
    proxy.set(Weather::BlackHole(Direction::Requests));
    client.write_all(&request(METADATA, 1)).unwrap();
    client.write_all(&request(METADATA, 2)).unwrap();
    wait("a frame is held", || proxy.counts().held.load(Ordering::Relaxed) == 1);
    assert!(broker.requests.try_recv().is_err());
    proxy.set(Weather::BlackHole(Direction::Answers));
    for correlation in [1, 2] {
        assert_eq!(broker.requests.recv_timeout(DEADLINE).unwrap(), request(METADATA, correlation)[4..]);
    }
    wait("an answer is held", || proxy.counts().held.load(Ordering::Relaxed) >= 2);
    proxy.set(Weather::Clear);
    for correlation in [1, 2] {
        assert_eq!(read_frame(&mut client).unwrap(), request(METADATA, correlation)[8..]);
    }
}

#[test]
fn what_a_sender_that_gave_up_had_sent_arrives_after_the_black_hole() {
    let Line { proxy, broker, mut client } = line();
    proxy.set(Weather::BlackHole(Direction::Requests));
    client.write_all(&request(END_TXN, 1)).unwrap();
    wait("a frame is held", || proxy.counts().held.load(Ordering::Relaxed) == 1);
    drop(client);
    proxy.set(Weather::Clear);
    assert_eq!(broker.requests.recv_timeout(DEADLINE).unwrap(), request(END_TXN, 1)[4..]);
}

#[test]
fn only_the_answers_that_were_named_are_lost_and_the_broker_has_the_request() {
    let Line { proxy, broker, mut client } = line();
    proxy.set(Weather::LostAnswers { of: &[END_TXN], share: 1.0 });
    client.write_all(&request(METADATA, 1)).unwrap();
    assert!(read_frame(&mut client).is_some());
    client.write_all(&request(END_TXN, 2)).unwrap();
    assert_eq!(read_frame(&mut client), None);
    assert_eq!(broker.requests.iter().take(2).last().unwrap(), request(END_TXN, 2)[4..]);
    assert_eq!(proxy.counts().answers_lost.load(Ordering::Relaxed), 1);
}

#[test]
fn a_reset_ends_the_connection_before_or_after_the_broker_has_the_request() {
    let Line { proxy, broker: _broker, mut client } = line();
    proxy.set(Weather::Resets { share: 1.0 });
    client.write_all(&request(METADATA, 1)).unwrap();
    assert_eq!(read_frame(&mut client), None);
    let counts = proxy.counts();
    let lost = [&counts.requests_lost, &counts.answers_lost].map(|lost| lost.load(Ordering::Relaxed));
    assert_eq!(lost.iter().sum::<u64>(), 1, "{lost:?}");
}

#[test]
fn only_the_clients_that_were_named_reach_the_broker() {
    for (id, passes) in [("noctriage-one-question", true), ("noctriage-one", false)] {
        let Line { proxy, broker, mut client } = line();
        proxy.set(Weather::OnlyClients { suffix: "-question" });
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        let request = [&METADATA.to_be_bytes()[..], &[0, 12], &[0, 0, 0, 1], &length, id.as_bytes()].concat();
        client.write_all(&framed(&request)).unwrap();
        assert_eq!(read_frame(&mut client).is_some(), passes, "{id}");
        assert_eq!(broker.requests.try_recv().is_ok(), passes, "{id}");
    }
}

/// Correlation id, tags, throttle time; two brokers, one of them in a rack and one with a tag; and what follows.
#[test]
fn an_answer_that_is_to_name_no_brokers_keeps_all_else() {
    let Line { proxy, broker: _broker, mut client } = line();
    proxy.set(Weather::NoBrokers);
    let correlation = 9_i32.to_be_bytes();
    let one = [&[0, 0, 0, 1][..], b"\x0alocalhost", &[0, 0, 0x23, 0x84], b"\x03r1", &[0]].concat();
    let two = [&[0, 0, 0, 2][..], b"\x0alocalhost", &[0, 0, 0x23, 0x85], &[0], &[1, 5, 2, 7, 7]].concat();
    let (before, after) = ([&correlation[..], &[0, 0, 0, 0, 0]].concat(), [1, 2, 3]);
    let answer = [&before[..], &[3], &one, &two, &after].concat();
    let request = [&METADATA.to_be_bytes()[..], &[0, 12], &answer].concat();
    client.write_all(&framed(&request)).unwrap();
    assert_eq!(read_frame(&mut client).unwrap(), [&before[..], &[1], &after].concat());
    assert_eq!(proxy.counts().without_brokers.load(Ordering::Relaxed), 1);
}

fn wait(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_slope_of_a_straight_line_is_its_own_and_one_point_has_none() {
    let line: Vec<(f64, f64)> = [0.0, 1.0, 4.0].map(|x| (x, 2.5 - 0.5 * x)).to_vec();
    assert_eq!(slope(&line), Some(-0.5));
    assert_eq!(slope(&[(0.0, 1.0), (0.0, 3.0)]), None);
    assert_eq!(slope(&[]), None);
}

#[test]
fn a_process_that_lives_has_memory_and_descriptors_and_one_that_does_not_has_none() {
    let own = look(std::process::id(), 1.0).unwrap();
    assert!(own.resident_mib > 1.0 && own.descriptors >= 3, "{own:?}");
    assert_eq!(look(u32::MAX, 1.0), None);
}
