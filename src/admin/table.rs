//! Every route of the admin API, and what each needs of its caller: the one list, by which [`super::edge`]
//! decides, and from which the matrix of roles is tested.
//!
//! A route that is not in here does not start: [`check`] compares this list with the handlers, both ways. One
//! that needs nothing is refused, but for the login.

use utoipa::openapi::{OpenApi, extensions::Extensions, path::PathItem};

use super::rights::{
    Needs::{self, Nothing, Session},
    Right::{
        AccountLift, AuditExport, AuditRead, JobManage, KycDecide, MerchantManage, OperationRun, OrderCancel,
        OrderMessage, OrderResolve, QueuePause, Read, Reveal, UsersManage,
    },
};

/// What comes before the path of each route.
pub const PREFIX: &str = "/admin/api";

/// One route: its method, and its path behind [`PREFIX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub needs: Needs,
}

const fn get(path: &'static str, needs: Needs) -> Row {
    Row { method: "GET", path, needs }
}

const fn post(path: &'static str, needs: Needs) -> Row {
    Row { method: "POST", path, needs }
}

const fn put(path: &'static str, needs: Needs) -> Row {
    Row { method: "PUT", path, needs }
}

const fn patch(path: &'static str, needs: Needs) -> Row {
    Row { method: "PATCH", path, needs }
}

const fn delete(path: &'static str, needs: Needs) -> Row {
    Row { method: "DELETE", path, needs }
}

