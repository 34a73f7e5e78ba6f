//! The HTTP edge of KYC: extract, call the service, shape the answer.
//!
//! A document is uploaded as the body of a `PUT`: there is one of each kind, the same call again changes
//! nothing, and no form has to be taken apart that could hide a second file or a path.

mod bodies;
mod examples;
mod views;

use std::{collections::HashMap, time::Duration};

use axum::{
    body::Body,
    extract::{FromRef, FromRequestParts, Path, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    bodies::{DetailsBody, FileBytes, SubmitBody, UploadQuery},
    views::KycResponse,
};
use super::{
    Kyc, KycError,
    content::LARGEST,
    model::{DocumentKind, StepError, StoredFile},
    name,
    service::Slot,
};
use crate::{
    features::{Services, merchants::routes::caller::CallerOf},
    platform::{
        files::FilesError,
        http::{FieldError, Kind, Problem, RawBody, ValidJson, ValidQuery, answer},
    },
};

const TAG: &str = "KYC";

/// A document is shown by nothing and runs nothing, whatever a browser makes of it.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(get_kyc, put_kyc)).routes(routes!(submit_kyc)).routes(routes!(
        get_document,
        put_document,
        delete_document
    ))
}

/// Read your KYC
///
/// Where it stands, what was told, and what is missing. PAN, GSTIN and account number are masked.
#[utoipa::path(get, path = "/v1/kyc", tag = TAG, operation_id = "getKyc",
    responses((status = 200, description = "A draft when nothing was told yet", body = KycResponse,
        example = json!(examples::uploaded()))))]
async fn get_kyc(State(kyc): State<Kyc>, caller: CallerOf) -> Result<Response, Problem> {
    let dossier = kyc.dossier(&caller.caller.merchant_id).await?;
    Ok(answer::ok(&KycResponse::new(dossier, kyc.required())))
}

/// Tell of your business
///
/// Replaces all details. What is not known yet may be absent; `missing` says what a submission needs. A
/// rejected KYC becomes a draft again.
#[utoipa::path(put, path = "/v1/kyc", tag = TAG, operation_id = "putKyc", request_body = DetailsBody,
    responses(
        (status = 200, description = "As it now stands", body = KycResponse,
            example = json!(examples::told())),
        (status = 409, description = "It is handed in, or approved; `version-conflict`: it was changed"),
    ))]
async fn put_kyc(
    State(kyc): State<Kyc>,
    caller: CallerOf,
    ValidJson(body): ValidJson<DetailsBody>,
) -> Result<Response, Problem> {
    let version = body.version.map(|version| version.get().into());
    let told = kyc.tell(body.into(), version, &caller.by("details of the business")?).await;
    Ok(answer::ok(&KycResponse::new(told.map_err(problem)?, kyc.required())))
}

/// Hand your KYC in
///
/// It waits for the desk then, and cannot be changed until it has decided. A mail tells the owners.
#[utoipa::path(post, path = "/v1/kyc/submit", tag = TAG, operation_id = "submitKyc",
    request_body = Option<SubmitBody>,
    responses(
        (status = 200, description = "Handed in", body = KycResponse,
            example = json!(examples::handed_in())),
        (status = 409, description = "It is handed in, or approved; `version-conflict`: it was changed"),
        (status = 422, description = "`kyc-incomplete`: `errors` names the fields and `/documents/KIND`"),
    ))]
async fn submit_kyc(
    State(kyc): State<Kyc>,
    caller: CallerOf,
    body: Option<ValidJson<SubmitBody>>,
) -> Result<Response, Problem> {
    let version = body.and_then(|ValidJson(body)| body.version).map(|version| version.get().into());
    let submitted = kyc.submit(version, &caller.by("handed in by the merchant")?).await;
    Ok(answer::ok(&KycResponse::new(submitted.map_err(problem)?, kyc.required())))
}

/// Upload a document
///
/// The body is the file itself: a PDF, JPEG or PNG of 5 MiB at most. What it is, is read from what is in it;
/// `Content-Type` and `name` count for nothing. It takes the place of the one of its kind.
#[utoipa::path(put, path = "/v1/kyc/documents/{kind}", tag = TAG, operation_id = "putKycDocument",
    params(("kind" = DocumentKind, Path, description = "What it proves"), UploadQuery),
    request_body(content = FileBytes, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "Kept", body = KycResponse, example = json!(examples::uploaded())),
        (status = 400, description = "An unknown parameter, or a body that ended too soon"),
        (status = 404, description = "There is no such kind of document"),
        (status = 409, description = "The KYC waits for the desk, or is approved"),
        (status = 413, description = "The document is larger than 5 MiB"),
        (status = 415, description = "The body is sent with a `Content-Encoding`"),
        (status = 422, description = "`unfit-document`: no PDF, JPEG or PNG, damaged, or too many pixels"),
    ))]
async fn put_document(
    State(kyc): State<Kyc>,
    caller: CallerOf,
    Kinded(kind): Kinded,
    ValidQuery(query): ValidQuery<UploadQuery>,
    slot: SlotOf,
    RawBody(bytes): RawBody<LARGEST>,
) -> Result<Response, Problem> {
    let name = query.name.as_deref().and_then(name::label);
    let kept = kyc.upload(kind, name, bytes, &caller.by("a document")?).await;
    drop(slot);
    Ok(answer::ok(&KycResponse::new(kept.map_err(problem)?, kyc.required())))
}

