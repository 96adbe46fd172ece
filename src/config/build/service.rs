//! `[model]`, `[triage]`, `[admin]`, `[log]`, `[notify]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::reader::Reader;
use crate::config::settings::{
    AdminSettings, DeviceChoice, InferenceSettings, LogSettings, NotifySettings, TriageSettings,
};
use crate::config::webhook::Address;

/// Most candidates: each predicts the evidence draw beside the acting model.
const CANDIDATES_MAX: usize = 4;

pub(super) fn inference(reader: &Reader<'_>) -> InferenceSettings {
    let model = reader.path("model.directory").unwrap_or_else(|| {
        // Overrides alone (demo, tests) bring their own classifier.
        if reader.sources.file != crate::config::MainFile::NotWanted {
            reader.mistake("model.directory", "is not set; name the directory of the acting model");
        }
        PathBuf::new()
    });
    let candidates = reader.paths("model.candidates");
    if candidates.len() > CANDIDATES_MAX {
        reader.mistake("model.candidates", format!("names {}; at most {CANDIDATES_MAX}", candidates.len()));
    }
    InferenceSettings {
        baseline: reader.path("model.baseline").unwrap_or_else(|| model.with_file_name("tfidf")),
        model,
        root_cause_model: reader.path("model.root_cause_directory"),
        candidates,
        device: device(reader),
        threads: reader.whole("model.threads"),
        batch_tokens_max: reader.whole("model.batch_tokens_max"),
        deadline: reader.milliseconds("model.deadline_ms"),
    }
}

fn device(reader: &Reader<'_>) -> DeviceChoice {
    let word = reader.text("model.device");
    let gpu = word.strip_prefix("cuda:").and_then(|number| number.parse().ok()).filter(|number| *number < 64);
    match (word, gpu) {
        ("auto", _) => DeviceChoice::Auto,
        ("cpu", _) => DeviceChoice::Cpu,
        ("cuda", _) => DeviceChoice::Cuda(0),
        (_, Some(number)) => DeviceChoice::Cuda(number),
        (_, None) => {
            reader.mistake("model.device", format!("`{word}` is not one of auto, cpu, cuda, cuda:N (N from 0 to 63)"));
            DeviceChoice::Cpu
        }
    }
}

pub(super) fn triage(reader: &Reader<'_>) -> TriageSettings {
    let settings = TriageSettings {
        batch_records_max: reader.whole("triage.batch_records_max"),
        batch_wait: reader.milliseconds("triage.batch_wait_ms"),
        buffer_records_max: reader.whole("triage.buffer_records_max"),
        buffer_bytes_max: reader.whole::<usize>("triage.buffer_mib_max") << 20,
        drain_deadline: reader.seconds("triage.drain_deadline_s"),
        view_window: Duration::from_hours(1) * reader.whole::<u32>("triage.view_window_hours"),
        view_records_max: reader.whole("triage.view_records_max"),
        view_rebuild_deadline: reader.seconds("triage.view_rebuild_deadline_s"),
    };
    if settings.buffer_records_max < settings.batch_records_max {
        reader.mistake("triage.buffer_records_max", "is smaller than triage.batch_records_max: no batch would fill");
    }
    settings
}

pub(super) fn admin(reader: &Reader<'_>) -> AdminSettings {
    let text = reader.text("admin.listen");
    let is_behind_proxy = reader.flag("admin.behind_proxy");
    let listen = text.parse().unwrap_or_else(|_| {
        reader.mistake("admin.listen", format!("`{text}` is not an address with a port, as 127.0.0.1:9464"));
        SocketAddr::from((Ipv4Addr::LOCALHOST, 9464))
    });
    if !listen.ip().is_loopback() && !is_behind_proxy {
        reader.mistake(
            "admin.listen",
            format!(
                "{listen} is not a loopback address; set admin.behind_proxy = true if a proxy or firewall guards it"
            ),
        );
    }
    AdminSettings { listen, socket: reader.path("admin.socket") }
}

pub(super) fn log(reader: &Reader<'_>) -> LogSettings {
    let filter = reader.text("log.filter");
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(filter) {
        reader
            .mistake("log.filter", format!("is not a filter: {error}; write for example info,noctriage::kafka=debug"));
    }
    LogSettings { filter: filter.to_owned(), json: reader.flag("log.json") }
}

pub(super) fn notify(reader: &Reader<'_>) -> NotifySettings {
    let address = reader.set_text("notify.url").map(Address::try_new).transpose();
    NotifySettings {
        address: address.unwrap_or_else(|why| {
            reader.mistake("notify.url", why.to_string());
            None
        }),
    }
}
