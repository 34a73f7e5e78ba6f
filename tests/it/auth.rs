//! Tokens: every known way to be taken in by one.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::FromRef, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, header};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};
use waybill::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        auth::{Asked, Authenticator, Claims, Credential, Gate, Merchant, Refusal, TokenError, Tokens},
        http::{
            Kind, Proxies,
            limits::{Limiter, Quotas},
        },
    },
};

use crate::http::{Answer, edge, send};

const SECRET: &str = "a-secret-of-at-least-thirty-two-bytes!";
const NOW: i64 = 1_763_687_100;

fn clock() -> Clock {
    Clock::manual(Timestamp::from_millis(NOW * 1000 + 500))
}

fn tokens(clock: &Clock) -> Tokens {
    Tokens::new(&SecretString::from(SECRET), clock.clone())
}

fn part(v: &Value) -> String {
    URL_SAFE_NO_PAD.encode(v.to_string())
}

/// A token made by hand: any header, any claims, any key.
fn signed(header: &Value, claims: &Value, key: &[u8]) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(&message).finalize().into_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn head() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

fn claims() -> Value {
    json!({
        "iss": "waybill", "aud": "waybill-api", "sub": "user-7", "role": "merchant",
        "iat": NOW, "nbf": NOW, "exp": NOW + 3600
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut all = claims();
    all[name] = value;
    all
}

fn verify(token: &str) -> Result<Claims, TokenError> {
    tokens(&clock()).verify(token)
}

fn of(claims: &Value) -> Result<Claims, TokenError> {
    verify(&signed(&head(), claims, SECRET.as_bytes()))
}

/// A session that is named by halves could be ended by nobody.
#[test]
fn a_person_is_named_whole_or_not_at_all() {
    let all = [("usr", "usr_1"), ("sid", "ses_1"), ("member", "staff")];
    let mut whole = claims();
    all.iter().for_each(|(name, value)| whole[name] = json!(value));
    let person = of(&whole).unwrap().person.unwrap();
    assert_eq!((&*person.user, &*person.session, &*person.role), ("usr_1", "ses_1", "staff"));
    for (name, _) in all {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(name);
        assert_eq!(of(&part), Err(TokenError::Invalid), "without {name}");
    }
    let mut nobody = claims();
    all.iter().for_each(|(name, _)| nobody[name] = Value::Null);
    assert_eq!(of(&nobody).unwrap().person, None, "null is absent");
    let clock = clock();
    let token = tokens(&clock).issue_to("shop", ("usr_1", "ses_1", "owner"), Duration::from_secs(900));
    let claims = tokens(&clock).verify(&token.unwrap()).unwrap();
    assert_eq!((&*claims.user_id, &*claims.person.unwrap().role), ("shop", "owner"));
}

#[test]
fn issued_tokens_verify_until_they_expire() {
    let clock = clock();
    let tokens = tokens(&clock);
    let token = tokens.issue("user-7", Duration::from_secs(60)).unwrap();
    assert_eq!(tokens.verify(&token), Ok(Claims { user_id: "user-7".into(), person: None }));
    clock.advance(Duration::from_secs(60 + 29));
    assert!(tokens.verify(&token).is_ok(), "within the leeway");
    clock.advance(Duration::from_secs(1));
    assert_eq!(tokens.verify(&token), Err(TokenError::Expired));
    for bad in ["", "  ", "a\nb", &"x".repeat(129)] {
        assert!(tokens.issue(bad, Duration::from_secs(60)).is_err());
    }
}

#[test]
fn the_token_made_by_hand_is_good() {
    assert_eq!(of(&claims()).unwrap().user_id, "user-7");
    assert!(of(&with("aud", json!(["other", "waybill-api"]))).is_ok());
    assert!(of(&with("sub", json!("उपयोगकर्ता".repeat(10)))).is_ok(), "128 characters, not bytes");
}

#[test]
fn keys_and_algorithms_are_the_servers_choice() {
    let good = claims();
    let key = SECRET.as_bytes();
    for other in
        [&b"another-secret-of-at-least-32-bytes!!"[..], b"", b"a-secret-of-at-least-thirty-two-bytes"]
    {
        assert_eq!(verify(&signed(&head(), &good, other)), Err(TokenError::Invalid));
    }
    for alg in ["none", "None", "NONE", "nOnE", "", "RS256", "ES256", "HS384", "HS512", "EdDSA", "hs256"] {
        let header = json!({ "alg": alg, "typ": "JWT" });
        assert_eq!(verify(&signed(&header, &good, key)), Err(TokenError::Invalid), "{alg}");
        assert_eq!(
            verify(&format!("{}.{}.", part(&header), part(&good))),
            Err(TokenError::Invalid),
            "{alg} unsigned"
        );
    }
    let message = format!("{}.{}", part(&json!({ "alg": "HS512" })), part(&good));
    let mac = Hmac::<Sha512>::new_from_slice(key).unwrap().chain_update(&message).finalize().into_bytes();
    assert_eq!(verify(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))), Err(TokenError::Invalid));
    assert_eq!(
        verify(&signed(&json!({ "typ": "JWT" }), &good, key)),
        Err(TokenError::Invalid),
        "no algorithm at all"
    );
}