/// Download a document
#[utoipa::path(get, path = "/v1/kyc/documents/{kind}", tag = TAG, operation_id = "getKycDocument",
    params(("kind" = DocumentKind, Path, description = "What it proves")),
    responses(
        (status = 200, description = "The file, by what is in it", content(
            (FileBytes = "application/pdf"), (FileBytes = "image/jpeg"), (FileBytes = "image/png"))),
        (status = 404, description = "You have uploaded no such document"),
    ))]
async fn get_document(
    State(kyc): State<Kyc>,
    caller: CallerOf,
    Kinded(kind): Kinded,
    slot: SlotOf,
) -> Result<Response, Problem> {
    let (file, bytes) = kyc.document(&caller.caller.merchant_id, kind).await.map_err(problem)?;
    Ok(download(&file, bytes, slot.0))
}

/// Erase a document
///
/// The answer comes once it was looked for and is not there any more. That there was none is no error.
#[utoipa::path(delete, path = "/v1/kyc/documents/{kind}", tag = TAG, operation_id = "eraseKycDocument",
    params(("kind" = DocumentKind, Path, description = "What it proves")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no such kind of document"),
        (status = 409, description = "The KYC waits for the desk, or is approved"),
        (status = 503, description = "It may be there still: send the same request again"),
    ))]
async fn delete_document(
    State(kyc): State<Kyc>,
    caller: CallerOf,
    Kinded(kind): Kinded,
) -> Result<Response, Problem> {
    kyc.erase(kind, &caller.by("erased by the merchant")?).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Bytes, and the right to hold them: until the last of them are sent.
struct Held {
    bytes: Bytes,
    _slot: Slot,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A document for whoever may have it: as a file to be kept, under a name that is ours.
pub fn download(file: &StoredFile, bytes: Bytes, slot: Slot) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_owner(Held { bytes, _slot: slot })));
    let (kind, ending) = (file.kind.as_str(), file.file_type.ending());
    let attachment = HeaderValue::try_from(format!("attachment; filename=\"{kind}.{ending}\""));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.file_type.media_type()));
    headers.insert(
        header::CONTENT_DISPOSITION,
        attachment.unwrap_or_else(|_| HeaderValue::from_static("attachment")),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The problem that a refusal is.
pub fn problem(error: KycError) -> Problem {
    let detail = error.to_string();
    match error {
        KycError::NoDocument | KycError::NoDossier => Problem::new(Kind::NotFound, detail),
        KycError::Step(StepError::Forbidden { from, .. }) => {
            Problem::new(Kind::ConflictState, detail).member("state", from.as_str())
        }
        KycError::Step(StepError::Incomplete { fields, documents }) => {
            let field = |pointer: &str| FieldError::pointer(pointer, "missing", "is required");
            let documents = documents.iter().map(|kind| format!("/documents/{}", kind.as_str()));
            let documents = documents.map(|pointer| field(&pointer));
            let errors = fields.iter().map(|pointer| field(pointer)).chain(documents).collect();
            Problem::new(Kind::ValidationFailed, detail).named("kyc-incomplete").errors(errors)
        }
        KycError::Step(StepError::Erased) => Problem::new(Kind::ConflictState, detail),
        KycError::Stale { now } => {
            Problem::new(Kind::ConflictState, detail).named("version-conflict").member("version", now)
        }
        KycError::Unfit(unfit) => {
            let fault = FieldError::pointer("", unfit.code(), unfit.to_string());
            Problem::new(Kind::ValidationFailed, detail).named("unfit-document").errors(vec![fault])
        }
        KycError::Busy => {
            Problem::new(Kind::TemporarilyUnavailable, detail).retry_after(Duration::from_secs(1))
        }
        KycError::Files(FilesError::Fault(_)) | KycError::Altered(_) => Problem::internal(&detail),
        KycError::Files(_) => {
            tracing::error!(error = detail, "files cannot be kept or read now");
            let detail = "Documents cannot be kept or read just now. Send the same request again.";
            Problem::new(Kind::TemporarilyUnavailable, detail).retry_after(Duration::from_secs(5))
        }
        KycError::Store(error) => error.into(),
    }
}

/// The `{kind}` of a path. What cannot be one is a document that nobody has.
#[derive(Debug)]
pub struct Kinded(pub DocumentKind);

impl<S: Send + Sync> FromRequestParts<S> for Kinded {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // A path may have more parts than this one.
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await.ok();
        let kind = path.and_then(|Path(parts)| DocumentKind::of_str(parts.get("kind")?));
        kind.map(Self).ok_or_else(|| problem(KycError::NoDocument))
    }
}

/// Taken before a body is read.
struct SlotOf(Slot);

impl<S: Send + Sync> FromRequestParts<S> for SlotOf
where
    Kyc: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(_parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Kyc::from_ref(state).slot().map(Self).map_err(problem)
    }
}
