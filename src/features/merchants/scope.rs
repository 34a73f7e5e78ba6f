//! What may be asked of the API, and which role or key may ask it. Each route needs one scope: `app` has the
//! table of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Orders and what was said to the carrier about them.
    #[serde(rename = "orders:read")]
    OrdersRead,
    /// Creating, amending and cancelling orders.
    #[serde(rename = "orders:write")]
    OrdersWrite,
    #[serde(rename = "labels")]
    Labels,
    #[serde(rename = "events")]
    Events,
    #[serde(rename = "webhooks")]
    Webhooks,
    /// Keys: one that makes others gives none what it has not itself.
    #[serde(rename = "keys")]
    Keys,
    /// The people of the merchant, and who is invited.
    #[serde(rename = "members")]
    Members,
    /// How the merchant's KYC stands, with its numbers masked.
    #[serde(rename = "kyc:read")]
    KycRead,
    /// Telling of the business, and its documents: also to see them.
    #[serde(rename = "kyc:write")]
    KycWrite,
}

impl Scope {
    pub const ALL: [Self; 9] = [
        Self::OrdersRead,
        Self::OrdersWrite,
        Self::Labels,
        Self::Events,
        Self::Webhooks,
        Self::Keys,
        Self::Members,
        Self::KycRead,
        Self::KycWrite,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrdersRead => "orders:read",
            Self::OrdersWrite => "orders:write",
            Self::Labels => "labels",
            Self::Events => "events",
            Self::Webhooks => "webhooks",
            Self::Keys => "keys",
            Self::Members => "members",
            Self::KycRead => "kyc:read",
            Self::KycWrite => "kyc:write",
        }
    }
}

/// In the OpenAPI document only keys have scopes, and none manages people.
impl utoipa::PartialSchema for Scope {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let of_keys = Self::ALL.into_iter().filter(|scope| *scope != Self::Members);
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .description(Some("What a key may be made for."))
            .enum_values(Some(of_keys.map(Self::as_str)))
            .into()
    }
}

impl ToSchema for Scope {}

/// What a route needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Scope(Scope),
    /// A person, whatever the role: the route is about the caller.
    Person,
}

/// A route of merchants, and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub needs: Needs,
    /// Whether it leads to a new booking: where a KYC is required, only for merchants who have one.
    pub books: bool,
}

/// What a person is to the merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at orders.
    Viewer,
    /// Works with orders.
    Staff,
    /// Decides on people and keys, too. A merchant always has one.
    Owner,
}

impl Role {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Staff => "staff",
            Self::Owner => "owner",
        }
    }

    /// The lowest role that has `scope`.
    #[must_use]
    pub fn grants(self, scope: Scope) -> bool {
        let lowest = match scope {
            Scope::OrdersRead | Scope::Events => Self::Viewer,
            Scope::OrdersWrite | Scope::Labels | Scope::KycRead => Self::Staff,
            Scope::Webhooks | Scope::Keys | Scope::Members | Scope::KycWrite => Self::Owner,
        };
        self >= lowest
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_api() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        for role in [Role::Viewer, Role::Staff, Role::Owner] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }

    #[test]
    fn each_role_may_do_what_the_lower_ones_may() {
        let of = |role: Role| Scope::ALL.iter().filter(|scope| role.grants(**scope)).count();
        assert_eq!((of(Role::Viewer), of(Role::Staff), of(Role::Owner)), (2, 5, Scope::ALL.len()));
    }
}
