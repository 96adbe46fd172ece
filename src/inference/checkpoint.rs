//! The weights of a model directory: headers of all shards first, numbers only for tensors that were asked for by name
//! and shape. Files are read, not mapped: a file that shrinks under a map ends the process.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use candle_core::{Device, Tensor};

use super::fault::LoadError;
use super::files::{ModelFiles, WEIGHT_FILE_BYTES_MAX, is_pickle};
use super::header::{Entry, HeaderError, Stored, header_length, parse_header};

/// A tensor that a model needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Its name in the file.
    pub name: String,
    /// The name under which the model's code asks for it.
    pub known_as: String,
    /// Its shape, as the configuration implies it.
    pub shape: Vec<usize>,
}

/// The checked headers of all weight files.
#[derive(Debug)]
pub struct Checkpoint<'files> {
    files: &'files ModelFiles,
    shards: Vec<(String, File)>,
    entries: BTreeMap<String, (usize, Entry)>,
}

impl<'files> Checkpoint<'files> {
    /// Opens all weight files and checks their headers.
    ///
    /// # Errors
    /// A pickle under whatever name, a header that is wrong, a tensor that stands in two files.
    pub fn open(files: &'files ModelFiles) -> Result<Self, LoadError> {
        let mut checkpoint = Self { files, shards: Vec::new(), entries: BTreeMap::new() };
        let mut twice = Vec::new();
        for name in files.weights() {
            let (mut file, bytes) = files.file(name, WEIGHT_FILE_BYTES_MAX)?;
            for (tensor, entry) in read_header(files, name, &mut file, bytes)? {
                if checkpoint.entries.insert(tensor.clone(), (checkpoint.shards.len(), entry)).is_some() {
                    twice.push(format!("tensor `{tensor}` stands in two files"));
                }
            }
            checkpoint.shards.push((name.clone(), file));
        }
        if twice.is_empty() {
            Ok(checkpoint)
        } else {
            Err(LoadError::Tensors { path: files.directory().to_owned(), mistakes: twice })
        }
    }

    /// Whether a tensor of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Shape of a tensor, where it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|(_, entry)| entry.shape.as_slice())
    }

    /// Loads what a model needs, as tensors on a device, under the names that its code uses.
    ///
    /// # Errors
    /// As [`Checkpoint::numbers_of`], and whatever the device says.
    pub fn load(self, needed: &[Needed], device: &Device) -> Result<HashMap<String, Tensor>, LoadError> {
        let path = self.files.directory().to_owned();
        let mut numbers = self.numbers_of(needed)?;
        let mut tensors = HashMap::with_capacity(needed.len());
        for Needed { name: _, known_as, shape } in needed {
            let numbers = numbers.remove(known_as).expect("all that is needed was read");
            let tensor = Tensor::from_vec(numbers, shape.as_slice(), device)
                .map_err(|error| LoadError::Weights { path: path.clone(), detail: error.to_string() })?;
            tensors.insert(known_as.clone(), tensor);
        }
        Ok(tensors)
    }

    /// Reads what a model needs, as f32, row after row, under the names that its code uses.
    ///
    /// # Errors
    /// Every tensor that is missing, misshapen or no float, before any of them is read; then what reading brings.
    pub fn numbers_of(mut self, needed: &[Needed]) -> Result<HashMap<String, Vec<f32>>, LoadError> {
        let mistakes: Vec<String> = needed.iter().filter_map(|needed| self.mistake(needed)).collect();
        if !mistakes.is_empty() {
            return Err(LoadError::Tensors { path: self.files.directory().to_owned(), mistakes });
        }
        needed.iter().map(|Needed { name, known_as, shape: _ }| Ok((known_as.clone(), self.numbers(name)?))).collect()
    }

    fn mistake(&self, needed: &Needed) -> Option<String> {
        let Needed { name, known_as: _, shape } = needed;
        let Some((_, entry)) = self.entries.get(name) else {
            return Some(format!("tensor `{name}` {shape:?} is missing"));
        };
        if entry.shape != *shape {
            return Some(format!("tensor `{name}` has shape {:?}; config.json and card imply {shape:?}", entry.shape));
        }
        match entry.stored {
            Stored::F32 | Stored::F16 | Stored::BF16 => None,
            Stored::Other(_) => Some(format!("tensor `{name}` is not stored as F32, F16 or BF16 (quantised?)")),
        }
    }

    /// The numbers of a tensor that [`Checkpoint::mistake`] has nothing against.
    fn numbers(&mut self, name: &str) -> Result<Vec<f32>, LoadError> {
        let (shard, entry) = self.entries.get(name).expect("asked for after the check that it is there");
        let (file_name, file) = self.shards.get_mut(*shard).expect("entries point to opened shards");
        let mut bytes = vec![0; entry.bytes];
        file.seek(SeekFrom::Start(entry.start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| LoadError::Unreadable { path: self.files.path(file_name), source })?;
        Ok(match entry.stored {
            Stored::F32 => bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect(),
            Stored::F16 => {
                bytes.as_chunks::<2>().0.iter().map(|number| from_f16(u16::from_le_bytes(*number))).collect()
            }
            Stored::BF16 => bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|number| f32::from_bits(u32::from(u16::from_le_bytes(*number)) << 16))
                .collect(),
            Stored::Other(_) => Vec::new(),
        })
    }
}

fn read_header(
    files: &ModelFiles,
    name: &str,
    file: &mut File,
    bytes: u64,
) -> Result<BTreeMap<String, Entry>, LoadError> {
    let path = files.path(name);
    let unreadable = |source| LoadError::Unreadable { path: path.clone(), source };
    let wrong = |source| LoadError::Header { path: path.clone(), source };
    let mut first = Vec::new();
    file.take(16).read_to_end(&mut first).map_err(unreadable)?;
    if is_pickle(&first) {
        return Err(LoadError::Pickle { path });
    }
    let length = first.first_chunk::<8>().ok_or_else(|| wrong(HeaderError::TooShort(bytes)))?;
    let length = header_length(*length, bytes).map_err(wrong)?;
    let mut header = vec![0; length];
    file.seek(SeekFrom::Start(8)).and_then(|_| file.read_exact(&mut header)).map_err(unreadable)?;
    parse_header(&header, bytes).map_err(wrong)
}

/// IEEE 754 half precision to single, exactly: every half is a single.
fn from_f16(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half) & 0x3ff;
    match (exponent, fraction) {
        (0x1f, fraction) => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        // Subnormal halves are normal singles: the fraction counts steps of 2^-24.
        (0, fraction) => f32::from_bits(sign | (fraction as f32 / 16_777_216.0).to_bits()),
        (exponent, fraction) => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

#[cfg(test)]
mod tests {
    use super::from_f16;

    #[test]
    fn halves_become_the_singles_of_the_standard() {
        let cases = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
        ];
        for (half, single) in cases {
            assert_eq!(from_f16(half), single, "{half:#06x}");
        }
        assert!(from_f16(0x7e00).is_nan());
        assert!(from_f16(0x8000).is_sign_negative());
    }
}
