//! `[kafka]`: group, topics, timeouts, and who we are to the brokers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::reader::Reader;
use crate::config::secrets::{self, Readers};
use crate::config::settings::{Compression, KafkaSettings, Secret, SecuritySettings, TopicCreation, TopicNames};
use crate::config::typed;

const DAY: Duration = Duration::from_hours(24);

/// What stands between group and instance id in the longest of our names to the brokers.
const LONGEST_INFIX: &str = "-acknowledged-";

pub(super) fn settings(reader: &Reader<'_>) -> KafkaSettings {
    let transaction_timeout = reader.milliseconds("kafka.transaction_timeout_ms");
    let settings = KafkaSettings {
        brokers: brokers(reader),
        group: reader.text("kafka.group").to_owned(),
        instance_id: instance_id(reader),
        topics: topics(reader),
        compression: compression(reader),
        security: security(reader),
        session_timeout: reader.milliseconds("kafka.session_timeout_ms"),
        transaction_timeout,
        request_timeout: reader.milliseconds("kafka.request_timeout_ms"),
        create: TopicCreation {
            replication: reader.whole("kafka.create.replication"),
            partitions: reader.whole("kafka.create.partitions"),
            decisions_retention: DAY * reader.whole::<u32>("kafka.create.decisions_retention_days"),
            retention: DAY * reader.whole::<u32>("kafka.create.retention_days"),
            control_retention: DAY * reader.whole::<u32>("kafka.create.control_retention_days"),
        },
        accept_loss: false,
        is_mock: false,
    };
    let id_bytes = settings.group.len() + LONGEST_INFIX.len() + settings.instance_id.len();
    if id_bytes > 249 {
        let problem =
            format!("is too long: group and instance_id together have at most {} bytes", 249 - LONGEST_INFIX.len());
        reader.mistake("kafka.instance_id", problem);
    }
    // `<group>-<instance_id>` and `<group>-controller-<instance_id>` are names of two different things to the brokers.
    if settings.instance_id.starts_with("controller-") {
        reader
            .mistake("kafka.instance_id", "begins with `controller-`, which another of our names to the brokers does");
    }
    settings
}

fn brokers(reader: &Reader<'_>) -> String {
    let brokers = reader.text("kafka.brokers");
    let is_address = |address: &str| {
        address.trim().rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains("://") && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    };
    if let Some(wrong) = brokers.split(',').find(|address| !is_address(address)) {
        let bounded: String = wrong.chars().take(64).collect();
        reader.mistake("kafka.brokers", format!("`{bounded}` is not host:port; write host1:9092,host2:9092"));
    }
    brokers.split(',').map(str::trim).collect::<Vec<_>>().join(",")
}

fn instance_id(reader: &Reader<'_>) -> String {
    let name = reader.set_text("kafka.instance_id").or(reader.sources.host_name.as_deref());
    match name {
        Some(name) if typed::is_kafka_name(name) => name.to_owned(),
        Some(name) => {
            let bounded: String = name.chars().take(64).collect();
            reader.mistake("kafka.instance_id", format!("`{bounded}` is not 1 to 249 of a-z A-Z 0-9 . _ -"));
            String::new()
        }
        // The demo and tests have no host name and one instance.
        None => "noctriage".to_owned(),
    }
}

fn compression(reader: &Reader<'_>) -> Compression {
    let word = reader.text("kafka.compression");
    Compression::ALL.into_iter().find(|known| known.as_str() == word).expect("the table's words are the codecs")
}

fn topics(reader: &Reader<'_>) -> TopicNames {
    let mut seen = BTreeMap::new();
    let mut name = |key: &'static str| {
        let topic = reader.text(key).to_owned();
        if let Some(other) = seen.insert(topic.clone(), key) {
            reader.mistake(key, format!("`{topic}` is the topic of {other} too; every topic needs a name of its own"));
        }
        topic
    };
    TopicNames {
        tickets: name("kafka.topics.tickets"),
        verdicts: name("kafka.topics.verdicts"),
        decisions: name("kafka.topics.decisions"),
        suggestions: name("kafka.topics.suggestions"),
        commands: name("kafka.topics.commands"),
        review: name("kafka.topics.review"),
        dead_letters: name("kafka.topics.dead_letters"),
        control: name("kafka.topics.control"),
        rollout: name("kafka.topics.rollout"),
        transitions: name("kafka.topics.transitions"),
        command_results: name("kafka.topics.command_results"),
    }
}

/// Properties in librdkafka's words. Verification of the brokers' names stays on: there is no key to switch it off.
fn security(reader: &Reader<'_>) -> SecuritySettings {
    let protocol = reader.text("kafka.security.protocol");
    let mut properties: Vec<(String, Secret)> = Vec::new();
    let mut set = |name: &str, value: &str| properties.push((name.to_owned(), Secret(value.to_owned())));
    set("security.protocol", protocol);

    let mechanism = reader.text("kafka.security.mechanism");
    let username = reader.set_text("kafka.security.username");
    let password = secret(reader, "kafka.security.password_file");
    if protocol.starts_with("sasl") {
        set("sasl.mechanism", mechanism);
        match username {
            Some(username) => set("sasl.username", username),
            None => reader.mistake("kafka.security.username", format!("is not set; protocol {protocol} needs it")),
        }
        match &password {
            Some(password) => set("sasl.password", password),
            None if reader.set_text("kafka.security.password_file").is_none() => {
                reader.mistake("kafka.security.password_file", format!("is not set; protocol {protocol} needs it"));
            }
            None => {}
        }
    }

    let is_tls = protocol.ends_with("ssl");
    let mut path = |property: &str, key: &str| {
        let path = reader.path(key)?;
        if !path.is_file() {
            reader.mistake(key, format!("{} is not a file", path.display()));
        } else if is_tls {
            set(property, &path.to_string_lossy());
        }
        Some(path)
    };
    path("ssl.ca.location", "kafka.security.ca_file");
    let certificate = path("ssl.certificate.location", "kafka.security.certificate_file");
    let key = secret(reader, "kafka.security.key_file");
    let key_password = secret(reader, "kafka.security.key_password_file");
    if certificate.is_some() != reader.set_text("kafka.security.key_file").is_some() {
        reader.mistake("kafka.security.key_file", "goes with certificate_file: set both or neither");
    }
    if is_tls {
        if let Some(key) = &key {
            set("ssl.key.pem", key);
        }
        if let Some(password) = &key_password {
            set("ssl.key.password", password);
        }
    }
    SecuritySettings { properties }
}

/// Reads the secret that a key names; a mistake is recorded, and gives `None`.
fn secret(reader: &Reader<'_>, key: &str) -> Option<String> {
    let name = reader.set_text(key)?;
    let (path, _) = secrets::locate(name, reader.directory(), reader.sources.credentials_directory.as_deref());
    match secrets::read(&path, Readers::OwnerAndGroup) {
        Ok(secret) if secret.is_empty() => {
            reader.mistake(key, format!("{} is empty", path.display()));
            None
        }
        Ok(secret) => Some(secret),
        Err(problem) => {
            reader.mistake(key, problem);
            None
        }
    }
}