#[test]
fn headers_that_name_keys_change_nothing() {
    let attacker = b"the-key-the-attacker-brought-along!!!";
    for extra in [
        json!({ "kid": "../../dev/null" }),
        json!({ "kid": "' OR 1=1 --" }),
        json!({ "jku": "http://127.0.0.1:1/keys" }),
        json!({ "x5u": "http://127.0.0.1:1/cert" }),
        json!({ "jwk": { "kty": "oct", "k": URL_SAFE_NO_PAD.encode(attacker), "alg": "HS256" } }),
    ] {
        let mut header = head();
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(verify(&signed(&header, &claims(), attacker)), Err(TokenError::Invalid), "{extra}");
        assert!(verify(&signed(&header, &claims(), SECRET.as_bytes())).is_ok(), "{extra} is ignored");
    }
    for extra in [json!({ "crit": ["b64"], "b64": false }), json!({ "crit": [] }), json!({ "typ": "at+jwt" })]
    {
        let mut header = head();
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(
            verify(&signed(&header, &claims(), SECRET.as_bytes())),
            Err(TokenError::Invalid),
            "{extra}"
        );
    }
}

#[test]
fn each_claim_must_be_there_and_have_its_type() {
    for name in ["iss", "aud", "sub", "role", "iat", "nbf", "exp"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(name);
        let refused = (name != "iat").then_some(TokenError::Invalid);
        assert_eq!(of(&without).err(), refused, "without {name}");
        assert_eq!(of(&with(name, Value::Null)).err(), refused, "{name}: null is absent");
        for wrong in [json!({}), json!(true), json!([]), json!("")] {
            assert_eq!(of(&with(name, wrong.clone())), Err(TokenError::Invalid), "{name}: {wrong}");
        }
    }
    for name in ["iat", "nbf", "exp"] {
        assert_eq!(
            of(&with(name, json!((NOW + 10).to_string()))),
            Err(TokenError::Invalid),
            "{name} as a text"
        );
    }
    for (name, wrong) in [
        ("iss", json!("waybill.example")),
        ("iss", json!(["waybill"])),
        ("aud", json!("waybill-admin")),
        ("aud", json!(["waybill-admin"])),
        ("role", json!("Merchant")),
        ("role", json!("root")),
        ("sub", json!(7)),
        ("sub", json!("   ")),
        ("sub", json!("a\u{0}b")),
        ("sub", json!("a\r\nb")),
        ("sub", json!("x".repeat(129))),
    ] {
        assert_eq!(of(&with(name, wrong.clone())), Err(TokenError::Invalid), "{name}: {wrong}");
    }
    let twice = claims().to_string().replacen('{', "{\"sub\":\"somebody-else\",", 1);
    let message = format!("{}.{}", part(&head()), URL_SAFE_NO_PAD.encode(twice));
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())
        .unwrap()
        .chain_update(&message)
        .finalize()
        .into_bytes();
    assert_eq!(
        verify(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))),
        Err(TokenError::Invalid),
        "a claim given twice"
    );
}

