//! Every instruction set of this machine against plain 64-bit sums, on shapes that fit no tile; and whole passes, alone,
//! in batches, on more threads. Against candle: `super::super::padded`. Seeds are constants.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::attention::{Attention, AttentionScratch, Heads};
use super::product::{Dense, Rows, RowsMut};
use super::rows::{AddAndNorm, Norm, softmax};
use super::schedule::Piece;
use super::vector::{Kernel, Simd};
use super::*;
use crate::inference::scorer::HeadSizes;
use crate::inference::settings::Activation;
use crate::inference::tensors::{Family, needed};

/// All instruction sets of this machine; says which are not tested.
fn instruction_sets() -> Vec<InstructionSet> {
    let sets = InstructionSet::available();
    for word in ["AVX2+FMA", "AVX-512"] {
        if cfg!(target_arch = "x86_64") && !sets.iter().any(|set| set.as_str() == word) {
            eprintln!("NOT TESTED: this machine has no {word}; run the tests on one that has");
        }
    }
    sets
}

fn numbers(random: &mut fastrand::Rng, count: usize, size: f32) -> Vec<f32> {
    (0..count).map(|_| (random.f32() - 0.5) * 2.0 * size).collect()
}

/// Φ by its continued fraction and its series, in 64 bits: nothing that the code under test uses.
fn gelu(x: f64) -> f64 {
    let z = x.abs();
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let upper = if z < 3.0 {
        let (mut term, mut sum) = (z, z);
        for n in 1..200 {
            term *= z * z / f64::from(2 * n + 1);
            sum += term;
        }
        0.5 - density * sum
    } else {
        density / (1..200).rev().fold(z, |fraction, n| z + f64::from(n) / fraction)
    };
    x * if x > 0.0 { 1.0 - upper } else { upper }
}

fn activation_of(activation: Option<Activation>, x: f64) -> f64 {
    match activation {
        None => x,
        Some(Activation::Gelu) => gelu(x),
        Some(Activation::GeluTanh) => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Some(Activation::Relu) => x.max(0.0),
    }
}

#[track_caller]
fn check_near(found: f32, expected: f64, tolerance: f64, what: &str) {
    assert!((f64::from(found) - expected).abs() <= tolerance, "{what}: {found}, not {expected}");
}

#[test]
fn products_are_those_of_plain_sums_whatever_the_shape() {
    let activations = [None, Some(Activation::Gelu), Some(Activation::GeluTanh), Some(Activation::Relu)];
    for set in instruction_sets() {
        let random = &mut fastrand::Rng::with_seed(1);
        // Every height of a tile, depths around the bound of one pass, columns around the width of a panel.
        for (case, rows) in (1..=26).chain([48, 61]).enumerate() {
            let depth = [1, 2, 7, 32, 383, 384, 385, 900][case % 8];
            let columns = [1, 3, 8, 9, 15, 16, 17, 31, 32, 33, 47, 70][case % 12];
            let activation = activations[case % 4];
            let (left_stride, stride) = (depth + case % 3, columns + case % 5);
            let left = numbers(random, rows * left_stride, 1.0);
            let weights = numbers(random, columns * depth, 1.0);
            let bias = numbers(random, columns, 2.0);
            let mut found = vec![7.0; rows * stride];
            let outputs = RowsMut { numbers: &mut found, stride };
            let left_rows = Rows { numbers: &left, stride: left_stride, count: rows };
            Dense::pack(set, &weights, &bias).apply(set, left_rows, outputs, activation);
            for row in 0..rows {
                for column in 0..columns {
                    let product = |place: usize| {
                        f64::from(left[row * left_stride + place]) * f64::from(weights[column * depth + place])
                    };
                    let sum = f64::from(bias[column]) + (0..depth).map(product).sum::<f64>();
                    let what = format!("{} {rows}x{depth}x{columns} at {row},{column}", set.as_str());
                    let tolerance = 2e-6 * (depth as f64).sqrt().max(2.0) * 2.0;
                    check_near(found[row * stride + column], activation_of(activation, sum), tolerance, &what);
                }
                let beside = &found[row * stride + columns..(row + 1) * stride];
                assert!(beside.iter().all(|number| *number == 7.0), "nothing is written beside a row");
            }
        }
    }
}

