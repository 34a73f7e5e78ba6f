//! An order's way through the worker to ParcelX and back, over a real socket.

mod booking;
mod mapping;
mod outcomes;
mod reconcile;
mod verdicts;
mod waiting;
