//! `noctriage status`: one screen of what the running daemon says of itself. It asks the daemon and reads no Kafka: what
//! is shown is what the daemon acts on.

mod ask;
mod rollout_lines;
mod screen;

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::admin::status::Status;
use crate::config::Settings;

use super::settings_file::SettingsFile;
use super::{CommandResult, EXIT_OK, EXIT_TEMPORARY, EXIT_USAGE, Failure};
use ask::{AskError, Url};
use rollout_lines::Detail;

/// Between two pictures of `--watch`: as often as the daemon counts.
const BETWEEN_PICTURES: Duration = Duration::from_secs(2);

/// Cursor to the top left, and everything below it away.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Only this slice.
    #[arg(long)]
    slice: Option<String>,
    /// Every gate that blocks the next step, with what it says, and the whole outlook.
    #[arg(long)]
    gates: bool,
    /// Show it anew every two seconds, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// The answer of the daemon, as JSON.
    #[arg(long, conflicts_with = "watch")]
    json: bool,
    /// Address of the daemon; without it that of admin.listen.
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
}

/// Runs `status`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let url = match &arguments.url {
        Some(url) => url.clone(),
        None => Url::of(arguments.file_of_settings.load()?.settings.admin.listen),
    };
    if !arguments.watch {
        let (text, status) = ask(&url)?;
        if arguments.json {
            println!("{text}");
        } else {
            print!("{}", picture(&status, arguments)?);
        }
        return Ok(EXIT_OK);
    }
    loop {
        // A daemon that restarts comes back: the picture says that it is away, and goes on.
        let shown = match ask(&url) {
            Ok((_, status)) => picture(&status, arguments)?,
            Err(failure) if failure.code == EXIT_TEMPORARY => format!("{:#}\n", failure.error),
            Err(failure) => return Err(failure),
        };
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{CLEAR}{shown}").as_bytes())
            .and_then(|()| out.flush())
            .context("writing the picture")?;
        drop(out);
        std::thread::sleep(BETWEEN_PICTURES);
    }
}

fn ask(url: &Url) -> Result<(String, Status), Failure> {
    let text = ask::get(url, "/api/v1/status").map_err(|error| match error {
        AskError::Connect { .. } | AskError::Broken { .. } => Failure::new(EXIT_TEMPORARY, error),
        AskError::NotTheDaemon { .. } => Failure::new(EXIT_USAGE, error),
    })?;
    let status = serde_json::from_str(&text)
        .with_context(|| format!("{url}/api/v1/status is not readable. hint: is it a noctriage of this version?"))
        .map_err(Failure::usage)?;
    Ok((text, status))
}

/// What the daemon of these settings says now.
pub(super) fn of_daemon(settings: &Settings) -> Result<Status, Failure> {
    ask(&Url::of(settings.admin.listen)).map(|(_, status)| status)
}

fn picture(status: &Status, arguments: &Arguments) -> Result<String, Failure> {
    let slice = arguments.slice.as_deref();
    if let Some(slice) = slice
        && !status.slices.iter().any(|known| known.slice == slice)
    {
        let known: Vec<&str> = status.slices.iter().map(|known| known.slice.as_str()).collect();
        return Err(Failure::usage(anyhow!("no slice {slice}; slices: {}", known.join(", "))));
    }
    let detail = if arguments.gates { Detail::Gates } else { Detail::Short };
    Ok(screen::draw(status, slice, detail))
}
