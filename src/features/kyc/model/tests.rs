use super::*;

fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

fn file(kind: DocumentKind, key: &str) -> StoredFile {
    StoredFile {
        kind,
        key: key.to_owned(),
        name: None,
        file_type: FileType::Pdf,
        size: 9,
        sha256: String::new(),
        uploaded_at: now(),
        uploaded_by: "usr_1".to_owned(),
    }
}

fn complete() -> Dossier {
    let mut dossier = Dossier::new("shop", now());
    let details = serde_json::json!({
        "legalName": "Asha Crafts", "businessKind": "individual", "pan": "ABCPE1234F",
        "bank": { "ifsc": "HDFC0000001", "accountNumber": "50100123451234" },
        "address": { "line1": "1", "city": "Pune", "state": "Maharashtra", "pincode": "411001" },
    });
    dossier.tell(serde_json::from_value(details).unwrap(), "usr_1", now()).unwrap();
    for kind in DocumentKind::ALL {
        upload(&mut dossier, kind, kind.as_str()).unwrap();
    }
    dossier
}

fn upload(dossier: &mut Dossier, kind: DocumentKind, key: &str) -> Result<Option<String>, StepError> {
    dossier.begin_upload(kind, key, now())?;
    dossier.end_upload(file(kind, key), now())
}

#[test]
fn words_are_those_of_the_api() {
    for state in KycState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for kind in DocumentKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(DocumentKind::of_str(kind.as_str()), Some(kind));
    }
}

/// Each state × each step.
#[test]
fn only_steps_of_the_table_are_taken() {
    type Try = fn(&mut Dossier) -> Result<(), StepError>;
    let steps: [(&str, Try); 6] = [
        ("tell", |d| d.tell(d.details.clone(), "usr_1", now())),
        ("upload", |d| upload(d, DocumentKind::PanCard, "new").map(|_| ())),
        ("erase", |d| d.begin_erase(DocumentKind::PanCard, "usr_1", now()).map(|_| ())),
        ("submit", |d| d.submit("usr_1", now())),
        ("approve", |d| d.decide(Verdict::Approved, "fits", "desk", now())),
        ("reject", |d| d.decide(Verdict::Rejected, "blurred", "desk", now())),
    ];
    for state in KycState::ALL {
        for (name, step) in steps {
            let mut dossier = Dossier { state, ..complete() };
            let before = serde_json::to_value(&dossier).unwrap();
            let taken = step(&mut dossier);
            let next = match (state, name) {
                (KycState::Draft | KycState::Rejected, "tell" | "upload" | "erase") => Some(KycState::Draft),
                (KycState::Draft | KycState::Rejected, "submit") => Some(KycState::Submitted),
                (KycState::Submitted, "approve") => Some(KycState::Approved),
                (KycState::Submitted | KycState::Approved, "reject") => Some(KycState::Rejected),
                _ => None,
            };
            assert_eq!(taken.is_ok().then_some(dossier.state), next, "{name} of {state:?}");
            if taken.is_err() {
                assert_eq!(serde_json::to_value(&dossier).unwrap(), before, "{name} of {state:?}");
            }
        }
    }
}

#[test]
fn a_submission_names_all_that_is_missing() {
    let mut dossier = Dossier::new("shop", now());
    let Err(StepError::Incomplete { fields, documents }) = dossier.submit("usr_1", now()) else { panic!() };
    assert_eq!(fields, ["/legalName", "/businessKind", "/pan", "/gstin", "/bank", "/address"]);
    assert_eq!(documents, DocumentKind::ALL);
    // Who sells as a person needs no registration, and who has one proves it.
    let mut person = complete();
    person.begin_erase(DocumentKind::GstCertificate, "usr_1", now()).unwrap();
    assert_eq!(person.submit("usr_1", now()), Ok(()));
    let mut registered = complete();
    registered.begin_erase(DocumentKind::GstCertificate, "usr_1", now()).unwrap();
    registered.details.gstin = serde_json::from_value("27AAPFU0939F1ZV".into()).unwrap();
    let documents = vec![DocumentKind::GstCertificate];
    let missing = StepError::Incomplete { fields: Vec::new(), documents };
    assert_eq!(registered.submit("usr_1", now()), Err(missing));
}

