//! The default actor of manual actions in the audit log.

/// The user who runs this program, from the environment; `cli` if it names none.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "settings and the environment are read here")]
pub fn operator() -> String {
    first_name(["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok()))
}

fn first_name(names: impl Iterator<Item = String>) -> String {
    let clean = |name: String| {
        name.chars().filter(|c| !c.is_control()).take(64).collect::<String>().trim().to_owned()
    };
    names.map(clean).find(|name| !name.is_empty()).unwrap_or_else(|| "cli".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_that_is_not_blank_counts() {
        let of = |names: &[&str]| first_name(names.iter().map(|n| (*n).to_owned()));
        assert_eq!(of(&["asha", "root"]), "asha");
        assert_eq!(of(&[" ", "ro\not"]), "root");
        assert_eq!(of(&[]), "cli");
    }
}
