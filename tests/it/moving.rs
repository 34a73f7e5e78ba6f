//! Documents that come from another database, or from the system that this one replaces.

mod copy;
mod legacy;
mod restore;
