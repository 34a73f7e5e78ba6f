//! The integration tests: one binary, in the order of the parts.

#[cfg(test)]
mod store;
