//! The weights of a BERT-like classifier, packed, and what each piece of work computes with them.
//!
//! Layer by layer for every row, but the last: both heads read the first row of each sequence alone, so that the last
//! layer computes keys and values for all rows and everything else for the first ones.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::aligned::Aligned;
use super::attention::{Attention, AttentionScratch, Heads};
use super::instructions::InstructionSet;
use super::product::{Dense, Rows, RowsMut};
use super::rows::{AddAndNorm, Norm};
use super::schedule::{Piece, Plan};
use crate::inference::scorer::Scores;
use crate::inference::settings::{Activation, EncoderSettings};

/// One layer.
#[derive(Debug)]
struct Layer {
    /// Keys, values and queries in one product.
    projections: Dense,
    attended: Dense,
    attended_norm: Norm,
    up: Dense,
    down: Dense,
    down_norm: Norm,
}

/// Everything that a pass reads and none writes.
#[derive(Debug)]
pub(super) struct Network {
    instructions: InstructionSet,
    heads: Heads,
    activation: Activation,
    intermediate: usize,
    words: Vec<f32>,
    /// Embedding of each position that a token can have, plus that of token type 0, which all tokens are of.
    positions: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    pooler: Dense,
    severity: Option<Dense>,
    cause: Option<Dense>,
}

/// Tensors by name, as `super::super::tensors` lists them; each is taken out once it is packed.
struct Tensors {
    by_name: HashMap<String, Vec<f32>>,
    instructions: InstructionSet,
    epsilon: f32,
}

impl Tensors {
    fn take(&mut self, name: &str) -> Vec<f32> {
        self.by_name.remove(name).unwrap_or_else(|| unreachable!("the loader lists `{name}` as needed"))
    }

    fn dense(&mut self, name: &str) -> Dense {
        self.dense_of(&[name])
    }

    /// Several layers of the same input as one.
    fn dense_of(&mut self, names: &[&str]) -> Dense {
        let weights: Vec<f32> = names.iter().flat_map(|name| self.take(&format!("{name}.weight"))).collect();
        let bias: Vec<f32> = names.iter().flat_map(|name| self.take(&format!("{name}.bias"))).collect();
        Dense::pack(self.instructions, &weights, &bias)
    }

    fn norm(&mut self, name: &str) -> Norm {
        Norm {
            weight: self.take(&format!("{name}.weight")),
            bias: self.take(&format!("{name}.bias")),
            epsilon: self.epsilon,
        }
    }

    fn layer(&mut self, number: usize) -> Layer {
        let name = |part: &str| format!("backbone.encoder.layer.{number}.{part}");
        let projections = ["key", "value", "query"].map(|part| name(&format!("attention.self.{part}")));
        Layer {
            projections: self.dense_of(&projections.each_ref().map(String::as_str)),
            attended: self.dense(&name("attention.output.dense")),
            attended_norm: self.norm(&name("attention.output.LayerNorm")),
            up: self.dense(&name("intermediate.dense")),
            down: self.dense(&name("output.dense")),
            down_norm: self.norm(&name("output.LayerNorm")),
        }
    }
}

/// Numbers of one chunk. Keys, values and queries are double: while one chunk computes those of the next layer, its
/// neighbours still read those of this one.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    hidden: RwLock<Aligned>,
    projections: [RwLock<Aligned>; 2],
}

/// What one thread needs beside its input; kept from call to call.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    attention: AttentionScratch,
    first: Aligned,
    projections: Aligned,
    attended: Aligned,
    added: Aligned,
    intermediate: Aligned,
}

/// One batch on its way.
pub(super) struct Pass<'a> {
    /// The weights.
    pub(super) network: &'a Network,
    /// Token ids of each sequence.
    pub(super) sequences: &'a [&'a [u32]],
    /// How it is cut.
    pub(super) plan: &'a Plan,
    /// At least as many as the plan has.
    pub(super) chunks: &'a [Chunk],
    /// Scores of each group of sequences.
    pub(super) scores: &'a [Mutex<Vec<Scores>>],
}

