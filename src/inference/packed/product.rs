//! C = A · Bᵀ in tiles that stay in registers.
//!
//! B lies in *panels*: as many columns as two vectors have lanes, all their numbers for depth 0, then for depth 1, and
//! so on, zeros where the last panel is not full. Weights are brought into that form once, at load; keys and values for
//! each sequence. A lies as it is, row by row.
//!
//! Each number of C is one sum in the order of the depth, begun with the bias, whatever tile it falls into. That is why
//! neither the batch around a row nor the number of threads changes a bit of its result.

use std::ops::Range;

use super::aligned::Aligned;
use super::functions;
use super::instructions::InstructionSet;
use super::vector::{Kernel, Simd, TILE_ROWS_MAX, TILE_VECTORS};
use crate::inference::settings::Activation;

/// Depth of one pass over a panel: 384 · 16 numbers are 24 KiB, which stay in a first-level cache of 32 KiB while the
/// rows go by.
const DEPTH_MAX: usize = 384;

/// Rows of numbers that lie at equal distances.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// From the first number of the first row to the last of the last.
    pub(super) numbers: &'a [f32],
    /// From one row to the next.
    pub(super) stride: usize,
    /// How many.
    pub(super) count: usize,
}

/// The same, to write.
pub(super) struct RowsMut<'a> {
    /// From the first number of the first row to the last of the last.
    pub(super) numbers: &'a mut [f32],
    /// From one row to the next.
    pub(super) stride: usize,
}

/// The right-hand side in panels.
#[derive(Clone)]
pub(super) struct Panels<'a> {
    /// Panel after panel.
    pub(super) numbers: &'a [f32],
    /// Length of the sums.
    pub(super) depth: usize,
    /// Columns to compute. The first begins a panel; the last panel is filled with zeros.
    pub(super) columns: Range<usize>,
}

/// Weights of one dense layer, packed for one instruction set.
#[derive(Debug)]
pub(super) struct Dense {
    panels: Aligned,
    /// One per column, zeros up to a whole panel.
    bias: Vec<f32>,
    depth: usize,
    columns: usize,
    width: usize,
}

impl Dense {
    /// Packs weights, rows of one output each, and their bias.
    pub(super) fn pack(instructions: InstructionSet, weights: &[f32], bias: &[f32]) -> Self {
        let (columns, width) = (bias.len(), instructions.panel_width());
        assert!(columns > 0 && weights.len().is_multiple_of(columns), "weights are one row per bias");
        let depth = weights.len() / columns;
        let mut panels = Aligned::zeros(columns.div_ceil(width) * width * depth);
        for (column, row) in weights.chunks_exact(depth).enumerate() {
            let panel = &mut panels.as_mut_slice()[column / width * width * depth..];
            for (place, weight) in panel[column % width..].iter_mut().step_by(width).zip(row) {
                *place = *weight;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(columns.div_ceil(width) * width, 0.0);
        Self { panels, bias, depth, columns, width }
    }

    /// Outputs of the layer.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Rows times weights plus bias, then the activation, for all columns.
    pub(super) fn apply(
        &self,
        instructions: InstructionSet,
        rows: Rows<'_>,
        outputs: RowsMut<'_>,
        activation: Option<Activation>,
    ) {
        self.apply_columns(instructions, 0..self.columns, rows, outputs, activation);
    }

    /// The same for some columns alone, and for those that share a panel with one of them.
    pub(super) fn apply_columns(
        &self,
        instructions: InstructionSet,
        columns: Range<usize>,
        rows: Rows<'_>,
        outputs: RowsMut<'_>,
        activation: Option<Activation>,
    ) {
        let first = columns.start / self.width * self.width;
        let columns = first..columns.end.next_multiple_of(self.width).min(self.columns);
        let panels = Panels { numbers: self.panels.as_slice(), depth: self.depth, columns };
        instructions.run(Product { rows, panels, outputs, bias: Some(&self.bias), activation });
    }
}

struct Product<'a> {
    rows: Rows<'a>,
    panels: Panels<'a>,
    outputs: RowsMut<'a>,
    bias: Option<&'a [f32]>,
    activation: Option<Activation>,
}

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { rows, panels, mut outputs, bias, activation } = self;
        multiply(simd, rows, panels, &mut outputs, bias, activation);
    }
}

/// Rows times panels, for kernels that are already compiled for an instruction set.
#[inline(always)]
pub(super) fn multiply<S: Simd>(
    simd: S,
    rows: Rows<'_>,
    panels: Panels<'_>,
    outputs: &mut RowsMut<'_>,
    bias: Option<&[f32]>,
    activation: Option<Activation>,
) {
    let width = S::LANES * TILE_VECTORS;
    let Panels { numbers, depth, columns } = panels;
    for first in (0..depth).step_by(DEPTH_MAX) {
        let span = first..depth.min(first + DEPTH_MAX);
        let is_last = span.end == depth;
        for first_column in columns.clone().step_by(width) {
            // A panel before this one holds `width` columns, `depth` numbers each.
            let numbers = &numbers[first_column * depth..][span.start * width..span.end * width];
            let part = Part {
                panel: numbers,
                span: span.clone(),
                columns: first_column..columns.end.min(first_column + width),
                bias: bias.map(|bias| &bias[first_column..first_column + width]),
                activation: activation.filter(|_| is_last),
            };
            for tile in tiles(rows.count, S::TILE_ROWS) {
                part.compute(simd, rows, tile, outputs);
            }
        }
    }
}