/// The routes, by subject.
pub const TABLE: &[Row] = &[
    // People
    post("/login", Nothing),
    post("/logout", Session),
    get("/me", Session),
    post("/me/password", Session),
    post("/me/totp", Session),
    delete("/me/totp", Session),
    post("/me/totp/confirm", Session),
    get("/sessions", Session),
    delete("/sessions/{id}", Session),
    get("/users", Needs::Right(UsersManage)),
    post("/users", Needs::Right(UsersManage)),
    patch("/users/{username}", Needs::Right(UsersManage)),
    delete("/users/{username}/totp", Needs::Right(UsersManage)),
    // What happens
    get("/overview", Needs::Right(Read)),
    get("/openapi.json", Session),
    get("/events", Needs::Right(Read)),
    get("/audit", Needs::Right(AuditRead)),
    get("/audit/export", Needs::Right(AuditExport)),
    // Queues and jobs
    get("/workers", Needs::Right(Read)),
    get("/queues", Needs::Right(Read)),
    get("/queues/{queue}", Needs::Right(Read)),
    post("/queues/{queue}/pause", Needs::Right(QueuePause)),
    post("/queues/{queue}/resume", Needs::Right(QueuePause)),
    get("/queues/{queue}/jobs", Needs::Right(Read)),
    get("/queues/{queue}/jobs/{id}", Needs::Right(Read)),
    post("/queues/{queue}/jobs/{id}/retry", Needs::Right(JobManage)),
    post("/queues/{queue}/jobs/{id}/promote", Needs::Right(JobManage)),
    post("/queues/{queue}/jobs/{id}/remove", Needs::Right(JobManage)),
    put("/queues/{queue}/jobs/{id}/data", Needs::Right(JobManage)),
    // Orders
    post("/find", Needs::Right(Read)),
    get("/orders", Needs::Right(Read)),
    get("/orders/{id}", Needs::Right(Read)),
    get("/orders/{id}/timeline", Needs::Right(Read)),
    get("/orders/{id}/calls/{callId}", Needs::Right(Read)),
    post("/orders/{id}/adopt", Needs::Right(OrderResolve)),
    post("/orders/{id}/rebook", Needs::Right(OrderResolve)),
    post("/orders/{id}/fail", Needs::Right(OrderResolve)),
    post("/orders/{id}/cancel-shipment", Needs::Right(OrderResolve)),
    post("/orders/{id}/close-shipment", Needs::Right(OrderResolve)),
    post("/orders/{id}/cancel", Needs::Right(OrderCancel)),
    post("/orders/{id}/amend", Needs::Right(OrderResolve)),
    post("/orders/{id}/resend", Needs::Right(OrderResolve)),
    post("/orders/{id}/try-now", Needs::Right(OrderResolve)),
    post("/orders/{id}/reveal", Needs::Right(Reveal)),
    post("/orders/{id}/erase", Needs::Right(Reveal)),
    get("/review", Needs::Right(Read)),
    // Messages with merchants
    get("/messages", Needs::Right(Read)),
    get("/orders/{id}/messages", Needs::Right(Read)),
    post("/orders/{id}/messages", Needs::Right(OrderMessage)),
    put("/orders/{id}/messages/read", Needs::Right(OrderMessage)),
    post("/orders/{id}/messages/typing", Needs::Right(OrderMessage)),
    // The provider's accounts
    get("/accounts", Needs::Right(Read)),
    post("/accounts/{id}/lift", Needs::Right(AccountLift)),
    post("/accounts/{id}/try-now", Needs::Right(AccountLift)),
    get("/provider", Needs::Right(Read)),
    // Bulk work
    post("/operations/preview", Needs::Right(OperationRun)),
    post("/operations", Needs::Right(OperationRun)),
    get("/operations", Needs::Right(Read)),
    get("/operations/{id}", Needs::Right(Read)),
    get("/operations/{id}/items", Needs::Right(Read)),
    post("/operations/{id}/pause", Needs::Right(OperationRun)),
    post("/operations/{id}/resume", Needs::Right(OperationRun)),
    post("/operations/{id}/cancel", Needs::Right(OperationRun)),
    // Webhooks
    get("/webhook-deliveries", Needs::Right(Read)),
    post("/webhook-deliveries/{id}/resend", Needs::Right(JobManage)),
    get("/event-failures", Needs::Right(Read)),
    post("/event-failures/{id}/retry", Needs::Right(JobManage)),
    // Who merchants are
    get("/merchants", Needs::Right(Read)),
    post("/merchants", Needs::Right(MerchantManage)),
    get("/merchants/{merchantId}", Needs::Right(Read)),
    post("/merchants/{merchantId}/suspend", Needs::Right(MerchantManage)),
    post("/merchants/{merchantId}/resume", Needs::Right(MerchantManage)),
    post("/merchants/{merchantId}/owners", Needs::Right(MerchantManage)),
    post("/merchants/{merchantId}/erase", Needs::Right(Reveal)),
    get("/kyc", Needs::Right(Read)),
    get("/kyc/{merchantId}", Needs::Right(Read)),
    post("/kyc/{merchantId}/approve", Needs::Right(KycDecide)),
    post("/kyc/{merchantId}/reject", Needs::Right(KycDecide)),
    post("/kyc/{merchantId}/reveal", Needs::Right(Reveal)),
    post("/kyc/{merchantId}/documents/{kind}/reveal", Needs::Right(Reveal)),
    // Health
    get("/failures", Needs::Right(Read)),
    get("/metrics", Needs::Right(Read)),
];

/// The only route that anybody may call.
const LOGIN: (&str, &str) = ("POST", "/login");

/// Why the admin API does not start: a fault of its code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("{0} {1} declares no right in admin/table.rs")]
    Undeclared(String, String),
    #[error("{0} {1} is declared in admin/table.rs, and nothing answers it")]
    Unanswered(&'static str, &'static str),
    #[error("{0} {1} is declared twice in admin/table.rs")]
    Twice(&'static str, &'static str),
    #[error("{0} {1} needs nothing of its caller: only the login may")]
    Open(&'static str, &'static str),
}

/// The row of a route, by its method and its path with the prefix.
#[must_use]
pub fn row(method: &str, path: &str) -> Option<&'static Row> {
    let path = path.strip_prefix(PREFIX)?;
    TABLE.iter().find(|row| row.method == method && row.path == path)
}

