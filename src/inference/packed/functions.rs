//! exp and GELU on vectors. Each is a polynomial or a quotient of two, fitted for this file by weighted least squares
//! (Lawson's iteration) against 64-bit reference values; the bounds stated are over all `f32`, rounding included, and
//! tests hold every instruction set to them. A NaN stays a NaN: it is the sign of broken weights and must reach the end.

use super::vector::Simd;

/// Below this the result would be subnormal; it stays at the least normal number, which any softmax takes for zero.
const EXP_LEAST: f32 = -87.33;
/// Above this the result would be infinite.
const EXP_GREATEST: f32 = 88.37;
/// ln 2 in two parts: the first has so few bits that its product with a whole number is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// exp on ±ln(2)/2, highest power first; relative error of the fit 1.9e-9.
const EXP: [f32; 7] = [1.383_679_4e-3, 8.374_857e-3, 4.166_823e-2, 1.666_642e-1, 4.999_999e-1, 1.0, 1.0];

/// From here on Φ(x) is 1 within `f32`.
const GELU_SATURATED: f32 = 5.2;
/// erf(x/√2) = x · P(x²) / Q(x²) on ±5.2, highest power first; absolute error of the fit 6e-9.
const ERF_P: [f32; 6] = [4.946_268_6e-8, 1.281_576_8e-5, 3.137_193_8e-4, 9.217_268e-3, 6.508_873e-2, 7.978_845e-1];
const ERF_Q: [f32; 6] = [1.258_874_4e-6, 7.049_553e-5, 1.817_192e-3, 2.792_658_1e-2, 2.482_429_5e-1, 1.0];

/// √(2/π), of the tanh approximation.
const TANH_SCALE: f32 = 0.797_884_6;
/// Its cubic term.
const TANH_CUBIC: f32 = 0.044_715;

#[inline(always)]
fn polynomial<S: Simd>(simd: S, x: S::Vector, coefficients: &[f32]) -> S::Vector {
    let mut sum = simd.splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add(sum, x, simd.splat(*coefficient));
    }
    sum
}

/// e to the power of x; relative error at most 3e-7, results from 1.2e-38 to 2.4e38.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    let x = simd.min(simd.splat(EXP_GREATEST), simd.max(simd.splat(EXP_LEAST), x));
    let whole = simd.round(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let rest = simd.mul_add(whole, simd.splat(-LN_2_HIGH), x);
    let rest = simd.mul_add(whole, simd.splat(-LN_2_LOW), rest);
    simd.mul(polynomial(simd, rest, &EXP), simd.power_of_two(whole))
}

/// x · Φ(x); error at most 1.2e-6 below |x| = 8, and 3e-7 of |x| beyond.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    // Bounded below, so that a large negative number is not multiplied with what rounding leaves of Φ.
    let x = simd.max(simd.splat(-GELU_SATURATED), x);
    let inner = simd.min(simd.splat(GELU_SATURATED), x);
    let square = simd.mul(inner, inner);
    let numerator = simd.mul(inner, polynomial(simd, square, &ERF_P));
    let erf = simd.div(numerator, polynomial(simd, square, &ERF_Q));
    let half = simd.mul(x, simd.splat(0.5));
    simd.mul_add(half, erf, half)
}

/// ½x · (1 + tanh(√(2/π)(x + 0.044715x³))), which is x · sigmoid of twice the argument.
#[inline(always)]
pub(super) fn gelu_tanh<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    let x = simd.max(simd.splat(-20.0), x);
    let cubic = simd.mul_add(simd.mul(x, x), simd.splat(TANH_CUBIC), simd.splat(1.0));
    let negative = simd.mul(simd.mul(x, cubic), simd.splat(-2.0 * TANH_SCALE));
    simd.div(x, simd.add(simd.splat(1.0), exp(simd, negative)))
}

/// max(x, 0)
#[inline(always)]
pub(super) fn relu<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    simd.max(simd.splat(0.0), x)
}
