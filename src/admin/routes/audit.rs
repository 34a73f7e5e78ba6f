//! Who did what: listed, and as a file.

pub mod query;

use axum::{body::Body, extract::State, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::query::{AuditQuery, ExportQuery, Format};
use crate::{
    admin::{
        export,
        paging::{Cursors, DEFAULT_LIMIT, ListQuery, Page, bad_cursor},
        session::Admin,
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::audit::{Audit, AuditFilter, AuditLine, AuditedAction, Outcome, Via},
    platform::{
        http::{Problem, answer},
        store::{Cursor, Key},
    },
    provider::carrier::redact,
};

const TAG: &str = "Audit";
/// Lines of one file, and lines that are read at once.
const MOST_EXPORTED: usize = 50_000;
const AT_ONCE: usize = 500;

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list_audit)).routes(routes!(export_audit))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TargetView {
    /// `orders`, `jobs`, `admin_users` …
    pub collection: String,
    pub id: String,
    #[serde(rename = "userId")]
    pub user_id: Option<String>,
}

/// One action.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditView {
    pub id: String,
    #[schema(value_type = String)]
    pub at: Timestamp,
    pub actor: String,
    /// `cli` or `http`.
    #[schema(value_type = String)]
    pub via: Via,
    pub role: Option<String>,
    pub session: Option<String>,
    pub action: String,
    pub target: TargetView,
    pub reason: String,
    /// `begun` (not known how it ended), `done`, `refused`, `failed`.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// Why it was refused or failed.
    pub words: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub address: Option<String>,
    pub request_id: Option<String>,
    /// To how many it was done, where it was many.
    pub count: Option<u64>,
}

impl From<AuditLine> for AuditView {
    fn from(line: AuditLine) -> Self {
        Self {
            id: line.id,
            at: line.at,
            actor: line.actor.name,
            via: line.actor.via,
            role: line.origin.role,
            session: line.origin.session,
            action: line.action,
            target: TargetView {
                collection: line.subject.collection,
                id: line.subject.id,
                user_id: line.user_id,
            },
            reason: redact::words(&line.reason),
            outcome: line.outcome,
            words: line.detail.as_deref().map(redact::words),
            before: line.before,
            after: line.after,
            address: line.origin.address,
            request_id: line.origin.request_id,
            count: line.count,
        }
    }
}

/// The audit log
///
/// Newest first.
#[utoipa::path(get, path = "/audit", tag = TAG, operation_id = "listAudit", params(AuditQuery),
    responses(
        (status = 200, description = "A page", body = Page<AuditView>),
        (status = 400, description = "An unknown parameter, or a cursor of another list"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_audit(
    State(audit): State<Audit>,
    State(cursors): State<Cursors>,
    ListQuery(query): ListQuery<AuditQuery>,
) -> Result<Response, Problem> {
    let AuditQuery { actor, action, target, from, to, limit, cursor } = query;
    let filter = AuditFilter { actor, action, target, from, to };
    let after = cursor.as_deref().map(|text| place(&cursors.read(&filter, text)?)).transpose()?;
    let page = audit.search(&filter, after, limit.unwrap_or(DEFAULT_LIMIT)).await?;
    Ok(answer::ok(&Page {
        data: page.docs.into_iter().map(AuditView::from).collect(),
        next_cursor: page.next.as_ref().and_then(|next| Some(cursors.write(&filter, &text(next)?))),
    }))
}

fn text(cursor: &Cursor) -> Option<String> {
    let Key::Time(at) = cursor.key else { return None };
    Some(format!("{} {}", at.as_millis(), cursor.id))
}

fn place(text: &str) -> Result<Cursor, Problem> {
    let (ms, id) = text.split_once(' ').ok_or_else(bad_cursor)?;
    let at = Timestamp::from_millis(ms.parse().map_err(|_| bad_cursor())?);
    Ok(Cursor { key: Key::Time(at), id: id.to_owned() })
}

/// The audit log as a file
///
/// At most 50,000 lines, newest first; JSON ends with `more`, CSV with a row that says so, when there are
/// others. The export is in the audit log itself.
#[utoipa::path(get, path = "/audit/export", tag = TAG, operation_id = "exportAudit", params(ExportQuery),
    responses(
        (status = 200, description = "The file", content_type = "text/csv", body = String),
        (status = 400, description = "An unknown parameter, or no format"),
    ))]
