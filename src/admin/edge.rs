//! Every request of the admin API passes here: from where, who, and whether that user may.
//!
//! Denies by default: what [`super::table`] does not list is not answered, whatever handlers there are.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, header};

use super::{
    origin,
    rights::Needs,
    session::{Admin, Caller, forbidden},
    state::AdminState,
    table,
};
use crate::platform::http::{Kind, Problem};

pub(super) async fn guard(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    match admit(&state, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admit(state: &AdminState, request: Request) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().map(|p| p.as_str().to_owned()).unwrap_or_default();
    // Whoever answers GET answers HEAD.
    let method = if parts.method == Method::HEAD { "GET" } else { parts.method.as_str() };
    let Some(row) = table::row(method, &route) else { return Err(not_allowed(&route)) };
    if !origin::is_own(&parts.method, &parts.headers) {
        return Err(Problem::new(
            Kind::Forbidden,
            "This request does not come from the dashboard's own pages. A program without a browser sends \
             the header X-Waybill-Admin: 1.",
        )
        .named("cross-site"));
    }
    let caller = Caller::of(&parts, &state.edge);
    if row.needs != Needs::Nothing {
        let admin = signed_in(state, &caller, &parts.headers).await?.ok_or_else(nobody)?;
        if let Needs::Right(right) = row.needs
            && !admin.can(right)
        {
            return Err(forbidden(right));
        }
        parts.extensions.insert(admin);
    }
    parts.extensions.insert(caller);
    Ok(Request::from_parts(parts, body))
}

async fn signed_in(
    state: &AdminState,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<Admin>, Problem> {
    if let Some(token) = caller.token(headers)
        && let Some((session, user)) = state.sessions.of_token(&token).await?
    {
        let session = state.sessions.seen(session).await?;
        let idle_expires_at = Some(state.sessions.idle_expires_at(&session));
        return Ok(Some(Admin { user, session: Some(session), idle_expires_at, from: caller.clone() }));
    }
    let name = state.edge.user_header.as_ref().filter(|_| caller.proxied).and_then(|h| one(headers, h));
    let Some(name) = name else { return Ok(None) };
    let user = state.users.get(name).await?.filter(|user| !user.disabled);
    Ok(user.map(|user| Admin { user, session: None, idle_expires_at: None, from: caller.clone() }))
}

/// The header's value, if it is there once.
fn one<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then(|| first.trim())
}

fn nobody() -> Problem {
    Problem::new(Kind::Unauthenticated, "Sign in first: there is no session, or it is over.")
        .named("no-session")
}

fn not_allowed(route: &str) -> Problem {
    let allow = HeaderValue::try_from(table::methods(route)).unwrap_or(HeaderValue::from_static(""));
    Problem::new(Kind::MethodNotAllowed, Kind::MethodNotAllowed.stock_detail()).header(header::ALLOW, allow)
}
