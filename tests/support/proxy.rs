//! A TCP proxy between the program and one broker, and the weather on that line.
//!
//! The broker has a listener that tells its clients to come to the proxy's port. The proxy reads Kafka's frames only as far as
//! their length, and of a request its key and its correlation id, so that what it does, it does between two frames, and can
//! choose whose answer is lost. It rewrites nothing but answers that are to name no brokers.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// `Produce`, records.
pub(crate) const PRODUCE: i16 = 0;
/// `Metadata`: brokers, topics and who leads them.
const METADATA: i16 = 3;
/// Of `Metadata`: the first version that is encoded as [`without_brokers`] reads it.
const METADATA_FLEXIBLE: i16 = 9;
/// `EndTxn`, the commit itself.
pub(crate) const END_TXN: i16 = 26;
/// `TxnOffsetCommit`, the offsets of a transaction.
pub(crate) const TXN_OFFSET_COMMIT: i16 = 28;

/// A longer frame is no frame of Kafka's: the proxy has lost its place.
const FRAME_BYTES_MAX: usize = 64 << 20;
/// Frames held per direction of a connection; beyond it the proxy stops reading, as a full socket would.
const FRAMES_HELD_MAX: usize = 1024;

/// What happens on the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Weather {
    /// Frames pass.
    Clear,
    /// Every answer is late by a time drawn evenly between nothing and this; the order stays.
    Latency { max: Duration },
    /// This share of requests ends its connection: half before the broker has the request, half in place of the answer.
    Resets { share: f64 },
    /// Nothing passes in one direction. What was sent meanwhile arrives when the weather changes, as TCP sends it again,
    /// even if the sender has given up.
    BlackHole(Direction),
    /// Clear until one of these requests passes; from then on no answer does, to it or to any other.
    SilentFrom { of: &'static [i16] },
    /// The broker does what these requests ask; this share of its answers never arrives, and the connection ends.
    LostAnswers { of: &'static [i16], share: f64 },
    /// The connections of clients whose id does not end so are ended at their next request: nothing of theirs arrives.
    OnlyClients { suffix: &'static str },
    /// Answers to `Metadata` name topics, and no brokers: as of a broker that wakes up, and is fenced for a moment.
    NoBrokers,
}

/// A direction, as the program sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the program to the broker.
    Requests,
    /// From the broker to the program.
    Answers,
}

/// What has happened so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) requests_lost: AtomicU64,
    pub(crate) answers_lost: AtomicU64,
    /// Answers that named no brokers.
    pub(crate) without_brokers: AtomicU64,
    /// Frames that waited for the end of a black hole.
    pub(crate) held: AtomicU64,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    RequestLost,
    AnswerLost,
    WithoutBrokers,
}

/// A running proxy; dropped, it ends all connections.
pub(crate) struct Proxy {
    weather: Arc<watch::Sender<Weather>>,
    counts: Arc<Counts>,
    // Owns the threads: dropped last.
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    /// Listens on `port` of loopback and forwards to `target`. The same seed and the same requests meet the same fate.
    ///
    /// # Errors
    /// If the port cannot be listened on.
    pub(crate) fn start(port: u16, target: u16, seed: u64) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port)))?;
        let weather = Arc::new(watch::Sender::new(Weather::Clear));
        let counts = Arc::new(Counts::default());
        let target = SocketAddr::from(([127, 0, 0, 1], target));
        runtime.spawn(accept(listener, target, Arc::clone(&weather), Arc::clone(&counts), seed));
        Ok(Self { weather, counts, _runtime: runtime })
    }

    /// Changes the weather of all connections, those that are open too.
    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    counts: Arc<Counts>,
    seed: u64,
) {
    // Ends with the runtime. A refused accept (no descriptors left) is tried again after a pause.
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let number = counts.connections.fetch_add(1, Ordering::Relaxed);
        let line = Line {
            weather: Arc::clone(&weather),
            counts: Arc::clone(&counts),
            unanswered: Mutex::default(),
            luck: Mutex::new(fastrand::Rng::with_seed(seed ^ (number << 20))),
        };
        tokio::spawn(async move {
            let Ok(broker) = TcpStream::connect(target).await else { return };
            line.carry(client, broker).await;
        });
    }
}

