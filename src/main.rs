//! The program `commonhold`: the server and its command line in one.

use std::process::ExitCode;

fn main() -> ExitCode {
    commonhold::cli::main()
}
