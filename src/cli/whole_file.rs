//! Files that are there whole or not at all.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context as _, anyhow};

/// Writes beside the target and renames once everything is on the disk, so that nobody reads half of it.
///
/// # Errors
/// What the file system says, or `write`.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let shown = path.display();
    let beside = path.with_extension("partial");
    let mut file = BufWriter::new(File::create(&beside).with_context(|| format!("{shown} cannot be made"))?);
    write(&mut file).with_context(|| format!("{shown} cannot be written"))?;
    let file = file.into_inner().map_err(|error| anyhow!("{shown} cannot be written: {}", error.error()))?;
    file.sync_all().with_context(|| format!("{shown} cannot be written"))?;
    std::fs::rename(&beside, path).with_context(|| format!("{shown} cannot be written"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_cannot_be_finished_leaves_the_old_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        write_whole(&path, |file| Ok(file.write_all(b"old")?)).unwrap();
        let failed = write_whole(&path, |file| {
            file.write_all(b"half")?;
            Err(anyhow!("no more"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        write_whole(&path, |file| Ok(file.write_all(b"new")?)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    }
}