#[test]
fn a_file_is_known_from_before_it_is_written_until_it_is_gone() {
    let mut dossier = Dossier::new("shop", now());
    dossier.begin_upload(DocumentKind::PanCard, "a", now()).unwrap();
    assert_eq!(dossier.due(now()), []);
    assert_eq!(dossier.leftover_at, Some(now() + ABANDONED_AFTER));
    assert_eq!(dossier.due(now() + ABANDONED_AFTER)[0].key, "a", "its process died");
    assert_eq!(dossier.end_upload(file(DocumentKind::PanCard, "a"), now()).unwrap(), None);
    assert_eq!((dossier.leftovers.len(), dossier.leftover_at), (0, None));
    dossier.begin_upload(DocumentKind::PanCard, "b", now()).unwrap();
    assert_eq!(dossier.end_upload(file(DocumentKind::PanCard, "b"), now()).unwrap().as_deref(), Some("a"));
    assert_eq!(dossier.due(now())[0].key, "a");
    assert!(dossier.erased("a") && !dossier.erased("a"));
    assert!(dossier.begin_erase(DocumentKind::PanCard, "usr_1", now()).unwrap());
    assert!(!dossier.begin_erase(DocumentKind::PanCard, "usr_1", now()).unwrap());
    assert_eq!((dossier.documents.len(), dossier.due(now())[0].key.as_str()), (0, "b"));
}

#[test]
fn steps_are_kept_and_bounded_and_nothing_personal_is_printed() {
    let mut dossier = complete();
    dossier.submit("usr_1", now()).unwrap();
    dossier.decide(Verdict::Rejected, "the cheque is blurred", "ravi", now()).unwrap();
    let last = dossier.history.last().unwrap();
    assert_eq!((last.what.as_str(), last.by.as_str()), ("rejected", "ravi"));
    assert_eq!(last.reason.as_deref(), Some("the cheque is blurred"));
    for _ in 0..2 * MOST_STEPS {
        dossier.tell(dossier.details.clone(), "usr_1", now()).unwrap();
    }
    assert_eq!(dossier.history.len(), MOST_STEPS);
    assert_eq!(dossier.reason.as_deref(), Some("the cheque is blurred"), "to be read while it is mended");
    let printed = format!("{dossier:?}");
    for secret in ["Asha", "ABCPE1234F", "50100123451234", "411001"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

/// From every state, and again.
#[test]
fn a_dossier_is_emptied_whatever_state_it_is_in_and_its_files_stay_noted_until_they_are_gone() {
    for state in KycState::ALL {
        let mut dossier = Dossier { state, reason: Some("of Asha".to_owned()), ..complete() };
        dossier.note("rejected".to_owned(), "ravi", Some("Asha's cheque"), now());
        dossier.extra.insert("later".to_owned(), "of Asha, too".into());
        dossier.leftovers.push(Leftover {
            kind: DocumentKind::PanCard,
            key: "written".to_owned(),
            due_at: now() + ABANDONED_AFTER,
        });
        assert!(dossier.forget("desk", now()) && !dossier.forget("desk", now()));
        assert_eq!(
            (dossier.state, dossier.documents.len(), dossier.reason.clone()),
            (KycState::Draft, 0, None)
        );
        assert_eq!((dossier.due(now()).len(), dossier.leftover_at), (5, Some(now())), "{state:?}");
        let last = dossier.history.last().unwrap();
        assert_eq!((last.what.as_str(), last.by.as_str()), ("erased", "desk"));
        let stored = serde_json::to_string(&dossier).unwrap();
        for word in ["Asha", "ABCPE1234F", "50100123451234", "411001"] {
            assert!(!stored.contains(word), "{word}: {stored}");
        }
        // Whoever was uploading at that moment is too late.
        for key in dossier.due(now()) {
            dossier.erased(&key.key);
        }
        assert_eq!(dossier.end_upload(file(DocumentKind::PanCard, "written"), now()), Err(StepError::Erased));
        assert!(!dossier.holds_something() && dossier.leftovers.is_empty());
    }
    assert!(!Dossier::new("shop", now()).forget("desk", now()));
}