/// Rows shared out to tiles of almost equal height, the last ones lower: a tile of one row among tiles of six would keep
/// the unit as busy as a tile of four.
#[inline(always)]
fn tiles(rows: usize, height_max: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.div_ceil(height_max).max(1);
    let (height, higher) = (rows / count, rows % count);
    (0..count).map(move |tile| {
        let first = tile * height + tile.min(higher);
        first..first + height + usize::from(tile < higher)
    })
}

/// One panel over one span of the depth.
struct Part<'a> {
    panel: &'a [f32],
    span: Range<usize>,
    columns: Range<usize>,
    bias: Option<&'a [f32]>,
    activation: Option<Activation>,
}

impl Part<'_> {
    #[inline(always)]
    fn compute<S: Simd>(&self, simd: S, rows: Rows<'_>, tile: Range<usize>, outputs: &mut RowsMut<'_>) {
        const { assert!(TILE_ROWS_MAX == 12) };
        match tile.len() {
            1 => self.tile::<S, 1>(simd, rows, tile.start, outputs),
            2 => self.tile::<S, 2>(simd, rows, tile.start, outputs),
            3 => self.tile::<S, 3>(simd, rows, tile.start, outputs),
            4 => self.tile::<S, 4>(simd, rows, tile.start, outputs),
            5 => self.tile::<S, 5>(simd, rows, tile.start, outputs),
            6 => self.tile::<S, 6>(simd, rows, tile.start, outputs),
            7 if S::TILE_ROWS >= 7 => self.tile::<S, 7>(simd, rows, tile.start, outputs),
            8 if S::TILE_ROWS >= 8 => self.tile::<S, 8>(simd, rows, tile.start, outputs),
            9 if S::TILE_ROWS >= 9 => self.tile::<S, 9>(simd, rows, tile.start, outputs),
            10 if S::TILE_ROWS >= 10 => self.tile::<S, 10>(simd, rows, tile.start, outputs),
            11 if S::TILE_ROWS >= 11 => self.tile::<S, 11>(simd, rows, tile.start, outputs),
            12 if S::TILE_ROWS >= 12 => self.tile::<S, 12>(simd, rows, tile.start, outputs),
            height => assert!(height == 0, "a tile is no higher than the instruction set's"),
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const HEIGHT: usize>(&self, simd: S, rows: Rows<'_>, first_row: usize, outputs: &mut RowsMut<'_>) {
        let width = S::LANES * TILE_VECTORS;
        let Self { panel, span, columns, bias, activation } = self;
        let depth = span.len();
        let lefts: [&[f32]; HEIGHT] =
            std::array::from_fn(|row| &rows.numbers[(first_row + row) * rows.stride + span.start..][..depth]);
        let is_whole = columns.len() == width;
        let mut sums = [[simd.splat(0.0); TILE_VECTORS]; HEIGHT];
        for (row, sums) in sums.iter_mut().enumerate() {
            let start: &[f32] = if span.start > 0 {
                &outputs.numbers[(first_row + row) * outputs.stride + columns.start..][..columns.len()]
            } else if let Some(bias) = bias {
                bias
            } else {
                continue;
            };
            *sums = if start.len() == width {
                [simd.load(&start[..S::LANES]), simd.load(&start[S::LANES..])]
            } else {
                let (first, second) = start.split_at(start.len().min(S::LANES));
                [simd.load_rest(first, 0.0), simd.load_rest(second, 0.0)]
            };
        }
        for (place, right) in panel.chunks_exact(width).enumerate().take(depth) {
            let right = [simd.load(&right[..S::LANES]), simd.load(&right[S::LANES..])];
            for (left, sums) in lefts.iter().zip(&mut sums) {
                let left = simd.splat(left[place]);
                sums[0] = simd.mul_add(left, right[0], sums[0]);
                sums[1] = simd.mul_add(left, right[1], sums[1]);
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let output = &mut outputs.numbers[(first_row + row) * outputs.stride + columns.start..][..columns.len()];
            let sums = activated(simd, sums, *activation);
            if is_whole {
                simd.store(sums[0], &mut output[..S::LANES]);
                simd.store(sums[1], &mut output[S::LANES..]);
            } else {
                let (first, second) = output.split_at_mut(columns.len().min(S::LANES));
                simd.store_rest(sums[0], first);
                simd.store_rest(sums[1], second);
            }
        }
    }
}

#[inline(always)]
fn activated<S: Simd>(
    simd: S,
    sums: [S::Vector; TILE_VECTORS],
    activation: Option<Activation>,
) -> [S::Vector; TILE_VECTORS] {
    match activation {
        None => sums,
        Some(Activation::Gelu) => sums.map(|sum| functions::gelu(simd, sum)),
        Some(Activation::GeluTanh) => sums.map(|sum| functions::gelu_tanh(simd, sum)),
        Some(Activation::Relu) => sums.map(|sum| functions::relu(simd, sum)),
    }
}