#[test]
fn times_are_judged_by_our_clock_with_half_a_minute_of_leeway() {
    for (name, at, expected) in [
        ("exp", NOW - 29, None),
        ("exp", NOW - 30, Some(TokenError::Expired)),
        ("exp", 0, Some(TokenError::Expired)),
        ("exp", -1, Some(TokenError::Expired)),
        ("exp", i64::MIN, Some(TokenError::Expired)),
        ("exp", i64::MAX, None),
        ("nbf", NOW + 30, None),
        ("nbf", NOW + 31, Some(TokenError::NotYetValid)),
        ("nbf", i64::MAX, Some(TokenError::NotYetValid)),
        ("iat", NOW + 30, None),
        ("iat", NOW + 31, Some(TokenError::NotYetValid)),
    ] {
        assert_eq!(of(&with(name, json!(at))).err(), expected, "{name} {}", at.saturating_sub(NOW));
    }
}

/// `Date.now() / 1000` is what many write, and the standard allows it.
#[test]
fn times_may_have_fractions_which_are_cut_off() {
    let later = |seconds: f64| json!(1_763_687_100.0 + seconds);
    for (name, at, expected) in [
        ("exp", later(600.25), None),
        ("exp", later(-29.01), Some(TokenError::Expired)),
        ("exp", later(-28.99), None),
        ("exp", json!(1e300), None),
        ("exp", json!(-1e300), Some(TokenError::Expired)),
        ("nbf", later(30.9), None),
        ("nbf", later(31.1), Some(TokenError::NotYetValid)),
        ("iat", later(0.123), None),
        ("iat", later(31.1), Some(TokenError::NotYetValid)),
        ("exp", json!(u64::MAX), None),
    ] {
        assert_eq!(of(&with(name, at.clone())).err(), expected, "{name} {at}");
    }
}

#[test]
fn garbage_is_refused() {
    let good = signed(&head(), &claims(), SECRET.as_bytes());
    let (message, signature) = good.rsplit_once('.').unwrap();
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{message}."),
        message.to_owned(),
        format!("{message}.{signature}="),
        format!("{message}.{}", signature.split_at(20).0),
        format!(" {good}"),
        format!("{good}\n"),
        good.replacen('.', "..", 1),
        "é.é.é".into(),
        format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode("[]"), part(&claims())),
        signed(&head(), &json!([]), SECRET.as_bytes()),
        signed(&head(), &json!(null), SECRET.as_bytes()),
    ] {
        assert_eq!(verify(&bad), Err(TokenError::Invalid), "{bad}");
    }
    let long = signed(&head(), &with("note", json!("x".repeat(4000))), SECRET.as_bytes());
    assert_eq!(verify(&long), Err(TokenError::Invalid), "larger than 4 KiB, though well signed");
    assert!(of(&with("note", json!("x".repeat(2000)))).is_ok());
}

/// Lets every token pass.
#[derive(Debug)]
struct Open;

#[async_trait::async_trait]
impl Gate for Open {
    fn is_key(&self, text: &str) -> bool {
        text.starts_with("wbk_")
    }

    async fn admit(
        &self,
        credential: Credential<'_>,
        asked: Asked<'_>,
        _extensions: &mut http::Extensions,
    ) -> Result<Merchant, Refusal> {
        assert_eq!((asked.method, asked.route), ("GET", "/me"));
        match credential {
            Credential::Token(claims) => Ok(Merchant { user_id: claims.user_id }),
            Credential::Key(_) => Err(Refusal::Invalid("The API key is unknown.")),
        }
    }
}