/// The methods of a path, as `Allow` lists them.
#[must_use]
pub fn methods(path: &str) -> String {
    let path = path.strip_prefix(PREFIX).unwrap_or_default();
    let of_path: Vec<_> = TABLE.iter().filter(|row| row.path == path).map(|row| row.method).collect();
    of_path.join(", ")
}

/// Compares the list with what is answered, and writes into the document what each route needs.
///
/// # Errors
/// The first difference.
pub fn check(rows: &'static [Row], document: &mut OpenApi) -> Result<(), TableError> {
    for (at, row) in rows.iter().enumerate() {
        if rows.iter().take(at).any(|other| (other.method, other.path) == (row.method, row.path)) {
            return Err(TableError::Twice(row.method, row.path));
        }
        if row.needs == Nothing && (row.method, row.path) != LOGIN {
            return Err(TableError::Open(row.method, row.path));
        }
    }
    let mut answered = Vec::new();
    for (path, item) in &mut document.paths.paths {
        let path = path.strip_prefix(PREFIX).unwrap_or(path);
        for (method, operation) in operations(item) {
            let Some(row) = rows.iter().find(|row| row.method == method && row.path == path) else {
                return Err(TableError::Undeclared(method.to_owned(), path.to_owned()));
            };
            answered.push((row.method, row.path));
            let right = Extensions::builder().add("x-right", row.needs.as_str()).build();
            operation.extensions.get_or_insert_default().merge(right);
        }
    }
    match rows.iter().find(|row| !answered.contains(&(row.method, row.path))) {
        Some(row) => Err(TableError::Unanswered(row.method, row.path)),
        None => Ok(()),
    }
}

fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut utoipa::openapi::path::Operation)> {
    let PathItem { get, put, post, delete, patch, head, options, trace, .. } = item;
    let all = [
        ("GET", get),
        ("PUT", put),
        ("POST", post),
        ("DELETE", delete),
        ("PATCH", patch),
        ("HEAD", head),
        ("OPTIONS", options),
        ("TRACE", trace),
    ];
    all.into_iter().filter_map(|(name, operation)| Some((name, operation.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::{HttpMethod, OperationBuilder};

    use super::*;

    fn document(routes: &[(HttpMethod, &str)]) -> OpenApi {
        let mut document = OpenApi::default();
        for (method, path) in routes {
            let item = PathItem::new(method.clone(), OperationBuilder::new().build());
            let path = format!("{PREFIX}{path}");
            document.paths.paths.entry(path).or_default().merge_operations(item);
        }
        document
    }

    #[test]
    fn a_route_without_a_declared_right_does_not_start() {
        const ROWS: &[Row] = &[get("/me", Session), patch("/users/{name}", Needs::Right(UsersManage))];
        let both = [(HttpMethod::Get, "/me"), (HttpMethod::Patch, "/users/{name}")];
        let mut good = document(&both);
        assert_eq!(check(ROWS, &mut good), Ok(()));
        let shown = serde_json::to_value(&good).unwrap();
        assert_eq!(shown["paths"]["/admin/api/users/{name}"]["patch"]["x-right"], "users.manage");

        let more = [both[0].clone(), both[1].clone(), (HttpMethod::Delete, "/users/{name}")];
        let undeclared = TableError::Undeclared("DELETE".into(), "/users/{name}".into());
        assert_eq!(check(ROWS, &mut document(&more)), Err(undeclared));
        assert_eq!(
            check(ROWS, &mut document(&both[..1])),
            Err(TableError::Unanswered("PATCH", "/users/{name}"))
        );
    }

    #[test]
    fn only_the_login_is_open_and_nothing_is_declared_twice() {
        const OPEN: &[Row] = &[post("/login", Nothing), delete("/me", Nothing)];
        assert_eq!(check(OPEN, &mut document(&[])), Err(TableError::Open("DELETE", "/me")));
        const TWICE: &[Row] = &[get("/me", Session), get("/me", Needs::Right(Read))];
        assert_eq!(check(TWICE, &mut document(&[])), Err(TableError::Twice("GET", "/me")));
    }
}
