//! Draws by ticket id: SipHash-2-4 under the installation's secret key, one purpose each, independent of content.
//!
//! Stable (the same ticket is drawn again after a restart), monotone (in at 5 % stays in at 25 %), and unpredictable for
//! whoever writes tickets. SipHash-2-4: Aumasson and Bernstein, 2012.
//!
//! **A rate may change without a bias.** Which tickets are drawn at any rate depends on the key and the id alone, never on
//! what a ticket says or how anybody answered, so that the drawn tickets of each day are a random sample of that day's
//! tickets whatever the rate was; and a ticket keeps the rate that it was first met at, so that none that people were shown
//! an answer of comes into the draw later, and none that they began blind leaves it.

use siphasher::sip::SipHasher24;

use crate::domain::stage::{AutoAction, Share};
use crate::domain::ticket::TicketId;

use super::decided::{Draw, Draws};
use super::ruling::{DrawKey, DrawRates};

/// What a draw is for; each purpose is independent of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DrawPurpose {
    /// Blind evidence.
    Evidence,
    /// Cohort of automatic action.
    Cohort,
    /// Looked at after acting.
    Audit,
    /// Read by two people.
    SecondReading,
}

impl DrawPurpose {
    /// All purposes.
    pub const ALL: [Self; 4] = [Self::Evidence, Self::Cohort, Self::Audit, Self::SecondReading];

    /// The word that goes into the hash and into records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Cohort => "cohort",
            Self::Audit => "audit",
            Self::SecondReading => "second_reading",
        }
    }
}

/// A rate of the evidence draw that `auto` may have: 0.1 to 1. What a stage allows of it is the leader's to know.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct DrawRate(f64);

// Never NaN.
impl Eq for DrawRate {}

/// Not a rate that `auto` may have.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a rate of the evidence draw (0.1 to 1)")]
pub struct NotADrawRate(pub f64);

impl DrawRate {
    /// Where every slice begins, and what no stage goes below: with less, a quiet desk would wait for months.
    pub const LEAST: Self = Self(0.10);
    /// Every ticket.
    pub const ALL: Self = Self(1.0);

    /// A rate.
    ///
    /// # Errors
    /// Below 0.1 or above 1, or no number.
    pub fn try_new(rate: f64) -> Result<Self, NotADrawRate> {
        if (Self::LEAST.0..=Self::ALL.0).contains(&rate) { Ok(Self(rate)) } else { Err(NotADrawRate(rate)) }
    }

    /// The share of tickets, 0.1 to 1.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The smaller of two.
    pub fn at_most(self, most: Self) -> Self {
        if most < self { most } else { self }
    }
}

/// SipHash-2-4 of `purpose ‖ 0x1f ‖ epoch in decimal ‖ 0x1f ‖ ticket id`.
pub fn draw_hash(key: DrawKey, purpose: DrawPurpose, epoch: u32, ticket_id: &TicketId) -> u64 {
    let mut bytes = Vec::with_capacity(160);
    bytes.extend_from_slice(purpose.as_str().as_bytes());
    bytes.push(0x1f);
    bytes.extend_from_slice(epoch.to_string().as_bytes());
    bytes.push(0x1f);
    bytes.extend_from_slice(ticket_id.as_str().as_bytes());
    // On bytes, not through `Hash`: `impl Hash for str` appends 0xff.
    SipHasher24::new_with_key(&key.0).hash(&bytes)
}

/// Whether a hash is in a draw of this rate: `hash < floor(rate * 2^64)`; a rate of 0 or less (or NaN) draws nothing, of
/// 1 or more everything.
pub fn is_drawn(hash: u64, rate: f64) -> bool {
    // 2^64 does not fit into u64, so that a rate of 1 needs the wider type. NaN stays NaN and is cast to 0.
    let threshold = (rate.clamp(0.0, 1.0) * 18_446_744_073_709_551_616.0) as u128;
    u128::from(hash) < threshold
}

