//! Confirmations that are typed on a terminal.

use std::path::Path;

use super::{
    Ended, Process, asked_for, calls, canaries, creates, double, left_behind, probe, probing, record, steps,
};
use crate::cli::terminal::{self, Keyboard};

/// A probe that somebody sits before.
fn begin(folder: &Path, url: &str, args: &[&str]) -> (Process, Keyboard) {
    let (keyboard, screen) = terminal::open();
    (probing(folder, url, args).reading(screen).start(), keyboard)
}

/// Types a line for each text once it is asked for, and lets the probe end.
fn typing(folder: &Path, url: &str, args: &[&str], lines: &[(&str, &str)]) -> Ended {
    let (mut probe, mut keyboard) = begin(folder, url, args);
    for (text, typed) in lines {
        probe.log(text);
        keyboard.line(typed);
    }
    probe.end()
}

#[track_caller]
fn not_confirmed(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.out.is_empty() && ended.err.contains("not confirmed: the call was not made"), "{ended:?}");
}

#[tokio::test]
async fn only_the_very_words_that_are_asked_for_book() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = double(folder.path());
    let file = folder.path().join("order.json");
    std::fs::write(&file, canaries().to_string()).unwrap();
    let args = ["create", file.to_str().unwrap(), "--twice"];
    let texts = asked_for(&probe(folder.path(), &url, &args));
    let (first, second) = (texts[0].as_str(), texts[1].as_str());

    for wrong in [
        "",
        "y",
        "yes",
        second,
        &first.to_uppercase(),
        &format!("{first}."),
        first.split('@').next().unwrap(),
    ] {
        not_confirmed(&typing(folder.path(), &url, &args, &[(first, wrong)]));
    }
    // Who typed the wrong thing is not asked again.
    let (mut probe, mut keyboard) = begin(folder.path(), &url, &args);
    probe.log(first);
    keyboard.line("no");
    keyboard.line(first);
    not_confirmed(&probe.end());
    assert_eq!(creates(&url).await, 0);

    let lines = record(&typing(folder.path(), &url, &args[..2], &[(first, first)]));
    assert_eq!(steps(&lines)[0], ("create", "booked"));
    assert_eq!(creates(&url).await, 1);

    // The first words are none for the second call.
    let ended = typing(folder.path(), &url, &args, &[(first, first), (second, first)]);
    assert!(!ended.status.success() && ended.err.contains("not confirmed"), "{ended:?}");
    assert_eq!(creates(&url).await, 2);
    record(&typing(folder.path(), &url, &args, &[(first, first), (second, second)]));
    assert_eq!(creates(&url).await, 4);
    double.stop();
}

#[tokio::test]
async fn the_end_of_the_input_books_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = double(folder.path());
    let file = folder.path().join("order.json");
    std::fs::write(&file, canaries().to_string()).unwrap();
    let args = ["create", file.to_str().unwrap()];
    let first = asked_for(&probe(folder.path(), &url, &args)).remove(0);

    let (mut asked, mut keyboard) = begin(folder.path(), &url, &args);
    asked.log(&first);
    keyboard.end();
    not_confirmed(&asked.end());
    // The terminal is gone.
    let (mut asked, keyboard) = begin(folder.path(), &url, &args);
    asked.log(&first);
    drop(keyboard);
    let ended = asked.end();
    assert!(ended.status.code() == Some(1) && ended.out.is_empty(), "{ended:?}");
    assert_eq!(creates(&url).await, 0);
    double.stop();
}

#[tokio::test]
async fn whoever_interrupts_the_second_question_leaves_nothing_of_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = double(folder.path());
    let file = folder.path().join("order.json");
    std::fs::write(&file, canaries().to_string()).unwrap();
    let args = ["create", file.to_str().unwrap(), "--twice"];
    let texts = asked_for(&probe(folder.path(), &url, &args));

    let (mut asked, mut keyboard) = begin(folder.path(), &url, &args);
    asked.log(&texts[0]);
    keyboard.line(&texts[0]);
    asked.log(&texts[1]);
    assert_eq!(left_behind(folder.path()), 1);
    asked.signal("INT");
    let ended = asked.end();
    assert!(
        ended.status.code() == Some(1) && ended.err.contains("interrupted: the call was not made"),
        "{ended:?}"
    );
    assert_eq!((left_behind(folder.path()), creates(&url).await), (0, 1));
    double.stop();
}

#[tokio::test]
async fn only_the_very_words_cancel() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = double(folder.path());
    let file = folder.path().join("order.json");
    std::fs::write(&file, canaries().to_string()).unwrap();
    let create = ["create", file.to_str().unwrap()];
    let book = asked_for(&probe(folder.path(), &url, &create)).remove(0);
    let lines = record(&typing(folder.path(), &url, &create, &[(&book, &book)]));
    let awb =
        lines[0]["call"]["outcome"]["responsePayload"]["data"]["awb_number"].as_str().unwrap().to_owned();

    let args = ["cancel", "--awb", &awb];
    let text = asked_for(&probe(folder.path(), &url, &args)).remove(0);
    for wrong in [awb.as_str(), "cancel", &book, &text.replace(&awb, "10000000000017")] {
        not_confirmed(&typing(folder.path(), &url, &args, &[(&text, wrong)]));
    }
    assert_eq!(calls(&url, "cancel").await, 0);
    let lines = record(&typing(folder.path(), &url, &args, &[(&text, &text)]));
    assert_eq!(steps(&lines)[0], ("cancel", "accepted"));
    assert_eq!(calls(&url, "cancel").await, 1);
    double.stop();
}
