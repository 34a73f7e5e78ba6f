//! The table of limits: what a request counts against, and how many count in which time.
//!
//! Guards against mails and codes without end: those of one mailbox and one phone are no settings.

use std::time::Duration;

/// In which a limit counts.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Mails to one mailbox: so many at once and then one an hour, so that no hour has more than these.
const MAILS: u32 = 5;
const MAIL_WINDOW: Duration = Duration::from_secs(5 * 3600);
/// Codes to one phone: so many at once and then one every four hours. One person may have as many in a day.
const CODES: u32 = 6;
const CODE_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// The limits: what a request counts against. Operators have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// What is open to all, and requests without a valid credential; by address.
    Address,
    /// Logins and everything else that a code or a password opens; by address.
    SignIn,
    /// What sends a mail to an address that anybody may name; by address.
    Register,
    /// Mails that anybody may ask for; by the hash of the address that they go to.
    Mailbox,
    /// Codes to phones; by the hash of the number.
    Phone,
    /// All that a merchant's people and systems ask.
    Merchant,
    /// One key.
    Key,
}

impl Rule {
    pub(super) const ALL: [Self; 7] =
        [Self::Address, Self::SignIn, Self::Register, Self::Mailbox, Self::Phone, Self::Merchant, Self::Key];

    /// As the headers name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::SignIn => "sign-in",
            Self::Register => "register",
            Self::Mailbox => "mailbox",
            Self::Phone => "phone",
            Self::Merchant => "merchant",
            Self::Key => "key",
        }
    }

    /// In which it counts.
    pub(super) const fn window(self) -> Duration {
        match self {
            Self::Mailbox => MAIL_WINDOW,
            Self::Phone => CODE_WINDOW,
            _ => WINDOW,
        }
    }
}

/// Requests a minute of each rule; 0: no limit. Those of mailboxes and phones are no settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    pub address: u32,
    pub sign_in: u32,
    pub register: u32,
    pub merchant: u32,
    pub key: u32,
}

impl Quotas {
    pub(super) fn of(&self, rule: Rule) -> u32 {
        match rule {
            Rule::Address => self.address,
            Rule::SignIn => self.sign_in,
            Rule::Register => self.register,
            Rule::Mailbox => MAILS,
            Rule::Phone => CODES,
            Rule::Merchant => self.merchant,
            Rule::Key => self.key,
        }
    }
}
