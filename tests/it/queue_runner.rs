//! The runner over a real queue file, with jobs whose every step the test decides.
//!
//! Time is moved by hand wherever a lease or a delay matters: the queue reads a manual clock, and a test
//! moves it only after it has seen what must come first. What beats in real time (renewals, passes for
//! stalled jobs) is counted, never timed.

mod double;
mod endings;
mod gate;
mod kit;
mod leases;
mod outages;
mod permits;
mod producer;
mod shutdown;
