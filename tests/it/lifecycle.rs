//! An order's way through the worker to ParcelX and back, over a real socket.

mod ageing;
mod amend;
mod booking;
mod brake;
mod cancel;
mod crowded;
mod holds;
mod hostile;
mod label;
mod mapping;
mod outcomes;
mod protection;
mod proxy;
mod reconcile;
mod refusals;
mod told;
mod verdicts;
mod waiting;
