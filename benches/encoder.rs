//! The packed forward beside candle-transformers', in one run, on one machine, on the same weights.
//!
//! The shape is MiniLM's (6 layers, width 384, 12 heads, 1,536 between); the weights are drawn at random, since speed does
//! not depend on them. Cells alternate between the two, so that a disturbance meets both. Peers outside Rust:
//! `benches/peers/run.sh`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use candle_core::{Device, Tensor};
use clap::Parser;
use noctriage::inference::packed::PackedEncoder;
use noctriage::inference::packed::instructions::InstructionSet;
use noctriage::inference::packed::schedule::Workers;
use noctriage::inference::padded::PaddedEncoder;
use noctriage::inference::scorer::{HeadSizes, Scores};
use noctriage::inference::settings::{Activation, EncoderSettings};
use noctriage::inference::tensors::{Family, needed};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::json;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Speed of the encoder on this machine.
#[derive(Parser)]
#[command(name = "encoder")]
struct Options {
    /// Threads of both forwards. candle takes its number once for a process: run again for another one.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Seconds for each of the two in each cell.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Cells, as tokens x sequences, or `ragged`: 32 sequences of 20 to 124 tokens.
    #[arg(long, value_delimiter = ',', default_values_t = CELLS.map(String::from))]
    cells: Vec<String>,
    /// Weights in the names of Hugging Face; written if they are not there.
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Also writes figures and scores here, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Runs the packed forward on this instruction set (portable, AVX2+FMA, AVX-512) instead of the best.
    #[arg(long)]
    instructions: Option<String>,
    /// Leaves candle-transformers out.
    #[arg(long)]
    alone: bool,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

const CELLS: [&str; 7] = ["64x1", "64x8", "64x32", "128x1", "128x8", "128x32", "ragged"];
const HEADS: HeadSizes = HeadSizes { severity: Some(4), cause: None };
/// Largest difference of a score between the two: they add in different orders.
const DIFFERENCE_MAX: f32 = 1e-4;

fn main() -> Result<()> {
    let options = Options::parse();
    // Nothing has started a thread yet.
    noctriage::inference::threads::limit(options.threads);
    let settings = settings();
    let weights = weights(options.weights.as_deref(), &settings)?;
    let instructions = instructions(options.instructions.as_deref())?;
    let workers = Workers::new(options.threads).map_err(anyhow::Error::msg)?;
    let numbers = weights.iter().map(|(name, (_, numbers))| (name.clone(), numbers.clone())).collect();
    let mut packed = PackedEncoder::new(&settings, 0, numbers, instructions, workers);
    let padded = if options.alone { None } else { Some(padded(&settings, &weights)?) };
    let peak = peak(Duration::from_secs_f64(options.seconds.min(1.0)))?;
    println!(
        "{}, {} thread(s); f32 matrix product, best of candle: {peak:.1} GFLOP/s",
        packed.instructions().as_str(),
        options.threads
    );
    println!("  cell    packed/s   of peak  GFLOP/s   candle/s   ratio   difference");
    let mut figures = Vec::new();
    for cell in &options.cells {
        let ids = ids(cell)?;
        let sequences: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let (mut ours, mut theirs) = (Timer::new(options.seconds), Timer::new(options.seconds));
        let (mut scores, mut reference) = (Vec::new(), None);
        while ours.goes_on() || (padded.is_some() && theirs.goes_on()) {
            scores = ours.time(|| packed.score(&sequences)).map_err(anyhow::Error::msg)?;
            if let Some(padded) = &padded {
                reference = Some(theirs.time(|| padded.score(&sequences))?);
            }
        }
        let rate = sequences.len() as f64 / ours.median();
        let flops = sequences.iter().map(|ids| flops(&settings, ids.len() as f64)).sum::<f64>() / ours.median() / 1e9;
        print!("{cell:>6} {rate:>11.1} {:>8.0}% {flops:>8.1}", flops / peak * 100.0);
        let mut candle_rate = None;
        if let Some(reference) = reference {
            let difference = difference(&scores, &reference);
            ensure!(difference <= DIFFERENCE_MAX, "{cell}: the two forwards differ by {difference}");
            let theirs = sequences.len() as f64 / theirs.median();
            print!(" {theirs:>10.1} {:>7.2} {difference:>12.1e}", rate / theirs);
            candle_rate = Some(theirs);
        }
        println!();
        let scores: Vec<&[f32]> = scores.iter().map(|scores| scores.severity.as_slice()).collect();
        figures.push(json!({ "cell": cell, "packed": rate, "candle": candle_rate, "gflops": flops, "scores": scores }));
    }
    if let Some(path) = &options.json {
        let all = json!({
            "instructions": packed.instructions().as_str(),
            "threads": options.threads,
            "peak": peak,
            "figures": figures,
        });
        fs::write(path, all.to_string()).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn settings() -> EncoderSettings {
    EncoderSettings {
        vocabulary_size: 30_522,
        hidden_size: 384,
        layers: 6,
        heads: 12,
        intermediate_size: 1536,
        activation: Activation::Gelu,
        positions: 512,
        token_types: 2,
        norm_epsilon: 1e-12,
        padding: 0,
    }
}

fn instructions(word: Option<&str>) -> Result<InstructionSet> {
    let Some(word) = word else { return Ok(InstructionSet::detect()) };
    let found = InstructionSet::available().into_iter().find(|set| set.as_str() == word);
    found.with_context(|| format!("--instructions: this machine has no {word}"))
}

/// Token ids of a cell; `benches/peers/peers.py` makes the same ones.
fn ids(cell: &str) -> Result<Vec<Vec<u32>>> {
    let lengths: Vec<usize> = if cell == "ragged" {
        (0..32).map(|row| 20 + (row * 37 + 11) % 105).collect()
    } else {
        let (tokens, rows) =
            cell.split_once('x').context("--cells: a cell is `64x8`, tokens x sequences, or `ragged`")?;
        vec![tokens.parse().context("--cells: tokens")?; rows.parse().context("--cells: sequences")?]
    };
    ensure!(lengths.iter().all(|tokens| (1..=512).contains(tokens)), "--cells: {cell} is not of 1 to 512 tokens");
    let id = |row: usize, place: usize| 1000 + ((row * 131 + place * 977) % 29_000) as u32;
    let sequence = |(row, tokens): (usize, &usize)| (0..*tokens).map(|place| id(row, place)).collect();
    Ok(lengths.iter().enumerate().map(sequence).collect())
}

type Weights = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// Random weights under the names of our code, as large as trained ones; from the file where it is there.
fn weights(path: Option<&Path>, settings: &EncoderSettings) -> Result<Weights> {
    let needed = needed(Family::Bert, "bert.", settings, HEADS);
    if let Some(path) = path.filter(|path| path.exists()) {
        let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let tensors = SafeTensors::deserialize(&bytes).with_context(|| format!("{}", path.display()))?;
        let read = |name: &str| -> Result<Vec<f32>> {
            let bytes = tensors.tensor(name)?.data();
            Ok(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect())
        };
        return needed.into_iter().map(|one| Ok((one.known_as, (one.shape, read(&one.name)?)))).collect();
    }
    let mut random = fastrand::Rng::with_seed(1);
    let mut weights = Weights::new();
    let mut files = Vec::new();
    for one in needed {
        let is_norm = one.known_as.ends_with("LayerNorm.weight");
        let mut number = || f32::from(u8::from(is_norm)) + (random.f32() - 0.5) * 0.2;
        let numbers: Vec<f32> = (0..one.shape.iter().product::<usize>()).map(|_| number()).collect();
        files.push((one.name, one.shape.clone(), numbers.iter().flat_map(|number| number.to_le_bytes()).collect()));
        weights.insert(one.known_as, (one.shape, numbers));
    }
    if let Some(path) = path {
        let views: Result<Vec<(&String, TensorView<'_>)>> = files
            .iter()
            .map(|(name, shape, bytes): &(String, Vec<usize>, Vec<u8>)| {
                Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?))
            })
            .collect();
        fs::write(path, safetensors::serialize(views?, None)?)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(weights)
}

fn padded(settings: &EncoderSettings, weights: &Weights) -> Result<PaddedEncoder> {
    let tensor = |(name, (shape, numbers)): (&String, &(Vec<usize>, Vec<f32>))| {
        Ok((name.clone(), Tensor::from_vec(numbers.clone(), shape.as_slice(), &Device::Cpu)?))
    };
    let tensors = weights.iter().map(tensor).collect::<Result<_>>()?;
    Ok(PaddedEncoder::new(Family::Bert, settings, HEADS, tensors, &Device::Cpu)?)
}

fn difference(found: &[Scores], expected: &[Scores]) -> f32 {
    let of_row = |(found, expected): (&Scores, &Scores)| {
        found.severity.iter().zip(&expected.severity).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    found.iter().zip(expected).map(of_row).fold(0.0, f32::max)
}

/// Floating-point operations that the packed forward does for one sequence: products alone, the last layer for one row.
fn flops(settings: &EncoderSettings, tokens: f64) -> f64 {
    let (h, between) = (settings.hidden_size as f64, settings.intermediate_size as f64);
    let rest = |rows: f64| rows * (4.0 * h * h + 4.0 * h * between + 4.0 * tokens * h);
    let layer = tokens * 4.0 * h * h + rest(tokens);
    let last = tokens * 4.0 * h * h + rest(1.0);
    (settings.layers as f64 - 1.0) * layer + last + 2.0 * h * h
}

/// The fastest product of 1024x384 and 384x1536 within this time, in GFLOP/s.
fn peak(time: Duration) -> Result<f64> {
    let (m, k, n) = (1024, 384, 1536);
    let left = Tensor::rand(0_f32, 1.0, (m, k), &Device::Cpu)?;
    let right = Tensor::rand(0_f32, 1.0, (k, n), &Device::Cpu)?;
    let begun = Instant::now();
    let mut best = f64::INFINITY;
    while begun.elapsed() < time {
        let start = Instant::now();
        left.matmul(&right)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(2.0 * (m * k * n) as f64 / best / 1e9)
}

/// Times runs until there is enough of them.
struct Timer {
    seconds: Vec<f64>,
    enough: f64,
}

impl Timer {
    fn new(enough: f64) -> Self {
        Self { seconds: Vec::new(), enough }
    }

    fn goes_on(&self) -> bool {
        self.seconds.len() < 3 || self.seconds.iter().sum::<f64>() < self.enough
    }

    fn time<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let outcome = run();
        self.seconds.push(start.elapsed().as_secs_f64());
        outcome
    }

    fn median(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }
}
