//! The forward pass of BERT, RoBERTa and XLM-RoBERTa on a CPU, our own: the rows of all sequences one after the other, no
//! padding computed, weights packed once, scratch kept, every instruction set that the machine has.
//!
//! From below: `vector` is what a kernel may ask, `x86` answers with AVX2 and AVX-512 (the only unsafe code here),
//! [`instructions`] chooses; `functions`, `product`, `rows` and `attention` are kernels; [`schedule`] cuts a batch and
//! shares it out to threads; `network` is the model; [`PackedEncoder`] runs it. Absent on purpose: training, dropout,
//! masks, anything but f32. candle's forward is the reference of the tests, and what runs on a GPU.

#![expect(
    clippy::inline_always,
    reason = "kernels are compiled for an instruction set by being inlined into the one function that has it"
)]

mod aligned;
mod attention;
mod functions;
pub mod instructions;
mod network;
mod product;
mod rows;
pub mod schedule;
mod tile;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use self::instructions::InstructionSet;
use self::network::{Chunk, Network, Pass, Scratch};
use self::schedule::{Plan, Progress, Workers};
use super::scorer::Scores;
use super::settings::EncoderSettings;

/// An encoder with its heads, ready to run.
#[derive(Debug)]
pub struct PackedEncoder {
    network: Network,
    workers: Workers,
    chunks: Vec<Chunk>,
    scratch: Vec<Mutex<Scratch>>,
}

impl PackedEncoder {
    /// Packs the tensors that `super::tensors` lists, all of them there and of the shapes that the settings imply.
    /// `positions_unused` are those before the first that a token can have.
    pub fn new(
        settings: &EncoderSettings,
        positions_unused: usize,
        tensors: HashMap<String, Vec<f32>>,
        instructions: InstructionSet,
        workers: Workers,
    ) -> Self {
        let scratch = (0..workers.count()).map(|_| Mutex::default()).collect();
        let network = Network::pack(settings, positions_unused, tensors, instructions);
        Self { network, workers, chunks: Vec::new(), scratch }
    }

    /// Instructions that it runs with.
    pub fn instructions(&self) -> InstructionSet {
        self.network.instructions()
    }

    /// Scores of each sequence of token ids, in order. Neither the other sequences nor the number of threads change any.
    ///
    /// # Errors
    /// A sequence that is empty, too long, or holds an id beyond the vocabulary.
    pub fn score(&mut self, sequences: &[&[u32]]) -> Result<Vec<Scores>, String> {
        if sequences.is_empty() {
            return Ok(Vec::new());
        }
        for sequence in sequences {
            self.network.check(sequence)?;
        }
        let Self { network, workers, chunks, scratch } = self;
        let plan = Plan::new(sequences.iter().map(|sequence| sequence.len()), workers.count());
        if chunks.len() < plan.chunks() {
            chunks.resize_with(plan.chunks(), Chunk::default);
        }
        let scores: Vec<Mutex<Vec<Scores>>> = (0..plan.groups()).map(|_| Mutex::default()).collect();
        let pass = Pass { network, sequences, plan: &plan, chunks, scores: &scores };
        let progress = Progress::new(&plan, network.phases());
        workers.run(|worker| {
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            progress.work(|piece| pass.compute(piece, &mut scratch));
        });
        Ok(scores.into_iter().flat_map(|scores| scores.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
    }
}

#[cfg(test)]
mod tests;
