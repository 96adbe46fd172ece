#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| noctriage_fuzz::check("model_directory", input));
