//! Who may do what: each user has one role, each role some rights, each route needs one.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a user is; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Decides on orders and single jobs.
    Operator,
    /// Stops and starts queues, lifts holds, does things to many orders, reads the audit log.
    Admin,
    /// Manages users, and sees personal data.
    SuperAdmin,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Admin, Self::SuperAdmin];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::SuperAdmin => "super_admin",
        }
    }

    #[must_use]
    pub fn of_str(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether the role has the right by itself.
    #[must_use]
    pub fn grants(self, right: Right) -> bool {
        self >= right.lowest()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a route may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
pub enum Right {
    #[serde(rename = "read")]
    Read,
    #[serde(rename = "job.manage")]
    JobManage,
    #[serde(rename = "order.resolve")]
    OrderResolve,
    #[serde(rename = "order.cancel")]
    OrderCancel,
    /// Writing to merchants about an order.
    #[serde(rename = "order.message")]
    OrderMessage,
    #[serde(rename = "queue.pause")]
    QueuePause,
    #[serde(rename = "account.lift")]
    AccountLift,
    #[serde(rename = "operation.run")]
    OperationRun,
    /// Taking merchants on, and stopping them.
    #[serde(rename = "merchant.manage")]
    MerchantManage,
    /// Who a merchant is: approved, or not.
    #[serde(rename = "kyc.decide")]
    KycDecide,
    #[serde(rename = "audit.read")]
    AuditRead,
    #[serde(rename = "audit.export")]
    AuditExport,
    #[serde(rename = "users.manage")]
    UsersManage,
    /// Personal data as it is stored, also to erase it. May be given to a single user.
    #[serde(rename = "reveal")]
    Reveal,
}

impl Right {
    pub const ALL: [Self; 14] = [
        Self::Read,
        Self::JobManage,
        Self::OrderResolve,
        Self::OrderCancel,
        Self::OrderMessage,
        Self::QueuePause,
        Self::AccountLift,
        Self::OperationRun,
        Self::MerchantManage,
        Self::KycDecide,
        Self::AuditRead,
        Self::AuditExport,
        Self::UsersManage,
        Self::Reveal,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::JobManage => "job.manage",
            Self::OrderResolve => "order.resolve",
            Self::OrderCancel => "order.cancel",
            Self::OrderMessage => "order.message",
            Self::QueuePause => "queue.pause",
            Self::AccountLift => "account.lift",
            Self::OperationRun => "operation.run",
            Self::MerchantManage => "merchant.manage",
            Self::KycDecide => "kyc.decide",
            Self::AuditRead => "audit.read",
            Self::AuditExport => "audit.export",
            Self::UsersManage => "users.manage",
            Self::Reveal => "reveal",
        }
    }

    /// The lowest role that has it.
    const fn lowest(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::JobManage | Self::OrderResolve | Self::OrderCancel | Self::OrderMessage => Role::Operator,
            Self::QueuePause
            | Self::AccountLift
            | Self::OperationRun
            | Self::MerchantManage
            | Self::KycDecide
            | Self::AuditRead
            | Self::AuditExport => Role::Admin,
            Self::UsersManage | Self::Reveal => Role::SuperAdmin,
        }
    }
}

/// What a route needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anybody may call it. Only a login is such a route.
    Nothing,
    /// Anybody who is signed in.
    Session,
    Right(Right),
}

impl Needs {
    /// As the document names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Session => "session",
            Self::Right(right) => right.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_more_than_the_one_before() {
        let rights = |role: Role| Right::ALL.into_iter().filter(|r| role.grants(*r)).count();
        assert_eq!(Role::ALL.map(rights), [1, 5, 12, 14]);
        for role in Role::ALL {
            assert_eq!(Role::of_str(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).unwrap(), right.as_str());
        }
        assert!(!Role::Admin.grants(Right::Reveal) && !Role::Viewer.grants(Right::JobManage));
    }
}
