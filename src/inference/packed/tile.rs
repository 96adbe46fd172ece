//! The innermost loop: where nine tenths of a forward pass are spent.

#![expect(unsafe_code, reason = "with a bounds check for each broadcast this loop takes half as long again")]

use super::vector::{Simd, TILE_VECTORS};

/// Adds to each sum the products of a row with a panel: `sums[row][·] += Σ lefts[row][place] · panel[place][·]`.
///
/// # Panics
/// A row that is shorter than the panel is deep.
#[inline(always)]
pub(super) fn accumulate<S: Simd, const HEIGHT: usize>(
    simd: S,
    lefts: [&[f32]; HEIGHT],
    panel: &[f32],
    mut sums: [[S::Vector; TILE_VECTORS]; HEIGHT],
) -> [[S::Vector; TILE_VECTORS]; HEIGHT] {
    let lines = panel.chunks_exact(S::LANES * TILE_VECTORS);
    for left in lefts {
        assert!(left.len() >= lines.len(), "a row is as long as the panel is deep");
    }
    for (place, line) in lines.enumerate() {
        let right = [simd.load(&line[..S::LANES]), simd.load(&line[S::LANES..])];
        for row in 0..HEIGHT {
            // SAFETY: `place` counts the lines, and no row is shorter than their number: asserted above.
            let left = simd.splat(unsafe { *lefts[row].get_unchecked(place) });
            sums[row][0] = simd.mul_add(left, right[0], sums[row][0]);
            sums[row][1] = simd.mul_add(left, right[1], sums[row][1]);
        }
    }
    sums
}
