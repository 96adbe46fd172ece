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
use super::tile::accumulate;
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
        let first_row = tile.start;
        match tile.len() {
            1 => simd.run(Tile::<1> { part: self, rows, first_row, outputs }),
            2 => simd.run(Tile::<2> { part: self, rows, first_row, outputs }),
            3 => simd.run(Tile::<3> { part: self, rows, first_row, outputs }),
            4 => simd.run(Tile::<4> { part: self, rows, first_row, outputs }),
            5 => simd.run(Tile::<5> { part: self, rows, first_row, outputs }),
            6 => simd.run(Tile::<6> { part: self, rows, first_row, outputs }),
            7 if S::TILE_ROWS >= 7 => simd.run(Tile::<7> { part: self, rows, first_row, outputs }),
            8 if S::TILE_ROWS >= 8 => simd.run(Tile::<8> { part: self, rows, first_row, outputs }),
            9 if S::TILE_ROWS >= 9 => simd.run(Tile::<9> { part: self, rows, first_row, outputs }),
            10 if S::TILE_ROWS >= 10 => simd.run(Tile::<10> { part: self, rows, first_row, outputs }),
            11 if S::TILE_ROWS >= 11 => simd.run(Tile::<11> { part: self, rows, first_row, outputs }),
            12 if S::TILE_ROWS >= 12 => simd.run(Tile::<12> { part: self, rows, first_row, outputs }),
            height => assert!(height == 0, "a tile is no higher than the instruction set's"),
        }
    }
}

/// One panel over one span of the depth, for some rows: a function of its own, so that its sums have all registers.
struct Tile<'a, 'numbers, const HEIGHT: usize> {
    part: &'a Part<'a>,
    rows: Rows<'a>,
    first_row: usize,
    outputs: &'a mut RowsMut<'numbers>,
}

impl<const HEIGHT: usize> Kernel for Tile<'_, '_, HEIGHT> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { part, rows, first_row, outputs } = self;
        let Part { panel, span, columns, bias, activation } = part;
        let lefts: [&[f32]; HEIGHT] =
            std::array::from_fn(|row| &rows.numbers[(first_row + row) * rows.stride + span.start..][..span.len()]);
        let mut sums = [[simd.splat(0.0); TILE_VECTORS]; HEIGHT];
        for (row, sums) in sums.iter_mut().enumerate() {
            if span.start > 0 {
                let first = (first_row + row) * outputs.stride + columns.start;
                *sums = load(simd, &outputs.numbers[first..][..columns.len()]);
            } else if let Some(bias) = bias {
                *sums = load(simd, bias);
            }
        }
        let sums = accumulate(simd, lefts, panel, sums);
        for (row, sums) in sums.into_iter().enumerate() {
            let first = (first_row + row) * outputs.stride + columns.start;
            store(simd, activated(simd, sums, *activation), &mut outputs.numbers[first..][..columns.len()]);
        }
    }
}

/// A line of a panel, or what there is of it.
#[inline(always)]
fn load<S: Simd>(simd: S, line: &[f32]) -> [S::Vector; TILE_VECTORS] {
    if line.len() == S::LANES * TILE_VECTORS {
        return [simd.load(&line[..S::LANES]), simd.load(&line[S::LANES..])];
    }
    let (first, second) = line.split_at(line.len().min(S::LANES));
    [simd.load_rest(first, 0.0), simd.load_rest(second, 0.0)]
}

#[inline(always)]
fn store<S: Simd>(simd: S, sums: [S::Vector; TILE_VECTORS], line: &mut [f32]) {
    if line.len() == S::LANES * TILE_VECTORS {
        simd.store(sums[0], &mut line[..S::LANES]);
        simd.store(sums[1], &mut line[S::LANES..]);
        return;
    }
    let (first, second) = line.split_at_mut(line.len().min(S::LANES));
    simd.store_rest(sums[0], first);
    simd.store_rest(sums[1], second);
}

#[inline(always)]
fn activated<S: Simd>(
    simd: S,
    [first, second]: [S::Vector; TILE_VECTORS],
    activation: Option<Activation>,
) -> [S::Vector; TILE_VECTORS] {
    match activation {
        None => [first, second],
        Some(Activation::Gelu) => [functions::gelu(simd, first), functions::gelu(simd, second)],
        Some(Activation::GeluTanh) => [functions::gelu_tanh(simd, first), functions::gelu_tanh(simd, second)],
        Some(Activation::Relu) => [functions::relu(simd, first), functions::relu(simd, second)],
    }
}