/// A panic in an earlier pass leaves numbers half written, and every pass writes before it reads.
fn read(numbers: &RwLock<Aligned>) -> RwLockReadGuard<'_, Aligned> {
    numbers.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(numbers: &RwLock<Aligned>) -> RwLockWriteGuard<'_, Aligned> {
    numbers.write().unwrap_or_else(PoisonError::into_inner)
}

impl Network {
    /// Packs the weights.
    pub(super) fn pack(
        settings: &EncoderSettings,
        positions_unused: usize,
        tensors: HashMap<String, Vec<f32>>,
        instructions: InstructionSet,
    ) -> Self {
        let width = settings.hidden_size;
        let has = |head: &str| tensors.contains_key(&format!("{head}.weight"));
        let (has_severity, has_cause) = (has("severity"), has("cause"));
        let mut tensors = Tensors { by_name: tensors, instructions, epsilon: settings.norm_epsilon as f32 };
        let mut positions = tensors.take("backbone.embeddings.position_embeddings.weight");
        positions.drain(..positions_unused * width);
        let types = tensors.take("backbone.embeddings.token_type_embeddings.weight");
        for position in positions.chunks_exact_mut(width) {
            for (number, of_type) in position.iter_mut().zip(&types) {
                *number += of_type;
            }
        }
        Self {
            instructions,
            heads: Heads { count: settings.heads, size: width / settings.heads },
            activation: settings.activation,
            intermediate: settings.intermediate_size,
            words: tensors.take("backbone.embeddings.word_embeddings.weight"),
            positions,
            embedding_norm: tensors.norm("backbone.embeddings.LayerNorm"),
            layers: (0..settings.layers).map(|layer| tensors.layer(layer)).collect(),
            pooler: tensors.dense("pooler"),
            severity: has_severity.then(|| tensors.dense("severity")),
            cause: has_cause.then(|| tensors.dense("cause")),
        }
    }

    /// Instructions that it was packed for.
    pub(super) fn instructions(&self) -> InstructionSet {
        self.instructions
    }

    /// Phases over all chunks: the embedding with the first projections, then one for each layer but the last.
    pub(super) fn phases(&self) -> usize {
        self.layers.len()
    }

    /// Checks that there is an embedding for each token and position.
    ///
    /// # Errors
    /// A sequence that is empty, too long, or holds an id beyond the vocabulary.
    pub(super) fn check(&self, sequence: &[u32]) -> Result<(), String> {
        let width = self.heads.width();
        let (words, positions) = (self.words.len() / width, self.positions.len() / width);
        if sequence.is_empty() {
            return Err("a text without any token, not even those that begin and end it".into());
        }
        if sequence.len() > positions {
            return Err(format!("a text of {} tokens; the model has {positions} positions", sequence.len()));
        }
        match sequence.iter().find(|id| **id as usize >= words) {
            Some(id) => Err(format!("token {id} is beyond the model's vocabulary of {words}")),
            None => Ok(()),
        }
    }

    fn embed(&self, ids: &[u32], first_position: usize, rows: &mut [f32], scratch: &mut Scratch) {
        let width = self.heads.width();
        for (row, id) in rows.chunks_exact_mut(width).zip(ids) {
            row.copy_from_slice(&self.words[*id as usize * width..][..width]);
        }
        let positions = scratch.added.take(rows.len());
        positions.copy_from_slice(&self.positions[first_position * width..][..rows.len()]);
        self.instructions.run(AddAndNorm { rows, added: positions, norm: &self.embedding_norm });
    }

    /// Attended rows in, the layer's output in place of `hidden`.
    fn finish_layer(&self, layer: &Layer, hidden: &mut [f32], scratch: &mut Scratch) {
        let width = self.heads.width();
        let count = hidden.len() / width;
        let added = scratch.added.take(hidden.len());
        let attended = Rows { numbers: scratch.attended.take(hidden.len()), stride: width, count };
        layer.attended.apply(self.instructions, attended, RowsMut { numbers: added, stride: width }, None);
        self.instructions.run(AddAndNorm { rows: hidden, added, norm: &layer.attended_norm });
        let stride = self.intermediate;
        let numbers = scratch.intermediate.take(count * stride);
        let rows = Rows { numbers: hidden, stride: width, count };
        layer.up.apply(self.instructions, rows, RowsMut { numbers, stride }, Some(self.activation));
        let rows = Rows { numbers, stride, count };
        layer.down.apply(self.instructions, rows, RowsMut { numbers: added, stride: width }, None);
        self.instructions.run(AddAndNorm { rows: hidden, added, norm: &layer.down_norm });
    }