#[test]
fn some_columns_of_a_product_are_those_of_the_whole() {
    for set in instruction_sets() {
        let random = &mut fastrand::Rng::with_seed(2);
        let (left, weights, bias) = (numbers(random, 5 * 40, 1.0), numbers(random, 100 * 40, 1.0), vec![0.5; 100]);
        let dense = Dense::pack(set, &weights, &bias);
        let rows = Rows { numbers: &left, stride: 40, count: 5 };
        let mut whole = vec![0.0; 500];
        dense.apply(set, rows, RowsMut { numbers: &mut whole, stride: 100 }, None);
        for columns in [0..1, 0..67, 33..100, 50..51] {
            let mut part = vec![0.0; 500];
            let outputs = RowsMut { numbers: &mut part, stride: 100 };
            dense.apply_columns(set, columns.clone(), rows, outputs, None);
            for row in 0..5 {
                let (from, to) = (row * 100 + columns.start, row * 100 + columns.end);
                assert_eq!(part[from..to], whole[from..to], "{} {columns:?}", set.as_str());
            }
        }
    }
}

/// Applies the identity layer with an activation to numbers: the way to look at a function of vectors from outside.
fn activated(set: InstructionSet, activation: Activation, numbers: &[f32]) -> Vec<f32> {
    let mut found = vec![0.0; numbers.len()];
    let rows = Rows { numbers, stride: 1, count: numbers.len() };
    let outputs = RowsMut { numbers: &mut found, stride: 1 };
    Dense::pack(set, &[1.0], &[0.0]).apply(set, rows, outputs, Some(activation));
    found
}

#[test]
fn activations_keep_to_their_bounds_over_the_whole_range() {
    let dense = (-160_000..=160_000).map(|step| step as f32 * 1e-4);
    let extremes = [0.0, -0.0, 1e-40, -1e-40, f32::MIN_POSITIVE, 1e4, -1e4, 1e30, -1e30, f32::MAX, f32::MIN];
    let numbers: Vec<f32> = dense.chain(extremes).collect();
    for set in instruction_sets() {
        for (activation, bound) in [(Activation::Gelu, 1.2e-6), (Activation::GeluTanh, 2e-6), (Activation::Relu, 0.0)] {
            for (x, found) in numbers.iter().zip(activated(set, activation, &numbers)) {
                let expected = activation_of(Some(activation), f64::from(*x));
                let tolerance = f64::from(x.abs()).mul_add(3e-7, bound) * if bound == 0.0 { 0.0 } else { 1.0 };
                check_near(found, expected, tolerance, &format!("{} {activation:?}({x})", set.as_str()));
            }
        }
    }
}

#[test]
fn what_is_no_number_stays_none() {
    for set in instruction_sets() {
        for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
            let found = activated(set, activation, &[f32::NAN, 1.0, f32::INFINITY]);
            assert!(found[0].is_nan() && found[1].is_finite(), "{} {activation:?}: {found:?}", set.as_str());
            assert_eq!(found[2], f32::INFINITY, "{} {activation:?}", set.as_str());
        }
        let mut rows = [f32::NAN, 1.0, 2.0, 1.0, 2.0, 3.0];
        normalise(set, &mut rows, &[0.0; 6], &plain_norm(3));
        assert!(rows[..3].iter().all(|number| number.is_nan()) && rows[3..].iter().all(|number| number.is_finite()));
        for length in [1, 5, 8, 19] {
            let mut scores = vec![0.5; length];
            scores[length - 1] = f32::NAN;
            assert!(softmaxed(set, &scores, 1.0).iter().all(|number| number.is_nan()), "{}", set.as_str());
        }
    }
}

struct Softmax<'a>(&'a mut [f32], f32);

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        softmax(simd, self.0, self.1);
    }
}

fn softmaxed(set: InstructionSet, scores: &[f32], scale: f32) -> Vec<f32> {
    let mut scores = scores.to_vec();
    set.run(Softmax(&mut scores, scale));
    scores
}

