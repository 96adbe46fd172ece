//! `/metrics`, `/healthz`, `/readyz`, `/api/v1/status` and `/api/v1/accuracy`. No route reads a body, every answer is small, and connections are bounded in
//! number and in silence, so that nobody who reaches the port can take memory or sockets from triage.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use super::accuracy::AccuracyRecord;
use super::board::Board;
use super::health::{Health, Reason};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Connections at a time. A Prometheus pair, a probe and a few people need ten; one more waits in the kernel's backlog.
const CONNECTIONS_MAX: usize = 32;

/// Longest time in which a connection moves no byte. Longer than the usual scrape interval of 15 to 60 s, so that
/// Prometheus can keep its connection; a client that stops reading or never sends its request is cut off after it.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// After the signal to stop, how long answers under way may take.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

const TEXT: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
const JSON: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];
const PROMETHEUS_TEXT: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];

/// Why HTTP could not be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be listened on.
    #[error(
        "admin.listen: cannot listen on {address}; is another instance running, or is the address not of this host?"
    )]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The server ended by itself.
    #[error("the HTTP server on {address} has ended")]
    Serve {
        /// Where it listened.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
}

/// A bound server that does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
    idle_max: Duration,
}

#[derive(Clone, Debug)]
struct Shared {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    board: Arc<Board>,
}

impl Server {
    /// Takes the address, so that a port that is taken fails the start and not the first scrape.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn bind(
        address: SocketAddr,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        board: Arc<Board>,
    ) -> Result<Self, HttpError> {
        let bind_error = |source| HttpError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let routes = Router::new()
            .route("/metrics", get(metrics_text))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/api/v1/status", get(status))
            .route("/api/v1/accuracy", get(accuracy))
            .with_state(Shared { metrics, health, board });
        Ok(Self { listener, address, routes, idle_max: IDLE_MAX })
    }

    /// Where it listens; with port 0 in the configuration, the port the system gave.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` resolves, then gives answers under way two seconds.
    ///
    /// # Errors
    /// The server ended by itself.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), HttpError> {
        let Self { listener, address, routes, idle_max } = self;
        let listener = BoundedListener { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)), idle_max };
        let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
        let signal = async move {
            stop.await;
            drop(stopping);
        };
        let server = axum::serve(listener, routes).with_graceful_shutdown(signal).into_future();
        let deadline = async move {
            // The sender is dropped, never used: an error here is the signal.
            stopped.await.unwrap_or_default();
            sleep(SHUTDOWN_MAX).await;
        };
        tokio::select! {
            ended = server => ended.map_err(|source| HttpError::Serve { address, source }),
            () = deadline => Ok(()),
        }
    }
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    shared.metrics.ready(shared.health.ready().is_ok());
    if let Some(stands) = shared.board.stands() {
        shared.metrics.rollout(&stands.rollout.shown());
    }
    (PROMETHEUS_TEXT, shared.metrics.render())
}

async fn healthz(State(shared): State<Shared>) -> impl IntoResponse {
    answer("alive", shared.health.alive().map_err(|reason| vec![reason]))
}

async fn readyz(State(shared): State<Shared>) -> impl IntoResponse {
    answer("ready", shared.health.ready())
}

async fn status(State(shared): State<Shared>) -> impl IntoResponse {
    let status = shared.board.status(&shared.health, Clock::Real.operating_now());
    (JSON, serde_json::to_string(&status).expect("numbers, words and sentences are JSON"))
}

async fn accuracy(State(shared): State<Shared>) -> impl IntoResponse {
    let status = shared.board.status(&shared.health, Clock::Real.operating_now());
    let slices = status.slices.into_iter().filter_map(|slice| Some((slice.slice, slice.accuracy?)));
    let answer = AccuracyAnswer {
        schema: ACCURACY_SCHEMA,
        evaluated_at: status.verdicts.and_then(|verdicts| verdicts.evaluated_at),
        slices: slices.collect(),
        all_slices: status.all_slices,
    };
    (JSON, serde_json::to_string(&answer).expect("numbers, words and sentences are JSON"))
}

/// Value of `schema` in the answer of `/api/v1/accuracy`.
const ACCURACY_SCHEMA: &str = "noctriage.accuracy/v1";

/// Live accuracy alone, for other tools.
#[derive(serde::Serialize)]
struct AccuracyAnswer {
    schema: &'static str,
    /// Absent until everything has been read once.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluated_at: Option<crate::wire::values::Instant>,
    slices: std::collections::BTreeMap<String, AccuracyRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all_slices: Option<AccuracyRecord>,
}

fn answer(word: &str, state: Result<(), Vec<Reason>>) -> impl IntoResponse + use<> {
    match state {
        Ok(()) => (StatusCode::OK, TEXT, format!("{word}\n")),
        Err(reasons) => {
            let lines: Vec<String> = reasons.iter().map(|reason| format!("not {word}: {reason}\n")).collect();
            (StatusCode::SERVICE_UNAVAILABLE, TEXT, lines.concat())
        }
    }
}

/// Accepts a connection only while there is room for one.
struct BoundedListener {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    idle_max: Duration,
}

impl Listener for BoundedListener {
    type Io = BoundedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let permit =
            Arc::clone(&self.permits).acquire_owned().await.expect("this listener's semaphore is never closed");
        // axum's own accept waits and goes on when the system is out of file handles.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let idle = Box::pin(sleep(self.idle_max));
        (BoundedStream { stream, idle, idle_max: self.idle_max, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that ends after too long a silence.
struct BoundedStream {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    idle_max: Duration,
    _permit: OwnedSemaphorePermit,
}

impl BoundedStream {
    /// Passes on what moved, and starts the silence anew; when nothing moved, ends it if it was too long.
    fn watched<T>(&mut self, moved: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.idle.as_mut().reset(Instant::now() + self.idle_max);
            return moved;
        }
        ready!(self.idle.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_read(context, into);
        self.watched(moved, context)
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(moved, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
