//! The noctriage binary.

/// Tickets are made of many small texts, made on one thread and dropped on another. Chosen here and not in the library: whoever
/// links that, a fuzzer that counts allocations among them, chooses for itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    if let Err(error) = noctriage::failpoints::arm() {
        eprintln!("noctriage: {error}");
        return std::process::ExitCode::from(noctriage::cli::EXIT_USAGE);
    }
    noctriage::cli::main()
}
