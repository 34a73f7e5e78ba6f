//! How stored indexes stand beside the declared ones: looked at, never changed.

/// What a look found, each index as `collection.name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// How many are declared.
    pub declared: usize,
    /// Declared, and not there.
    pub missing: Vec<String>,
    /// There, and not as declared.
    pub changed: Vec<String>,
    /// There, and declared by nobody.
    pub foreign: Vec<String>,
    /// The same, and unique: such an index refuses documents.
    pub foreign_unique: Vec<String>,
}

impl IndexReport {
    /// Adds what was found of further collections.
    pub fn add(&mut self, other: Self) {
        let Self { declared, missing, changed, foreign, foreign_unique } = other;
        self.declared += declared;
        self.missing.extend(missing);
        self.changed.extend(changed);
        self.foreign.extend(foreign);
        self.foreign_unique.extend(foreign_unique);
    }
}