#[derive(Clone)]
struct State(Authenticator);

impl FromRef<State> for Authenticator {
    fn from_ref(state: &State) -> Self {
        state.0.clone()
    }
}

async fn ask(authorization: &[&str]) -> Answer {
    let authenticator = Authenticator::new(
        tokens(&clock()),
        Arc::new(Open),
        Limiter::new(Quotas::default(), clock()),
        Proxies::default(),
    );
    let router =
        Router::new().route("/me", get(async |m: Merchant| m.user_id)).with_state(State(authenticator));
    let mut request = Request::get("/me");
    for value in authorization {
        request = request.header(header::AUTHORIZATION, *value);
    }
    send(&edge(router), request.body(axum::body::Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_merchant_is_let_in() {
    let token = signed(&head(), &claims(), SECRET.as_bytes());
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer "] {
        let a = ask(&[&format!("{scheme} {token}")]).await;
        assert_eq!((a.status.as_u16(), a.text()), (200, "user-7"), "{scheme}");
    }
}

#[tokio::test]
async fn strangers_are_told_what_is_missing_and_no_more() {
    for none in [&[][..], &["Basic dXNlcjpwYXNz"], &["Bearer"], &[""]] {
        let a = ask(none).await;
        a.problem(Kind::Unauthenticated);
        assert_eq!(a.header("www-authenticate"), "Bearer realm=\"waybill\"", "{none:?}");
    }
    let good = format!("Bearer {}", signed(&head(), &claims(), SECRET.as_bytes()));
    let other = format!("Bearer {}", signed(&head(), &claims(), b"another"));
    let rs256 = format!("Bearer {}", signed(&json!({ "alg": "RS256" }), &claims(), SECRET.as_bytes()));
    let old = format!("Bearer {}", signed(&head(), &with("exp", json!(1)), SECRET.as_bytes()));
    let mut texts = Vec::new();
    for bad in
        [&[other.as_str()][..], &[&rs256], &["Bearer garbage"], &[&old], &[&good, &good], &[&good, &other]]
    {
        let a = ask(bad).await;
        let body = a.problem(Kind::Unauthenticated);
        assert_eq!(
            a.header("www-authenticate"),
            "Bearer realm=\"waybill\", error=\"invalid_token\"",
            "{bad:?}"
        );
        texts.push(body["detail"].as_str().unwrap().to_owned());
    }
    assert_eq!(texts[0], texts[1], "a wrong key and a wrong algorithm look alike");
    assert_eq!(texts[0], texts[2]);
    assert!(
        texts.iter().all(|t| !t.contains("HS256") && !t.contains("signature") && !t.contains("algorithm")),
        "{texts:?}"
    );
}

/// Each would be a merchant of its own beside the one that it looks like. Where another issuer has made it
/// so, orders stand under it.
#[test]
fn no_token_is_made_for_a_subject_that_looks_like_another() {
    for sub in [" user-7", "user-7 ", "\u{a0}user-7", "user-7\u{200b}", "\u{feff}user-7", "user\u{2060}-7"] {
        assert!(tokens(&clock()).issue(sub, Duration::from_secs(60)).is_err(), "{sub:?}");
        assert_eq!(of(&with("sub", json!(sub))).unwrap().user_id, sub, "{sub:?}");
    }
    for sub in ["user 7", "shop/7", "दुकान 7"] {
        assert!(tokens(&clock()).issue(sub, Duration::from_secs(60)).is_ok(), "{sub}");
    }
}

#[tokio::test]
async fn no_token_is_an_operators() {
    for role in ["operator", "admin", "Merchant", ""] {
        let token = signed(&head(), &with("role", json!(role)), SECRET.as_bytes());
        ask(&[&format!("Bearer {token}")]).await.problem(Kind::Unauthenticated);
    }
}