/// One connection.
struct Line {
    weather: Arc<watch::Sender<Weather>>,
    counts: Arc<Counts>,
    /// Requests whose answer is still to come, and what becomes of it.
    unanswered: Mutex<HashMap<i32, Fate>>,
    luck: Mutex<fastrand::Rng>,
}

/// The connection was broken on purpose.
struct Broken;

impl Line {
    async fn carry(self, mut client: TcpStream, mut broker: TcpStream) {
        let both_ways = client.set_nodelay(true).and_then(|()| broker.set_nodelay(true));
        if both_ways.is_err() {
            return;
        }
        let (from_client, to_client) = client.split();
        let (from_broker, to_broker) = broker.split();
        let (requests_in, requests_out) = mpsc::channel(FRAMES_HELD_MAX);
        let (answers_in, answers_out) = mpsc::channel(FRAMES_HELD_MAX);
        let ended = tokio::try_join!(
            self.read(from_client, Direction::Requests, requests_in),
            self.write(requests_out, Direction::Requests, to_broker),
            self.read(from_broker, Direction::Answers, answers_in),
            self.write(answers_out, Direction::Answers, to_client),
        );
        if ended.is_err() {
            // A reset, not a polite end. If the socket is gone already, that is what was wanted.
            for stream in [&client, &broker] {
                stream.set_zero_linger().unwrap_or_default();
            }
        }
    }

    async fn read(
        &self,
        mut from: impl AsyncReadExt + Unpin,
        direction: Direction,
        frames: mpsc::Sender<(Instant, Vec<u8>)>,
    ) -> Result<(), Broken> {
        let mut release_at = Instant::now();
        // Whichever end closes, the frames before it still travel.
        while let Ok(mut frame) = read_frame(&mut from).await {
            let fate = match direction {
                Direction::Requests => self.request(&frame),
                Direction::Answers => self.answer(&frame),
            };
            if fate == Fate::RequestLost || (fate == Fate::AnswerLost && direction == Direction::Answers) {
                return Err(Broken);
            }
            if fate == Fate::WithoutBrokers && direction == Direction::Answers {
                let Some(rewritten) = without_brokers(&frame) else { return Err(Broken) };
                self.counts.without_brokers.fetch_add(1, Ordering::Relaxed);
                frame = rewritten;
            }
            release_at = release_at.max(Instant::now() + self.delay(direction));
            if frames.send((release_at, frame)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        mut frames: mpsc::Receiver<(Instant, Vec<u8>)>,
        direction: Direction,
        mut to: impl AsyncWriteExt + Unpin,
    ) -> Result<(), Broken> {
        let mut weather = self.weather.subscribe();
        while let Some((release_at, frame)) = frames.recv().await {
            tokio::time::sleep_until(release_at).await;
            if *weather.borrow() == Weather::BlackHole(direction) {
                self.counts.held.fetch_add(1, Ordering::Relaxed);
                // An error says that the proxy is gone, and this task with it.
                if weather.wait_for(|now| *now != Weather::BlackHole(direction)).await.is_err() {
                    return Err(Broken);
                }
            }
            if to.write_all(&frame).await.is_err() {
                // The receiver has given up. Frames that follow have nowhere to go.
                frames.close();
                return Ok(());
            }
        }
        to.shutdown().await.unwrap_or_default();
        Ok(())
    }

    fn delay(&self, direction: Direction) -> Duration {
        match (*self.weather.borrow(), direction) {
            (Weather::Latency { max }, Direction::Answers) => max.mul_f64(self.draw()),
            (
                Weather::Clear
                | Weather::Latency { .. }
                | Weather::Resets { .. }
                | Weather::BlackHole(_)
                | Weather::SilentFrom { .. }
                | Weather::LostAnswers { .. }
                | Weather::OnlyClients { .. }
                | Weather::NoBrokers,
                Direction::Requests | Direction::Answers,
            ) => Duration::ZERO,
        }
    }

    fn request(&self, frame: &[u8]) -> Fate {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let (Some(api), Some(correlation)) = (number_at(frame, 4), number_at(frame, 8)) else { return Fate::Answered };
        let (api, version) = ((api >> 16) as i16, api as i16);
        let weather = *self.weather.borrow();
        let fate = match weather {
            Weather::Resets { share } if self.draw() < share => {
                if self.draw() < 0.5 {
                    Fate::RequestLost
                } else {
                    Fate::AnswerLost
                }
            }
            Weather::SilentFrom { of } if of.contains(&api) => {
                self.weather.send_replace(Weather::BlackHole(Direction::Answers));
                Fate::Answered
            }
            Weather::LostAnswers { of, share } if of.contains(&api) && self.draw() < share => Fate::AnswerLost,
            Weather::OnlyClients { suffix } if !client_id(frame).is_some_and(|id| id.ends_with(suffix.as_bytes())) => {
                Fate::RequestLost
            }
            Weather::NoBrokers if api == METADATA && version >= METADATA_FLEXIBLE => Fate::WithoutBrokers,
            Weather::Clear
            | Weather::Latency { .. }
            | Weather::BlackHole(_)
            | Weather::Resets { .. }
            | Weather::SilentFrom { .. }
            | Weather::LostAnswers { .. }
            | Weather::OnlyClients { .. }
            | Weather::NoBrokers => Fate::Answered,
        };
        match fate {
            Fate::Answered => {}
            Fate::RequestLost => {
                self.counts.requests_lost.fetch_add(1, Ordering::Relaxed);
            }
            Fate::AnswerLost | Fate::WithoutBrokers => {
                self.unanswered.lock().expect("no panic while counting").insert(correlation, fate);
            }
        }
        fate
    }

    fn answer(&self, frame: &[u8]) -> Fate {
        let correlation = number_at(frame, 4);
        let mut unanswered = self.unanswered.lock().expect("no panic while counting");
        let fate = correlation.and_then(|correlation| unanswered.remove(&correlation)).unwrap_or(Fate::Answered);
        if fate == Fate::AnswerLost {
            self.counts.answers_lost.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }

    fn draw(&self) -> f64 {
        self.luck.lock().expect("no panic while drawing").f64()
    }
}

/// A frame with its length in front, as it came.
async fn read_frame(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame).await?;
    let length = number_at(&frame, 0).and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|length| *length <= FRAME_BYTES_MAX) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a frame of Kafka's"));
    };
    frame.resize(4 + length, 0);
    from.read_exact(&mut frame[4..]).await?;
    Ok(frame)
}