    /// Keys and values of each row, and queries where every row asks.
    fn project(&self, number: usize, hidden: &[f32], projections: &mut [f32]) {
        let width = self.heads.width();
        let is_last = number + 1 == self.layers.len();
        let columns = if is_last { 0..2 * width } else { 0..3 * width };
        let rows = Rows { numbers: hidden, stride: width, count: hidden.len() / width };
        let outputs = RowsMut { numbers: projections, stride: 3 * width };
        self.layers[number].projections.apply_columns(self.instructions, columns, rows, outputs, None);
    }

    fn scores(&self, first: &[f32], scratch: &mut Scratch) -> Vec<Scores> {
        let width = self.heads.width();
        let count = first.len() / width;
        let pooled = scratch.added.take(first.len());
        let rows = Rows { numbers: first, stride: width, count };
        self.pooler.apply(self.instructions, rows, RowsMut { numbers: pooled, stride: width }, None);
        for number in pooled.iter_mut() {
            *number = number.tanh();
        }
        let of_head = |head: &Option<Dense>| match head {
            None => vec![Vec::new(); count],
            Some(head) => {
                let mut numbers = vec![0.0; count * head.columns()];
                let rows = Rows { numbers: pooled, stride: width, count };
                head.apply(self.instructions, rows, RowsMut { numbers: &mut numbers, stride: head.columns() }, None);
                numbers.chunks_exact(head.columns()).map(<[f32]>::to_vec).collect()
            }
        };
        let (severity, cause) = (of_head(&self.severity), of_head(&self.cause));
        severity.into_iter().zip(cause).map(|(severity, cause)| Scores { severity, cause }).collect()
    }
}

