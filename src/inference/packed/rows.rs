//! What is done to one row at a time: softmax, and layer norm with what is added before it.

use super::functions::exp;
use super::vector::{Kernel, Simd};

/// Turns the first `len` scores into exp(scale · (score − greatest)) / sum, in place.
#[inline(always)]
pub(super) fn softmax<S: Simd>(simd: S, scores: &mut [f32], scale: f32) {
    let (whole, rest) = split(scores, S::LANES);
    let lowest = f32::NEG_INFINITY;
    let mut greatest = simd.load_rest(rest, lowest);
    for vector in whole.chunks_exact(S::LANES) {
        greatest = simd.max(greatest, simd.load(vector));
    }
    let greatest = simd.splat(simd.greatest(greatest));
    let scale = simd.splat(scale);
    let mut sum = simd.splat(0.0);
    for vector in whole.chunks_exact_mut(S::LANES) {
        let powers = power(simd, simd.load(vector), greatest, scale);
        sum = simd.add(sum, powers);
        simd.store(powers, vector);
    }
    let mut total = simd.sum(sum);
    simd.store_rest(power(simd, simd.load_rest(rest, lowest), greatest, scale), rest);
    total += rest.iter().sum::<f32>();
    let factor = simd.splat(1.0 / total);
    for vector in whole.chunks_exact_mut(S::LANES) {
        simd.store(simd.mul(simd.load(vector), factor), vector);
    }
    for power in rest {
        *power /= total;
    }
}

#[inline(always)]
fn power<S: Simd>(simd: S, score: S::Vector, greatest: S::Vector, scale: S::Vector) -> S::Vector {
    exp(simd, simd.mul(scale, simd.sub(score, greatest)))
}

#[inline(always)]
fn split(numbers: &mut [f32], lanes: usize) -> (&mut [f32], &mut [f32]) {
    numbers.split_at_mut(numbers.len() / lanes * lanes)
}

/// Layer norm of the sum of two rows: (x − mean) / √(variance + epsilon) · weight + bias.
#[derive(Debug)]
pub(super) struct Norm {
    /// Scale of each column.
    pub(super) weight: Vec<f32>,
    /// Shift of each column.
    pub(super) bias: Vec<f32>,
    /// Keeps the root away from zero.
    pub(super) epsilon: f32,
}

/// Rows that become the norm of themselves plus `added`.
pub(super) struct AddAndNorm<'a> {
    /// Read and written, row after row.
    pub(super) rows: &'a mut [f32],
    /// As many numbers.
    pub(super) added: &'a [f32],
    /// The norm; its width is the length of a row.
    pub(super) norm: &'a Norm,
}

impl Kernel for AddAndNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { rows, added, norm } = self;
        let width = norm.weight.len();
        for (row, added) in rows.chunks_exact_mut(width).zip(added.chunks_exact(width)) {
            add_and_norm(simd, row, added, norm);
        }
    }
}

#[inline(always)]
fn add_and_norm<S: Simd>(simd: S, row: &mut [f32], added: &[f32], norm: &Norm) {
    let width = row.len();
    let whole = width / S::LANES * S::LANES;
    let mut sums = simd.splat(0.0);
    for (numbers, added) in row.chunks_exact_mut(S::LANES).zip(added.chunks_exact(S::LANES)) {
        let both = simd.add(simd.load(numbers), simd.load(added));
        sums = simd.add(sums, both);
        simd.store(both, numbers);
    }
    let mut sum = simd.sum(sums);
    for (number, added) in row[whole..].iter_mut().zip(&added[whole..]) {
        *number += added;
        sum += *number;
    }
    let mean = sum / width as f32;
    let means = simd.splat(mean);
    let mut squares = simd.splat(0.0);
    for numbers in row.chunks_exact(S::LANES) {
        let distance = simd.sub(simd.load(numbers), means);
        squares = simd.mul_add(distance, distance, squares);
    }
    let mut square = simd.sum(squares);
    square += row[whole..].iter().map(|number| (number - mean) * (number - mean)).sum::<f32>();
    let factor = 1.0 / (square / width as f32 + norm.epsilon).sqrt();
    let factors = simd.splat(factor);
    let columns = norm.weight.chunks_exact(S::LANES).zip(norm.bias.chunks_exact(S::LANES));
    for (numbers, (weight, bias)) in row.chunks_exact_mut(S::LANES).zip(columns) {
        let normal = simd.mul(simd.sub(simd.load(numbers), means), factors);
        simd.store(simd.mul_add(normal, simd.load(weight), simd.load(bias)), numbers);
    }
    let columns = norm.weight[whole..].iter().zip(&norm.bias[whole..]);
    for (number, (weight, bias)) in row[whole..].iter_mut().zip(columns) {
        *number = (*number - mean) * factor * weight + bias;
    }
}
