//! Typed confirmations: whoever books or cancels says what, and on which account.

use std::io::{IsTerminal, stdin};

use anyhow::bail;

/// Takes confirmations from the command line or, on a terminal, from whoever sits there.
pub(super) struct Confirmer {
    given: Vec<String>,
    terminal: bool,
}

impl Confirmer {
    /// `needed`: all that will be asked.
    ///
    /// # Errors
    /// When one is missing and nobody is there to type it.
    pub(super) fn new(given: Vec<String>, needed: &[String]) -> anyhow::Result<Self> {
        let terminal = stdin().is_terminal();
        let missing: Vec<_> = needed.iter().filter(|text| !given.contains(text)).collect();
        if !terminal && !missing.is_empty() {
            let flags: Vec<_> = missing.iter().map(|text| format!("--confirm '{text}'")).collect();
            bail!("nothing was sent: without a terminal it must be confirmed by {}", flags.join(" and "));
        }
        Ok(Self { given, terminal })
    }

    /// Goes on only with this very text.
    ///
    /// # Errors
    /// When something else was typed.
    pub(super) fn ask(&mut self, text: Option<&String>) -> anyhow::Result<()> {
        let Some(text) = text else { return Ok(()) };
        if self.given.contains(text) {
            return Ok(());
        }
        crate::cli::complain(&format!("This is a live call. To make it, type: {text}"));
        let mut typed = String::new();
        if self.terminal {
            stdin().read_line(&mut typed)?;
        }
        if typed.trim() == text { Ok(()) } else { bail!("not confirmed: the call was not made") }
    }
}