#[test]
fn softmax_is_that_of_the_book_and_survives_extremes() {
    for set in instruction_sets() {
        let random = &mut fastrand::Rng::with_seed(3);
        for length in (1..=40).chain([64, 127, 513]) {
            let mut scores = numbers(random, length, [0.1, 3.0, 40.0, 3000.0][length % 4]);
            let extremes = [f32::NEG_INFINITY, -1e30, 1e-40, f32::MIN];
            if length > 4 {
                scores[length / 2] = extremes[length % 4];
            }
            let found = softmaxed(set, &scores, 0.25);
            let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let power = |score: &f32| (0.25 * (f64::from(*score) - f64::from(greatest))).exp();
            let sum: f64 = scores.iter().map(power).sum();
            for (score, found) in scores.iter().zip(&found) {
                check_near(*found, power(score) / sum, 1e-6, &format!("{} {score} of {length}", set.as_str()));
            }
            check_near(found.iter().sum(), 1.0, 2e-6, set.as_str());
        }
        assert_eq!(softmaxed(set, &[1e30; 11], 1.0), [1.0 / 11.0; 11]);
    }
}

fn plain_norm(width: usize) -> Norm {
    Norm { weight: vec![1.0; width], bias: vec![0.0; width], epsilon: 1e-12 }
}

fn normalise(set: InstructionSet, rows: &mut [f32], added: &[f32], norm: &Norm) {
    set.run(AddAndNorm { rows, added, norm });
}

#[test]
fn norms_of_sums_are_those_of_plain_sums() {
    for set in instruction_sets() {
        let random = &mut fastrand::Rng::with_seed(4);
        for width in (1..=35).chain([384, 385]) {
            let (row, added) = (numbers(random, width, 3.0), numbers(random, width, 3.0));
            let norm = Norm { weight: numbers(random, width, 2.0), bias: numbers(random, width, 1.0), epsilon: 1e-5 };
            let mut found = row.clone();
            normalise(set, &mut found, &added, &norm);
            let sums: Vec<f64> = row.iter().zip(&added).map(|(a, b)| f64::from(a + b)).collect();
            let mean = sums.iter().sum::<f64>() / width as f64;
            let variance = sums.iter().map(|sum| (sum - mean) * (sum - mean)).sum::<f64>() / width as f64;
            for (column, sum) in sums.iter().enumerate() {
                let expected = (sum - mean) / (variance + 1e-5).sqrt() * f64::from(norm.weight[column])
                    + f64::from(norm.bias[column]);
                check_near(found[column], expected, 1e-5, &format!("{} {column} of {width}", set.as_str()));
            }
        }
        // A row of equal numbers has no variance; epsilon keeps it from becoming NaN.
        let mut equal = [2.5; 20];
        normalise(set, &mut equal, &[1.0; 20], &plain_norm(20));
        assert_eq!(equal, [0.0; 20], "{}", set.as_str());
    }
}

#[test]
fn attention_is_that_of_plain_sums_wherever_the_rows_lie() {
    for set in instruction_sets() {
        let random = &mut fastrand::Rng::with_seed(5);
        let shapes = [(1, 1, 1), (4, 8, 5), (2, 5, 17), (3, 32, 70), (1, 33, 16), (2, 64, 33)];
        for (count, size, length) in shapes {
            let heads = Heads { count, size };
            let (width, stride) = (heads.width(), 3 * heads.width());
            let all = numbers(random, length * stride, 2.0);
            let cut = length / 3;
            let part = |rows: std::ops::Range<usize>| Rows {
                numbers: &all[rows.start * stride..rows.end * stride],
                stride,
                count: rows.len(),
            };
            let sequence: Vec<Rows<'_>> = [part(0..cut), part(cut..length)].into();
            let mut found = vec![0.0; (length - cut) * width];
            set.run(Attention {
                heads,
                sequence: &sequence,
                queries: part(cut..length),
                scratch: &mut AttentionScratch::default(),
                outputs: RowsMut { numbers: &mut found, stride: width },
            });
            for (row, head) in (cut..length).flat_map(|row| (0..count).map(move |head| (row, head))) {
                let at = |row: usize, part: usize, place: usize| {
                    f64::from(all[row * stride + part * width + head * size + place])
                };
                let score = |key: usize| {
                    let product = (0..size).map(|place| at(row, 2, place) * at(key, 0, place)).sum::<f64>();
                    (product / (size as f64).sqrt()).exp()
                };
                let sum: f64 = (0..length).map(score).sum();
                for place in 0..size {
                    let expected = (0..length).map(|key| score(key) / sum * at(key, 1, place)).sum::<f64>();
                    let number = found[(row - cut) * width + head * size + place];
                    let what = format!("{} {count}x{size}, {row} of {length}", set.as_str());
                    check_near(number, expected, 2e-5, &what);
                }
            }
        }
    }
}