impl Pass<'_> {
    /// Computes one piece.
    pub(super) fn compute(&self, piece: Piece, scratch: &mut Scratch) {
        match piece {
            Piece::Chunk { phase: 0, chunk } => self.embed(chunk, scratch),
            Piece::Chunk { phase, chunk } => self.layer(phase - 1, chunk, scratch),
            Piece::Group(group) => {
                let scores = self.last_layer(self.plan.sequences_of_group(group), scratch);
                *self.scores[group].lock().unwrap_or_else(PoisonError::into_inner) = scores;
            }
        }
    }

    fn width(&self) -> usize {
        self.network.heads.width()
    }

    fn embed(&self, chunk: usize, scratch: &mut Scratch) {
        let width = self.width();
        let rows = self.plan.rows_of_chunk(chunk);
        let mut hidden = write(&self.chunks[chunk].hidden);
        let hidden = hidden.take(rows.len() * width);
        for sequence in self.plan.sequences_of_rows(&rows) {
            let (here, within) = self.part_of(sequence, &rows);
            let ids = &self.sequences[sequence][within.clone()];
            self.network.embed(ids, within.start, &mut hidden[here.start * width..here.end * width], scratch);
        }
        let mut projections = write(&self.chunks[chunk].projections[0]);
        self.network.project(0, hidden, projections.take(rows.len() * 3 * width));
    }

    fn layer(&self, number: usize, chunk: usize, scratch: &mut Scratch) {
        let (network, width) = (self.network, self.width());
        let rows = self.plan.rows_of_chunk(chunk);
        let sequences = self.plan.sequences_of_rows(&rows);
        let projections = Projections::read(self, &sequences, number);
        for sequence in sequences {
            let (here, within) = self.part_of(sequence, &rows);
            let first_row = self.plan.starts[sequence] + within.start;
            let attended = scratch.attended.take(rows.len() * width);
            network.instructions.run(Attention {
                heads: network.heads,
                sequence: &projections.rows(self.plan.rows_of_sequence(sequence)),
                queries: projections.rows(first_row..first_row + here.len())[0],
                scratch: &mut scratch.attention,
                outputs: RowsMut { numbers: &mut attended[here.start * width..], stride: width },
            });
        }
        let mut hidden = write(&self.chunks[chunk].hidden);
        let hidden = hidden.take(rows.len() * width);
        network.finish_layer(&network.layers[number], hidden, scratch);
        let mut next = write(&self.chunks[chunk].projections[(number + 1) % 2]);
        network.project(number + 1, hidden, next.take(rows.len() * 3 * width));
    }

    fn last_layer(&self, sequences: Range<usize>, scratch: &mut Scratch) -> Vec<Scores> {
        let (network, width) = (self.network, self.width());
        let number = network.layers.len() - 1;
        let layer = &network.layers[number];
        let count = sequences.len();
        let mut first = std::mem::take(&mut scratch.first);
        let hidden = first.take(count * width);
        for (row, sequence) in hidden.chunks_exact_mut(width).zip(sequences.clone()) {
            let start = self.plan.starts[sequence];
            let chunk = read(&self.chunks[start / self.plan.chunk_rows].hidden);
            row.copy_from_slice(&chunk.as_slice()[start % self.plan.chunk_rows * width..][..width]);
        }
        let queries = scratch.projections.take(count * 3 * width);
        let rows = Rows { numbers: hidden, stride: width, count };
        let outputs = RowsMut { numbers: queries, stride: 3 * width };
        layer.projections.apply_columns(network.instructions, 2 * width..3 * width, rows, outputs, None);
        let projections = Projections::read(self, &sequences, number);
        let attended = scratch.attended.take(count * width);
        for (row, sequence) in sequences.enumerate() {
            network.instructions.run(Attention {
                heads: network.heads,
                sequence: &projections.rows(self.plan.rows_of_sequence(sequence)),
                queries: Rows { numbers: &queries[row * 3 * width..], stride: 3 * width, count: 1 },
                scratch: &mut scratch.attention,
                outputs: RowsMut { numbers: &mut attended[row * width..], stride: width },
            });
        }
        network.finish_layer(layer, hidden, scratch);
        let scores = network.scores(hidden, scratch);
        scratch.first = first;
        scores
    }

    /// Rows of a sequence among those of a chunk: where they lie in the chunk, and where in the sequence.
    fn part_of(&self, sequence: usize, rows: &Range<usize>) -> (Range<usize>, Range<usize>) {
        let all = self.plan.rows_of_sequence(sequence);
        let part = all.start.max(rows.start)..all.end.min(rows.end);
        (part.start - rows.start..part.end - rows.start, part.start - all.start..part.end - all.start)
    }
}

/// Keys, values and queries of the chunks that some sequences lie in.
struct Projections<'a> {
    chunk_rows: usize,
    stride: usize,
    first_chunk: usize,
    chunks: Vec<RwLockReadGuard<'a, Aligned>>,
}

impl<'a> Projections<'a> {
    fn read(pass: &Pass<'a>, sequences: &Range<usize>, layer: usize) -> Self {
        let chunks = pass.plan.chunks_of_sequences(sequences);
        Self {
            chunk_rows: pass.plan.chunk_rows,
            stride: 3 * pass.width(),
            first_chunk: chunks.start,
            chunks: pass.chunks[chunks].iter().map(|chunk| read(&chunk.projections[layer % 2])).collect(),
        }
    }

    /// These rows of the batch, one run of them for each chunk that they lie in.
    fn rows(&self, rows: Range<usize>) -> Vec<Rows<'_>> {
        let chunks = rows.start / self.chunk_rows..rows.end.div_ceil(self.chunk_rows);
        let run = |chunk: usize| {
            let first = rows.start.max(chunk * self.chunk_rows) - chunk * self.chunk_rows;
            let end = rows.end.min((chunk + 1) * self.chunk_rows) - chunk * self.chunk_rows;
            let numbers = self.chunks[chunk - self.first_chunk].as_slice();
            Rows { numbers: &numbers[first * self.stride..end * self.stride], stride: self.stride, count: end - first }
        };
        chunks.map(run).collect()
    }
}
