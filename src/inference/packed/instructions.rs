//! Which vector instructions this machine has, found once, when a model is loaded.

use super::vector::{Kernel, Portable, Simd};
#[cfg(target_arch = "x86_64")]
use super::x86::{Avx2, Avx512};

/// The instructions that kernels run with; weights are packed for one set and run with no other.
#[derive(Clone, Copy, Debug)]
pub struct InstructionSet(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl InstructionSet {
    /// Those that every machine has.
    pub const fn portable() -> Self {
        Self(Kind::Portable(Portable))
    }

    /// All that this machine has, the best last.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::portable()];
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(Avx2::detect().map(|proof| Self(Kind::Avx2(proof))));
            sets.extend(Avx512::detect().map(|proof| Self(Kind::Avx512(proof))));
        }
        sets
    }

    /// The best of this machine.
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self::portable())
    }

    /// Its name, for figures and logs.
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            Kind::Portable(_) => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "AVX2+FMA",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "AVX-512",
        }
    }

    /// Runs a kernel.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Kind::Portable(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(simd) => simd.run(kernel),
        }
    }

    /// Columns of a panel of packed weights: the width of a tile.
    pub(super) fn panel_width(self) -> usize {
        self.run(PanelWidth)
    }
}

struct PanelWidth;

impl Kernel for PanelWidth {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        S::LANES * super::vector::TILE_VECTORS
    }
}