/// A small encoder whose sizes fit no tile.
fn settings() -> EncoderSettings {
    EncoderSettings {
        vocabulary_size: 50,
        hidden_size: 33,
        layers: 3,
        heads: 3,
        intermediate_size: 70,
        activation: Activation::Gelu,
        positions: 300,
        token_types: 2,
        norm_epsilon: 1e-12,
        padding: 0,
    }
}

fn encoder(settings: &EncoderSettings, set: InstructionSet, threads: usize) -> PackedEncoder {
    let heads = HeadSizes { severity: Some(4), cause: Some(7) };
    let mut random = fastrand::Rng::with_seed(6);
    let tensors = needed(Family::Bert, "", settings, heads).into_iter().map(|needed| {
        let is_norm = needed.known_as.ends_with("LayerNorm.weight");
        let noise = numbers(&mut random, needed.shape.iter().product(), 0.3);
        (needed.known_as, noise.into_iter().map(|noise| if is_norm { 1.0 + noise } else { noise }).collect())
    });
    PackedEncoder::new(settings, 0, tensors.collect(), set, Workers::new(threads).expect("threads"))
}

fn sequences(lengths: &[usize]) -> Vec<Vec<u32>> {
    let mut random = fastrand::Rng::with_seed(7);
    lengths.iter().map(|length| (0..*length).map(|_| random.u32(0..50)).collect()).collect()
}

fn score(encoder: &mut PackedEncoder, sequences: &[Vec<u32>]) -> Vec<Scores> {
    encoder.score(&sequences.iter().map(Vec::as_slice).collect::<Vec<_>>()).expect("good sequences")
}

const LENGTHS: [usize; 9] = [3, 1, 130, 17, 2, 64, 300, 5, 33];

#[test]
fn neither_the_batch_nor_the_number_of_threads_changes_a_bit() {
    for set in instruction_sets() {
        let sequences = sequences(&LENGTHS);
        let mut alone = encoder(&settings(), set, 1);
        let expected: Vec<Scores> =
            sequences.iter().flat_map(|sequence| score(&mut alone, std::slice::from_ref(sequence))).collect();
        assert!(expected.windows(2).all(|pair| pair[0] != pair[1]), "different texts have different scores");
        for threads in [1, 2, 3] {
            let mut encoder = encoder(&settings(), set, threads);
            // Twice: the second pass finds the scratch of the first.
            for _ in 0..2 {
                assert_eq!(score(&mut encoder, &sequences), expected, "{} on {threads} threads", set.as_str());
            }
        }
    }
}

#[test]
fn all_instruction_sets_give_the_scores_of_the_portable_one() {
    for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
        let settings = EncoderSettings { activation, ..settings() };
        let sequences = sequences(&LENGTHS);
        let expected = score(&mut encoder(&settings, InstructionSet::portable(), 1), &sequences);
        for set in instruction_sets() {
            let found = score(&mut encoder(&settings, set, 1), &sequences);
            for (found, expected) in found.iter().zip(&expected) {
                let pairs =
                    found.severity.iter().zip(&expected.severity).chain(found.cause.iter().zip(&expected.cause));
                for (found, expected) in pairs {
                    check_near(*found, f64::from(*expected), 1e-5, set.as_str());
                }
            }
        }
    }
}

#[test]
fn an_encoder_of_one_layer_is_one() {
    let settings = EncoderSettings { layers: 1, ..settings() };
    let found = score(&mut encoder(&settings, InstructionSet::detect(), 2), &sequences(&[4, 9]));
    assert!(found.len() == 2 && found[0] != found[1]);
}

