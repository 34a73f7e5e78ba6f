//! Takes the caller from a request, for handlers that need more than the merchant.

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use crate::{
    features::{
        audit::{AuditContext, Origin, Via},
        merchants::{
            caller::{Actor, Caller},
            keys::By,
        },
    },
    platform::{
        auth::{Authenticator, Merchant},
        http::{Problem, RequestId},
    },
};

/// A [`Caller`], and which request it was.
#[derive(Debug)]
pub struct CallerOf {
    pub caller: Caller,
    request_id: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for CallerOf
where
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Merchant::from_request_parts(parts, state).await?;
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Problem::internal(&"the gate left no word of the caller"))?;
        let request_id = parts.extensions.get::<RequestId>().map(ToString::to_string);
        Ok(Self { caller, request_id })
    }
}

impl CallerOf {
    /// For the audit log.
    pub(in crate::features) fn by(&self, reason: &str) -> Result<By, Problem> {
        let (role, session) = match &self.caller.actor {
            Actor::Token => (None, None),
            Actor::Key { .. } => (Some("key".to_owned()), None),
            Actor::Person { role, session, .. } => (Some(role.to_string()), Some(session.clone())),
        };
        let name = self.caller.name();
        let audit = AuditContext::new(name, Via::Http, reason).map_err(|error| Problem::internal(&error))?;
        let origin = Origin { role, session, request_id: self.request_id.clone(), ..Origin::default() };
        Ok(By {
            merchant_id: self.caller.merchant_id.clone(),
            name: name.to_owned(),
            audit: audit.from(origin),
        })
    }
}

/// The person who calls: only on routes that say so in the table.
#[derive(Debug)]
pub struct PersonOf {
    pub id: String,
    pub session: String,
}

impl<S: Send + Sync> FromRequestParts<S> for PersonOf
where
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = CallerOf::from_request_parts(parts, state).await?.caller;
        match caller.actor {
            Actor::Person { id, session, .. } => Ok(Self { id, session }),
            Actor::Token | Actor::Key { .. } => {
                Err(Problem::internal(&"a handler needs a person, and its route does not"))
            }
        }
    }
}
