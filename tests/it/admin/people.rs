//! People who are signed in.

use axum::body::Body;
use http::{Method, Request, header};
use secrecy::SecretString;
use serde_json::Value;
use waybill::{
    admin::{
        rights::Role,
        sessions::{From, Lives, Sessions},
        users::Users,
    },
    platform::auth::Passwords,
};

use crate::support::{Answer, Client, TestApp};

/// The password of every user of these tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A browser on the dashboard's pages, of one who is signed in, or of nobody.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) cookie: Option<String>,
}

impl TestApp {
    pub(crate) fn users(&self) -> Users {
        Users::new(self.app.store.clone(), self.clock.clone())
    }

    pub(crate) fn sessions(&self) -> Sessions {
        let settings = &self.app.config.admin;
        let lives = Lives { idle: settings.idle.get(), life: settings.life.get() };
        Sessions::new(self.app.store.clone(), self.clock.clone(), lives)
    }

    /// Makes a user with [`PASSWORD`].
    pub(crate) async fn user(&self, name: &str, role: Role) {
        let hash = Passwords::default().hash(name, &SecretString::from(PASSWORD)).await.unwrap();
        self.users().add(name, role, false, hash).await.unwrap();
    }

    /// Somebody of this role, signed in.
    pub(crate) async fn admin(&self, role: Role) -> Browser {
        let name = role.as_str();
        if self.users().get(name).await.unwrap().is_none() {
            self.user(name, role).await;
        }
        let user = self.users().get(name).await.unwrap().unwrap();
        let (token, _) = self.sessions().begin(&user, From::default()).await.unwrap();
        Browser { client: self.anybody(), cookie: Some(format!("__Host-waybill={token}")) }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { client: self.anybody(), cookie: None }
    }
}

impl Browser {
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let headers = request.headers_mut();
        if let Some(cookie) = &self.cookie {
            headers.insert(header::COOKIE, cookie.parse().unwrap());
        }
        headers.entry("sec-fetch-site").or_insert("same-origin".parse().unwrap());
        self.client.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `path` is behind `/admin/api`.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = Request::builder().method(method).uri(format!("/admin/api{path}"));
        let request = match body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                request.body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }
}
