//! Authentication of merchants: bearer tokens.

mod extract;
mod hs256;
mod token;

pub use extract::Merchant;
pub use token::{Claims, TokenError, Tokens};
