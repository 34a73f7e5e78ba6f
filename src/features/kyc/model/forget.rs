//! All of a dossier is erased on request, whatever state it is in: no step of the merchant's, nor a decision.

use super::{Details, Dossier, KycState, Leftover, Timestamp};

impl Dossier {
    /// Whether there is anything in it that somebody told, uploaded or wrote.
    #[must_use]
    pub fn holds_something(&self) -> bool {
        let said = self.reason.is_some() || self.history.iter().any(|step| step.reason.is_some());
        let told = self.details != Details::default() || !self.extra.is_empty();
        told || said || !self.documents.is_empty() || self.state != KycState::Draft
    }

    /// Empties it: an empty draft with its steps is left, and notes of all its files, which are to be erased
    /// now, also those that are being written. `false`: it was empty.
    pub fn forget(&mut self, by: &str, now: Timestamp) -> bool {
        let held = self.holds_something();
        let being_written = self.leftovers.iter().any(|leftover| leftover.due_at > now);
        if !held && !being_written {
            return false;
        }
        let files = std::mem::take(&mut self.documents).into_iter();
        self.leftovers.extend(files.map(|file| Leftover { kind: file.kind, key: file.key, due_at: now }));
        self.leftovers.iter_mut().for_each(|leftover| leftover.due_at = leftover.due_at.min(now));
        (self.details, self.reason) = (Details::default(), None);
        (self.state, self.since) = (KycState::Draft, now);
        self.history.iter_mut().for_each(|step| step.reason = None);
        self.extra.clear();
        if held {
            self.note("erased".to_owned(), by, None, now);
        }
        self.derive();
        true
    }
}
