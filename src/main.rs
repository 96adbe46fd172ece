//! The noctriage binary.

fn main() -> std::process::ExitCode {
    noctriage::cli::main()
}
