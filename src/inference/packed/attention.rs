//! Attention of some rows of one sequence over all rows of it: no padding, no mask.

use super::aligned::Aligned;
use super::product::{Panels, Rows, RowsMut, multiply};
use super::rows::softmax;
use super::vector::{Kernel, Simd, TILE_VECTORS};

/// Queries at a time: their scores over 512 keys are 96 KiB, a share of a second-level cache. A multiple of every tile.
const QUERIES_MAX: usize = 48;

/// What attention needs beside its input; kept from call to call.
#[derive(Debug, Default)]
pub(super) struct AttentionScratch {
    keys: Aligned,
    values: Aligned,
    scores: Aligned,
}

/// Where keys, values and queries lie in a row that holds all three, each for all heads: keys first, since the last
/// layer needs no queries but the first of each sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    /// How many.
    pub(super) count: usize,
    /// Numbers of one head.
    pub(super) size: usize,
}

impl Heads {
    /// Numbers of all heads: the width of the network.
    pub(super) const fn width(self) -> usize {
        self.count * self.size
    }

    const fn key(self, head: usize) -> usize {
        head * self.size
    }

    const fn value(self, head: usize) -> usize {
        self.width() + head * self.size
    }

    const fn query(self, head: usize) -> usize {
        2 * self.width() + head * self.size
    }
}

/// All heads, for some rows of a sequence.
pub(super) struct Attention<'a> {
    /// How the rows are divided.
    pub(super) heads: Heads,
    /// All rows of the sequence, in order, wherever they lie.
    pub(super) sequence: &'a [Rows<'a>],
    /// The rows that ask.
    pub(super) queries: Rows<'a>,
    /// Scratch.
    pub(super) scratch: &'a mut AttentionScratch,
    /// What each query gets, heads side by side.
    pub(super) outputs: RowsMut<'a>,
}

impl Kernel for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { heads, sequence, queries, scratch, outputs } = self;
        let width = S::LANES * TILE_VECTORS;
        let keys: usize = sequence.iter().map(|rows| rows.count).sum();
        let (keys_stride, size_stride) = (keys.next_multiple_of(width), heads.size.next_multiple_of(width));
        let key_panels = scratch.keys.take(keys_stride * heads.size);
        let value_panels = scratch.values.take(size_stride * keys);
        let scores = scratch.scores.take(queries.count.min(QUERIES_MAX) * keys_stride);
        let scale = 1.0 / (heads.size as f32).sqrt();
        for head in 0..heads.count {
            pack_keys(sequence, heads.key(head), heads.size, width, key_panels);
            pack_values(sequence, heads.value(head), heads.size, width, value_panels);
            for first in (0..queries.count).step_by(QUERIES_MAX) {
                let count = QUERIES_MAX.min(queries.count - first);
                let asking =
                    Rows { numbers: &queries.numbers[first * queries.stride + heads.query(head)..], count, ..queries };
                let by_key = Panels { numbers: key_panels, depth: heads.size, columns: 0..keys };
                multiply(simd, asking, by_key, &mut RowsMut { numbers: scores, stride: keys_stride }, None, None);
                for row in scores.chunks_exact_mut(keys_stride).take(count) {
                    softmax(simd, &mut row[..keys], scale);
                }
                let weights = Rows { numbers: scores, stride: keys_stride, count };
                let by_place = Panels { numbers: value_panels, depth: keys, columns: 0..heads.size };
                let numbers = &mut outputs.numbers[first * outputs.stride + head * heads.size..];
                multiply(simd, weights, by_place, &mut RowsMut { numbers, stride: outputs.stride }, None, None);
            }
        }
    }
}

/// The keys of a head as panels: a column for each row of the sequence.
#[inline(always)]
fn pack_keys(sequence: &[Rows<'_>], offset: usize, size: usize, width: usize, panels: &mut [f32]) {
    let mut columns = 0;
    for rows in sequence {
        for row in rows.numbers.chunks(rows.stride).take(rows.count) {
            let panel = &mut panels[columns / width * width * size..][..width * size];
            for (place, number) in panel[columns % width..].iter_mut().step_by(width).zip(&row[offset..][..size]) {
                *place = *number;
            }
            columns += 1;
        }
    }
    if !columns.is_multiple_of(width) {
        let panel = &mut panels[columns / width * width * size..][..width * size];
        for line in panel.chunks_exact_mut(width) {
            line[columns % width..].fill(0.0);
        }
    }
}

/// The values of a head as panels: a column for each number, the rows of the sequence along the depth.
#[inline(always)]
fn pack_values(sequence: &[Rows<'_>], offset: usize, size: usize, width: usize, panels: &mut [f32]) {
    let depth: usize = sequence.iter().map(|rows| rows.count).sum();
    for (panel, first) in panels.chunks_exact_mut(width * depth).zip((0..size).step_by(width)) {
        let rows = sequence.iter().flat_map(|rows| rows.numbers.chunks(rows.stride).take(rows.count));
        let there = width.min(size - first);
        for (line, row) in panel.chunks_exact_mut(width).zip(rows) {
            line[..there].copy_from_slice(&row[offset + first..][..there]);
            line[there..].fill(0.0);
        }
    }
}
