#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| noctriage_fuzz::check("safetensors_header", input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    noctriage_fuzz::json::mutate(data, size, max_size, seed, 1)
});
