//! Who is asking: bearer tokens and what they allow.

mod extract;
mod hs256;
mod token;

pub use extract::Merchant;
pub use token::{Claims, Role, TokenError, Tokens};
