//! AVX2 with FMA, and AVX-512: the only unsafe code of the encoder. Two promises carry it. A value of these types exists
//! only where detection found the instructions, so that they may be used; loads and stores check the slice first.

#![expect(
    unsafe_code,
    reason = "intrinsics are safe only in functions that are compiled for them, which no method of a trait can be"
)]

use std::arch::x86_64::{
    __m256, __m512, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm256_add_epi32, _mm256_add_ps, _mm256_castsi256_ps,
    _mm256_cvtps_epi32, _mm256_div_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps,
    _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
    _mm512_add_epi32, _mm512_add_ps, _mm512_castsi512_ps, _mm512_cvtps_epi32, _mm512_div_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_roundscale_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::vector::{Kernel, Simd};

/// A machine with AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

/// A machine with AVX-512 F, and with AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx2 {
    /// The proof, where this machine has the instructions.
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

impl Avx512 {
    /// The proof, where this machine has the instructions.
    pub(super) fn detect() -> Option<Self> {
        (Avx2::detect().is_some() && is_x86_feature_detected!("avx512f")).then_some(Self(()))
    }
}

/// One instruction set: its vector, lanes, tile, features and the intrinsic for each operation. The two differ in
/// nothing else, so that what is tested on one is the text of the other.
macro_rules! instruction_set {
    (
        $simd:ident, $vector:ident, $lanes:literal lanes, $tile_rows:literal tile rows, $features:literal,
        $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $mul_add:ident,
        $min:ident, $max:ident, $round:ident, $to_integer:ident, $integer:ident, $integer_add:ident, $shift:ident,
        $from_bits:ident
    ) => {
        impl Simd for $simd {
            type Vector = $vector;
            const LANES: usize = $lanes;
            const TILE_ROWS: usize = $tile_rows;

            #[inline]
            fn run<K: Kernel>(self, kernel: K) -> K::Output {
                // Never inlined: a tile needs all registers for itself.
                #[inline(never)]
                #[target_feature(enable = $features)]
                fn compiled<K: Kernel>(simd: $simd, kernel: K) -> K::Output {
                    kernel.run(simd)
                }
                // SAFETY: `self` exists, so the machine has the features (see the head of this file).
                unsafe { compiled(self, kernel) }
            }

            #[inline(always)]
            fn splat(self, number: f32) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $splat(number) }
            }

            #[inline(always)]
            fn load(self, from: &[f32]) -> Self::Vector {
                let from: &[f32; $lanes] =
                    from.first_chunk().expect("a whole vector: shorter ones go through load_rest");
                // SAFETY: as in `run`; the reference covers all lanes, and the load needs no alignment.
                unsafe { $load(from.as_ptr()) }
            }

            #[inline(always)]
            fn store(self, vector: Self::Vector, to: &mut [f32]) {
                let to: &mut [f32; $lanes] =
                    to.first_chunk_mut().expect("room for a whole vector: shorter ones go through store_rest");
                // SAFETY: as in `run`; the reference covers all lanes, and the store needs no alignment.
                unsafe { $store(to.as_mut_ptr(), vector) }
            }

            #[inline(always)]
            fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $add(a, b) }
            }

            #[inline(always)]
            fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $sub(a, b) }
            }

            #[inline(always)]
            fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $mul(a, b) }
            }

            #[inline(always)]
            fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $div(a, b) }
            }

            #[inline(always)]
            fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $mul_add(a, b, c) }
            }

            #[inline(always)]
            fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $min(a, b) }
            }

            #[inline(always)]
            fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $max(a, b) }
            }

            #[inline(always)]
            fn round(self, a: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $round::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
            }

            #[inline(always)]
            fn power_of_two(self, a: Self::Vector) -> Self::Vector {
                // SAFETY: as in `run`.
                unsafe { $from_bits($shift::<23>($integer_add($to_integer(a), $integer(127)))) }
            }
        }
    };
}

// 16 registers: 6 · 2 sums, 2 columns, 1 broadcast.
instruction_set!(
    Avx2, __m256, 8 lanes, 6 tile rows, "avx2,fma",
    _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps,
    _mm256_fmadd_ps, _mm256_min_ps, _mm256_max_ps, _mm256_round_ps, _mm256_cvtps_epi32, _mm256_set1_epi32,
    _mm256_add_epi32, _mm256_slli_epi32, _mm256_castsi256_ps
);

// 32 registers: 12 · 2 sums, 2 columns, 1 broadcast.
instruction_set!(
    Avx512, __m512, 16 lanes, 12 tile rows, "avx512f,avx2,fma",
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps,
    _mm512_fmadd_ps, _mm512_min_ps, _mm512_max_ps, _mm512_roundscale_ps, _mm512_cvtps_epi32, _mm512_set1_epi32,
    _mm512_add_epi32, _mm512_slli_epi32, _mm512_castsi512_ps
);
