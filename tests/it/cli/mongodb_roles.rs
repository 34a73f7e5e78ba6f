//! The roles of docs/operations.md on a server that asks who one is: what they are enough for, and what they
//! are not.

use std::{collections::BTreeMap, path::Path};

use bson::{Document, doc};
use mongodb::{
    Client,
    error::{ErrorKind, Result as Answer},
};
use serde_json::Value;

use super::{
    process::{Ended, Run, WORKER},
    web::Web,
};
use crate::support::{guarded::Guarded, orders::order};

const UNAUTHORIZED: i32 = 13;
/// As it is, and as it is written in a URL.
const PASSWORD: &str = "p@ss/word";
const IN_URL: &str = "p%40ss%2Fword";

/// The roles as operators find them, in their order: one may contain another.
fn roles() -> Vec<Document> {
    let blocks = include_str!("../../../docs/operations.md").split("```json\n").skip(1);
    let texts = blocks.map(|block| block.split("```").next().unwrap());
    let found = texts.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    let roles = found.filter(|value| value.get("role").is_some());
    roles.map(|role| bson::serialize_to_document(&role).unwrap()).collect()
}

/// A server with these roles, and three users of the database `waybill`; gives the URL of each.
async fn server() -> (Guarded, BTreeMap<&'static str, String>) {
    let server = Guarded::start().await;
    let mut names = Vec::new();
    for role in roles() {
        let name = role.get_str("role").unwrap().to_owned();
        let (privileges, roles) = (role.get("privileges").unwrap(), role.get("roles").unwrap());
        let command = doc! { "createRole": &name, "privileges": privileges, "roles": roles };
        server.command("waybill", command).await;
        names.push(name);
    }
    assert_eq!(names, ["waybillService", "waybillMigrate"]);
    let mut urls = BTreeMap::new();
    for (user, role) in [("api", &names[0]), ("worker", &names[0]), ("migrate", &names[1])] {
        let command = doc! { "createUser": user, "pwd": PASSWORD, "roles": [role] };
        server.command("waybill", command).await;
        urls.insert(user, server.url(user, IN_URL, "waybill"));
    }
    (server, urls)
}

fn on(run: Run, url: &str, parcelx: &str) -> Run {
    run.set("STORE__URL", url)
        .set("AUTH__JWT_SECRET", "a-key-of-this-test-and-of-nothing-else")
        .set("PARCELX__ACCESS_KEY", "the-key")
        .set("PARCELX__SECRET_KEY", "the-secret")
        .set("PARCELX__BASE_URL", parcelx)
}

fn command(folder: &Path, url: &str, args: &[&str]) -> Ended {
    let ended = on(Run::waybill(folder).args(args), url, "http://127.0.0.1:1").end();
    for secret in [PASSWORD, IN_URL] {
        assert!(!ended.err.contains(secret) && !ended.out.contains(secret), "{ended:?}");
    }
    ended
}

#[track_caller]
fn denied<T>(answer: Answer<T>) {
    let Err(error) = answer else { panic!("it was done") };
    let code = match error.kind.as_ref() {
        ErrorKind::Command(command) => command.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code, UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_booked_with_the_roles_that_the_guide_tells() {
    let (server, urls) = server().await;
    let folder = tempfile::tempdir().unwrap();

    // Nothing is ready yet, and this user may not make it.
    let early = command(folder.path(), &urls["api"], &["api"]);
    assert_eq!(early.status.code(), Some(1), "{early:?}");
    assert!(early.err.contains("the user lacks a role, see docs/operations.md"), "{early:?}");
    let migrated = command(folder.path(), &urls["migrate"], &["migrate"]);
    assert!(migrated.status.success(), "{migrated:?}");
    assert!(awb_index(&server).await);

    let simulator = Run::waybill(folder.path()).args(&["simulator", "--bind", "127.0.0.1:0"]);
    let mut simulator =
        simulator.set("PARCELX__ACCESS_KEY", "the-key").set("PARCELX__SECRET_KEY", "the-secret").start();
    let parcelx = simulator.url();
    let mut api = on(Run::waybill(folder.path()).args(&["api"]), &urls["api"], &parcelx).start();
    let mut worker = on(Run::new(WORKER, folder.path()), &urls["worker"], &parcelx).start();
    let token = command(folder.path(), &urls["api"], &["token", "--user", "u1"]);
    let web = Web::new(&api.url()).token(&token.out);
    let id = web.create(&order("A-1")).await;
    web.order_becomes(&id, "success").await;
    let (status, replay) = web.send(reqwest::Method::POST, "/orders/create", Some(&order("A-1"))).await;
    assert_eq!((status.as_u16(), replay["data"]["id"].as_str()), (200, Some(id.as_str())), "{replay}");
    worker.line(": worker on ");
    let doctor = command(folder.path(), &urls["api"], &["doctor"]);
    assert_eq!(doctor.status.code(), Some(0), "{doctor:?}");
    worker.stop();
    api.stop();
    simulator.stop();

    // An index that somebody has dropped: told to the one, and made by the start of the other.
    server.command("waybill", doc! { "dropIndexes": "orders", "index": "awb" }).await;
    let lacks = command(folder.path(), &urls["worker"], &["doctor"]);
    assert_eq!(lacks.status.code(), Some(1), "{lacks:?}");
    assert!(lacks.out.contains("1 missing (orders.awb)") && lacks.err.contains("lacks a role"), "{lacks:?}");
    let made = command(folder.path(), &urls["migrate"], &["migrate"]);
    assert!(made.status.success(), "{made:?}");
    assert!(awb_index(&server).await);
}

async fn awb_index(server: &Guarded) -> bool {
    let answer = server.command("waybill", doc! { "listIndexes": "orders" }).await;
    let batch = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap().clone();
    batch.iter().any(|index| index.as_document().unwrap().get_str("name").is_ok_and(|name| name == "awb"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_roles_do_not_let_users_do_more() {
    let (server, urls) = server().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(command(folder.path(), &urls["migrate"], &["migrate"]).status.success());
    for user in ["api", "worker", "migrate"] {
        let client = Client::with_uri_str(&urls[user]).await.unwrap();
        let database = client.database("waybill");
        let orders = database.collection::<Document>("orders");
        assert_eq!(orders.count_documents(doc! {}).await.unwrap(), 0, "{user}");
        denied(orders.drop().await);
        denied(database.drop().await);
        denied(client.database("other").collection::<Document>("orders").insert_one(doc! { "a": 1 }).await);
        denied(client.database("other").collection::<Document>("orders").find_one(doc! {}).await);
        denied(database.run_command(doc! { "usersInfo": 1 }).await);
        denied(database.run_command(doc! { "grantRolesToUser": user, "roles": ["readWrite"] }).await);
        if user != "migrate" {
            denied(orders.drop_index("awb").await);
        }
        client.shutdown().immediate(true).await;
    }
    assert!(awb_index(&server).await);

    let told = |url: &str| {
        let refused = command(folder.path(), url, &["doctor"]);
        assert_eq!((refused.status.code(), refused.out.as_str()), (Some(1), ""), "{refused:?}");
        refused.err
    };
    let other = server.url("api", "another", "waybill");
    assert!(told(&other).contains("the user's name or password is refused"));
    let (untrusted, _) = urls["api"].split_once("&tlsCAFile").unwrap();
    assert!(told(untrusted).contains("its TLS certificate is not trusted"));
}