#[test]
fn a_sequence_that_cannot_be_embedded_is_refused_and_the_encoder_goes_on() {
    let mut encoder = encoder(&settings(), InstructionSet::detect(), 2);
    let good = [1_u32, 2, 3];
    for (bad, expected) in [
        (vec![], "without any token"),
        (vec![1; 301], "301 tokens; the model has 300 positions"),
        (vec![1, 50], "token 50 is beyond the model's vocabulary of 50"),
    ] {
        let refusal = encoder.score(&[&good, &bad]).expect_err("must be refused");
        assert!(refusal.contains(expected), "{refusal}");
    }
    assert_eq!(encoder.score(&[&good]).expect("a good one").len(), 1);
    assert_eq!(encoder.score(&[]).expect("nothing to do"), []);
}

#[test]
fn a_plan_gives_every_row_and_every_sequence_to_one_piece() {
    let mut random = fastrand::Rng::with_seed(8);
    for case in 0..300 {
        let threads = 1 + case % 5;
        let lengths: Vec<usize> = (0..random.usize(1..60)).map(|_| random.usize(1..200)).collect();
        let plan = Plan::new(lengths.iter().copied(), threads);
        let rows: Vec<usize> = (0..plan.chunks()).flat_map(|chunk| plan.rows_of_chunk(chunk)).collect();
        assert_eq!(rows, (0..lengths.iter().sum()).collect::<Vec<_>>());
        let sequences: Vec<usize> = (0..plan.groups()).flat_map(|group| plan.sequences_of_group(group)).collect();
        assert_eq!(sequences, (0..lengths.len()).collect::<Vec<_>>());
        for chunk in 0..plan.chunks() {
            let rows = plan.rows_of_chunk(chunk);
            assert!(!rows.is_empty(), "no piece is empty");
            for sequence in 0..lengths.len() {
                let own = plan.rows_of_sequence(sequence);
                let is_there = own.start < rows.end && rows.start < own.end;
                assert_eq!(plan.sequences_of_rows(&rows).contains(&sequence), is_there);
                let chunks = plan.chunks_of_sequences(&(sequence..sequence + 1));
                assert_eq!(chunks.contains(&chunk), is_there, "{lengths:?}");
            }
        }
    }
}

#[test]
fn pieces_wait_for_their_neighbours_and_each_is_computed_once() {
    let plan = Plan::new([500, 20, 7].into_iter(), 3);
    let workers = Workers::new(3).expect("threads");
    let progress = Progress::new(&plan, 4);
    let phases: Vec<AtomicUsize> = (0..plan.chunks()).map(|_| AtomicUsize::new(0)).collect();
    let groups = AtomicUsize::new(0);
    workers.run(|_| {
        progress.work(|piece| match piece {
            Piece::Chunk { phase, chunk } => {
                let sequences = plan.sequences_of_rows(&plan.rows_of_chunk(chunk));
                for neighbour in plan.chunks_of_sequences(&sequences) {
                    assert!(phases[neighbour].load(Ordering::SeqCst) >= phase, "{piece:?} before {neighbour}");
                }
                assert_eq!(phases[chunk].fetch_add(1, Ordering::SeqCst), phase);
            }
            Piece::Group(group) => {
                for chunk in plan.chunks_of_sequences(&plan.sequences_of_group(group)) {
                    assert_eq!(phases[chunk].load(Ordering::SeqCst), 4);
                }
                groups.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    assert_eq!(groups.into_inner(), plan.groups());
}

#[test]
fn a_panic_on_one_thread_reaches_the_caller_and_nobody_waits_for_ever() {
    let plan = Plan::new([300].into_iter(), 3);
    let workers = Workers::new(3).expect("threads");
    for victim in 0..plan.chunks() {
        let progress = Progress::new(&plan, 2);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            workers.run(|_| {
                progress.work(|piece| assert_ne!(piece, Piece::Chunk { phase: 0, chunk: victim }, "on purpose"));
            });
        }));
        assert!(outcome.is_err());
    }
}
