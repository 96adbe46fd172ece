//! What a kernel may ask of a vector unit. Kernels are written once, over [`Simd`]; an instruction set is one
//! implementation of it, and [`Portable`] is the one that every machine has.
//!
//! A value of a `Simd` type is the proof that the machine has these instructions: detection alone makes one. All methods
//! and all functions over `Simd` are inlined into [`Simd::run`], which alone is compiled for the instruction set: a
//! function that is not inlined would be compiled for the oldest x86-64, right but ten times slower. A closure is such a
//! function: none may use a `Simd`.

/// Most lanes of any instruction set.
pub(super) const LANES_MAX: usize = 16;

/// Vectors side by side in one tile of a product: two, so that each broadcast of a left-hand number is used twice.
pub(super) const TILE_VECTORS: usize = 2;

/// Most rows of a tile on any instruction set.
pub(super) const TILE_ROWS_MAX: usize = 12;

/// Work that is compiled once for each instruction set.
pub(super) trait Kernel {
    /// What it returns.
    type Output;

    /// Does it.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Vectors of `f32`.
///
/// `min` and `max` return the second operand where either is NaN, as x86 does.
pub(super) trait Simd: Copy {
    /// One vector.
    type Vector: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Rows of the largest tile whose sums fit into the registers beside two columns and one broadcast.
    const TILE_ROWS: usize;

    /// Runs a kernel compiled for these instructions.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;
    /// The same number in all lanes.
    fn splat(self, number: f32) -> Self::Vector;
    /// The first `LANES` numbers; panics where there are fewer.
    fn load(self, from: &[f32]) -> Self::Vector;
    /// Writes the first `LANES` numbers; panics where there is less room.
    fn store(self, vector: Self::Vector, to: &mut [f32]);
    /// a + b
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a − b
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a / b
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b + c, rounded once where the machine can.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// The lesser of each pair.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The greater of each pair.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// To the nearest whole number, halves to even.
    fn round(self, a: Self::Vector) -> Self::Vector;
    /// 2 to the power of whole numbers from −126 to 127.
    fn power_of_two(self, a: Self::Vector) -> Self::Vector;

    /// The numbers that are left at the end of a row, `fill` in the other lanes.
    #[inline(always)]
    fn load_rest(self, from: &[f32], fill: f32) -> Self::Vector {
        let mut lanes = [fill; LANES_MAX];
        lanes[..from.len()].copy_from_slice(from);
        self.load(&lanes)
    }

    /// Writes the lanes for which there is room.
    #[inline(always)]
    fn store_rest(self, vector: Self::Vector, to: &mut [f32]) {
        let mut lanes = [0.0; LANES_MAX];
        self.store(vector, &mut lanes);
        to.copy_from_slice(&lanes[..to.len()]);
    }

    /// Sum over the lanes, always in the same order.
    #[inline(always)]
    fn sum(self, vector: Self::Vector) -> f32 {
        let mut lanes = [0.0; LANES_MAX];
        self.store(vector, &mut lanes);
        let mut width = Self::LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] += lanes[lane + width];
            }
            width /= 2;
        }
        lanes[0]
    }

    /// Greatest lane.
    #[inline(always)]
    fn greatest(self, vector: Self::Vector) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES_MAX];
        self.store(vector, &mut lanes);
        lanes[..Self::LANES].iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }
}

/// Plain Rust: the twin that the others are held against, and what runs where there is no other. The compiler makes of
/// its four lanes what the target has (SSE2, NEON).
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

const PORTABLE_LANES: usize = 4;

#[inline(always)]
fn lanes(f: impl Fn(usize) -> f32) -> [f32; PORTABLE_LANES] {
    std::array::from_fn(f)
}

impl Simd for Portable {
    type Vector = [f32; PORTABLE_LANES];
    const LANES: usize = PORTABLE_LANES;
    const TILE_ROWS: usize = 6;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, number: f32) -> Self::Vector {
        [number; PORTABLE_LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::Vector {
        *from.first_chunk().expect("a whole vector: shorter ones go through load_rest")
    }

    #[inline(always)]
    fn store(self, vector: Self::Vector, to: &mut [f32]) {
        *to.first_chunk_mut().expect("room for a whole vector: shorter ones go through store_rest") = vector;
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| a[lane] / b[lane])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        // Without an instruction for it, `f32::mul_add` is a call into libm.
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            lanes(|lane| a[lane].mul_add(b[lane], c[lane]))
        } else {
            lanes(|lane| a[lane] * b[lane] + c[lane])
        }
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        lanes(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn round(self, a: Self::Vector) -> Self::Vector {
        // Adding 1.5 · 2^23 leaves no room for a fraction. Only numbers far below 2^22 are rounded here; a NaN stays one.
        const SHIFT: f32 = 12_582_912.0;
        lanes(|lane| (a[lane] + SHIFT) - SHIFT)
    }

    #[inline(always)]
    fn power_of_two(self, a: Self::Vector) -> Self::Vector {
        lanes(|lane| f32::from_bits((((a[lane] as i32) + 127) << 23) as u32))
    }
}
