//! The admin socket: a Unix socket through which whoever owns it halts this instance when brokers are away, and resumes it.
//! One request a connection, one line of JSON each way, bounded in size and time; one connection after the other. Who may
//! connect is what the file system says: mode 0600, and it never has another for a moment.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rollout::control::Signature;

/// Longest request or answer: a name and a reason at their longest, in the longest escapes, fit twice.
const LINE_BYTES_MAX: u64 = 32 << 10;
/// Longest silence of the other side. A client that says nothing keeps the next one waiting so long.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// After an accept that failed: out of file handles, most likely.
const AFTER_FAULT: Duration = Duration::from_millis(500);

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAsk {
    /// No automatic action of this instance, until a person resumes.
    Halt(Signature),
    /// Lifts it.
    Resume(Signature),
}

/// Does what is asked; the sentence that is said back, or why it is not done.
pub type Obey = dyn Fn(LocalAsk) -> Result<String, String> + Send + Sync;

/// A request as it is sent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    ask: String,
    who: String,
    why: String,
}

/// An answer as it is sent.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(String),
    Refused(String),
}

/// Why the socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// It cannot be made.
    #[error(
        "admin.socket: {path} cannot be listened on. hint: its folder must be there, and this user must be able to write in it"
    )]
    Listen {
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process answers there.
    #[error("admin.socket: another process listens on {0}. hint: give each instance a socket of its own")]
    Taken(PathBuf),
    /// Nobody answers.
    #[error(
        "{path}: no daemon answers there. hint: `systemctl status noctriage`; create the file that rollout.halt_file names, \
         or stop the instance: what does not run does not act"
    )]
    Ask {
        /// Where it was asked.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It was not done.
    #[error("refused: {0}")]
    Refused(String),
}

/// A socket that is listened on. It goes with this value; its thread waits for the end of the process.
#[derive(Debug)]
pub struct AdminSocket {
    path: PathBuf,
}

impl AdminSocket {
    /// Listens on a path. What a dead process left there is taken away.
    ///
    /// # Errors
    /// Another process listens there, or nobody can.
    pub fn open(path: &Path, obey: Arc<Obey>) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Listen { path: path.to_owned(), source };
        if UnixStream::connect(path).is_ok() {
            return Err(SocketError::Taken(path.to_owned()));
        }
        // Under its name only once it has its mode: nobody else connects in between.
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        remove(&beside).map_err(failed)?;
        let listener = UnixListener::bind(&beside).map_err(failed)?;
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)?;
        let body = move || serve(&listener, &*obey);
        std::thread::Builder::new().name("admin-socket".into()).spawn(body).map_err(failed)?;
        Ok(Self { path: path.to_owned() })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::debug!(%error, "the admin socket stays, and is taken away by the next start");
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn serve(listener: &UnixListener, obey: &Obey) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                if let Err(error) = answer(stream, obey) {
                    tracing::warn!(%error, "a request through the admin socket broke off");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the admin socket");
                std::thread::sleep(AFTER_FAULT);
            }
        }
    }
}

fn answer(stream: UnixStream, obey: &Obey) -> io::Result<()> {
    let line = read_line(&stream)?;
    let answer = match read(&line).and_then(obey) {
        Ok(done) => Answer::Done(done),
        Err(why) => Answer::Refused(why),
    };
    write_line(stream, &answer)
}

fn read(line: &str) -> Result<LocalAsk, String> {
    let request: Request = serde_json::from_str(line).map_err(|error| format!("not a request: {error}"))?;
    let signed = Signature::try_new(&request.who, &request.why).map_err(|error| error.to_string())?;
    match request.ask.as_str() {
        "halt" => Ok(LocalAsk::Halt(signed)),
        "resume" => Ok(LocalAsk::Resume(signed)),
        other => Err(format!("`{}` is neither halt nor resume", other.chars().take(32).collect::<String>())),
    }
}

fn read_line(stream: &UnixStream) -> io::Result<String> {
    stream.set_read_timeout(Some(WAIT_MAX))?;
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    Ok(line)
}

