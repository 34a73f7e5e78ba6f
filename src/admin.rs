//! The admin surface: what operators see and do, as JSON under `/admin/api`, and the pages that call it.
//!
//! Apart from merchants in everything: own users and sessions (random tokens that the store knows, so there
//! is no key that could be shared or leak), own roles, and if wanted an own listener.
//!
//! [`table`] is the one list of routes, with what each needs; [`edge`] lets no request past it. Handlers
//! ([`routes`]) extract, call a service and shape the answer, and change nothing but through services.

mod edge;
pub mod export;
pub mod feed;
pub mod login;
pub mod origin;
pub mod pages;
pub mod paging;
pub mod people;
pub mod rights;
pub mod routes;
pub mod session;
pub mod sessions;
pub mod state;
pub mod table;
pub mod users;

pub use self::{
    routes::{document, router},
    session::Admin,
    state::AdminState,
};
