//! The program `commonhold`: the server and its command line in one.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// docs/decisions/0021-allocator.md says why not the C library's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    commonhold::cli::main()
}
