//! Secrets: read from files that others cannot read, never from the configuration itself, never printed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::policy::ruling::DrawKey;

/// Largest secret, in bytes: a private key with its chain fits many times.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Who may read a secret's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// The owner alone (mode 0600 or 0400).
    Owner,
    /// The owner and a group that cannot write (mode 0640 at most).
    OwnerAndGroup,
}

/// Where a secret's file lies: a bare name in `$CREDENTIALS_DIRECTORY` if it is there, else beside the configuration.
pub(super) fn locate(name: &str, directory: &Path, credentials: Option<&Path>) -> (PathBuf, Place) {
    let is_bare = !name.contains('/');
    let credential = credentials.filter(|_| is_bare).map(|credentials| credentials.join(name));
    match credential.filter(|path| path.exists()) {
        Some(path) => (path, Place::Credentials),
        None => (directory.join(name), Place::File),
    }
}

/// In whose care a secret's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// systemd's: it gives access by an access list, which shows as a group's read bit.
    Credentials,
    /// The operator's.
    File,
}

/// Checks who may read a file, and reads it as text without its last line break.
///
/// # Errors
/// What is wrong, and what to do. Never the content.
pub(super) fn read(path: &Path, readers: Readers) -> Result<String, String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    let mode = metadata.permissions().mode() & 0o777;
    let (forbidden, wanted) = match readers {
        Readers::Owner => (0o077, "chmod 600"),
        Readers::OwnerAndGroup => (0o027, "chmod o-rwx,g-w"),
    };
    if mode & forbidden != 0 {
        return Err(format!("{shown} may be read or changed by others (mode {mode:04o}); run `{wanted} {shown}`"));
    }
    if metadata.len() > SECRET_BYTES_MAX {
        return Err(format!("{shown} has {} bytes; a secret has at most {SECRET_BYTES_MAX}", metadata.len()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown} cannot be read as text: {error}"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads the key of the draws: 32 hexadecimal digits.
///
/// # Errors
/// What is wrong, and what to do. Never the content.
pub(super) fn read_draw_key(path: &Path, place: Place) -> Result<DrawKey, String> {
    let shown = path.display();
    if !path.exists() {
        return Err(format!(
            "{shown} does not exist; run `noctriage init` for the first instance, copy its draw.key to all others"
        ));
    }
    let readers = match place {
        Place::Credentials => Readers::OwnerAndGroup,
        Place::File => Readers::Owner,
    };
    let text = read(path, readers)?;
    parse_draw_key(text.trim()).ok_or_else(|| {
        format!("{shown} does not hold 32 hexadecimal digits; copy it anew from another instance, or make one with `noctriage init`")
    })
}

/// Reads 32 hexadecimal digits.
pub fn parse_draw_key(text: &str) -> Option<DrawKey> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0; 16];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(DrawKey(key))
}
