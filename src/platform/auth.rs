//! Authentication: bearer tokens and the roles they carry.

mod extract;
mod hs256;
mod token;

pub use extract::Merchant;
pub use token::{Claims, Role, TokenError, Tokens};
