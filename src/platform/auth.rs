//! Authentication: bearer tokens of merchants, and what merchants and operators have in common: passwords,
//! codes of an app, and the brake on guessing.

mod common;
mod cost;
mod digest;
mod extract;
mod gate;
mod hs256;
mod keyboard;
mod numeric_dates;
mod password;
mod throttle;
mod token;
mod totp;

pub use cost::Cost;
pub use digest::digest;
pub use extract::Merchant;
pub use gate::{Again, Asked, Authenticator, Credential, Gate, Refusal, SignedIn};
pub use password::{Hashed, LONGEST, PasswordError, Passwords, Renewal, SHORTEST};
pub use throttle::Throttle;
pub use token::{Claims, TokenError, Tokens};
pub use totp::Totp;
