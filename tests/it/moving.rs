//! Documents that come from another database, or from the system that this one replaces.

mod copy;
mod cut_off;
mod legacy;
mod of_the_server;
mod restore;
