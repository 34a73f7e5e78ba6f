//! The HTTP edge of notifications: for people alone.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Notifications, examples,
    request::{ChoosePreferences, DEFAULT_LIMIT, NotificationsQuery, ReadAllQuery},
    service::NotificationError,
    views::{NotificationList, NotificationView, PreferencesResponse, PreferencesView},
};
use crate::{
    features::{
        Services,
        merchants::{People, routes::caller::PersonOf, user::User},
    },
    platform::http::{
        Kind, Problem, ValidJson, ValidQuery, answer,
        cursor::{Cursors, bad_cursor},
        extract::path_id,
    },
};

const TAG: &str = "Notifications";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(mark_notification_read))
        .routes(routes!(mark_all_read))
        .routes(routes!(get_preferences, choose_preferences))
}

path_id!(
    /// The `{id}` of a path.
    Id,
    nothing()
);

/// The same for another merchant's and for none at all.
fn nothing() -> Problem {
    Problem::new(Kind::NotFound, "No notification of yours has this id.")
}

impl From<NotificationError> for Problem {
    fn from(error: NotificationError) -> Self {
        match error {
            NotificationError::NotFound => nothing(),
            NotificationError::Store(error) => error.into(),
        }
    }
}

async fn user(people: &People, person: &PersonOf) -> Result<User, Problem> {
    // Removed between the look at the session and this.
    let gone = || Problem::new(Kind::Unauthenticated, "The account was removed.").named("session-over");
    people.user(&person.id).await?.ok_or_else(gone)
}

/// List your notifications
///
/// What needs a person, newest first: orders that have failed, have waited for the desk for an hour, or whose
/// cancellation was refused; addresses for webhooks that were given up; messages of the desk, and what it has
/// decided on your KYC. The last 1000 are kept, for 90 days. `notification.created` in events says that there
/// is a new one; `notification.read` in your own streams, without an id, how many are `unread` after a mark.
///
/// For people: read marks are each member's own. Systems have the same facts in events and webhooks; a key or
/// a token that names no person gets 403 `person-required`.
#[utoipa::path(get, path = "/v1/notifications", tag = TAG, operation_id = "listNotifications",
    params(NotificationsQuery),
    responses(
        (status = 200, description = "One page", body = NotificationList, example = json!(examples::list())),
        (status = 400, description = "An unknown or bad parameter"),
        (status = 403, description = "`person-required`: the caller is no person who has signed in"),
    ))]
async fn list_notifications(
    State(people): State<People>,
    State(notifications): State<Notifications>,
    State(cursors): State<Cursors>,
    person: PersonOf,
    ValidQuery(query): ValidQuery<NotificationsQuery>,
) -> Result<Response, Problem> {
    let (user, unread) = (user(&people, &person).await?, query.unread.unwrap_or(false));
    let bound = ("notifications", &user.id, unread);
    let before = query.cursor.as_deref().map(|text| cursors.read(&bound, text)).transpose()?;
    let before = before.map(|no| no.parse().map_err(|_| bad_cursor())).transpose()?;
    let listed = notifications.list(&user, unread, before, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let last = listed.page.last().filter(|_| listed.more);
    let next_cursor = last.map(|(one, _)| cursors.write(&bound, &one.no.to_string()));
    let shown = |(one, read)| NotificationView::new(one, read, user.role);
    let data = listed.page.into_iter().map(shown).collect();
    let (has_more, unread) = (listed.more, listed.unread);
    Ok(answer::ok(&NotificationList { success: true, data, has_more, next_cursor, unread }))
}

/// Mark a notification as read
#[utoipa::path(put, path = "/v1/notifications/{id}/read", tag = TAG, operation_id = "markNotificationRead",
    params(("id" = String, Path, description = "The notification's id, `ntf_…`")),
    responses(
        (status = 204, description = "Read by you, now or before"),
        (status = 403, description = "`person-required`: the caller is no person who has signed in"),
        (status = 404, description = "No notification of yours has this id"),
    ))]
async fn mark_notification_read(
    State(people): State<People>,
    State(notifications): State<Notifications>,
    person: PersonOf,
    Id(id): Id,
) -> Result<Response, Problem> {
    notifications.mark(&user(&people, &person).await?, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Mark all notifications as read
#[utoipa::path(post, path = "/v1/notifications/read-all", tag = TAG,
    operation_id = "markAllNotificationsRead", params(ReadAllQuery),
    responses(
        (status = 204, description = "Read by you"),
        (status = 400, description = "An unknown parameter"),
        (status = 403, description = "`person-required`: the caller is no person who has signed in"),
        (status = 404, description = "No notification of yours has the id `upTo`"),
    ))]
async fn mark_all_read(
    State(people): State<People>,
    State(notifications): State<Notifications>,
    person: PersonOf,
    ValidQuery(query): ValidQuery<ReadAllQuery>,
) -> Result<Response, Problem> {
    notifications.mark_all(&user(&people, &person).await?, query.up_to.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// See how you are notified
///
/// `inbox`: in `GET /v1/notifications`; `email`: by mail, what you have not read within five minutes, with
/// others in one mail and at most every 15 minutes. Until you choose: everything in the inbox; by mail, to
/// owners everything but `kycDecided`, of which they have a mail at once, to staff the same without
/// `endpointDisabled`, to viewers nothing. `text`: the same to your phone, in numbers alone; to nobody who
/// has not chosen it.
#[utoipa::path(get, path = "/v1/me/notification-preferences", tag = TAG,
    operation_id = "getNotificationPreferences",
    responses(
        (status = 200, description = "Of each kind", body = PreferencesResponse,
            example = json!(examples::preferences())),
        (status = 403, description = "`person-required`: the caller is no person who has signed in"),
    ))]
async fn get_preferences(
    State(people): State<People>,
    State(notifications): State<Notifications>,
    person: PersonOf,
) -> Result<Response, Problem> {
    let user = user(&people, &person).await?;
    let reader = notifications.preferences(&user).await?;
    Ok(answer::ok(&PreferencesResponse { success: true, data: PreferencesView::new(&reader, user.role) }))
}

/// Choose how you are notified
///
/// The whole matrix: a kind that is absent has its default again.
#[utoipa::path(put, path = "/v1/me/notification-preferences", tag = TAG,
    operation_id = "chooseNotificationPreferences", request_body = ChoosePreferences,
    responses(
        (status = 200, description = "Of each kind, from now on", body = PreferencesResponse,
            example = json!(examples::chosen())),
        (status = 403, description = "`person-required`: the caller is no person who has signed in"),
        (status = 409, description = "`text` is chosen, and you have no confirmed phone number"),
    ))]
async fn choose_preferences(
    State(people): State<People>,
    State(notifications): State<Notifications>,
    person: PersonOf,
    ValidJson(body): ValidJson<ChoosePreferences>,
) -> Result<Response, Problem> {
    let user = user(&people, &person).await?;
    let chosen = body.chosen();
    if user.phone.confirmed().is_none() && chosen.iter().any(|(_, ways)| ways.text) {
        let detail = "Texts need a phone number: set one (PUT /v1/me/phone) and confirm it first.";
        return Err(Problem::new(Kind::ConflictState, detail));
    }
    let reader = notifications.prefer(&user, &chosen).await?;
    Ok(answer::ok(&PreferencesResponse { success: true, data: PreferencesView::new(&reader, user.role) }))
}
