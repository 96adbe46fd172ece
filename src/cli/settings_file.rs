//! How commands find the configuration: `--config FILE`, else `./noctriage.toml`, else `/etc/noctriage/noctriage.toml`.

use std::path::PathBuf;

use crate::config::{self, Loaded, Sources};

use super::Failure;

/// Which configuration a command reads.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SettingsFile {
    /// Configuration file; without it ./noctriage.toml, else /etc/noctriage/noctriage.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl SettingsFile {
    /// What a load reads.
    pub fn sources(&self) -> Sources {
        Sources::of_process(self.config.as_deref())
    }

    /// Reads everything.
    ///
    /// # Errors
    /// All mistakes of the configuration, with exit code 78.
    pub fn load(&self) -> Result<Loaded, Failure> {
        config::load(&self.sources()).map_err(Failure::configuration)
    }
}