/// All draws of a ticket at a rate of the evidence draw and with given shares.
pub fn draws_of(
    key: DrawKey,
    rates: &DrawRates,
    evidence_rate: f64,
    shares: &[Share; 2],
    ticket_id: &TicketId,
) -> Draws {
    let draw = |purpose, rate| {
        let hash = draw_hash(key, purpose, rates.epoch, ticket_id);
        Draw { hash, rate, drawn: is_drawn(hash, rate) }
    };
    Draws {
        evidence: draw(DrawPurpose::Evidence, evidence_rate),
        cohort: draw(DrawPurpose::Cohort, shares[AutoAction::Triage.index()].get()),
        audit: draw(DrawPurpose::Audit, rates.audit),
        second_reading: draw(DrawPurpose::SecondReading, rates.second_reading),
    }
}

/// The draws of a record that names no ticket: none.
pub const fn no_draws() -> Draws {
    let none = Draw { hash: 0, rate: 0.0, drawn: false };
    Draws { evidence: none, cohort: none, audit: none, second_reading: none }
}

#[cfg(test)]
mod tests {
    use super::super::ruling::EvidenceRate;
    use super::*;
    use crate::domain::stage::Stage;

    const KEY: DrawKey = DrawKey([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

    fn id(text: &str) -> TicketId {
        TicketId::try_new(text).expect("a valid id")
    }

    fn raw(bytes: &[u8]) -> u64 {
        SipHasher24::new_with_key(&KEY.0).hash(bytes)
    }

    #[test]
    fn the_raw_function_reproduces_the_vectors_of_the_paper_and_of_our_own_implementation() {
        assert_eq!(raw(&(0..15).collect::<Vec<u8>>()), 0xa129_ca61_49be_45e5);
        assert_eq!(raw(b""), 0x726f_db47_dd0e_0e31);
        assert_eq!(raw(b"INC0012345"), 0x51c7_32a1_9f2c_5c55);
        assert_eq!(raw(b"cohort-1:INC0012345"), 0x2444_7e95_282b_37e6);
        assert_eq!(raw(b"audit-1:INC0012345"), 0xecb1_8755_6c3c_3de0);
    }

    #[test]
    fn the_draw_itself_reproduces_its_vectors() {
        let ticket_id = id("INC0012345");
        let hash = |purpose| draw_hash(KEY, purpose, 1, &ticket_id);
        assert_eq!(hash(DrawPurpose::Evidence), 0xdab4_34f9_2f68_6880);
        assert_eq!(hash(DrawPurpose::Audit), 0x9b8a_e25f_4f3d_2b5a);
        assert_eq!(hash(DrawPurpose::Cohort), 0x73c6_b23c_9cbd_57bf);
        assert_eq!(hash(DrawPurpose::SecondReading), 0x4be8_8667_2bf0_48f2);
    }

    #[test]
    fn nothing_is_drawn_at_zero_and_everything_at_one() {
        for rate in [0.0, -1.0, f64::NAN] {
            assert!(!is_drawn(0, rate), "{rate}");
        }
        for rate in [1.0, 2.0] {
            assert!(is_drawn(u64::MAX, rate), "{rate}");
        }
    }

    #[test]
    fn the_threshold_itself_is_outside_and_the_number_below_it_inside() {
        let threshold = 1_u64 << 62;
        assert!(!is_drawn(threshold, 0.25));
        assert!(is_drawn(threshold - 1, 0.25));
    }

    #[test]
    fn shadow_and_the_later_stages_have_their_own_evidence_rate() {
        let (evidence_shadow, evidence_later) = (EvidenceRate::Auto, EvidenceRate::Fixed(0.0));
        let rates = DrawRates { evidence_shadow, evidence_later, audit: 0.5, second_reading: 0.1, epoch: 1 };
        for stage in Stage::ALL {
            let rate = rates.evidence(stage).in_force(DrawRate::ALL);
            let draws = draws_of(KEY, &rates, rate, &[Share::ZERO; 2], &id("T-1"));
            assert_eq!(draws.evidence.drawn, stage == Stage::Shadow);
            assert!(!draws.cohort.drawn);
        }
    }

    #[test]
    fn a_rate_lies_between_a_tenth_and_all() {
        for wrong in [0.099, 1.001, f64::NAN, -0.2] {
            assert!(DrawRate::try_new(wrong).is_err(), "{wrong}");
        }
        assert_eq!(DrawRate::try_new(0.1), Ok(DrawRate::LEAST));
        assert_eq!(DrawRate::ALL.at_most(DrawRate::LEAST), DrawRate::LEAST);
    }

    #[test]
    fn a_ticket_drawn_at_a_rate_is_drawn_at_every_greater_one() {
        let ladder = [0.10, 0.15, 0.20, 0.30, 0.40, 0.50, 0.65, 0.80, 1.0];
        for number in 0..4_000 {
            let hash = draw_hash(KEY, DrawPurpose::Evidence, 1, &id(&format!("T{number}")));
            let drawn: Vec<bool> = ladder.iter().map(|rate| is_drawn(hash, *rate)).collect();
            assert!(drawn.is_sorted(), "{number}: {drawn:?}");
        }
    }

    #[test]
    fn a_new_epoch_is_a_fresh_draw() {
        let ticket_id = id("INC0012345");
        assert_ne!(
            draw_hash(KEY, DrawPurpose::Evidence, 1, &ticket_id),
            draw_hash(KEY, DrawPurpose::Evidence, 2, &ticket_id)
        );
    }

    /// The 1e-6 and 1-1e-6 quantiles of chi-squared with 99 degrees of freedom (Wilson-Hilferty, rounded outwards).
    const CHI_SQUARED_99: std::ops::RangeInclusive<f64> = 44.0..=179.0;

    #[test]
    fn twenty_thousand_sequential_ids_are_spread_evenly_and_purposes_are_independent() {
        let ids: Vec<TicketId> = (0..20_000).map(|number| id(&format!("INC{number:07}"))).collect();
        let count = ids.len() as f64;
        let four_sigma = |share: f64| 4.0 * (count * share * (1.0 - share)).sqrt();
        let hashes =
            DrawPurpose::ALL.map(|purpose| ids.iter().map(|id| draw_hash(KEY, purpose, 1, id)).collect::<Vec<u64>>());
        for of_purpose in &hashes {
            let mut buckets = [0_u32; 100];
            for hash in of_purpose {
                buckets[((u128::from(*hash) * 100) >> 64) as usize] += 1;
            }
            let expected = count / 100.0;
            let chi_squared: f64 = buckets.iter().map(|&seen| (f64::from(seen) - expected).powi(2) / expected).sum();
            assert!(CHI_SQUARED_99.contains(&chi_squared), "{chi_squared}");
            for share in [0.05, 0.25, 0.8] {
                let drawn = of_purpose.iter().filter(|&&hash| is_drawn(hash, share)).count() as f64;
                assert!((drawn - count * share).abs() <= four_sigma(share), "{drawn} at {share}");
            }
        }
        for first in 0..4 {
            for second in 0..first {
                let both = hashes[first].iter().zip(&hashes[second]);
                let drawn = both.filter(|&(&one, &other)| is_drawn(one, 0.3) && is_drawn(other, 0.3)).count() as f64;
                assert!((drawn - count * 0.09).abs() <= four_sigma(0.09), "{drawn} of purposes {first} and {second}");
            }
        }
    }

    #[test]
    fn a_ticket_inside_a_share_is_inside_every_greater_share() {
        let shares = [0.0, 0.01, 0.05, 0.25, 0.5, 0.8, 1.0];
        for number in 0..2_000 {
            let hash = draw_hash(KEY, DrawPurpose::Cohort, 1, &id(&format!("T{number}")));
            let inside = shares.map(|share| is_drawn(hash, share));
            assert!(inside.is_sorted(), "{number}: {inside:?}");
        }
    }
}
