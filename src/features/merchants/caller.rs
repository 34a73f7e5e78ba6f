//! Who calls for a merchant: a system with a key, a person who has signed in, or a token of the installation.

use super::scope::{Role, Scope};

/// Who calls, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub merchant_id: String,
    pub actor: Actor,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A token that names a merchant alone, as the installation's operator makes it. It may do what the
    /// merchant may.
    Token,
    Key {
        id: String,
        scopes: Vec<Scope>,
    },
    Person {
        id: String,
        role: Role,
        session: String,
    },
}

impl Caller {
    /// Whether the caller may do what needs `scope`.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        match &self.actor {
            Actor::Token => true,
            Actor::Key { scopes, .. } => scopes.contains(&scope),
            Actor::Person { role, .. } => role.grants(scope),
        }
    }

    /// What audit log and keys call the caller.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.actor {
            Actor::Token => "token",
            Actor::Key { id, .. } | Actor::Person { id, .. } => id,
        }
    }
}
