//! What the passes over one body know together: its faults so far, and the places that are answered with a
//! stand-in.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use crate::platform::http::FieldError;

/// How many faults one answer lists.
pub(super) const MAX_FAULTS: usize = 100;

/// How many places all passes together may visit: a large body with many faults must not keep the processor
/// for long.
const MAX_VISITS: u32 = 300_000;

/// How many stand-ins a place may refuse before the walk gives up.
const MAX_REFUSALS: u8 = 3;

/// What the passes know together.
#[derive(Default)]
pub(super) struct Ctx {
    /// Place → how often a stand-in was refused there.
    stand_ins: RefCell<BTreeMap<String, u8>>,
    found: RefCell<BTreeSet<FieldError>>,
    more: Cell<bool>,
    visits: Cell<u32>,
    /// Values are texts that stand for numbers and booleans too, as in a query string.
    pub(super) texts: bool,
}

impl Ctx {
    pub(super) fn of_texts() -> Self {
        Self { texts: true, ..Self::default() }
    }

    pub(super) fn visit(&self) {
        self.visits.set(self.visits.get().saturating_add(1));
    }

    /// How often a stand-in for this place was refused; `None` when it needs none.
    pub(super) fn refusals(&self, at: &str) -> Option<u8> {
        self.stand_ins.borrow().get(at).copied()
    }

    pub(super) fn note(&self, fault: FieldError) {
        let mut found = self.found.borrow_mut();
        if found.len() <= MAX_FAULTS {
            found.insert(fault);
        } else if !found.contains(&fault) {
            self.more.set(true);
        }
    }

    /// Notes the error that ended a pass and puts a stand-in at its place. False when another pass would end
    /// there too.
    pub(super) fn remember(
        &self,
        pointer: String,
        code: impl Into<Cow<'static, str>>,
        detail: String,
    ) -> bool {
        let mut stand_ins = self.stand_ins.borrow_mut();
        let below_another = stand_ins.keys().any(|s| below(&pointer, s));
        let refusals = stand_ins.entry(pointer.clone()).and_modify(|n| *n += 1).or_insert(0);
        let go_on = *refusals <= MAX_REFUSALS;
        if *refusals == 0 && !below_another {
            self.note(FieldError::pointer(pointer, code, detail));
        }
        go_on
    }

    /// The places with a stand-in, the faults, and whether there are more than were noted.
    pub(super) fn into_parts(self) -> (BTreeSet<String>, Vec<FieldError>, bool) {
        (
            self.stand_ins.into_inner().into_keys().collect(),
            self.found.into_inner().into_iter().collect(),
            self.more.get(),
        )
    }

    pub(super) fn spent(&self) -> bool {
        self.visits.get() > MAX_VISITS || self.found.borrow().len() > MAX_FAULTS
    }
}

/// Whether `pointer` leads to a place inside `top`.
pub(super) fn below(pointer: &str, top: &str) -> bool {
    pointer.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}
