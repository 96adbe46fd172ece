//! The texts of a model directory, each alone: card, calibration, `config.json`, template. Fast, because no file is
//! written; `model_directory` reads them together.

use noctriage::domain::severity::Severity;
use noctriage::inference::calibration::Calibration;
use noctriage::inference::card::{CAUSES_MAX, Card, TOKENS_MAX};
use noctriage::inference::render::Template;
use noctriage::inference::settings::{EncoderSettings, labels_of};

/// Every text is read as each of the four.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    check_card(&text);
    check_calibration(&text);
    if let Ok(config) = serde_json::from_str(&text) {
        check_settings(&config);
    }
    if let Ok(template) = Template::parse(&text) {
        assert_eq!(Template::parse(template.source()).as_ref(), Ok(&template));
    }
}

fn check_card(text: &str) {
    let read = Card::parse(text);
    assert_eq!(read, Card::parse(text), "the same card is read in the same way");
    match read {
        Ok(card) => {
            assert!(card.severity.is_some() || !card.causes.is_empty(), "a card without a head");
            assert!(card.causes.len() <= CAUSES_MAX);
            assert!(card.tokens_max.is_none_or(|tokens| (8..=TOKENS_MAX).contains(&tokens)));
            if let Some(severity) = card.severity {
                let mut rows = severity.rows;
                rows.sort_unstable();
                assert_eq!(rows, [0, 1, 2, 3], "each row of the head is one severity");
            }
        }
        Err(mistakes) => check_mistakes(&mistakes),
    }
}

fn check_calibration(text: &str) {
    match Calibration::parse(text) {
        Ok(calibration) => {
            let calibrated = calibration.severity([0.0, 1.0, -1.0, 30.0]);
            assert!(calibrated.iter().chain([&calibration.cause(30.0)]).all(|score| score.is_finite()));
            let order = |scores: [f64; 4]| scores[Severity::Low.index()];
            assert!(order(calibration.severity([0.0; 4])) <= order(calibration.severity([1.0; 4])));
        }
        Err(mistakes) => check_mistakes(&mistakes),
    }
}

fn check_settings(config: &serde_json::Value) {
    match EncoderSettings::parse(config) {
        Ok(settings) => {
            assert_eq!(settings.hidden_size % settings.heads, 0);
            assert!((settings.padding as usize) < settings.vocabulary_size);
        }
        Err(mistakes) => check_mistakes(&mistakes),
    }
    if let Some(labels) = labels_of(config) {
        assert!(labels.len() <= 1000);
    }
}

/// Mistakes are sentences that people can read.
#[track_caller]
fn check_mistakes(mistakes: &[String]) {
    assert!(!mistakes.is_empty(), "refused without a reason");
    for mistake in mistakes {
        assert!(mistake.len() <= 4_000, "a sentence of {} bytes", mistake.len());
        // The parser of TOML shows the line that it cannot read, with a mark below it.
        let lines = mistake.split('\n').all(super::is_printable);
        assert!(lines, "{mistake:?}");
    }
}
