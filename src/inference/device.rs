//! Where models run.

use candle_core::Device;

use crate::config::settings::DeviceChoice;

use super::fault::LoadError;

/// Opens the chosen device; gives its word for records and the log.
///
/// # Errors
/// A GPU in a build without `cuda`, or one that does not answer.
pub fn open(choice: DeviceChoice) -> Result<(Device, String), LoadError> {
    match choice {
        DeviceChoice::Cpu => Ok((Device::Cpu, "cpu".into())),
        DeviceChoice::Auto => Ok(first_gpu().unwrap_or_else(|| (Device::Cpu, "cpu".into()))),
        DeviceChoice::Cuda(ordinal) => open_cuda(ordinal),
    }
}

/// The first GPU of a cuda build; the log says why there is none.
#[cfg(feature = "cuda")]
fn first_gpu() -> Option<(Device, String)> {
    match open_cuda(0) {
        Ok(opened) => Some(opened),
        Err(error) => {
            tracing::warn!(%error, "no GPU: models run on the CPU");
            None
        }
    }
}

/// A build without `cuda` has none, and `device = "auto"` means the CPU: nothing to remark on.
#[cfg(not(feature = "cuda"))]
const fn first_gpu() -> Option<(Device, String)> {
    None
}

#[cfg(feature = "cuda")]
fn open_cuda(ordinal: usize) -> Result<(Device, String), LoadError> {
    match Device::new_cuda(ordinal) {
        Ok(device) => Ok((device, format!("cuda:{ordinal}"))),
        Err(error) => Err(LoadError::Device(format!(
            "model.device: cuda:{ordinal} does not answer: {error}; is a driver installed, and does `nvidia-smi` list it?"
        ))),
    }
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(ordinal: usize) -> Result<(Device, String), LoadError> {
    Err(LoadError::Device(format!(
        "model.device: cuda:{ordinal} needs a build with `--features cuda`; this one runs on the CPU: set `cpu` or `auto`"
    )))
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_build_takes_the_cpu_for_auto_and_refuses_a_gpu() {
        assert_eq!(open(DeviceChoice::Auto).expect("the CPU").1, "cpu");
        let refusal = open(DeviceChoice::Cuda(1)).expect_err("no GPU here").to_string();
        assert!(refusal.contains("cuda:1 needs a build with `--features cuda`"), "{refusal}");
    }
}
