#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| noctriage_fuzz::check("ticket_reader", input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    // Three bytes and a line stand before the value.
    let start = data[..size].iter().position(|byte| *byte == b'\n').map_or(size, |end| end + 1);
    noctriage_fuzz::json::mutate(data, size, max_size, seed, start)
});
