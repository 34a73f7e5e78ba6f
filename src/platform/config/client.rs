//! What a program that calls another instance takes from the environment: secrets, which are never arguments.

use secrecy::SecretString;

/// The secret in this variable; nothing when it is not set, or blank.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "settings and the environment are read here")]
pub fn secret_variable(name: &str) -> Option<SecretString> {
    filled(std::env::var(name).ok()?)
}

fn filled(text: String) -> Option<SecretString> {
    (!text.trim().is_empty()).then(|| SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_variable_is_none() {
        assert!(filled("wbk_x".to_owned()).is_some() && filled(" \n".to_owned()).is_none());
        assert!(secret_variable("WAYBILL_OF_NOBODY").is_none());
    }
}
