//! `worker`: see [`waybill::cli`].

use std::process::ExitCode;

/// Threads hand many small values to each other here, for weeks: less memory and CPU than with the system's
/// allocator (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    waybill::cli::worker()
}