fn write_line(mut stream: UnixStream, value: &impl Serialize) -> io::Result<()> {
    stream.set_write_timeout(Some(WAIT_MAX))?;
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Asks the daemon that listens on a path, and says what it has done.
///
/// # Errors
/// Nobody answers, or it is not done.
pub fn ask(path: &Path, ask: &LocalAsk) -> Result<String, SocketError> {
    let (word, signed) = match ask {
        LocalAsk::Halt(signed) => ("halt", signed),
        LocalAsk::Resume(signed) => ("resume", signed),
    };
    let request = Request { ask: word.to_owned(), who: signed.who().to_owned(), why: signed.why().to_owned() };
    let exchange = || {
        let stream = UnixStream::connect(path)?;
        write_line(stream.try_clone()?, &request)?;
        let line = read_line(&stream)?;
        serde_json::from_str(&line).map_err(io::Error::other)
    };
    match exchange() {
        Ok(Answer::Done(done)) => Ok(done),
        Ok(Answer::Refused(why)) => Err(SocketError::Refused(why)),
        Err(source) => Err(SocketError::Ask { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn signed() -> Signature {
        Signature::try_new("mira", "fibre cut").unwrap()
    }

    /// A socket that writes down what it is asked, in a folder that lives as long as it.
    fn listening() -> (tempfile::TempDir, PathBuf, AdminSocket, Arc<Mutex<Vec<LocalAsk>>>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let obey = move |ask: LocalAsk| {
            heard.lock().unwrap().push(ask.clone());
            match ask {
                LocalAsk::Halt(_) => Ok("halted".to_owned()),
                LocalAsk::Resume(_) => Err("not now".to_owned()),
            }
        };
        let socket = AdminSocket::open(&path, Arc::new(obey)).unwrap();
        (folder, path, socket, asked)
    }

    #[test]
    fn a_request_is_obeyed_and_answered() {
        let (_folder, path, socket, asked) = listening();
        assert_eq!(ask(&path, &LocalAsk::Halt(signed())).unwrap(), "halted");
        assert_eq!(ask(&path, &LocalAsk::Resume(signed())).unwrap_err().to_string(), "refused: not now");
        assert_eq!(*asked.lock().unwrap(), [LocalAsk::Halt(signed()), LocalAsk::Resume(signed())]);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn only_its_owner_may_connect_and_no_second_process_takes_it() {
        let (folder, path, _socket, _) = listening();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let second = AdminSocket::open(&path, Arc::new(|_| Ok(String::new())));
        assert!(matches!(second, Err(SocketError::Taken(_))), "{second:?}");
    }

    #[test]
    fn what_a_dead_process_left_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        let _socket = AdminSocket::open(&path, Arc::new(|_| Ok("alive".to_owned()))).unwrap();
        assert_eq!(ask(&path, &LocalAsk::Halt(signed())).unwrap(), "alive");
    }

    #[test]
    fn bytes_that_are_no_request_are_refused_and_nothing_is_done() {
        let (_folder, path, _socket, asked) = listening();
        let unsigned = r#"{"ask":"halt","who":"mira","why":" "}"#;
        let unknown = r#"{"ask":"promote","who":"mira","why":"because"}"#;
        for bytes in ["", "\n", "halt\n", unsigned, unknown, &"x".repeat(100_000)] {
            let mut stream = UnixStream::connect(&path).unwrap();
            // The other side may have heard enough of the long one already.
            let sent = stream.write_all(bytes.as_bytes());
            stream.shutdown(std::net::Shutdown::Write).unwrap_or_default();
            let mut said = String::new();
            if sent.is_ok() && stream.read_to_string(&mut said).is_ok() {
                assert!(said.starts_with(r#"{"refused":"#), "{bytes}: {said}");
            }
        }
        assert_eq!(ask(&path, &LocalAsk::Halt(signed())).unwrap(), "halted");
        assert_eq!(asked.lock().unwrap().len(), 1);
    }

    #[test]
    fn where_nobody_listens_it_is_said_what_halts_all_the_same() {
        let error = ask(Path::new("/nowhere/admin.sock"), &LocalAsk::Halt(signed())).unwrap_err();
        assert!(error.to_string().contains("rollout.halt_file"), "{error}");
    }
}
