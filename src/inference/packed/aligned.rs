//! Numbers that begin at a cache line: a vector that crosses one costs two reads.

/// One cache line, and one vector of the widest instruction set.
const LINE_BYTES: usize = 64;
const LINE_NUMBERS: usize = LINE_BYTES / size_of::<f32>();

/// A list of `f32` that begins at a cache line.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    numbers: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let numbers = vec![0.0; len + LINE_NUMBERS];
        // 0 where the target cannot say: then it is not aligned, which costs time and nothing else.
        let start = Some(numbers.as_ptr().align_offset(LINE_BYTES)).filter(|offset| *offset < LINE_NUMBERS);
        Self { start: start.unwrap_or(0), numbers, len }
    }

    /// The first `len` numbers, whatever they hold; allocates only where there never were so many.
    pub(super) fn take(&mut self, len: usize) -> &mut [f32] {
        if self.len < len {
            *self = Self::zeros(len);
        }
        &mut self.numbers[self.start..self.start + len]
    }

    /// All of them.
    pub(super) fn as_slice(&self) -> &[f32] {
        &self.numbers[self.start..self.start + self.len]
    }

    /// All of them, to write.
    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..self.start + self.len]
    }
}