async fn export_audit(
    State(audit): State<Audit>,
    admin: Admin,
    ListQuery(query): ListQuery<ExportQuery>,
) -> Result<Response, Problem> {
    let ExportQuery { format, actor, action, target, from, to } = query;
    let filter = AuditFilter { actor, action, target, from, to };
    let words = format!("exported as {}", if format == Format::Csv { "CSV" } else { "JSON" });
    let act = AuditedAction {
        action: "audit.export",
        collection: "audit_log",
        id: "audit_log",
        user_id: None,
        before: None,
    };
    let line = audit.begin(&admin.by(&words)?, &act).await?;
    let export = Export { audit, filter, line, format, after: None, written: 0, state: Stage::Head };
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"waybill-audit.csv\""),
        Format::Json => ("application/json", "attachment; filename=\"waybill-audit.json\""),
    };
    let mut response = Response::new(Body::from_stream(export.stream()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

const COLUMNS: [(&str, &str); 18] = [
    ("id", "/id"),
    ("at", "/at"),
    ("actor", "/actor"),
    ("via", "/via"),
    ("role", "/role"),
    ("session", "/session"),
    ("action", "/action"),
    ("collection", "/target/collection"),
    ("target", "/target/id"),
    ("userId", "/target/userId"),
    ("reason", "/reason"),
    ("outcome", "/outcome"),
    ("words", "/words"),
    ("before", "/before"),
    ("after", "/after"),
    ("address", "/address"),
    ("requestId", "/requestId"),
    ("count", "/count"),
];

/// A file that is being written.
struct Export {
    audit: Audit,
    filter: AuditFilter,
    line: String,
    format: Format,
    after: Option<Cursor>,
    written: usize,
    state: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Lines,
    End,
}

impl Export {
    fn stream(self) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
        futures_util::stream::try_unfold(self, async |mut export| {
            let text = match export.state {
                Stage::Head => export.head(),
                Stage::Lines => export.lines().await?,
                Stage::End => return Ok(None),
            };
            Ok(Some((Bytes::from(text), export)))
        })
    }

    fn head(&mut self) -> String {
        self.state = Stage::Lines;
        match self.format {
            Format::Csv => export::row(COLUMNS.map(|(name, _)| name)),
            Format::Json => "{\"data\":[".to_owned(),
        }
    }

    async fn lines(&mut self) -> Result<String, std::io::Error> {
        let failed = |error: crate::platform::store::StoreError| {
            tracing::warn!(%error, "an export was not finished");
            std::io::Error::other("the export was not finished")
        };
        let page = self.audit.search(&self.filter, self.after.take(), AT_ONCE).await.map_err(failed)?;
        let mut text = String::new();
        for line in page.docs {
            let view = serde_json::to_value(AuditView::from(line)).map_err(std::io::Error::other)?;
            match self.format {
                Format::Csv => {
                    let cells = export::cells(&view, &COLUMNS.map(|(_, path)| path));
                    text += &export::row(cells.iter().map(String::as_str));
                }
                Format::Json => {
                    text += if self.written == 0 { "\n" } else { ",\n" };
                    text += &view.to_string();
                }
            }
            self.written += 1;
        }
        let more = self.written >= MOST_EXPORTED && page.next.is_some();
        if more || page.next.is_none() {
            self.state = Stage::End;
            text += &self.end(more);
            let count = u64::try_from(self.written).ok();
            self.audit.end_many(&self.line, Outcome::Done, (None, None), count).await.map_err(failed)?;
        }
        self.after = page.next;
        Ok(text)
    }

    fn end(&self, more: bool) -> String {
        match self.format {
            Format::Csv if more => export::row(["there is more: narrow the time"]),
            Format::Csv => String::new(),
            Format::Json => format!("\n],\"more\":{more}}}\n"),
        }
    }
}
