//! The noctriage binary.

fn main() -> std::process::ExitCode {
    if let Err(error) = noctriage::failpoints::arm() {
        eprintln!("noctriage: {error}");
        return std::process::ExitCode::from(noctriage::cli::EXIT_USAGE);
    }
    noctriage::cli::main()
}