fn number_at(frame: &[u8], position: usize) -> Option<i32> {
    frame.get(position..position + 4)?.try_into().ok().map(i32::from_be_bytes)
}

/// Behind the correlation id of a request.
fn client_id(frame: &[u8]) -> Option<&[u8]> {
    let length = u16::from_be_bytes(frame.get(12..14)?.try_into().ok()?);
    frame.get(14..14 + usize::from(length))
}

/// An answer to `Metadata`, of a flexible version, without its brokers: length, correlation id, tags, throttle time, brokers,
/// the rest. `None`: it is none.
fn without_brokers(frame: &[u8]) -> Option<Vec<u8>> {
    let mut rest = frame.get(8..)?;
    skip_tags(&mut rest)?;
    skip(&mut rest, 4)?;
    let before = frame.len() - rest.len();
    // Lengths are one more than they are, so that nothing is told from empty.
    for _ in 1..varint(&mut rest)? {
        skip(&mut rest, 4)?;
        skip_text(&mut rest)?;
        skip(&mut rest, 4)?;
        skip_text(&mut rest)?;
        skip_tags(&mut rest)?;
    }
    let mut rewritten = [&frame[..before], &[1], rest].concat();
    let length = i32::try_from(rewritten.len() - 4).ok()?;
    rewritten[..4].copy_from_slice(&length.to_be_bytes());
    Some(rewritten)
}

fn skip(rest: &mut &[u8], bytes: usize) -> Option<()> {
    *rest = rest.get(bytes..)?;
    Some(())
}

fn varint(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *rest.first()?;
        skip(rest, 1)?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn skip_text(rest: &mut &[u8]) -> Option<()> {
    let length = varint(rest)?;
    skip(rest, length.saturating_sub(1))
}

fn skip_tags(rest: &mut &[u8]) -> Option<()> {
    for _ in 0..varint(rest)? {
        varint(rest)?;
        let bytes = varint(rest)?;
        skip(rest, bytes)?;
    }
    Some(())
}
