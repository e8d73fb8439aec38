//! Lucarne's one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    lucarne::cli::run()
}
